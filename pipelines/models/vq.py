"""VQ-VAE: the discrete view of a picture whose codebook indices are cognition alignment's targets. VLSA eq. (5)."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import VQModel
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from pipelines.models.autoencoder import Autoencoder


class VQVAE(ModelMixin, ConfigMixin):
    """f8 encoder and decoder of `Autoencoder` with a codebook between them.

    Eq. (5): Target_VQ = argmin(B x flatten(L)), L in R^{h' x w' x d'} the encoder's output, B in R^{s x d'} the
    codebook; the argmin is over the distance between a latent and each code. The quantiser is the one of
    `vector-quantize-pytorch`: codes are moving averages of their latents, and codes that nothing chooses are drawn
    anew from the batch, so a small data set does not collapse onto a few of them.

    Args:
        codes: s. channels: d'. fine, coarse, encoder_blocks, decoder_blocks: see `Autoencoder`.
    """

    @register_to_config
    def __init__(
        self,
        codes: int = 1024,
        channels: int = 16,
        fine: int = 96,
        coarse: int = 128,
        encoder_blocks: tuple[int, int] = (2, 2),
        decoder_blocks: tuple[int, int] = (4, 3),
    ) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(
            latent_channels=channels,
            fine=fine,
            coarse=coarse,
            encoder_blocks=encoder_blocks,
            decoder_blocks=decoder_blocks,
        )
        self.quantiser = VectorQuantize(
            dim=channels,
            codebook_size=codes,
            decay=0.98,
            kmeans_init=False,
            threshold_ema_dead_code=1.0,
            commitment_weight=0.25,
            rotation_trick=True,
        )

    @property
    def codebook(self) -> Tensor:
        """B: (codes, channels)."""
        return self.quantiser.codebook

    def quantise(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (B, 3, H, W) in [-1, 1] -> quantised latents (B, d', H/8, W/8), indices (B, H/8, W/8) long, loss."""
        z = self.autoencoder.encode(x).float()
        b, c, h, w = z.shape
        quantised, index, commitment = self.quantiser(z.flatten(2).mT)  # (B, h'w', d')
        return quantised.mT.reshape(b, c, h, w), index.view(b, h, w), commitment.sum()

    def indices(self, x: Tensor) -> Tensor:
        """Target_VQ of eq. (5): (B, 3, H, W) in [-1, 1] -> (B, H/8, W/8) long in [0, codes)."""
        return self.quantise(x)[1]

    def decode(self, index: Tensor) -> Tensor:
        """Indices (B, h', w') -> pictures (B, 3, 8h', 8w'), about [-1, 1]: what `quantise`'s latents decode to."""
        latent = self.quantiser.get_output_from_indices(index.flatten(1))  # (B, h'w', d')
        return self.decode_latent(latent.mT.reshape(len(index), -1, *index.shape[1:]))

    def decode_latent(self, quantised: Tensor) -> Tensor:
        return self.autoencoder.decode(quantised)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures -> reconstruction (B, 3, H, W), indices (B, H/8, W/8), commitment loss (scalar)."""
        quantised, index, commitment = self.quantise(x)
        return self.decode_latent(quantised), index, commitment

    @torch.no_grad()
    def start_from(self, autoencoder: Autoencoder, x: Tensor) -> None:
        """Take an autoencoder's weights and draw the first codes from its latents of the pictures x (B, 3, H, W)."""
        self.autoencoder.load_state_dict(autoencoder.state_dict())
        z = self.autoencoder.encode(x).float().flatten(2).mT.flatten(0, 1)  # (B h'w', d')
        codes = self.codebook.shape[0]
        spread = z + 0.05 * torch.randn_like(z)  # plain areas give the same latent again and again
        chosen = spread[torch.randperm(len(z))[:codes]]
        book = self.quantiser._codebook
        book.embed.data.copy_(chosen[None])
        book.embed_avg.data.copy_(chosen[None])
        book.cluster_size.data.fill_(1.0)


class PublicVQ(nn.Module):
    """diffusers' `VQModel`, a VQ-VAE as others published it, which speaks as `VQVAE` does.

    Args:
        model: 8 pixels a code.
    """

    def __init__(self, model: VQModel) -> None:
        super().__init__()
        self.model: Any = model

    @property
    def codebook(self) -> Tensor:
        """B: (codes, channels)."""
        return self.model.quantize.embedding.weight

    def indices(self, x: Tensor) -> Tensor:
        """Target_VQ of eq. (5): (B, 3, H, W) in [-1, 1] -> (B, H/8, W/8) long."""
        z = self.model.encode(x.to(self.model.dtype)).latents
        return self.model.quantize(z)[2][2].view(len(z), *z.shape[2:])

    def decode(self, index: Tensor) -> Tensor:
        """Indices (B, h', w') -> pictures (B, 3, 8h', 8w'), about [-1, 1]."""
        shape = (*index.shape, self.codebook.shape[1])
        latent = self.model.quantize.get_codebook_entry(index.reshape(-1), shape)
        return self.model.decode(latent, force_not_quantize=True).sample
