"""Posters with prompts, one at a time or as a file of many.

A file set is a folder with images.npy (uint8, N x 256 x 256 x 3), layouts.jsonl (one JSON object per image) and
dataset.json (its arguments). Poster i depends on (seed, split, i) alone, whatever the number of workers.

Usage: python -m training.data.dataset --n 12000 --seed 1 --split train --out DIR --workers 2
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.types import Layout
from training.data import language, scenes
from training.data.assets import Assets
from training.data.splits import SPLITS, Split

SIZE = 256
CHUNK = 100  # posters per unit of work


@dataclass(frozen=True)
class Poster:
    """A poster and all that is known about it.

    Attributes:
        image: RGB, SIZE x SIZE.
        layout: its plan; elements in the order background, panel, then objects and texts as the prompt mentions them.
        prompt, caption: as in the layout.
        scene: kind of poster, a key of `scenes.KINDS`.
        groups: (canonical object, count), left to right or top to bottom.
        relation: "left" | "above" (first group of second), "row", or None.
        object_names: index in layout.elements -> canonical name of the object.
        background_phrase: names the background, whether the prompt mentions it or not.
    """

    image: Image.Image
    layout: Layout
    prompt: str
    caption: str
    scene: str
    groups: tuple[tuple[str, int], ...]
    relation: str | None
    object_names: dict[int, str]
    background_phrase: str = ""

    def record(self) -> dict[str, Any]:
        """All but the image, as JSON."""
        return {
            "layout": self.layout.to_dict(),
            "scene": self.scene,
            "groups": [list(g) for g in self.groups],
            "relation": self.relation,
            "object_names": {str(i): n for i, n in self.object_names.items()},
            "background_phrase": self.background_phrase,
        }


def plan(rng: random.Random, assets: Assets, split: Split = "train", kind: str | None = None) -> Poster:
    """A poster without its image (a blank one), for training what needs no pixels; see `sample`."""
    scene = scenes.compose(rng, assets, split, kind=kind)
    text = language.describe(scene, rng, assets, scenes.all_fonts(assets))
    layout = Layout(text.prompt, text.elements, text.caption)
    groups = tuple((g.name, len(g.elements)) for g in scene.groups)
    return Poster(
        Image.new("RGB", (1, 1)), layout, text.prompt, text.caption, scene.kind, groups, scene.relation,
        text.object_names, scene.background_phrase,
    )  # fmt: skip


def sample(rng: random.Random, assets: Assets, split: Split = "train", kind: str | None = None) -> Poster:
    """A poster with image, plan and prompt.

    Raises:
        RuntimeError: no layout found (see `scenes.compose`).
    """
    poster = plan(rng, assets, split, kind)
    return Poster(**{**vars(poster), "image": draw(poster.layout, assets, rng, poster.object_names)})


def draw(layout: Layout, assets: Assets, rng: random.Random, object_names: Mapping[int, str]) -> Image.Image:
    """The truth of a layout: RGB, SIZE x SIZE."""
    from training.data.render import render_truth

    return render_truth(layout, assets, rng, object_names, size=SIZE)


def rng_of(seed: int, split: Split, index: int) -> random.Random:
    """The random source of poster `index`."""
    return random.Random(f"{split}:{seed}:{index}")


# ---- files


def load(folder: str | Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Images (N, 256, 256, 3) uint8, memory-mapped, and their records.

    Raises:
        FileNotFoundError: the folder holds no finished data set.
    """
    folder = Path(folder)
    with (folder / "layouts.jsonl").open(encoding="utf-8") as lines:
        return np.load(folder / "images.npy", mmap_mode="r"), [json.loads(line) for line in lines]


def _open_images(path: Path, n: int) -> np.memmap:
    """The image file, created when absent.

    Raises:
        ValueError: it was made for another number of posters.
    """
    if not path.exists():
        return np.lib.format.open_memmap(path, "w+", np.uint8, (n, SIZE, SIZE, 3))
    images = np.lib.format.open_memmap(path, "r+")
    if images.shape != (n, SIZE, SIZE, 3):
        raise ValueError(f"{path} holds {images.shape[0]} posters, not {n}; choose another folder or delete it.")
    return images


_worker: dict[str, Any] = {}


def _start_worker(seed: int, split: Split, folder: Path, n: int, assets_path: str, kind: str = "posters") -> None:
    _worker.update(seed=seed, split=split, folder=folder, n=n, assets=Assets(assets_path), kind=kind)
    _worker["images"] = _open_images(folder / "images.npy", n)


def _make_chunk(start: int) -> int:
    """Makes posters start to start + CHUNK; the part file appears only once they are all stored."""
    from training.data.pages import page
    from training.data.shelves import shelf

    w, lines = _worker, []
    make = {"posters": sample, "pages": page, "shelves": shelf}[w["kind"]]
    for i in range(start, min(start + CHUNK, w["n"])):
        poster = make(rng_of(w["seed"], w["split"], i), w["assets"], w["split"])
        w["images"][i] = np.asarray(poster.image)
        lines.append(json.dumps({"index": i, **poster.record()}, ensure_ascii=False))
    w["images"].flush()
    part = _part(w["folder"], start)
    part.with_suffix(".tmp").write_text("\n".join(lines) + "\n", "utf-8")
    part.with_suffix(".tmp").rename(part)
    return len(lines)


def _part(folder: Path, start: int) -> Path:
    return folder / f"part-{start:07d}.jsonl"


def generate(
    n: int,
    seed: int,
    split: Split,
    out_dir: str | Path,
    workers: int = 1,
    assets: str | Path | None = None,
    kind: str = "posters",
) -> Path:
    """Makes a data set of n posters; what an earlier, interrupted call has finished is kept.

    Args:
        out_dir: folder, created when absent.
        workers: processes.
        assets: folder of the asset cache; None for the default.
        kind: "posters", "pages" of `training.data.pages`, or "shelves" of `training.data.shelves`.

    Raises:
        ValueError: the folder holds a data set made with other arguments.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    arguments = {"n": n, "seed": seed, "split": split, **({"kind": kind} if kind != "posters" else {})}
    note = folder / "dataset.json"
    if note.exists() and json.loads(note.read_text("utf-8")) != arguments:
        raise ValueError(f"{folder} holds a data set with other arguments than {arguments}; choose another folder.")
    note.write_text(json.dumps(arguments), "utf-8")
    if (folder / "layouts.jsonl").exists():
        return folder
    _open_images(folder / "images.npy", n)
    starts = range(0, n, CHUNK)
    todo = [s for s in starts if not _part(folder, s).exists()]
    _run(todo, workers, (seed, split, folder, n, str(Assets(assets).path), kind))
    _merge(folder, list(starts))
    return folder


def _run(todo: list[int], workers: int, arguments: tuple[Any, ...]) -> None:
    """Makes the chunks, in this process or in several, and reports the rate."""
    began, made = time.monotonic(), 0

    def report(count: int) -> None:
        nonlocal made
        made += count
        print(f"{made} posters, {made / (time.monotonic() - began):.1f}/s", flush=True)

    if workers <= 1:
        _start_worker(*arguments)
        for start in todo:
            report(_make_chunk(start))
        return
    with multiprocessing.get_context("spawn").Pool(workers, _start_worker, arguments) as pool:
        for count in pool.imap_unordered(_make_chunk, todo):
            report(count)


def _merge(folder: Path, starts: list[int]) -> None:
    """Joins the part files into layouts.jsonl, which marks the data set as finished."""
    parts = [_part(folder, s) for s in starts]
    whole = folder / "layouts.tmp"
    whole.write_text("".join(p.read_text("utf-8") for p in parts), "utf-8")
    whole.rename(folder / "layouts.jsonl")
    for p in parts:
        p.unlink()


def main(kind: str = "posters", seed: int = 1) -> None:
    """The command line of a kind of data set (see `generate`), whose seed is `seed` where none is given."""
    parser = argparse.ArgumentParser(description=f"Make a data set of {kind}.")
    parser.add_argument("--n", type=int, required=True, help=f"number of {kind}")
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--out", required=True, help="folder of the data set")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--assets", help="folder of the asset cache")
    args = parser.parse_args()
    generate(args.n, args.seed, args.split, args.out, args.workers, args.assets, kind)


if __name__ == "__main__":
    main()
