"""Texts without quotes that are told by how they are written.

Words in capitals among small ones ("a HELP WANTED sign"), figures after "the number", a letter after "the letter",
prices, dates, codes, initials, lists behind a colon ("a note: milk, bread"), capitalised words behind "label", "name"
and the like or before the word for the picture ("Keep Calm poster"), and a greeting before that word ("get well soon
card"). All but the last claim the words of their texts in the reading, most of them with those that lead to them.
"""

from __future__ import annotations

import re

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import COLOUR_RGB, DOCUMENT_HEADS, FONT_WORDS, PANELS, PATTERNS
from pipelines.vlad.reading import MARK, Item, Reading
from pipelines.vlad.text_ends import PER_PIECE, TITLE_RUN

# Behind a word for it; the text is group 1.
_NTH_LINE = re.compile(
    r"\b(?:first|second|third|fourth|fifth|1st|2nd|3rd|4th|next|last|top|bottom) line:?\s+([^\n,.;\x01]+)",
    re.IGNORECASE,
)
_NUMERAL = r"[A-Z](?:\.[A-Z])+\.?|[A-Z0-9]{2,}(?:[.&/-][A-Z0-9]+)*|\d[\d.,:/-]*\d|\d|[A-Z]"
_FIGURES = re.compile(
    r"\b(?:the\s+)?(?:letters?|numbers?|numerals?|digits?|initials|monogram|figures?|year|score|price)\s+"
    rf"((?:[$€£]\s?)?(?:{_NUMERAL})[¢€%]?)(?![\w'’]|\.\d)"
)
_SHOWING = re.compile(r"\bshowing\s+(\d[\d\s+×x*/=.:-]*)(?=$|[,.;!]|\s(?:in|on|at|and)\b)")
_CAPITAL = re.compile(r"\b(?:capital|small|lower-?case|upper-?case|block)\s+([A-Za-z])(?![\w'’])")
_YEAR = re.compile(r"\b(?:poster|card|calendar|party|year|eve|festival|flyer)\s+((?:19|20)\d\d)\b")
_LED = (_NTH_LINE, _FIGURES, _SHOWING, _CAPITAL, _YEAR)

# Before capitalised words, which are the text.
_HEADED = re.compile(
    r"\b(?:(?:band |brand |company |place )?name|label|title|subtitle|tagline|headline|heading|caption|slogan|motto|"
    r"month|dates?|author|band|text (?:on|at) (?:the )?(?:top|bottom|left|right|middle|front|back|side))(?: is|:)?\s+"
    r"(?=[A-ZÀ-Þ][\w'’])"
)
_WITH_TITLE = re.compile(
    r"\bwith\s+(?=(?:[A-Z][\w'’]*\s+){1,6}[A-Z][\w'’!?]*\s+(?:at|on|in|across|along|over|above|below)\s+(?:the|it|top|a|an)\b)"
)
_FOR_NAME = re.compile(
    r"\b(?:sign|logo|storefront|shop front|ticket|label|menu|banner|business card|badge|flyer)\s+for\s+(?:the\s+)?"
    r"(?=[A-Z][\w'’]*\s+[A-Z&])"
)
_BEFORE_TITLE = (_HEADED, _WITH_TITLE, _FOR_NAME)

# Texts as a whole.
_CAPITALS = re.compile(
    r"(?<![\w'’])(?:\d+\s)?[A-Z][A-Z'’-]*[A-Z](?:(?:\s|\s?&\s?|,\s)(?:[A-Z][A-Z'’-]*[A-Z]|\d[\d:.%]*|A|I))*[!?]?(?![\w'’])"
)
_CODES = re.compile(
    r"(?<![\w-])(?:[A-Z]{1,4}[ -]?\d{2,4}(?:-?\d?[A-Z]{1,3})?|[A-Z]{1,3}\d-\d{2}[A-Z]|[Ee]st\.?\s+\d{4})(?![\w-]|\s?%)"
)
_BARE_FIGURES = re.compile(
    rf"(?<![\w$€£.])(?:[$€£]\s?\d[\d,]*(?:\.\d+)?{PER_PIECE}|" r"\d{1,2}([./])\d{1,2}\1(?:\d{4}|\d\d))(?![\w%]|\.\d)"
)
_WHOLE = (_CAPITALS, _CODES, _BARE_FIGURES)

# In capitals for another reason: abbreviations and stress.
_NO_TEXT_IN_CAPITALS = frozenset(
    "USA UK US UFO TV DIY DJ PC CD DVD HD UHD HDR LED RGB NASA BBQ CEO VIP XL XXL AI VR AR DNA USB ATM SUV PNG JPG "
    "JPEG SVG GIF PDF CMYK ASCII UTF QR URL FAQ ISO IT AND OR BUT WITH THE OF IN ON AT TO FOR NO NOT VERY REALLY SO "
    "ALL ANY ONLY BIG HUGE LARGE SMALL TINY BOLD PLEASE MUST SHOULD NEVER ALWAYS EXACTLY JUST MAKE DRAW POSTER LOGO "
    "SIGN CARD TEXT TITLE BACKGROUND STYLE RED BLUE GREEN YELLOW BLACK WHITE".split()
)
LEAST_CAPITALS = 4  # letters of a single word in capitals that is a text


def find_figures_and_lines(reading: Reading) -> list[Item]:
    """ "the number 7", "the letter B", "showing 9:41", "calendar 2026", "second line: ..."."""
    return [item for pattern in _LED for item in _of_form(reading, pattern)]


def find_lettering(reading: Reading) -> list[Item]:
    """ "label Old Mill", "with Summer Fair at the top", "sign for Joe's Diner", capitals, codes, prices and dates."""
    return [item for pattern in (*_BEFORE_TITLE, *_WHOLE) for item in _of_form(reading, pattern)]


def _of_form(reading: Reading, pattern: re.Pattern[str]) -> list[Item]:
    """The texts of one form; what leads to them is claimed, too."""
    found = []
    for match in pattern.finditer(reading.prompt):
        span = _text_of(reading, pattern, match)
        if span is None:
            continue
        start, end = span
        text = reading.prompt[start:end].rstrip(" ,;:-")
        text = text if re.fullmatch(r"(?:[A-Z]\.)+", text) else text.rstrip(".")
        reading.take(match.start(), start + len(text), mask=True)
        found.append(Item("text", text, start, start + len(text)))
    return found


def _text_of(reading: Reading, pattern: re.Pattern[str], match: re.Match[str]) -> tuple[int, int] | None:
    """[start, end) of the text a match tells of, None when it tells of none."""
    if MARK in reading.masked[match.start() : match.end()]:
        return None
    if pattern in _BEFORE_TITLE:
        run = TITLE_RUN.match(reading.prompt, match.end())
        thing = run is not None and default_lexicon().get(run.group().lower()) is not None
        return None if run is None or thing or MARK in reading.masked[run.start() : run.end()] else run.span()
    if pattern is _CODES and reading.prompt.isupper():
        return None
    if pattern is _CAPITALS and not _shouted(reading.prompt, match.group()):
        return None
    return match.span(1 if pattern in _LED else 0)


def _shouted(prompt: str, run: str) -> bool:
    """Whether a run of capitals is lettering: the rest of the prompt is in small letters, and it is no abbreviation."""
    small, large = sum(c.islower() for c in prompt), sum(c.isupper() for c in prompt)
    words = [w for w in re.findall(r"[A-Z]+", run) if w not in _NO_TEXT_IN_CAPITALS]
    return small > large and bool(words) and (max(map(len, words)) >= LEAST_CAPITALS or len(words) > 1)


_SINGLE = re.compile(r"(?<![\w'’])[A-Z](?:,\s?(?:and\s)?[A-Z])+(?![\w'’])")  # "L, U, C and K"


def find_initials(reading: Reading) -> list[Item]:
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
_LIST_ENDS = re.compile(r"\n\s*\n|\.(?=\s|$)")
_FURTHER_THING = re.compile(r"\n\s*and an?\b")


def find_listed(reading: Reading) -> list[Item]:
    """ "a note: milk, bread, 6 eggs", "a board with three lines:" and the lines below."""
    match = _LISTS.search(reading.masked)
    if match is None:
        return []
    ends = _LIST_ENDS.search(reading.masked, match.end())
    end = ends.start() if ends else len(reading.masked)
    if MARK in reading.masked[match.start() : end]:
        return []
    further = _FURTHER_THING.search(reading.masked, match.end(), end)
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


_OPENS = re.compile(rf"^({TITLE_RUN.pattern})\s+([a-z]+)")
_SEGMENT = re.compile(rf"(?:^|,\s*)({TITLE_RUN.pattern})(?=\s*,)")
_LOOKS = frozenset("vintage retro modern minimalist classic art deco travel movie old simple".split())


def find_title(reading: Reading) -> list[Item]:
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


_GREETING = re.compile(
    r"\b(get well soon|thank you|happy birthday|happy anniversary|happy new year|merry christmas|happy easter|"
    r"happy halloween|happy holidays|good luck|good morning|good night|congratulations|welcome home|i love you|"
    r"save the date)\s+(?:card|poster|banner|sign|greeting|message|postcard|sticker|note|invitation|balloon|flyer)\b"
)
_WORDLESS = re.compile(r"\b(?:no|without(?: any)?)\s+(?:text|words|letters|lettering|writing)\b")


def find_greeting(reading: Reading) -> list[Item]:
    """ "a get well soon card": what such a card says, each word with a capital unless the prompt has it so."""
    match = _GREETING.search(reading.masked)
    if match is None or _WORDLESS.search(reading.masked):
        return []
    told = reading.prompt[slice(*match.span(1))]
    return [Item("text", told.title() if told.islower() or told[1:].islower() else told, *match.span(1))]
