"""What training may never see: words, phrases, fonts, combinations of objects and photographs, by a stable hash.

The choice depends on the thing itself, not on a seed, so every run and every later version of the synthesiser agrees.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Literal, get_args

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# kind -> share held out for the test split
HELD_OUT = {"word": 0.10, "phrase": 0.10, "font": 0.15, "objects": 0.15, "photo": 0.15}


def fraction(kind: str, key: str) -> float:
    """Stable pseudo-random number in [0, 1) of a thing; upper and lower case count as the same."""
    return zlib.crc32(f"{kind}:{key.lower()}".encode()) % 100_000 / 100_000


def held_out(kind: str, key: str) -> bool:
    """Whether the thing is kept from training.

    Raises:
        KeyError: a kind that is not in HELD_OUT.
    """
    return fraction(kind, key) < HELD_OUT[kind]


def in_split(kind: str, key: str, split: Split) -> bool:
    """Whether the thing belongs to the split.

    Raises:
        KeyError: a kind that is not in HELD_OUT.
        ValueError: a split that is not in SPLITS.
    """
    if split not in SPLITS:
        raise ValueError(f"Split {split!r} is unknown; use one of {', '.join(SPLITS)}.")
    return held_out(kind, key) == (split == "test")


def combination(names: Iterable[str]) -> str:
    """Key of a combination of objects, independent of their order."""
    return " + ".join(sorted(names))
