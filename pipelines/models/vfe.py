"""Visual Feature Enhancer: the second diffusion stage, a latent denoiser guided by the layout canvas. VLAD eqs.
(4)-(9).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from diffusers import SD3Transformer2DModel
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import PatchEmbed, get_2d_sincos_pos_embed
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class StretchedPatchEmbed(PatchEmbed):
    """diffusers' patch embedding, which also takes grids larger than its table of positions.

    Positions of a larger grid are spread over the range that was trained: on a grid of twice the side they stand half
    a cell apart. So a larger picture has the same composition with more detail, not more of the same.
    """

    def cropped_pos_embed(self, height: int, width: int) -> Tensor:
        """Positions (1, h w, d) of a grid of h x w patches, in the dtype of the table.

        Args:
            height, width: of the latent in cells.
        """
        rows, columns = height // self.patch_size, width // self.patch_size
        if max(rows, columns) <= self.pos_embed_max_size:
            return super().cropped_pos_embed(height, width)
        return stretched_positions(self.pos_embed.shape[-1], rows, columns, self.base_size).to(self.pos_embed)


@lru_cache(maxsize=16)
def stretched_positions(width: int, rows: int, columns: int, base: int) -> Tensor:
    """Sine and cosine positions (1, rows columns, width) of a grid over the range of a base x base one, float32."""
    table = get_2d_sincos_pos_embed(width, (rows, columns), base_size=base, output_type="pt")
    return table.float()[None]


class VisualFeatureEnhancer(ModelMixin, ConfigMixin):
    """mu_theta(x_t, t, t) = W_t Concat(x_t, z_t, t), VLAD eq. (7), on diffusers' `SD3Transformer2DModel`.

    How W_t is realised: x_t, the canvas latent z_t and the elements' embeddings spread over their boxes are
    concatenated along the channels and enter through one learned linear map (the patch embedding); t enters beside
    them as tokens of joint attention and, pooled, with the time step through adaptive layer norm, which is what
    makes the map depend on the step. With z_t = 0 (the ablation without hierarchical guidance) the same network draws
    from t alone.

    Trained from nothing, the network predicts a residual that is added to the canvas: x0 = z_t + f(...), and mu of
    eq. (5) follows from x0 and x_t. Grown out of a pretrained transformer (`grown`) it predicts what that one does,
    the velocity eps - x0 of the rectified flow, so x0 = x_t - sigma f(...).

    Args:
        latent: channels of the autoencoder. spread: channels of the element map. context: width of the tokens of joint
        attention. size: latent side in cells of the pictures it is trained on; larger ones can be drawn. pooled: width
        of the pooled t; None = context. element: width of the elements' embeddings; None = context, and they are the
        tokens behind the first one. table: side of the table of positions, in patches; None = size / patch. velocity:
        what is predicted, see above. qk_norm, dual: as `SD3Transformer2DModel` has them (SD3.5).
    """

    @register_to_config
    def __init__(
        self,
        latent: int = 16,
        spread: int = 8,
        context: int = 256,
        size: int = 32,
        layers: int = 6,
        heads: int = 4,
        head_dim: int = 64,
        patch: int = 2,
        pooled: int | None = None,
        element: int | None = None,
        table: int | None = None,
        velocity: bool = False,
        qk_norm: str | None = None,
        dual: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.spread_in = nn.Linear(element or context, spread)
        self.denoiser = SD3Transformer2DModel(
            sample_size=size,
            patch_size=patch,
            in_channels=2 * latent + spread,
            out_channels=latent,
            num_layers=layers,
            num_attention_heads=heads,
            attention_head_dim=head_dim,
            caption_projection_dim=heads * head_dim,
            joint_attention_dim=context,
            pooled_projection_dim=pooled or context,
            pos_embed_max_size=table or size // patch,
            qk_norm=qk_norm,
            dual_attention_layers=tuple(dual),
        )
        self.denoiser.pos_embed = StretchedPatchEmbed(
            height=size,
            width=size,
            patch_size=patch,
            in_channels=2 * latent + spread,
            embed_dim=heads * head_dim,
            pos_embed_max_size=table or size // patch,
        )
        nn.init.zeros_(self.denoiser.proj_out.weight)  # training starts from x0 = z_t
        nn.init.zeros_(self.denoiser.proj_out.bias)

    @classmethod
    def grown(cls, plain: SD3Transformer2DModel, element: int, spread: int = 8) -> VisualFeatureEnhancer:
        """A pretrained transformer whose input has the channels of canvas and elements as well.

        The new weights are zero, so that before any training it predicts what `plain` does. Its weights are taken
        over, not copied: `plain` must not be used afterwards.

        Args:
            plain: for example SD3-medium's. element: width of the elements' embeddings. spread: channels they get.

        Raises:
            ValueError: a transformer whose input or output is not the latent alone.
        """
        had = plain.config
        if had.in_channels != had.out_channels or had.caption_projection_dim != plain.inner_dim:
            raise ValueError("only a transformer from latent to latent can be grown")
        old = plain.pos_embed.proj
        with torch.device("meta"):
            made = cls(
                latent=had.in_channels,
                spread=spread,
                context=had.joint_attention_dim,
                size=had.sample_size,
                layers=had.num_layers,
                heads=had.num_attention_heads,
                head_dim=had.attention_head_dim,
                patch=had.patch_size,
                pooled=had.pooled_projection_dim,
                element=element,
                table=had.pos_embed_max_size,
                velocity=True,
                qk_norm=had.qk_norm,
                dual=tuple(had.dual_attention_layers),
            )
        state = plain.state_dict()
        weight = old.weight.new_zeros(old.weight.shape[0], 2 * had.in_channels + spread, *old.weight.shape[2:])
        weight[:, : had.in_channels] = old.weight.detach()
        made.denoiser.load_state_dict(state | {"pos_embed.proj.weight": weight}, strict=True, assign=True)
        made.spread_in = nn.Linear(element, spread).to(weight)
        return made

    def forward(
        self,
        x: Tensor,
        sigma: Tensor,
        canvas: Tensor,
        tokens: Tensor,
        t: Tensor,
        cover: Tensor,
        elements: Tensor | None = None,
    ) -> Tensor:
        """Predict the clean latent.

        Weights may be in half precision; the noise level and x0 are in the type of x all the same.

        Args:
            x: (B, C, h, w) noisy latent x_t. sigma: (B,) noise level in (0, 1]. canvas: (B, C, h, w) z_t. tokens:
            (B, T, context). t: (B, pooled). cover: (B, M, h, w) share of each cell that element i's box covers.
            elements: (B, M, element) their embeddings; None = the tokens behind the first one, T = 1 + M.

        Returns:
            x0 (B, C, h, w).
        """
        dtype = self.spread_in.weight.dtype
        own = self.spread_in((tokens[:, 1:] if elements is None else elements).to(dtype))
        spread = torch.einsum("bmhw,bmc->bchw", cover, own.to(cover.dtype))
        entry = torch.cat([x, canvas, spread], 1).to(dtype)  # Concat of eq. (7)
        predicted = self.denoiser(entry, tokens.to(dtype), t.to(dtype), 1000 * sigma, return_dict=False)[0].to(x.dtype)
        if self.config.velocity:
            return x - sigma.view(-1, 1, 1, 1) * predicted
        return canvas + predicted


def add_noise(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Forward process, eq. (4), in closed form with the rectified-flow schedule: x_t = (1 - sigma) x_0 + sigma eps.

    clean, noise: (B, C, h, w). sigma: (B,) in [0, 1].
    """
    s = sigma.view(-1, 1, 1, 1)
    return (1 - s) * clean + s * noise


def diffusion_loss(clean: Tensor, predicted: Tensor, sigma: Tensor) -> Tensor:
    """L_diff, eq. (9), in its x0 form.

    eps = (x_t - (1 - sigma) x_0) / sigma, so ||eps - eps_theta||^2 = ((1 - sigma) / sigma)^2 ||x_0 - x_theta||^2.
    That weight grows without bound for small sigma and is 0 at sigma = 1, where the ablation starts; 1 / (sigma +
    0.1) keeps its direction without its extremes.
    """
    error = (predicted.float() - clean).square().mean((1, 2, 3))
    return (error / (sigma + 0.1)).mean()
