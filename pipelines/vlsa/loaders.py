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
from pipelines.models.autoencoder import Autoencoder
from pipelines.models.encoder import VisionEncoder
from pipelines.models.epigone import Epigone, PreviewDecoder
from pipelines.models.perceiver import SAPerceiver
from pipelines.models.reader import CLASSES
from pipelines.models.vfe import VisualFeatureEnhancer
from pipelines.models.vlm import VisionLanguageModel, VisualWords
from pipelines.models.vq import VQVAE
from pipelines.registry import (
    Registry,
    language_bytes,
    load_language_model,
    load_language_tokenizer,
    read_json,
    ready,
)
from pipelines.vlad import loaders as vlad
from pipelines.vlsa import llava

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
SPELLING = 768  # between the two layers that spell V
M = TypeVar("M", bound=nn.Module)


def load_part(name: str, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """One of PARTS from `folder/name`, as `pipelines.vlad.loaders.load_part`."""
    return vlad.load_part(name, folder, dtype, PARTS)


def wide(name: str, folder: Path, dtype: torch.dtype) -> Any:
    """One of PARTS in single precision, whatever `dtype` the rest is in."""
    return load_part(name, folder)


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


def load_folded(module: M, path: Path) -> M:
    """Strictly read a module's adapter and fold it into the weights: nothing is added to a forward pass.

    Raises:
        CheckpointMissing: absent, truncated or of another shape.
    """
    vlad.load_adapter(module, path)
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


def fresh_parts(start: Path | None, sizes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The parts that training starts from: VLAD's vision tower and denoiser where `start` is given, the rest untrained.

    Args:
        sizes: arguments of the parts' constructors (tests make them tiny).
    """
    own = vlad.part_config(start / "vision") if start else {}
    stemmed = bool(own.get("stem"))
    for_vlsa = {"stem": 48, "reader": 64, "alphabet": CLASSES, "activation": "gelu"}
    vision = VisionEncoder(**{**own, **for_vlsa, **sizes.get("vision", {})})
    if start:
        weights = vlad.load_part("vision", start).state_dict()
        patches = "vision.embeddings.patch_embedding."
        if not stemmed:
            weights = {n.replace(patches, f"{patches}patches."): t for n, t in weights.items()}
        vision.load_state_dict(weights, strict=False)
    denoiser = vlad.load_part("vfe", start) if start else VisualFeatureEnhancer(**sizes.get("denoiser", {}))
    width = sizes.get("perceiver", {}).get("width", 576)
    parts = {
        "vision": vision.train().requires_grad_(True),
        "perceiver": SAPerceiver(
            **{"vision": vision.config.width, "beside": vision.beside, **sizes.get("perceiver", {})}
        ),
        "epigone": Epigone(**{"width": width, "context": denoiser.config.context, **sizes.get("epigone", {})}),
        "preview": PreviewDecoder(**{"width": width, **sizes.get("preview", {})}),
        "words": VisualWords(
            **{"width": width, "letters": CLASSES, "spelling": SPELLING, "spaced": True, **sizes.get("words", {})}
        ),
        "denoiser": with_denoiser_lora(denoiser),
    }
    if start is None:
        parts["autoencoder"] = Autoencoder(**sizes.get("autoencoder", {}))
    return parts


def load_denoiser(start: Path, folder: Path, dtype: torch.dtype = torch.float32) -> VisualFeatureEnhancer:
    """VLAD's denoiser with the adapter of reconstruction folded in."""
    denoiser: Any = with_denoiser_lora(vlad.load_part("vfe", start))  # type: ignore[arg-type]
    return ready(load_folded(denoiser, folder / "denoiser" / WEIGHTS), None if dtype == torch.float32 else dtype)


def load_vlm(preset: Preset, folder: Path, dtype: torch.dtype = torch.float32) -> VisionLanguageModel:
    """Language model with its LoRA folded in, and the words for what it sees."""
    rank = read_json(folder / "lora" / "config.json")["rank"]
    language = load_folded(with_lora(language_model(dtype, preset=preset.name), rank), folder / "lora" / WEIGHTS)
    return ready(VisionLanguageModel(language.merge_and_unload(), load_part("words", folder)), dtype)


ALIGNED = ("perceiver", "epigone", "preview")  # parts of their own of a preset on LLaVA-NeXT
COMPONENTS = (
    "language_tokenizer",
    "vlsa.vlm",
    "vlad.autoencoder",
    *(f"vlsa.{name}" for name in PARTS if name != "words"),
    "vlsa.denoiser",
)


def register(registry: Registry, preset: Preset, language_bits: int = 16) -> Registry:
    """Add "language_tokenizer", "vlsa.vlm", "vlsa.denoiser" and "vlsa.<part>"; the autoencoder is VLAD's.

    Call it after `pipelines.vlad.loaders.register`.

    Args:
        language_bits: of a language model that is taken over as it was published, 16 or 4.
    """
    start, folder, source = preset.folder, preset.vlsa_folder, preset.language_model
    if source is not None and preset.base:
        llava.register(registry, preset, language_bits)
        for name in ALIGNED:
            registry.register(f"vlsa.{name}", partial(wide, name, folder), partial(vlad.part_bytes, folder / name))
        return registry
    if source is not None:
        registry.register("language_tokenizer", lambda dtype: load_language_tokenizer(source))
        registry.register("vlsa.vlm", partial(load_vlm, preset, folder), lambda: language_bytes(source))
    for name in PARTS:
        if name != "words":
            registry.register(f"vlsa.{name}", partial(load_part, name, folder), partial(vlad.part_bytes, folder / name))
    registry.register("vlsa.denoiser", partial(load_denoiser, start, folder), partial(vlad.part_bytes, start / "vfe"))
    return registry
