"""Real pictures 256 x 256 for the autoencoders and reconstruction: places, things and materials, some with drawings on.

Pictures come from the asset cache (materials, views of places) and, where given, from a folder of sources made by
`training.data.build_photos` (photographs and panoramas). A source is in one split only. A set is a folder with
images.npy (uint8, N x 256 x 256 x 3), photos.jsonl (one JSON object per image: index, phrase, source, licence,
objects) and dataset.json (its arguments). Picture i depends on (seed, split, i) and on the sources alone.

Usage: python -m training.data.photos --n 4000 --seed 3 --split train --out DIR [--sources DIR]
       python -m training.data.photos --files --sources DIR --out DIR    single held-out pictures for evaluation
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from training.data.assets import FREE_LICENCES, Assets
from training.data.scenes import drawable
from training.data.splits import SPLITS, Split, combination, in_split

SIZE = 256
LICENCES = frozenset((*FREE_LICENCES, "BSD-3-Clause", "public domain"))  # none asks for a notice beside a picture
# share of pictures; a group without sources leaves its share to the others
GROUPS = {"photo": 0.40, "place": 0.25, "portrait": 0.12, "material": 0.23}
SAME = {"sunrise-blender": "sunrise-pmndrs", "studio-blender": "studio-pmndrs"}  # the same panorama in two packages
SCALE = (0.35, 1.0)  # side of the crop over the shorter side of the picture
MIN_CROP = 112  # px; a crop of fewer would show little but blur
STRETCH = 1.25  # most by which a crop is wider than high, or higher than wide, before it becomes square
JITTER = 0.15  # most by which brightness, contrast and saturation change
WITH_OBJECTS = 0.2
MAX_OBJECTS = 4
FIELD = (55.0, 105.0)  # degrees, horizontal, of a view into a panorama
PITCH = 15.0  # degrees, largest, of a view into a panorama
VIEWS, VIEW_PX = 8, 384  # of a panorama, as single files


@dataclass(frozen=True)
class Picture:
    """A picture to take crops of.

    Attributes:
        phrase: what it shows, "a city street" or "wood".
        source: file or panorama that it comes from; all pictures of a source are in the same split.
        licence: one of LICENCES.
        group: key of GROUPS.
        crop: draws a random part of it, RGB, SIZE x SIZE.
    """

    phrase: str
    source: str
    licence: str
    group: str
    crop: Callable[[random.Random], Image.Image]


@dataclass(frozen=True)
class Photo:
    """One picture of the set: RGB, SIZE x SIZE, with its record (see the module)."""

    image: Image.Image
    phrase: str
    source: str
    licence: str
    objects: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        return {
            "phrase": self.phrase, "source": self.source, "licence": self.licence, "objects": list(self.objects),
        }  # fmt: skip


# ---- pictures


def cut(rng: random.Random, image: Image.Image) -> Image.Image:
    """A random part of an RGB image, at least MIN_CROP wide where the image is, stretched to SIZE x SIZE."""
    short = min(image.size)
    side = short * max(rng.uniform(*SCALE), min(1.0, MIN_CROP / short))
    aspect = STRETCH ** rng.uniform(-1, 1)
    w, h = min(side * aspect**0.5, image.width), min(side / aspect**0.5, image.height)
    x, y = rng.uniform(0, image.width - w), rng.uniform(0, image.height - h)
    return image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=(x, y, x + w, y + h))


def look(rng: random.Random, panorama: np.ndarray) -> Image.Image:
    """A random view into an equirectangular panorama (H, W, 3) uint8, SIZE x SIZE, at least MIN_CROP of its px wide."""
    from training.data.build_assets import perspective

    yaw, pitch = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(-PITCH, PITCH))
    field = rng.uniform(max(FIELD[0], 360 * MIN_CROP / panorama.shape[1]), FIELD[1])
    return perspective(panorama, yaw, float(pitch), float(np.deg2rad(field)), SIZE)


@lru_cache(64)
def _opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


@lru_cache(32)
def _panorama(path: Path) -> np.ndarray:
    return np.asarray(_opened(path))


def cached_pictures(assets: Assets, split: Split) -> list[Picture]:
    """Pictures of the asset cache in the split, by the rule that posters follow (`Assets.variants`).

    A source that is the same as another (SAME) counts as that one: it is not held out while training sees the other.
    """
    licences = [r["licence"] for r in json.loads((assets.path / "textures.json").read_text("utf-8"))]
    views = [(k, v, s, assets.view(k, v)) for k in assets.views for s in SPLITS for v in assets.variants(k, s)]
    own = {view.source: s for _, _, s, view in views}
    found = []
    for kind, variant, _, view in views:
        source = SAME.get(view.source, view.source)
        if own.get(source) == split:
            group = "place" if view.photo else "material"
            crop = partial(_cut_view, assets, kind, variant)
            found.append(Picture(kind, source, licences[view.index], group, crop))
    return found


def _cut_view(assets: Assets, kind: str, variant: int, rng: random.Random) -> Image.Image:
    return cut(rng, assets.texture(kind, variant))


def read_sources(folder: str | Path) -> list[dict[str, Any]]:
    """Records of sources.json: file, phrase, source, licence, group, panorama, package, version, path.

    Raises:
        FileNotFoundError: the folder holds no sources.json.
        ValueError: a licence that is not in LICENCES.
    """
    records = json.loads((Path(folder) / "sources.json").read_text("utf-8"))
    for r in records:
        if r["licence"] not in LICENCES:
            raise ValueError(f"{r['file']} is under {r['licence']}, which is not one of {', '.join(sorted(LICENCES))}.")
    return records


def cached_splits(assets: Assets) -> dict[str, Split]:
    """Source -> split of every picture of the asset cache."""
    return {p.source: s for s in SPLITS for p in cached_pictures(assets, s)}


def source_split(source: str, cached: dict[str, Split]) -> Split:
    """The split of a source: that of the cache where it knows the source, else by hash."""
    return cached.get(source) or ("train" if in_split("photo", source, "train") else "test")


def folder_pictures(folder: str | Path, split: Split, assets: Assets) -> list[Picture]:
    """Pictures of a folder of sources that are in the split.

    Raises:
        FileNotFoundError, ValueError: as `read_sources`.
    """
    cached = cached_splits(assets)
    found = []
    for r in read_sources(folder):
        if source_split(r["source"], cached) == split:
            crop = partial(_look_into if r["panorama"] else _cut_file, Path(folder) / r["file"])
            found.append(Picture(r["phrase"], r["source"], r["licence"], r["group"], crop))
    return found


def _cut_file(path: Path, rng: random.Random) -> Image.Image:
    return cut(rng, _opened(path))


def _look_into(path: Path, rng: random.Random) -> Image.Image:
    return look(rng, _panorama(path))


# ---- sampling


class Synthesiser:
    """Draws pictures of one split.

    Args:
        assets: the asset cache.
        sources: folder made by `training.data.build_photos`, or None for the cache alone.

    Raises:
        FileNotFoundError, ValueError: as `read_sources`; ValueError too when the split has no picture.
    """

    def __init__(self, assets: Assets, split: Split, sources: str | Path | None = None) -> None:
        self.assets, self.split = assets, split
        further = folder_pictures(sources, split, assets) if sources else []
        known = {p.source for p in further}
        pictures = further + [p for p in cached_pictures(assets, split) if p.source not in known]
        self.groups = {g: by_source(p for p in pictures if p.group == g) for g in GROUPS}
        self.groups = {g: sources for g, sources in self.groups.items() if sources}
        if not self.groups:
            raise ValueError(f"No picture is in the {split} split; add sources with `training.data.build_photos`.")
        self.names = [o.name for o in assets.objects.values() if drawable(o) and "3d" in o.styles]

    def sample(self, rng: random.Random) -> Photo:
        """A picture: its group, then a source, then a part of it, mirrored or not, with other light, and drawings."""
        group = rng.choices(list(self.groups), [GROUPS[g] for g in self.groups])[0]
        picture = rng.choice(rng.choice(self.groups[group]))
        image = picture.crop(rng)
        if rng.random() < 0.5:
            image = ImageOps.mirror(image)
        image = jittered(rng, image)
        objects = self._objects(rng) if self.names and rng.random() < WITH_OBJECTS else ()
        for name in objects:
            self._paste(rng, image, name)
        return Photo(image, picture.phrase, picture.source, picture.licence, objects)

    def _objects(self, rng: random.Random) -> tuple[str, ...]:
        """One to MAX_OBJECTS different objects whose combination belongs to the split; one always does."""
        names = rng.sample(self.names, min(rng.randint(1, MAX_OBJECTS), len(self.names)))
        while len(names) > 1 and not in_split("objects", combination(names), self.split):
            names.pop()
        return tuple(names)

    def _paste(self, rng: random.Random, image: Image.Image, name: str) -> None:
        """Draws an object in the 3d style on the image, wholly inside, its longer side 40-140 px."""
        drawing = self.assets.object_image(name, "3d")
        scale = rng.uniform(40, 140) / max(drawing.size)
        size = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
        drawing = drawing.resize(size, Image.Resampling.BICUBIC)
        place = rng.randint(0, SIZE - size[0]), rng.randint(0, SIZE - size[1])
        image.paste(drawing, place, drawing)


def by_source(pictures: Iterable[Picture]) -> list[list[Picture]]:
    """Pictures of each source together, so that a source with many is not drawn more often."""
    found: dict[str, list[Picture]] = {}
    for p in pictures:
        found.setdefault(p.source, []).append(p)
    return list(found.values())


def jittered(rng: random.Random, image: Image.Image) -> Image.Image:
    """Brightness, contrast and saturation each changed by a factor in [1 - JITTER, 1 + JITTER]."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(1 - JITTER, 1 + JITTER))
    return image


def rng_of(seed: int, split: Split, index: int) -> random.Random:
    """The random source of picture `index`."""
    return random.Random(f"photos:{split}:{seed}:{index}")


# ---- files


def generate(
    n: int,
    seed: int,
    split: Split,
    out_dir: str | Path,
    sources: str | Path | None = None,
    assets: str | Path | None = None,
) -> Path:
    """Makes a set of n pictures; an earlier one in the same folder is replaced.

    Args:
        out_dir: folder, created when absent.
        sources: folder of further sources, or None.
        assets: folder of the asset cache; None for the default.

    Raises:
        FileNotFoundError, ValueError: as `Synthesiser`.
    """
    synthesiser = Synthesiser(Assets(assets), split, sources)
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    finished = folder / "photos.jsonl"
    finished.unlink(missing_ok=True)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (n, SIZE, SIZE, 3))
    began, lines = time.monotonic(), []
    for i in range(n):
        photo = synthesiser.sample(rng_of(seed, split, i))
        images[i] = np.asarray(photo.image)
        lines.append(json.dumps({"index": i, **photo.record()}, ensure_ascii=False))
        if (i + 1) % 500 == 0:
            print(f"{i + 1} pictures, {(i + 1) / (time.monotonic() - began):.1f}/s", flush=True)
    images.flush()
    (folder / "dataset.json").write_text(json.dumps({"n": n, "seed": seed, "split": split}), "utf-8")
    finished.write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def load(folder: str | Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Images (N, 256, 256, 3) uint8, memory-mapped, and their records.

    Raises:
        FileNotFoundError: the folder holds no finished set.
    """
    folder = Path(folder)
    with (folder / "photos.jsonl").open(encoding="utf-8") as lines:
        return np.load(folder / "images.npy", mmap_mode="r"), [json.loads(line) for line in lines]


def write_files(sources: str | Path, out_dir: str | Path, assets: str | Path | None = None) -> list[dict[str, Any]]:
    """Copies every held-out picture of a folder of sources in its own size, panoramas as VIEWS views of VIEW_PX.

    Writes files.json beside them: file, phrase, source, licence, group. File names begin with the group.

    Raises:
        FileNotFoundError, ValueError: as `read_sources`.
    """
    from training.data.build_assets import perspective

    folder, cached = Path(out_dir), cached_splits(Assets(assets))
    folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    for r in read_sources(sources):
        if source_split(r["source"], cached) != "test":
            continue
        path, stem = Path(sources) / r["file"], f"{r['group']}-{Path(r['file']).stem.split('-', 1)[-1]}"
        if r["panorama"]:
            panorama = _panorama(path)
            names = [f"{stem}-{i}.png" for i in range(VIEWS)]
            for i, name in enumerate(names):
                perspective(panorama, 2 * np.pi * i / VIEWS, 0.1, np.deg2rad(90), VIEW_PX).save(folder / name)
        else:
            names = [f"{stem}-{path.stem.split('-')[0]}{path.suffix}"]
            shutil.copyfile(path, folder / names[0])
        found += [{"file": n, **{k: r[k] for k in ("phrase", "source", "licence", "group")}} for n in names]
    (folder / "files.json").write_text(json.dumps(found, indent=1), "utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a set of real pictures.")
    parser.add_argument("--n", type=int, default=4000, help="number of pictures")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--out", required=True, help="folder of the set")
    parser.add_argument("--sources", help="folder of further sources, made by training.data.build_photos")
    parser.add_argument("--assets", help="folder of the asset cache")
    parser.add_argument("--files", action="store_true", help="write single held-out pictures instead; needs --sources")
    args = parser.parse_args()
    if args.files and not args.sources:
        parser.error("--files copies pictures out of a folder of sources; name one with --sources")
    if args.files:
        print(f"{len(write_files(args.sources, args.out, args.assets))} pictures in {args.out}", flush=True)
        return
    generate(args.n, args.seed, args.split, args.out, args.sources, args.assets)


if __name__ == "__main__":
    main()
