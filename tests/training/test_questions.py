"""Questions about posters: true answers, balanced yes and no, texts in quotes, evaluation in other words."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.colours import COLOURS
from training.data import dataset, questions, scenes
from training.data.assets import Assets, default_path
from training.data.question_absent import ALIKE, place_class, vocabulary, wrong_text
from training.data.question_facts import (
    Facts,
    Text,
    bare,
    direction,
    named,
    place,
    plural_of,
    reading_order,
    surface,
    takes_are,
)
from training.data.question_words import HELD_OUT, TRAINING

N = 240


@pytest.fixture(scope="module")
def assets(small_cache: Path) -> Assets:
    """The big cache where it has been built, else the small one."""
    return Assets() if (default_path() / "objects.json").is_file() else Assets(small_cache)


@pytest.fixture(scope="module")
def records(assets: Assets) -> list[dict[str, Any]]:
    kinds = list(scenes.KINDS)
    plans = (dataset.plan(dataset.rng_of(5, "train", i), assets, "train", kinds[i % len(kinds)]) for i in range(N))
    return [{"index": i, **p.record()} for i, p in enumerate(plans)]


@pytest.fixture(scope="module")
def talks(records: list[dict[str, Any]], assets: Assets) -> list[tuple[dict[str, Any], list[questions.Exchange]]]:
    """Every record with a long conversation, half of them in held-out words."""
    rng = random.Random(1)
    return [(r, questions.converse(r, rng, 16, assets, held_out=i % 2 == 1)) for i, r in enumerate(records)]


def asked(talks: list[tuple[dict[str, Any], list[questions.Exchange]]], kind: str) -> list[tuple[dict[str, Any], Any]]:
    return [(r, e) for r, talk in talks for e in talk if e.kind == kind]


def texts_of(record: dict[str, Any]) -> list[str]:
    return [e["text"] for e in record["layout"]["elements"] if e["kind"] == "text"]


def quotes(words: str) -> list[str]:
    return re.findall(r'"([^"]*)"', words)


# ---- names and places


def test_names_take_the_article_and_plural_they_need() -> None:
    assert [named(n) for n in ("owl", "grapes", "Milky Way", "popcorn", "nut and bolt", "rhinoceros", "ewe")] == [
        "an owl", "grapes", "the Milky Way", "popcorn", "a nut and bolt", "a rhinoceros", "a ewe",
    ]  # fmt: skip
    assert [plural_of(n) for n in ("face blowing a kiss", "male elf", "moose", "cup of coffee")] == [
        "faces blowing a kiss", "male elves", "moose", "cups of coffee",
    ]  # fmt: skip
    assert not bare("man lifting weights") and bare("pancakes")
    assert surface("brick wall") == "a brick wall" and surface("wood") == "wood" and surface("a forest") == "a forest"


def test_materials_are_one_thing() -> None:
    assert [takes_are(x) for x in ("canvas", "metal", "tiles", "grapes", "a dog")] == [False, False, True, True, False]


def test_places_are_told_only_where_they_are_clear() -> None:
    assert place((0.05, 0.05, 0.25, 0.2)) == "at the top left" and place((0.4, 0.8, 0.6, 0.9)) == "at the bottom"
    assert place((0.0, 0.4, 0.2, 0.6)) == "on the left" and place((0.4, 0.4, 0.6, 0.6)) == "in the centre"
    assert place((0.26, 0.4, 0.46, 0.6)) is None
    left, right, low = (0.1, 0.1, 0.3, 0.3), (0.5, 0.1, 0.7, 0.3), (0.1, 0.5, 0.3, 0.7)
    assert direction(left, right) == "to the left" and direction(right, left) == "to the right"
    assert direction(left, low) == "above" and direction(low, left) == "below" and direction(low, right) is None
    assert direction(left, (0.2, 0.2, 0.4, 0.4)) is None


def test_texts_are_read_row_by_row() -> None:
    boxes = {"low": (0.1, 0.8, 0.9, 0.9), "right": (0.6, 0.1, 0.9, 0.2), "left": (0.1, 0.12, 0.4, 0.22)}
    assert [t.words for t in reading_order(Text(w, "red", b) for w, b in boxes.items())] == ["left", "right", "low"]


# ---- answers


def test_every_kind_is_asked_and_every_conversation_is_complete(
    talks: list[tuple[dict[str, Any], list[questions.Exchange]]],
) -> None:
    assert {e.kind for _, talk in talks for e in talk} == set(questions.KINDS) == set(questions.WEIGHTS)
    assert all(len(talk) == 16 for _, talk in talks)
    assert all(len({e.question.lower() for e in talk}) == 16 for _, talk in talks)


def test_texts_and_nothing_else_stand_in_quotes(talks: list[tuple[dict[str, Any], list[questions.Exchange]]]) -> None:
    for record, talk in talks:
        texts = texts_of(record)
        parts = {*texts, *(w for t in texts for w in t.split())}
        for e in talk:
            assert (e.question + e.answer).count('"') % 2 == 0, e
            assert set(quotes(e.answer)) <= set(texts), e
            assert not any("“" in w or "{" in w for w in (re.sub(r'"[^"]*"', "", e.question), e.answer)), e
            if e.kind != "text_presence":
                assert set(quotes(e.question)) <= set(texts), e
            elif e.answer == "yes":
                assert quotes(e.question)[0] in parts, e


def test_reading_gives_all_texts_from_top_to_bottom(
    talks: list[tuple[dict[str, Any], list[questions.Exchange]]], assets: Assets
) -> None:
    for record, e in asked(talks, "read"):
        ordered = [t.words for t in Facts(record, assets).texts]
        assert quotes(e.answer) == ordered and sorted(ordered) == sorted(texts_of(record))
        assert ordered or e.answer == questions.NO_TEXT
    assert all((e.answer == "yes") == bool(texts_of(r)) for r, e in asked(talks, "any_text"))
    for record, e in asked(talks, "caption"):
        assert sorted(quotes(e.answer)) == sorted(texts_of(record)) and e.answer[-1] in '."'
        assert len(re.sub(r'"[^"]*"', "", e.answer).split()) <= 30, e


def test_counts_agree_with_the_record(talks: list[tuple[dict[str, Any], list[questions.Exchange]]]) -> None:
    seen: Counter[str] = Counter()
    for record, e in asked(talks, "count"):
        counts = {plural_of(name): count for name, count in record["groups"]}
        named_here = [n for n in counts if n in e.question]
        most = counts[max(named_here, key=len)] if named_here else 0
        assert e.answer == str(most), (e, record["groups"])
        seen[e.answer] += 1
    assert seen["2"] and seen["1"] and seen["0"]
    for record, e in asked(talks, "total"):
        assert e.answer == str(sum(c for _, c in record["groups"]))


def test_colours_are_those_of_the_elements(talks: list[tuple[dict[str, Any], list[questions.Exchange]]]) -> None:
    for record, e in asked(talks, "background_colour"):
        background = record["layout"]["elements"][0]
        assert background["style"] not in ("photo", "texture") and e.answer in COLOURS
        assert e.answer in record["background_phrase"], e
    assert all(e.answer in COLOURS for _, e in asked(talks, "text_colour"))


def test_photographs_behind_posters_are_named_not_coloured(records: list[dict[str, Any]], assets: Assets) -> None:
    rng = random.Random(0)
    photos = [r for r in records if r["layout"]["elements"][0]["style"] in ("photo", "texture")]
    assert photos and all(questions.ask(r, "background_colour", rng, assets) is None for r in photos)
    for r in photos:
        exchange = questions.ask(r, "background_kind", rng, assets)
        assert exchange is not None and exchange.answer.endswith(r["background_phrase"])


# ---- yes and no


def test_yes_and_no_are_balanced(records: list[dict[str, Any]], assets: Assets) -> None:
    rng = random.Random(2)
    for held_out in (False, True):
        found: dict[str, Counter[str]] = {"presence": Counter(), "text_presence": Counter()}
        for _ in range(6):
            for r in records:
                for e in questions.converse(r, rng, 5, assets, held_out):
                    if e.kind in found:
                        found[e.kind][e.answer] += 1
        for answers in found.values():
            assert set(answers) == {"yes", "no"}
            assert 0.45 < answers["yes"] / answers.total() < 0.55, answers


def test_what_is_denied_is_absent_under_every_name(records: list[dict[str, Any]], assets: Assets) -> None:
    rng, words = random.Random(3), vocabulary(assets)
    hard = 0
    posters = [Facts(r, assets) for r in records if r["groups"]]
    for f in posters * 3:
        info = words.absent(f, rng)
        assert info is not None
        mine = {info.name.lower(), *(a.lower() for a in info.aliases)}
        for g in f.groups:
            theirs = {g.name.lower(), *(a.lower() for a in g.info.aliases)}
            assert not any(x in y or y in x for x in mine for y in theirs), (info.name, g.name)
            assert not mine & {t.lower() for t in g.info.tags} and not theirs & {t.lower() for t in info.tags}
            assert not any(info.name in row and g.name in row for row in ALIKE)
        hard += any(info.sub == g.info.sub or info.group == g.info.group for g in f.groups)
    assert hard > 0.5 * 3 * len(posters)


def test_wrong_texts_are_wrong(records: list[dict[str, Any]], assets: Assets) -> None:
    rng, words = random.Random(4), vocabulary(assets)
    for r in records:
        f = Facts(r, assets)
        for t in f.texts:
            wrong = wrong_text(t.words, f, words, rng)
            assert wrong and not any(wrong.lower() in x.words.lower() for x in f.texts)


def test_a_double_quote_in_a_text_silences_the_kinds_that_would_quote_it(
    records: list[dict[str, Any]], assets: Assets
) -> None:
    record = next(r for r in records if texts_of(r))
    elements = [{**e, "text": 'Say "hi"'} if e["kind"] == "text" else e for e in record["layout"]["elements"]]
    spoken = {**record, "layout": {**record["layout"], "elements": elements}}
    rng = random.Random(0)
    for kind in ("read", "caption", "short_caption", "text_presence", "text_place", "text_colour", "read_where"):
        assert questions.ask(spoken, kind, rng, assets) is None


# ---- phrasings


def _normal(template: str) -> str:
    return re.sub(r"[^a-z{} ]", "", template.lower().replace("color", "colour")).replace("please", "").strip()


def test_banks_are_rich_and_do_not_meet() -> None:
    assert set(TRAINING) == set(HELD_OUT)
    for key in TRAINING:
        kind = key.split(".")[0]
        assert len(TRAINING[key]) >= 12 or sum(len(v) for k, v in TRAINING.items() if k.split(".")[0] == kind) >= 12
        assert len(HELD_OUT[key]) >= 5, key
        assert len(set(TRAINING[key])) == len(TRAINING[key])
    trained = {_normal(t) for bank in TRAINING.values() for t in bank}
    assert not trained & {_normal(t) for bank in HELD_OUT.values() for t in bank}


def test_the_same_seed_asks_the_same(records: list[dict[str, Any]], assets: Assets) -> None:
    def run() -> list[questions.Exchange]:
        rng = random.Random(9)
        return [e for r in records[:20] for e in questions.converse(r, rng, 4, assets)]

    assert run() == run()


def test_an_unknown_kind_is_refused(records: list[dict[str, Any]], assets: Assets) -> None:
    with pytest.raises(ValueError, match="unknown"):
        questions.ask(records[0], "weather", random.Random(0), assets)


# ---- photographs


@pytest.mark.parametrize("phrase", ["a city street", "a brick wall", "wood", "a cat on a sofa"])
def test_photographs_have_no_text_and_no_far_fetched_things(phrase: str, assets: Assets) -> None:
    rng = random.Random(6)
    answers: Counter[str] = Counter()
    for _ in range(300):
        for e in questions.photo(phrase, rng, 4, assets):
            assert e.kind in questions.KINDS and '"' not in e.question + e.answer
            if e.kind in ("read", "any_text"):
                assert e.answer in (questions.NO_TEXT, "no")
            elif e.kind == "presence":
                answers[e.answer] += 1
                assert (e.answer == "yes") == (phrase in e.question.lower()), e
            else:
                assert phrase in e.answer
    assert 0.44 < answers["yes"] / answers.total() < 0.56


def test_places_are_told_by_their_words() -> None:
    assert [place_class(p) for p in ("a city street", "a forest", "wood", "a hotel room", "a plate")] == [
        "city", "nature", None, "indoors", None,
    ]  # fmt: skip


def test_drawings_pasted_into_a_photograph_are_asked_about(assets: Assets) -> None:
    rng = random.Random(8)
    answers: Counter[str] = Counter()
    for _ in range(1500):
        for e in questions.photo("a forest", rng, 6, assets, objects=("owl", "teapot")):
            if e.kind == "objects":
                assert e.answer == "an owl and a teapot"
            elif e.kind == "short_caption":
                assert e.answer == "a forest with an owl and a teapot"
            elif e.kind == "presence":
                answers[e.answer] += 1
                known = re.search(r"\b(forest|owls?|teapots?)\b", e.question.lower())
                assert (e.answer == "yes") == bool(known), e
    assert 0.45 < answers["yes"] / answers.total() < 0.55
