"""Texts without quotes that are told by how they are written.

Words in capitals among small ones ("a HELP WANTED sign"), figures after "the number", a letter after "the letter",
prices, dates, codes, initials, addresses of the web and telephone numbers, capitalised words behind "label", "name" and
the like or before the word for the picture ("Keep Calm poster"). Their words are claimed in the reading, most of them
with those that lead to them.
"""

from __future__ import annotations

import re

from pipelines.vlad.greetings import OCCASION
from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import (
    ABSTRACT_NOUNS,
    COLOUR_RGB,
    DOCUMENT_HEADS,
    FONT_WORDS,
    NUMBERS,
    PANELS,
    PATTERNS,
    STOP_WORDS,
    TEXT_NOUNS,
)
from pipelines.vlad.reading import LOOK_WORDS, MARK, Item, Reading
from pipelines.vlad.text_ends import PER_PIECE, TITLE_RUN, end_of_text

# Behind a word for it; the text is group 1.
_ENDS = r"(?<!\b[MD][rs])(?<!\bSt)(?<!\bMrs)(?=\s*(?:[.\n]|$))"  # not behind "Ms."
_SENTENCE = rf"(?-i:{TITLE_RUN.pattern}(?:,\s+{TITLE_RUN.pattern})*){_ENDS}"  # "Every Tuesday, Room 204."
_NTH_LINE = re.compile(
    r"(?<!on the )\b(?:first|second|third|fourth|fifth|1st|2nd|3rd|4th|next|last|top|bottom) line"
    r"(?::|\s(?:is|says|reads|(?:will|should|must|shall) (?:be|say|read)))?"
    rf"(?:(?<=:)\s+({_SENTENCE})|\s+([^\n,.;\x01]+(?:,\s\d[^\n,.;\x01]*(?:[ap]m|:\d\d))?))",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"(?:^|[.;,\n]\s*)(?:dates?|time|place|venue|where|when|address|location|price|phone|website|hours|"
    r"author|artist|speaker|host|guest|starring|director|teacher|instructor|chef|owner|organi[sz]er|band|team|company|"
    r"occupation|profession|job(?: title)?|position|role|department|room|issue|edition|e-?mail)\s?:\s+"
    rf"(?:(?=[A-Z0-9])({_SENTENCE})|((?-i:{TITLE_RUN.pattern})))",
    re.IGNORECASE,
)
_NUMERAL = r"[A-Z]\s?[&+]\s?[A-Z]|[A-Z](?:\.[A-Z])+\.?|[A-Z0-9]{2,}(?:[.&/-][A-Z0-9]+)*|\d[\d.,:/-]*\d|\d|[A-Z]"
_FIGURES = re.compile(
    r"(?<!\bat )\b(?:the\s+)?(?:letters?|(?:phone\s|telephone\s|mobile\s)?numbers?|numerals?|digits?|initials|"
    rf"monogram|figures?|(?<!new )year(?=\s\d{4})|score|rating|price)\s+"
    rf"((?:[$€£]\s?)?(?:{_NUMERAL})[¢€%]?)(?![\w'’]|\.\d|\s\d\d|,\s?[A-Z](?![\w'’])|\s(?:and|&)\s[A-Z](?![\w'’]))"
)
_ON_NTH_LINE = re.compile(  # "ticket, Lunar Tide on the first line, 8:30 PM on the third"
    r"(?:^|(?<=[,:;.\n] )|(?<=and ))(?!(?:An?|The|One|Two|Three|Put|Add|Write)\s[a-z])((?:\d|[A-ZÀ-Þ])(?:[^,;:.\n\x01]|"
    r":(?=\d)|(?<=[DM][rs])\.)*?)\s+on\s+the\s+(?:first|second|third|fourth|next|last)(?:\s+(?:line|row))?"
    r"(?=\s*(?:[,.;\n]|and\b|$))"
)
_SHOWING = re.compile(r"\bshowing\s+(\d[\d\s+×x*/=.:-]*)(?=$|[,.;!]|\s(?:in|on|at|and)\b)")
_CAPITAL = re.compile(r"\b(?:capital|small|lower-?case|upper-?case|block)\s+([A-Za-z])(?![\w'’])")
_YEAR = re.compile(r"\b(?:poster|card|calendar|party|(?<!new )year|eve|festival|flyer)\s+((?:19|20)\d\d)\b")
_IN_FIGURES = re.compile(
    r"(?:\b(?:with|and|has|have|showing)|,)\s+(?:just\s+|only\s+)?(?:the\s+)?(\d[\d.,:/-]*(?:[%°]|[A-Z]\b)?)\s+"
    r"(?:in\s+(?:an?\s+)?(?:[\w-]+\s+){0,4}(?:numbers|numerals|digits|figures|letters|lettering|font|type|script)"
    r"|(?:printed|written|painted|embroidered|stitched)\b|on (?:it|its (?:side|back|front|hood|door))\b)"
)
_PRICE_TAG = re.compile(
    r"\b(?:price|tag|sticker|label|cost|costs)\b[^.\n\x01]{0,20}?[\s,:](\d+[.,]\d\d(?:\s?[€£$])?)(?=\s*(?:$|[,;\n]|\.(?!\d))|\s(?:in|on|with|at)\b)"
)
_LED = (_ON_NTH_LINE, _NTH_LINE, _LABELLED, _FIGURES, _SHOWING, _CAPITAL, _YEAR, _IN_FIGURES, _PRICE_TAG)

# Before capitalised words, which are the text.
_WHERE = r"(?:top|bottom|middle|centre|center|left|right|front|back)"
_HEADED = re.compile(
    r"(?:(?:^|(?<=[.!?\n] )|(?<=\n))(?:Headline|Title|Subtitle|Tagline|Caption|Heading|Slogan)|\b(?:"
    r"(?:band |brand |company |place )?names?|label|title|subtitle|tagline|headline|heading|caption|slogan|motto|"
    r"month|dates?|author|band|text (?:on|at) (?:the )?(?:top|bottom|left|right|middle|front|back|side)|"
    r"(?<=, )text|(?<=[Tt]he )(?:text|message|wording|lettering)(?: on (?:it|the \w+|its \w+))? (?:is|should be)))"
    rf"(?: on (?:it|them|the \w+)| (?:at|on|in|along|across) the {_WHERE},?)?"
    r"(?: is| are| reads| (?:will|should|must|shall) (?:be|read|say)|:)?"
    r"\s+(?:(?=[A-ZÀ-Þ][\w'’])|(?<=dates )(?=\d)|(?<=date )(?=\d))"
)
_SENTENCES = re.compile(r"(?:tagline|slogan|motto|headline|caption|message|wording|text)\b", re.IGNORECASE)
_PLACED = re.compile(rf"the {_WHERE},\s")
_SMALL = r"(?:(?:of|the|in|on|for|from|a|to|at|and|&)\s+){0,2}"
_CAPITALISED = rf"[A-Z][\w'’]*\s+(?:{_SMALL}[A-Z][\w'’]*\s+){{0,6}}{_SMALL}[A-Z][\w'’!?]*"
_WITH_TITLE = re.compile(
    rf"\b(?:with|has|have|having|put|add|write|include)\s+(?={_CAPITALISED}\s+"
    r"(?:at|on|in|across|along|over|above|below|under|underneath|around|written|printed|painted)\s+(?:the|it|top|a|an|"
    r"big|large|small|on|in|across|\w+ (?:letters|lettering))\b)"
)
_BELOW_IT = re.compile(
    r"(?:\b(?:and|with|then)|,)\s+(?:in\s+)?(?:smaller|(?:below|under|underneath|beneath|above)\s+(?:it|that|this)|"
    r"underneath|beneath)(?:\s+(?:letters|text|print|type|letters|below|underneath|beneath|under|above|it|that|this))*"
    r"[,:]?\s+(?=[A-Z][\w'’])"
)
_AT_PLACE = re.compile(
    r"\b(?:at|on|in|along|across)\s+(?:the\s+)?(?:very\s+)?(?:top|bottom|middle|centre|center|left|right|front|back)"
    rf"(?:\s+(?:it\s+says|is|the\s+words?))?[,:]?\s+(?={_CAPITALISED})"
)
_HERE = r"(?:underneath|below|beneath|above|on top)(?: (?:it|that|this|them))?"
_COLOURED = rf"in (?:{'|'.join(sorted(map(re.escape, COLOUR_RGB), key=len, reverse=True))})(?=\s*(?:$|[,.;\n]))"
_IN_CLAUSE = re.compile(
    rf"[,.;]\s+(?=(?:\d+\s)?{_CAPITALISED}\s+(?:{_HERE}(?=\s*(?:$|[,.;\n]))|{_COLOURED}|"
    rf"at the (?:top|bottom)\b|across the (?:top|bottom|middle)\b)|[A-Z]{{2,}}\d+\s+(?:{_HERE}|{_COLOURED}))"
    rf"|\band\s+(?=[A-ZÀ-Þ][\w'’]+\s+{_HERE}(?=\s*(?:$|[,.;\n])))"
)
_SECOND_LINE = re.compile(  # "and Pinot Noir 2021 on the second"
    r"\band\s+(?=[A-Z][\w'’]*\s+(?:[A-Z0-9][\w'’]*\s+){0,6}on\s+"
    r"(?:the (?:second|third|next|last|other)|its own line)\b)"
)
_NAMES_ITSELF = re.compile(  # "Harvest Supper as the heading"
    rf"(?:^|(?<=[.:;,\n] ))(?={_CAPITALISED}\s+(?:(?:is|as) (?:the|our|its) (?:\w+ )?"
    r"(?:name|title|headline|heading|slogan|tagline|motto)|on its own line)\b)"
)
_AND_AT = re.compile(r"(?:,|\band)\s+(?:at|along|across)\s+the\s+(?:top|bottom)\s+(?=[A-Z][a-z]+\s+[a-z])")
_TELLS = re.compile(rf"\b(?:telling|reminding|asking|warning)\s+(?:\w+\s+){{1,3}}?(?:that\s+|to\s+)?(?={_CAPITALISED})")
_THEN = re.compile(rf",\s*(?:and\s+)?then\s+(?={_CAPITALISED}|[A-Z][a-z]+ \d)")
_ON_IT = re.compile(r"\bwith\s+(?=[A-Z][A-Z.!?]+\s+(?:on (?:it|top|the)|above it|below it)\b)")  # "with RIP on it"
_FOR_NAME = re.compile(
    r"\b(?:sign|logo|storefront|shop front|ticket|label|menu|banner|business card|badge|flyer)\s+for\s+(?:the\s+)?"
    r"(?=[A-Z][\w'’]*\s+[A-Z&])"
)
_IS_WRITTEN = re.compile(r"\b(?:is|are|has|with|and)\s+written:?\s+(?=[A-ZÀ-Þ][\w'’])")
_BEFORE_TITLE = (
    _HEADED, _WITH_TITLE, _IS_WRITTEN, _BELOW_IT, _AT_PLACE, _IN_CLAUSE, _ON_IT, _SECOND_LINE, _NAMES_ITSELF, _TELLS,
    _AND_AT, _THEN, _FOR_NAME,
)  # fmt: skip
_IN_SMALL = (_HEADED, _BELOW_IT, _AND_AT)  # their text may go on in small letters: "slogan Some lights never go out"

# Texts as a whole.
_CAPITALS = re.compile(
    r"(?<![\w'’.])(?:\d+(?:\.\d+)?\s)?[A-Z][A-Z'’-]*[A-Z]"
    r"(?:(?:\s|\s?&\s?|[,:]\s)(?:[A-Z][A-Z'’-]*[A-Z]|\d[\d:./%]*|A|I))*[!?]?(?![\w'’])"
)
_CODES = re.compile(
    r"(?<![\w-])(?:[A-Z]{1,4}[ -]?\d{2,4}(?:-?\d?[A-Z]{1,3})?|[A-Z]{1,3}\d-\d{2}[A-Z]|[Ee]st\.?\s+\d{4})"
    r"(?![\w-]|\s?%|\s[A-Z][a-z])"
)
_BARE_FIGURES = re.compile(
    rf"(?<![\w$€£.])(?:[$€£]\s?\d[\d,]*(?:\.\d+)?{PER_PIECE}|" r"\d{1,2}([./])\d{1,2}\1(?:\d{4}|\d\d))(?![\w%]|\.\d)"
)
_TOP_LEVEL = "com|org|net|edu|info|shop|store|app|dev|blog|club|cafe|example|co|io|de|fr|uk|nl|eu|au|ch"
_ADDRESS = re.compile(
    rf"(?<![\w@.])(?:https?://\S+?|www\.[\w-]+(?:\.[\w-]+)+(?:/[\w/-]*)?|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|"
    rf"@[A-Za-z][\w.]{{2,}}|[A-Za-z0-9][\w-]+(?:\.[\w-]+)*\.(?:{_TOP_LEVEL})(?:/[\w/-]*)?)(?=[\s,;!)]|\.?(?:\s|$))"
)
_TELEPHONE = re.compile(
    r"(?:\b(?:phone|tel|telephone|mobile|fax)\.?:?\s+)?(?<![\w$€£.-])"
    r"((?:(?:Call|Tel|Ring|WhatsApp|call)(?: us| now| me)?(?: at| on)?[.:]? )?"
    r"(?:\+\d{1,3}[ -]?(?:\(?\d{1,5}\)?[ -]?){2,5}|\(\d{3,5}\) ?\d{3,4}[ -]?\d{2,4}|"
    r"(?!(?:19|20)\d\d-(?:19|20)\d\d)\d{3,5}-\d{3,4}(?:-\d{3,4})?|"
    r"\d{3}\.\d{3}\.\d{3,4}|0\d{2,4}(?:[ -]\d{2,7}){1,5})(?<=\d))(?![\w%]|[-.]\d)"
)
_DAY = r"(?:mon|tues?|wednes|thurs?|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun|weekends?|daily"
_MONTH = (
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_HOUR = r"\d{1,2}(?:[:.]\d\d)?\s?(?:am|pm|uhr|h)|\d{1,2}:\d\d|noon|midnight"
_WHEN = re.compile(  # a clause that is nothing but a day or an hour
    rf"(?:(?<=[,.;\n:\x01] )|(?<=\n)|(?<=\bare )|(?<=\bis ))(?=[^,.;\n]*\d)"
    rf"(?=[^,.;\n]*\b(?:(?:{_DAY}|{_MONTH})\b|{_HOUR}))"
    rf"(?:(?:\b(?:every|(?:{_DAY})s?|{_MONTH}|{_HOUR}|\d{{1,2}}(?:st|nd|rd|th)?|(?:19|20)\d\d|to|till|until|from|at|and|"
    r"the|of)\b|[-–&]) ?)+(?<! )(?=\s*(?:$|[,;\n]|\.(?!\d)))",
    re.IGNORECASE,
)
_PRICED = re.compile(
    r"(?:(?<=[,:;\n] )|(?<=and )|(?<=with ))[A-Z][\w'’]+(?:\s[\w'’]+){0,3}\s(?:[$€£]\d+(?:[.,]\d\d)?|\d+[.,]\d\d[€£]?)"
    r"(?![\w%]|[.,]\d)"
)
_AMOUNT = re.compile(
    r"(?:(?<=, )|(?<=with )|(?<=and )|(?<=weight ))(?:Net (?:[Ww]eight|[Ww]t\.?) )?"
    r"\d+(?:[.,]\d+)? ?(?:g|kg|ml|cl|oz|lbs?|°[CF]?)"
    r"(?=\s*(?:$|[,.;\n])|\s(?:in|at|on|below|above|under)\b)"
)
_WHOLE = (_ADDRESS, _TELEPHONE, _PRICED, _WHEN, _AMOUNT, _CAPITALS, _CODES, _BARE_FIGURES)

# In capitals for another reason: abbreviations and stress.
_NO_TEXT_IN_CAPITALS = frozenset(
    "USA UK US UFO TV DIY DJ PC CD DVD HD UHD HDR LED RGB NASA BBQ CEO VIP XL XXL AI VR AR DNA USB ATM SUV PNG JPG "
    "JPEG SVG GIF PDF CMYK ASCII UTF QR URL FAQ ISO IT AND OR BUT WITH THE OF IN ON AT TO FOR NO NOT VERY REALLY SO "
    "ALL ANY ONLY BIG HUGE LARGE SMALL TINY BOLD PLEASE MUST SHOULD NEVER ALWAYS EXACTLY JUST MAKE DRAW POSTER LOGO "
    "SIGN CARD TEXT TITLE BACKGROUND STYLE RED BLUE GREEN YELLOW BLACK WHITE".split()
)
LONGEST = 80  # characters of a text that only its form tells
LEAST_CAPITALS = 4  # letters of a single word in capitals that is a text


_AFTER_HOUR = re.compile(r"(?<=\d)\s?(?:am|pm|uhr)\b")


def find_figures_and_lines(reading: Reading) -> list[Item]:
    """ "the number 7", "the letter B", "showing 9:41", "calendar 2026", "second line: ...", "date: 12 October"."""
    return [item for pattern in _LED for item in _of_form(reading, pattern)]


def find_lettering(reading: Reading) -> list[Item]:
    """ "label Old Mill", "with Summer Fair at the top", "sign for Joe's Diner", addresses, capitals, codes, dates."""
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
        if len(text) > LONGEST:
            continue
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
        if run is None or thing or MARK in reading.masked[run.start() : run.end()]:
            return None
        opened = pattern is not _HEADED or _SENTENCES.search(match.group()) or _PLACED.search(match.group())
        if pattern in _IN_SMALL and opened and " " not in run.group():
            return run.start(), max(run.end(), end_of_text(reading, run.start()))
        hour = _AFTER_HOUR.match(reading.prompt, run.end())
        return run.start(), hour.end() if hour else run.end()
    if pattern is _CODES and reading.prompt.isupper():
        return None
    if pattern is _CAPITALS and not _shouted(reading.prompt, match.group()):
        return None
    return match.span(match.lastindex or 1) if pattern in (*_LED, _TELEPHONE) else match.span()


def _shouted(prompt: str, run: str) -> bool:
    """Whether a run of capitals is lettering: the rest of the prompt is in small letters, and it is no abbreviation."""
    small, large = sum(c.islower() for c in prompt), sum(c.isupper() for c in prompt)
    words = [w for w in re.findall(r"[A-Z]+", run) if w not in _NO_TEXT_IN_CAPITALS]
    return small > large and bool(words) and (max(map(len, words)) >= LEAST_CAPITALS or len(words) > 1)


_IN_LETTERS = re.compile(
    r"(?:^|[,:]\s*|\bwith\s+)((?:(?!with\s)[\w'’&%$!?-]+\s+){1,6})in\s+(?:[\w-]+\s+){0,4}"
    r"(?:letters|lettering|letterforms|text|font|print|type|script|handwriting|calligraphy|capitals)\b"
)


def find_in_letters(reading: Reading) -> list[Item]:
    """ "extra hot in smaller letters": the clause before how it is lettered, unless it describes something."""
    found = []
    for match in _IN_LETTERS.finditer(reading.masked):
        start, end = match.start(1), match.end(1) - 1
        if not _lettered(reading.masked[start:end], behind=reading.masked.startswith("with", match.start())):
            continue
        found.append(Item("text", reading.prompt[start:end], start, end))
        reading.take(start, end, mask=True)
    return found


def _lettered(phrase: str, behind: bool) -> bool:
    """Whether a phrase before "in red letters" is what they say; `behind`: "with" leads to it."""
    words = re.findall(r"[\w']+", phrase)
    noun = re.search(rf"\b(?:{TEXT_NOUNS}|writing|letters|initials|numbers?|all|everything|it|them)\b", phrase)
    if MARK in phrase or noun or not words or words[0] in STOP_WORDS or words[0] in NUMBERS:
        return False
    thing = default_lexicon().longest(words, 0)
    if phrase.split()[0].isdigit() or (thing and (behind or thing[0] == len(words))):
        return False
    described = DOCUMENT_HEADS | ABSTRACT_NOUNS - {"off"} | set(PANELS)
    looks = all(w in LOOK_WORDS or w in STOP_WORDS for w in words)
    return not looks and not any(w in described for w in words) and not words[-1].endswith(("ed", "ten"))


_SINGLE = re.compile(  # "L, U, C and K", "the letters A and M"
    r"(?<![\w'’])(?:(?<=letters )[A-Z](?=\s(?:and|&)\s[A-Z](?![\w'’]))|[A-Z](?:,\s?[A-Z])+)"
    r"(?:,?\s(?:and|&)\s[A-Z])?(?![\w'’])"
)


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


_OPENS = re.compile(rf"^({TITLE_RUN.pattern})\s+([a-z]+)")
_NEXT_SEGMENT = re.compile(rf",\s*({TITLE_RUN.pattern})(?=\s*(?:,|\.(?:\s|$)|$|\s(?:with|and an?)\b))")
_SEGMENT = re.compile(rf"(?:^|[,.\n]\s*|\s[-–—]\s)({TITLE_RUN.pattern})(?=\.?\s*,|\.\s|\n|\s[-–—]\s)")
_LOOKS = frozenset("vintage retro modern minimalist classic art deco nouveau pop travel movie old simple".split())


def find_title(reading: Reading) -> list[Item]:
    """ "Keep Calm poster", "Pizzeria Lucia, logo": capitalised words before the word for the picture, or alone."""
    prompt = reading.prompt
    if not any(w.text in DOCUMENT_HEADS or w.text in PANELS for w in reading.words):
        return []
    opens = _OPENS.match(prompt)
    named = opens and (opens.group(2) in DOCUMENT_HEADS or opens.group(2) in PANELS or opens.group(2) == "greeting")
    for match in [opens] if opens and named and _is_title(opens.group(1)) else list(_SEGMENT.finditer(prompt))[:1]:
        if MARK in reading.masked[slice(*match.span(1))]:
            continue
        if _is_title(match.group(1)):
            reading.take(match.start(1), match.end(1), mask=True)
            return [Item("text", match.group(1), *match.span(1))]
    return []


def find_listed_on(reading: Reading, told: list[Item]) -> list[Item]:
    """Capitalised words that go on with a list of texts: "label, Plum Jam, Homemade 2024", ": Friday, The Old Barn"."""
    found = []
    for item in [i for i in told if re.search(r"[,:.\n]\s*$", reading.prompt[: i.start]) or i.start == 0]:
        end = item.end
        while following := _NEXT_SEGMENT.match(reading.prompt, end):
            start, end = following.span(1)
            if not _is_title(following.group(1)) or MARK in reading.masked[start:end]:
                break
            reading.take(start, end, mask=True)
            found.append(Item("text", following.group(1), start, end))
    return found


def _is_title(run: str) -> bool:
    """Whether capitalised words are a text: several, no look and nothing that is drawn."""
    words = run.split()
    plain = [w.lower() for w in words]
    looks = all(w in COLOUR_RGB or w in PATTERNS or w in FONT_WORDS or w in _LOOKS for w in plain)
    known = default_lexicon().get(" ".join(plain)) is not None or any(w in DOCUMENT_HEADS for w in plain)
    large = sum(w[0].isupper() or w[0].isdigit() for w in words)
    named = looks or known or OCCASION.fullmatch(run.lower()) is not None
    return large > 1 and words[0][0].isupper() and not named
