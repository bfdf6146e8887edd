"""Words that were asked for against words that were read: MARIO-Eval's rule for one image, and edit distances.

Importing this module loads no torch. Figures are shares in [0, 1].
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

_APOSTROPHES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'"})
_EDGE = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True)
class ImageScore:
    """MARIO-Eval scores of one image; each in [0, 1].

    Attributes:
        accuracy: 1 if the sorted words, joined, are equal, else 0.
        precision: |match| / |pred|, 0 if nothing was read.
        recall: |match| / |gt|, 0 if nothing was asked.
    """

    accuracy: float
    precision: float
    recall: float

    @property
    def f_measure(self) -> float:
        """2PR / (P + R), 0 when both are 0."""
        return harmonic_mean(self.precision, self.recall)

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def harmonic_mean(a: float, b: float) -> float:
    """2ab / (a + b), 0 when both are 0."""
    return 2 * a * b / (a + b) if a + b else 0.0


def literal(words: Sequence[str]) -> list[str]:
    """Words as the literal rule compares them: lower-cased, split on white space, punctuation kept."""
    return " ".join(words).lower().split()


def normalised(words: Sequence[str]) -> list[str]:
    """`literal` in Unicode NFKC with straight apostrophes and without punctuation at the edges of a word.

    A word that is punctuation alone ("&") vanishes on both sides.
    """
    text = unicodedata.normalize("NFKC", " ".join(words)).translate(_APOSTROPHES)
    stripped = (_EDGE.sub("", w) for w in text.lower().split())
    return [w for w in stripped if w]


def plain(text: str) -> str:
    """A text without what does not change its meaning: NFKC, straight apostrophes, single spaces, no punctuation or
    quotation marks at either edge. Case is kept."""
    straight = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    return _EDGE.sub("", " ".join(straight.split()))


def score_words(gt: Sequence[str], pred: Sequence[str]) -> ImageScore:
    """MARIO-Eval's rule for one image on words that are already lower-cased.

    match = multiset intersection of gt and pred, exact string equality, order ignored
    P = |match| / |pred|    R = |match| / |gt|    (0 where the divisor is 0)
    Acc = 1 if the sorted words, joined, are equal, else 0: one extra word fails it
    """
    match = sum((Counter(gt) & Counter(pred)).values())
    same = "".join(sorted(gt)) == "".join(sorted(pred))
    return ImageScore(
        accuracy=float(same),
        precision=match / len(pred) if pred else 0.0,
        recall=match / len(gt) if gt else 0.0,
    )


def score_both(gt: Sequence[str], pred: Sequence[str]) -> dict[str, ImageScore]:
    """The two published columns, "literal" and "normalised", of one image."""
    return {
        "literal": score_words(literal(gt), literal(pred)),
        "normalised": score_words(normalised(gt), normalised(pred)),
    }


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance: fewest insertions, deletions and substitutions of one character."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def normalised_edit_distance(a: str, b: str) -> float:
    """Edit distance divided by the longer length: 0 for equal strings, 1 for nothing in common."""
    return edit_distance(a, b) / max(len(a), len(b), 1)
