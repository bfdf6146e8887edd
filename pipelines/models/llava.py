"""LLaVA-NeXT as it was published, in the parts of which an answer is made here: image, prompt, decoder, words."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import LlavaNextForConditionalGeneration


class PlainLlava(nn.Module):
    """`LlavaNextForConditionalGeneration` that `pipelines.vlsa.decoding.Decoder` can drive as it does ours.

    Its vision tower, projector and language model are those of the checkpoint; nothing is trained here.

    Args:
        model: LLaVA-NeXT. processor: its image processor, which cuts an image into an overview and tiles.
    """

    def __init__(self, model: LlavaNextForConditionalGeneration, processor: Any) -> None:
        super().__init__()
        self.model: Any = model
        self._processor = processor

    @property
    def decoder(self) -> Any:
        """The language model without its head."""
        return self.model.model.language_model

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
        inputs = self._processor(image, return_tensors="pt")
        pixels, sizes = inputs["pixel_values"].to(device, dtype), inputs["image_sizes"].to(device)
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
        at = int((ids[0] == self.placeholder).nonzero()[0, 0])
        before, after = self.embed(ids[:, :at]), self.embed(ids[:, at + 1 :])
        return torch.cat([before, v.to(before.dtype), after], 1)
