"""Where weights are found; what is said when they are absent, damaged or of another shape; strict configurations."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipelines import build_cache, registry
from pipelines.config import MINILM, PRESETS, Source, from_dict, get_preset, to_dict
from pipelines.errors import BadSetting, CheckpointMissing


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file(nn.Linear(3, 2).state_dict(), path)
    return path


def test_strict_load_gives_a_frozen_module(saved: Path) -> None:
    module = registry.load_safetensors(nn.Linear(3, 2), saved, torch.float16)
    assert torch.equal(module.weight, registry.read_safetensors(saved)["weight"].half())
    assert not module.training and not module.weight.requires_grad


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.Linear(3, 4), r"weight has shape \(2, 3\) in place of \(4, 3\)"),
        (nn.Linear(3, 2, bias=False), "bias is unknown"),
        (nn.Sequential(nn.Linear(3, 2)), "0.weight is missing"),
    ],
)
def test_other_tensors_are_one_sentence(saved: Path, module: nn.Module, said: str) -> None:
    with pytest.raises(CheckpointMissing, match=said):
        registry.load_safetensors(module, saved)


@pytest.mark.parametrize("keep", [0, 5, 60, -1])
def test_a_truncated_file_is_one_sentence(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(CheckpointMissing, match=r"damaged or cut short; .*\.$"):
        registry.load_safetensors(nn.Linear(3, 2), saved)


def test_an_absent_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match=r"missing; .*\.$"):
        registry.load_safetensors(nn.Linear(3, 2), tmp_path / "none.safetensors")
    with pytest.raises(CheckpointMissing, match="missing"):
        registry.read_json(tmp_path / "config.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_configuration_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointMissing, match="damaged"):
        registry.read_json(path)


def test_paths_are_shown_relative_to_the_project(root: Path, tmp_path: Path) -> None:
    assert registry.shown(root / "checkpoints" / "a") == "checkpoints/a"
    assert registry.shown(tmp_path) == str(tmp_path)


def test_a_package_folder_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "weights_of_ours"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.package_folder("weights_of_ours", "model") == package / "model"
    assert registry.package_folder("weights_of_ours", "other") is None
    assert registry.package_folder("no_such_package") is None


def test_a_local_folder_comes_before_wheel_and_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "config.json").write_text("{}")
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    source = Source(folder="copy", package="json", hub="nobody/nothing")
    assert registry.resolve(source) == tmp_path / "copy"


def test_the_hub_is_asked_for_the_pinned_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def download(repo: str, **kwargs: object) -> str:
        asked.update(kwargs, repo=repo)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert registry.resolve(Source(hub="a/b", revision="c0ffee", subfolder="vae")) == tmp_path / "vae"
    assert (asked["repo"], asked["revision"]) == ("a/b", "c0ffee")
    assert all(str(p).startswith("vae/") for p in asked["allow_patterns"])  # type: ignore[union-attr]


def test_found_nowhere_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> str:
        raise OSError("offline")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(CheckpointMissing, match="a/b is neither installed nor .*requirements-models.txt"):
        registry.resolve(Source(package="no_such_package", hub="a/b"))
    with pytest.raises(CheckpointMissing, match="requirements-models.txt"):
        registry.resolve(Source(package="no_such_package"))


def test_every_source_from_the_hub_is_pinned() -> None:
    sources = [s for p in PRESETS.values() for s in (p.text_encoder, *p.pretrained.values())]
    assert all(len(s.revision) == 40 for s in sources if s.hub)


def test_a_tokenizer_is_never_entered_twice() -> None:
    inside, worst = 0, 0

    def slow(text: str) -> str:
        nonlocal inside, worst
        inside += 1
        worst = max(worst, inside)
        threading.Event().wait(0.01)
        inside -= 1
        return text

    tokenizer = registry.LockedTokenizer(slow)
    threads = [threading.Thread(target=tokenizer, args=("a",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert worst == 1


def test_the_text_encoder_of_the_wheel_embeds(minilm_folder: Path) -> None:
    tokenizer = registry.load_tokenizer(MINILM)
    encoder = registry.load_text_encoder(MINILM, torch.float32)
    with torch.no_grad():
        hidden = encoder(**tokenizer(["a red balloon"], return_tensors="pt")).last_hidden_state
    assert hidden.shape[-1] == 384 and hidden.isfinite().all()
    assert registry.pretrained_bytes(MINILM) > 80e6


def test_unknown_presets_list_those_that_exist() -> None:
    assert get_preset("mini").folder.parts[-2:] == ("checkpoints", "vlad-mini")
    with pytest.raises(BadSetting, match="'huge' does not exist; use one of mini, full"):
        get_preset("huge")


def test_a_preset_without_weights_is_one_sentence_and_asks_no_hub() -> None:
    with pytest.raises(CheckpointMissing, match="full has no weights in checkpoints/vlad-full"):
        build_cache("full", "cpu")


@dataclass(frozen=True)
class Inner:
    width: int
    dropout: float = 0.0


@dataclass(frozen=True)
class Outer:
    inner: Inner
    sizes: tuple[int, ...] = (1, 2)
    kind: Literal["small", "large"] = "small"
    note: str | None = None
    scales: dict[str, float] = field(default_factory=dict)
    bias: bool = True


def test_configurations_survive_json() -> None:
    config = Outer(Inner(8, 0.5), sizes=(3,), kind="large", note="n", scales={"a": 1.0}, bias=False)
    assert from_dict(Outer, json.loads(json.dumps(to_dict(config)))) == config
    assert from_dict(Outer, {"inner": {"width": 8, "dropout": 1}}) == Outer(Inner(8, 1.0))


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"inner": {"width": 8}, "other": 1},
        {"inner": {}},
        {"inner": {"width": 8.5}},
        {"inner": {"width": True}},
        {"inner": {"width": 8}, "kind": "huge"},
        {"inner": {"width": 8}, "sizes": 3},
        {"inner": {"width": 8}, "sizes": ["a"]},
        {"inner": {"width": 8}, "bias": 1},
        {"inner": {"width": 8}, "scales": {"a": "b"}},
    ],
)
def test_configurations_that_do_not_fit_are_refused(data: object) -> None:
    with pytest.raises(CheckpointMissing, match="does not fit this version"):
        from_dict(Outer, data)
