"""The bench's form, never its times."""

import json
import sys

import pytest
import torch

import pipelines
from evaluation import bench
from evaluation.environment import checkpoint, machine, peak_memory_mb

SERVER = """
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
address = (os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"]))
http.server.HTTPServer(address, Page).serve_forever()
"""


def test_summary_is_in_milliseconds():
    assert bench.summary_ms([0.1, 0.2, 0.3]) == {"median": 200.0, "p95": 290.0}


def test_stages_cover_parse_to_picture(pipe):
    stages = bench.time_stages(pipe, 3, ("a 'One'", "a 'Two'"))
    assert {"parse", "layout", "canvas", "denoise", "decode", "image", "total"} == set(stages)
    assert stages["decode"]["median"] == 3.0
    assert all(s["median"] >= 0 and s["p95"] >= s["median"] for s in stages.values())


def test_peer_parts_are_summed_run_by_run():
    parts = {"a": lambda: lambda: torch.ones(2), "b": lambda: lambda: torch.ones(3)}
    found = bench.time_peer(2, parts)
    assert set(found["stages_ms"]) == {"a", "b", "total"}
    assert bench.ratio({"total": {"median": 1.0}}, {"stages_ms": {"total": {"median": 5.0}}}) == 5.0


def test_peer_has_the_size_of_the_architecture():
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        unet, text = UNet2DConditionModel(**bench.UNET), CLIPTextModel(CLIPTextConfig(**bench.TEXT_ENCODER))
    assert sum(p.numel() for p in unet.parameters()) == 865_910_724
    assert sum(p.numel() for p in text.parameters()) == 340_387_840


def test_the_peers_decoder_runs_on_finite_random_weights():
    decoded = bench._peer_decoder()().sample
    assert decoded.shape == (1, 3, 256, 256)
    assert torch.isfinite(decoded).all()


def test_cold_start_waits_for_the_page_and_stops_the_server(tmp_path):
    found = bench.server_cold_start([sys.executable, "-c", SERVER], tmp_path)
    assert found["server_ready_s"] > 0


def test_cold_start_of_an_app_that_dies(tmp_path):
    assert "status 3" in bench.server_cold_start([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)["error"]


def test_command_prints_and_writes_json(pipe, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipelines, "load", lambda preset: pipe)
    monkeypatch.setattr(bench, "PROMPTS", ("a 'One'",))
    monkeypatch.setattr(bench, "fresh_process", lambda preset: {"peak_rss_mb": 1.0})
    path = tmp_path / "bench.json"
    assert bench.main(["vlad", "--runs", "1", "--peer-runs", "0", "--no-server", "--json", str(path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(path.read_text("utf-8"))
    assert printed["fresh_process"] == {"peak_rss_mb": 1.0}
    assert printed["peer"] is None


def test_a_failing_child_reports_its_sentence(monkeypatch):
    monkeypatch.setattr(bench.sys, "executable", "false")
    assert "error" in bench.fresh_process("mini")


def test_environment_names_machine_and_checkpoint(tmp_path):
    assert machine()["versions"]["torch"] == torch.__version__
    assert checkpoint("absent", tmp_path) == {"name": "vlad-absent", "sha256": None}
    folder = tmp_path / "vlad-x"
    folder.mkdir()
    (folder / "config.json").write_text("{}", "utf-8")
    first = checkpoint("x", tmp_path)["sha256"]
    (folder / "config.json").write_text("{ }", "utf-8")
    assert first != checkpoint("x", tmp_path)["sha256"]
    assert peak_memory_mb() > 10


@pytest.mark.parametrize("arguments", [["vlad", "--runs", "0"]])
def test_bad_arguments_are_one_sentence(arguments, capsys):
    assert bench.main(arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1
