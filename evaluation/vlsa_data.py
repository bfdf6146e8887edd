"""What VLSA is measured on: sets of posters, sets of photographs, and folders of any images."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation.environment import ROOT
from pipelines.errors import UserError

# name -> (variable of the environment, folder in the repository, command that makes it)
NAMED = {
    "held-out": (
        "POSTERS_HELD_OUT",
        ".cache/posters-held-out",
        "python -m training.data.dataset --n 512 --seed 2 --split test --out {folder}",
    ),
    "held-out-photos": (
        "PHOTOS_HELD_OUT",
        ".cache/photos-held-out",
        "python -m training.data.photos --n 200 --seed 4 --split test --out {folder} --sources .cache/photo-sources",
    ),
}
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"))


@dataclass(frozen=True, eq=False)
class Sample:
    """One image that is measured.

    Attributes:
        name: unique in its set and usable as the name of a file.
        source: (H, W, 3) uint8, or the path of an image file.
        record: what is known of a poster (`training.data.dataset.Poster.record`), else None.
        phrase: what a photograph shows, else "".
        plain: a photograph with nothing drawn into it, so that its phrase is all there is to know.
    """

    name: str
    source: np.ndarray | Path
    record: Mapping[str, Any] | None = None
    phrase: str = ""
    plain: bool = False

    @cached_property
    def image(self) -> Image.Image | Path:
        """An RGB image, or the path, which the pipeline opens by its own rules."""
        return self.source if isinstance(self.source, Path) else Image.fromarray(np.asarray(self.source))


def folder_of(data: str) -> Path:
    """The folder of a set given by name or as a folder.

    Raises:
        UserError: it is not there; the message says how to make it.
    """
    if data not in NAMED:
        if not Path(data).is_dir():
            raise UserError(f"The data folder {data} is not there; give a folder or one of {', '.join(NAMED)}.")
        return Path(data)
    variable, default, command = NAMED[data]
    folder = Path(os.environ.get(variable) or ROOT / default)
    if not folder.is_dir():
        raise UserError(f"There is no {data} set in {folder}; make it with: {command.format(folder=folder)}")
    return folder


def read_set(data: str, limit: int | None = None, seed: int = 0) -> list[Sample]:
    """Posters or photographs of a set, in its order.

    Args:
        data: name or folder; posters have a layouts.jsonl there, photographs a photos.jsonl.
        limit: that many, drawn by `seed`; None for all.

    Raises:
        UserError: no such folder, or it holds neither.
    """
    from training.data import dataset, photos

    folder = folder_of(data)
    try:
        if (folder / "photos.jsonl").is_file():
            images, records = photos.load(folder)
            return [
                Sample(f"photo-{i:04d}", images[i], phrase=records[i]["phrase"], plain=not records[i].get("objects"))
                for i in _chosen(len(records), limit, seed)
            ]
        images, records = dataset.load(folder)
    except (OSError, ValueError) as e:
        raise UserError(f"{folder} holds no finished set ({e}); make one with training.data.dataset.") from e
    return [Sample(f"poster-{i:04d}", images[i], records[i]) for i in _chosen(len(records), limit, seed)]


def read_images(folder: str | Path, limit: int | None = None, seed: int = 0) -> list[Sample]:
    """Image files of a folder and of those in it, by name.

    Raises:
        UserError: no such folder, or no image in it.
    """
    root = Path(folder)
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()) if root.is_dir() else []
    if not files:
        raise UserError(f"The folder {folder} holds no image; give one with {', '.join(sorted(SUFFIXES))} files.")
    return [Sample(f"image-{i:04d}-{files[i].stem[:40]}", files[i]) for i in _chosen(len(files), limit, seed)]


def _chosen(count: int, limit: int | None, seed: int) -> Sequence[int]:
    """Indices of `limit` of `count` things, drawn by the seed, in order."""
    if limit is None or limit >= count:
        return range(count)
    return sorted(random.Random(f"subset:{seed}").sample(range(count), limit))
