"""The background a prompt asks for.

In order of strength: "... background" or "in the background"; "photo of <place>"; a place that the prompt begins with;
"in / on / at <place>"; "<colour> gradient" and the like; "on <colour>"; "with a <colour> border"; a wall or a place
that is a clause of its own (", black brick wall", ", snowy village behind him"). The first of the strongest kind wins,
later ones add what is missing.
"""

from __future__ import annotations

import re
from functools import partial

from pipelines.colours import to_rgb
from pipelines.vlad.lexicon import Lexicon
from pipelines.vlad.nouns import (
    ARTICLES,
    COLOUR_RGB,
    DOCUMENT_HEADS,
    NUMBERS,
    PANELS,
    PATTERNS,
    PLACES,
    STOP_WORDS,
    TONES,
    WEAK_PLACES,
)
from pipelines.vlad.reading import MARK, Item, Reading, colour_hex, colours_in
from pipelines.vlad.walls import find_wall

_BACKGROUNDS = ("background", "backdrop", "backgrounds", "bg", "backround")
VIVID = 90  # of 255, between the channels: yellow, red, navy; not cream or brick
_PHOTOS = ("photo", "photograph", "picture", "image", "photos", "shot", "snapshot", "view", "photography")
_BEFORE_PLACE = frozenset("in on at under inside against through amid underwater".split())
_OVER = frozenset("over above across along by near beside".split())  # only before "the": "over the sea"
_LEADS = frozenset("on with against over in and using having".split())
_IN_BACK = re.compile(r"(?:in|as|for) (?:the|its|a) (?:back|background|backdrop|bg)\b")
_ACCENT = re.compile(
    r"[\s,]*\b(?:with|and|plus)\s+(?:an?\s+|the\s+|some\s+|many\s+)?((?:[\w-]+\s+){0,3}?)"
    r"(border|frame|strip|stripes?|polka dots|dots|confetti|sun ?rays|rays|sunburst|band|edge|line|outline)\b"
    r"(?:\s+(?:(?:along|at|on|across|around)\s+the\s+(?:bottom|top|edges?|sides?|base)|around it|all over))?"
)
_ACCENT_STYLES = {
    "border": "border", "frame": "border", "edge": "border", "outline": "border", "strip": "split", "band": "split",
    "line": "split", "stripe": "stripes", "stripes": "stripes", "polka dots": "dots", "dots": "dots",
    "confetti": "confetti", "sun rays": "sunburst", "sunrays": "sunburst", "rays": "sunburst", "sunburst": "sunburst",
}  # fmt: skip
_REQUESTS = frozenset("please draw make show me create paint generate can could you i want".split())
_IS = re.compile(r"\s*(?::|\bis\b|\bof\b|\bin\b|\bmade of\b|\bshould be\b|\bshows?\b|\bshowing\b)\s*(?:all |just )?")


def find_background(reading: Reading, lexicon: Lexicon) -> Item | None:
    """The background as an item of kind "background"; its words are claimed. None when the prompt names none."""
    found = [
        item
        for finder in (
            _named_backgrounds,
            _patterned,
            _photographed,
            _opening,
            partial(_placed, lexicon=lexicon),
            _coloured,
            _bordered,
            partial(find_wall, lexicon=lexicon),
        )
        for item in finder(reading)
    ]
    if not found:
        return None
    best = found[0]
    for other in found[1:]:
        best.accent = best.accent or (other.accent if other.style == best.style else None)
        if best.colour is None and best.style in (None, "plain"):
            best.colour, best.accent = other.colour, best.accent or other.accent
            best.style = other.style if best.style is None or other.style != "plain" else best.style
            best.text = best.text or other.text
    if best.style is None:
        best.style = "plain"
    return best


def _describe(words: list[str]) -> Item:
    """Colour, pattern and place named by the words in front of "background"."""
    item = Item("background", "", 0, 0)
    words = [w for w in words if w not in ARTICLES]
    first, last, place = _place_in(words)
    rest = words[:first] + words[last:]
    if place and place[1] in ("photo", "texture"):
        item.text, item.style, item.colour = place
        return item
    colours = colours_in(rest)
    pattern = _pattern_in(rest)
    item.colour = colours[0] if colours else place[2] if place else None
    item.accent = colours[1] if len(colours) > 1 else None
    item.style = pattern or (place[1] if place else "plain" if colours else None)
    if item.accent and not pattern:
        item.style = "split"
    return item


def _pattern_in(words: list[str]) -> str | None:
    """The pattern that says most: "plain" only when nothing else is named."""
    found = [PATTERNS[" ".join(words[i : i + n])] for n in (2, 1) for i in range(len(words) - n + 1)
             if " ".join(words[i : i + n]) in PATTERNS]  # fmt: skip
    return next((p for p in found if p != "plain"), found[0] if found else None)


def _place_in(words: list[str]) -> tuple[int, int, tuple[str, str, str] | None]:
    """(first, one past the last, place) of the longest place name among the words; place None when there is none."""
    for n in range(min(5, len(words)), 0, -1):
        for i in range(len(words) - n + 1):
            place = PLACES.get(" ".join(words[i : i + n]))
            if place and not (n == 1 and (words[i] in COLOUR_RGB or words[i] in PATTERNS or words[i] in TONES)):
                return i, i + n, place
    return 0, 0, None


def _named_backgrounds(reading: Reading) -> list[Item]:
    found = []
    for i, word in enumerate(reading.words):
        if word.text not in (*_BACKGROUNDS, "back") or reading.taken[i]:
            continue
        in_back = _IN_BACK.match(reading.masked, reading.words[i - 2].start) if i >= 2 else None
        item = (
            _in_background(reading, i) if in_back else None if word.text == "back" else _before_background(reading, i)
        )
        if item:
            found.append(item)
    return found


def _in_background(reading: Reading, i: int) -> Item | None:
    """ "(a photo of) X in the background", word i being "background"."""
    first, words = _place_before(reading, i - 2)
    while first > 0 and len(words) < 9:
        gap = reading.masked[reading.words[first - 1].end : reading.words[first].start]
        word = reading.words[first - 1].text
        if (
            gap not in (" ", "-")
            or not reading.free(first - 1)
            or word in ("with", "and", "featuring", "showing", "has")
        ):
            break
        words.insert(0, word)
        first -= 1
    start, end = reading.words[first].start, reading.words[i].end
    photo = any(w in _PHOTOS for w in words)
    while words and (words[0] in ARTICLES or words[0] in ("blurred", "blurry", "faded", "dark", "some")):
        words.pop(0)
        first += 1
    bare = words[words.index("of") + 1 :] if photo and "of" in words else words
    place = _place_in([w for w in bare if w not in ARTICLES] or bare)[2]
    if not words:  # "in the background" after something else: only the place of that thing
        reading.take(reading.words[i - 2].start, end)
        return None
    if not place and not photo:
        reading.take(reading.words[i - 2].start, end)
        return None
    reading.take(start, end)
    text, style, colour = place or (" ".join(bare), "photo", None)
    bare_start = first + len(words) - len(bare)
    start, end = _with_article(reading, bare_start, style), reading.words[bare_start + len(bare) - 1].end
    return Item("background", text, start, end, colour=colour, style=style)


def _with_article(reading: Reading, first: int, style: str | None) -> int:
    """Start of a phrase at word `first`; the article in front of a photograph's phrase belongs to it."""
    before = reading.words[first - 1] if first else None
    if before and style == "photo" and before.text in ("a", "an"):
        return before.start
    return reading.words[first].start


def _place_before(reading: Reading, i: int) -> tuple[int, list[str]]:
    """(first word, words) of the longest place name that ends before word i."""
    for n in range(min(6, i), 0, -1):
        name = reading.run(i - n, n)
        if name in PLACES and reading.joined(i - 1):
            return i - n, name.split()
    return i, []


def _before_background(reading: Reading, i: int) -> Item | None:
    """ "a navy blue striped background (with a gold border)", "background: teal", word i being "background"."""
    first = _description_start(reading, i)
    words = [w.text for w in reading.words[first:i]]
    item = _describe(words)
    end = reading.words[i].end
    if item.style is None and item.colour is None:
        end = _after_background(reading, end, item)
    end = _accent_after(reading, end, item)
    if words and item.style is None:
        item.style = "plain"
    item.start, item.end = reading.words[first].start, end
    reading.take(reading.words[_lead_in(reading, first)].start, end)
    return item


def _lead_in(reading: Reading, first: int) -> int:
    """Index of the first of the small words ("on a", "with the") in front of word `first`."""
    while first > 0 and reading.joined(first - 1) and reading.words[first - 1].text in ARTICLES | _LEADS:
        first -= 1
    return first


def _description_start(reading: Reading, i: int) -> int:
    """Index of the first word that describes the noun at word i."""
    first = i
    for n in range(min(5, i), 1, -1):  # "field at night"
        if reading.run(i - n, n + 1) and reading.run(i - n, n) in PLACES:
            first = i - n
            break
    while first > 0 and i - first < 7 and reading.joined(first - 1):
        word = reading.words[first - 1].text
        joins = word == "and" and first > 1 and _tints(reading.words[first - 2].text) and reading.joined(first - 2)
        off = word == "off" and reading.words[first].text == "white"
        if word in STOP_WORDS and not joins and not off:
            break
        first -= 1
    return first


def _after_background(reading: Reading, end: int, item: Item) -> int:
    """Description after the noun: ": navy blue", "is a brick wall", "of red stripes"."""
    match = _IS.match(reading.masked, end)
    if not match:
        return end
    i = reading.index_at(match.end())
    last = i
    while reading.free(last) and last - i < 7:
        word = reading.words[last].text
        if word in STOP_WORDS - ARTICLES - {"and", "at", "with"} or (last > i and not reading.joined(last - 1)):
            break
        last += 1
    described = _describe([w.text for w in reading.words[i:last]])
    if described.style is None:
        return end
    item.text, item.style, item.colour, item.accent = (
        described.text,
        described.style,
        described.colour,
        described.accent,
    )
    return reading.words[last - 1].end


def _accent_after(reading: Reading, end: int, item: Item) -> int:
    """ " with a gold border" behind the noun; returns the new end."""
    match = _ACCENT.match(reading.masked, end)
    if not match or MARK in match.group():
        return end
    style = _ACCENT_STYLES[match.group(2)]
    colours = colours_in(match.group(1).replace("-", " ").split())
    if item.style in (None, "plain") or style in ("border", "split"):
        item.style = style if item.style in (None, "plain") else item.style
        item.accent = colours[0] if colours else item.accent
    return match.end()


def _patterned(reading: Reading) -> list[Item]:
    """ "navy blue gradient", "red and white stripes" without the word background."""
    found = []
    for i, word in enumerate(reading.words):
        if word.text not in ("gradient", "sunburst", "stripes", "dots", "confetti") or not reading.free(i):
            continue
        first = i
        while first > 0 and i - first < 6 and reading.joined(first - 1) and _tints(reading.words[first - 1].text):
            first -= 1
        words = [w.text for w in reading.words[first : i + 1]]
        on = first > 0 and any(w.text in ("on", "against") for w in reading.words[max(0, first - 2) : first])
        if not colours_in(words) or not (on or word.text == "gradient"):
            continue
        item = _describe(words)
        item.start, item.end = reading.words[first].start, word.end
        reading.take(reading.words[_lead_in(reading, first)].start, word.end)
        found.append(item)
    return found


def _tints(word: str) -> bool:
    return word in ("and", "to") or word in PATTERNS or word in TONES or any(word in key.split() for key in COLOUR_RGB)


def _continues(reading: Reading, i: int) -> bool:
    """Whether word i is joined to the one before and goes on with the noun phrase ("wooden | sign")."""
    if not (i < len(reading.words) and reading.joined(i - 1)):
        return False
    word = reading.words[i].text
    return word not in STOP_WORDS and not word.endswith("ing")


def _place_at(reading: Reading, i: int, full: bool = False) -> tuple[int, int, tuple[str, str, str]] | None:
    """Place whose article or first adjective is word i: (first word of the name, one past its last, place).

    With `full` "full of ..." may follow it.
    """
    if reading.free(i) and reading.words[i].text in ARTICLES | {"some"}:
        if not reading.joined(i):
            return None
        i += 1
    for skip in range(4):
        if not reading.free(i + skip) or (skip and not reading.joined(i + skip - 1)):
            return None
        found = reading.lookup(i + skip, PLACES)
        end = i + skip + found[0] if found else i
        filled = full and reading.run(end, 2) == "full of"
        if found and (filled or not _continues(reading, end)):
            return i, i + skip + found[0], found[1]
        word = reading.words[i + skip].text
        if word in STOP_WORDS or word in DOCUMENT_HEADS or word in PANELS:
            return None
    return None


def _take_place(reading: Reading, lead: int, first: int, last: int, place: tuple[str, str, str]) -> Item:
    text, style, colour = place
    reading.take(reading.words[lead].start, reading.words[last - 1].end)
    named = colours_in([w.text for w in reading.words[first:last]]) if style == "texture" else []
    if named and text in ("plaster wall", "concrete") and _vivid(named[0]):  # of no colour that its texture has
        text, style = "", "plain"
    return Item("background", text, _with_article(reading, first, style), reading.words[last - 1].end,
                colour=named[0] if named else colour, style=style)  # fmt: skip


def _vivid(colour: str) -> bool:
    """Whether a colour is clearly none of the greys and creams of plaster and concrete."""
    rgb = to_rgb(colour)
    return max(rgb) - min(rgb) > VIVID


def _photographed(reading: Reading) -> list[Item]:
    """ "a photo of a beach": the place is the picture."""
    found = []
    for i in reading.indices():
        if reading.words[i].text not in ("photo", "photograph", "shot", "view", "photography", "landscape", "snapshot"):
            continue
        if reading.free(i + 2) and reading.words[i + 1].text == "of" and reading.joined(i):
            place = _place_at(reading, i + 2)
            if place and not _weak(reading, place):
                found.append(_take_place(reading, i + 1, *place))
    return found


_FLAT = ("floor", "wall", "surface", "ground", "page", "sheet", "paper", "card", "cardboard")
_GOES_ON = re.compile(r"\s*(?:$|[,.]|(?:with|and|above|over|at|under|behind|in|full|during|where|seen)\b)")


def _counts(word: str) -> bool:
    """Whether an adjective speaks of things rather than of a place: a number or a colour."""
    return _tints(word) or (word in NUMBERS and word not in ARTICLES)


def _opening(reading: Reading) -> list[Item]:
    """ "A beach with two umbrellas", "night sky full of stars": the prompt begins with the place."""
    i = next((k for k, w in enumerate(reading.words) if w.text not in _REQUESTS), len(reading.words))
    if not reading.free(i):
        return []
    place = _place_at(reading, i, full=True)
    if place is None or _weak(reading, place):
        return []
    name = next(k for k in range(i, place[1]) if reading.run(k, place[1] - k) in PLACES)
    if any(_counts(w.text) for w in reading.words[i:name]) or reading.run(name, place[1] - name) in PANELS:
        return []
    if not _GOES_ON.match(reading.masked, reading.words[place[1] - 1].end):
        return []
    return [_take_place(reading, i, *place)]


def _weak(reading: Reading, place: tuple[int, int, tuple[str, str, str]]) -> bool:
    first, last, _ = place
    return " ".join(w.text for w in reading.words[first:last]) in WEAK_PLACES


def _placed(reading: Reading, lexicon: Lexicon) -> list[Item]:
    """ "in a forest", "on a wooden table", "under a night sky"."""
    found = []
    for i in reading.indices():
        word = reading.words[i].text
        front = word == "of" and i > 1 and reading.run(i - 2, 3) == "in front of"
        over = word in _OVER and reading.joined(i) and reading.words[i + 1].text in ("the", "a", "an")
        if not (word in _BEFORE_PLACE or front or over) or not reading.joined(i):
            continue
        after = reading.words[i + 1].text
        place = None if _inside_name(reading, lexicon, i) else _place_at(reading, i + 1)
        if not place or (after not in ARTICLES and _too_bare(reading, place)):
            continue
        if word == "in" and place[2][1] == "texture" and after not in ARTICLES:
            continue
        if word in ("under", "below", "beneath") and reading.words[place[1] - 1].text == "moon":
            continue  # a thing in the sky
        wall = reading.words[place[1] - 1].text == "wall"
        if over and after != "the" and (_weak(reading, place) or not (wall or place[2][1] == "photo")):
            continue
        found.append(_take_place(reading, i, *place))
    return found


def _inside_name(reading: Reading, lexicon: Lexicon, i: int) -> bool:
    """Whether the preposition at word i is part of an object's name ("person in bed", "bridge at night")."""
    words = [w.text for w in reading.words[: i + 6]]
    found = ((k, lexicon.longest(words, k)) for k in range(max(0, i - 4), i))
    return any(name and k + name[0] > i and reading.run(k, name[0]) for k, name in found)


def _too_bare(reading: Reading, place: tuple[int, int, tuple[str, str, str]]) -> bool:
    """Places that need an article: "on the bar" but not "on bar"; materials and wide places do not."""
    first, last, (text, style, _) = place
    name = " ".join(w.text for w in reading.words[first:last])
    bare = ("wood", "marble", "concrete", "cardboard", "paper", "canvas", "metal", "grass", "water", "stone", "space",
            "snow", "night", "sand", "outer space", "cork", "kraft paper", "brick", "mars", "christmas")  # fmt: skip
    return name in WEAK_PLACES and name not in bare


def _coloured(reading: Reading) -> list[Item]:
    """ "on navy blue", "against white", "on a white floor": a colour that no thing follows."""
    found = []
    for i in reading.indices():
        if reading.words[i].text not in ("on", "against", "over") or not reading.joined(i):
            continue
        first = i + 1
        while reading.free(first) and reading.words[first].text in ARTICLES and reading.joined(first):
            first += 1
        for n in (4, 3, 2, 1):
            value = colour_hex(reading.run(first, n)) if reading.run(first, n) else None
            flat = reading.free(first + n) and reading.words[first + n].text in _FLAT
            if value and (flat or not _continues(reading, first + n)):
                reading.take(reading.words[i].start, reading.words[first + n - 1].end)
                span = reading.words[first].start, reading.words[first + n - 1].end
                found.append(Item("background", "", *span, colour=value, style="plain"))
                break
    return found


def _bordered(reading: Reading) -> list[Item]:
    """ "with a gold border" where no background is named."""
    found = []
    for match in _ACCENT.finditer(reading.masked):
        colours = colours_in(match.group(1).replace("-", " ").split())
        kind = match.group(2)
        if (
            MARK in match.group()
            or kind in ("line", "outline", "edge", "strip", "band")
            or kind != "confetti"
            and not colours
        ):
            continue
        i = reading.index_at(match.start())
        if _continues(reading, reading.index_at(match.end())):
            continue
        if not all(reading.free(k) for k in range(i, reading.index_at(match.end() - 1) + 1)):
            continue
        reading.take(match.start(), match.end())
        style = _ACCENT_STYLES[kind]
        start = match.start(1) if colours else match.start(2)
        found.append(Item("background", "", start, match.end(), accent=colours[0] if colours else None, style=style))
    return found
