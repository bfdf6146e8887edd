"""PIL images and uint8 arrays to tensors and back; the only place that knows how [0, 255] maps to [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_HALF = 127.5
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def from_uint8(pixels: Tensor | np.ndarray) -> Tensor:
    """Pixels (..., H, W, C) uint8 in [0, 255] -> (..., C, H, W) float32 in [-1, 1], on the same device.

    Raises:
        ValueError: not uint8.
    """
    tensor = torch.from_numpy(np.array(pixels)) if isinstance(pixels, np.ndarray) else pixels
    if tensor.dtype != torch.uint8:
        raise ValueError(f"pixels must be uint8, not {tensor.dtype}")
    return (tensor.float() / _HALF - 1).movedim(-1, -3).contiguous()


def to_uint8(x: Tensor) -> Tensor:
    """(..., C, H, W) float in [-1, 1], clipped -> (..., H, W, C) uint8 in [0, 255], rounded; NaN becomes grey."""
    x = torch.nan_to_num(x.detach().float(), nan=0.0).clamp(-1, 1)
    return ((x + 1) * _HALF).round().to(torch.uint8).movedim(-3, -1).contiguous()


def to_tensor(image: Image.Image, mode: str = "RGB") -> Tensor:
    """One image -> (C, H, W) float32 in [-1, 1] on the CPU; it is converted to `mode` ("L", "RGB" or "RGBA") first."""
    array = np.array(image if image.mode == mode else image.convert(mode), dtype=np.uint8)
    return from_uint8(array.reshape(*array.shape[:2], -1))  # (H, W, C) -> (C, H, W)


def to_batch(images: Sequence[Image.Image], mode: str = "RGB") -> Tensor:
    """B images of one size -> (B, C, H, W) float32 in [-1, 1] on the CPU.

    Raises:
        ValueError: no image, or sizes differ.
    """
    if len({image.size for image in images}) != 1:
        raise ValueError(f"images of one size are needed, got {sorted({image.size for image in images})}")
    return torch.stack([to_tensor(image, mode) for image in images])


def to_images(x: Tensor) -> list[Image.Image]:
    """(B, C, H, W) float in [-1, 1], C of 1, 3 or 4 -> B images of mode L, RGB or RGBA.

    Raises:
        ValueError: not four dimensions, or another number of channels.
    """
    if x.ndim != 4 or x.shape[1] not in _MODES:
        raise ValueError(f"expected (B, C, H, W) with C of 1, 3 or 4, got {tuple(x.shape)}")
    pixels = to_uint8(x).cpu().numpy()  # (B, H, W, C)
    mode = _MODES[pixels.shape[-1]]
    return [Image.fromarray(p[..., 0] if mode == "L" else p, mode=mode) for p in pixels]


def to_image(x: Tensor) -> Image.Image:
    """(C, H, W) float in [-1, 1] -> one image, as `to_images`."""
    return to_images(x[None])[0]
