"""The scoring rules for words, on cases whose figures can be worked out by hand."""

import pytest

from pipelines.vlad.word_scores import ImageScore, edit_distance, normalised_edit_distance, score_both, score_words


@pytest.mark.parametrize(
    ("gt", "pred", "accuracy", "precision", "recall"),
    [
        (["hello", "world"], ["world", "hello"], 1, 1, 1),  # order is ignored
        (["hello", "world"], ["hello", "world", "x"], 0, 2 / 3, 1),  # one extra word fails accuracy
        (["hello"], ["hello", "hello"], 0, 1 / 2, 1),  # a multiset, not a set
        (["hello", "hello"], ["hello"], 0, 1, 1 / 2),
        (["hello", "world"], ["helloworld"], 1, 0, 0),  # the joined words agree, no word does
        (["hello"], ["hello,"], 0, 0, 0),
        (["hello"], [], 0, 0, 0),
        ([], ["hello"], 0, 0, 0),
        ([], [], 1, 0, 0),
    ],
)
def test_mario_rule(gt, pred, accuracy, precision, recall):
    score = score_words(gt, pred)
    assert (score.accuracy, score.precision, score.recall) == pytest.approx((accuracy, precision, recall))


def test_columns_differ_only_in_edge_punctuation_and_apostrophes():
    scores = score_both(["Don\u2019t", "PANIC!"], ["don't", "panic"])
    assert scores["literal"] == ImageScore(0.0, 0.0, 0.0)
    assert scores["normalised"] == ImageScore(1.0, 1.0, 1.0)


def test_punctuation_inside_a_word_counts():
    assert score_both(["9.99"], ["999"])["normalised"].recall == 0


def test_words_that_are_punctuation_alone_vanish_when_normalised():
    scores = score_both(["Salt", "&", "Thunder"], ["salt", "thunder"])
    assert scores["literal"].accuracy == 0
    assert scores["normalised"].accuracy == 1


def test_f_is_the_harmonic_mean_of_an_image():
    assert ImageScore(0.0, 0.5, 1.0).f_measure == pytest.approx(2 / 3)
    assert ImageScore(0.0, 0.0, 0.0).f_measure == 0


@pytest.mark.parametrize(("a", "b", "d"), [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)])
def test_edit_distance(a, b, d):
    assert edit_distance(a, b) == edit_distance(b, a) == d


def test_normalised_edit_distance_lies_between_0_and_1():
    assert normalised_edit_distance("", "") == 0
    assert normalised_edit_distance("abc", "xyz") == 1
    assert normalised_edit_distance("abcd", "abxd") == pytest.approx(0.25)
