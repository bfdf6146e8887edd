"""CLIPScore and FID: with a tiny CLIP of the real class, and features of our own in InceptionV3's place."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from evaluation.hub_metrics import clip_score, fid, pictures
from pipelines.config import Source
from pipelines.errors import BadImage, BadSetting

from .conftest import save_tokenizer


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """CLIP as its repository lays it out."""
    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("clip")
    text = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=300)
    vision = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28)
    config = CLIPConfig(
        text_config={**text, "eos_token_id": 2, "max_position_embeddings": 77},
        vision_config={**vision, "patch_size": 14},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    save_tokenizer(folder, 77)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    return Source(folder=str(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for k in range(20):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((40, 30)).save(tmp_path / f"{k:02}.png")
    return tmp_path


def test_clip_score_is_the_cosine_of_picture_and_prompt(clip: Source, folder: Path) -> None:
    paths, prompts = pictures(folder), [f"picture {k}" for k in range(20)]
    model: Any = CLIPModel.from_pretrained(clip.folder).eval()
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(clip.folder)
    process = CLIPImageProcessorPil.from_pretrained(clip.folder)
    with torch.inference_mode():
        pixels = process([Image.open(p).convert("RGB") for p in paths], return_tensors="pt")
        ids = tokenizer(prompts, return_tensors="pt", padding=True)
        found = model(**ids, pixel_values=pixels["pixel_values"])
        cosines = (found.image_embeds * found.text_embeds).sum(-1)
    assert clip_score(paths, prompts, clip) == pytest.approx(100 * float(cosines.clamp_min(0).mean()), abs=1e-2)
    assert (cosines > 0).any()
    with pytest.raises(BadSetting, match="one line for each"):
        clip_score(paths, prompts[:3], clip)


class Means(torch.nn.Module):
    """(B, 3, H, W) uint8 -> (B, 3) mean colours."""

    num_features = 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.float().mean((2, 3)) / 255


def test_fid_is_the_distance_of_two_distributions(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    paths, other = pictures(folder), tmp_path_factory.mktemp("bright")
    for path in paths:
        Image.open(path).point(lambda v: min(255, v + 60)).save(other / path.name)
    moved = pictures(other)
    assert fid(paths, paths, Means()) == pytest.approx(0, abs=1e-5)
    assert fid(paths, moved, Means()) > 0.05
    with pytest.raises(BadImage, match="holds no pictures"):
        pictures(folder / "none")


@pytest.mark.skipif(find_spec("torch_fidelity") is not None, reason="torch-fidelity is installed")
def test_without_inception_it_is_one_sentence(folder: Path) -> None:
    command = [sys.executable, "-m", "evaluation.hub_metrics", "--images", str(folder), "--real", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "run pip install -r requirements-gpu.txt" in done.stderr
