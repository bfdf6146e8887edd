"""Texts without quotes that stand in a list: items behind a colon or "listing", and lines below a heading.

"a note: milk, bread", "a menu listing Tea 2.50, Cake 4.20 and a cup", and several lines under "flyer:", each a text
until one that describes the picture ("with a pizza slice in the middle").
"""

from __future__ import annotations

import re

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import ARTICLES, DOCUMENT_HEADS, NUMBERS, PANELS, TEXT_NOUNS
from pipelines.vlad.reading import LOOK_WORDS, MARK, Item, Reading

_LISTS = re.compile(r"\b(?:(?:lines|items|list|menu|note|board|entries|points|options|listing)\s?:|listing)\s*")
_PIECE = re.compile(r"[^,\n.;:]+(?:\.\d+)?")
_LIST_ENDS = re.compile(r"\n\s*\n|\.(?=\s|$)")
_FURTHER_THING = re.compile(r"\n\s*and an?\b|,\s*(?:and\s+)?(?:with|featuring)\b")
_AFTER_PRICES = re.compile(  # where no item of the list begins with an article
    _FURTHER_THING.pattern + r"|,?\s+and (?:an?|one|two|three|some) (?!\d)|\s(?:with|in|on) an?\b"
    r"|\sin \w+ (?:chalk|letters|lettering|script|writing)\b"
)
_LINES_OF_ONE = re.compile(r"\b(?:over|in|on|across) (?:two|three|2|3) lines?\b")  # "spread over two lines: KEEP CALM"
_PLACES = re.compile(r"\bas the \w+\s*$|^\s*then\b|\bon the (?:first|second|third|next|last|top|bottom)\b")
MOST_WORDS = 5  # of an item
MOST_WORDS_OF_LINE = 7


def find_listed(reading: Reading) -> list[Item]:
    """ "a note: milk, bread, 6 eggs", "a board with three lines:" and the lines below, "listing Tea 2, Cake 4"."""
    match = _LISTS.search(reading.masked)
    if match is None:
        return []
    below = re.match(r"[^\n]{12,}\n", reading.masked[match.end() :])
    if below and _LINES_OF_ONE.search(reading.masked[: match.start() + 6]):
        return []
    ends = _LIST_ENDS.search(reading.masked, match.end())
    end = ends.start() if ends else len(reading.masked)
    if MARK in reading.masked[match.start() : end]:
        return []
    priced = match.group().strip() == "listing" or re.match(r"[^,\n]*\d\s*,", reading.masked[match.end() : end])
    further = (_AFTER_PRICES if priced else _FURTHER_THING).search(reading.masked, match.end(), end)
    end = further.start() if further else end
    pieces = [m for m in _PIECE.finditer(reading.prompt, match.end(), end) if m.group().strip()]
    if len(pieces) < 2 or any(len(m.group().split()) > MOST_WORDS or _PLACES.search(m.group()) for m in pieces):
        return []
    found = []
    for m in pieces:
        text = m.group().strip()
        text = text.removeprefix("and ") if m is pieces[-1] else text
        start = reading.prompt.index(text, m.start())
        found.append(Item("text", text, start, start + len(text)))
        reading.take(m.start(), m.end(), mask=True)
    return found


_HEADING = re.compile(rf"(?:([\w ]+?)|\b(?:{TEXT_NOUNS}|says?|saying|reads?|reading|lines?|order|following))\s?:[ ]*\n")
_LEADS = ("order", "following", "lines")
_LINE = re.compile(r"[^\n]+")
_DESCRIBES = re.compile(
    r"(?:with|on|in|featuring|showing|and|plus|add|put|draw|use|make|please|background|colou?rs?|style|no|the|it)\b"
)
_OF_PICTURE = re.compile(r"\b(?:background|backdrop|letters|lettering|font|colou?rs|picture of|drawing of|photo of)\b")


def find_lines_below(reading: Reading) -> list[Item]:
    """Lines under "flyer:" or "text:", each a text, until one describes the picture."""
    for heading in _HEADING.finditer(reading.masked):
        nouns = (heading.group(1) or "").split()
        if nouns and nouns[-1] not in _LEADS and not any(w in DOCUMENT_HEADS or w in PANELS for w in nouns):
            continue
        found = []
        for line in _LINE.finditer(reading.prompt, heading.end()):
            text = line.group().strip(" -*•")
            if _describes(reading, line, text):
                break
            start = reading.prompt.index(text, line.start())
            found.append(Item("text", text.rstrip(" ,;"), start, start + len(text.rstrip(" ,;"))))
        if len(found) > 1:
            for item in found:
                reading.take(item.start, item.end, mask=True)
            return found
    return []


def _describes(reading: Reading, line: re.Match[str], text: str) -> bool:
    """Whether a line speaks of the picture: it begins so, is long, holds a quote or names a known thing first."""
    low = text.lower()
    if not re.search(r"\w", text) or MARK in reading.masked[slice(*line.span())]:
        return True
    if len(text.split()) > MOST_WORDS_OF_LINE or _OF_PICTURE.search(low) or text[-1:] == ":":
        return True
    if text[0].isupper():
        return False
    words = [w.text for w in reading.words[reading.index_at(line.start()) : reading.index_at(line.end() - 1) + 1]]
    lead = 0
    while lead < len(words) - 1 and (words[lead] in ARTICLES or words[lead] in NUMBERS or words[lead] in LOOK_WORDS):
        lead += 1
    known = any(default_lexicon().longest(words, k) for k in range(lead, min(lead + 2, len(words))))
    counted = words[0] in NUMBERS or words[0].isdigit()
    return bool(_DESCRIBES.match(low)) or (known and (counted or len(words) < MOST_WORDS)) or words[0] in ("a", "an")
