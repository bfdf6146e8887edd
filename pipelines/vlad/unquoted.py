"""Texts that a prompt asks for without quoting them ("a cake that says happy birthday").

Such a text begins after a trigger ("says", "titled", "the words", a colon) and ends as `pipelines.vlad.text_ends`
says. Without a trigger, how it is written tells it: capitals, figures, prices, lists (`pipelines.vlad.told_by_form`).
Where nothing else says what to write, capitalised words or a greeting before the word for the picture do ("Keep Calm
poster", "get well soon card").
"""

from __future__ import annotations

import re

from pipelines.vlad.colons import describes, heads, sentence_end
from pipelines.vlad.greetings import denies_text, find_greeting
from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.lists import find_lines_below, find_listed
from pipelines.vlad.nouns import (
    DOCUMENT_HEADS,
    NUMBERS,
    ORGANISATIONS,
    PANELS,
    PATTERNS,
    PLACES,
    TEXT_NOUNS,
)
from pipelines.vlad.reading import LOOK_WORDS, MARK, Item, Reading
from pipelines.vlad.text_ends import TITLE_RUN, end_of_text
from pipelines.vlad.told_by_form import (
    find_figures_and_lines,
    find_in_letters,
    find_initials,
    find_lettering,
    find_listed_on,
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
_NOT_BESIDE = "".join(  # "under the letters: a teddy bear"
    rf"(?<!\b{where} the )(?<!\b{where} )"
    for where in ("under", "below", "above", "beneath", "underneath", "beside", "over")
)
_WORDS = re.compile(
    rf"(?:\b(?:the|these|and|with)\s+(?:words|texts?|phrase|slogan|motto|inscription|message|headline|heading|title|"
    rf"caption|lettering|sentence|line|quote|question|saying|greeting)[ ]+|"
    rf"{_NOT_BESIDE}\b(?:{TEXT_NOUNS})(?:\s+on\s+(?:it|them|the\s+\w+))?\s*:(?!:)\s*)"
)
_SMALLER = re.compile(
    r"\b(?:and|with|in)\s+(?:smaller|small|tiny)\s+(?:text|line|print|letters|lettering|writing|type)\s+(?=[a-z0-9])"
)
_NOUN = re.compile(r",\s*(?:text|words|slogan|title|caption|headline|tagline|quote|heading)\s+")
_WORD = re.compile(r"(?:\b(?:the|and|with|big|bold|large|huge|giant|single|one)|[,.;:]|^)\s*word\s+")
_COLON = re.compile(r"\b([\w']+)\s?:(?<!::)\s+")
_WRITE = re.compile(r"(?:^|[.!?\n]\s*|,\s*)(?:please\s+)?(?:write|print)\s+")
_STANDS = re.compile(r"\b(?:should|must|shall|has to)\s+stand:?\s+")  # "under it should stand Open Daily"
_ORDER = re.compile(r"(?:please\s+)?(?:use|put|write|take|have|choose)\s+(?=[A-Z0-9])|please\s+(?=[A-Z0-9])")
_TOLD_NEXT = re.compile(rf"the (?:\w+ )?(?:{TEXT_NOUNS})\b")  # "label: the scent name is Cedar"
_QUOTED_LATER = re.compile(rf"[^.\n{MARK}]*:\s*{MARK}|(?:put|write|add|use|type)\s+{MARK}")  # "these lines: ..."
_WRITTEN = re.compile(
    r"(?:\b(?:with|has|have|having)|,(?=[^,.;:\n\x01]*\swritten\b))\s+((?:[^\s,.;:\x01]+\s+){0,7}?[^\s,.;:\x01]+)\s+"
    r"(?:written|printed|painted|lettered|spelled|spelt|engraved|"
    r"embroidered|carved|inscribed|iced|stitched|stamped|stencill?ed|etched|burned|typed)"
    r"(?=\s+(?:on|in|across|at|above|below|over|out|onto|along|under|underneath|beneath|around|beside)\b|\s*$)"
)
_UP_OR_DOWN = re.compile(
    r"\b(?:top|bottom|middle|centre|center|underneath|below(?: it)?|above(?: it)?|beneath(?: it)?)"
    r"(?:,?\s(?:tiny|small|smaller|large|big|in (?:\w+ )?(?:letters|text|type)))?\s?:\s+"
)
_IN_TITLE = re.compile(r"(?<![\w'’])[A-Z][\w'’]*\s[A-Z]$")  # "Summer Reading Challenge"
_TRIGGERS = (_WRITTEN, _SAYS, _READS, _NAMED, _WORD, _WORDS, _SMALLER, _NOUN, _WRITE, _STANDS, _UP_OR_DOWN, _COLON)

# What does not begin a text; what a person reads; what has a name that is written on it; what text stands on.
_NOT_TEXT = frozenset(
    "on in at with by for from above below of and or to is are was should must would will can that which this it "
    "that's about like as says say saying reads read reading said written shown goes using inside under over next "
    "near beside underneath beneath around across along".split()
)
_READABLE = frozenset(
    "book books newspaper magazine letter map menu story novel paper comic bible script quietly programme program club "
    "group room corner list glasses challenge lamp week nook chair skills".split()
)
_READ_HOW = re.compile(r"(?:from|by|aloud|about|at)\b")  # "easy to read from across the street"
_BEARERS = frozenset(
    "its it's it town city village island truck van boat salon stand street station label place nursery kennel "
    "ep lp single mixtape podcast band "
    "practice blog vlog account duo trio choir orchestra play musical exhibition exhibit fair league academy center "
    "centre ship collection series stall barber plumber dentist newsletter kiosk cart spa ranch vineyard".split()
)
_CARRIERS = frozenset(
    "it that which text texts letters lettering words bubble caption title cover headline slogan front back case box "
    "design one board print tattoo background backdrop".split()
)
_HOW = frozenset(
    "hand everything all both neatly beautifully nicely simply clearly boldly".split()
)  # "hand written on"
_ARTICLE = re.compile(r"(?:an?|the|his|her|its|their|some|two|three|my|your)\s+")
_NEXT = re.compile(r"\s*,\s*(?:and\s+)?(?=[A-Z0-9][^,.]*[,.])")  # "text: Bread, Milk, and Eggs."
_THEN = re.compile(  # "says Yard Sale at the top, then Saturday"
    r"[^.;\n\x01]{0,40}?(?:,\s*(?:and\s+)?|\s+and\s+)then\s+(?=[A-Z0-9])"
)
_CLAUSE = re.compile(r"[^,.;\n\x01]*")
_AUTHOR = re.compile(r"[\s,]*\bby\s+((?:[A-Z][\w.’'-]*\s?){1,4})")


def find_unquoted(reading: Reading) -> list[Item]:
    """Texts without quotes; the words of all but a greeting are claimed in the reading."""
    if denies_text(reading):
        return []
    quoted = MARK in reading.masked
    found = find_lines_below(reading) + find_listed(reading) + find_figures_and_lines(reading)
    triggered, named = _triggered(reading)
    found += triggered
    led = not all(re.fullmatch(r"[\W\d]+", item.text) for item in found)
    found += find_in_letters(reading) + find_lettering(reading)
    found = _said_once(found, named) + find_initials(reading)
    if not led and not quoted:
        found += find_title(reading) or find_greeting(reading)
    return found + find_listed_on(reading, [item for item in found if item not in named])


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
    elif (
        article
        or phrase.split()[0] in _HOW
        or phrase.split()[0] in NUMBERS
        or re.fullmatch(rf"(?:{TEXT_NOUNS})", phrase.split()[-1])
    ):
        return None
    return Item("text", reading.prompt[start:end], start, end) if end > start else None


def _after(reading: Reading, pattern: re.Pattern[str], match: re.Match[str]) -> Item | None:
    """The text that begins where a trigger ends, None when the trigger is not one here."""
    masked = reading.masked
    order = _ORDER.match(reading.prompt, match.end())
    start = order.end() if order else match.end()
    if start >= len(masked) or MARK in masked[start : start + 2]:
        return None
    if pattern in (_WRITE, _SAYS) and _QUOTED_LATER.match(masked, start):
        return None
    lettered = reading.prompt[match.start() : match.start() + 4].isupper() and not reading.prompt.isupper()
    if pattern is _READS and (lettered or _READ_HOW.match(reading.prompt, start) or not _reads(masked, match)):
        return None
    titled = pattern in (_SAYS, _READS, _NAMED) and not reading.prompt.isupper()
    if titled and _IN_TITLE.search(reading.prompt, 0, match.start() + 1):
        return None
    if pattern in (_COLON, _UP_OR_DOWN, _WORDS) and _TOLD_NEXT.match(masked, start):
        return None
    sentence = sentence_end(reading, match) if pattern is _COLON else None
    if pattern is _COLON and not (sentence or heads(reading, match)):
        return None
    if pattern is _UP_OR_DOWN and describes(reading, start):
        return None
    if pattern is _NAMED and not _names(masked, match):
        return None
    first = re.match(r"[\w'’&#$£€@%+-]+", masked[start:])
    if first is None and not masked[start].isprintable():
        return None
    small = first and first.group() in _NOT_TEXT and not reading.prompt[start].isupper()
    if small and pattern in (_WORD, _WORDS, _SMALLER, _NOUN, _WRITE, _STANDS):
        return None
    if pattern is _NOUN and not (first and _begins_small(reading, first.group(), start)):
        return None
    if (
        first
        and pattern is _WORDS
        and not masked[: match.end()].rstrip().endswith(":")
        and first.group() in ("a", "an")
    ):
        return None
    end = sentence or (_one_word_end if pattern is _WORD else end_of_text)(reading, start)
    run = TITLE_RUN.match(reading.prompt, start, end) if pattern is _NAMED else None
    end = run.end() if run else end
    text = reading.prompt[start:end].rstrip(" ,;:.-")
    text = text.removesuffix(" and") if masked.startswith(",", end) else text
    return Item("text", text, start, start + len(text)) if re.search(r"\w", text) else None


def _begins_small(reading: Reading, word: str, start: int) -> bool:
    """Whether a word behind a bare ", text" begins a text in small letters rather than tells how it looks."""
    if reading.prompt[start].isupper() or word in LOOK_WORDS or word in DOCUMENT_HEADS or word == "only":
        return False
    return not word.endswith(("ed", "ly"))


_MORE = re.compile(
    r"\s(?:and|with|next|beside|above|below|under|over|in|on|at|by|is|are|as|made|written|spelled|for|from|around|behind|"
    r"surrounded|using|between|formed|drawn|painted|where|through)\s(?=[^A-Z])"
)


def _one_word_end(reading: Reading, start: int) -> int:
    """Where a text behind "the word" ends: before the first small word that leads on, capitalised words aside."""
    end = end_of_text(reading, start)
    more = _MORE.search(reading.prompt, start, end)
    return more.start() if more else end


def _further(reading: Reading, pattern: re.Pattern[str], item: Item) -> list[Item]:
    """ "It says Yard Sale at the top, then Saturday 9 AM, then 12 Maple Street"."""
    found: list[Item] = []
    listed = pattern is _WORDS and re.search(r":\s*$", reading.prompt[: item.start]) is not None
    while pattern is _SAYS or listed:
        clause = _CLAUSE.match(reading.masked, item.end) if listed else None
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


_FOR_WHOM = re.compile(
    r"\b(?:logo|poster|sign|flyer|flier|banner|label|ticket|menu|cover|card|leaflet|storefront|packaging|brochure)\s+for\b"
)
_KIN = frozenset(
    "son daughter niece nephew grandson granddaughter friend brother sister boy girl baby mum mom dad aunt uncle "
    "cousin wife husband partner colleague boss neighbour neighbor teacher grandma grandpa pet puppy kitten hamster "
    "pony".split()
)


def _names(masked: str, match: re.Match[str]) -> bool:
    """Whether what is "called" something has its name written: a company or a document, not a pet."""
    lead = re.sub(r"(?:,|\s(?:is|are|was|it's|it is|which is))\s*$", "", masked[: match.start()])
    before = _word_before(lead, len(lead))
    sentence = re.split(r"[.!?]\s|\n", lead)[-1]
    thing = default_lexicon().get(before)
    alive = thing is not None and thing.group in ("animals & nature", "people & body")
    if _FOR_WHOM.search(sentence) and not alive and before not in _KIN:
        return True
    if before in ORGANISATIONS or before in DOCUMENT_HEADS or before in PANELS or before in _BEARERS:
        return True
    return thing is not None and thing.group in ("travel & places", "objects")
