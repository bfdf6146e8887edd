"""What a finished picture says, compared with the layout it was drawn from: words in their boxes, stray words, scores,
and which of several pictures is best.

Pure functions of words and layouts; `pipelines.vlad.ocr` reads the words, `VladPipeline.read_back` puts all together.
Importing this module loads no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.types import Box, Element, Layout
from pipelines.vlad.ocr import Word
from pipelines.vlad.word_scores import (
    ImageScore,
    edit_distance,
    literal,
    normalised,
    normalised_edit_distance,
    score_both,
)

BOX_MARGIN = 0.02  # of the canvas: a word belongs to a box when its centre is at most this far outside
FAR = 0.6  # normalised edit distance above which nothing in an answer is taken for a text
_QUOTED = re.compile(r'["“]([^"“”]+)["”]')


@dataclass(frozen=True)
class TextReading:
    """What was read where a text was planned.

    Attributes:
        index: of the element in the layout.
        planned, read: the text asked for, and the words read, joined by spaces.
        exact: equal, case ignored.
        exact_normalised: equal, case and punctuation at the edges of words ignored.
        edit_distance: normalised, 0 = equal, 1 = nothing in common; case ignored.
        letters_wrong: insertions, deletions and substitutions that turn one into the other, by the normalised rule.
    """

    index: int
    planned: str
    read: str
    exact: bool
    exact_normalised: bool
    edit_distance: float
    letters_wrong: int

    @property
    def right(self) -> bool:
        """Whether the text reads back: exact, or exact but for punctuation at the edges of words."""
        return self.exact or (self.exact_normalised and bool(normalised([self.planned])))


@dataclass(frozen=True)
class ElementMatch:
    """How well an element is recognised in its place; see `pipelines.vlad.alignment` for what is compared.

    Attributes:
        index: of the element in the layout.
        kind: "object" or "background". name: the object, or the background's colour.
        cosine: similarity to what was planned, in [-1, 1].
        rival: the highest similarity to something else.
        beaten, rivals: how many of how many other things fit less well.
    """

    index: int
    kind: str
    name: str
    cosine: float
    rival: float
    beaten: int
    rivals: int

    @property
    def share(self) -> float:
        """Of the other things that fit less well, in [0, 1]; 0.5 is chance."""
        return self.beaten / max(1, self.rivals)

    @property
    def recognised(self) -> bool:
        """Whether nothing else fits better."""
        return self.cosine > self.rival


@dataclass(frozen=True)
class ReadBack:
    """One picture, read back.

    Attributes:
        texts: one per text of the layout, in its order.
        stray: words outside every text box.
        literal, normalised: MARIO-Eval scores by the two rules of `pipelines.vlad.word_scores`, the layout's texts
            being what was asked for.
        matches: one per element that the aligned encoders can tell; see `pipelines.vlad.alignment`.
        alignment: cosine of the whole picture and its prompt in the aligned space, eq. (3), in [-1, 1].
    """

    texts: tuple[TextReading, ...]
    stray: tuple[Word, ...]
    literal: ImageScore
    normalised: ImageScore
    matches: tuple[ElementMatch, ...] = ()
    alignment: float = 0.0

    @property
    def right(self) -> int:
        """How many texts read back right."""
        return sum(t.right for t in self.texts)

    @property
    def wrong(self) -> int:
        """How many do not."""
        return len(self.texts) - self.right

    @property
    def letters_wrong(self) -> int:
        """Letters wrong in all texts that do not read back right."""
        return sum(t.letters_wrong for t in self.texts if not t.right)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; shares and cosines are rounded."""
        return {
            "texts": [asdict(t) | {"right": t.right} for t in self.texts],
            "texts_right": self.right,
            "stray": [w.to_dict() for w in self.stray],
            "mario": {n: _scores(getattr(self, n)) for n in ("literal", "normalised")},
            "elements": [
                {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(m).items()}
                | {"recognised": m.recognised}
                for m in self.matches
            ],
            "alignment": round(self.alignment, 4),
        }


def _scores(score: ImageScore) -> dict[str, float]:
    return {k: round(v, 4) for k, v in (score.to_dict() | {"f_measure": score.f_measure}).items()}


def read_back(
    words: Sequence[Word], layout: Layout, matches: Sequence[ElementMatch] = (), alignment: float = 0.0
) -> ReadBack:
    """The comparison of one picture's words with its layout."""
    texts, stray = read_texts(words, layout)
    asked, read = [e.text for e in layout.texts], [w.text for w in words]
    scores = score_both(asked, read)
    return ReadBack(texts, stray, scores["literal"], scores["normalised"], tuple(matches), alignment)


def best(readings: Sequence[ReadBack]) -> int:
    """Index of the best of several pictures of one layout.

    Fewest texts that do not read back right come first, then fewest letters wrong in them, then fewest stray words,
    then the highest alignment with the prompt; of equals the first.

    Raises:
        ValueError: there is none.
    """
    return min(range(len(readings)), key=lambda k: rank(readings[k]))


def rank(reading: ReadBack) -> tuple[int, int, int, float]:
    """What `best` compares, smaller being better."""
    return reading.wrong, reading.letters_wrong, len(reading.stray), -round(reading.alignment, 4)


# -- words in their boxes ----------------------------------------------------------------------------------------------


def read_texts(words: Sequence[Word], layout: Layout) -> tuple[tuple[TextReading, ...], tuple[Word, ...]]:
    """What is read inside each planned text box, and the words outside all of them."""
    planned = [i for i, e in enumerate(layout.elements) if e.kind == "text"]
    owned, stray = assign(words, layout.texts)
    texts = [
        compare(i, layout.elements[i].text, [w.text for w in found]) for i, found in zip(planned, owned, strict=True)
    ]
    return tuple(texts), tuple(stray)


def compare(index: int, planned: str, read: Sequence[str]) -> TextReading:
    """A planned text and the words read for it, in reading order."""
    want, got = " ".join(literal([planned])), " ".join(literal(read))
    plain_want, plain_got = normalised([planned]), normalised(read)
    return TextReading(
        index,
        planned,
        " ".join(read),
        want == got,
        plain_want == plain_got,
        round(normalised_edit_distance(want, got), 4),
        edit_distance(" ".join(plain_want), " ".join(plain_got)),
    )


def said(layout: Layout, answer: str) -> tuple[TextReading, ...]:
    """Each text of the layout against the part of a spoken answer that is nearest to it.

    Args:
        answer: what a chat model says the picture reads; where it has quotation marks, only what they hold counts.

    Returns:
        One reading per text; `read` is empty where nothing in the answer comes near the text.
    """
    words = " ".join(_QUOTED.findall(answer) or [answer]).split()
    planned = [(i, e.text) for i, e in enumerate(layout.elements) if e.kind == "text"]
    return tuple(compare(i, text, _nearest(text, words)) for i, text in planned)


def _nearest(text: str, words: Sequence[str]) -> Sequence[str]:
    """The run of words nearest to a text, as long as the text or a word longer or shorter; none when all are far."""
    want, count = " ".join(normalised([text])), len(text.split())
    lengths = [n for n in (count, count - 1, count + 1) if n > 0]
    runs = [words[a : a + n] for n in lengths for a in range(len(words) - n + 1)]
    found = min(runs, key=lambda r: normalised_edit_distance(want, " ".join(normalised(r))), default=())
    return found if normalised_edit_distance(want, " ".join(normalised(found))) <= FAR else ()


def inside(word: Word, box: Box, margin: float = BOX_MARGIN) -> bool:
    """Whether the centre of the word lies in the box, grown by `margin` of the canvas on each side."""
    x, y = word.box.centre
    return box.x0 - margin <= x <= box.x1 + margin and box.y0 - margin <= y <= box.y1 + margin


def reading_order(words: Sequence[Word]) -> list[Word]:
    """Words from top to bottom in lines, and from left to right in a line.

    A word joins a line when its centre lies within half the height of the line's first word.
    """
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: w.box.centre[1]):
        first = lines[-1][0] if lines else None
        if first and abs(word.box.centre[1] - first.box.centre[1]) < 0.5 * max(first.box.height, word.box.height):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [w for line in lines for w in sorted(line, key=lambda w: w.box.x0)]


def assign(words: Sequence[Word], texts: Sequence[Element]) -> tuple[list[list[Word]], list[Word]]:
    """Give each word to the text element whose box holds its centre (the nearest centre if several do).

    Returns:
        words per text element in reading order, and the stray words that lie in no box.
    """
    owned: list[list[Word]] = [[] for _ in texts]
    stray = []
    for word in words:
        holders = [i for i, e in enumerate(texts) if inside(word, e.box)]
        if holders:
            owned[min(holders, key=lambda i: _offset(word.box, texts[i].box))].append(word)
        else:
            stray.append(word)
    return [reading_order(w) for w in owned], stray


def _offset(a: Box, b: Box) -> float:
    """Distance of two centres relative to the size of `b`."""
    (ax, ay), (bx, by) = a.centre, b.centre
    return ((ax - bx) / b.width) ** 2 + ((ay - by) / b.height) ** 2
