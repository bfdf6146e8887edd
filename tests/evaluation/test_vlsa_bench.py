"""The form of VLSA's bench, never its times."""

import json

import pytest
import torch
from PIL import Image

import pipelines
from evaluation import bench, vlsa_bench


def test_the_peer_has_the_size_of_the_architecture():
    with torch.device("meta"):
        peer = vlsa_bench.peer_model()
    assert sum(p.numel() for p in peer.parameters()) == 256_484_928


def small_peer(monkeypatch):
    """The same architecture with few and narrow layers."""
    few = {"num_hidden_layers": 1}
    monkeypatch.setattr(vlsa_bench, "VISION", {**vlsa_bench.VISION, **few})
    text = {
        "hidden_size": 24,
        "intermediate_size": 16,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    monkeypatch.setattr(vlsa_bench, "TEXT", {**vlsa_bench.TEXT, **few, **text})
    return vlsa_bench.peer_model


def test_the_peer_answers_at_each_number_of_tiles(monkeypatch):
    found = vlsa_bench.time_peer(2, (1, 2), small_peer(monkeypatch))
    assert [(p["tiles"], p["visual_tokens"], p["runs"]) for p in found] == [(1, 64, 2), (2, 128, 1)]
    assert all(p["tokens_per_s"]["median"] > 0 and p["dtype"] == "float32" for p in found)
    compared = vlsa_bench.with_ratios(found, {"first token, 512 px": {"median": 1.0}}, {"median": 10.0})
    assert compared[0]["ratio_first_token"] == round(found[0]["stages_ms"]["first token"]["median"], 2)


def test_every_image_of_the_bench_is_new():
    images = vlsa_bench._variant(Image.new("RGB", (4, 4)), 3)
    assert len({next(images).tobytes() for _ in range(20)}) == 20


def test_speed_is_reached_by_most_answers():
    assert vlsa_bench._speed([10.0, 20.0, 30.0]) == {"median": 20.0, "p95": 11.0}


def test_the_last_report():
    assert vlsa_bench.last(iter([1, 2])) == 2
    with pytest.raises(ValueError, match="nothing"):
        vlsa_bench.last(iter([]))


def test_stages_cover_opening_to_predictions(vlsa):
    stages, speed = vlsa_bench.time_stages(vlsa, [Image.new("RGB", (256, 256), "teal")])
    expected = {
        "open and tile, 256 px", "open and tile, 512 px", "first token, 256 px", "first token, 512 px",
        "preview reconstruction", "diffusion reconstruction", "tokens view", "predicted grid", "predicted colours",
    }  # fmt: skip
    assert expected <= set(stages)
    assert all(s["p95"] >= s["median"] >= 0 for s in stages.values())
    assert speed["median"] >= 0


def test_the_command_prints_and_writes_json(vlad, vlsa, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipelines, "load_both", lambda preset: (vlad, vlsa))
    monkeypatch.setattr(vlsa_bench, "fresh_process", lambda preset: {"peak_rss_mib": 1.0, "cold_start_s": 1.0})
    path = tmp_path / "bench.json"
    assert bench.main(["vlsa", "--runs", "1", "--peer-runs", "0", "--json", str(path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(path.read_text("utf-8"))
    assert printed["pipeline"] == "vlsa" and printed["peers"] == []
