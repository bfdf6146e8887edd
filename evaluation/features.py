"""Features of a pretrained ImageNet network, EfficientNet-Lite0, whose weights come inside a Python package.

The package is in `requirements-models.txt`. Distances on these features are Fréchet distances on EfficientNet-Lite0
features; they are not FID, which is defined on Inception features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from pipelines.vlsa.quality import load_network

NAME = "EfficientNet-Lite0, 1280 features, ImageNet weights"
DIMENSIONS = 1280


class Features:
    """Images -> (N, 1280) pooled features.

    Args:
        side: images are resized to side x side pixels.
        batch: images per forward pass.

    Raises:
        ImportError: the packages that hold the network and its weights are not installed.
    """

    def __init__(self, side: int = 224, batch: int = 16) -> None:
        self._network: Any = load_network()
        self._side, self._batch = side, batch

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB images of any size -> float32 (N, 1280)."""
        batches = [images[i : i + self._batch] for i in range(0, len(images), self._batch)]
        found = [self._network.extract_features(self._tensor(b)).mean((2, 3)).numpy() for b in batches]
        return np.concatenate(found) if found else np.zeros((0, DIMENSIONS), np.float32)

    def _tensor(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """(B, 3, side, side), normalised as the network was trained: (v - 127) / 128 of 0-255 values."""
        size = (self._side, self._side)
        resized = [np.asarray(im.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32) for im in images]
        return torch.from_numpy((np.stack(resized) - 127.0) / 128.0).permute(0, 3, 1, 2).contiguous()
