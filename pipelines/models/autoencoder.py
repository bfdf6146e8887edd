"""Small convolutional autoencoder: 3xHxW pictures to 16 channels at an eighth of the size.

It plays the part of the latent space in which VLAD denoises (VLAD paper, section III-C). PixelUnshuffle(4) keeps the
cost low on a CPU: no convolution runs at full resolution.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class ResBlock(nn.Module):
    """x + conv(silu(conv(silu(x)))), the last convolution starting at zero. Shape (B, C, H, W) in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        if self.second.bias is not None:
            nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(nn.functional.silu(x))
        return x + self.second(nn.functional.silu(h))


class Autoencoder(ModelMixin, ConfigMixin):
    """Deterministic f8 autoencoder with per-channel normalised latents.

    `encode`: (B, 3, H, W) in [-1, 1], H and W multiples of 8 -> (B, C, H/8, W/8), about zero mean and unit variance.
    `decode`: the reverse; the result is not clamped.

    Args:
        latent_channels: C.
        fine, coarse: channels at a quarter and at an eighth of the picture's size.
        encoder_blocks, decoder_blocks: residual blocks at (a quarter, an eighth).
        patch: the PixelUnshuffle factor (4; the further factor 2 is a strided convolution).
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        fine: int = 96,
        coarse: int = 128,
        encoder_blocks: tuple[int, int] = (2, 2),
        decoder_blocks: tuple[int, int] = (4, 3),
        patch: int = 4,
    ) -> None:
        super().__init__()
        pixels = 3 * patch * patch
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(patch),  # (B, 48, H/4, W/4)
            nn.Conv2d(pixels, fine, 3, padding=1),
            *[ResBlock(fine) for _ in range(encoder_blocks[0])],
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1),  # (B, coarse, H/8, W/8)
            *[ResBlock(coarse) for _ in range(encoder_blocks[1])],
            nn.SiLU(),
            nn.Conv2d(coarse, latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, coarse, 3, padding=1),
            *[ResBlock(coarse) for _ in range(decoder_blocks[1])],
            nn.Conv2d(coarse, 4 * fine, 3, padding=1),
            nn.PixelShuffle(2),  # (B, fine, H/4, W/4)
            *[ResBlock(fine) for _ in range(decoder_blocks[0])],
            nn.SiLU(),
            nn.Conv2d(fine, pixels, 3, padding=1),
            nn.PixelShuffle(patch),  # (B, 3, H, W)
        )
        self.register_buffer("mean", torch.zeros(latent_channels))
        self.register_buffer("std", torch.ones(latent_channels))

    @property
    def channels(self) -> int:
        """C."""
        return len(self.mean)

    def encode(self, x: Tensor) -> Tensor:
        z = self.encoder(x)
        return (z - self.mean[:, None, None]) / self.std[:, None, None]

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z * self.std[:, None, None] + self.mean[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    @torch.no_grad()
    def fit_statistics(self, x: Tensor) -> None:
        """Set `mean` and `std` (C,) from pictures (B, 3, H, W) so that `encode` is normalised."""
        z = self.encoder(x).float()
        self.mean.copy_(z.mean((0, 2, 3)))
        self.std.copy_(z.std((0, 2, 3)).clamp_min(1e-3))
