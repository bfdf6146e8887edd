"""Held-out posters of the synthesiser, as prompt and truth pairs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any


class NoTruths(Exception):
    """The synthesiser or its artwork is not there; the message says what is missing."""


def held_out(n: int, seed: int = 0, assets_path: str | Path | None = None) -> list[Any]:
    """n posters (`training.data.dataset.Poster`: prompt, image, layout) that training never sees.

    They are composed of held-out words, phrases, fonts, combinations of objects and photographs; RGB, 256 x 256.

    Raises:
        NoTruths: the asset cache is absent.
    """
    try:
        from training.data.assets import Assets
        from training.data.dataset import sample

        assets = Assets(assets_path)
    except (ImportError, FileNotFoundError) as e:
        raise NoTruths(str(e)) from e
    rng = random.Random(seed)
    return [sample(rng, assets, split="test") for _ in range(n)]
