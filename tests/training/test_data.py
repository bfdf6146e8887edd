"""The poster synthesiser: prompts name every element at its span, layouts keep their rules, splits do not meet."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from pipelines.colours import contrast, to_rgb
from pipelines.types import FULL, Layout
from pipelines.vlad.fonts import default_fonts
from training.data import dataset, language, phrases, scenes
from training.data.assets import MAX_VIEWS, Assets, default_path
from training.data.english import join, plural, with_article
from training.data.splits import combination, fraction, held_out, in_split

LEXICON = Path(__file__).parents[2] / "assets" / "lexicon.json"
N = 160


@pytest.fixture(scope="module")
def assets(small_cache: Path) -> Assets:
    """The big cache where it has been built, else the small one."""
    return Assets() if (default_path() / "objects.json").is_file() else Assets(small_cache)


@pytest.fixture(scope="module")
def posters(assets: Assets) -> list[dataset.Poster]:
    kinds = list(scenes.KINDS)
    return [dataset.plan(dataset.rng_of(3, "train", i), assets, "train", kinds[i % len(kinds)]) for i in range(N)]


# ---- words


def test_plurals_and_articles() -> None:
    assert [plural(n) for n in ("cup of coffee", "cherry", "box", "wolf", "man bouncing ball")] == [
        "cups of coffee", "cherries", "boxes", "wolves", "men bouncing ball",
    ]  # fmt: skip
    assert [with_article(n) for n in ("owl", "unicorn", "hourglass", "SUV", "dog")] == [
        "an owl", "a unicorn", "an hourglass", "a SUV", "a dog",
    ]  # fmt: skip
    assert join(["a"]) == "a" and join(["a", "b", "c"]) == "a, b and c"


def test_lexicon_is_complete_and_unambiguous() -> None:
    entries = json.loads(LEXICON.read_text("utf-8"))
    names = [e["name"] for e in entries]
    assert len(names) == len(set(names)) > 1300
    assert all(set(e) == {"name", "aliases", "plural", "group", "tags", "emoji", "mass"} for e in entries)
    assert all(e["plural"] == e["name"] or not e["mass"] for e in entries)


# ---- fragments


def test_marks_give_exact_spans() -> None:
    inner = language.expand("three {x}", {"x": (language.Mark("red apples", ("group", 0), "red apple"),)})
    text, spans, names = language.render(language.expand("A card with {o} {c}!", {"o": inner, "c": "here"}))
    assert text == "A card with three red apples here!"
    assert text[slice(*spans["group", 0])] == "red apples" and names == {("group", 0): "red apple"}


def test_a_template_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(KeyError):
        language.expand("{nothing}", {})


# ---- splits


def test_splits_are_stable_disjoint_and_of_the_stated_size() -> None:
    keys = [f"word{i}" for i in range(4000)]
    assert all(in_split("word", k, "train") != in_split("word", k, "test") for k in keys)
    assert abs(np.mean([held_out("word", k) for k in keys]) - 0.10) < 0.02
    assert fraction("word", "Anchor") == fraction("word", "anchor") == pytest.approx(0.87953, abs=1e-9)
    assert combination(["dog", "cat"]) == combination(["cat", "dog"])
    with pytest.raises(ValueError, match="unknown"):
        in_split("word", "a", "validation")  # type: ignore[arg-type]


def test_train_and_test_share_no_texts_combinations_fonts_or_photographs(assets: Assets) -> None:
    found = {s: [dataset.plan(dataset.rng_of(7, s, i), assets, s) for i in range(120)] for s in ("train", "test")}
    extra = assets.extra_fonts
    for split, made in found.items():
        for p in made:
            names = sorted({n for n, _ in p.groups})
            assert len(names) < 2 or in_split("objects", combination(names), split)
            texts = [phrases.held_out_text(e.text, assets) for e in p.layout.texts]
            assert not texts or any(texts) == (split == "test"), p.prompt
            fonts = {e.font for e in p.layout.texts} - set(default_fonts().ids)
            assert all(in_split("font", extra[f]["family"], split) for f in fonts if f)
            assert split == "test" or _photo_is_kept(p.layout, assets)


def _photo_is_kept(layout: Layout, assets: Assets) -> bool:
    b = layout.background
    if b is None or b.style not in ("photo", "texture"):
        return True
    return b.variant in assets.variants(b.text, "train")


# ---- assets


def test_missing_assets_say_how_to_build_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="build_assets"):
        Assets(tmp_path)


def test_assets_are_free_of_attribution_duties_and_decode(assets: Assets) -> None:
    assert len(assets.objects) > 1300 and len(assets.words) > 1_000
    assert {"a forest", "brick wall", "wood"} <= set(assets.views)
    assert all(1 <= len(v) <= MAX_VIEWS for v in assets.views.values())
    assert "a sunset over hills" not in assets.views  # CC-BY
    assert "a workshop" not in assets.photo_kinds and not assets.variants("a workshop", "train")
    image = assets.object_image("dog", "mono")
    assert image.mode == "RGBA" and image.getpixel((0, 0))[:3] == (255, 255, 255)
    assert assets.texture("wood", 3).mode == "RGB"


def test_every_object_of_the_phrase_banks_exists(assets: Assets) -> None:
    tables = (phrases.EVENT_OBJECTS, phrases.SHOPS, phrases.MENU_OBJECTS, phrases.JOBS)
    named = {n for t in tables for ns in t.values() for n in ns} | {n for o in phrases.OCCASIONS for n in o.objects}
    named |= {p[0] for p in phrases.PRODUCTS}
    assert named <= set(assets.objects)


def test_every_template_can_be_filled(assets: Assets) -> None:
    rng = random.Random(0)
    for bank in (phrases.TITLES, phrases.QUOTES, phrases.EVENT_LINES, phrases.SHIRTS, phrases.BOOKS, phrases.NOTES):
        assert all("{" not in phrases.fill(t, rng, assets) for t in bank)
    with pytest.raises(KeyError):
        phrases.fill("{?}".replace("?", "k"), rng, assets)


# ---- layouts


def test_layouts_keep_their_rules(posters: list[dataset.Poster]) -> None:
    for p in posters:
        elements = p.layout.elements
        order = [("background", "panel", "object", "text").index(e.kind) for e in elements]
        assert elements[0].kind == "background" and elements[0].box == FULL
        assert order == sorted(order, key=lambda k: min(k, 2))
        content = [e for e in elements if e.kind in ("object", "text")]
        for i, a in enumerate(content):
            for b in content[:i]:
                if "text" in (a.kind, b.kind):
                    assert a.box.intersection(b.box) < 1e-4, (p.prompt, a.text, b.text)
        assert 1 <= len(content) <= 12


def test_texts_stand_out_from_what_is_behind_them(posters: list[dataset.Poster]) -> None:
    for p in posters:
        panel = next((e for e in p.layout.elements if e.kind == "panel"), None)
        for t in p.layout.texts:
            behind = panel if panel and panel.box.intersection(t.box) > 0.5 * t.box.area else p.layout.background
            assert behind is not None and behind.colour and t.colour
            if t.style != "outline":
                assert contrast(to_rgb(t.colour), to_rgb(behind.colour)) >= 3.5, p.prompt


def test_groups_match_the_objects(posters: list[dataset.Poster]) -> None:
    for p in posters:
        drawn = [p.object_names[i] for i, e in enumerate(p.layout.elements) if e.kind == "object"]
        assert sorted(drawn) == sorted(n for n, k in p.groups for _ in range(k))


def test_relations_are_true(posters: list[dataset.Poster]) -> None:
    for p in posters:
        if p.relation in ("left", "above"):
            axis = 0 if p.relation == "left" else 1
            first, second = (
                np.mean([e.box.centre[axis] for i, e in enumerate(p.layout.elements) if p.object_names.get(i) == n])
                for n, _ in p.groups
            )
            assert first < second, p.prompt


# ---- prompts


def test_every_element_is_at_its_span(posters: list[dataset.Poster]) -> None:
    for p in posters:
        for i, e in enumerate(p.layout.elements):
            if e.span is None:
                assert e.kind == "background", (p.prompt, e)
                continue
            words = p.prompt[slice(*e.span)]
            if e.kind == "text":
                assert words == e.text, (p.prompt, e)
            elif e.kind == "object":
                copies = sum(n == p.object_names[i] for n in p.object_names.values())
                assert words.lower() == (plural(e.text) if copies > 1 else e.text).lower(), (p.prompt, e.text)
            else:
                assert e.text.lower() in words.lower(), (p.prompt, e)


def test_captions_leave_out_the_strings_to_draw(posters: list[dataset.Poster]) -> None:
    for p in posters:
        assert not any(f'"{t.text}"' in p.caption or f"'{t.text}'" in p.caption for t in p.layout.texts), p.caption


def test_contents_follow_the_order_of_the_prompt(posters: list[dataset.Poster]) -> None:
    for p in posters:
        starts = [e.span[0] for e in p.layout.elements if e.kind in ("object", "text") and e.span]
        assert starts == sorted(starts)


def test_prompts_are_tidy(posters: list[dataset.Poster]) -> None:
    for p in posters:
        assert p.prompt == p.prompt.strip() and "  " not in p.prompt and " ," not in p.prompt, p.prompt
        assert "{" not in p.prompt and len(p.prompt) < 400
    assert len({p.prompt for p in posters}) == len(posters)
    mentioned = np.mean([p.layout.background.span is not None for p in posters if p.layout.background])
    assert 0.4 < mentioned < 0.8


# ---- files


def test_a_poster_depends_on_its_seed_alone(assets: Assets) -> None:
    a, b = (dataset.plan(dataset.rng_of(5, "train", 11), assets) for _ in range(2))
    assert a.layout == b.layout and a.record() == b.record()
    assert dataset.plan(dataset.rng_of(6, "train", 11), assets).layout != a.layout


@pytest.mark.slow
def test_data_sets_are_the_same_however_they_are_made(
    assets: Assets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTER_ASSETS", str(assets.path))
    monkeypatch.setattr(dataset, "CHUNK", 3)
    whole = dataset.generate(7, 2, "train", tmp_path / "whole")
    parts = tmp_path / "parts"
    monkeypatch.setattr(dataset, "_merge", lambda *_: None)  # as if interrupted
    dataset.generate(7, 2, "train", parts)
    (parts / "part-0000003.jsonl").unlink()
    monkeypatch.undo()
    monkeypatch.setenv("POSTER_ASSETS", str(assets.path))
    monkeypatch.setattr(dataset, "CHUNK", 3)
    dataset.generate(7, 2, "train", parts)
    (images, records), (again, same) = dataset.load(whole), dataset.load(parts)
    assert images.shape == (7, 256, 256, 3) and images.dtype == np.uint8
    assert np.array_equal(images, again) and records == same
    assert Layout.from_dict(records[0]["layout"]).prompt
    with pytest.raises(ValueError, match="other arguments"):
        dataset.generate(8, 2, "train", parts)
