"""LetterReader: a convolutional view of letters beside the vision tower, for VLSA's text-rich images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LetterBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))); shape (B, C, H, W) in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before, self.between = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.between(self.first(F.silu(self.before(x))))))


def halved(channels: int, more: int) -> nn.Conv2d:
    """A convolution to half the size: (B, channels, H, W) -> (B, more, H / 2, W / 2)."""
    return nn.Conv2d(channels, more, 3, stride=2, padding=1)


class LetterReader(nn.Module):
    """Features of letters for each token of the vision tower's grid: (B, 3, S, S) in [-1, 1] -> (B, (S/16)^2, 4 width).

    A letter looks the same wherever it stands, which convolutions know and a tower of patches has to learn. It is
    joined to the tower's tokens along channels, as encoders are in Eagle (Shi et al., 2024).

    Args:
        width: channels at a quarter of the picture's size, a multiple of 16.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            halved(3, width // 2), nn.GroupNorm(8, width // 2), nn.SiLU(),
            halved(width // 2, width), LetterBlock(width), LetterBlock(width),
            halved(width, 2 * width), LetterBlock(2 * width), LetterBlock(2 * width), LetterBlock(2 * width),
            halved(2 * width, 4 * width), LetterBlock(4 * width), LetterBlock(4 * width),
            nn.GroupNorm(8, 4 * width), nn.SiLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.contiguous(memory_format=torch.channels_last)).flatten(2).mT
