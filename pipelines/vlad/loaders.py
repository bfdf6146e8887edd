"""VLAD's parts from `checkpoints/<preset>`: a folder each, with config.json and model.safetensors, loaded strictly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from pipelines.config import MINILM, Preset, Source
from pipelines.errors import CheckpointMissing
from pipelines.models.autoencoder import Autoencoder
from pipelines.models.encoder import CCM, TextEncoder, VisionEncoder
from pipelines.models.sketch import SketchHead
from pipelines.models.tlg import TextLayoutGenerator
from pipelines.models.vfe import VisualFeatureEnhancer
from pipelines.registry import (
    Registry,
    files_bytes,
    load_safetensors,
    load_text_encoder,
    pretrained_bytes,
    read_json,
    read_safetensors,
    ready,
    register_shared,
    shown,
    tensors_bytes,
)
from pipelines.vlad import stable
from pipelines.vlad.ocr import RapidReader

M = TypeVar("M", bound=nn.Module)
PARTS: dict[str, type[ModelMixin]] = {
    "autoencoder": Autoencoder,
    "ccm": CCM,
    "vision": VisionEncoder,
    "sketch": SketchHead,
    "tlg": TextLayoutGenerator,
    "vfe": VisualFeatureEnhancer,
}
WEIGHTS = "model.safetensors"


def part_config(folder: Path) -> dict[str, Any]:
    """The arguments that the part in a folder was made with.

    Raises:
        CheckpointMissing: its config.json is absent or damaged.
    """
    return {k: v for k, v in read_json(folder / "config.json").items() if not k.startswith("_")}


def load_part(
    name: str, folder: Path, dtype: torch.dtype = torch.float32, parts: Mapping[str, type[ModelMixin]] = PARTS
) -> Any:
    """One of `parts` from `folder/name`, ready on the CPU.

    Raises:
        CheckpointMissing: a file is absent, truncated, or does not match the architecture.
    """
    config = part_config(folder / name)
    try:
        model = parts[name](**config)
    except (TypeError, ValueError) as e:
        where = shown(folder / name / "config.json")
        raise CheckpointMissing(f"The configuration {where} does not fit this version; restore the checkpoint.") from e
    return load_safetensors(model, folder / name / WEIGHTS, None if dtype == torch.float32 else dtype)


def load_encoder(folder: Path | None, source: Source = MINILM, dtype: torch.dtype = torch.float32) -> TextEncoder:
    """The pretrained text encoder with LoRA; `folder/lora` holds the adapter, None gives a fresh one.

    Raises:
        CheckpointMissing: encoder or adapter is absent, truncated or of another shape.
    """
    encoder = TextEncoder(load_text_encoder(source, dtype))
    if folder is not None:
        load_adapter(encoder, folder / "lora" / WEIGHTS)
    return ready(encoder, dtype)


def adapter_weights(encoder: nn.Module) -> dict[str, torch.Tensor]:
    """Only the low-rank matrices A and B of eq. (10)."""
    return {n: p.detach().cpu().contiguous() for n, p in encoder.state_dict().items() if "lora_" in n}


def load_adapter(encoder: nn.Module, path: Path) -> None:
    """Strictly read what `adapter_weights` gave.

    Raises:
        CheckpointMissing: absent, truncated or of another shape.
    """
    found, expected = read_safetensors(path), adapter_weights(encoder)
    if {n: p.shape for n, p in found.items()} != {n: p.shape for n, p in expected.items()}:
        raise CheckpointMissing(
            f"The checkpoint {shown(path)} does not match its configuration; restore it or train it anew."
        )
    encoder.load_state_dict(found, strict=False)


def part_bytes(folder: Path) -> int:
    """Bytes that a part takes in memory: stored in 16 or 8 bits, held in single precision."""
    return tensors_bytes(folder / WEIGHTS)


def register(registry: Registry, preset: Preset) -> Registry:
    """Add "tokenizer", "text_encoder", "ocr" and "vlad.<part>" for every part of a preset."""
    register_shared(registry, preset)

    def encoder_bytes() -> int:
        return pretrained_bytes(preset.text_encoder) + files_bytes(preset.part("lora") / WEIGHTS)

    registry.register("ocr", lambda dtype: RapidReader())  # its weights are in no file of ours, and small
    lora = preset.part("lora").parent

    def kind(dtype: torch.dtype) -> torch.dtype:
        return torch.float32 if preset.base else dtype  # small ones, that were not made for less

    def build(name: str, dtype: torch.dtype) -> Any:
        return load_part(name, preset.part(name).parent, kind(dtype))

    registry.register("vlad.encoder", lambda dtype: load_encoder(lora, preset.text_encoder, kind(dtype)), encoder_bytes)
    for name in PARTS:
        registry.register(f"vlad.{name}", partial(build, name), partial(part_bytes, preset.part(name)))
    if "transformer" in preset.pretrained:
        stable.register(registry, preset)
    return registry
