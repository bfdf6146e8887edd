"""Writing an answer token by token with a key-value cache. Each token is one call, so stopping is not calling again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache

from pipelines.models.vlm import behind


@dataclass(frozen=True)
class Sampling:
    """temperature: 0 = greedy. top_p: in (0, 1]. repetition_penalty: 1 = none. generator: of this request."""

    temperature: float
    top_p: float
    repetition_penalty: float
    generator: torch.Generator


class Decoder:
    """The state of B answers: a key-value cache and the logits of the next token.

    Answers of different lengths end at the same column of the cache: a shorter one has empty columns on its left, which
    it does not see, and its positions count from its own first one.

    Args:
        vlm: a `VisionLanguageModel`. prompt: (B, T, hidden) embeddings of image and instruction.
    """

    def __init__(self, vlm: Any, prompt: Tensor) -> None:
        self.vlm, self.cache = vlm, DynamicCache()
        self.empty = [0] * len(prompt)  # columns without anything on the left of each answer
        self.logits = self._run(prompt)  # (B, vocabulary + new tokens) float32

    def append(self, ids: Tensor) -> None:
        """Go on with one or more tokens each: ids (B, t)."""
        self.logits = self._run(self.vlm.embed(ids))

    def branch(self, n: int) -> None:
        """From one answer to n that share what came before."""
        self.cache.batch_repeat_interleave(n)
        self.logits = self.logits.repeat_interleave(n, 0)
        self.empty = [e for e in self.empty for _ in range(n)]

    def single(self, row: int) -> Decoder:
        """One of the answers on its own, without empty columns."""
        own, there = slice(row, row + 1), slice(self.empty[row], None)
        layers = [(x.keys[own, :, there], x.values[own, :, there]) for x in self.cache.layers]
        return self._made(self.vlm, layers, [0], self.logits[own])

    @classmethod
    def beside(cls, answers: Sequence[Decoder]) -> Decoder:
        """Answers of B = 1 without empty columns, all of the same model, as one decoder in their order."""
        if len(answers) == 1:
            return answers[0]
        lengths = [a.cache.get_seq_length() for a in answers]
        empty = [max(lengths) - n for n in lengths]

        def stacked(states: Sequence[Tensor]) -> Tensor:
            """(1, heads, length, width) each -> (B, heads, longest, width)."""
            return torch.cat([F.pad(x, (0, 0, e, 0)) for x, e in zip(states, empty, strict=True)])

        layers = [
            (stacked([x.keys for x in same]), stacked([x.values for x in same]))
            for same in zip(*(a.cache.layers for a in answers), strict=True)
        ]
        return cls._made(answers[0].vlm, layers, empty, torch.cat([a.logits for a in answers]))

    @classmethod
    def _made(cls, vlm: Any, layers: Sequence[tuple[Tensor, Tensor]], empty: list[int], logits: Tensor) -> Decoder:
        made = cls.__new__(cls)
        made.vlm, made.cache, made.empty, made.logits = vlm, DynamicCache(layers), empty, logits
        return made

    def _run(self, x: Tensor) -> Tensor:
        states = self.vlm.decoder(inputs_embeds=x, past_key_values=self.cache, use_cache=True, **self._seen(x))
        return self.vlm.logits(states.last_hidden_state[:, -1])

    def _seen(self, x: Tensor) -> dict[str, Tensor]:
        """Attention mask and positions of the next columns x (B, t, hidden); nothing where no column is empty."""
        if not any(self.empty):
            return {}
        columns = torch.arange(self.cache.get_seq_length() + x.shape[1], device=x.device)
        seen = behind(columns >= torch.tensor(self.empty, device=x.device)[:, None])
        return {**seen, "position_ids": seen["position_ids"][:, -x.shape[1] :]}


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
