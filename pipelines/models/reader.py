"""LetterReader: a convolutional view of letters beside the vision tower, and how many of each a text or image has."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LETTERS = "".join(chr(c) for c in range(33, 127))  # class 0 is "no letter", the last class "another one"
CLASSES = len(LETTERS) + 2
STRIPS = 4  # upright strips of 16 x 16 pixels
EMPTY = 0.1  # weight of a place without a letter in training, beside that of a letter


def chances(logits: Tensor) -> Tensor:
    """Logits of letters (..., letters), trained with EMPTY -> probabilities in which empty places weigh like others."""
    return (logits.float() - F.pad(logits.new_full((1,), math.log(EMPTY)), (0, logits.shape[-1] - 1))).softmax(-1)


def letter_counts(texts: Sequence[str]) -> Tensor:
    """How often each of LETTERS, and any other character that is no space, stands in texts: (CLASSES - 1,) float."""
    found = [LETTERS.find(c) % (CLASSES - 1) for text in texts for c in text if not c.isspace()]
    return torch.bincount(torch.tensor(found, dtype=torch.long), minlength=CLASSES - 1).float()


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
    """What stands written at each 16 x 16 pixels of a picture: (B, 3, H, W) in [-1, 1] -> (B, H/16, W/16, d).

    A letter looks the same wherever it stands, which convolutions know and a tower of patches has to learn; and they
    need no tiles, whose edges cut letters in two. It is joined to the tower's tokens along channels, as encoders are in
    Eagle (Shi et al., 2024).

    Args:
        width: channels at a quarter of the picture's size, a multiple of 16. letters: classes of letters, the first of
        which is "no letter"; what is appended to the features is how likely each of the others has its centre in each
        of STRIPS upright strips of the 16 x 16 pixels. 0 = features alone.
    """

    def __init__(self, width: int = 64, letters: int = 0) -> None:
        super().__init__()
        self.width, self.letters = width, letters
        self.body = nn.Sequential(
            halved(3, width // 2), nn.GroupNorm(8, width // 2), nn.SiLU(),
            halved(width // 2, width), LetterBlock(width), LetterBlock(width),
            halved(width, 2 * width), LetterBlock(2 * width), LetterBlock(2 * width), LetterBlock(2 * width),
            halved(2 * width, 4 * width), LetterBlock(4 * width), LetterBlock(4 * width),
            nn.GroupNorm(8, 4 * width), nn.SiLU(),
        )  # fmt: skip
        if letters:
            self.head = nn.Linear(4 * width, STRIPS * letters)

    @property
    def channels(self) -> int:
        """d."""
        return 4 * self.width + STRIPS * max(0, self.letters - 1)

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, H/16, W/16, 4 width)."""
        return self.body(x.contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1)

    def named(self, features: Tensor) -> Tensor:
        """Features (..., 4 width) -> logits of the letter in each strip (..., STRIPS, letters)."""
        return self.head(features).unflatten(-1, (STRIPS, self.letters))

    def counts(self, x: Tensor) -> Tensor:
        """How many of each letter are expected in pictures: (B, 3, H, W) in [-1, 1] -> (B, letters - 1)."""
        return chances(self.named(self.features(x)))[..., 1:].sum((1, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.features(x)
        if not self.letters:
            return seen
        return torch.cat([seen, chances(self.named(seen))[..., 1:].flatten(-2).to(seen)], -1)
