"""Text Layout Generator: the first diffusion stage, over the boxes and looks of the planned elements. VLAD eq. (6)."""

from __future__ import annotations

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class TextLayoutGenerator(ModelMixin, ConfigMixin):
    """p(z | t) = N(z; g_TLG(t), sigma^2 I), eq. (6), sharpened by denoising: g_TLG predicts the clean slots from
    noisy ones.

    A slot is one element as a vector of `slot` numbers in [-1, 1] (`pipelines.vlad.slots`): its box (cx, cy, w, h),
    colours, style, font category and alignment. What the prompt or the visitor fixes comes in as `known` values
    with their mask.

    Args:
        slot: numbers per element. hints: further numbers per element (text length, place, order).
        context: width of CCM's tokens.
    """

    @register_to_config
    def __init__(
        self, slot: int = 37, hints: int = 24, context: int = 256, width: int = 192, layers: int = 5, heads: int = 6
    ) -> None:
        super().__init__()
        self.slot_in = nn.Linear(3 * slot + hints, width)
        self.context_in = nn.Linear(context, width)
        self.global_in = nn.Linear(context, width)
        self.time = Timesteps(128, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_in = TimestepEmbedding(128, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.mixer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, slot)

    def forward(
        self, z: Tensor, sigma: Tensor, known: Tensor, fixed: Tensor, hints: Tensor, tokens: Tensor, mask: Tensor
    ) -> Tensor:
        """Clean slots.

        Args:
            z: (B, M, slot) noisy slots. sigma: (B,) noise level in [0, 1]. known: (B, M, slot) fixed values. fixed:
            (B, M, slot) 1 where known. hints: (B, M, hints). tokens: (B, 1 + M, context) from CCM. mask: (B, M)
            bool.

        Returns:
            (B, M, slot) prediction of the clean slots; known values pass through.
        """
        x = self.slot_in(torch.cat([z, known * fixed, fixed, hints], -1))
        shared = self.global_in(tokens[:, 0]) + self.time_in(self.time(1000 * sigma).to(x.dtype))
        x = x + self.context_in(tokens[:, 1:]) + shared[:, None]
        x = self.out(self.norm(self.mixer(x, src_key_padding_mask=~mask)))
        return torch.where(fixed > 0.5, known.to(x.dtype), x)


def layout_loss(clean: Tensor, predicted: Tensor, weight: Tensor, free: Tensor) -> Tensor:
    """L_diff of the layout stage, eq. (9) in its x0 form (see `vfe.diffusion_loss`), on the slots that are not fixed.

    Args:
        clean, predicted: (B, M, slot). weight: (slot,) importance of each number. free: (B, M, slot) 1 where predicted.
    """
    error = (predicted.float() - clean).square() * weight * free
    return error.sum() / (free * weight).sum().clamp_min(1)


@torch.no_grad()
def sample_layout(
    model: TextLayoutGenerator,
    known: Tensor,
    fixed: Tensor,
    hints: Tensor,
    tokens: Tensor,
    mask: Tensor,
    *,
    steps: int,
    variety: float,
    generator: torch.Generator,
) -> Tensor:
    """Denoise slots from noise of standard deviation `variety` (eq. (6)'s sigma; 0 gives the most expected layout).

    Returns:
        (B, M, slot).
    """
    schedule = FlowMatchEulerDiscreteScheduler(shift=1.0)
    schedule.set_timesteps(steps)
    z = variety * torch.randn(known.shape, generator=generator).to(known)
    for i, t in enumerate(schedule.timesteps):
        sigma = schedule.sigmas[i].to(known)
        noisy = torch.where(fixed > 0.5, known, z)
        clean = model(noisy, sigma.expand(len(z)), known, fixed, hints, tokens, mask)
        z = schedule.step((z - clean) / sigma, t, z).prev_sample
    return torch.where(fixed > 0.5, known, z)
