"""The benchmark of the preset `full`, to its last line with tiny models."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from evaluation import full_bench


def test_the_benchmark_runs_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "bench.json"
    monkeypatch.setattr(sys, "argv", ["full_bench", "--tiny", "--runs", "1", "--out", str(out)])
    full_bench.main()
    found = json.loads(out.read_text())
    assert found["tiny"] and {"draw", "chat", "train"} <= set(found)
    assert found["draw"]["ours_s"]["median"] > 0 and found["draw"]["diffusers_s"]["median"] > 0
    assert found["chat"]["ours_tokens_per_s"] > 0 and found["chat"]["image_tokens"] > 4
    assert found["train"]["flop_per_step"] > 1e6 and found["train"]["samples_per_s"] > 0


def test_the_real_sizes_ask_for_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["full_bench", "--out", str(tmp_path / "x.json")])
    with pytest.raises(SystemExit):
        full_bench.main()
