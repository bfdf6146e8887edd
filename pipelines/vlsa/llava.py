"""LLaVA-NeXT from its checkpoint: the chat format, and its names in the shared cache."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from diffusers import VQModel
from peft import LoraConfig

from pipelines.config import Preset
from pipelines.models.adapters import Under
from pipelines.models.llava import AlignedLlava, ClipTower, PlainLlava, causal
from pipelines.models.vlm import VisualWords
from pipelines.models.vq import PublicVQ
from pipelines.registry import (
    LockedTokenizer,
    Registry,
    load_llava,
    load_pretrained,
    load_processor,
    pretrained_bytes,
    ready,
)
from pipelines.vlad.loaders import load_part
from pipelines.vlad.stable import add_adapter
from pipelines.vlsa.types import Message

# every linear layer of LLaMA and of CLIP's vision transformer
TARGETS = (
    r".*(language_model\.layers|vision_tower)\..*\.(q_proj|k_proj|v_proj|o_proj|out_proj|gate_proj|up_proj|down_proj"
    r"|fc1|fc2)"
)


class Template:
    """The chat format of the checkpoint: conversation -> token ids, token ids -> text.

    Args:
        processor: with `apply_chat_template`; its tokenizer is asked through `tokenizer`, one text at a time.
    """

    def __init__(self, processor: Any, tokenizer: LockedTokenizer) -> None:
        self._processor, self._tokenizer = processor, tokenizer
        self.end = [processor.tokenizer.eos_token_id]

    def dialogue(self, turns: Sequence[Message], ask: bool = True) -> list[int]:
        """Token ids of questions and answers, the image before the first question, up to where the answer begins.

        Args:
            ask: False ends behind the last turn.
        """
        messages = []
        for i, m in enumerate(turns):
            text = [{"type": "text", "text": self._unmarked(m.text)}]
            messages.append({"role": m.role, "content": [*([{"type": "image"}] if i == 0 else []), *text]})
        told = self._processor.apply_chat_template(messages, add_generation_prompt=ask, tokenize=False)
        return list(self._tokenizer(told)["input_ids"])  # which begins with what the checkpoint begins with

    def taught(
        self, turns: Sequence[tuple[str, str | Sequence[int]]], longest: int | None = None
    ) -> tuple[list[int], list[bool]]:
        """Token ids of a whole conversation, and which of them belong to responses, their ends included.

        Args:
            turns: questions with answers; an answer may be ids that are no text. longest: turns that would make it
            longer are left out, but for the first one, which is cut off.
        """
        talk: list[Message] = []
        ids: list[int] = []
        before: list[int] = []
        mine: list[bool] = []
        for question, answer in turns:
            talk += [Message("user", question), Message("assistant", answer if isinstance(answer, str) else "")]
            asked, whole = self.dialogue(talk[:-1]), self.dialogue(talk, False)
            told = whole[len(asked) :]  # an answer and its end
            new = [*([] if isinstance(answer, str) else answer), *told]
            if talk[2:] and longest is not None and len(ids) + len(asked) - len(before) + len(new) > longest:
                break
            behind = asked[len(before) :]
            ids += [*behind, *new]
            mine += [False] * len(behind) + [True] * len(new)
            before = whole
        return ids[:longest], mine[:longest]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)

    def _unmarked(self, text: str) -> str:
        """The text with marks of the format taken apart, so that nobody can write a turn or an image for the model."""
        image = self._processor.image_token
        return text.replace("<|", "< |").replace(image, f"{image[0]} {image[1:]}")


def lora(rank: int) -> LoraConfig:
    """LoRA on every linear layer of language model and vision tower."""
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS, lora_dropout=0.0)


def load_base(preset: Preset, dtype: torch.dtype, bits: int = 16) -> PlainLlava:
    """LLaVA-NeXT and, where it is trained, VLSA's adapter beside it with its words for codes and colours.

    Raises:
        CheckpointMissing: as `pipelines.registry.load_llava`, or an adapter of another shape.
    """
    source, folder = preset.language_model, preset.vlsa_folder
    assert source is not None
    base: Any = PlainLlava(load_llava(source, dtype, bits), load_processor(source).image_processor)
    if preset.vlsa_trained:
        add_adapter(base.adapters, "vlsa", base.model.model, folder / "adapter", lora)
        base.words = load_part("words", folder, torch.float32, {"words": VisualWords})
    return base


def aligned(base: Any) -> AlignedLlava:
    """The language model as VLSA's adapter makes it."""
    decoder = Under(base.adapters, "vlsa", base.model.model.language_model)
    return AlignedLlava(causal(base.model), base.words, base.placeholder, decoder)


def tower(base: Any) -> ClipTower:
    """The vision tower as VLSA's adapter makes it."""
    how = base.processor
    seen = Under(base.adapters, "vlsa", base.model.model.vision_tower)
    return ClipTower(seen, base.model.config.vision_feature_layer, list(how.image_mean), list(how.image_std))


def register(registry: Registry, preset: Preset, bits: int = 16) -> Registry:
    """Add "language_tokenizer" and "llava" out of a checkpoint of LLaVA-NeXT, and what that is: "llava.plain" as it was
    published, "vlsa.vlm" and "vlsa.vision" as VLSA's adapter makes it; and "vlsa.vq".

    Args:
        bits: of the language model.
    """
    source = preset.language_model
    assert source is not None

    def template(dtype: torch.dtype) -> Template:
        processor = load_processor(source)
        return Template(processor, LockedTokenizer(processor.tokenizer))

    def vq(dtype: torch.dtype) -> PublicVQ:
        return ready(PublicVQ(load_pretrained(preset.pretrained["vq"], VQModel, torch.float32)))

    registry.register("language_tokenizer", template)
    registry.register(
        "llava", partial(load_base, preset, bits=bits), lambda: pretrained_bytes(source) * (bits + 4) // 20
    )  # the rest stays wide
    registry.see("llava.plain", "llava", lambda base: base)
    registry.see("vlsa.vlm", "llava", aligned)
    registry.see("vlsa.vision", "llava", tower)
    registry.register("vlsa.vq", vq, lambda: pretrained_bytes(preset.pretrained["vq"]))
    return registry
