"""VLAD's denoiser, latent space and prompt encoders out of Stable Diffusion 3, and their names in the cache."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, SD3Transformer2DModel
from peft import LoraConfig, inject_adapter_in_model
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from pipelines.config import Preset
from pipelines.errors import CheckpointMissing
from pipelines.models.adapters import Adapters, Under
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
# What canvas and elements enter by; an adapter has its own.
OWN = ("spread_in.weight", "spread_in.bias", "denoiser.pos_embed.proj.weight", "denoiser.pos_embed.proj.bias")
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
    inject_adapter_in_model(lora(rank), denoiser.denoiser)
    return denoiser


def lora(rank: int) -> LoraConfig:
    """LoRA on the attention of the transformer."""
    return LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS, lora_dropout=0.0)


def trained(name: str) -> bool:
    """Whether a parameter of a grown transformer with LoRA learns: LoRA, and what canvas and elements enter by."""
    return "lora_" in name or name in OWN


def load_grown(preset: Preset, dtype: torch.dtype) -> VisualFeatureEnhancer:
    """The transformer with its input grown by the canvas, nothing trained of it.

    Raises:
        CheckpointMissing: as `pipelines.registry.load_pretrained`.
    """
    plain = load_pretrained(preset.pretrained["transformer"], SD3Transformer2DModel, dtype)
    width = read_json(preset.part("ccm") / "config.json").get("width")
    if not isinstance(width, int):
        raise CheckpointMissing(f"The configuration of {preset.name}'s CCM tells no width; restore the checkpoint.")
    return ready(VisualFeatureEnhancer.grown(plain, width))


def load_denoiser(preset: Preset, dtype: torch.dtype) -> VisualFeatureEnhancer:
    """`load_grown` with `adapters`: "vlad" and "vlsa", as far as they are trained.

    Raises:
        CheckpointMissing: as `pipelines.registry.load_pretrained`, or an adapter of another shape.
    """
    base: Any = load_grown(preset, dtype)
    base.adapters = Adapters(base, OWN)
    for name, folder in (("vlad", preset.folder / "vfe"), ("vlsa", preset.vlsa_folder / "denoiser")):
        if folder.is_dir():
            add_adapter(base.adapters, name, base.denoiser, folder)
    return base


def add_adapter(adapters: Adapters, name: str, target: Any, folder: Path, make: Any = lora) -> None:
    """The adapter that training wrote into `folder`; make: rank -> its configuration.

    Raises:
        CheckpointMissing: absent, truncated or of another shape.
    """
    rank, found = read_json(folder / "config.json").get("rank"), read_safetensors(folder / ADAPTER)
    try:
        adapters.add(name, target, make(rank if isinstance(rank, int) else 1), found)
    except ValueError as e:
        raise CheckpointMissing(
            f"The adapter {shown(folder / ADAPTER)} belongs to another model; train it anew."
        ) from e


def register(registry: Registry, preset: Preset) -> Registry:
    """Add "vlad.vae", "vlad.prompts" and "stable.transformer" of a preset that takes them from Stable Diffusion 3, and
    what that one is with adapters: "vlad.vfe" and "vlsa.denoiser".
    """
    source = preset.pretrained

    def size(*names: str) -> int:
        return sum(pretrained_bytes(source[name]) for name in names)

    registry.register("vlad.vae", partial(load_autoencoder, preset), lambda: size("vae"))
    encoders = ("text_encoder", "text_encoder_2", "text_encoder_3")
    registry.register("vlad.prompts", partial(load_prompts, preset), lambda: size(*encoders))
    registry.register("stable.transformer", partial(load_denoiser, preset), lambda: size("transformer"))
    drawing = "vlad" if preset.vlad_trained else ""
    registry.see("vlad.vfe", "stable.transformer", lambda base: Under(base.adapters, drawing))
    registry.see("vlsa.denoiser", "stable.transformer", lambda base: Under(base.adapters, "vlsa"))
    return registry
