"""LLaVA-NeXT from its checkpoint: the chat format, and its names in the shared cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pipelines.config import Source
from pipelines.models.llava import PlainLlava
from pipelines.registry import LockedTokenizer, Registry, load_llava, load_processor, pretrained_bytes
from pipelines.vlsa.types import Message


class Template:
    """The chat format of the checkpoint: conversation -> token ids, token ids -> text.

    Args:
        processor: with `apply_chat_template`; its tokenizer is asked through `tokenizer`, one text at a time.
    """

    def __init__(self, processor: Any, tokenizer: LockedTokenizer) -> None:
        self._processor, self._tokenizer = processor, tokenizer
        self.end = [processor.tokenizer.eos_token_id]

    def dialogue(self, turns: Sequence[Message]) -> list[int]:
        """Token ids of questions and answers, the image before the first question, up to where the answer begins."""
        messages = []
        for i, m in enumerate(turns):
            text = [{"type": "text", "text": self._unmarked(m.text)}]
            messages.append({"role": m.role, "content": [*([{"type": "image"}] if i == 0 else []), *text]})
        told = self._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return list(self._tokenizer(told)["input_ids"])  # which begins with what the checkpoint begins with

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)

    def _unmarked(self, text: str) -> str:
        """The text with marks of the format taken apart, so that nobody can write a turn or an image for the model."""
        image = self._processor.image_token
        return text.replace("<|", "< |").replace(image, f"{image[0]} {image[1:]}")


def register(registry: Registry, source: Source, bits: int = 16) -> Registry:
    """Add "language_tokenizer" and "vlsa.vlm" out of a checkpoint of LLaVA-NeXT; bits: of its language model."""

    def template(dtype: torch.dtype) -> Template:
        processor = load_processor(source)
        return Template(processor, LockedTokenizer(processor.tokenizer))

    def build(dtype: torch.dtype) -> PlainLlava:
        return PlainLlava(load_llava(source, dtype, bits), load_processor(source).image_processor)

    registry.register("language_tokenizer", template)
    registry.register("vlsa.vlm", build, lambda: pretrained_bytes(source) * (bits + 4) // 20)  # the rest stays wide
    return registry
