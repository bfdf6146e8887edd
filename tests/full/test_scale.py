"""Training of adapters for the preset `full`: streamed data, one process and two, sharded, resumed, and drawn with."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import tarfile
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from pipelines import load
from pipelines.cache import Placement
from pipelines.config import PRESETS, Preset
from pipelines.errors import BadSetting, CheckpointMissing
from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad.stable import trained
from tests.elsewhere import NAME, elsewhere, learned
from training.scale import streams
from training.scale.engine import train
from training.scale.streams import FORMS, samples
from training.scale.vlad import CONFIGS, VladRecipe, fitted

from .conftest import launched

WORDS = ("SALE", "OPEN", "HELLO", "MENU", "CAFE", "STOP", "NEWS", "LOVE")


def picture(word: str, ground: str = "#204080") -> Image.Image:
    image = Image.new("RGB", (120, 96), ground)
    ImageDraw.Draw(image).text((30, 30), word, fill="#ffe060", font_size=30)
    return image


def encoded(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def ocr(word: str) -> str:
    return f"{word} 30,30,100,30,100,62,30,62 0.98\nbroken line\n. 1,1,2,1,2,2,1,2 0.3\n"


def write_tar(path: Path, rows: list[dict[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for i, row in enumerate(rows):
            for ending, content in row.items():
                info = tarfile.TarInfo(f"{i:04d}.{ending}")
                info.size = len(content)
                tar.addfile(info, BytesIO(content))
    return path


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight MARIO-style samples."""
    rows = [
        {"png": encoded(picture(w)), "caption.txt": f"A poster that says {w}".encode(), "ocr.txt": ocr(w).encode()}
        for w in WORDS
    ]
    return write_tar(tmp_path_factory.mktemp("shards") / "0000.tar", rows)


# -- streams


def test_mario_style_shards(shard: Path) -> None:
    found = list(islice(samples(str(shard), "mario"), 8))
    assert {s.prompt for s in found} == {f"A poster that says {w}" for w in WORDS}
    layout = found[0].layout
    assert layout is not None and len(layout.texts) == 1
    text = layout.texts[0]
    assert text.text == found[0].prompt.split()[-1] and text.box.as_list() == [0.25, 0.3125, 0.8333, 0.6458]
    assert np.abs(np.array(Image.new("RGB", (1, 1), text.colour)) - [255, 224, 96]).max() < 30
    assert layout.background is not None and layout.background.colour == "#204080"


SAID = [
    {"from": "human", "value": "<image>\nWhat does it say?"}, {"from": "gpt", "value": "It says SALE."},
    {"from": "human", "value": "In which colour?"}, {"from": "gpt", "value": "Yellow."},
]  # fmt: skip


def pretrain(folder: Path) -> str:
    """LLaVA-Pretrain and LLaVAR: a JSON list beside a folder of images."""
    picture("SALE").save(folder / "a.png")
    row = {"id": "a", "image": "a.png", "conversations": SAID}
    (folder / "chat.jsonl").write_text(json.dumps(row) + "\n")
    return str(folder / "chat.jsonl")


def instructions(folder: Path) -> str:
    """LLaVA-NeXT: parquet with the images inside."""
    row = {
        "id": "a",
        "conversations": SAID,
        "data_source": "x",
        "image": {"bytes": encoded(picture("SALE")), "path": None},
    }
    features = datasets.Features(
        {
            "id": datasets.Value("string"), "data_source": datasets.Value("string"), "image": datasets.Image(),
            "conversations": [{"from": datasets.Value("string"), "value": datasets.Value("string")}],
        }
    )  # fmt: skip
    datasets.Dataset.from_list([row], features=features).to_parquet(folder / "train.parquet")
    return str(folder / "train.parquet")


def saved(folder: Path) -> str:
    """The same, saved to disk."""
    made = datasets.load_dataset("parquet", data_files=instructions(folder), split="train", cache_dir=str(folder / "c"))
    made.save_to_disk(folder / "saved")
    return str(folder / "saved")


def chat_shard(folder: Path) -> str:
    """The same in WebDataset."""
    row = {"png": encoded(picture("SALE")), "json": json.dumps({"id": "a", "conversations": SAID}).encode()}
    return str(write_tar(folder / "chat.tar", [row]))


@pytest.mark.parametrize("make", [pretrain, instructions, saved, chat_shard])
def test_conversations_by_the_names_of_llava(tmp_path: Path, make: Callable[[Path], str]) -> None:
    (sample,) = islice(samples(make(tmp_path), "llava"), 1)
    assert sample.turns == (("What does it say?", "It says SALE."), ("In which colour?", "Yellow."))
    assert sample.image.size == (120, 96) and sample.image.mode == "RGB"


def test_posters_of_our_own(tmp_path: Path) -> None:
    layout = Layout("A red card", (Element("background", FULL, colour="#ff0000"),), "A red card")
    row = {"png": encoded(picture("x")), "json": json.dumps({"layout": layout.to_dict()}).encode()}
    (sample,) = islice(samples(str(write_tar(tmp_path / "0.tar", [row])), "posters"), 1)
    assert sample.layout == layout and sample.prompt == "A red card"


def test_processes_together_take_what_one_would_and_go_on_where_they_were(shard: Path) -> None:
    def said(**how: int) -> list[str]:
        return [s.prompt for s in islice(samples(str(shard), "mario", 5, **how), 12)]

    one = said()
    assert set(one[:8]) == set(one[4:12]) | set(one[:8]) and one != said()[::-1]
    assert [said(part=k % 2, parts=2)[k // 2] for k in range(12)] == one
    assert said(part=1, parts=2, skip=3) == [s.prompt for s in islice(samples(str(shard), "mario", 5), 7, 31, 2)]
    assert [s.prompt for s in islice(samples(str(shard), "mario", 6), 8)] != one[:8]


def test_shards_are_dealt_out_where_there_are_enough(shard: Path, tmp_path: Path) -> None:
    for k, word in enumerate(("A", "B")):
        row = {"png": encoded(picture(word)), "caption.txt": word.encode(), "ocr.txt": b""}
        write_tar(tmp_path / f"{k}.tar", [row] * 3)
    both = str(tmp_path / "{0..1}.tar")
    for part, word in enumerate(("A", "B")):
        assert [s.prompt for s in islice(samples(both, "mario", part=part, parts=2), 5)] == [word] * 5
    assert {s.prompt for s in islice(samples(both, "mario"), 6)} == {"A", "B"}


@pytest.mark.parametrize(
    ("source", "form", "said"),
    [
        ("nothing.tar", "mario", "does not exist; give the path of WebDataset shards"),
        ("nothing.parquet", "llava", "cannot be read as a dataset"),
        ("SHARD", "llava", "no field 'json'; they are not of the form llava"),
        ("SHARD", "novel", "'novel' of a dataset is unknown; use one of posters, mario, llava"),
    ],
)
def test_data_that_is_not_there_is_one_sentence(shard: Path, source: str, form: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        next(samples(source.replace("SHARD", str(shard)), form))


def test_rows_that_cannot_be_used_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {"png": b"not a picture", "caption.txt": b"x", "ocr.txt": b""}
    good = {"png": encoded(picture("OK")), "caption.txt": b"fine", "ocr.txt": b""}
    some = samples(str(write_tar(tmp_path / "some.tar", [bad, good, bad])), "mario")
    assert [s.prompt for s in islice(some, 3)] == ["fine"] * 3
    monkeypatch.setattr(streams, "SHUFFLED", 5)
    with pytest.raises(BadSetting, match="nothing but rows that cannot be used"):
        next(samples(str(write_tar(tmp_path / "none.tar", [bad])), "mario"))
    assert set(FORMS) == {"posters", "mario", "llava"}


def test_a_layout_is_cut_with_its_image() -> None:
    a, b = (Element("text", Box(*box), "A", "#000000") for box in ((0.4, 0.2, 0.6, 0.4), (0.0, 0.5, 0.3, 0.6)))
    layout = Layout("x", (Element("background", FULL), a, b), "x")
    cut = fitted(layout, (200, 100))
    assert [e.kind for e in cut.elements] == ["background", "text"] and cut.texts[0].box.as_list() == [
        0.3,
        0.2,
        0.7,
        0.4,
    ]
    assert fitted(layout, (100, 100)) is layout


# -- training


@pytest.fixture
def recipe(full: Preset, shard: Path) -> VladRecipe:
    return VladRecipe(str(shard), "mario", 128, rank=2)


def losses(out: Path) -> list[float]:
    with (out / "log.csv").open() as f:
        return [float(r["loss"]) for r in csv.DictReader(f)]


def test_an_adapter_is_trained_and_drawn_with(
    full: Preset, recipe: VladRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(CONFIGS["smoke"], steps=3, lr=0.02, ema=0.5)
    train(recipe, config, tmp_path / "run")
    written = load_file(tmp_path / "run" / "vfe" / "adapter.safetensors")
    assert all(trained(n) for n in written) and any("lora_B" in n and t.any() for n, t in written.items())
    assert written["denoiser.pos_embed.proj.weight"][:, 16:].any()
    before = load("full", "cpu")
    layout = before.plan("A sign with 'OPEN'", seed=0)
    plain = before.generate(layout, steps=2, size=512).images[0]
    monkeypatch.setitem(PRESETS, "full", dataclasses.replace(full, checkpoints=str(tmp_path / "run")))
    after = load("full", "cpu")
    assert after.preset.vlad_trained and not np.array_equal(
        np.asarray(after.generate(layout, steps=2, size=512).images[0]), plain
    )
    with after.cache.use("vlad.vfe") as (vfe,):
        assert not any(p.requires_grad for p in vfe.parameters())
    (tmp_path / "run" / "vfe" / "config.json").write_text('{"rank": 3}')
    with pytest.raises(CheckpointMissing, match="belongs to another model"):
        load("full", "cpu").generate(layout, steps=1, size=512)


def test_an_image_without_words_is_drawn_from_its_prompt(full: Preset, tmp_path: Path) -> None:
    rows = [{"png": encoded(picture("OK")), "caption.txt": b"a sign", "ocr.txt": b"no word at all"}]
    made = VladRecipe(str(write_tar(tmp_path / "bare.tar", rows)), "mario", 128, rank=2)
    made.start(0, 0, 1)
    batch = made.batch(2)
    assert not batch.canvas.any() and not batch.cover.any() and not batch.elements.any() and batch.truth.any()


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(recipe: VladRecipe, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIGS["smoke"], steps=4, lr=0.01, ema=0.5, save_every=2)
    train(recipe, config, tmp_path / "whole")
    train(recipe, config, tmp_path / "parts", stop_after=2)
    train(recipe, config, tmp_path / "parts")
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)
    a, b = (load_file(tmp_path / n / "vfe" / "adapter.safetensors") for n in ("whole", "parts"))
    assert all(torch.allclose(a[n], b[n], atol=1e-4) for n in a)


def test_a_batch_that_cannot_be_divided_is_refused(recipe: VladRecipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be divided among 3 passes"):
        train(recipe, dataclasses.replace(CONFIGS["smoke"], accumulate=3), tmp_path)


LAUNCH = """
import dataclasses, sys
from pipelines.config import PRESETS
folder, data, out, steps, shard = sys.argv[1:6]
plain = PRESETS["full"]
parts = {n: dataclasses.replace(s, folder=folder, hub="") for n, s in plain.pretrained.items()}
PRESETS["full"] = dataclasses.replace(plain, pretrained=parts)
from pathlib import Path
from training.scale.engine import train
from training.scale.vlad import CONFIGS, VladRecipe
config = dataclasses.replace(CONFIGS["smoke"], steps=4, lr=0.01, ema=0.5, accumulate=int(sys.argv[6]))
train(VladRecipe(data, "mario", 128, rank=2), config, Path(out), shard == "shard", int(steps))
"""


@pytest.mark.slow
def test_two_processes_shards_and_accumulation_take_the_same_steps(hub: Path, shard: Path, tmp_path: Path) -> None:
    """One process, two by DDP, two by FSDP that stop and go on, one that accumulates: with the same global batch."""
    script = tmp_path / "launch.py"
    script.write_text(LAUNCH)
    arguments = (hub / "stable", shard)
    launched(script, 1, *arguments, tmp_path / "one", 4, "whole", 1)
    launched(script, 2, *arguments, tmp_path / "ddp", 4, "whole", 1)
    launched(script, 1, *arguments, tmp_path / "accumulated", 4, "whole", 2)
    launched(script, 2, *arguments, tmp_path / "fsdp", 2, "shard", 1)
    assert (tmp_path / "fsdp" / "state" / "pytorch_model_fsdp_0").is_dir()  # sharded
    launched(script, 2, *arguments, tmp_path / "fsdp", 4, "shard", 1)
    expected, weights = losses(tmp_path / "one"), load_file(tmp_path / "one" / "vfe" / "adapter.safetensors")
    assert len(expected) == 4 and expected[0] != expected[3]
    for name in ("ddp", "accumulated", "fsdp"):
        assert losses(tmp_path / name) == pytest.approx(expected, rel=1e-4), name
        found = load_file(tmp_path / name / "vfe" / "adapter.safetensors")
        assert found.keys() == weights.keys() and all(torch.allclose(found[n], weights[n], atol=1e-4) for n in weights)
    shutil.rmtree(tmp_path / "fsdp" / "state")


@pytest.mark.skipif(find_spec("deepspeed") is None, reason="deepspeed is not installed")
@pytest.mark.parametrize("stage", ["2", "3"])
def test_deepspeed_takes_the_same_steps(
    hub: Path, shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """In one process, which is what accelerate can do of it on a CPU; set as the launcher does it."""
    script = tmp_path / "launch.py"
    script.write_text(LAUNCH)
    launched(script, 1, hub / "stable", shard, tmp_path / "one", 4, "whole", 1)
    for name, value in {
        "USE_DEEPSPEED": "true", "DEEPSPEED_ZERO_STAGE": stage, "GRADIENT_CLIPPING": "1.0", "MIXED_PRECISION": "no",
        "DEEPSPEED_ZERO3_SAVE_16BIT_MODEL": "true", "DEEPSPEED_ZERO3_INIT": "false",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"ACCELERATE_{name}", value)
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    launched(script, 1, hub / "stable", shard, tmp_path / "deep", 2, "whole", 1)
    launched(script, 1, hub / "stable", shard, tmp_path / "deep", 4, "whole", 1)
    assert losses(tmp_path / "deep") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    a, b = (load_file(tmp_path / n / "vfe" / "adapter.safetensors") for n in ("one", "deep"))
    close = 1e-4 if stage == "2" else 0.02  # of ZeRO-3 the last weights come, of the others their average
    assert a.keys() == b.keys() and all(torch.allclose(a[n].float(), b[n].float(), atol=close) for n in a)


@pytest.mark.parametrize("name", ["ddp", "fsdp", "zero2", "zero3"])
def test_configurations_are_those_that_accelerate_reads(name: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    found = load_config_from_file(f"training/scale/accelerate/{name}.yaml")
    assert found.mixed_precision == "bf16" and found.num_processes == 8
    if name == "fsdp":
        assert found.fsdp_config["fsdp_transformer_layer_cls_to_wrap"].split(",") == VladRecipe.blocks
    if name.startswith("zero"):
        assert found.deepspeed_config["zero_stage"] == int(name[-1])


def test_its_training_keeps_to_one_device(recipe: VladRecipe) -> None:
    recipe.pipeline.cache.placement = Placement(NAME)
    with elsewhere():
        assert any("lora_" in n for n in learned(recipe))
