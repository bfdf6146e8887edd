"""checkpoints/vlsa-<preset>/<part> -> modules, and their names in the shared cache."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from peft import LoraConfig, get_peft_model, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from pipelines.config import Preset, get_preset
from pipelines.errors import CheckpointMissing
from pipelines.models.autoencoder import Autoencoder
from pipelines.models.encoder import VisionEncoder
from pipelines.models.epigone import Epigone, PreviewDecoder
from pipelines.models.perceiver import SAPerceiver
from pipelines.models.vfe import VisualFeatureEnhancer
from pipelines.models.vlm import VisionLanguageModel, VisualWords
from pipelines.models.vq import VQVAE
from pipelines.registry import (
    Registry,
    language_bytes,
    load_language_model,
    load_language_tokenizer,
    load_safetensors,
    read_json,
    read_safetensors,
    ready,
    shown,
    tensors_bytes,
)
from pipelines.vlad.loaders import load_part as load_vlad

PARTS: dict[str, type[ModelMixin]] = {
    "vision": VisionEncoder,
    "perceiver": SAPerceiver,
    "epigone": Epigone,
    "preview": PreviewDecoder,
    "words": VisualWords,
    "vq": VQVAE,
}
WEIGHTS = "model.safetensors"
LANGUAGE_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
DENOISER_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "net.0.proj", "net.2"]
DENOISER_RANK = 16
M = TypeVar("M", bound=nn.Module)


def load_part(name: str, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """One of PARTS from `folder/name`, ready on the CPU.

    Raises:
        CheckpointMissing: a file is absent, truncated, or does not match the architecture.
    """
    config = read_part_config(folder, name)
    try:
        model = PARTS[name](**config)
    except (TypeError, ValueError) as e:
        where = shown(folder / name / "config.json")
        raise CheckpointMissing(f"The configuration {where} does not fit this version; restore the checkpoint.") from e
    return load_safetensors(model, folder / name / WEIGHTS, None if dtype == torch.float32 else dtype)


# -- low-rank adapters


def with_lora(language: LlamaForCausalLM, rank: int) -> Any:
    """LoRA by peft on every linear layer of the decoder."""
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LANGUAGE_TARGETS, lora_dropout=0.0)
    return get_peft_model(language, config)


def with_denoiser_lora(denoiser: VisualFeatureEnhancer, rank: int = DENOISER_RANK) -> VisualFeatureEnhancer:
    """LoRA in the attention and feed-forward layers of VLAD's denoiser, in place."""
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=DENOISER_TARGETS, lora_dropout=0.0)
    inject_adapter_in_model(config, denoiser.denoiser)
    return denoiser


def adapter_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The low-rank matrices of a module."""
    return {n: p.detach().cpu().contiguous() for n, p in module.state_dict().items() if "lora_" in n}


def load_adapter(module: M, path: Path) -> M:
    """Strictly read what `adapter_of` gave, then fold it into the weights: nothing is added to a forward pass.

    Raises:
        CheckpointMissing: absent, truncated or of another shape.
    """
    found, expected = read_safetensors(path), adapter_of(module)
    if {n: p.shape for n, p in found.items()} != {n: p.shape for n, p in expected.items()}:
        raise CheckpointMissing(
            f"The checkpoint {shown(path)} does not match its configuration; restore it or train it anew."
        )
    module.load_state_dict(found, strict=False)
    for layer in module.modules():
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
    return module


# -- models


def language_model(
    dtype: torch.dtype, layers: tuple[int, ...] | None = None, tiny: dict[str, Any] | None = None, preset: str = "mini"
) -> LlamaForCausalLM:
    """The pretrained language model, or only some of its layers (the small decoder of stages I and II).

    Args:
        layers: numbers of the layers to keep, in order. tiny: sizes of a `LlamaConfig` for an untrained one (tests).
    """
    if tiny is not None:
        model = LlamaForCausalLM(LlamaConfig(tie_word_embeddings=True, **tiny)).to(dtype)
    else:
        source = get_preset(preset).language_model
        assert source is not None
        model = load_language_model(source, dtype)
    if layers is not None and tiny is None:
        kept = [model.model.layers[i] for i in layers]
        for i, layer in enumerate(kept):
            layer.self_attn.layer_idx = i
        model.model.layers = nn.ModuleList(kept)
        model.config.num_hidden_layers = len(kept)
    return model


def fresh_parts(vlad: Path | None, sizes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The parts that training starts from: VLAD's vision tower and denoiser where `vlad` is given, the rest untrained.

    Args:
        sizes: arguments of the parts' constructors (tests make them tiny).
    """
    vision = VisionEncoder(
        **{**read_part_config(vlad, "vision"), "stem": 48, "activation": "gelu", **sizes.get("vision", {})}
    )
    if vlad:
        start = load_vlad("vision", vlad).state_dict()
        patches = "vision.embeddings.patch_embedding."
        vision.load_state_dict({n.replace(patches, f"{patches}patches."): t for n, t in start.items()}, strict=False)
    denoiser = load_vlad("vfe", vlad) if vlad else VisualFeatureEnhancer(**sizes.get("denoiser", {}))
    width = sizes.get("perceiver", {}).get("width", 576)
    parts = {
        "vision": vision.train().requires_grad_(True),
        "perceiver": SAPerceiver(**{"vision": vision.config.width, **sizes.get("perceiver", {})}),
        "epigone": Epigone(**{"width": width, "context": denoiser.config.context, **sizes.get("epigone", {})}),
        "preview": PreviewDecoder(**{"width": width, **sizes.get("preview", {})}),
        "words": VisualWords(**{"width": width, **sizes.get("words", {})}),
        "denoiser": with_denoiser_lora(denoiser),
    }
    if vlad is None:
        parts["autoencoder"] = Autoencoder(**sizes.get("autoencoder", {}))
    return parts


def read_part_config(folder: Path | None, name: str) -> dict[str, Any]:
    """The arguments a trained part was made with; none without a folder."""
    if folder is None:
        return {}
    return {k: v for k, v in read_json(folder / name / "config.json").items() if not k.startswith("_")}


def load_denoiser(vlad: Path, folder: Path, dtype: torch.dtype = torch.float32) -> VisualFeatureEnhancer:
    """VLAD's denoiser with the adapter of reconstruction folded in."""
    denoiser: Any = with_denoiser_lora(load_vlad("vfe", vlad))  # type: ignore[arg-type]
    return ready(load_adapter(denoiser, folder / "denoiser" / WEIGHTS), None if dtype == torch.float32 else dtype)


def load_vlm(preset: Preset, folder: Path, dtype: torch.dtype = torch.float32) -> VisionLanguageModel:
    """Language model with its LoRA folded in, and the words for what it sees."""
    rank = read_json(folder / "lora" / "config.json")["rank"]
    language = load_adapter(with_lora(language_model(dtype, preset=preset.name), rank), folder / "lora" / WEIGHTS)
    return ready(VisionLanguageModel(language.merge_and_unload(), load_part("words", folder)), dtype)


COMPONENTS = (
    "language_tokenizer",
    "vlsa.vlm",
    "vlad.autoencoder",
    *(f"vlsa.{name}" for name in PARTS if name != "words"),
    "vlsa.denoiser",
)


def register(registry: Registry, preset: Preset) -> Registry:
    """Add "language_tokenizer", "vlsa.vlm", "vlsa.denoiser" and "vlsa.<part>"; the autoencoder is VLAD's.

    Call it after `pipelines.vlad.loaders.register`.
    """
    vlad, folder, source = preset.folder, preset.vlsa_folder, preset.language_model
    if source is not None:
        registry.register("language_tokenizer", lambda dtype: load_language_tokenizer(source))
        registry.register("vlsa.vlm", partial(load_vlm, preset, folder), lambda: language_bytes(source))
    for name in PARTS:
        if name != "words":
            registry.register(f"vlsa.{name}", partial(load_part, name, folder), partial(_bytes, folder / name))
    registry.register("vlsa.denoiser", partial(load_denoiser, vlad, folder), partial(_bytes, vlad / "vfe"))
    return registry


def _bytes(folder: Path) -> int:
    return tensors_bytes(folder / WEIGHTS)
