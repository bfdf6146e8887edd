"""Panels and objects: the nouns of a prompt, with their number, adjectives and colour.

A word the lexicon knows is an object unless it only says what kind of thing follows ("coffee shop", "cat lover").
Before a word for the picture itself it stays one ("a cat poster"). Nouns that nobody knows are objects when the
prompt puts them in the picture: after of, with, featuring, showing, holding, wearing and the like, or as the first
noun.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipelines.vlad.lexicon import Lexicon, Name, singular_of
from pipelines.vlad.nouns import (
    ABSTRACT_NOUNS,
    AMBIGUOUS_OBJECTS,
    ARTICLES,
    COLOUR_RGB,
    COLOUR_THINGS,
    DOCUMENT_HEADS,
    DUAL_PANELS,
    FONT_WORDS,
    LETTERS,
    NUMBERS,
    ORGANISATIONS,
    PANELS,
    PATTERNS,
    PLACES,
    SHAPES,
    SIZES,
    STOP_WORDS,
    THING_WORDS,
    TONES,
)
from pipelines.vlad.reading import MARK, Item, Reading, colours_in, leading_colour

MAX_COUNT = 9
_SHOWN = frozenset(
    "of with featuring showing depicting displaying holding wearing riding carrying driving eating drinking beside "
    "near above below under behind containing including like between".split()
)
_SHOWN_THE = frozenset("with featuring showing depicting holding wearing".split())
_COMMANDS = frozenset(
    "create make design generate draw paint render please show give me us i need want would like to see can you could "
    "image picture photo an a the of".split()
)


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


def find_things(reading: Reading, lexicon: Lexicon) -> Things:
    """All panels and objects; their words are claimed in the reading."""
    things = Things()
    words = [w.text for w in reading.words]
    for i in reading.indices():
        _read_noun(reading, lexicon, words, i, things)
    _find_unknown(reading, lexicon, things)
    _find_emoji(reading, lexicon, things)
    things.items.sort(key=lambda item: item.start)
    return things


def _read_noun(reading: Reading, lexicon: Lexicon, words: list[str], i: int, things: Things) -> None:
    """Claims the panel, document or object that begins at word i, if one does."""
    panel = _panel_at(reading, i)
    found = lexicon.longest(words, i)
    known = found if found and reading.run(i, found[0]) else _shorter(reading, lexicon, words, i, found)
    size = panel[0] if panel else 0
    if known and _better_inside(reading, lexicon, words, i, known[0]):
        return
    if words[i] == "painting" and reading.run(i, 2) == "painting of":
        known = None
    elif words[i] == "painting" and not things.documents and not any(item.kind == "panel" for item in things.items):
        known = None
    if known and known[0] > size and not (size and _ends_with_panel(words, i, known[0])):
        _read_object(reading, lexicon, words, i, known, things)
    elif panel:
        _read_panel(reading, i, panel, known, things)
    elif words[i] in DOCUMENT_HEADS and _is_head(reading, i) and not _commands(reading, i):
        first, _, colours = _before(reading, i)
        patterns = (p for n in (2, 1) for k in range(first, i - n + 1) if (p := PATTERNS.get(reading.run(k, n))))
        things.pattern = things.pattern or next(
            (p for p in patterns if p in ("stripes", "sunburst", "dots", "gradient")), None
        )
        reading.take(reading.words[i].start, reading.words[i].end)
        things.documents.append((reading.words[first].start, reading.words[i].end, colours[0] if colours else None))


def _shorter(
    reading: Reading, lexicon: Lexicon, words: list[str], i: int, found: tuple[int, Name] | None
) -> tuple[int, Name] | None:
    """The longest name whose words are joined, when the longest of all is broken by punctuation."""
    if not found:
        return None
    joined = 1
    while joined < found[0] and reading.joined(i + joined - 1):
        joined += 1
    return lexicon.longest(words[: i + joined], i)


def _ends_with_panel(words: list[str], i: int, n: int) -> bool:
    """Whether a longer known name is a sign or badge after all ("no entry sign")."""
    return words[i + n - 1] in ("sign", "badge", "label", "banner")


def _better_inside(reading: Reading, lexicon: Lexicon, words: list[str], i: int, n: int) -> bool:
    """Whether a noun that begins inside a known name is meant: it reaches further, or is a panel behind a colour."""
    for j in range(i + 1, i + n):
        panel = _panel_at(reading, j)
        coloured = all(w in COLOUR_RGB for w in words[i:j]) and panel and panel[2] == 1
        if panel and (j + panel[0] > i + n or coloured):
            return True
        longer = lexicon.longest(words, j)
        if longer and j + longer[0] > i + n and reading.run(j, longer[0]) and all(w in COLOUR_RGB for w in words[i:j]):
            return True  # "pink | heart with arrow"
    return False


def _is_head(reading: Reading, i: int) -> bool:
    """Whether word i is not followed by a noun it describes ("photo booth", "poster paint")."""
    following = reading.words[i + 1].text if i + 1 < len(reading.words) and reading.joined(i) else ""
    return following not in ORGANISATIONS


def _commands(reading: Reading, i: int) -> bool:
    """Whether word i is a request: "Design a ...", "please sketch a ..."."""
    following = reading.words[i + 1].text if i + 1 < len(reading.words) and reading.joined(i) else ""
    return following in ("a", "an", "me", "the") and all(w.text in _COMMANDS for w in reading.words[:i])


def _panel_at(reading: Reading, i: int) -> tuple[int, str, int] | None:
    """(number of words, shape, count 1 or 2 for the plural) of the panel noun that begins at word i."""
    found = reading.lookup(i, PANELS, 4)
    if found:
        return found[0], found[1], 1
    for n in (3, 2, 1):
        phrase = reading.run(i, n)
        shape = PANELS.get(phrase.removesuffix("s")) if phrase.endswith("s") else None
        if shape:
            return n, shape, 2
    return None


# ---- panels


def _read_panel(
    reading: Reading, i: int, panel: tuple[int, str, int], known: tuple[int, Name] | None, things: Things
) -> None:
    n, shape, many = panel
    noun = " ".join(w.text for w in reading.words[i : i + n])
    first, count, colours = _before(reading, i)
    earlier = bool(things.documents) or any(item.kind == "panel" for item in things.items)
    singular = noun.removesuffix("s") if many > 1 else noun
    pictured = any(item.kind == "object" for item in things.items) and MARK not in reading.masked
    if singular in DUAL_PANELS and known and (earlier or pictured or many > 1 or count > 1):
        _add_object(reading, i, known[0], known[1], things)
        return
    if _modifies(reading, i + n):
        reading.take(reading.words[i].start, reading.words[i + n - 1].end)
        return
    colour = colours[0] if colours else None
    start, end = reading.words[i].start, reading.words[i + n - 1].end
    reading.take(reading.words[first].start, end)
    signs = any(reading.low[d[0] : d[1]].endswith(noun) for d in things.documents)
    if signs and first and reading.words[first - 1].text == "the":
        return  # "a neon sign ..., the sign reads"
    if shape == "book" and any(item.kind == "panel" and item.style == shape for item in things.items):
        return  # "a book cover for a novel"
    if not shape:
        things.documents.append((start, end, None if noun.startswith("neon") else colour))
    elif not any(item.kind == "panel" and item.text == singular for item in things.items):
        accent = colours[1] if len(colours) > 1 else None
        things.items.append(Item("panel", singular, start, end, colour=colour, accent=accent, style=shape))


def _modifies(reading: Reading, i: int) -> bool:
    """Whether word i is a noun that the words before it only describe."""
    if not (i < len(reading.words) and i > 0 and reading.joined(i - 1)):
        return False
    word = reading.words[i].text
    return word in ORGANISATIONS or word in THING_WORDS or word in LETTERS


# ---- known objects


def _read_object(
    reading: Reading, lexicon: Lexicon, words: list[str], i: int, known: tuple[int, Name], things: Things
) -> None:
    n, name = known
    if n == 1 and _is_colour_here(reading, i):
        return
    after = i + n
    if n == 1 and words[i] in SHAPES and reading.joined(i) and words[after] not in STOP_WORDS:
        return  # "a square red kite"
    if _proper(reading, i, after):
        reading.take(reading.words[i].start, reading.words[after].end)
        return
    if reading.free(after) and reading.joined(after - 1):
        if not name.plural and (_modifies(reading, after) or _panel_at(reading, after)):
            hint = Item("object", name.singular, reading.words[i].start, reading.words[after - 1].end, name=name.object)
            if words[after] not in ("number", "numbers"):
                things.hints.append(hint)
            reading.take(hint.start, hint.end)
            return
        if not name.plural and lexicon.longest(words, after) and words[after] not in AMBIGUOUS_OBJECTS:
            return  # an adjective of the object that follows: "apple pie"
    if n == 1 and words[i] in AMBIGUOUS_OBJECTS and not _stands_as_noun(reading, i, things):
        return
    _add_object(reading, i, n, name, things)


def _proper(reading: Reading, i: int, after: int) -> bool:
    """Whether the noun at word i and word `after` are a name in a prompt of small letters ("to Eagle Ridge")."""
    if not (i and reading.joined(i - 1) and reading.free(after) and reading.joined(after - 1)):
        return False
    large = sum(reading.prompt[w.start].isupper() for w in reading.words)
    named = all(reading.prompt[reading.words[k].start].isupper() for k in range(i, after + 1))
    return named and 2 * large < len(reading.words)


def _is_colour_here(reading: Reading, i: int) -> bool:
    """Whether a word that is a colour and a thing is the colour: a noun follows, or "in" stands before it."""
    word = reading.words[i].text
    if word not in COLOUR_THINGS:
        return False
    before = reading.words[i - 1].text if i and reading.joined(i - 1) else ""
    following = reading.words[i + 1].text if reading.free(i + 1) and reading.joined(i) else ""
    return before in ("in", "on") or (bool(following) and following not in STOP_WORDS)


def _stands_as_noun(reading: Reading, i: int, things: Things) -> bool:
    """Whether an ambiguous word has an article, number, colour or listing word before it, or stands alone in a list."""
    before = reading.words[i - 1].text if i and reading.joined(i - 1) else ""
    if before in NUMBERS or before in ARTICLES or before.isdigit() or before in _SHOWN or before in COLOUR_RGB:
        return True
    if before == "and":
        return bool(things.items)
    left = reading.masked[reading.words[i - 1].end : reading.words[i].start] if i else ""
    end = reading.words[i].end
    right = reading.masked[end : end + 1]
    if MARK in left:  # right behind a text: "'Best Dad' cup"
        return True
    if before and before not in STOP_WORDS:
        j = i - 1
        while j > 0 and reading.joined(j - 1) and reading.words[j - 1].text not in STOP_WORDS | set(NUMBERS):
            j -= 1
        return j > 0 and reading.joined(j - 1) and reading.words[j - 1].text in set(NUMBERS) | ARTICLES
    clause = not i or "," in left or MARK in left
    return clause and (right in ("", ",", ".") or bool(_SPOT.match(reading.masked, end)))


_SPOT = re.compile(r"\s(?:on|at|in|with|above|below|over|under)\s(?:the|a|an)?\b")


def _before(reading: Reading, i: int) -> tuple[int, int, list[str]]:
    """(first word of the noun phrase, count, colours) from the words in front of the noun at word i.

    The count is 0 when nothing says how many.
    """
    j, count = i, 0
    while j > 0 and i - j < 5 and reading.joined(j - 1):
        word = reading.words[j - 1].text
        if word in NUMBERS or word in STOP_WORDS or word.isdigit():
            break
        j -= 1
    left = reading.words[j - 1].text if j > 0 and reading.joined(j - 1) else ""
    if (
        left == "of"
        and j > 1
        and reading.words[j - 2].text in ("couple", "pair", "dozen", "lots", "both", "few", "one")
    ):
        left = reading.words[j - 2].text
    if left in NUMBERS or left.isdigit():
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


def _add_object(reading: Reading, i: int, n: int, name: Name, things: Things) -> None:
    first, count, colours = _before(reading, i)
    if _negated(reading, first):
        reading.take(reading.words[first].start, reading.words[i + n - 1].end)
        return
    if reading.words[max(0, first - 1)].text == "the" and any(name.object == item.name for item in things.items):
        reading.take(reading.words[first].start, reading.words[i + n - 1].end)
        return  # "... below the lemon": the one that has been named
    adjectives = [w.text for w in reading.words[first:i]]
    if name.plural and count < 2:
        count = count if count == 1 and not name.mass else 3
    count = 1 if name.mass or not (name.plural or count) else max(1, count)
    start, end = reading.words[first].start, reading.words[i + n - 1].end
    text = " ".join([*adjectives, name.singular])[:200]
    if not name.plural and reading.low[start:end] != text.lower():
        text = reading.prompt[start:end][:200]  # "T shirt" for "t-shirt"
    reading.take(start, end)
    item = Item("object", text, start, end, _limited(count, text, things), name=name.object)
    own = leading_colour(name.singular)
    colours += [own] if own else []
    item.colour = colours[0] if colours else None
    things.items.append(item)


def _negated(reading: Reading, first: int) -> bool:
    before = [w.text for w in reading.words[max(0, first - 2) : first]]
    return "without" in before or (bool(before) and before[-1] == "no")


def _limited(count: int, text: str, things: Things) -> int:
    if count > MAX_COUNT:
        things.warnings.append(f"{MAX_COUNT} is the most of one thing that can be drawn; {text!r} was reduced to that.")
    return max(1, min(MAX_COUNT, count))


# ---- unknown objects


def _find_unknown(reading: Reading, lexicon: Lexicon, things: Things) -> None:
    """Nouns outside the lexicon that the prompt puts into the picture."""
    for i in reading.indices():
        starts = _starts_prompt(reading, i, things)
        if not starts and not _introduces(reading, i, things):
            continue
        first = i if starts else i + 1
        if reading.free(first):
            _read_unknown(reading, first, things)


def _starts_prompt(reading: Reading, i: int, things: Things) -> bool:
    """Whether word i is the article of the prompt's first noun phrase."""
    if reading.words[i].text not in NUMBERS and not reading.words[i].text.isdigit():
        return False
    return all(w.text in _COMMANDS for w in reading.words[:i]) and not (reading.taken[:i].count(True))


def _introduces(reading: Reading, i: int, things: Things) -> bool:
    """Whether what follows word i is shown: "with a ...", "and a ..." behind an object."""
    word = reading.words[i].text
    if not (reading.free(i + 1) and reading.joined(i)):
        return False
    if word in _SHOWN:
        pictured = word == "of" and i > 0 and reading.words[i - 1].text in DOCUMENT_HEADS
        return reading.words[i + 1].text != "the" or pictured or word in _SHOWN_THE
    end = reading.words[i].start
    return word == "and" and any(0 <= end - item.end <= 1 for item in things.items if item.kind == "object")


def _read_unknown(reading: Reading, first: int, things: Things) -> None:
    """The noun phrase from its article or number at word `first` to its head."""
    i, count = first, 0
    word = reading.words[i].text
    if word in NUMBERS or word.isdigit() or word == "the":
        count, i = NUMBERS.get(word) or (1 if word == "the" else int(word[:4])), i + 1
        if not (reading.free(i) and reading.joined(i - 1)):
            return
    last = i
    while reading.free(last) and last - i < 4 and _nounlike(reading.words[last].text, last > i):
        last += 1
        if not (last < len(reading.words) and reading.joined(last - 1)):
            break
    words = [w.text for w in reading.words[i:last]]
    if not words or _describes_known(reading, last) or not _pictured(reading, words, last, count, first):
        return
    head = singular_of(words[-1]) if count != 1 else words[-1]
    if count == 0:
        count = 3
    colours = colours_in(words[:-1])
    start, end = reading.words[i].start, reading.words[last - 1].end
    reading.take(reading.words[first].start, end)
    text = " ".join([*words[:-1], head])[:200]
    item = Item("object", text, start, end, _limited(count, text, things), colours[0] if colours else None)
    things.items.append(item)
    things.warnings.append(f"{text!r} is not an object the models know by name, so expect an approximation.")


def _describes_known(reading: Reading, last: int) -> bool:
    """Whether the words before word `last` only describe it, a noun claimed already ("a funny | meme")."""
    if not 0 < last < len(reading.words) or not reading.taken[last] or reading.words[last].text in STOP_WORDS:
        return False
    return reading.masked[reading.words[last - 1].end : reading.words[last].start] in (" ", "-")


def _nounlike(word: str, inner: bool) -> bool:
    if word in STOP_WORDS or word in NUMBERS or word.isdigit():
        return False
    return not (inner and re.search(r"(?:ing|ly)$", word) and len(word) > 5)


def _pictured(reading: Reading, words: list[str], last: int, count: int, first: int) -> bool:
    """Whether an unknown noun phrase is a depicted thing rather than a manner, an amount or lettering."""
    head = words[-1]
    if not head.isalpha() or len(head) < 3 or head in ABSTRACT_NOUNS or head in ORGANISATIONS or head in THING_WORDS:
        return False
    if head in DOCUMENT_HEADS or head in LETTERS or head in FONT_WORDS or head in COLOUR_RGB or head in SIZES:
        return False
    if (
        singular_of(head) in ABSTRACT_NOUNS
        or head.endswith(("ness", "tion", "ment", "ity"))
        or head in PLACES
        and count == 0
    ):
        return False
    if last < len(reading.words) and MARK in reading.masked[reading.words[last - 1].end : reading.words[last].start]:
        return False
    article = count == 1 or reading.words[first].text in NUMBERS or reading.words[first].text.isdigit()
    if not article:  # bare: only a plural that ends its clause, and no name
        after = reading.masked[reading.words[last - 1].end :].lstrip()
        lower = reading.prompt[reading.words[last - 1].start].islower()
        ends = not after or after[0] in ",.;" or after.startswith(("and ", "on ", "in ", "with ", "at "))
        return lower and head.endswith("s") and not head.endswith("ss") and len(words) <= 2 and ends
    return reading.prompt[reading.words[last - 1].start].islower() or first == 0


# ---- emoji


def _find_emoji(reading: Reading, lexicon: Lexicon, things: Things) -> None:
    """Emoji outside texts are objects; the same one twice counts two."""
    position, masked = 0, reading.masked
    by_name: dict[str, Item] = {}
    while position < len(masked):
        if masked[position].isascii() or masked[position].isalpha():
            position += 1
            continue
        length, name = _emoji_at(masked, position, lexicon)
        if name:
            if name in by_name:
                by_name[name].count = min(MAX_COUNT, by_name[name].count + 1)
            else:
                by_name[name] = Item("object", name, position, position + length, name=name)
        position += max(1, length)
    things.items += by_name.values()


def _emoji_at(text: str, position: int, lexicon: Lexicon) -> tuple[int, str]:
    """(length, object) of the longest emoji at a position, (0, "") when there is none."""
    for length in range(min(10, len(text) - position), 0, -1):
        name = lexicon.by_emoji.get(text[position : position + length].replace("\ufe0f", ""))
        if name:
            return length, name
    return 0, ""
