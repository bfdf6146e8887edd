"""LLaVA-NeXT in the parts of which an answer is made here: as it was published, and as VLSA's base."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import LlamaForCausalLM, LlavaNextForConditionalGeneration

from pipelines.models.adapters import Adapters, Under
from pipelines.models.vlm import VisionLanguageModel, VisualWords


class PlainLlava(nn.Module):
    """`LlavaNextForConditionalGeneration` that `pipelines.vlsa.decoding.Decoder` can drive as it does ours.

    Its vision tower, projector and language model are those of the checkpoint; nothing is trained here.

    Args:
        model: LLaVA-NeXT. processor: its image processor, which cuts an image into an overview and tiles.

    Attributes:
        adapters: what else its vision tower and language model can be; here they act as published.
    """

    def __init__(self, model: LlavaNextForConditionalGeneration, processor: Any) -> None:
        super().__init__()
        self.model: Any = model
        self.processor = processor
        self.adapters = Adapters(self)
        self.decoder = Under(self.adapters, "", self.model.model.language_model)  # without its head

    @property
    def vocabulary(self) -> int:
        """Number of words that can be written."""
        return self.model.lm_head.out_features

    @property
    def placeholder(self) -> int:
        """The token in whose place the image is put."""
        return self.model.config.image_token_id

    def see(self, image: Image.Image) -> Tensor:
        """Image RGB of any size -> its embeddings (1, n, hidden): overview and tiles, rows apart by a token of their
        own, without what padding fills.
        """
        device, dtype = self.model.device, self.model.dtype
        inputs = self.processor(image, return_tensors="pt")
        pixels, sizes = inputs["pixel_values"].to(device, dtype), inputs["image_sizes"].to(device)
        with self.adapters.chosen(""):
            return self.model.model.get_image_features(pixels, sizes).pooler_output[0][None]

    def embed(self, ids: Tensor) -> Tensor:
        """(B, T) long -> (B, T, hidden)."""
        return self.decoder.embed_tokens(ids)

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., hidden) -> (..., vocabulary) float32."""
        return self.model.lm_head(hidden).float()

    def prompt(self, v: Tensor, ids: Tensor) -> Tensor:
        """The conversation with the image in its place: v (1, n, hidden), ids (1, T) with one placeholder ->
        (1, T - 1 + n, hidden).
        """
        return with_image(self, v, ids, self.placeholder)


def with_image(vlm: Any, v: Tensor, ids: Tensor, placeholder: int) -> Tensor:
    """Word embeddings of ids (1, T) with v (1, n, hidden) in the place of the first `placeholder`:
    (1, T - 1 + n, hidden).
    """
    at = int((ids[0] == placeholder).nonzero()[0, 0])
    before, after = vlm.embed(ids[:, :at]), vlm.embed(ids[:, at + 1 :])
    return torch.cat([before, v.to(before.dtype), after], 1)


class ClipTower(nn.Module):
    """CLIP's vision transformer out of LLaVA-NeXT: pixels -> the tokens that its projector is given.

    Args:
        tower: `CLIPVisionModel`, or that as an adapter makes it. layer: number of the hidden states that are taken.
        mean, std: of the pixels in [0, 1].
    """

    def __init__(self, tower: Any, layer: int, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.tower: Any = tower
        self.layer = layer
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    @property
    def side(self) -> int:
        """Pixels along one side of what it takes."""
        return self.tower.config.image_size

    @property
    def cells(self) -> int:
        """Tokens along one side."""
        return self.tower.config.image_size // self.tower.config.patch_size

    def tokens(self, pixels: Tensor, beside: bool = False) -> Tensor:
        """(B, 3, side, side) in [-1, 1] -> (B, cells^2, width) without the class token, in the weights' type."""
        dtype = next(self.tower.parameters()).dtype
        seen = ((pixels + 1) / 2 - self.mean.to(pixels)) / self.std.to(pixels)
        return self.tower(seen.to(dtype), output_hidden_states=True).hidden_states[self.layer][:, 1:]

    def forward(self, pixels: Tensor) -> Tensor:
        return self.tokens(pixels)


def causal(model: LlavaNextForConditionalGeneration) -> LlamaForCausalLM:
    """The language model inside LLaVA-NeXT with its head; it shares their weights."""
    inner: Any = model
    with torch.device("meta"):
        made: Any = LlamaForCausalLM(inner.config.text_config)
    made.model, made.lm_head = inner.model.language_model, inner.lm_head
    return made


class AlignedLlava(VisionLanguageModel):
    """LLaVA-NeXT's language model with VLSA's V in the place of the image, eq. (6), and its words for codes and
    colours.

    Args:
        language: see `causal`. words: with `direct`. placeholder: the token in whose place V is put. decoder: what is
        called in place of the language model's layers, where an adapter must be chosen for that.
    """

    def __init__(self, language: nn.Module, words: VisualWords, placeholder: int, decoder: Any = None) -> None:
        super().__init__(language, words)
        self.placeholder = placeholder
        for name, given in (("decoder", decoder), ("head", None)):  # parts of `language`, not parts once more
            part = self._modules.pop(name)
            object.__setattr__(self, name, part if given is None else given)

    def prompt(self, v: Tensor, ids: Tensor) -> Tensor:
        """v (1, l, hidden), ids (1, T) with one placeholder -> (1, T - 1 + l, hidden)."""
        return with_image(self, v, ids, self.placeholder)

    def opened(self, v: Tensor, ids: list[list[int]]) -> tuple[Tensor, list[list[int]]]:
        """Conversations that differ only behind the image -> embeddings (1, n, hidden) of what they share, with V, and
        the ids of what follows in each.
        """
        at = ids[0].index(self.placeholder)
        before = self.embed(torch.tensor([ids[0][:at]], device=v.device))
        return torch.cat([before, v.to(before.dtype)], 1), [row[at + 1 :] for row in ids]
