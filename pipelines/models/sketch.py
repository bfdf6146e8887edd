"""Sketch head: a coarse picture of an object, or of a background, from the embedding of its name.

It gives the layout canvas z_t (VLAD eqs. (6), (7)) its first idea of what stands in a box; VFE corrects it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.models.autoencoder import ResBlock

SKETCH_STYLES = ("3d", "flat", "mono", "texture", "photo")


class Dense(nn.Module):
    """Residual two-layer perceptron on (B, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(self.norm(x))))


class SketchHead(ModelMixin, ConfigMixin):
    """t_i, style and variant -> autoencoder latent (B, C, 16, 16) of a 128 px sketch and its opacity (B, 1, 64, 64).

    Args:
        text_width: D of t_i. variants: how many drawings of one name a style may have (views of a photograph).
        views: kind of background -> the variants that were learned.
        anchors: number of learned names whose embeddings are kept, so that an unknown name can take the nearest one's.
    """

    @register_to_config
    def __init__(
        self,
        text_width: int = 384,
        width: int = 1024,
        blocks: int = 3,
        channels: int = 80,
        latent: int = 16,
        styles: int = 5,
        variants: int = 16,
        convolutions: int = 3,
        views: dict[str, list[int]] | None = None,
        anchors: int = 1,
    ) -> None:
        super().__init__()
        self.name_in = nn.Linear(text_width, width)
        self.style = nn.Embedding(styles, width)
        self.variant = nn.Embedding(variants, width)
        self.trunk = nn.Sequential(*[Dense(width) for _ in range(blocks)])
        self.grid = nn.Linear(width, 64 * 64)  # 8x8 cells of 64 channels
        self.refine = nn.Sequential(
            nn.Conv2d(64, 4 * channels, 1),
            nn.PixelShuffle(2),  # (B, channels, 16, 16)
            *[ResBlock(channels) for _ in range(convolutions)],
            nn.SiLU(),
        )
        self.register_buffer("anchor", torch.zeros(anchors, text_width))
        self.latent_out = nn.Conv2d(channels, latent, 3, padding=1)
        self.opacity_out = nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.PixelShuffle(4))

    def nearest(self, t_i: Tensor, far: float = 0.35) -> Tensor:
        """Each embedding moved to the nearest learned name's, unless it is one already or is like none of them.

        Args:
            t_i: (B, D). far: cosine below which a name is like none and stays.
        """
        cosine, index = (F.normalize(t_i.float(), dim=-1) @ F.normalize(self.anchor.float(), dim=-1).T).max(-1)
        return torch.where((cosine > far)[:, None], self.anchor[index].to(t_i.dtype), t_i)

    def view(self, kind: str, variant: int) -> int:
        """The learned variant that a wish for any variant of a background gets."""
        learned = (self.config.views or {}).get(kind) or [0]
        return variant if variant in learned else learned[variant % len(learned)]

    def forward(self, t_i: Tensor, style: Tensor, variant: Tensor) -> tuple[Tensor, Tensor]:
        """t_i: (B, D). style, variant: (B,) long. Returns the latent and the opacity's logits."""
        x = self.name_in(t_i) + self.style(style) + self.variant(variant)
        x = self.grid(F.silu(self.trunk(x))).view(-1, 64, 8, 8)
        x = self.refine(x)
        return self.latent_out(x), self.opacity_out(x)


def sketch_loss(latent: Tensor, opacity: Tensor, true_latent: Tensor, true_opacity: Tensor) -> Tensor:
    """Squared error of the latent where the object is opaque (a tenth elsewhere) and cross-entropy of the opacity.

    latent: (B, C, 16, 16). opacity: logits (B, 1, 64, 64). true_opacity in [0, 1].
    """
    weight = 0.1 + 0.9 * F.avg_pool2d(true_opacity, 4)
    error = ((latent.float() - true_latent).square() * weight).mean() / weight.mean()
    return error + 0.5 * F.binary_cross_entropy_with_logits(opacity.float(), true_opacity)


@torch.no_grad()
def sketch_pictures(
    head: SketchHead, decode: Callable[[Tensor], Tensor], t_i: Tensor, style: Tensor, variant: Tensor
) -> Tensor:
    """RGBA pictures (B, 4, 128, 128) in [0, 1]: `decode` is the autoencoder's decoder. Edges of the opacity are
    sharpened.
    """
    latent, logits = head(t_i, style, variant)
    rgb = decode(latent).clamp(-1, 1) / 2 + 0.5
    soft = F.interpolate(torch.sigmoid(logits), scale_factor=2, mode="bicubic").clamp(0, 1)
    alpha = ((soft - 0.5) * 2.2 + 0.5).clamp(0, 1)
    return torch.cat([rgb, alpha], 1)
