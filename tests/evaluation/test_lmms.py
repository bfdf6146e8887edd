"""The entry point of lmms-eval, on a task of our own with the embedded weights."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

datasets = pytest.importorskip("datasets")

TASK = """
task: toy
dataset_path: parquet
dataset_kwargs:
  data_files: {data}
test_split: train
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: "{{{{question}}}}"
doc_to_target: "answer"
generation_kwargs:
  max_new_tokens: 12
  temperature: 0
  do_sample: false
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    ignore_punctuation: true
metadata:
  - version: 0.0
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """Two posters and a question about the background of each."""
    rows = []
    for colour in ("red", "blue"):
        image, out = Image.new("RGB", (256, 256), colour), io.BytesIO()
        ImageDraw.Draw(image).text((60, 90), "SALE", fill="white", font_size=60)
        image.save(out, "PNG")
        rows.append(
            {
                "image": {"bytes": out.getvalue(), "path": None},
                "question": "What colour is the background?",
                "answer": colour,
            }
        )
    features = datasets.Features(
        {"image": datasets.Image(), "question": datasets.Value("string"), "answer": datasets.Value("string")}
    )
    datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "toy.parquet")
    (tmp_path / "toy.yaml").write_text(TASK.format(data=tmp_path / "toy.parquet"))
    (tmp_path / "utils.py").write_text("def doc_to_visual(doc):\n    return [doc['image'].convert('RGB')]\n")
    return tmp_path


@pytest.mark.skipif(find_spec("lmms_eval") is None, reason="lmms-eval is not installed")
def test_a_task_of_our_own_is_answered_and_scored(vlsa_folder: Path, task: Path, tmp_path: Path) -> None:
    """In a process of its own: importing lmms-eval has Pillow take broken files."""
    arguments = ["--preset", "mini", "--tasks", "toy", "--include", str(task), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "evaluation.lmms", *arguments], env=environment, capture_output=True, text=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert next(v for k, v in found["toy"].items() if k.startswith("exact_match")) == 1.0
