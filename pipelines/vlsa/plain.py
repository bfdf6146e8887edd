"""VLSA of a preset whose adapters are not trained: LLaVA-NeXT as it was published chats, and what needs SA-Perceiver,
Epigone or cognition alignment says that it is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import torch

from pipelines.errors import NotTrained
from pipelines.vlsa.pipeline import Encoded, VlsaPipeline, remembered
from pipelines.vlsa.types import Pixels, Predicted, Rebuilt, Tokens, View

TURNS = 8  # earlier questions that the model is shown
COMPONENTS = ("language_tokenizer", "llava.plain")
REBUILD = (
    "Epigone is not trained for the preset full, so the image cannot be rebuilt from what the model keeps of it; the "
    "chat works, and the preset mini rebuilds."
)
CODES = (
    "Cognition alignment is not trained for the preset full, so there are no tokens to compare; the chat works, and "
    "the preset mini shows them."
)


class PlainVlsaPipeline(VlsaPipeline):
    """As `VlsaPipeline`, with LLaVA-NeXT's own vision tower, projector and language model."""

    turns = TURNS
    components = COMPONENTS
    model = "llava.plain"

    @torch.inference_mode()
    def encode(self, view: View, perceiver: bool = True) -> Encoded:
        """The image's embeddings, remembered by its content; there is neither P nor a perceiver with weights."""

        def look() -> Encoded:
            with self.cache.use("llava.plain") as (vlm,):
                v = vlm.see(view.image)
            return Encoded(v, v.new_zeros(1, 0), v.new_zeros(0, 0))

        return remembered(self._encoded, (view.key, True), look)

    def speller(self, tokenizer: Any) -> Any:
        return tokenizer

    def reconstruct(self, view: View, **_: Any) -> Iterator[Rebuilt]:
        """Raises NotTrained."""
        refuse(REBUILD)

    def tokens(self, view: View) -> Tokens:
        """Raises NotTrained."""
        refuse(CODES)

    def predict(self, view: View) -> Iterator[Predicted]:
        """Raises NotTrained."""
        refuse(CODES)

    def pixels(self, view: View, vertex: tuple[int, int] = (0, 0)) -> Pixels:
        """Raises NotTrained."""
        refuse(CODES)


def refuse(sentence: str) -> NoReturn:
    raise NotTrained(sentence)
