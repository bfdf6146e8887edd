"""VLSA of a preset on LLaVA-NeXT: SA-Perceiver in the place of its tiles, Epigone on Stable Diffusion 3, and its words
for codes and colours, all of them trained beside parts that stay as they were published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from pipelines.cache import ModelCache
from pipelines.registry import read_json
from pipelines.vlsa.pipeline import VlsaPipeline
from pipelines.vlsa.plain import TURNS
from pipelines.vlsa.types import Message, Rebuilt, View

COMPONENTS = ("language_tokenizer", "vlsa.vlm", "vlsa.vision", "vlsa.perceiver")  # the chat's, on a device together
STEPS, SHIFT = 28, 3.0  # as Stable Diffusion 3 was published


class AlignedVlsaPipeline(VlsaPipeline):
    """As `VlsaPipeline`, with V of as many tokens as the vision tower has for one tile, in the place of the image."""

    turns = TURNS
    components = COMPONENTS
    latents = "vlad.vae"
    shift = SHIFT

    def __init__(self, cache: ModelCache, preset: str = "full") -> None:
        super().__init__(cache, preset)
        self.codes = int(read_json(self.preset.vlsa_folder / "words" / "config.json")["codes"])

    def speller(self, tokenizer: Any) -> Any:
        return tokenizer

    def reconstruct(self, view: View, *, steps: int | None = None, **how: Any) -> Iterator[Rebuilt]:
        """As `VlsaPipeline.reconstruct`, in STEPS steps unless told otherwise."""
        return super().reconstruct(view, steps=STEPS if steps is None else steps, **how)

    def _opened(self, tokenizer: Any, vlm: Any, v: Tensor, questions: Sequence[str]) -> tuple[Tensor, list[list[int]]]:
        return vlm.opened(v, [tokenizer.dialogue([Message("user", q)]) for q in questions])
