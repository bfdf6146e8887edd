"""Figures of VLSA with known values: answers, presence, codebooks, colours, intervals."""

import numpy as np
import pytest

from evaluation import metrics, vlsa_chat
from evaluation.colour_distance import ciede2000, lab, rgb_difference
from evaluation.vlsa_chat import Question, is_right, score


@pytest.mark.parametrize(
    ("expected", "answer", "same"),
    [
        ("navy blue", "Navy blue.", True),
        ('"Fam"', "“fam”", True),
        ("a card", "card", False),
        ("don't", "Don’t", True),
        ("red", "", False),
    ],
)
def test_answers_are_equal_but_for_case_and_edges(expected, answer, same):
    assert metrics.same_answer(expected, answer) is same


def test_token_f1():
    assert metrics.token_f1("a red balloon", "A red balloon.") == 1
    assert metrics.token_f1("a red balloon", "red") == pytest.approx(0.5)
    assert metrics.token_f1("a a", "a") == pytest.approx(2 / 3)
    assert (metrics.token_f1("", ""), metrics.token_f1("a", "")) == (1, 0)


def test_presence_as_pope():
    pairs = [(True, True), (True, True), (True, False), (False, True), (False, False), (False, None)]
    found = metrics.presence(pairs)
    assert found["accuracy"] == pytest.approx(3 / 6)
    assert found["precision"] == found["recall"] == found["f1"] == pytest.approx(2 / 3)
    assert found["share_yes"] == pytest.approx(3 / 6)
    assert (found["questions"], found["positives"], found["unclear"]) == (6, 3, 1)
    assert metrics.presence([])["f1"] is None


def test_yes_or_no_is_the_first_word():
    answers = {"Yes, it is.": True, "no": False, "NO!": False, "Not really": None, "": None, "There is no cat": None}
    assert {a: metrics.yes_or_no(a) for a in answers} == answers


def test_codebook():
    even = metrics.codebook(np.array([5, 5, 5, 5]))
    assert even == {"codes": 4, "usage": 1, "dead": 0, "perplexity": pytest.approx(4), "top_share": 0.25}
    one = metrics.codebook(np.array([0, 9, 0, 0]))
    assert (one["usage"], one["dead"], one["perplexity"], one["top_share"]) == (0.25, 3, 1, 1)
    assert metrics.codebook(np.zeros(4, int))["perplexity"] == 0


@pytest.mark.parametrize(  # pairs of the formula's published test data
    ("a", "b", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000(a, b, expected):
    first, second = np.array(a, float), np.array(b, float)
    assert ciede2000(first, second) == pytest.approx(expected, abs=1e-4)
    assert ciede2000(second, first) == pytest.approx(expected, abs=1e-4)


def test_lab_of_known_colours():
    assert lab(np.array([255, 255, 255])) == pytest.approx([100, 0, 0], abs=1e-6)
    assert lab(np.array([0, 0, 0])) == pytest.approx([0, 0, 0], abs=1e-6)
    assert lab(np.array([255, 0, 0])) == pytest.approx([53.24, 80.09, 67.20], abs=0.01)
    assert rgb_difference(np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [0, 0]


def question(kind, answer, **facts):
    return Question("k", 0, kind, "templates", "?", answer, facts)


@pytest.mark.parametrize(
    ("kind", "expected", "answer", "right"),
    [
        ("presence", "yes", "Yes.", True),
        ("presence", "no", "yes", False),
        ("presence", "no", "maybe", False),
        ("count", "2", "two", True),
        ("count", "2", "There are 2 dogs.", True),
        ("count", "0", "no dogs", True),
        ("count", "3", "a dog", False),
        ("read", '"Hi Holly!"', '"hi holly"', True),
        ("read", '"Hi Holly!"', "Hi Holly!", True),
        ("read", '"One" and "Two"', 'It says "One" and "Two".', True),
        ("read", '"One" and "Two"', '"Two" and "One"', False),
        ("read", "There is no text in this image.", "There is no text.", True),
        ("read", "There is no text in this image.", '"SALE"', False),
        ("text_presence", "yes", "yes", True),
        ("background_colour", "navy blue", "Navy Blue", True),
        ("background_colour", "navy blue", "blue", False),
        ("photo any_text", "no", "No", True),
    ],
)
def test_right_answers(kind, expected, answer, right):
    assert is_right(kind.removeprefix("photo "), expected, answer) is right


def test_reading_is_scored_in_every_character_too():
    scores = score(question("read", '"Hi Holly!"', lines=1), '"hi Holly!"')
    assert scores["exact"] == 1 and scores["exact_case"] == 0 and scores["invents"] is None
    assert scores["edit_distance"] == pytest.approx(1 / 9)


@pytest.mark.parametrize(
    ("answer", "invents"),
    [
        ("There is no text in this image.", False),
        ("No.", False),
        ("I see no readable letters.", False),
        ("none", False),
        ('It says "no text".', True),
        ("Welcome", True),
        ("", True),
    ],
)
def test_inventing_text(answer, invents):
    assert vlsa_chat.invents_text(answer) is invents


def test_a_caption_names_its_object_outside_of_quotes():
    names = ["cooking pot", "cooking pots", "pot"]
    assert score(question("caption", "x", names=names), "Two pots, one Pot.")["names_object"] == 1
    assert score(question("caption", "x", names=names), 'A potato. It says "pot".')["names_object"] == 0
    assert score(question("caption", "x", names=[]), "a pot")["names_object"] is None


def test_intervals_hold_the_share():
    found = vlsa_chat.share([1.0] * 7 + [0.0] * 3)
    assert (found["value"], found["questions"]) == (pytest.approx(0.7), 10)
    assert (found["low"], found["high"]) == (pytest.approx(0.397, abs=1e-3), pytest.approx(0.892, abs=1e-3))
    assert vlsa_chat.share([])["value"] is None


def test_groups_take_turns_and_yes_and_no_come_equally():
    import random

    presence = [question("presence", "yes")] * 9 + [question("presence", "no")] * 3
    chosen = vlsa_chat.pick(presence, 100, random.Random(0))
    assert sorted(q.answer for q in chosen) == ["no"] * 3 + ["yes"] * 3
    counts = [question("count", "1")] * 50 + [question("count", "4")] * 2
    assert [q.answer for q in vlsa_chat.pick(counts, 6, random.Random(0))].count("4") == 2
    lines = [question("read", "x", lines=n) for n in (1, 2, 3, 4, 5, 6, 7, 8)]
    assert 1 in [q.facts["lines"] for q in vlsa_chat.pick(lines, 2, random.Random(0))]


def record(kind, expected, answer, **facts):
    from pipelines.vlsa.types import Reply

    reply = Reply(answer, 3, 100.0, 10.0, True, "stop")
    return {**vlsa_chat.record(question(kind, expected, **facts), reply), "sample": "poster-0000"}


def test_summary_of_answers():
    records = [
        record("presence", "yes", "yes"),
        record("presence", "no", "no"),
        record("count", "2", "2"),
        record("count", "4", "3"),
        record("read", '"Fam"', '"FAM"', lines=1),
        record("read", '"A" and "B"', '"A"', lines=2),
        record("photo read", "There is no text in this image.", '"A"'),
        record("caption", "A cat.", "A dog.", names=["cat"]),
    ]
    found = vlsa_chat.summarise(records)
    ours = found["templates"]
    assert (found["first_token_ms"], found["tokens_per_s"]) == (100, 10)
    assert ours["presence"]["f1"] == 1
    assert ours["counts"]["by_count"]["4"]["value"] == 0 and ours["counts"]["mean"] == 0.5
    assert ours["one_line"]["exact"]["value"] == 1 and ours["one_line"]["exact_case"]["value"] == 0
    assert ours["invents"]["photo read"]["value"] == 1 and ours["invents"]["read"]["value"] is None
    assert ours["names_object"]["caption"]["value"] == 0
    assert ours["short"]["questions"] == 7
    assert found["held-out"]["questions"] == 0
    assert [w["kind"] for w in vlsa_chat.worst(records)] == ["caption", "count", "photo read", "read"]
