"""Writing an answer token by token with a key-value cache. Each token is one call, so stopping is not calling again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache


@dataclass(frozen=True)
class Sampling:
    """temperature: 0 = greedy. top_p: in (0, 1]. repetition_penalty: 1 = none. generator: of this request."""

    temperature: float
    top_p: float
    repetition_penalty: float
    generator: torch.Generator


class Decoder:
    """The state of B answers: a key-value cache and the logits of the next token.

    Args:
        vlm: a `VisionLanguageModel`. prompt: (B, T, hidden) embeddings of image and instruction.
    """

    def __init__(self, vlm: Any, prompt: Tensor) -> None:
        self.vlm, self.cache = vlm, DynamicCache()
        self.logits = self._run(prompt)  # (B, vocabulary + new tokens) float32

    def append(self, ids: Tensor) -> None:
        """Go on with one or more tokens each: ids (B, t)."""
        self.logits = self._run(self.vlm.embed(ids))

    def branch(self, n: int) -> None:
        """From one answer to n that share what came before."""
        self.cache.batch_repeat_interleave(n)
        self.logits = self.logits.repeat_interleave(n, 0)

    def _run(self, x: Tensor) -> Tensor:
        states = self.vlm.decoder(inputs_embeds=x, past_key_values=self.cache, use_cache=True)
        return self.vlm.logits(states.last_hidden_state[:, -1])


def choose(logits: Tensor, earlier: Sequence[int], s: Sampling) -> int:
    """The next token of one answer: logits (vocabulary,), `earlier` its tokens so far."""
    if s.repetition_penalty != 1 and earlier:
        seen = torch.tensor(sorted(set(earlier)), device=logits.device)
        told = logits[seen]
        penalised = torch.where(told > 0, told / s.repetition_penalty, told * s.repetition_penalty)
        logits = logits.index_copy(0, seen, penalised)
    if s.temperature == 0:
        return int(logits.argmax())
    share = torch.softmax(logits.double() / s.temperature, -1).cpu()
    ordered, order = share.sort(descending=True)
    keep = ordered.cumsum(-1) - ordered < s.top_p  # the smallest set that reaches top_p
    drawn = torch.multinomial(ordered * keep, 1, generator=s.generator)
    return int(order[drawn])
