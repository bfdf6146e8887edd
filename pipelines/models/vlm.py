"""The language model with visual embeddings before the instruction, and its words for codes and colours.

VLSA eqs. (6) to (8).
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from peft import PeftModel
from torch import Tensor, nn
from torch.nn import functional as F

SORTS = ("objects", "colours", "numbers")  # of names
SHARPNESS = 4.0  # the logit of a name is so many times the projection on it
COLOUR_LEVELS = 8  # a channel; a colour token is one of 8^3 colours


def colour_features() -> Tensor:
    """(512, 24): for each colour token, one-hot levels of red, green and blue; token = 64 r + 8 g + b."""
    eye = torch.eye(COLOUR_LEVELS)
    k = torch.arange(COLOUR_LEVELS**3)
    return torch.cat([eye[k // 64], eye[k // 8 % 8], eye[k % 8]], -1)


class VisualWords(ModelMixin, ConfigMixin):
    """How an image, a codebook index and a colour enter the language model, and how the last two leave it.

    V is normalised and mapped to the scale of word embeddings. The new tokens are not free vectors: a code's
    embedding is a linear map of its codebook vector and a colour's one of its levels, so that similar codes and
    colours begin as neighbours, and the 1,536 words cost a few thousand numbers.

    Where there are names, each visual word is also put into words: the map of V is compared with the language model's
    own embeddings of the names of objects, colours and numbers, and their expected embedding is added, so that what is
    seen lies where the language model has its word for it. It is the visual embedding table of Ovis (Lu et al., 2024)
    with names in place of free vectors.

    Args:
        width: of V. hidden: of the language model. codes, channels: size of the codebook. scale: of a word
        embedding's entries. gain: of V's map, by which it comes to that scale. names: how many there are of SORTS; None
        = none of any. boost: of the expected embedding.
    """

    @register_to_config
    def __init__(
        self, width: int = 576, hidden: int = 576, codes: int = 1024, channels: int = 16, scale: float = 0.1,
        gain: float = 0.15, names: tuple[int, int, int] | None = None, boost: float = 2.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.register_buffer("table", torch.zeros(sum(names or ()), hidden))  # embeddings of names, without their mean
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.visual = nn.Linear(width, hidden)
        nn.init.normal_(self.visual.weight, std=scale / gain / width**0.5)
        self.code_in, self.code_out = nn.Linear(channels, hidden), nn.Linear(channels, hidden)
        self.colour_in, self.colour_out = nn.Linear(3 * COLOUR_LEVELS, hidden), nn.Linear(3 * COLOUR_LEVELS, hidden)
        for layer in (self.code_in, self.colour_in, self.code_out, self.colour_out):
            nn.init.normal_(layer.weight, std=scale / layer.in_features**0.5)
        self.code_bias = nn.Parameter(torch.zeros(codes))
        self.register_buffer("codebook", torch.zeros(codes, channels))  # of the frozen VQ-VAE
        self.register_buffer("colours", colour_features(), persistent=False)

    @property
    def count(self) -> int:
        """Number of new tokens: codes first, then colours."""
        return len(self.codebook) + len(self.colours)

    def read(self, v: Tensor) -> Tensor:
        """V (B, l, width) -> its map (B, l, hidden) before `gain`."""
        return self.visual(self.norm(v))

    def see(self, v: Tensor) -> Tensor:
        """V (B, l, width) -> embeddings (B, l, hidden)."""
        read = self.read(v)
        seen = self.config.gain * read
        return seen + self.config.boost * self.expected(read) if self.config.names else seen

    def logits(self, read: Tensor) -> tuple[Tensor, ...]:
        """How well the names of each of SORTS fit a map of V (..., hidden) -> (..., n) float32."""
        logits = SHARPNESS * (read @ F.normalize(self.table, dim=-1).mT).float()
        return logits.split(list(self.config.names), -1)

    def likely(self, read: Tensor) -> list[Tensor]:
        """Probabilities of the names of each of SORTS (..., n); those of objects leave the rest to "none of them"."""
        things, colours, numbers = self.logits(read)
        shown = F.pad(things, (1, 0)).softmax(-1)[..., 1:]
        return [shown, colours.softmax(-1), numbers.softmax(-1) * shown.sum(-1, keepdim=True)]

    def expected(self, read: Tensor) -> Tensor:
        """`read` (..., hidden) -> expected embedding of what it is called (..., hidden)."""
        return torch.cat(self.likely(read), -1).to(self.table.dtype) @ self.table

    def inputs(self) -> Tensor:
        """Input embeddings of the new tokens (count, hidden)."""
        return torch.cat([self.code_in(self.codebook), self.colour_in(self.colours)])

    def outputs(self, hidden: Tensor) -> Tensor:
        """Logits of the new tokens: (..., hidden) -> (..., count)."""
        codes = hidden @ self.code_out(self.codebook).mT + self.code_bias
        return torch.cat([codes, hidden @ self.colour_out(self.colours).mT], -1)


class VisionLanguageModel(nn.Module):
    """R = g_LLM(concat[V, I_emb]), eq. (6), on any `LlamaForCausalLM`, with or without peft's LoRA around it.

    Token ids from `vocabulary` upwards are the new ones of `VisualWords`.
    """

    decoder: Any
    head: Any
    vocabulary: int

    def __init__(self, language: nn.Module, words: VisualWords) -> None:
        super().__init__()
        self.language, self.words = language, words
        causal: Any = language.get_base_model() if isinstance(language, PeftModel) else language
        self.decoder, self.head = causal.model, causal.lm_head
        self.vocabulary = causal.config.vocab_size

    def embed(self, ids: Tensor) -> Tensor:
        """(B, T) long -> (B, T, hidden)."""
        new = ids >= self.vocabulary
        plain = self.decoder.embed_tokens(ids.masked_fill(new, 0))
        if not new.any():
            return plain
        own = self.words.inputs().to(plain.dtype)
        return torch.where(new[..., None], own[(ids - self.vocabulary).clamp_min(0)], plain)

    def logits(self, hidden: Tensor, among: Tensor | None = None) -> Tensor:
        """(..., hidden) -> (..., vocabulary + count) float32.

        Args:
            among: ids (n,) of the only words that are scored; the result is then (..., n + count). Training the small
            decoder needs no more, and the whole vocabulary costs as much as its layers.
        """
        weight = self.head.weight if among is None else self.head.weight[among]
        words = F.linear(hidden.to(weight.dtype), weight).float()
        return torch.cat([words, self.words.outputs(hidden.float()).float()], -1)

    def prompt(self, v: Tensor, ids: Tensor) -> Tensor:
        """concat[V, I_emb]: V (B, l, width), ids (B, T) -> (B, l + T, hidden)."""
        text = self.embed(ids)
        return torch.cat([self.words.see(v).to(text.dtype), text], 1)

    def forward(
        self,
        v: Tensor,
        ids: Tensor,
        mask: Tensor,
        answers: Tensor,
        among: Tensor | None = None,
        turns: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Predict every answer token from V, the instruction and the answer so far.

        Args:
            v: (B, l, width). ids: (B, T). mask: (B, T) bool, False where padded. answers: (B, T) bool, True where
            `ids` belongs to a response. among: see `logits`; sorted. turns: (B, T) number of the exchange each token
            belongs to; each exchange is then read as if it were the first, right behind V: a true answer that stands
            earlier in a training conversation would otherwise be copied instead of seen.

        Returns:
            logits (K, vocabulary + count) at the K positions before an answer token, and its ids (K,): places in
            `among`, then the new tokens, where that is given.
        """
        x = self.prompt(v, ids)
        keep = torch.cat([mask.new_ones(v.shape[:2]), mask], 1)
        seen: dict[str, Tensor] = {"attention_mask": keep.long()} if turns is None else apart(keep, turns, x.dtype)
        hidden = self.decoder(inputs_embeds=x, use_cache=False, **seen).last_hidden_state
        before = hidden[:, v.shape[1] - 1 : -1]  # the state that predicts ids[:, t]
        told = ids[answers]
        if among is not None:
            place = torch.searchsorted(among, told).clamp_max(len(among) - 1)
            told = torch.where(told >= self.vocabulary, told - self.vocabulary + len(among), place)
        return self.logits(before[answers], among), told


def apart(keep: Tensor, turns: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """Attention mask and positions by which exchanges see V and themselves, and not each other.

    Args:
        keep: (B, l + T) bool. turns: (B, T) long from 0.

    Returns:
        attention_mask (B, 1, l + T, l + T), 0 or the least number of `dtype`; position_ids (B, l + T).
    """
    b, n = keep.shape
    length = n - turns.shape[1]
    turn = torch.cat([turns.new_full((b, length), -1), turns], 1)
    places = torch.arange(n, device=keep.device)
    same = (turn[:, :, None] == turn[:, None]) | (places < length)
    allowed = same & (places[:, None] >= places) & keep[:, None] | torch.eye(n, dtype=torch.bool, device=keep.device)
    first = torch.where(turn[:, :, None] == turn[:, None], places, n).amin(-1)  # where each exchange begins
    mask = torch.zeros(b, 1, n, n, dtype=dtype, device=keep.device)
    mask.masked_fill_(~allowed[:, None], torch.finfo(dtype).min)
    positions = torch.where(turn < 0, places, places - first + length)
    return {"attention_mask": mask, "position_ids": positions}


def response_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """L, eq. (8): mean negative log-likelihood of response tokens; logits (K, n), ids (K,)."""
    return F.cross_entropy(logits.float(), ids)
