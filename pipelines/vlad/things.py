"""Panels and objects: the nouns of a prompt, with their number, adjectives and colour.

A word the lexicon knows is an object unless it only says what kind of thing follows ("coffee shop", "cat lover").
Before a word for the picture itself it stays one ("a cat poster"). Nouns that nobody knows are found by
`pipelines.vlad.unknown`.
"""

from __future__ import annotations

import re

from pipelines.vlad.counting import MAX_COUNT, before, limited, negated, on_sides
from pipelines.vlad.lexicon import Lexicon, Name
from pipelines.vlad.nouns import (
    AMBIGUOUS_OBJECTS,
    ARTICLES,
    COLOUR_RGB,
    COLOUR_THINGS,
    DOCUMENT_HEADS,
    DUAL_PANELS,
    LETTERS,
    NUMBERS,
    ORGANISATIONS,
    PANELS,
    PATTERNS,
    SHAPES,
    STOP_WORDS,
    THING_WORDS,
)
from pipelines.vlad.reading import MARK, Item, Reading, Things, leading_colour
from pipelines.vlad.unknown import COMMANDS, SHOWN, find_unknown


def find_things(reading: Reading, lexicon: Lexicon) -> Things:
    """All panels and objects; their words are claimed in the reading."""
    things = Things()
    words = [w.text for w in reading.words]
    for i in reading.indices():
        _read_noun(reading, lexicon, words, i, things)
    find_unknown(reading, things)
    things.items = _told_once(reading, things.items)
    for item in things.items:
        item.count = on_sides(reading, item.end) if item.kind == "object" and item.count == 1 else item.count
    _find_emoji(reading, lexicon, things)
    things.items.sort(key=lambda item: item.start)
    return things


_LIKED = re.compile(
    r"\b(?:loves?|likes?|adores?|crazy about|obsessed with|fan of|into|favou?rites?(?: \w+)? (?:is|are))\s*$"
)
_ADDRESSED = re.compile(
    r"\b(?:i|we|she|he|they|my \w+)\s+(?:really\s+|just\s+)?(?:loves?|likes?|adores?|miss(?:es)?|lost)"
    r"(?:\s+(?:my|our|his|her|their))?\s*$"
)
_SEEN_FROM = re.compile(
    r"\b(?:readable|visible|legible|seen|read|recogni[sz]able)\s+from\s+(?:an?|the|each|every)\s+(?:\w+\s+)?$"
)
_BODY = frozenset("mouth nose ear ears eye eyes hand hands head paw paws back arm arms leg legs foot feet".split())
_OWN = ("its", "his", "her", "their", "my", "your")
_SIGNLESS_BOARDS = ("cutting", "chopping", "chess", "ironing", "diving", "surf", "skate", "snow", "dart")


def _told_once(reading: Reading, items: list[Item]) -> list[Item]:
    """Things without those that somebody only likes ("she loves horses. Draw a brown horse")."""
    objects = [item for item in items if item.kind == "object"]
    kept = [item for item in items if item not in objects or not _only_liked(reading, item, objects)]
    return [item for item in kept if item not in objects or not _only_kind(reading, item, objects)]


def _only_kind(reading: Reading, item: Item, objects: list[Item]) -> bool:
    """Whether a noun says what kind of thing follows and is drawn later: "a lost cat poster, ... an orange cat"."""
    i = reading.index_at(item.end)
    following = reading.words[i].text if i < len(reading.words) and reading.masked[item.end] == " " else ""
    kind = following in DOCUMENT_HEADS or following in ORGANISATIONS or following.endswith(("ing", "owner", "owners"))
    later = any(o.start > item.end and o.name == item.name and item.name and o.count == 1 for o in objects)
    return kind and later and item.count == 1 and following not in ("sitting", "standing", "holding", "wearing")


def _only_liked(reading: Reading, item: Item, objects: list[Item]) -> bool:
    """Whether a thing is liked, and drawn later, or liked by who speaks, and others are drawn."""
    noun = reading.masked[item.start : item.end].split()[-1]
    before_noun = reading.masked[: item.end - len(noun)]
    again = any(other is not item and item.name and other.name == item.name for other in objects)
    later = any(other.start > item.end for other in objects)
    return bool(again and _LIKED.search(before_noun) or later and _ADDRESSED.search(before_noun))


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
        first, _, colours = before(reading, i)
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
    return following in ("a", "an", "me", "the") and all(w.text in COMMANDS for w in reading.words[:i])


def _panel_at(reading: Reading, i: int) -> tuple[int, str, int] | None:
    """(number of words, shape, count 1 or 2 for the plural) of the panel noun that begins at word i."""
    if i and reading.words[i].text == "board" and reading.words[i - 1].text in _SIGNLESS_BOARDS:
        return None
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
    first, count, colours = before(reading, i)
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
    if n == 1 and words[i] in _BODY and i and words[i - 1] in _OWN:
        reading.take(reading.words[i].start, reading.words[i].end)
        return
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
    listed = before in ("and", "to") and i > 1 and reading.words[i - 2].text in COLOUR_RGB  # "blue and orange"
    if before == "from" and following == "to":
        return True
    return listed or before in ("in", "on") or (bool(following) and following not in STOP_WORDS)


def _stands_as_noun(reading: Reading, i: int, things: Things) -> bool:
    """Whether an ambiguous word has an article, number, colour or listing word before it, or stands alone in a list."""
    before = reading.words[i - 1].text if i and reading.joined(i - 1) else ""
    if before in NUMBERS or before in ARTICLES or before.isdecimal() or before in SHOWN or before in COLOUR_RGB:
        return True
    if before == "and":
        return bool(things.items)
    if before.endswith("ing") and i > 1 and reading.words[i - 2].text in NUMBERS:
        return True  # "one running man"
    left = reading.masked[reading.words[i - 1].end : reading.words[i].start] if i else ""
    end = reading.words[i].end
    right = reading.masked[end : end + 1]
    if MARK in left:  # right behind a text: "'Best Dad' cup"
        return True
    if i == 1 and before and before not in STOP_WORDS and _SPOT.match(reading.masked, end):
        return True  # "sleepy bear in a hammock"
    if before and before not in STOP_WORDS:
        j = i - 1
        while j > 0 and reading.joined(j - 1) and reading.words[j - 1].text not in STOP_WORDS | set(NUMBERS):
            j -= 1
        return j > 0 and reading.joined(j - 1) and reading.words[j - 1].text in set(NUMBERS) | ARTICLES
    clause = not i or "," in left or MARK in left
    return clause and (right in ("", ",", ".") or bool(_SPOT.match(reading.masked, end)))


_SPOT = re.compile(r"\s(?:on|at|in|with|above|below|over|under|behind|beside|pointing)(?:\s(?:the|a|an))?\b")


def _add_object(reading: Reading, i: int, n: int, name: Name, things: Things) -> None:
    first, count, colours = before(reading, i)
    if negated(reading, first) or _SEEN_FROM.search(reading.masked, 0, reading.words[i].start):
        reading.take(reading.words[first].start, reading.words[i + n - 1].end)
        return
    if _named_before(reading, first, i, name, things):
        reading.take(reading.words[first].start, reading.words[i + n - 1].end)
        return
    if _is_for(reading, first, i + n, name):
        end = reading.words[i + n - 1].end
        things.hints.append(Item("object", name.singular, reading.words[i].start, end, name=name.object))
        reading.take(reading.words[first].start, end)
        return
    adjectives = [w.text for w in reading.words[first:i]]
    if name.plural and count < 2:
        count = count if count == 1 and not name.mass else 3
    count = 1 if name.mass or not (name.plural or count) else max(1, count)
    start, end = reading.words[first].start, reading.words[i + n - 1].end
    text = " ".join([*adjectives, name.singular])[:200]
    if not name.plural and reading.low[start:end] != text.lower():
        text = reading.prompt[start:end][:200]  # "T shirt" for "t-shirt"
    reading.take(start, end)
    item = Item("object", text, start, end, limited(count, text, things), name=name.object)
    own = leading_colour(name.singular)
    colours += [own] if own else []
    item.colour = colours[0] if colours else None
    things.items.append(item)


def _named_before(reading: Reading, first: int, i: int, name: Name, things: Things) -> bool:
    """Whether a thing has been named: "... below the lemon", "a box and a lamp, box on the left"."""
    same = [item for item in things.items if item.kind == "object" and item.name == name.object]
    if reading.words[max(0, first - 1)].text == "the":
        return bool(same) or any(item.text.lower().endswith(f" {name.singular.lower()}") for item in things.items)
    bare = first == i and not name.plural and _HEADS_PLACE.match(reading.masked, reading.words[i].end)
    for item in same if bare else []:
        if reading.words[max(0, reading.index_at(item.start) - 1)].text in ("a", "an", "one", "my", "our"):
            item.start, item.end = reading.words[i].start, reading.words[i].end  # its place is said here
            return True
    return False


def _is_for(reading: Reading, first: int, after: int, name: Name) -> bool:
    """Whether a noun says whom or what the picture is for: "for kids", "the kids' stand", "sticker for my laptop"."""
    owner = reading.masked[reading.words[after - 1].end :]
    people = name.group == "people & body"
    if people and re.match(r"'s? [a-z]", owner):
        return True
    before = [w.text for w in reading.words[max(0, first - 3) : first]]
    article = before.pop() if before and (before[-1] in ARTICLES or before[-1] in NUMBERS) else ""
    if before[-1:] != ["for"]:
        return False
    carrier = before[-2] if len(before) > 1 else ""
    return people or (article in ("the", "my", "our", "your") and (carrier in DOCUMENT_HEADS or carrier in PANELS))


_HEADS_PLACE = re.compile(r"\s(?:on|at|to|in) the (?:left|right|top|bottom|middle|centre|center)\b")


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
