"""VLSA on LLaVA-NeXT and Stable Diffusion 3: trained stage by stage, and what comes out in the pipelines."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from datasets import Dataset
from diffusers import VQModel
from PIL import Image
from safetensors.torch import load_file, save_file

from pipelines import load_both, load_vlsa
from pipelines.cache import ModelCache, Placement
from pipelines.config import PRESETS, Preset
from pipelines.convert_vq import convert
from pipelines.errors import CheckpointMissing
from pipelines.models.adapters import Adapters, Under
from pipelines.models.vq import PublicVQ
from pipelines.registry import Registry, load_llava, load_processor, resolve
from pipelines.vlad.loaders import register
from pipelines.vlad.stable import lora
from pipelines.vlsa.aligned import AlignedVlsaPipeline
from pipelines.vlsa.loaders import register as register_vlsa
from pipelines.vlsa.pipeline import in_cells
from pipelines.vlsa.plain import PlainVlsaPipeline
from pipelines.vlsa.types import Message
from tests.elsewhere import NAME, elsewhere, learned
from training.scale.engine import train
from training.scale.vlsa import ASKED, CONFIGS, STAGES, VlsaRecipe, owner

from .conftest import launched

SMALL = {"HEADS": 4, "RANK": 8, "HIDDEN": 16}


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    sizes = ((60, 40), (28, 28), (120, 90), (40, 100))
    return [Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).resize(s) for s in sizes]


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Conversations as LLaVA's sets have them."""
    rows = [
        {"image": image, "conversations": [
            {"from": "human", "value": f"<image>\nWhat is number {k}?"}, {"from": "gpt", "value": f"It is {k}."},
            {"from": "human", "value": "Sure?"}, {"from": "gpt", "value": "Yes."},
        ]}
        for k, image in enumerate(pictures())
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("talks") / "set"
    Dataset.from_list(rows).save_to_disk(str(folder))
    return str(folder)


@pytest.fixture
def recipe(full: Preset, talks: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., VlsaRecipe]:
    for name, value in SMALL.items():
        monkeypatch.setattr(f"training.scale.vlsa.{name}", value)
    return lambda stage, start=None: VlsaRecipe(stage, talks, start=start, rank=2, side=16)


def trained(recipe: Callable[..., VlsaRecipe], out: Path, stage: int, start: Path | None = None, **how: Any) -> Path:
    config = dataclasses.replace(CONFIGS["smoke"], **{"lr": 0.01, **how})
    torch.manual_seed(0)
    train(recipe(stage, start), config, out)
    return out


@pytest.fixture
def vlsa(
    full: Preset, recipe: Callable[..., VlsaRecipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AlignedVlsaPipeline:
    """After stages I and III of two steps each."""
    first = trained(recipe, tmp_path / "1", 1)
    last = trained(recipe, tmp_path / "3", 3, first)
    monkeypatch.setitem(PRESETS, "full", dataclasses.replace(full, vlsa_checkpoints=str(last)))
    made = load_vlsa("full", "cpu")
    assert isinstance(made, AlignedVlsaPipeline)
    return made


def said(pipe: Any, image: Image.Image, question: str = "What is it?") -> str:
    *_, last = pipe.chat([Message("user", question, pipe.view(image))], max_tokens=8)
    return str(last.text)


# -- training


def test_before_training_v_is_what_the_projector_makes_of_the_snapshot(
    full: Preset, recipe: Callable[..., VlsaRecipe]
) -> None:
    made = recipe(1)
    model: Any = made.model(Accelerator(cpu=True), False).eval()
    made.start(0, 0, 1)
    batch = made.batch(3)
    assert len({len(t) for t in batch.tiles}) > 1  # of several sizes
    with torch.inference_mode():
        v, _ = model.look(batch)
        source = full.language_model
        assert source is not None
        llava, processor = load_llava(source, torch.float32), load_processor(source).image_processor
        pixels = (batch.snapshot + 1) / 2
        pixels = (pixels - torch.tensor(processor.image_mean).view(3, 1, 1)) / torch.tensor(processor.image_std).view(
            3, 1, 1
        )
        seen = llava.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-2][:, 1:]
        assert torch.allclose(v, llava.model.multi_modal_projector(seen), atol=1e-5)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_stage_trains_what_the_paper_says(recipe: Callable[..., VlsaRecipe], tmp_path: Path, stage: int) -> None:
    first = trained(recipe, tmp_path / "1", 1)
    after = trained(recipe, tmp_path / "then", stage, first)

    def changed(name: str, file: str = "model.safetensors", mark: str = "") -> bool:
        a, b = (load_file(f / name / file) for f in (first, after))
        assert a.keys() == b.keys()
        return any(not torch.equal(a[n], b[n]) for n in a if mark in n)

    adapter = "adapter.safetensors"
    found = {
        **{n: changed(n) for n in ("perceiver", "epigone", "preview", "words")},
        "denoiser": changed("denoiser", adapter),
        "vision": changed("adapter", adapter, "vision_tower"),
        "language": changed("adapter", adapter, "language_model"),
    }
    assert {n for n, is_changed in found.items() if is_changed} == set(STAGES[stage].learns)
    assert json.loads((after / "adapter" / "config.json").read_text()) == {"rank": 2}


def test_a_run_that_was_stopped_goes_on(recipe: Callable[..., VlsaRecipe], tmp_path: Path) -> None:
    whole = trained(recipe, tmp_path / "whole", 3, steps=4)
    config = dataclasses.replace(CONFIGS["smoke"], lr=0.01, steps=4)
    torch.manual_seed(0)
    train(recipe(3), config, tmp_path / "parts", stop_after=2)
    torch.manual_seed(0)
    train(recipe(3), config, tmp_path / "parts")
    for file in ("adapter/adapter.safetensors", "denoiser/adapter.safetensors", "words/model.safetensors"):
        a, b = load_file(whole / file), load_file(tmp_path / "parts" / file)
        assert all(torch.allclose(a[n].float(), b[n].float(), atol=1e-3) for n in a), file


def test_accumulated_steps_are_those_of_one_batch(recipe: Callable[..., VlsaRecipe], tmp_path: Path) -> None:
    one = trained(recipe, tmp_path / "one", 1, steps=2)
    two = trained(recipe, tmp_path / "two", 1, steps=2, accumulate=2)
    rows = [(f / "log.csv").read_text().splitlines()[-1].split(",") for f in (one, two)]
    assert [float(x) for x in rows[0]] == pytest.approx([float(x) for x in rows[1]], rel=1e-4)


LAUNCH = """
import dataclasses, sys
from pathlib import Path
from pipelines.config import PRESETS
hub, data, out, shard = Path(sys.argv[1]), *sys.argv[2:5]
plain = PRESETS["full"]
parts = {n: dataclasses.replace(s, folder=str(hub / ("vq" if n == "vq" else "stable")), hub="")
         for n, s in plain.pretrained.items()}
llava = dataclasses.replace(plain.language_model, folder=str(hub / "llava"), hub="")
PRESETS["full"] = dataclasses.replace(plain, pretrained=parts, language_model=llava, tile=28)
import torch
import training.scale.vlsa as vlsa
vlsa.HEADS, vlsa.RANK, vlsa.HIDDEN = 4, 8, 16
config = dataclasses.replace(vlsa.CONFIGS["smoke"], lr=0.01, steps=3)
torch.manual_seed(0)
vlsa.train(vlsa.VlsaRecipe(3, data, rank=2, side=16), config, Path(out), shard == "shard")
"""


@pytest.mark.slow
def test_two_processes_and_shards_take_the_same_steps(hub: Path, talks: str, tmp_path: Path) -> None:
    """One process, two by DDP, two by FSDP: with the same global batch, in the stage in which everything learns."""
    script = tmp_path / "launch.py"
    script.write_text(LAUNCH)
    for name, count, how in (("one", 1, "whole"), ("ddp", 2, "whole"), ("fsdp", 2, "shard")):
        launched(script, count, hub, talks, tmp_path / name, how)
    rows = {n: (tmp_path / n / "log.csv").read_text().splitlines()[1:] for n in ("one", "ddp", "fsdp")}
    found = {n: [float(x) for line in lines for x in line.split(",")] for n, lines in rows.items()}
    assert found["ddp"] == pytest.approx(found["one"], rel=2e-3)
    assert found["fsdp"] == pytest.approx(found["one"], rel=2e-3)


def test_conversations_are_taught_with_their_answers_alone(recipe: Callable[..., VlsaRecipe]) -> None:
    made = recipe(3)
    with made.cache.use("language_tokenizer") as (template,):
        ids, mine = template.taught([("What?", "A dog."), ("Codes at row 1, column 1.", [300, 301]), ("Why?", "So.")])
        answers = [i for i, m in zip(ids, mine, strict=True) if m]
        end = template.end[0]
        assert answers.count(end) == 3 and answers[answers.index(300) :][:3] == [300, 301, end]
        assert template.decode([i for i in answers if i < 300]) == "A dog.So."
        assert [m for i, m in zip(ids, mine, strict=True) if template._tokenizer.token_id("<image>") == i] == [False]
        short, _ = template.taught([("What?", "A dog."), ("Why?", "So.")], longest=len(ids) // 2)
        assert len(short) < len(ids) and short == ids[: len(short)]


def test_cognition_targets_are_asked_in_the_last_stage(full: Preset, recipe: Callable[..., VlsaRecipe]) -> None:
    asked, made = 0, recipe(3)
    made.start(0, 0, 1)
    sample, picture = next(made._stream), np.asarray(pictures()[0].resize((256, 256)))
    for k in range(40):
        changed = dataclasses.replace(sample, turns=((f"What is {k}?", "It."), ("Sure?", "Yes.")))
        ids, mine = made.conversation(changed, picture)
        new = [i for i, m in zip(ids, mine, strict=True) if i >= made.vocabulary]
        assert len(new) in (0, 16) and all(m for i, m in zip(ids, mine, strict=True) if i >= made.vocabulary)
        assert made.conversation(changed, picture) == (ids, mine)
        asked += bool(new)
    assert 0.25 < asked / 40 < 0.75 and ASKED == 0.5
    plain = recipe(2)
    assert all(i < made.vocabulary for i in plain.conversation(sample, picture)[0])


# -- what comes out


def test_everything_runs_on_what_was_trained(vlsa: AlignedVlsaPipeline) -> None:
    view = vlsa.view(pictures()[2])
    assert view.tile == 28 and view.count > 1
    assert isinstance(said(vlsa, pictures()[2]), str)
    *_, done = vlsa.reconstruct(view, steps=2)
    assert done.stage == "done" and done.image.size == (256, 256) and done.psnr is not None
    *_, guided = vlsa.reconstruct(view, steps=2, guidance=3.0)
    assert not np.array_equal(np.asarray(done.image), np.asarray(guided.image))
    found = vlsa.tokens(view)
    assert found.counts.shape == (40,) and found.attention.shape == (64, view.count, 64)
    assert np.allclose(found.attention.sum((1, 2)), 1, atol=1e-4)
    *_, last = vlsa.predict(view)
    assert last.done and last.codes == 40 and last.index.min() >= 0 and last.decoded is not None
    assert vlsa.pixels(view).predicted.shape == (4, 4, 3)


def test_adapters_take_turns_on_one_base(vlsa: AlignedVlsaPipeline) -> None:
    """Plain LLaVA-NeXT and VLSA answer from the same weights, in any order, as each does alone."""
    vlad, both = load_both("full", "cpu")
    plain, image = PlainVlsaPipeline(both.cache, "full"), pictures()[2]
    first = said(plain, image)
    answers = [said(p, image) for p in (both, plain, both, plain)]
    assert answers[0] == answers[2] == said(vlsa, image) and answers[1] == answers[3] == first
    assert answers[0] != first
    layout = vlad.plan("A sign with 'OPEN'", seed=0)
    before = vlad.generate(layout, steps=2, size=512).images[0]
    *_, rebuilt = both.reconstruct(both.view(image), steps=2)
    assert np.array_equal(np.asarray(vlad.generate(layout, steps=2, size=512).images[0]), np.asarray(before))
    *_, again = both.reconstruct(both.view(image), steps=2)
    assert np.array_equal(np.asarray(rebuilt.image), np.asarray(again.image))
    held = [row.name for row in both.cache.stats()]
    assert held.count("llava") == held.count("stable.transformer") == 1
    assert not {"vlad.vfe", "vlsa.denoiser", "vlsa.vlm", "llava.plain", "vlsa.vision"} & {*held}


def test_what_an_adapter_changes_is_gone_without_it(vlsa: AlignedVlsaPipeline) -> None:
    with vlsa.cache.use("stable.transformer") as (base,), torch.inference_mode():
        x, sigma = torch.randn(1, 16, 8, 8), torch.tensor([0.5])
        args = (x, sigma, torch.randn_like(x), torch.randn(1, 5, 48), torch.randn(1, 40), torch.zeros(1, 0, 8, 8))
        none = torch.zeros(1, 0, base.config.element)
        plain, ours = (Under(base.adapters, n)(*args, none) for n in ("", "vlsa"))
        assert (plain - ours).abs().max() > 1e-4 and torch.equal(plain, Under(base.adapters, "")(*args, none))
        with pytest.raises(KeyError, match="there is no adapter"):
            Under(base.adapters, "other")(*args, none)


def test_an_adapter_of_another_model_is_one_sentence(vlsa: AlignedVlsaPipeline) -> None:
    file = vlsa.preset.vlsa_folder / "adapter" / "adapter.safetensors"
    save_file({n: t[:1].contiguous() for n, t in load_file(file).items()}, file)
    with pytest.raises(CheckpointMissing, match="belongs to another model; train it anew"):
        said(load_vlsa("full", "cpu"), pictures()[0])


def test_an_adapter_has_no_more_and_no_less_than_its_parameters() -> None:
    base = torch.nn.Sequential(torch.nn.Linear(4, 4))
    adapters = Adapters(base)
    with pytest.raises(ValueError, match="another model"):
        adapters.add("a", base, dataclasses.replace(lora(2), target_modules=["0"]), {})


def test_weights_of_many_tokens_are_added_up_in_cells() -> None:
    weights = torch.rand(576, 2 * 576)
    found = in_cells(weights, 2)
    assert found.shape == (64, 2, 64) and torch.allclose(found.sum(), weights.sum(), rtol=1e-4)
    grid = weights.view(24, 24, 2, 24, 24)
    assert torch.allclose(found[9, 1, 7], grid[3:6, 3:6, 1, 0:3, 21:24].sum())
    assert torch.equal(in_cells(weights[:64, :128], 2), weights[:64, :128].view(64, 2, 64))
    assert in_cells(torch.rand(4, 12), 3).shape == (64, 3, 64)


def test_what_belongs_to_nothing_is_not_trained() -> None:
    assert owner("vlm.language.model.layers.0.self_attn.q_proj.weight") == "" and owner("tower.tower.x.weight") == ""
    assert owner("denoiser.spread_in.weight") == owner("denoiser.denoiser.x.lora_A.default.weight") == "denoiser"


# -- the public VQ-VAE


def test_codes_of_the_public_vq_vae_decode_to_what_it_decodes(hub: Path) -> None:
    plain: Any = VQModel.from_pretrained(hub / "vq" / "vqvae").eval()
    vq, x = PublicVQ(plain), torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        index = vq.indices(x)
        assert index.shape == (2, 8, 8) and len(index.unique()) > 1
        assert torch.allclose(vq.decode(index), plain(x).sample, atol=1e-5)


def test_the_public_vq_vae_is_made_readable(full: Preset, hub: Path, tmp_path: Path) -> None:
    made = load_file(hub / "vq" / "vqvae" / "diffusion_pytorch_model.safetensors")
    old = {n.replace(".to_q.", ".query.").replace(".to_out.0.", ".proj_attn."): t for n, t in made.items()}
    source, config = tmp_path / "diffusion_pytorch_model.bin", tmp_path / "config.json"
    config.write_text((hub / "vq" / "vqvae" / "config.json").read_text())
    torch.save(old, source)
    command = [sys.executable, "-m", "pipelines.convert_vq", str(source), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = load_file(tmp_path / "out" / "diffusion_pytorch_model.safetensors")
    assert found.keys() == made.keys() and all(torch.equal(found[n], made[n]) for n in made)
    source.write_bytes(source.read_bytes()[:-2000])
    with pytest.raises(CheckpointMissing, match="damaged"):
        convert(source, config, tmp_path / "out")
    torch.save({"a": torch.zeros(2)}, source)
    with pytest.raises(CheckpointMissing, match="other weights than config.json describes"):
        convert(source, config, tmp_path / "out")
    torch.save(Path("x"), source)  # a pickle that builds something
    with pytest.raises(CheckpointMissing, match="more than tensors"):
        convert(source, config, tmp_path / "out")
    missing = dataclasses.replace(full.pretrained["vq"], folder="checkpoints/none")
    with pytest.raises(CheckpointMissing, match="run python -m pipelines.convert_vq once"):
        resolve(missing)


def test_half_precision_is_where_it_should_be(vlsa: AlignedVlsaPipeline) -> None:
    """What was published in half precision, as on a GPU; what was trained here in single."""
    registry = register_vlsa(register(Registry(), vlsa.preset), vlsa.preset)
    half = AlignedVlsaPipeline(ModelCache(registry, Placement(dtype=torch.bfloat16)))
    image = pictures()[2]
    assert isinstance(said(half, image), str)
    *_, done = half.reconstruct(half.view(image), steps=2)
    *_, last = half.predict(half.view(image))
    assert done.psnr is not None and last.done and half.pixels(half.view(image)).predicted.shape == (4, 4, 3)
    with half.cache.use("llava", "stable.transformer", "vlsa.perceiver", "vlsa.vq") as (llava, denoiser, merge, vq):
        types = [next(m.parameters()).dtype for m in (llava.model, denoiser.denoiser, merge, vq)]
    assert types == [torch.bfloat16, torch.bfloat16, torch.float32, torch.float32]


def test_it_answers_and_rebuilds_in_half_precision_on_a_device_of_its_own(vlsa: AlignedVlsaPipeline) -> None:
    vlsa.cache.placement = Placement(NAME, dtype=torch.bfloat16)
    image = pictures()[2]
    with elsewhere():
        assert said(vlsa, image)
        assert list(vlsa.reconstruct(vlsa.view(image), steps=2))[-1].stage == "done"
        assert vlsa.tokens(vlsa.view(image)).true.min() >= 0


@pytest.mark.parametrize("stage", STAGES)
def test_its_training_keeps_to_one_device(recipe: Callable[..., VlsaRecipe], stage: int) -> None:
    made = recipe(stage)
    made.cache.placement = Placement(NAME)
    with elsewhere():
        moved = learned(made)
    assert {owner(n) for n in moved} <= set(STAGES[stage].learns) and moved
