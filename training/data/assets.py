"""Read access to the asset cache: artwork of objects, textures, photographs, words and extra fonts.

The cache is made by `training.data.build_assets`. It holds objects.json + objects.bin (WebP), textures.json +
textures.npz (JPEG), words.json, fonts.json and fonts/*.ttf. Pictures are decoded when first needed and kept.
"""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.colours import RGB
from training.data.english import plural
from training.data.splits import Split, in_split

ROOT = Path(__file__).resolve().parents[2]
STYLES = ("3d", "flat", "mono")
MAX_VIEWS = 16  # the variant of a background chooses one of at most this many views
FREE_LICENCES = ("CC0-1.0", "MIT", "Apache-2.0")  # what needs attribution beside the picture is left out
# sources whose exposure is broken or whose label misleads, and single views with a burnt sun
FLAWED_SOURCES = frozenset(
    ("hall-pmndrs", "workshop-pmndrs", "esplanade-pmndrs", "courtyard-blender", "night-pmndrs", "night-blender")
)
FLAWED_VIEWS = {"park-pmndrs": (3, 4), "sunrise-pmndrs": (3, 4), "sunrise-blender": (4, 5)}


@dataclass(frozen=True)
class Artwork:
    """One drawing of an object inside objects.bin.

    Attributes:
        offset, length: where its WebP lies, in bytes.
        colour: name of its main colour, or None for a silhouette.
        share: share of its opaque pixels in that colour, [0, 1].
        edge: mean colour of its rim, which decides whether it stands out from a background.
    """

    offset: int
    length: int
    colour: str | None
    share: float
    edge: RGB


@dataclass(frozen=True)
class ObjectInfo:
    """A drawable object.

    Attributes:
        name: canonical English name, singular unless `mass`.
        aliases: other names people use.
        group, sub: broad and fine category ("food & drink", "sweets & candy").
        tags: related words.
        mass: used without an article and not counted ("musical notes").
        lettered: its artwork shows letters, so it is never drawn in a poster.
        styles: drawings by style.
    """

    name: str
    aliases: tuple[str, ...]
    group: str
    sub: str
    tags: tuple[str, ...]
    mass: bool
    lettered: bool
    styles: dict[str, Artwork]

    @property
    def plural(self) -> str:
        return self.name if self.mass else plural(self.name)


@dataclass(frozen=True)
class View:
    """One texture or photograph: `index` in the store, source file, mean colour, and whether posters avoid it."""

    index: int
    kind: str
    source: str
    photo: bool
    mean: RGB
    flawed: bool = False


def default_path() -> Path:
    """Folder of the cache: POSTER_ASSETS, else .cache/poster-assets in the repository."""
    return Path(os.environ.get("POSTER_ASSETS") or ROOT / ".cache" / "poster-assets")


class Assets:
    """The asset cache.

    Args:
        path: folder of the cache; None for `default_path()`.

    Raises:
        FileNotFoundError: the folder holds no cache.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(path) if path else default_path()
        if not (self.path / "objects.json").is_file():
            raise FileNotFoundError(
                f"No poster assets in {self.path}; build them with `python -m training.data.build_assets` "
                "or point POSTER_ASSETS at them."
            )
        self._artwork = lru_cache(4096)(self._decode_artwork)
        self._view_image = lru_cache(256)(self._decode_view)

    # ---- objects

    @cached_property
    def objects(self) -> dict[str, ObjectInfo]:
        records = json.loads((self.path / "objects.json").read_text("utf-8"))
        return {r["name"]: _object(r) for r in records}

    @cached_property
    def _blob(self) -> np.ndarray:
        return np.memmap(self.path / "objects.bin", np.uint8, "r")

    def _decode_artwork(self, name: str, style: str) -> Image.Image:
        art = self.objects[name].styles[style]
        image = Image.open(io.BytesIO(self._blob[art.offset : art.offset + art.length].tobytes()))
        if style != "mono":
            return image.convert("RGBA")
        alpha = image.convert("RGB").getchannel(0)
        silhouette = Image.new("RGBA", alpha.size, (255, 255, 255, 0))
        silhouette.putalpha(alpha)
        return silhouette

    def object_image(self, name: str, style: str = "3d") -> Image.Image:
        """RGBA drawing, cropped to its outline, longest side 160 px; "mono" is white with the shape as alpha.

        The picture is shared: copy it before changing it.

        Raises:
            KeyError: no such object, or not in this style.
        """
        return self._artwork(name, style)

    def edge_colour(self, name: str, style: str) -> RGB:
        """Mean colour of the rim of a drawing."""
        return self.objects[name].styles[style].edge

    # ---- textures and photographs

    @cached_property
    def views(self) -> dict[str, tuple[View, ...]]:
        """kind ("brick wall", "a forest") -> its views, at most MAX_VIEWS, free of attribution duties."""
        records = json.loads((self.path / "textures.json").read_text("utf-8"))
        found: dict[str, list[View]] = {}
        seen: Counter[str] = Counter()
        for i, r in enumerate(records):
            number = seen[r["src"]]
            seen[r["src"]] += 1
            flawed = r["src"] in FLAWED_SOURCES or number in FLAWED_VIEWS.get(r["src"], ())
            if r["licence"] in FREE_LICENCES:
                red, green, blue = r["mean"]
                found.setdefault(r["kind"], []).append(
                    View(i, r["kind"], r["src"], r["photo"], (red, green, blue), flawed)
                )
        return {kind: _interleaved(views)[:MAX_VIEWS] for kind, views in found.items()}

    @cached_property
    def photo_kinds(self) -> tuple[str, ...]:
        """Places, those without a good view left out."""
        return tuple(k for k, v in self.views.items() if v[0].photo and not all(w.flawed for w in v))

    @cached_property
    def texture_kinds(self) -> tuple[str, ...]:
        return tuple(k for k, v in self.views.items() if not v[0].photo)

    def view(self, kind: str, variant: int) -> View:
        """The view that a background's variant selects.

        Raises:
            KeyError: no such kind.
        """
        views = self.views[kind]
        return views[variant % len(views)]

    def variants(self, kind: str, split: Split) -> tuple[int, ...]:
        """Variants of a kind whose source is in the split, possibly none.

        A source is held out only where training keeps another one of the same kind.
        """
        good = {i: v.source for i, v in enumerate(self.views.get(kind, ())) if not v.flawed}
        kept = tuple(i for i, source in good.items() if in_split("photo", source, "train"))
        if not kept:
            return tuple(good) if split == "train" else ()
        return kept if split == "train" else tuple(i for i in good if i not in kept)

    @cached_property
    def _textures(self) -> tuple[np.ndarray, np.ndarray]:
        with np.load(self.path / "textures.npz") as store:
            return store["blob"], store["off"]

    def _decode_view(self, index: int) -> Image.Image:
        blob, offsets = self._textures
        return Image.open(io.BytesIO(blob[offsets[index] : offsets[index + 1]].tobytes())).convert("RGB")

    def texture(self, kind: str, index: int) -> Image.Image:
        """RGB square of a texture or photograph, 192-384 px; `index` is the variant, taken modulo the views.

        The picture is shared: copy it before changing it.

        Raises:
            KeyError: no such kind.
        """
        return self._view_image(self.view(kind, index).index)

    # ---- words and fonts

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        return json.loads((self.path / "words.json").read_text("utf-8"))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """English words of 3-9 letters, profanity removed."""
        return tuple(w for w in self._words["words"] if 3 <= len(w) <= 9)

    @cached_property
    def easy(self) -> tuple[str, ...]:
        """Words that children know, a subset in spirit of `words`."""
        return tuple(w for w in self._words["easy"] if len(w) <= 9)

    @cached_property
    def common(self) -> frozenset[str]:
        """Words that are never held out."""
        return frozenset(self._words["easy"])

    @cached_property
    def extra_fonts(self) -> dict[str, dict[str, Any]]:
        """font id -> its record (cat, family, caps_ok, missing, licence); thin and pixel fonts left out."""
        records = json.loads((self.path / "fonts.json").read_text("utf-8"))
        return {r["file"][:-4]: r for r in records if not r["thin"] and r["cat"] != "pixel"}

    @property
    def fonts_dir(self) -> Path:
        """Folder of further fonts, for variety in training."""
        return self.path / "fonts"


def _object(record: dict[str, Any]) -> ObjectInfo:
    styles = {
        style: Artwork(s["off"], s["n"], s["colour"], s["frac"], tuple(s["edge"]))
        for style, s in record["styles"].items()
        if style in STYLES
    }
    return ObjectInfo(
        name=record["name"],
        aliases=tuple(a for a in record["alt"] if "/" not in a),
        group=record["group"],
        sub=record["sub"],
        tags=tuple(record["tags"]),
        mass=bool(record["plural"] or record["noart"]),
        lettered=bool(record["texty"]),
        styles=styles,
    )


def _interleaved(views: list[View]) -> tuple[View, ...]:
    """Views with the sources taken in turn, so that cutting the list keeps every source."""
    by_source: dict[str, list[View]] = {}
    for v in views:
        by_source.setdefault(v.source, []).append(v)
    longest = max(map(len, by_source.values()))
    return tuple(vs[i] for i in range(longest) for vs in by_source.values() if i < len(vs))
