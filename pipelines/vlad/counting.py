"""How many of a thing a prompt asks for: numbers and articles before its noun, "on each side" behind it."""

from __future__ import annotations

import re

from pipelines.vlad.nouns import ARTICLES, COLOUR_RGB, NUMBERS, SIZES, STOP_WORDS, TONES
from pipelines.vlad.reading import Reading, Things, colours_in

MAX_COUNT = 9


def before(reading: Reading, i: int) -> tuple[int, int, list[str]]:
    """(first word of the noun phrase, count, colours) from the words in front of the noun at word i.

    The count is 0 when nothing says how many.
    """
    j, count = i, 0
    while j > 0 and i - j < 5 and reading.joined(j - 1):
        word = reading.words[j - 1].text
        if word in NUMBERS or word in STOP_WORDS or word.isdecimal():
            break
        j -= 1
    left = reading.words[j - 1].text if j > 0 and reading.joined(j - 1) else ""
    if (
        left == "of"
        and j > 1
        and reading.words[j - 2].text in ("couple", "pair", "dozen", "lots", "both", "few", "one")
    ):
        left = reading.words[j - 2].text
    if left in NUMBERS or left.isdecimal():
        count = NUMBERS.get(left) or int(left[:4])
    elif left in ARTICLES:
        count = 1
    else:
        j = _coloured_start(reading, i)
    words = [w.text for w in reading.words[j:i]]
    return j, count, colours_in([w for w in words if w not in ARTICLES])


def _coloured_start(reading: Reading, i: int) -> int:
    """First of the colour and size words directly in front of word i."""
    j = i
    while j > 0 and i - j < 4 and reading.joined(j - 1):
        word = reading.words[j - 1].text
        if word not in TONES and word not in SIZES and not any(word in key.split() for key in COLOUR_RGB):
            break
        j -= 1
    return j


def negated(reading: Reading, first: int) -> bool:
    """Whether "no" or "without" stands before the noun phrase at word `first`."""
    before = [w.text for w in reading.words[max(0, first - 2) : first]]
    return "without" in before or (bool(before) and before[-1] == "no")


def limited(count: int, text: str, things: Things) -> int:
    """The count between 1 and the most that can be drawn, with a warning when it was more."""
    if count > MAX_COUNT:
        things.warnings.append(f"{MAX_COUNT} is the most of one thing that can be drawn; {text!r} was reduced to that.")
    return max(1, min(MAX_COUNT, count))


_SIDES = re.compile(
    r"(?:\s(?:sitting|standing|hanging|placed|floating|lying))?\s(?:"
    r"(?:on|at|to) (?:(?:either|each) (?:side|end)|both (?:sides|ends))|in each (?:top|bottom|upper|lower) corner|"
    r"in (each|every|all(?: four)?|the four|all the) corners?)\b"
)


def on_sides(reading: Reading, end: int) -> int:
    """How many of one thing there are whose noun ends at `end`: two "on each side", four "in every corner", else 1."""
    match = _SIDES.match(reading.masked, end)
    return 1 if match is None else 4 if match.group(1) else 2
