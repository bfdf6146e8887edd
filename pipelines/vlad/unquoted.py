"""Texts that a prompt asks for without quoting them ("a cake that says happy birthday").

Such a text begins after a trigger ("says", "titled", "the words", a colon) and ends as `pipelines.vlad.text_ends`
says. Without a trigger, how it is written tells it: capitals, figures, prices, lists (`pipelines.vlad.told_by_form`).
Where nothing else says what to write, capitalised words or a greeting before the word for the picture do ("Keep Calm
poster", "get well soon card").
"""

from __future__ import annotations

import re

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import DOCUMENT_HEADS, NUMBERS, ORGANISATIONS, PANELS, PATTERNS, PLACES, TEXT_NOUNS
from pipelines.vlad.reading import MARK, Item, Reading
from pipelines.vlad.text_ends import TITLE_RUN, capitals_end, end_of_text
from pipelines.vlad.told_by_form import (
    find_figures_and_lines,
    find_greeting,
    find_initials,
    find_lettering,
    find_listed,
    find_title,
)

_LEAD = rf"\s*(?::|-)?\s+(?:(?:the|these|a|an)?\s*(?:{TEXT_NOUNS})\s*:?\s+)?"
_SAYS = re.compile(
    r"\b(?:says?|saying|said(?! no one)|stating|states|shouting|yelling|titled|entitled|captioned|labell?ed(?: as)?|"
    r"(?<!a )(?<!the )spells?(?: out)?|spelling(?: out)?|spelled(?! out)|"
    r"headed|inscribed(?: with)?|engraved with|emblazoned with|printed with)" + _LEAD
)
_READS = re.compile(r"\b(?:reads|reading|read)" + _LEAD)
_NAMED = re.compile(r"\b(?:named|called)" + _LEAD)
_WORDS = re.compile(
    rf"(?:\b(?:the|these|and|with)\s+(?:words?|texts?|phrase|slogan|motto|inscription|message|headline|heading|title|"
    rf"caption|lettering|sentence|line|quote|question|saying|greeting)\s+|\b(?:{TEXT_NOUNS})\s*:\s*)"
)
_COLON = re.compile(r"\b([\w']+)\s?:\s+")
_WRITE = re.compile(r"(?:^|[.!?\n]\s*|,\s*)(?:please\s+)?(?:write|print)\s+")
_WRITTEN = re.compile(
    r"\b(?:with|has|have|having)\s+((?:[^\s,.;:\x01]+\s+){0,7}?[^\s,.;:\x01]+)\s+"
    r"(?:written|printed|painted|lettered|spelled|spelt|engraved|"
    r"embroidered|carved|inscribed|iced|stitched|stamped|stencill?ed|etched|burned|typed)"
    r"(?=\s+(?:on|in|across|at|above|below|over|out|onto|along)\b|\s*$)"
)
_TRIGGERS = (_WRITTEN, _SAYS, _READS, _NAMED, _WORDS, _WRITE, _COLON)

# What does not begin a text; what a person reads; what has a name that is written on it; what text stands on.
_NOT_TEXT = frozenset(
    "on in at with by for from above below of and or to is are was should must would will can that which this it "
    "that's about like as says say saying reads read reading said written shown goes using inside under over next "
    "near beside".split()
)
_READABLE = frozenset(
    "book books newspaper magazine letter map menu story novel paper comic bible script quietly".split()
)
_BEARERS = frozenset(
    "its it's it town city village island truck van boat salon stand street station label place".split()
)
_CARRIERS = frozenset(
    "it that which text texts letters lettering words bubble caption title cover headline slogan front back case box "
    "design one board print tattoo background backdrop".split()
)
_ARTICLE = re.compile(r"(?:an?|the|his|her|its|their|some|two|three|my|your)\s+")
_NEXT = re.compile(r"\s*,\s*(?:and\s+)?(?=[A-Z0-9][^,.]*[,.])")  # "text: Bread, Milk, and Eggs."
_THEN = re.compile(r"\s*,\s*(?:and\s+)?then\s+(?=[A-Z0-9])")  # "says Yard Sale, then Saturday"
_CLAUSE = re.compile(r"[^,.;\n\x01]*")
_AUTHOR = re.compile(r"[\s,]*\bby\s+((?:[A-Z][\w.’'-]*\s?){1,4})")


def find_unquoted(reading: Reading) -> list[Item]:
    """Texts without quotes; the words of all but a greeting are claimed in the reading."""
    quoted = MARK in reading.masked
    found = find_listed(reading) + find_figures_and_lines(reading)
    triggered, named = _triggered(reading)
    found += triggered
    led = not all(re.fullmatch(r"[\W\d]+", item.text) for item in found)
    found = _said_once(found + find_lettering(reading), named) + find_initials(reading)
    if not led and not quoted:
        found += find_title(reading) or find_greeting(reading)
    return found


def find_author(reading: Reading, texts: list[Item]) -> Item | None:
    """ "by Ann Lee" right after a text."""
    for text in texts:
        for gap in (0, 1):  # a closing quotation mark may follow the text
            match = _AUTHOR.match(reading.prompt, text.end + gap)
            if match and MARK not in reading.masked[match.start(1) : match.end(1)]:
                name = match.group(1).rstrip(" .,")
                item = Item("text", name, match.start(1), match.start(1) + len(name))
                reading.take(match.start(), item.end, mask=True)
                return item
    return None


def _triggered(reading: Reading) -> tuple[list[Item], list[Item]]:
    """Texts after triggers, and those among them that are names ("called ...")."""
    found: list[Item] = []
    named: list[Item] = []
    for pattern in _TRIGGERS:
        position = 0
        while match := pattern.search(reading.masked, position):
            position = max(match.end(), position + 1)
            item = _written(reading, match) if pattern is _WRITTEN else _after(reading, pattern, match)
            if item:
                reading.take(item.start, item.end, mask=True)
                found.append(item)
                named += [item] if pattern is _NAMED else []
                found += _further(reading, pattern, item)
    return found, named


def _said_once(found: list[Item], named: list[Item]) -> list[Item]:
    """Texts without the names that another text holds: "called Oak, ... VISIT OAK"."""
    told = " ".join(item.text.lower() for item in found if item not in named)
    return [item for item in found if item not in named or item.text.lower() not in told]


def _written(reading: Reading, match: re.Match[str]) -> Item | None:
    """ "with hello world written on it"."""
    start, end = match.span(1)
    phrase = reading.masked[start:end]
    article = _ARTICLE.match(phrase)
    quoted = re.match(rf"(?:the\s+|these\s+)?(?:{TEXT_NOUNS})\s+", phrase)
    later = list(re.finditer(rf"\s(?:the|these)\s+(?:{TEXT_NOUNS})\s+", phrase))  # "with icing and the words ..."
    lead = later[-1] if later else quoted
    if lead:
        start += lead.end()
    elif article or phrase.split()[0] in NUMBERS or re.fullmatch(rf"(?:{TEXT_NOUNS})", phrase.split()[-1]):
        return None
    return Item("text", reading.prompt[start:end], start, end) if end > start else None


def _after(reading: Reading, pattern: re.Pattern[str], match: re.Match[str]) -> Item | None:
    """The text that begins where a trigger ends, None when the trigger is not one here."""
    start = match.end()
    masked = reading.masked
    if start >= len(masked) or MARK in masked[start : start + 2]:
        return None
    if pattern is _READS and not _reads(masked, match):
        return None
    if pattern in (_COLON, _WORDS) and re.match(r"the (?:text|words?)\b", masked[start:]):
        return None
    if pattern is _COLON and not _heads(reading, match):
        return None
    if pattern is _NAMED and not _names(masked, match):
        return None
    first = re.match(r"[\w'&#$£€@%+-]+", masked[start:])
    if first is None and not masked[start].isprintable():
        return None
    if first and pattern in (_WORDS, _WRITE) and first.group() in _NOT_TEXT:
        return None
    if (
        first
        and pattern is _WORDS
        and not masked[: match.end()].rstrip().endswith(":")
        and first.group() in ("a", "an")
    ):
        return None
    end = end_of_text(reading, start)
    run = TITLE_RUN.match(reading.prompt, start, end) if pattern is _NAMED else None
    end = run.end() if run else end
    text = reading.prompt[start:end].rstrip(" ,;:.-")
    return Item("text", text, start, start + len(text)) if re.search(r"\w", text) else None


def _further(reading: Reading, pattern: re.Pattern[str], item: Item) -> list[Item]:
    """ "It says Yard Sale at the top, then Saturday 9 AM, then 12 Maple Street"."""
    found: list[Item] = []
    listed = pattern is _WORDS and re.search(r":\s*$", reading.prompt[: item.start]) is not None
    while pattern is _SAYS or listed:
        clause = _CLAUSE.match(reading.masked, item.end)
        link = _NEXT if listed else _THEN
        then = link.match(reading.prompt, clause.end() if clause else item.end)
        if then is None or MARK in reading.masked[then.start() : then.end() + 1]:
            break
        end = end_of_text(reading, then.end())
        text = reading.prompt[then.end() : end].rstrip(" ,;:.-")
        if not text:
            break
        item = Item("text", text, then.end(), then.end() + len(text))
        reading.take(item.start, item.end, mask=True)
        found.append(item)
    return found


def _word_before(masked: str, position: int) -> str:
    found = re.search(rf"([\w']+|{MARK})\s*[\"'”’»]?\s*$", masked[max(0, position - 60) : position])
    return found.group(1) if found else ""


def _carries_text(word: str) -> bool:
    """Whether a noun is something that text stands on: a sign, a poster, letters, a mug, but not a person or animal."""
    single = word[:-1] if word.endswith("s") else word
    if word in _CARRIERS or {word, single} & DOCUMENT_HEADS or word in PANELS or single in PANELS:
        return True
    if word in PATTERNS or word in PLACES:
        return True  # the end of a description of the picture
    name = default_lexicon().get(word)
    return name is not None and name.group in ("objects", "food & drink", "activities", "travel & places")


def _reads(masked: str, match: re.Match[str]) -> bool:
    """Whether "reading" introduces a text: the reader is a thing and what follows is nothing to read."""
    after = masked[match.end() :]
    article = _ARTICLE.match(after)
    next_word = re.match(r"\w*", after[article.end() :] if article else after)
    if next_word and next_word.group() in _READABLE:
        return False
    before = _word_before(masked, match.start())
    two = re.search(r"(\w+ \w+)\s*$", masked[: match.start()])
    carries = _carries_text(before) or bool(two and two.group(1) in PANELS)
    return carries or before in ("should", "must", "would", "will", "to")


def _names(masked: str, match: re.Match[str]) -> bool:
    """Whether what is "called" something has its name written: a company or a document, not a pet."""
    before = _word_before(masked, match.start())
    if before in ORGANISATIONS or before in DOCUMENT_HEADS or before in PANELS or before in _BEARERS:
        return True
    thing = default_lexicon().get(before)
    return thing is not None and thing.group in ("travel & places", "objects")


def _heads(reading: Reading, match: re.Match[str]) -> bool:
    """Whether what follows a colon is lettering: capitals behind a panel or document ("sticker: 50% OFF")."""
    noun = match.group(1)
    line_end = reading.masked.find("\n", match.end())
    end = len(reading.masked) if line_end < 0 else line_end
    carries = noun in PANELS or noun in DOCUMENT_HEADS
    clause = re.split(r"[,.;:\n]", reading.masked[: match.start(1)])[-1]
    stands = re.search(r"\b(?:sign|label|board|banner|note|card|plaque|placard|sticker)\b", clause) is not None
    run = TITLE_RUN.match(reading.prompt, match.end(), end)
    title = run is not None and " " in run.group() and sum(w[0].isupper() for w in run.group().split()) > 1
    capitals = capitals_end(reading.prompt, match.end(), end) is not None
    return (carries and (capitals or title)) or (stands and title)
