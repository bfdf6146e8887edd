"""A prompt under the reader's pen: its words, and which of them have been understood already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pipelines.colours import shade, to_hex
from pipelines.vlad.nouns import ARTICLES, COLOUR_RGB, FONT_WORDS, SIZES, TEXT_STYLE_WORDS, TONES

MARK = "\x01"  # stands for every character of a text in `Reading.masked`
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
COLOUR_WORDS = frozenset(w for key in COLOUR_RGB for w in key.split()) | frozenset(TONES)
LOOK_WORDS = (
    COLOUR_WORDS | frozenset(w for key in FONT_WORDS for w in key.split()) | SIZES | frozenset(TEXT_STYLE_WORDS)
)
V = TypeVar("V")


@dataclass(frozen=True)
class Word:
    """A word in lower case with straight apostrophes, at prompt[start:end]."""

    text: str
    start: int
    end: int


@dataclass
class Item:
    """A part of the picture while it is being understood; see `pipelines.vlad.prompt.Part` for the fields.

    `start` and `end` delimit the noun phrase without its article. `name` is the canonical name of a known object.
    """

    kind: str
    text: str
    start: int
    end: int
    count: int = 1
    colour: str | None = None
    accent: str | None = None
    font: str | None = None
    place: str | None = None
    style: str | None = None
    name: str = ""


@dataclass
class Things:
    """What was found.

    Attributes:
        items: panels and objects in order of the prompt.
        documents: (start, end, colour) of each noun for the picture itself.
        pattern: style of the background that such a noun asks for ("a striped poster"), or None.
        hints: known objects that only describe another noun ("coffee shop").
        warnings: sentences for the visitor.
    """

    items: list[Item] = field(default_factory=list)
    documents: list[tuple[int, int, str | None]] = field(default_factory=list)
    pattern: str | None = None
    hints: list[Item] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass
class Reading:
    """Words of a normalised prompt.

    Attributes:
        prompt: the normalised prompt.
        low: the same in lower case, of equal length.
        words: its words from left to right.
        taken: for each word whether something has claimed it.
    """

    prompt: str
    low: str = ""
    words: tuple[Word, ...] = ()
    taken: list[bool] = field(default_factory=list)
    masked: str = ""

    def __post_init__(self) -> None:
        self.low = "".join(c.lower() if len(c.lower()) == 1 else c for c in self.prompt)
        found = _WORD.finditer(self.low)
        self.words = tuple(Word(m.group().replace("’", "'"), m.start(), m.end()) for m in found)
        self.taken = [False] * len(self.words)
        self.masked = self.low.replace("’", "'").replace("::", ", ")  # "gym :: concrete wall"

    def take(self, start: int, end: int, mask: bool = False) -> None:
        """Claims the words that overlap prompt[start:end]; with `mask` they disappear from `masked` as well."""
        for i, word in enumerate(self.words):
            if word.start < end and word.end > start:
                self.taken[i] = True
        if mask:
            self.masked = self.masked[:start] + MARK * (end - start) + self.masked[end:]

    def free(self, i: int) -> bool:
        """Whether there is a word i that nothing has claimed."""
        return 0 <= i < len(self.words) and not self.taken[i]

    def joined(self, i: int) -> bool:
        """Whether words i and i + 1 are unclaimed and parted by one space or hyphen only."""
        if not (self.free(i) and self.free(i + 1)):
            return False
        return self.masked[self.words[i].end : self.words[i + 1].start] in (" ", "-")

    def run(self, i: int, n: int) -> str:
        """n joined words from i as "a b c", or "" when they are not joined."""
        if not self.free(i + n - 1) or not all(self.joined(k) for k in range(i, i + n - 1)):
            return ""
        return " ".join(w.text for w in self.words[i : i + n])

    def lookup(self, i: int, table: Mapping[str, V], most: int = 4) -> tuple[int, V] | None:
        """Longest entry of a table that begins at word i: (number of words, value)."""
        n = 1
        while n < most and self.joined(i + n - 1):
            n += 1
        for k in range(n, 0, -1):
            phrase = self.run(i, k)
            if phrase and phrase in table:
                return k, table[phrase]
        return None

    def indices(self) -> Iterator[int]:
        """Indices of the unclaimed words; looks at claims made while iterating."""
        for i in range(len(self.words)):
            if not self.taken[i]:
                yield i

    def index_at(self, position: int) -> int:
        """Index of the first word that ends after a position; the number of words if none does."""
        return next((i for i, w in enumerate(self.words) if w.end > position), len(self.words))


def colour_hex(phrase: str) -> str | None:
    """ "navy blue", "dark teal", "pale orange" -> "#rrggbb"; None when it names no colour."""
    phrase = phrase.replace("-", " ").strip()
    if phrase in COLOUR_RGB:
        return to_hex(COLOUR_RGB[phrase])
    tone, _, base = phrase.partition(" ")
    if tone in TONES and base:
        inner = COLOUR_RGB.get(base)
        return to_hex(shade(inner, TONES[tone])) if inner else colour_hex(base)
    return None


def colours_in(words: list[str]) -> list[str]:
    """Colours named in a list of words, longest names first, as "#rrggbb"."""
    found, i = [], 0
    while i < len(words):
        for n in (3, 2, 1):
            value = colour_hex(" ".join(words[i : i + n])) if i + n <= len(words) else None
            if value:
                found.append(value)
                i += n - 1
                break
        i += 1
    return found


def leading_colour(name: str) -> str | None:
    """Colour that an object's name begins with ("red heart", "light blue heart") as "#rrggbb"."""
    words = name.lower().split()
    return next((c for n in (2, 1) if n < len(words) and (c := colour_hex(" ".join(words[:n])))), None)


def glows(low: str) -> bool:
    """Whether a prompt in lower case asks for neon lights; "on neon yellow paper" is a colour."""
    ground = r"\w+ (?:paper|cardboard|background|backdrop|card|poster|flyer|sticky)"
    return bool(re.search(rf"\bneon\b(?!\s+{ground})", low))


@dataclass(frozen=True)
class Look:
    """How letters look: colour "#rrggbb", font category and text style, each None when not said."""

    colour: str | None
    font: str | None
    style: str | None


def look_of(words: list[str]) -> Look:
    """Colour, font and style named in a list of words ("large red slab serif")."""
    words = [w for w in words if w not in ARTICLES]
    font, style = None, None
    bold = "bold" in words
    rest = list(words)
    for n in (3, 2, 1):
        for i in range(len(words) - n + 1):
            value = FONT_WORDS.get(" ".join(words[i : i + n]))
            if value and (font is None or font == "heavy sans-serif" and value != font and bold and n == 1):
                font = value
                if n > 1:
                    rest[i : i + n] = [""] * n
    for word in words:
        style = style or TEXT_STYLE_WORDS.get(word)
    colours = colours_in([w for w in rest if w])
    return Look(colours[0] if colours else None, font, style)
