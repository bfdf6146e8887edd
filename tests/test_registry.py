"""Where weights are found; what is said when they are absent, damaged or of another shape; strict configurations."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipelines import build_cache, registry
from pipelines.cache import module_bytes
from pipelines.config import MINILM, PRESETS, Source, from_dict, get_preset, to_dict
from pipelines.errors import BadSetting, CheckpointMissing
from training.checkpoints import packed, requantise, save_tensors


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


@pytest.fixture
def model() -> nn.Sequential:
    """One of each: a convolution and a matrix worth 8 bits, small ones, a buffer of whole numbers."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 64, 3), nn.GroupNorm(4, 64), nn.Linear(64, 64), nn.Linear(4, 4))
    model.register_buffer("steps", torch.arange(7))
    model[0].weight.data[3] = 0  # a row of nothing
    model[2].weight.data[5] *= 1e4
    return model


def test_eight_bits_are_read_as_if_they_were_sixteen(model: nn.Sequential, tmp_path: Path) -> None:
    original = {n: t.clone() for n, t in model.state_dict().items()}
    save_tensors(original, tmp_path, bits=8)
    found = registry.load_safetensors(model, tmp_path / "model.safetensors").state_dict()
    for name, t in original.items():
        step = t.abs().flatten(1).amax(1) / 127 if t.ndim > 1 else torch.zeros(1)
        limit = 0.51 * step if name in ("0.weight", "2.weight") else 1e-3 * t.abs().amax() * torch.ones(1)
        assert ((found[name] - t).abs() <= limit.view(-1, *[1] * (t.ndim - 1))).all(), name
    assert found["steps"].dtype == torch.int64 and found["0.weight"].dtype == torch.float32


def test_eight_bits_take_half_the_room(model: nn.Sequential, tmp_path: Path) -> None:
    for bits in (8, 16):
        save_tensors(model.state_dict(), tmp_path / str(bits), bits=bits)
        path = tmp_path / str(bits) / "model.safetensors"
        assert registry.tensors_bytes(path) == module_bytes(model) and len(list(path.parent.iterdir())) == 1
    assert (tmp_path / "8" / path.name).stat().st_size < 0.6 * path.stat().st_size
    assert registry.tensors_bytes(tmp_path / "none.safetensors") == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"2.weight.scale": None}, "damaged"),
        ({"2.weight": None}, "damaged"),
        ({"2.weight.scale": torch.ones(63)}, "damaged"),
        ({"2.weight.scale": torch.ones(64, 1)}, "damaged"),
        ({"2.weight.scale": torch.ones(64, dtype=torch.int64)}, "damaged"),
        ({"2.weight": torch.zeros(64, 64)}, "damaged"),
        ({"2.weight": torch.zeros(64, 63, dtype=torch.int8)}, "does not match its configuration"),
    ],
)
def test_weights_and_scales_belong_together(
    model: nn.Sequential, tmp_path: Path, change: dict[str, torch.Tensor | None], said: str
) -> None:
    kept = {n: t for n, t in (packed(model.state_dict()) | change).items() if t is not None}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt", "bits": "8"})
    with pytest.raises(CheckpointMissing, match=said):
        registry.load_safetensors(model, tmp_path / "model.safetensors")


def test_a_weight_in_eight_bits_needs_the_word_of_the_file(model: nn.Sequential, tmp_path: Path) -> None:
    save_file(packed(model.state_dict()), tmp_path / "model.safetensors")
    with pytest.raises(CheckpointMissing, match="scale is unknown"):
        registry.load_safetensors(model, tmp_path / "model.safetensors")


def test_what_eight_bits_cannot_hold_is_refused(tmp_path: Path) -> None:
    for tensors in ({"a.scale": torch.ones(2)}, {"a": torch.ones(2, dtype=torch.int8)}):
        with pytest.raises(ValueError, match="cannot be stored beside 8-bit weights"):
            save_tensors(tensors, tmp_path, bits=8)
    with pytest.raises(ValueError, match="8 or 16 bits"):
        save_tensors({"a": torch.ones(2)}, tmp_path, bits=4)


def test_a_published_part_is_stored_in_eight_bits_in_place(model: nn.Sequential, tmp_path: Path) -> None:
    save_tensors(model.state_dict(), tmp_path / "part")
    before, after = requantise(tmp_path / "part")
    once = (tmp_path / "part" / "model.safetensors").read_bytes()
    assert after < 0.6 * before and requantise(tmp_path / "part") == (after, after)
    again = registry.read_safetensors(tmp_path / "part" / "model.safetensors")
    (tmp_path / "once.safetensors").write_bytes(once)
    first = registry.read_safetensors(tmp_path / "once.safetensors")
    assert all(torch.allclose(first[n].float(), again[n].float(), rtol=2e-3, atol=1e-6) for n in first)
    with pytest.raises(CheckpointMissing, match="missing"):
        requantise(tmp_path / "none")


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


def test_every_source_from_the_hub_is_pinned() -> None:
    sources = [s for p in PRESETS.values() for s in (p.text_encoder, p.language_model, *p.pretrained.values()) if s]
    assert all(len(s.revision) == 40 for s in sources if s.hub)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_weights_as_pickles_are_refused(minilm_folder: Path, tmp_path: Path, name: str) -> None:
    for file in minilm_folder.glob("*.json"):
        shutil.copy(file, tmp_path)
    torch.save({"embeddings.word_embeddings.weight": torch.zeros(2, 2)}, tmp_path / name)
    source = Source(folder=str(tmp_path))
    for load in (registry.load_text_encoder, registry.load_language_model):
        with pytest.raises(CheckpointMissing, match=r"cannot be read; .*\.$"):
            load(source, torch.float32)
    with pytest.raises(CheckpointMissing, match="damaged"):
        registry.read_safetensors(tmp_path / name)


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


def test_a_preset_without_weights_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = dataclasses.replace(PRESETS["full"], base="")
    monkeypatch.setitem(PRESETS, "full", bare)
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


def test_embedded_weights_stay_under_100_mb() -> None:
    sizes = [f.stat().st_size for f in Path("checkpoints").rglob("*") if f.is_file()]
    assert 0 < sum(sizes) < 100e6
