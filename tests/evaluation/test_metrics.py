"""The scoring rules, on cases whose figures can be worked out by hand."""

import numpy as np
import pytest

from evaluation.metrics import aggregate, frechet_distance, mean_or_none, retrieval_at_1
from pipelines.vlad.word_scores import ImageScore


def test_f_measure_comes_from_the_means():
    found = aggregate([ImageScore(1, 1, 1), ImageScore(0, 0, 0), ImageScore(0, 0.5, 1)])
    assert found["precision"] == pytest.approx(0.5)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f_measure"] == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert aggregate([])["f_measure"] == 0


def test_retrieval_counts_both_directions():
    similarity = np.array([[0.9, 0.1, 0.8], [0.2, 0.3, 0.1]])  # prompt 0 owns images 0 and 1, prompt 1 owns image 2
    found = retrieval_at_1(similarity, [0, 0, 1])
    assert found["image_to_prompt"] == pytest.approx(1 / 3)
    assert found["prompt_to_image"] == pytest.approx(1 / 2)
    assert found["chance"] == pytest.approx((1 / 2 + (2 / 3 + 1 / 3) / 2) / 2)


def test_retrieval_of_a_perfect_encoder_and_of_nothing():
    assert retrieval_at_1(np.eye(4), range(4))["at_1"] == 1
    assert retrieval_at_1(np.zeros((3, 0)), [])["at_1"] == 0


def test_retrieval_leaves_out_prompts_without_images():
    found = retrieval_at_1(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]), [0, 2])
    assert found["prompt_to_image"] == 1


def test_frechet_distance_equals_the_textbook_formula():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (60, 3)), rng.normal(0.5, 2, (50, 3))
    s1, s2 = np.cov(a.T), np.cov(b.T)
    roots = np.sqrt(np.linalg.eigvals(s1 @ s2).real.clip(0)).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * roots
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_frechet_distance_of_equal_sets_is_zero_even_with_few_samples():
    a = np.random.default_rng(1).normal(size=(5, 40))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 1) == pytest.approx(40)


def test_frechet_distance_refuses_what_has_no_covariance():
    with pytest.raises(ValueError, match="features"):
        frechet_distance(np.zeros((1, 3)), np.zeros((4, 3)))


def test_mean_or_none():
    assert mean_or_none([None, 1.0, 0.0]) == 0.5
    assert mean_or_none([None]) is None
