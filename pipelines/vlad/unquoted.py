"""Texts that a prompt asks for without quoting them ("a cake that says happy birthday").

A text begins after a trigger. It ends where the line, the sentence or the clause ends (full stop, comma, semicolon,
bracket), or where the prompt goes back to describing the picture: "on a ...", "in a ...", "with a ...", "in red
letters", "at the top", "and a <thing>", "featuring ...". "on the" and "in the" stay in the text ("party on the
beach"). A text that begins in capitals ends with the capitals ("reads 24 HOURS on a wall"); one in Title Case is
not ended by a capitalised word ("says Love Is In A Cup").

Without a trigger, how a text is written tells it: words in capitals among small ones ("a HELP WANTED sign"), figures
after "the number", a letter after "the letter", prices, dates, codes, lists behind a colon ("a note: milk, bread"),
capitalised words behind "label", "name" and the like or before the word for the picture ("Keep Calm poster"). Where
nothing else says what to write, a greeting before that word does ("get well soon card").
"""

from __future__ import annotations

import re

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import (
    COLOUR_RGB,
    DOCUMENT_HEADS,
    FONT_WORDS,
    NUMBERS,
    ORGANISATIONS,
    PANELS,
    PATTERNS,
    PLACES,
    TEXT_NOUNS,
)
from pipelines.vlad.reading import MARK, Item, Reading

MOST_WORDS = 16
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
    r"\b(?:with|has|have|having)\s+((?:[^\s,.;:\x01]+\s+){0,7}?[^\s,.;:\x01]+)\s+(?:written|printed|painted|lettered|spelled|spelt|engraved|"
    r"embroidered|carved|inscribed|iced|stitched|stamped|stencill?ed|etched|burned|typed)(?=\s+(?:on|in|across|at|above|below|over|out|onto|along)\b|\s*$)"
)
_TIMES = "dozen|cup|piece|pound|kilo|slice|bag|glass|day|night|month|year"
_PER = rf"(?: (?:off|each|only|or less|and up|per \w+|an? (?:{_TIMES}))\b)?"
_NUMERAL = r"[A-Z](?:\.[A-Z])+\.?|[A-Z0-9]{2,}(?:[.&/-][A-Z0-9]+)*|\d[\d.,:/-]*\d|\d|[A-Z]"
_FIGURES = re.compile(
    r"\b(?:the\s+)?(?:letters?|numbers?|numerals?|digits?|initials|monogram|figures?|year|score|price)\s+"
    rf"((?:[$€£]\s?)?(?:{_NUMERAL})[¢€%]?)(?![\w'’]|\.\d)"
)
_BARE_FIGURES = re.compile(
    rf"(?<![\w$€£.])(?:[$€£]\s?\d[\d,]*(?:\.\d+)?{_PER}|" r"\d{1,2}([./])\d{1,2}\1(?:\d{4}|\d\d))(?![\w%]|\.\d)"
)
_CODES = re.compile(
    r"(?<![\w-])(?:[A-Z]{1,4}[ -]?\d{2,4}(?:-?\d?[A-Z]{1,3})?|[A-Z]{1,3}\d-\d{2}[A-Z]|[Ee]st\.?\s+\d{4})(?![\w-]|\s?%)"
)
_SHOWING = re.compile(r"\bshowing\s+(\d[\d\s+×x*/=.:-]*)(?=$|[,.;!]|\s(?:in|on|at|and)\b)")
_CAPITAL = re.compile(r"\b(?:capital|small|lower-?case|upper-?case|block)\s+([A-Za-z])(?![\w'’])")
_PRICE = re.compile(rf"(?:only )?[$€£]\s?\d[\d,]*(?:\.\d+)?{_PER}")
_NTH_LINE = re.compile(
    r"\b(?:first|second|third|fourth|fifth|1st|2nd|3rd|4th|next|last|top|bottom) line:?\s+([^\n,.;\x01]+)",
    re.IGNORECASE,
)
_SINGLE = re.compile(r"(?<![\w'’])[A-Z](?:,\s?(?:and\s)?[A-Z])+(?![\w'’])")  # "L, U, C and K"
_YEAR = re.compile(r"\b(?:poster|card|calendar|party|year|eve|festival|flyer)\s+((?:19|20)\d\d)\b")
_FOR_NAME = re.compile(
    r"\b(?:sign|logo|storefront|shop front|ticket|label|menu|banner|business card|badge|flyer)\s+for\s+(?:the\s+)?"
    r"(?=[A-Z][\w'’]*\s+[A-Z&])"
)
_HEADED = re.compile(
    r"\b(?:(?:band |brand |company |place )?name|label|title|subtitle|tagline|headline|heading|caption|slogan|motto|"
    r"month|dates?|author|band|text (?:on|at) (?:the )?(?:top|bottom|left|right|middle|front|back|side))(?: is|:)?\s+"
    r"(?=[A-ZÀ-Þ][\w'’])"
)
_TITLE_RUN = re.compile(
    r"[A-ZÀ-Þ0-9][\w'’.&-]*(?:\s+(?:(?:and|of|the|in|on|for|a|to|at|with|&|de|la)\s+){0,2}[A-ZÀ-Þ0-9][\w'’&-]*)*[!?]?"
)
_WITH_TITLE = re.compile(
    r"\bwith\s+(?=(?:[A-Z][\w'’]*\s+){1,6}[A-Z][\w'’!?]*\s+(?:at|on|in|across|along|over|above|below)\s+(?:the|it|top|a|an)\b)"
)
_LISTED = re.compile(r"\s*,\s*(?:and\s+)?(?=[A-Z0-9][^,.]*[,.])")
_THEN = re.compile(r"\s*,\s*(?:and\s+)?then\s+(?=[A-Z0-9])")
_CAPITALS = re.compile(
    r"(?<![\w'’])(?:\d+\s)?[A-Z][A-Z'’-]*[A-Z](?:(?:\s|\s?&\s?|,\s)(?:[A-Z][A-Z'’-]*[A-Z]|\d[\d:.%]*|A|I))*[!?]?(?![\w'’])"
)
# In capitals for another reason: abbreviations and stress.
_NO_TEXT_IN_CAPITALS = frozenset(
    "USA UK US UFO TV DIY DJ PC CD DVD HD UHD HDR LED RGB NASA BBQ CEO VIP XL XXL AI VR AR DNA USB ATM SUV PNG JPG "
    "JPEG SVG GIF PDF CMYK ASCII UTF QR URL FAQ ISO IT AND OR BUT WITH THE OF IN ON AT TO FOR NO NOT VERY REALLY SO "
    "ALL ANY ONLY BIG HUGE LARGE SMALL TINY BOLD PLEASE MUST SHOULD NEVER ALWAYS EXACTLY JUST MAKE DRAW POSTER LOGO "
    "SIGN CARD TEXT TITLE BACKGROUND STYLE RED BLUE GREEN YELLOW BLACK WHITE".split()
)
LEAST_CAPITALS = 4  # letters of a single word in capitals that is a text
_AUTHOR = re.compile(r"[\s,]*\bby\s+((?:[A-Z][\w.’'-]*\s?){1,4})")

_COUNT = "|".join(sorted((w for w in NUMBERS if w not in ("lots", "both", "single")), key=len, reverse=True)) + r"|\d+"
_COLOUR = "|".join(sorted(map(re.escape, COLOUR_RGB), key=len, reverse=True))
_FONT = "|".join(sorted((re.escape(w) for w in FONT_WORDS if w != "fat"), key=len, reverse=True))
_SPOT = r"(?:top|bottom|left|right|centre|center|middle|front|back|side|cover|upper|lower|corner|background|foreground)"
_STOP = re.compile(
    rf"(?:on\s+(?:it|them|its|top|an?|{_COUNT}|wood|wooden|paper|(?:{_COLOUR})|the\s+(?:\w+\s+)?{_SPOT})\b"
    rf"|in\s+(?:an?|the\s+(?:\w+\s+)?{_SPOT}|(?:all\s+)?(?:big|large|huge|small|bold|capital|capitals|caps|neon|glowing|"
    rf"cursive|{_FONT}|{_COLOUR}))\b"
    rf"|with\s+(?:an?|{_COUNT}|no|the\s+(?:{TEXT_NOUNS})|(?:{_COLOUR})|(?:big|large|bold)|(?:{TEXT_NOUNS}))\b"
    rf"|and\s+(?:an?\s+)?(?:picture|image|drawing|photo|illustration|icon|symbol)\b"
    r"|spell?ed\s+out\b"
    rf"|and\s+(?:it|the\s+(?:text|words?|line|title|background|other|one|second|next))\b|in\s+letters\b"
    r"|(?:featuring|showing|surrounded\s+by|depicting|decorated\s+with|made\s+(?:of|from)|underneath|alongside)\b"
    r"|(?:next\s+to|in\s+front\s+of|beside|above|below|under|over|against|near|behind|inside)\s+(?:an?|two|three|it)\b"
    r"|(?:next\s+to|in\s+front\s+of|beside|above|below|beneath|underneath)\s+the\b"
    r"|for\s+an?\b"
    rf"|(?:at|to|in|near|along)\s+the\s+(?:very\s+)?(?:\w+\s+)?{_SPOT}\b"
    r"|(?:wearing|holding|riding|standing|sitting|flying)\b"
    r"|up\s+top\b"
    rf"|(?:written|printed|painted|lettered|engraved|embroidered)\s+(?:on|in|across|at|above|below|over|out|under|"
    rf"underneath|beneath|inside)\b"
    rf"|in\s+{MARK}|{MARK})"
)
_AND_THING = re.compile(rf"(?:and|with|plus)\s+(?:(the|{_COUNT})\s+)?")
_BREAK = re.compile(
    r"[,;()\[\]\n|{}]|\s[-–—]\s|[.:](?=\s|$)|[.!?]+(?=\s+(?:the|it|with|make|use|on|add|there|background)\b)"
)
_ABBREVIATION = re.compile(r"(?:\b(?:est|no|vol|mr|mrs|ms|dr|st|vs|co|inc|ltd|jr|sr|feat|ft)|\b[a-z]|\d)\.$")
_NOT_TEXT = frozenset(
    "on in at with by for from above below of and or to is are was should must would will can that which this it "
    "that's about like as says say saying reads read reading said written shown goes using inside under over next "
    "near beside".split()
)
_READABLE = frozenset(
    "book books newspaper magazine letter map menu story novel paper comic bible script quietly".split()
)
_ARTICLE = re.compile(r"(?:an?|the|his|her|its|their|some|two|three|my|your)\s+")


def find_unquoted(reading: Reading) -> list[Item]:
    """Texts after triggers; the words of each, with the trigger, are claimed in the reading."""
    quoted = MARK in reading.masked
    found = _listed(reading)
    named: list[Item] = []
    for pattern in (_NTH_LINE, _FIGURES, _SHOWING, _CAPITAL, _YEAR):
        _told_by_form(reading, pattern, found)
    for pattern in (_WRITTEN, _SAYS, _READS, _NAMED, _WORDS, _WRITE, _COLON):
        position = 0
        while match := pattern.search(reading.masked, position):
            position = max(match.end(), position + 1)
            item = _written(reading, match) if pattern is _WRITTEN else _after(reading, pattern, match)
            if item:
                reading.take(item.start, item.end, mask=True)
                found.append(item)
                named += [item] if pattern is _NAMED else []
                found += _further(reading, pattern, item)
    led = bool(found) and not all(re.fullmatch(r"[\W\d]+", item.text) for item in found)
    for pattern in (_HEADED, _WITH_TITLE, _FOR_NAME, _CAPITALS, _CODES, _BARE_FIGURES):
        _told_by_form(reading, pattern, found)
    told = " ".join(item.text.lower() for item in found if item not in named)
    found = [
        item for item in found if item not in named or item.text.lower() not in told
    ]  # "called Oak, ... VISIT OAK"
    found += _initials(reading)
    if not led and not quoted:
        found += _titled(reading) or _greeting(reading)
    return found


def _initials(reading: Reading) -> list[Item]:
    """ "four flags with the letters L, U, C and K": each a text."""
    found = []
    for match in _SINGLE.finditer(reading.prompt):
        if MARK in reading.masked[slice(*match.span())]:
            continue
        letters = re.finditer(r"[A-Z]", match.group())
        found += [Item("text", m.group(), match.start() + m.start(), match.start() + m.end()) for m in letters]
        reading.take(*match.span(), mask=True)
    return found


_LISTS = re.compile(r"\b(?:lines|items|list|menu|note|board|entries|points|options)\s?:\s*")
_PIECE = re.compile(r"[^,\n.;:]+(?:\.\d+)?")


def _listed(reading: Reading) -> list[Item]:
    """ "a note: milk, bread, 6 eggs", "a board with three lines:" and the lines below."""
    match = _LISTS.search(reading.masked)
    if match is None:
        return []
    ends = re.compile(r"\n\s*\n|\.(?=\s|$)").search(reading.masked, match.end())
    end = ends.start() if ends else len(reading.masked)
    if MARK in reading.masked[match.start() : end]:
        return []
    further = re.compile(r"\n\s*and an?\b").search(reading.masked, match.end(), end)
    end = further.start() if further else end
    pieces = [m for m in _PIECE.finditer(reading.prompt, match.end(), end) if m.group().strip()]
    if len(pieces) < 2 or any(len(m.group().split()) > 5 for m in pieces):
        return []
    found = []
    for m in pieces:
        text = m.group().strip()
        text = text.removeprefix("and ") if m is pieces[-1] else text
        start = reading.prompt.index(text, m.start())
        found.append(Item("text", text, start, start + len(text)))
        reading.take(m.start(), m.end(), mask=True)
    return found


_OPENS = re.compile(rf"^({_TITLE_RUN.pattern})\s+([a-z]+)")
_SEGMENT = re.compile(rf"(?:^|,\s*)({_TITLE_RUN.pattern})(?=\s*,)")


def _titled(reading: Reading) -> list[Item]:
    """ "Keep Calm poster", "Pizzeria Lucia, logo": capitalised words before the word for the picture, or alone."""
    prompt = reading.prompt
    if not any(w.text in DOCUMENT_HEADS or w.text in PANELS for w in reading.words):
        return []
    opens = _OPENS.match(prompt)
    named = opens and (opens.group(2) in DOCUMENT_HEADS or opens.group(2) in PANELS or opens.group(2) == "greeting")
    for match in [opens] if opens and named else list(_SEGMENT.finditer(prompt))[:1]:
        if MARK in reading.masked[slice(*match.span(1))]:
            continue
        words = match.group(1).split()
        plain = [w.lower() for w in words]
        looks = all(w in COLOUR_RGB or w in PATTERNS or w in FONT_WORDS or w in _LOOKS for w in plain)
        known = default_lexicon().get(" ".join(plain)) is not None or any(w in DOCUMENT_HEADS for w in plain)
        if len(words) > 1 and sum(w[0].isupper() for w in words) > 1 and not looks and not known:
            reading.take(match.start(1), match.end(1), mask=True)
            return [Item("text", match.group(1), *match.span(1))]
    return []


_LOOKS = frozenset("vintage retro modern minimalist classic art deco travel movie old simple".split())
_GREETING = re.compile(
    r"\b(get well soon|thank you|happy birthday|happy anniversary|happy new year|merry christmas|happy easter|"
    r"happy halloween|happy holidays|good luck|good morning|good night|congratulations|welcome home|i love you|"
    r"save the date)\s+(?:card|poster|banner|sign|greeting|message|postcard|sticker|note|invitation|balloon|flyer)\b"
)
_WORDLESS = re.compile(r"\b(?:no|without(?: any)?)\s+(?:text|words|letters|lettering|writing)\b")


def _greeting(reading: Reading) -> list[Item]:
    """ "a get well soon card": what such a card says, each word with a capital unless the prompt has it so."""
    match = _GREETING.search(reading.masked)
    if match is None or _WORDLESS.search(reading.masked):
        return []
    told = reading.prompt[slice(*match.span(1))]
    return [Item("text", told.title() if told.islower() or told[1:].islower() else told, *match.span(1))]


def _further(reading: Reading, pattern: re.Pattern[str], item: Item) -> list[Item]:
    """ "It says Yard Sale at the top, then Saturday 9 AM, then 12 Maple Street"."""
    found: list[Item] = []
    listed = pattern is _WORDS and re.search(r":\s*$", reading.prompt[: item.start]) is not None
    while pattern is _SAYS or listed:
        clause = re.compile(r"[^,.;\n\x01]*").match(reading.masked, item.end)
        link = _LISTED if listed else _THEN
        then = link.match(reading.prompt, clause.end() if clause else item.end)
        if then is None or MARK in reading.masked[then.start() : then.end() + 1]:
            break
        end = _end_of_text(reading, then.end())
        text = reading.prompt[then.end() : end].rstrip(" ,;:.-")
        if not text:
            break
        item = Item("text", text, then.end(), then.end() + len(text))
        reading.take(item.start, item.end, mask=True)
        found.append(item)
    return found


_INNER = (_FIGURES, _SHOWING, _CAPITAL, _NTH_LINE, _YEAR)


def _told_by_form(reading: Reading, pattern: re.Pattern[str], found: list[Item]) -> None:
    """Texts that are told by how they are written; what leads to them is claimed, too."""
    for match in pattern.finditer(reading.prompt):
        if MARK in reading.masked[match.start() : match.end()]:
            continue
        start, end = match.span(1 if pattern in _INNER else 0)
        if pattern in (_HEADED, _WITH_TITLE, _FOR_NAME):
            run = _TITLE_RUN.match(reading.prompt, match.end())
            thing = run is not None and default_lexicon().get(run.group().lower()) is not None
            if run is None or thing or MARK in reading.masked[run.start() : run.end()]:
                continue
            start, end = run.span()
        if pattern is _CODES and reading.prompt.isupper():
            continue
        if pattern is _CAPITALS and not _shouted(reading.prompt, match.group()):
            continue
        text = reading.prompt[start:end].rstrip(" ,;:-")
        text = text if re.fullmatch(r"(?:[A-Z]\.)+", text) else text.rstrip(".")
        reading.take(match.start(), start + len(text), mask=True)
        found.append(Item("text", text, start, start + len(text)))


def _shouted(prompt: str, run: str) -> bool:
    """Whether a run of capitals is lettering: the rest of the prompt is in small letters, and it is no abbreviation."""
    small, large = sum(c.islower() for c in prompt), sum(c.isupper() for c in prompt)
    words = [w for w in re.findall(r"[A-Z]+", run) if w not in _NO_TEXT_IN_CAPITALS]
    return small > large and bool(words) and (max(map(len, words)) >= LEAST_CAPITALS or len(words) > 1)


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
    end = _end_of_text(reading, start)
    run = _TITLE_RUN.match(reading.prompt, start, end) if pattern is _NAMED else None
    end = run.end() if run else end
    text = reading.prompt[start:end].rstrip(" ,;:.-")
    return Item("text", text, start, start + len(text)) if re.search(r"\w", text) else None


def _word_before(masked: str, position: int) -> str:
    found = re.search(rf"([\w']+|{MARK})\s*[\"'”’»]?\s*$", masked[max(0, position - 60) : position])
    return found.group(1) if found else ""


def _carries_text(word: str) -> bool:
    """Whether a noun is something that text stands on: a sign, a poster, letters, a mug, but not a person or animal."""
    single = word[:-1] if word.endswith("s") else word
    if word in (
        "it",
        "that",
        "which",
        "text",
        "texts",
        "letters",
        "lettering",
        "words",
        "bubble",
        "caption",
        "title",
        "cover",
    ):
        return True
    if {word, single} & DOCUMENT_HEADS or word in PANELS or single in PANELS:
        return True
    if word in ("headline", "slogan", "front", "back", "case", "box", "design", "one", "board", "print", "tattoo"):
        return True
    if word in ("background", "backdrop") or word in PATTERNS or word in PLACES:
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


_BEARERS = frozenset(
    "its it's it town city village island truck van boat salon stand street station label place".split()
)


def _heads(reading: Reading, match: re.Match[str]) -> bool:
    """Whether what follows a colon is lettering: capitals behind a panel or document ("sticker: 50% OFF")."""
    noun = match.group(1)
    line_end = reading.masked.find("\n", match.end())
    end = len(reading.masked) if line_end < 0 else line_end
    carries = noun in PANELS or noun in DOCUMENT_HEADS
    clause = re.split(r"[,.;:\n]", reading.masked[: match.start(1)])[-1]
    stands = re.search(r"\b(?:sign|label|board|banner|note|card|plaque|placard|sticker)\b", clause) is not None
    run = _TITLE_RUN.match(reading.prompt, match.end(), end)
    title = run is not None and " " in run.group() and sum(w[0].isupper() for w in run.group().split()) > 1
    capitals = _capitals_end(reading.prompt, match.end(), end) is not None
    return (carries and (capitals or title)) or (stands and title)


def _end_of_text(reading: Reading, start: int) -> int:
    """Where the text that begins at `start` ends."""
    prompt, masked = reading.prompt, reading.masked
    line_end = masked.find("\n", start)
    line_end = len(masked) if line_end < 0 else line_end
    price = _PRICE.match(masked, start)
    if price:
        return price.end()
    capitals = _capitals_end(prompt, start, line_end)
    if capitals:
        return capitals
    title = prompt[start : start + 1].isupper() and not prompt.isupper()
    position, words = start, 0
    while position < line_end:
        if words and _stops(reading, position, title):
            return position
        gap = re.compile(r"\S+").match(masked, position)
        if gap is None or words >= MOST_WORDS:
            return position
        ended = _broken(masked, gap.start(), min(gap.end(), line_end))
        if ended is not None and (words or ended > gap.start()):
            return ended
        words += 1
        position = gap.end()
        while position < line_end and masked[position] == " ":
            position += 1
        if position < line_end and re.match(r"[-–—]\s", masked[position:]):
            return position
    return line_end


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


def _thing_follows(reading: Reading, position: int) -> bool:
    """ "and a cat", "with balloons": a counted or mass thing the models know, with an article where it takes one."""
    match = _AND_THING.match(reading.masked, position)
    if not match:
        return False
    i = reading.index_at(match.end())
    words = [w.text for w in reading.words]
    lexicon = default_lexicon()
    counted = match.group(1)
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


def _capitals_end(prompt: str, start: int, line_end: int) -> int | None:
    """End of the run of capitalised words a text begins with, None when it does not begin with one."""
    if prompt.isupper():
        return None
    end, seen, position = start, False, start
    for match in re.finditer(r"\S+", prompt[start:line_end]):
        word = match.group()
        if any(c.islower() for c in word) or MARK in word:
            break
        letters = sum(c.isupper() for c in word)
        if not letters and not any(c.isdigit() for c in word) and word not in ("&", "+", "-", "/"):
            break
        seen = seen or letters > 1
        end = start + match.end()
        position = end
        if word[-1] in ",;.)" and not re.fullmatch(r"(?:[A-Z]\.)+", word):
            break
    return position if seen and end > start else None
