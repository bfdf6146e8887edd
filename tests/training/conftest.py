"""A small asset cache in the real files' form, drawn here, so that data and training are tested without the big one."""

from __future__ import annotations

import colorsys
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
SHAPES = 12
LEXICON = json.loads((ROOT / "assets" / "lexicon.json").read_text("utf-8"))
KINDS = {
    "wood": ("texture", 2), "brick wall": ("texture", 2), "concrete": ("texture", 2), "plaster wall": ("texture", 2),
    "paper": ("texture", 2), "cork board": ("texture", 1), "canvas": ("texture", 2), "marble": ("texture", 2),
    "a city street": ("photo", 3), "a forest": ("photo", 3), "a cloudy sky": ("photo", 3),
    "a green meadow": ("photo", 2), "a park with trees": ("photo", 2), "a seaside promenade": ("photo", 2),
}  # fmt: skip


def shape(index: int, mono: bool) -> Image.Image:
    """A disc or a square of its own colour."""
    colour = tuple(int(255 * v) for v in colorsys.hsv_to_rgb(index / SHAPES, 0.8, 0.9))
    image = Image.new("RGB" if mono else "RGBA", (160, 120), (0, 0, 0) if mono else (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    (draw.ellipse if index % 2 else draw.rectangle)((2, 2, 157, 117), fill=(255, 255, 255) if mono else (*colour, 255))
    return image


def write_objects(folder: Path) -> None:
    """Every object of the lexicon, sharing SHAPES drawings."""
    blob, drawings = b"", []
    for i in range(SHAPES):
        styles = {}
        for style in ("3d", "flat", "mono"):
            data = io.BytesIO()
            shape(i, style == "mono").save(data, "WEBP", lossless=True)
            colour = None if style == "mono" else "red"
            place = {"off": len(blob), "n": len(data.getvalue())}
            styles[style] = {**place, "colour": colour, "frac": 0.9, "edge": [9, 9, 9]}
            blob += data.getvalue()
        drawings.append(styles)
    records = [
        {
            **{"name": o["name"], "alt": o["aliases"], "group": o["group"], "sub": "mammals", "tags": o["tags"]},
            **{"plural": o["mass"], "noart": False, "texty": False, "styles": drawings[i % SHAPES]},
        }
        for i, o in enumerate(LEXICON)
    ]
    (folder / "objects.bin").write_bytes(blob)
    (folder / "objects.json").write_text(json.dumps(records))


def write_words(folder: Path) -> None:
    words = sorted({w for o in LEXICON for w in o["name"].split() if w.isalpha() and w.islower() and 3 <= len(w) <= 9})
    (folder / "words.json").write_text(json.dumps({"words": words, "easy": words[::5]}))


def write_textures(folder: Path) -> None:
    blobs, meta, rng = [], [], np.random.default_rng(0)
    for kind, (what, count) in KINDS.items():
        for k in range(count):
            tone = rng.integers(40, 220, 3)
            data = io.BytesIO()
            Image.fromarray(np.clip(tone + rng.normal(0, 12, (192, 192, 3)), 0, 255).astype(np.uint8)).save(
                data, "JPEG"
            )
            blobs.append(data.getvalue())
            source = {"kind": kind, "src": f"{kind}-{k}", "licence": "CC0-1.0", "photo": what == "photo"}
            meta.append({**source, "mean": tone.tolist()})
    offsets = np.cumsum([0, *map(len, blobs)])
    np.savez(folder / "textures.npz", blob=np.frombuffer(b"".join(blobs), np.uint8), off=offsets)
    (folder / "textures.json").write_text(json.dumps(meta))


@pytest.fixture(scope="session")
def small_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the small asset cache."""
    folder = tmp_path_factory.mktemp("assets")
    write_objects(folder)
    write_textures(folder)
    write_words(folder)
    (folder / "fonts").mkdir()
    (folder / "fonts.json").write_text("[]")
    return folder
