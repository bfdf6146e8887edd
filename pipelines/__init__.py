"""Text-to-image (VLAD) and image chat (VLSA) pipelines over one shared model cache.

    from pipelines import load

    vlad = load("mini")
    layout = vlad.plan("A poster that says 'Hello'", seed=1)
    picture = vlad.generate(layout, seed=1).images[0]

    from pipelines import load_vlsa
    from pipelines.vlsa.types import Message

    vlsa = load_vlsa("mini")
    for reply in vlsa.chat([Message("user", "What does it say?", picture)]):
        print(reply.text)

Importing this package loads no torch; `load` and `build_cache` do.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if os.environ.get("SPACES_ZERO_GPU"):  # on ZeroGPU `spaces` must be imported before torch, whichever module comes first
    with suppress(ImportError):
        import spaces  # noqa: F401

if TYPE_CHECKING:
    from pipelines.cache import ModelCache
    from pipelines.vlad.pipeline import VladPipeline
    from pipelines.vlsa.pipeline import VlsaPipeline

__all__ = ["build_cache", "load", "load_both", "load_vlsa"]


def build_cache(preset: str = "mini", device: str = "auto", language_bits: int = 16) -> ModelCache:
    """The cache of a preset with every loader registered and nothing loaded yet; share it between pipelines.

    Args:
        language_bits: 4 stores the language model of `full` in four bits, which needs bitsandbytes.

    Raises:
        BadSetting: unknown preset, or a device that is not here.
        CheckpointMissing: the preset has no weights here.
    """
    from pipelines.cache import ModelCache, Placement
    from pipelines.config import get_preset
    from pipelines.errors import CheckpointMissing
    from pipelines.registry import Registry
    from pipelines.runtime import detect
    from pipelines.vlad.loaders import register
    from pipelines.vlsa.loaders import register as register_vlsa

    chosen = get_preset(preset)
    if not chosen.part("tlg").is_dir():
        raise CheckpointMissing(f"The preset {preset} has no weights in {chosen.checkpoints}; use another or train it.")
    loaders = register_vlsa(register(Registry(), chosen), chosen, language_bits)
    return ModelCache(loaders, Placement.of(detect(device), chosen.precision))


def load(preset: str = "mini", device: str = "auto") -> VladPipeline:
    """The VLAD pipeline of a preset with a cache of its own; models load at first use.

    Raises:
        BadSetting: unknown preset, or a device that is not here.
        CheckpointMissing: the preset has no weights here.
    """
    from pipelines.vlad.pipeline import VladPipeline

    return VladPipeline(build_cache(preset, device), preset)


def load_vlsa(preset: str = "mini", device: str = "auto", language_bits: int = 16) -> VlsaPipeline:
    """The VLSA pipeline of a preset with a cache of its own; models load at first use.

    Raises:
        BadSetting: unknown preset, or a device that is not here.
        CheckpointMissing: the preset has no weights here.
    """
    return _vlsa(build_cache(preset, device, language_bits), preset)


def load_both(preset: str = "mini", device: str = "auto", language_bits: int = 16) -> tuple[VladPipeline, VlsaPipeline]:
    """Both pipelines over one shared cache.

    Raises:
        BadSetting: unknown preset, or a device that is not here.
        CheckpointMissing: the preset has no weights here.
    """
    from pipelines.vlad.pipeline import VladPipeline

    cache = build_cache(preset, device, language_bits)
    return VladPipeline(cache, preset), _vlsa(cache, preset)


def _vlsa(cache: ModelCache, preset: str) -> VlsaPipeline:
    """VLSA with what is trained of it; see `pipelines.vlsa.plain` for a preset of which nothing is."""
    from pipelines.config import get_preset
    from pipelines.vlsa.aligned import AlignedVlsaPipeline
    from pipelines.vlsa.pipeline import VlsaPipeline
    from pipelines.vlsa.plain import PlainVlsaPipeline

    chosen = get_preset(preset)
    if not chosen.base:
        return VlsaPipeline(cache, preset)
    return (AlignedVlsaPipeline if chosen.vlsa_trained else PlainVlsaPipeline)(cache, preset)
