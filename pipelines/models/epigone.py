"""Epigone, the draft of the preview, and the denoiser they condition. VLSA eqs. (3) and (4)."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from pipelines.models.autoencoder import ResBlock


class Epigone(ModelMixin, ConfigMixin):
    """c = Epigone(V, P), eq. (4): a low-rank MLP, two linear layers and a SiLU between them.

    V becomes the pseudo prompt embeddings and P the pooled embedding that the denoiser took from VLAD's CCM. As
    there, the first token is the global one.

    Args:
        width: d of V and P. rank: the intermediate width. context: width of the denoiser's tokens. pooled: width of its
        pooled embedding, which then leaves by a layer of its own; None = that of its tokens.
    """

    @register_to_config
    def __init__(self, width: int = 576, rank: int = 96, context: int = 256, pooled: int | None = None) -> None:
        super().__init__()
        self.low = nn.Linear(width, rank)
        self.high = nn.Linear(rank, context)
        if pooled is not None:
            self.whole = nn.Linear(rank, pooled)

    def project(self, x: Tensor) -> Tensor:
        return self.high(nn.functional.silu(self.low(x)))

    def forward(self, v: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        """V (B, l, width), P (B, width) -> tokens (B, 1 + l, context), pooled (B, pooled or context)."""
        c = self.project(torch.cat([p[:, None], v], 1))  # c in R^{(l + 1) x d}
        return c, c[:, 0] if self.config.pooled is None else self.whole(nn.functional.silu(self.low(p)))


class PreviewDecoder(ModelMixin, ConfigMixin):
    """One pass from V to the autoencoder's latent: the instant preview, and the canvas on which the denoiser works.

    Args:
        width: d. cells: side of V's grid. side: latent cells along a token's side. channels: of the latent. hidden:
        of the convolutions. blocks: residual blocks.
    """

    @register_to_config
    def __init__(
        self, width: int = 576, cells: int = 8, side: int = 4, channels: int = 16, hidden: int = 96, blocks: int = 4
    ) -> None:
        super().__init__()
        self.spread = nn.Linear(width, side * side * hidden)
        self.shuffle = nn.PixelShuffle(side)
        self.body = nn.Sequential(*[ResBlock(hidden) for _ in range(blocks)])
        self.out = nn.Sequential(nn.SiLU(), nn.Conv2d(hidden, channels, 3, padding=1))

    def forward(self, v: Tensor) -> Tensor:
        """V (B, cells^2, width) -> (B, channels, cells * side, cells * side)."""
        cells = self.config.cells
        x = self.spread(v).mT.unflatten(-1, (cells, cells))  # (B, side^2 hidden, cells, cells)
        return self.out(self.body(self.shuffle(x)))


def cell_cover(cells: int, side: int) -> Tensor:
    """Which latent cells each token covers: (cells^2, cells * side, cells * side) of 0 and 1."""
    eye = torch.eye(cells * cells).view(cells * cells, cells, cells)
    return eye.repeat_interleave(side, 1).repeat_interleave(side, 2)


def reconstruction_loss(clean: Tensor, predicted: Tensor) -> Tensor:
    """L_rec, eq. (3): || z - z_theta(z_t, c) ||^2 as a mean over (B, C, h, w)."""
    return (predicted.float() - clean).square().mean()
