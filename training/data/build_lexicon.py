"""Writes assets/lexicon.json: the objects the models can draw, with the words people use for them.

Usage: python -m training.data.build_lexicon [OBJECTS_JSON] [OUT]

One entry per object: {"name", "aliases", "plural", "group", "tags", "emoji", "mass"}. "plural" is that of the name
(the name itself where it has no other); "mass" is true for names used without an article ("musical notes").
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.data.english import plural

ROOT = Path(__file__).resolve().parents[2]

# Everyday words that the names of the artwork lack. canonical name -> further aliases
MORE_ALIASES: dict[str, tuple[str, ...]] = {
    "airplane": ("jet",),
    "astronaut": ("spaceman",),
    "balloon": ("party balloon",),
    "bicycle": ("bike",),
    "birthday cake": ("cake", "birthday cake with candles"),
    "cat": ("kitten", "kitty"),
    "cup of coffee": ("coffee", "coffee cup", "mug", "mug of coffee", "cup of tea", "teacup"),
    "deer": ("reindeer", "stag"),
    "dog": ("puppy",),
    "doughnut": ("donut",),
    "game controller": ("gamepad",),
    "gift box": ("gift", "present"),
    "globe": ("earth", "world"),
    "hamburger": ("burger", "cheeseburger"),
    "ice cream cone": ("ice cream",),
    "jack-o-lantern": ("pumpkin", "halloween pumpkin"),
    "mountain": ("hill", "peak"),
    "open book": ("opened book",),
    "pizza": ("slice of pizza", "pizza slice"),
    "rabbit": ("bunny",),
    "red apple": ("apple",),
    "red heart": ("heart",),
    "ringed planet": ("planet", "saturn"),
    "robot": ("android",),
    "rocket": ("spaceship", "rocket ship"),
    "sailboat": ("boat", "sailing boat"),
    "star": ("golden star", "gold star", "yellow star"),
    "sun": ("sunshine",),
    "t-shirt": ("tee", "tee shirt", "shirt"),
    "tree": ("oak tree",),
    "trophy": ("cup", "trophy cup"),
    "tropical fish": ("clownfish",),
}


def aliases(record: Mapping[str, Any]) -> list[str]:
    """Other names of an object, without repeats, slashes or the name itself."""
    found = [a for a in (*record["alt"], *MORE_ALIASES.get(record["name"], ())) if "/" not in a]
    return [a for a in dict.fromkeys(found) if a != record["name"]]


def entry(record: Mapping[str, Any]) -> dict[str, Any]:
    """One lexicon entry from one record of the asset cache."""
    whole = bool(record["plural"] or record["noart"])
    return {
        "name": record["name"],
        "aliases": aliases(record),
        "plural": record["name"] if whole else plural(record["name"]),
        "group": record["group"],
        "tags": [t for t in record["tags"] if re.fullmatch(r"[a-z][a-z -]+", t)][:8],
        "emoji": record.get("emoji", ""),
        "mass": whole,
    }


def build(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lexicon sorted by name."""
    return sorted((entry(r) for r in records), key=lambda e: str(e["name"]))


def main(argv: list[str]) -> None:
    cache = Path(os.environ.get("POSTER_ASSETS", ROOT / ".cache" / "poster-assets"))
    source = Path(argv[0]) if argv else cache / "objects.json"
    target = Path(argv[1]) if len(argv) > 1 else ROOT / "assets" / "lexicon.json"
    lexicon = build(json.loads(source.read_text("utf-8")))
    lines = ",\n".join(json.dumps(e, ensure_ascii=False, separators=(",", ":")) for e in lexicon)
    target.write_text(f"[\n{lines}\n]\n", "utf-8")
    print(f"{target}: {len(lexicon)} objects, {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
