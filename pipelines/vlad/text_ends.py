"""Where a text without quotes ends, once it is known where it begins.

It ends where the line, the sentence or the clause ends (full stop, comma, semicolon, bracket), or where the prompt goes
back to describing the picture: "on a ...", "in a ...", "with a ...", "in red letters", "at the top", "and a <thing>",
"and has ...", "with hammer and saw", "featuring ...". "on the" and "in the" stay in the text ("party on the beach"). A
text that begins in capitals ends with the capitals ("reads 24 HOURS on a wall"); one in Title Case is not ended by a
capitalised word ("says Love Is In A Cup"); a price ends with the price ("$5 each").
"""

from __future__ import annotations

import re

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import (
    AMBIGUOUS_OBJECTS,
    COLOUR_RGB,
    COLOUR_THINGS,
    FONT_WORDS,
    NUMBERS,
    PANELS,
    TEXT_NOUNS,
)
from pipelines.vlad.reading import MARK, Reading

MOST_WORDS = 16  # of a text
# Capitalised words with small ones between them: "Love Is In A Cup", "Bank of Oak".
TITLE_RUN = re.compile(
    r"[A-ZÀ-Þ0-9][\w'’.&-]*(?:\s+(?:(?:and|of|the|in|on|for|from|a|to|at|with|&|de|la|du)\s+){0,2}"
    r"(?:[A-ZÀ-Þ]\.(?=\s+[A-ZÀ-Þ])|\d{1,2}[:.]\d\d(?!\d)|[A-ZÀ-Þ0-9][\w'’&-]*))*[!?]?"
)
_TIMES = (
    "dozen|cup|piece|pound|kilo|slice|bag|glass|box|bunch|jar|loaf|bottle|punnet|scoop|ticket|plate|portion|pint|"
    "day|night|month|year"
)
PER_PIECE = rf"(?: (?:off|each|only|or less|and up|per \w+|an? (?:{_TIMES}))\b)?"
_PRICE = re.compile(rf"(?:only )?[$€£]\s?\d[\d,]*(?:\.\d+)?{PER_PIECE}")

_COUNT = "|".join(sorted((w for w in NUMBERS if w not in ("lots", "both", "single")), key=len, reverse=True)) + r"|\d+"
_COLOUR = "|".join(sorted(map(re.escape, COLOUR_RGB), key=len, reverse=True))
_FONT = "|".join(sorted((re.escape(w) for w in FONT_WORDS if w != "fat"), key=len, reverse=True))
_SPOT = r"(?:top|bottom|left|right|centre|center|middle|front|back|side|cover|upper|lower|corner|background|foreground)"
_STOP = re.compile(
    rf"(?:on\s+(?:it|them|its|top|an?|{_COUNT}|wood|wooden|paper|(?:{_COLOUR})|the\s+(?:\w+\s+)?{_SPOT})\b"
    rf"|in\s+(?:an?|the\s+(?:\w+\s+)?{_SPOT}|(?:all\s+)?(?:big|large|huge|small|bold|capital|capitals|caps|neon|glowing|"
    rf"cursive|{_FONT}|{_COLOUR}))\b"
    rf"|with\s+(?:an?|{_COUNT}|no|the\s+(?:{TEXT_NOUNS})|(?:{_COLOUR})|(?:big|large|bold)|(?:{TEXT_NOUNS}))\b"
    rf"|(?:and|with|plus)\s+(?:an?\s+)?(?:picture|image|drawing|photo|illustration|icon|symbol)\b"
    rf"|and\s+(?:(?:it\s+)?(?:has|shows|features|includes|contains)|(?:put|add|draw|include|place|show|feature|have)\s+(?:an?|some|{_COUNT}))\b"
    rf"|and\s+(?:an?|{_COUNT})\s+(?:(?:big|large|small|little|tiny|huge|giant)|{_COLOUR})\b"
    r"|and\s+(?:in\s+)?(?:smaller|(?:below|under|underneath|beneath|above)\s+(?:it|that|this)|underneath|beneath)\b"
    r"|(?:below|underneath|beneath|above)(?=\s*(?:$|[,.;\n]))"
    r"|around\s+(?:it|them)\b|on\s+(?:both|each|either|all)\s+sides?\b|(?:and\s+)?with\s+(?:it|them)\b|w/\s|listing\b"
    r"|spell?ed\s+out\b"
    rf"|and\s+(?:it|the\s+(?:text|words?|line|title|background|other|one|second|next))\b|in\s+letters\b"
    r"|(?:featuring|showing|surrounded\s+by|depicting|decorated\s+with|made\s+(?:of|from)|underneath|alongside)\b"
    r"|(?:next\s+to|in\s+front\s+of|beside|above|below|under|over|against|near|behind|inside)\s+(?:an?|two|three|it)\b"
    r"|(?:next\s+to|in\s+front\s+of|beside|above|below|beneath|underneath)\s+the\b"
    r"|for\s+an?\b"
    rf"|(?:at|to|in|near|along|across)\s+the\s+(?:very\s+)?(?:\w+\s+)?{_SPOT}\b"
    r"|on\s+the\s+(?:first|second|third|fourth|next|last)(?:\s+(?:line|row)\b|(?=\s*(?:$|[,.;\n]|and\b)))|on\s+its\s+own\s+line\b"
    r"|as\s+(?:the|its)\s+(?:\w+\s+)?(?:name|title|headline|heading|slogan|tagline|motto)\b"
    r"|and\s+(?:(?:i|we)\s+(?:want|need|would|would\s+like)|i'd|we'd|there(?:'s|\s+is|\s+are)|then|also|uh|um)\b"
    r"|(?:wearing|holding|riding|standing|sitting|flying)\b"
    r"|up\s+top\b"
    rf"|(?:written|printed|painted|lettered|engraved|embroidered|shown|displayed)\s+(?:on|in|across|at|above|below|over|out|under|"
    rf"underneath|beneath|inside)\b"
    r"|(?:must|should|ha(?:s|ve)\s+to|needs?\s+to)\s+(?:be|stand|go|appear)\s+(?:very|really|as|big|large|huge|small|bold|"
    r"in|at|on|under|above|below|near|centred|centered|readable|visible|legible|written|printed|clearly|easy)\b"
    r"|(?:goes?|stands?|sits?)\s+(?:to|at|in|across|along|below|under|above)\s+(?:the|it|them|that)\b"
    rf"|in\s+{MARK}|{MARK})"
)
_AND_THING = re.compile(rf"(?:and|with|plus)\s+(?:(the|{_COUNT})\s+)?")
_WORD = re.compile(r"\S+")
_BREAK = re.compile(
    r"[,;()\[\]\n|{}]|\s[-–—]\s|[.:](?=\s|$)|[.!?]+(?=\s+(?:the|it|with|make|use|on|add|there|background|under|below|please|"
    r"and (?:under|below|above|an?|the))\b)"
)
_ABBREVIATION = re.compile(r"(?:\b(?:est|no|vol|mr|mrs|ms|dr|st|vs|co|inc|ltd|jr|sr|feat|ft)|\b[a-z]|\d)\.$")


def end_of_text(reading: Reading, start: int) -> int:
    """Where the text that begins at `start` ends."""
    prompt, masked = reading.prompt, reading.masked
    line_end = masked.find("\n", start)
    line_end = len(masked) if line_end < 0 else line_end
    price = _PRICE.match(masked, start)
    if price:
        return price.end()
    capitals = capitals_end(prompt, start, line_end)
    if capitals:
        return capitals
    title = prompt[start : start + 1].isupper() and not prompt.isupper()
    position, words = start, 0
    while position < line_end:
        if words and (_stops(reading, position, title) or _title_ends(reading, start, position)):
            return position
        gap = _WORD.match(masked, position)
        if gap is None or words >= MOST_WORDS:
            return position
        ended = _broken(masked, gap.start(), min(gap.end(), line_end))
        if ended is not None and (words or ended > gap.start()):
            return ended
        words += 1
        position = gap.end()
        if title and prompt[position - 1] in "!?" and prompt[position : position + 2].strip().islower():
            return position
        while position < line_end and masked[position] == " ":
            position += 1
        if (
            position < line_end
            and re.match(r"[-–—]\s", masked[position:])
            and not (title and _GOES_ON.match(prompt, position))
        ):
            return position
    return line_end


def capitals_end(prompt: str, start: int, line_end: int) -> int | None:
    """End of the run of capitalised words a text begins with, None when it does not begin with one."""
    if prompt.isupper():
        return None
    end, seen = start, False
    for match in _WORD.finditer(prompt, start, line_end):
        word = match.group()
        if any(c.islower() for c in word) or MARK in word:
            break
        letters = sum(c.isupper() for c in word)
        if not letters and not any(c.isdigit() for c in word) and word not in ("&", "+", "-", "/"):
            break
        seen = seen or letters > 1
        end = match.end()
        if word[-1] in ",;.)" and not re.fullmatch(r"(?:[A-Z]\.)+", word):
            break
    return end if seen else None


def _broken(masked: str, start: int, end: int) -> int | None:
    """Where punctuation inside or after the word masked[start:end] ends the text, or None."""
    if MARK in masked[start:end]:
        return masked.index(MARK, start)
    for match in _BREAK.finditer(masked, start, min(len(masked), end + 12)):
        if match.start() >= end:
            break
        if match.group() == "." and _ABBREVIATION.search(masked[start : match.end()]) and match.end() < len(masked):
            continue
        return match.end() if match.group()[0] in "!?" else match.start()
    return None


def _stops(reading: Reading, position: int, title: bool) -> bool:
    """Whether the prompt describes the picture again from here."""
    if title and reading.prompt[position].isupper():
        return False
    return bool(_STOP.match(reading.masked, position)) or _thing_follows(reading, position)


def _title_ends(reading: Reading, start: int, position: int) -> bool:
    """Whether "and a <small letters>" follows words in Title Case: "Science Night | and an atom"."""
    run = TITLE_RUN.fullmatch(reading.prompt[start:position].rstrip())
    return bool(run and " " in run.group() and _AND_SMALL.match(reading.prompt, position))


_AND_SMALL = re.compile(rf"and\s+(?:an?|{_COUNT})\s+[a-z]")
_GOES_ON = re.compile(r"[-–—]\s[A-ZÀ-Þ][\w'’]*\s+(?:(?:the|of|on|in|to|your)\s+)?[A-ZÀ-Þ]")
_SOLID = ("objects", "animals & nature")
_LOOSE = frozenset(
    "vegetables fruits fruit flowers leaves berries feathers bubbles animals birds snacks toys tools".split()
)
_BARE_END = re.compile(r"\s*(?:$|[,.;!\n]|(?:and|in|on|at|behind|below|above|under|around|next)\b)")


def _bare_thing(reading: Reading, i: int) -> bool:
    """Whether "with" before word i begins a description: one known solid thing without an article closes its clause."""
    words = [w.text for w in reading.words]
    found = default_lexicon().longest(words, i) if i < len(words) else None
    if i < len(words) and words[i] in _LOOSE:
        return bool(_BARE_END.match(reading.masked, reading.words[i].end))
    if not found or found[1].group not in _SOLID or words[i] in AMBIGUOUS_OBJECTS or words[i] in COLOUR_THINGS:
        return False
    return bool(_BARE_END.match(reading.masked, reading.words[i + found[0] - 1].end))


def _thing_follows(reading: Reading, position: int) -> bool:
    """ "and a cat", "with balloons", "with hammer and saw": a thing the models know, with an article where "and" is."""
    match = _AND_THING.match(reading.masked, position)
    if not match:
        return False
    i = reading.index_at(match.end())
    words = [w.text for w in reading.words]
    lexicon = default_lexicon()
    counted = match.group(1)
    if match.group().startswith("with") and not counted and _bare_thing(reading, i):
        return True
    for skip in range(3 if counted else 1):
        found = lexicon.longest(words, i + skip) if i + skip < len(words) else None
        if found:
            name = found[1]
            with_plural = match.group().startswith("with") and name.plural
            return (
                bool(counted and counted != "the")
                or name.mass
                or with_plural
                or (counted == "the" and name.object in ("sun", "full moon", "Milky Way"))
            )
    return bool(counted and counted not in ("the", "some", "many", "few")) and i < len(words) and words[i] in PANELS
