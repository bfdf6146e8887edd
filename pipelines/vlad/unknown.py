"""Objects that the lexicon does not know, told by where a prompt has them.

Behind of, with, featuring, showing, holding, wearing and the like; as the first noun; and with an article or a number
at the head of a clause (", a toucan on the right"), behind "put" and "add", behind "and" that joins it to an object or
a text, behind a participle ("guarding a chest") or "in", "on" and "from" that follow an object, and behind a place
("on the left a toucan").
"""

from __future__ import annotations

import re

from pipelines.vlad.counting import limited
from pipelines.vlad.lexicon import singular_of
from pipelines.vlad.nouns import (
    ABSTRACT_NOUNS,
    COLOUR_RGB,
    DOCUMENT_HEADS,
    FONT_WORDS,
    LETTERS,
    NUMBERS,
    ORGANISATIONS,
    PLACES,
    SIZES,
    STATES,
    STOP_WORDS,
    SURROUNDINGS,
    THING_WORDS,
    WEAK_PLACES,
)
from pipelines.vlad.reading import MARK, Item, Reading, Things, colours_in

SHOWN = frozenset(
    "of with featuring showing depicting displaying holding wearing riding carrying driving eating drinking beside "
    "near above below under behind containing including like between".split()
)
_SHOWN_THE = frozenset("with featuring showing depicting holding wearing".split())
COMMANDS = frozenset(
    "create make design generate draw paint render please show give me us i need want would like to see can you could "
    "image picture photo an a the of".split()
)
_PUT = frozenset("put add place include draw paint has".split())
_SPOTS = frozenset("left right top bottom corner middle centre center side underneath foreground".split())
_ON = frozenset("on in from inside into atop against by over around through at".split())
_NO_DEEDS = frozenset(  # participles of no body or thing in the picture
    "using making having giving getting being doing creating needing wanting becoming taking seeing saying reading "
    "spelling writing celebrating opening starting running launching planning hosting organising organizing looking "
    "evening morning during string spring building offering selling announcing inviting".split()
)
_NOUNS_IN_ING = frozenset(
    "evening morning building painting ceiling lightning pudding dumpling duckling wedding earring awning railing "
    "sapling gosling spring family butterfly firefly dragonfly".split()
)
_OF_MANY = frozenset("stack pile heap bunch row flock swarm herd cluster sea field sprinkle trail".split())
_BEHIND_NOUNS = frozenset(
    "past instead again together apart wrapped tied written upside inside far away high low close "
    "goes go stands stand sits sit comes come "
    "nearby everywhere want wants need needs asked loves likes turns turned told said called named".split()
)
_SENTENCE_ENDS = re.compile(r"[.!?\n]\s*(?=\S)")
_CLAUSE = re.compile(r"(?:^|[,.;:!+\n]|\s[-–—])[\s\"'”’»“]*$")
_TOLD = re.compile(r"\s+(?:wants?|needs?|asked|loves?|likes?|turns?|turned|told|said|called|named|is turning)\b")


def find_unknown(reading: Reading, things: Things) -> None:
    """Nouns outside the lexicon that the prompt puts into the picture."""
    for i in reading.indices():
        starts = _starts_prompt(reading, i)
        if starts or _heads_clause(reading, i):
            _read_unknown(reading, i, things, told=not starts)
        elif _introduces(reading, i, things) and reading.free(i + 1):
            _read_unknown(reading, i + 1, things)


def _starts_prompt(reading: Reading, i: int) -> bool:
    """Whether word i is the article of the prompt's first noun phrase."""
    if reading.words[i].text not in NUMBERS and not reading.words[i].text.isdecimal():
        return False
    begins = max((m.end() for m in _SENTENCE_ENDS.finditer(reading.masked, 0, reading.words[i].start)), default=0)
    first = reading.index_at(begins)
    return all(w.text in COMMANDS for w in reading.words[first:i]) and not any(reading.taken[first:i])


def _heads_clause(reading: Reading, i: int) -> bool:
    """Whether word i is an article or a number at the head of a clause: ", a toucan on the right"."""
    if not _counts(reading, i):
        return False
    left = reading.masked[: reading.words[i].start]
    return bool(_CLAUSE.search(left))


def _counts(reading: Reading, i: int) -> bool:
    """Whether word i is an indefinite article or a number, a figure only before a plural."""
    word = reading.words[i].text
    if word.isdecimal():
        return len(word) == 1 and reading.joined(i) and bool(re.search(r"[^s]s$", reading.words[i + 1].text))
    return word in NUMBERS and word not in ("single", "both", "lots", "many", "few", "some", "various", "multiple")


def _introduces(reading: Reading, i: int, things: Things) -> bool:
    """Whether what follows word i is shown: "with a ...", "and a ..." behind an object, "guarding a ..."."""
    word = reading.words[i].text
    if not (reading.free(i + 1) and reading.joined(i)):
        return False
    if word in SHOWN or (word == "has" and not _counts(reading, i + 1)):
        pictured = word == "of" and i > 0 and reading.words[i - 1].text in DOCUMENT_HEADS
        return reading.words[i + 1].text != "the" or pictured or word in _SHOWN_THE
    if not _counts(reading, i + 1):
        return word == "and" and _behind_object(reading, i, things)
    if word == "and":
        start = reading.words[i].start
        sentence = re.split(r"[.!?]\s|\n", reading.masked[:start])[-1]
        shown = any(item.kind == "object" and item.end > start - len(sentence) for item in things.items)
        return shown or MARK in sentence or bool(_CLAUSE.search(sentence))
    if word in ("sit", "sits", "stand", "stands", "goes", "comes") and word != reading.words[0].text:
        return True
    if word in _PUT:
        return i == 0 or reading.words[i - 1].text not in ("i", "we", "you", "they", "who", "he", "she")
    if word in _SPOTS or (word in ("it", "them", "him", "her") and i > 0 and reading.words[i - 1].text in SHOWN | _ON):
        return True
    return _does(word) or (word in _ON and _follows_object(reading, i, things))


def _does(word: str) -> bool:
    return len(word) > 5 and word.endswith("ing") and word not in _NO_DEEDS


def _behind_object(reading: Reading, i: int, things: Things) -> bool:
    start = reading.words[i].start
    return any(0 <= start - item.end <= 1 for item in things.items if item.kind == "object")


def _follows_object(reading: Reading, i: int, things: Things) -> bool:
    """Whether a preposition at word i is right behind an object, or behind what it does ("leaning on a ...")."""
    done = i > 0 and reading.words[i - 1].text.endswith(("ing", "ed")) and reading.joined(i - 1)
    return _behind_object(reading, i, things) or bool(done and _behind_object(reading, i - 1, things))


def _read_unknown(reading: Reading, first: int, things: Things, told: bool = False) -> None:
    """The noun phrase from its article or number at word `first` to its head; `told`: it may be told about instead."""
    i, count = first, 0
    word = reading.words[i].text
    if word in NUMBERS or word.isdecimal() or word == "the":
        count, i = NUMBERS.get(word) or (1 if word == "the" else int(word[:4])), i + 1
        if reading.run(i, 1) == "single":
            i += 1
        if reading.run(i, 2) in ("pair of", "couple of", "dozen of"):
            count, i = NUMBERS[reading.words[i].text], i + 2
        if not (reading.free(i) and reading.joined(i - 1)):
            return
    paired = count == 0 and _paired(reading, first, things)
    last = _head_end(reading, i)
    words = [w.text for w in reading.words[i:last]]
    if not words or _describes_known(reading, last) or not _pictured(reading, words, last, count, first, paired):
        return
    if told and _TOLD.match(reading.masked, reading.words[last - 1].end):
        return
    head = singular_of(words[-1]) if count != 1 else words[-1]
    if count == 0:
        count = 1 if paired and head == words[-1] else 3
    colours = colours_in(words[:-1])
    start, end = reading.words[i].start, reading.words[last - 1].end
    reading.take(reading.words[first].start, end)
    text = " ".join([*words[:-1], head])[:200]
    item = Item("object", text, start, end, limited(count, text, things), colours[0] if colours else None)
    things.items.append(item)
    things.warnings.append(f"{text!r} is not an object the models know by name, so expect an approximation.")


def _paired(reading: Reading, first: int, things: Things) -> bool:
    """Whether "and" joins word `first` to one thing without an article: "with hammer and | saw"."""
    if first < 1 or reading.words[first - 1].text != "and":
        return False
    start = reading.words[first - 1].start
    other = next((i for i in things.items if i.kind == "object" and 0 <= start - i.end <= 1), None)
    left = reading.words[max(0, reading.index_at(other.start) - 1)].text if other else "a"
    return bool(other and other.count == 1 and left not in NUMBERS and left not in ("the", "his", "her", "their"))


def _head_end(reading: Reading, i: int) -> int:
    """One past the head of the noun phrase from word i, without the participles behind it ("rackets crossed")."""
    last = i
    while reading.free(last) and last - i < 4 and _nounlike(reading.words[last].text, last > i):
        last += 1
        if not (last < len(reading.words) and reading.joined(last - 1)):
            break
    while last - i > 1 and re.search(r"[a-z]{3}ed$", reading.words[last - 1].text):
        last -= 1
    return last


def _describes_known(reading: Reading, last: int) -> bool:
    """Whether the words before word `last` only describe it, a noun claimed already ("a funny | meme")."""
    if not 0 < last < len(reading.words) or not reading.taken[last] or reading.words[last].text in STOP_WORDS:
        return False
    return reading.masked[reading.words[last - 1].end : reading.words[last].start] in (" ", "-")


def _nounlike(word: str, inner: bool) -> bool:
    if word in STOP_WORDS or word in NUMBERS or word in _BEHIND_NOUNS or word.isdecimal():
        return False
    return not (inner and re.search(r"(?:ing|ly)$", word) and len(word) > 5 and word not in _NOUNS_IN_ING)


_LEAD_ON = ("and ", "on ", "in ", "with ", "at ", "below", "above", "under", "behind", "around", "beside", "next to ")


def _pictured(reading: Reading, words: list[str], last: int, count: int, first: int, paired: bool) -> bool:
    """Whether an unknown noun phrase is a depicted thing rather than a manner, an amount or lettering."""
    head = words[-1]
    if not head.isalpha() or len(head) < 3 or head in ABSTRACT_NOUNS or head in ORGANISATIONS or head in THING_WORDS:
        return False
    if head in DOCUMENT_HEADS or head in LETTERS or head in FONT_WORDS or head in COLOUR_RGB or head in SIZES:
        return False
    if words[-1] in STATES or last < len(reading.words) and reading.words[last].text in ("one", "ones"):
        return False
    if (
        singular_of(head) in ABSTRACT_NOUNS
        or head.endswith(("ness", "tion", "ment", "ity"))
        or head in PLACES
        and count == 0
        or first > 0
        and reading.words[first - 1].text not in SHOWN
        and (head in SURROUNDINGS or head in PLACES and head not in WEAK_PLACES)
    ):
        return False
    if last < len(reading.words) and MARK in reading.masked[reading.words[last - 1].end : reading.words[last].start]:
        return False
    if last < len(reading.words) and reading.masked[reading.words[last - 1].end] == "-":
        return False
    if head in _OF_MANY and reading.free(last) and reading.words[last].text == "of":
        return False  # "a stack of pebbles": what it is of follows
    if len(words) == 1 and re.search(r"[a-z]{3}ed$", head):
        return False  # "one carved, two plain"
    if count == 0 and head in ("hands", "arms", "feet", "eyes"):
        return False  # "holding hands"
    article = count == 1 or reading.words[first].text in NUMBERS or reading.words[first].text.isdecimal()
    if not article:  # bare: only a plural that ends its clause, and no name
        after = reading.masked[reading.words[last - 1].end :].lstrip()
        lower = reading.prompt[reading.words[last - 1].start].islower()
        ends = not after or after[0] in ",.;" or after.startswith(_LEAD_ON)
        plural = head.endswith("s") and not head.endswith(("ss", "us", "is"))
        return lower and len(words) <= 2 and ends and (plural or paired and len(words) == 1)
    return reading.prompt[reading.words[last - 1].start].islower() or first == 0
