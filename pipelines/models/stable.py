"""What the full preset takes over from Stable Diffusion 3 beside its transformer: the latent space and the prompt.

Both speak as the embedded parts do, so that the pipeline is the same.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from diffusers import AutoencoderKL
from torch import Tensor, nn

PROMPT_TOKENS = 256  # of T5; CLIP's two encoders read 77


class StableAutoencoder(nn.Module):
    """`AutoencoderKL` with normalised latents, which speaks as `pipelines.models.autoencoder.Autoencoder` does.

    `encode`: (B, 3, H, W) in [-1, 1] -> (B, C, H/8, W/8), the mode of its posterior. `decode`: the reverse, not
    clamped. Both take and give the type of what they are given; inside they compute in that of the weights.

    Args:
        vae: diffusers' autoencoder. Pictures larger than it was trained on are coded in overlapping tiles, so that
        memory does not grow with them.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae: Any = vae
        self.vae.enable_tiling()

    @property
    def channels(self) -> int:
        """C."""
        return self.vae.config.latent_channels

    def encode(self, x: Tensor) -> Tensor:
        z = self.vae.encode(x.to(self.vae.dtype)).latent_dist.mode().to(x.dtype)
        return (z - (self.vae.config.shift_factor or 0.0)) * self.vae.config.scaling_factor

    def decode(self, z: Tensor) -> Tensor:
        z = z / self.vae.config.scaling_factor + (self.vae.config.shift_factor or 0.0)
        return self.vae.decode(z.to(self.vae.dtype), return_dict=False)[0].to(z.dtype)


class StablePrompts(nn.Module):
    """The text encoders of Stable Diffusion 3: what its transformer attends to.

    Args:
        clip_l, clip_g: `CLIPTextModelWithProjection` with their tokenizers. t5: `T5EncoderModel`; None = its tokens are
        zero, which costs long prompts and spelling and saves 9.5 GB. dimension: width of the transformer's tokens.
    """

    def __init__(
        self, clip_l: Any, clip_g: Any, t5: Any | None, tokenizers: tuple[Any, Any, Any | None], dimension: int = 4096
    ) -> None:
        from diffusers import StableDiffusion3Pipeline  # which warns of what it would need for other things

        super().__init__()
        self.clip_l, self.clip_g, self.t5 = clip_l, clip_g, t5
        encoder: Any = StableDiffusion3Pipeline
        self.tokenizers = tokenizers
        one, two, three = tokenizers
        self._encoder: Any = encoder(None, None, None, clip_l, one, clip_g, two, t5, three)
        if t5 is None:  # the only case in which it asks the transformer for something
            self._encoder.transformer = SimpleNamespace(config=SimpleNamespace(joint_attention_dim=dimension))
        self._lock = threading.Lock()  # fast tokenizers are not re-entrant

    def forward(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """B prompts -> tokens (B, 77 + PROMPT_TOKENS, dimension) and pooled (B, 2048), in the weights' type.

        What is longer than the encoders read is cut off.
        """
        with self._lock:
            tokens, _, pooled, _ = self._encoder.encode_prompt(
                prompt=list(prompts), prompt_2=None, prompt_3=None, do_classifier_free_guidance=False,
                device=self.clip_l.device, max_sequence_length=PROMPT_TOKENS,
            )  # fmt: skip
        return tokens, pooled
