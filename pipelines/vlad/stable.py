"""VLAD's denoiser, latent space and prompt encoders out of Stable Diffusion 3, and their names in the cache."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, SD3Transformer2DModel
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from pipelines.config import Preset
from pipelines.errors import CheckpointMissing
from pipelines.models.stable import StableAutoencoder, StablePrompts
from pipelines.models.vfe import VisualFeatureEnhancer
from pipelines.registry import (
    Registry,
    load_pretrained,
    load_tokenizer,
    pretrained_bytes,
    read_json,
    read_safetensors,
    ready,
    shown,
)

ADAPTER = "adapter.safetensors"
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"]


def load_autoencoder(preset: Preset, dtype: torch.dtype) -> StableAutoencoder:
    """The VAE of Stable Diffusion 3.

    Raises:
        CheckpointMissing: as `pipelines.registry.load_pretrained`.
    """
    return ready(StableAutoencoder(load_pretrained(preset.pretrained["vae"], AutoencoderKL, dtype)))


def load_prompts(preset: Preset, dtype: torch.dtype) -> StablePrompts:
    """The three text encoders with their tokenizers.

    Raises:
        CheckpointMissing: as `pipelines.registry.load_pretrained`.
    """
    source = preset.pretrained
    clip: Any = CLIPTextModelWithProjection
    t5: Any = T5EncoderModel
    clip_l, clip_g, long = (
        load_pretrained(source[name], kind, dtype)
        for name, kind in (("text_encoder", clip), ("text_encoder_2", clip), ("text_encoder_3", t5))
    )
    one, two, three = (load_tokenizer(source[name]).plain for name in ("tokenizer", "tokenizer_2", "tokenizer_3"))
    return ready(StablePrompts(clip_l, clip_g, long, (one, two, three)))


def adapted(denoiser: VisualFeatureEnhancer, rank: int) -> VisualFeatureEnhancer:
    """LoRA on the attention of a grown transformer, in place."""
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS, lora_dropout=0.0)
    inject_adapter_in_model(config, denoiser.denoiser)
    return denoiser


def trained(name: str) -> bool:
    """Whether a parameter of a grown transformer with LoRA learns: LoRA, and what canvas and elements enter by."""
    return "lora_" in name or name.startswith(("spread_in.", "denoiser.pos_embed.proj."))


def load_denoiser(preset: Preset, dtype: torch.dtype) -> VisualFeatureEnhancer:
    """The transformer with its input grown by the canvas, and what was trained of it, where there is something, folded
    into its weights.

    Raises:
        CheckpointMissing: as `pipelines.registry.load_pretrained`, or an adapter of another shape.
    """
    plain = load_pretrained(preset.pretrained["transformer"], SD3Transformer2DModel, dtype)
    width = read_json(preset.part("ccm") / "config.json").get("width")
    if not isinstance(width, int):
        raise CheckpointMissing(f"The configuration of {preset.name}'s CCM tells no width; restore the checkpoint.")
    grown = VisualFeatureEnhancer.grown(plain, width)
    return ready(grown if not preset.vlad_trained else folded(grown, preset.folder / "vfe"))


def folded(denoiser: VisualFeatureEnhancer, folder: Path) -> VisualFeatureEnhancer:
    """The adapter that training wrote into `folder`, folded into a grown transformer.

    Raises:
        CheckpointMissing: absent, truncated or of another shape.
    """
    rank = read_json(folder / "config.json").get("rank")
    found, model = read_safetensors(folder / ADAPTER), adapted(denoiser, rank if isinstance(rank, int) else 1)
    shapes = {n: p.shape for n, p in model.named_parameters() if n in found or "lora_" in n}
    if shapes != {n: t.shape for n, t in found.items()}:
        raise CheckpointMissing(f"The adapter {shown(folder / ADAPTER)} belongs to another model; train it anew.")
    model.load_state_dict({n: t.to(model.dtype) for n, t in found.items()}, strict=False)
    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
    return model


def register(registry: Registry, preset: Preset) -> Registry:
    """Add "vlad.vae", "vlad.prompts" and "vlad.vfe" of a preset that takes them from Stable Diffusion 3."""
    source = preset.pretrained

    def size(*names: str) -> int:
        return sum(pretrained_bytes(source[name]) for name in names)

    registry.register("vlad.vae", partial(load_autoencoder, preset), lambda: size("vae"))
    encoders = ("text_encoder", "text_encoder_2", "text_encoder_3")
    registry.register("vlad.prompts", partial(load_prompts, preset), lambda: size(*encoders))
    registry.register("vlad.vfe", partial(load_denoiser, preset), lambda: size("transformer"))
    return registry
