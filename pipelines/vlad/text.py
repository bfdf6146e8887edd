"""Words to embeddings: the two text levels t_g and t_i of VLAD section III-B."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pipelines.models.encoder import TextEncoder
from pipelines.types import Element

MAX_TOKENS = 128


def tokens_of(tokenizer: Any, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Token ids and mask (B, L); longer texts are cut at MAX_TOKENS."""
    batch = tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"]


@torch.no_grad()
def embed_phrases(encoder: TextEncoder, tokenizer: Any, texts: Sequence[str], chunk: int = 256) -> Tensor:
    """t_i of any number of phrases: (M, D) float32."""
    device = next(encoder.parameters()).device
    rows = []
    for i in range(0, len(texts), chunk):
        ids, mask = tokens_of(tokenizer, texts[i : i + chunk])
        rows.append(encoder.phrases(ids.to(device), mask.to(device)))
    return torch.cat(rows) if rows else torch.zeros(0, encoder.width, device=device)


def told_phrase(element: Element) -> str:
    """What the encoder is told of an element: nothing of a background that the prompt does not mention."""
    told = element.kind != "background" or element.span is not None
    return phrase_of(element.kind, element.text if told else "")


def phrase_of(kind: str, text: str) -> str:
    """What is embedded for an element: its text, or its kind when it has none."""
    return text.strip() or f"plain {kind}"
