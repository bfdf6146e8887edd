"""A wall or a place in a clause of its own is the background: ", black brick wall", ", snowy village behind him"."""

from __future__ import annotations

import re

from pipelines.vlad.lexicon import Lexicon
from pipelines.vlad.nouns import ARTICLES, NUMBERS, ORGANISATIONS, PLACES, STOP_WORDS, WEAK_PLACES
from pipelines.vlad.reading import Item, Reading, colours_in

_OWN_CLAUSE = re.compile(r"(?:(?<=[,.;\n\x01])|(?<=[,.;\n\x01][\"'”’»“]))\s+([a-z][a-z' -]*?)\s*(?=$|[,.;\n])")
_BEHIND = re.compile(r"\s+(?:(?:just |right )?behind(?: (?:it|it all|them|him|her|everything|all))?)$")
_TEXTURED = re.compile(r"\s+(?:texture|surface)$")


def find_wall(reading: Reading, lexicon: Lexicon) -> list[Item]:
    """ ", black brick wall", ", grey concrete texture behind": nothing else stands in the clause."""
    found = []
    for match in _OWN_CLAUSE.finditer(reading.masked):
        behind = _BEHIND.search(match.group(1))
        phrase = match.group(1)[: behind.start()] if behind else match.group(1)
        textured = _TEXTURED.search(phrase)
        i, last = reading.index_at(match.start(1)), reading.index_at(match.end(1) - 1)
        words = (phrase[: textured.start()] if textured else phrase).replace("-", " ").split()
        place = _walled(words, lexicon, bool(behind), bool(textured))
        if place is None or not all(reading.free(k) for k in range(i, last + 1)):
            continue
        text, style, colour = place
        named = colours_in(words) if style not in ("photo", "gradient") else []  # "night sky" is not sky blue
        reading.take(match.start(1), match.end(1))
        span = match.start(1), match.start(1) + len(phrase)
        found.append(Item("background", text, *span, colour=named[0] if named else colour, style=style))
    return found


def _walled(words: list[str], lexicon: Lexicon, behind: bool, textured: bool) -> tuple[str, str, str] | None:
    """The place at the end of a clause of its own; one that may be a thing only behind something or as a texture."""
    words = [w for w in words if w not in ARTICLES] if behind or textured else words
    for n in range(min(4, len(words)), 0, -1):
        name = " ".join(words[-n:])
        place = PLACES.get(name)
        rest = words[:-n]
        if place is None or len(rest) > 3 or any(w in STOP_WORDS or w in NUMBERS or lexicon.get(w) for w in rest):
            continue
        plain = name.endswith(("wall", "floor", "sky")) and (bool(rest) or n > 1)
        thing = name in WEAK_PLACES or lexicon.get(name) is not None or words[-1] in ORGANISATIONS
        return place if plain or behind or textured or not thing else None
    return None
