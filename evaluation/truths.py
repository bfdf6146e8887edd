"""Held-out posters of the synthesiser, as prompt and truth pairs."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image


class NoTruths(Exception):
    """The synthesiser or its artwork is not there; the message says what is missing."""


def held_out(n: int, seed: int = 0, assets_path: str | Path | None = None) -> tuple[list[str], list[Image.Image]]:
    """n prompts with their truths, RGB 256 x 256, from the words, phrases, fonts and objects that training never sees.

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
    posters = [sample(rng, assets, split="test") for _ in range(n)]
    return [p.prompt for p in posters], [p.image for p in posters]
