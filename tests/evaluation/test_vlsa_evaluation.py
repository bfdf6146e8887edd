"""The runner of VLSA: sets, questions, journals; and the commands on the embedded weights."""

import io
import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pipelines
from evaluation import redraw, samples, vlsa_chat, vlsa_data
from evaluation import vlsa as runner
from evaluation.journal import Journal
from evaluation.vlsa import Evaluation, Settings
from pipelines.errors import UserError
from pipelines.types import Box, Element, Layout

NAMES = {
    "cat": ("kitten", "pet"), "dog": ("puppy", "pet"), "apple": ("red apple", "fruit"), "guitar": ("", "music"),
    "rocket": ("spaceship", "air transportation"), "car": ("automobile", "ground"), "cake": ("gateau", "sweets"),
}  # fmt: skip


@pytest.fixture
def assets(tmp_path_factory):
    """An asset cache of a few objects, without fonts and pictures."""
    from training.data.assets import Assets

    folder = tmp_path_factory.mktemp("few-assets")
    drawing = io.BytesIO()
    Image.new("RGBA", (8, 8), "red").save(drawing, "WEBP")
    style = {"off": 0, "n": len(drawing.getvalue()), "colour": "red", "frac": 0.9, "edge": [9, 9, 9]}
    records = [
        {
            **{"name": name, "alt": [alias] if alias else [], "group": "objects", "sub": sub, "tags": []},
            **{"plural": False, "noart": False, "texty": False, "styles": {"3d": style}},
        }
        for name, (alias, sub) in NAMES.items()
    ]
    (folder / "objects.bin").write_bytes(drawing.getvalue())
    (folder / "objects.json").write_text(json.dumps(records), "utf-8")
    (folder / "words.json").write_text(json.dumps({"words": ["night", "sale"], "easy": ["night", "sale"]}), "utf-8")
    (folder / "fonts").mkdir()
    return Assets(folder)


def poster(text, name):
    """A record with one line of text over one object, and its picture."""
    elements = (
        Element("background", Box(0, 0, 1, 1), colour="#203060", style="plain"),
        Element("object", Box(0.3, 0.5, 0.7, 0.9), name, style="3d"),
        Element("text", Box(0.1, 0.1, 0.9, 0.3), text, colour="#ffffff"),
    )
    record = {
        **{"layout": Layout("p", elements).to_dict(), "scene": "poster", "groups": [[name, 1]], "relation": None},
        **{"object_names": {"1": name}, "background_phrase": "a navy blue background"},
    }
    image = Image.new("RGB", (256, 256), "#203060")
    ImageDraw.Draw(image).rectangle((80, 130, 180, 230), fill="red")
    return record, np.asarray(image)


@pytest.fixture
def sets(tmp_path):
    """Folders of two posters and of two photographs, one with an object in it."""
    made = [poster("SALE", "cat"), poster("Night", "rocket")]
    photos = [{"phrase": "a forest", "objects": []}, {"phrase": "a forest", "objects": ["cat"]}]
    for name, file, records in (("posters", "layouts", [r for r, _ in made]), ("photos", "photos", photos)):
        folder = tmp_path / name
        folder.mkdir()
        np.save(folder / "images.npy", np.stack([pixels for _, pixels in made]))
        (folder / f"{file}.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", "utf-8")
    return tmp_path


def test_sets_are_read_and_cut_by_the_seed(sets, monkeypatch):
    posters = vlsa_data.read_set(str(sets / "posters"))
    assert [s.name for s in posters] == ["poster-0000", "poster-0001"]
    assert posters[0].record["groups"] == [["cat", 1]] and posters[0].image.size == (256, 256)
    photos = vlsa_data.read_set(str(sets / "photos"))
    assert [s.plain for s in photos] == [True, False] and photos[0].phrase == "a forest"
    chosen = {vlsa_data.read_set(str(sets / "posters"), 1, seed)[0].name for seed in range(8)}
    assert len(chosen) == 2
    monkeypatch.setenv("POSTERS_HELD_OUT", str(sets / "posters"))
    assert len(vlsa_data.read_set("held-out")) == 2


def test_posters_are_drawn_again_from_their_own_layouts(sets, vlad):
    assert redraw.redraw(vlad, str(sets / "posters"), sets / "drawn") == 2
    truth, drawn = (vlsa_data.read_set(str(sets / name)) for name in ("posters", "drawn"))
    assert [s.record for s in drawn] == [s.record for s in truth]
    assert [
        r.right for s in drawn[:1] for r in vlad.read_back(Layout.from_dict(s.record["layout"]), [s.image])[0].texts
    ] == [True]
    assert redraw.redraw(vlad, str(sets / "posters"), sets / "large", limit=1, size=384) == 1
    assert vlsa_data.read_set(str(sets / "large"))[0].image.size == (384, 384)
    for data, out in (("photos", "new"), ("posters", "drawn")):
        with pytest.raises(UserError, match=r"posters|another folder"):
            redraw.redraw(vlad, str(sets / data), sets / out)


def test_absent_data_is_one_sentence_with_the_next_step(tmp_path, monkeypatch):
    monkeypatch.setenv("POSTERS_HELD_OUT", str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"python -m training\.data\.dataset"):
        vlsa_data.read_set("held-out")
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError):
            vlsa_data.read_set(str(folder))
        with pytest.raises(UserError):
            vlsa_data.read_images(folder)


def test_images_of_a_folder_by_name(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "in" / "b.JPG", "JPEG")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("x", "utf-8")
    assert [s.source.name for s in vlsa_data.read_images(tmp_path)] == ["a.png", "b.JPG"]


def test_questions_are_the_same_for_the_same_seed(sets, assets):
    images = vlsa_data.read_set(str(sets / "posters")) + vlsa_data.read_set(str(sets / "photos"))
    plan = vlsa_chat.plan(images, 4, 0, assets)
    assert plan == vlsa_chat.plan(images, 4, 0, assets)
    assert [q.question for q in plan] != [q.question for q in vlsa_chat.plan(images, 4, 1, assets)]
    assert len({q.key for q in plan}) == len(plan)
    assert {q.phrasing for q in plan} == set(vlsa_chat.PHRASINGS)
    assert {"read", "presence", "caption", "photo read"} <= {q.kind for q in plan}
    assert not any(q.sample == 3 for q in plan)  # what is drawn into a photograph is not in its phrase
    read = next(q for q in plan if q.kind == "read")
    assert read.facts["lines"] == 1 and set(read.facts["names"]) & {"kitten", "rockets"}
    yes = [q.answer for q in plan if q.kind == "presence" and q.phrasing == "templates"]
    assert yes.count("yes") == yes.count("no")


def test_a_journal_goes_on_and_starts_afresh_for_another_run(tmp_path):
    path = tmp_path / "j.jsonl"
    Journal(path, {"seed": 0}).add("a", {"x": 1})
    with path.open("a", encoding="utf-8") as f:
        f.write('{"key": "b", "rec')  # a stop in the middle of a line
    again = Journal(path, {"seed": 0})
    assert again["a"] == {"x": 1} and "b" not in again
    again.add("b", {"x": 2})
    assert Journal(path, {"seed": 0})["b"] == {"x": 2}
    assert "a" not in Journal(path, {"seed": 1})


def test_arguments_that_cannot_be_followed_are_one_sentence(tmp_path, capsys):
    for arguments in (["--limit", "0"], ["--ablate"], ["--data", str(tmp_path / "absent")], ["--images", "absent"]):
        assert runner.main(["--out", str(tmp_path / "out"), *arguments]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_the_sheet_holds_every_strip():
    strips = [[Image.new("RGB", (256, 256), "red")] * len(samples.REBUILT)] * 3
    page = samples.sheet_of_strips(strips)
    assert page.size == (2 * (5 * 168 + 16), samples.HEAD + 2 * 168 + 8)
    assert page.getpixel((samples.GAP + 5, samples.HEAD + 168 + 5)) == (255, 0, 0)
    assert page.getpixel((page.width - 100, page.height - 40)) == (255, 255, 255)  # the fourth place is empty


# ---- on the embedded weights


@pytest.fixture
def loaded(vlsa, monkeypatch):
    """The commands take the pipeline that is loaded already."""
    monkeypatch.setattr(pipelines, "load_both", lambda preset: (None, vlsa))
    return vlsa


def test_a_command_on_one_poster(loaded, sets, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--data", str(sets / "posters"), "--photos", "none", "--out", str(out), "--limit", "1"]
    assert runner.main([*arguments, "--parts", "reconstruction", "codes"]) == 0
    summary = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    full = summary["posters"]["reconstruction"]["full"]
    assert full["preview"]["psnr"] > 5 and -1 <= full["diffusion"]["ssim"] <= 1
    assert 0 < summary["posters"]["codes"]["usage"] <= 1 and "chat" not in summary
    results = json.loads((out / "results.json").read_text("utf-8"))
    assert results["about"]["pipeline"] == "vlsa" and results["about"]["machine"]["cores"] >= 1
    assert results["about"]["run"]["checkpoint"]["name"] == "vlsa-mini"
    assert "SA-Perceiver, diffusion" in (out / "report.md").read_text("utf-8")
    assert len(list((out / "rebuilt").glob("*.png"))) == 6  # the image, two by two reconstructions, its codes


def test_any_images_with_one_that_is_not_an_image(loaded, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (70, 30), "orange").save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"nothing")
    assert runner.main(["--images", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    summary = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    good, bad = summary["captions"]
    assert good["caption"] and good["psnr_vq"] > 5
    assert "error" in bad and "caption" not in bad
    assert summary["images"]["reconstruction"]["pictures"] == 1


def test_answers_are_kept_and_asked_again_when_the_question_changes(vlsa, sets, assets, tmp_path):
    images = vlsa_data.read_set(str(sets / "posters"))
    questions = [q for q in vlsa_chat.plan(images, 2, 0, assets) if q.kind in ("read", "presence", "count")][:3]
    evaluation = Evaluation(vlsa, tmp_path, Settings(), {"seed": 0})
    records = evaluation.ask(images, questions)
    assert [r["question"] for r in records] == [q.question for q in questions]
    assert all(r["tokens"] > 0 and set(r["scores"]) >= {"exact", "f1"} for r in records)
    silent = SimpleNamespace(view=vlsa.view)  # asking it would fail
    again = Evaluation(silent, tmp_path, Settings(), {"seed": 0})
    assert again.ask(images, questions) == records
    changed = [vlsa_chat.Question(**{**vars(questions[0]), "question": "Read the text."})]
    assert Evaluation(vlsa, tmp_path, Settings(), {"seed": 0}).ask(images, changed)[0]["question"] == "Read the text."


def test_only_some_kinds_are_asked(vlsa, sets, assets, tmp_path):
    images = vlsa_data.read_set(str(sets / "posters"))
    evaluation = Evaluation(vlsa, tmp_path, Settings(per_kind=1, kinds=("style", "scene")), {"seed": 0})
    summary, _ = runner.evaluate(evaluation, {"posters": images}, ("chat",), assets)
    asked = {json.loads(line)["record"]["kind"] for line in (tmp_path / "answers.jsonl").read_text().splitlines()[1:]}
    assert asked and asked <= {"style", "scene"} and summary["chat"]


def test_codes_and_colours_are_predicted(vlsa, sets):
    from evaluation.vlsa_pictures import cognition, summarise_cognition

    view = vlsa.view(vlsa_data.read_set(str(sets / "posters"))[0].image)
    found = cognition(vlsa, view, random.Random(0))
    assert len(found["quarters"]) == 2 and np.shape(found["index"]) == (32, 32)
    figures = summarise_cognition([{"codes": {"true": vlsa.tokens(view).true.tolist()}, "cognition": found}])
    assert 0 <= figures["top_1"] <= 1 and figures["pixel_mae"] >= 0
