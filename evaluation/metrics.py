"""Pure functions that turn scores, answers, vectors and features into figures; no images, no models, no files.

Figures are shares in [0, 1] unless their name says otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipelines.vlad.word_scores import ImageScore, harmonic_mean, normalised, plain


def aggregate(scores: Sequence[ImageScore]) -> dict[str, float]:
    """Plain means over all images; F = 2PR / (P + R) from the means, 0 when both are 0."""
    if not scores:
        return {"accuracy": 0.0, "precision": 0.0, "recall": 0.0, "f_measure": 0.0}
    accuracy, precision, recall = (
        mean([getattr(s, name) for s in scores]) for name in ("accuracy", "precision", "recall")
    )
    f_measure = harmonic_mean(precision, recall)
    return {"accuracy": accuracy, "precision": precision, "recall": recall, "f_measure": f_measure}


def retrieval_at_1(similarity: np.ndarray, owner: Sequence[int]) -> dict[str, float]:
    """Retrieval@1 both ways, beside its chance level.

    Args:
        similarity: (P, N) similarities of P prompts and N images.
        owner: N indices into the prompts: which prompt image n was made for.

    Returns:
        image_to_prompt: share of images whose most similar prompt is their own; prompt_to_image: share of prompts whose
        most similar image is one of theirs (prompts without an image are left out); at_1: mean of the two; chance:
        the same mean for random similarities.
    """
    prompts, images = similarity.shape
    own = np.asarray(owner, dtype=int)
    if not prompts or not images or images != len(own):
        return {"image_to_prompt": 0.0, "prompt_to_image": 0.0, "at_1": 0.0, "chance": 0.0}
    forward = float(np.mean(similarity.argmax(axis=0) == own))
    with_images, counts = np.unique(own, return_counts=True)
    backward = float(np.mean(own[similarity[with_images].argmax(axis=1)] == with_images))
    chance = (1 / prompts + float(np.mean(counts / images))) / 2
    return {
        "image_to_prompt": forward,
        "prompt_to_image": backward,
        "at_1": (forward + backward) / 2,
        "chance": chance,
    }


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of two Gaussians fitted to features: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).

    With centred rows A, B so that S1 = A^T A and S2 = B^T B, tr (S1 S2)^(1/2) is the sum of the singular values of
    A B^T, which needs no (D, D) square root and is exact for fewer samples than dimensions.

    Args:
        a: (N, D) features, N >= 2.
        b: (M, D) features, M >= 2.

    Raises:
        ValueError: fewer than two samples, or different D.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"need (N >= 2, D) and (M >= 2, D) features, got {a.shape} and {b.shape}")
    a, b = a.astype(np.float64), b.astype(np.float64)
    centred_a = (a - a.mean(0)) / np.sqrt(len(a) - 1)
    centred_b = (b - b.mean(0)) / np.sqrt(len(b) - 1)
    cross = np.linalg.svd(centred_a @ centred_b.T, compute_uv=False).sum()
    gap = a.mean(0) - b.mean(0)
    return float(max(0.0, gap @ gap + (centred_a**2).sum() + (centred_b**2).sum() - 2 * cross))


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 for no values."""
    return float(sum(values) / len(values)) if values else 0.0


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are not None; None when there is none (nothing was asked for)."""
    known = [v for v in values if v is not None]
    return mean(known) if known else None


# ---- answers


def same_answer(expected: str, answer: str) -> bool:
    """Whether two answers are equal but for case, spaces and punctuation at their edges."""
    return plain(expected).casefold() == plain(answer).casefold()


def token_f1(expected: str, answer: str) -> float:
    """F1 of the multisets of words, by `normalised`: 2 |match| / (|expected| + |answer|), 1 when both are empty."""
    a, b = normalised([expected]), normalised([answer])
    match = sum((Counter(a) & Counter(b)).values())
    return 2 * match / (len(a) + len(b)) if a or b else 1.0


def yes_or_no(answer: str) -> bool | None:
    """What an answer says to a question of presence, by its first word: True, False, or None for neither."""
    words = normalised([answer])
    return {"yes": True, "no": False}.get(words[0]) if words else None


def presence(pairs: Sequence[tuple[bool, bool | None]]) -> dict[str, float | int | None]:
    """Presence as POPE scores it, "yes" being the positive class.

    Args:
        pairs: (truth, answer); an answer of None says neither: it is wrong, and no yes.

    Returns:
        questions, positives; accuracy; precision, recall and f1 of "yes", 0 where the divisor is 0; share_yes: share of
        answers that say yes; unclear: answers that say neither. Figures are None without questions.
    """
    hits = sum(truth and answer is True for truth, answer in pairs)
    said, positives = sum(answer is True for _, answer in pairs), sum(truth for truth, _ in pairs)
    precision, recall = (hits / said if said else 0.0), (hits / positives if positives else 0.0)
    figures = {
        "accuracy": mean([float(truth is answer) for truth, answer in pairs]),
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (said + positives) if said + positives else 0.0,
        "share_yes": said / len(pairs) if pairs else 0.0,
    }
    counts = {"questions": len(pairs), "positives": positives, "unclear": sum(a is None for _, a in pairs)}
    return {**counts, **(figures if pairs else dict.fromkeys(figures))}


# ---- codebooks


def codebook(counts: np.ndarray) -> dict[str, float | int]:
    """How much of a codebook is used.

    Args:
        counts: (codes,) how often each code occurs, >= 0.

    Returns:
        usage: share of the codes that occur; dead: number that do not; perplexity: exp(-sum p ln p) with p the
        frequencies, 1 to codes, 0 when nothing was counted; top_share: frequency of the most frequent code, which is
        the accuracy of always guessing it.
    """
    total = counts.sum()
    used = counts[counts > 0] / max(total, 1)
    return {
        "codes": len(counts),
        "usage": float(np.mean(counts > 0)),
        "dead": int(np.sum(counts == 0)),
        "perplexity": float(np.exp(-(used * np.log(used)).sum())) if total else 0.0,
        "top_share": float(counts.max() / total) if total else 0.0,
    }
