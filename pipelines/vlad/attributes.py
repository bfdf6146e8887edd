"""What a prompt says about its parts: how letters look, where things stand, what is left of or above what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import ARTICLES, FONT_WORDS, LETTERS, MEDIA, NUMBERS, OBJECT_STYLE_PHRASES
from pipelines.vlad.reading import LOOK_WORDS, MARK, Item, Look, Reading, colours_in, look_of

Relation = tuple[int, str, int]

_EDGE = MARK + "\"'“”‘’„«» "
_LETTERED = ("text", "texts", "words", "word", "line", "another", "some")

# ---- style of objects


def _style_pattern() -> re.Pattern[str]:
    phrases = sorted(OBJECT_STYLE_PHRASES, key=len, reverse=True)
    alternatives = "|".join(re.escape(p).replace(r"\ ", "[ -]") for p in phrases)
    return re.compile(rf"(?<![\w-])(?:(?:in|as)\s+(?:an?\s+)?)?({alternatives})(?:\s+(?:style|look))?(?![\w-])")


_STYLE = _style_pattern()
_BARE_STYLES = ("flat", "vector", "silhouette", "silhouettes", "glossy", "realistic", "3d", "one colour", "monochrome")


def find_object_style(reading: Reading) -> tuple[str | None, str | None]:
    """(style, colour) of all objects: "3d render", "flat design", "black silhouette"; claims the words."""
    style, colour = None, None
    for match in _STYLE.finditer(reading.masked):
        i, last = reading.index_at(match.start()), reading.index_at(match.end() - 1)
        if not all(reading.free(k) for k in range(i, last + 1)):
            continue
        phrase = match.group(1).replace("-", " ")
        if phrase in _BARE_STYLES and not _stands_alone(reading, i, last, phrase):
            continue
        first = reading.index_at(match.start(1))
        if phrase.startswith("silhouette") and first and reading.joined(first - 1):
            colour = next(iter(colours_in([reading.words[first - 1].text])), None)
        style = style or OBJECT_STYLE_PHRASES[phrase]
        reading.take(match.start(), match.end())
    return style, colour


def _stands_alone(reading: Reading, i: int, last: int, phrase: str) -> bool:
    """Whether a bare style word is no adjective of an object ("flat shoe") or background ("flat background")."""
    if phrase.startswith("silhouette"):
        return True
    end = reading.words[last].end
    after = reading.masked[end : end + 1]
    following = reading.words[last + 1].text if reading.joined(last) else ""
    return after in ("", ",", ".") or (
        phrase in ("3d", "realistic", "glossy") and following not in ("glasses", "background")
    )


# ---- looks of letters

_ON_COLOUR = re.compile(
    r"(?:^|[,;:.]|\bin)\s*((?:[a-z]+[\s-]){1,3})(?:on|over|against)\s+(?:an?\s+)?((?:[a-z]+[\s-]?){1,3})"
)


def apply_looks(reading: Reading, texts: Sequence[Item]) -> None:
    """Sets colour, font and style of texts from phrases like "in large red script letters"; claims their words."""
    texts = sorted(texts, key=lambda t: t.start)
    for i in reading.indices():
        if reading.words[i].text in LETTERS or reading.words[i].text in MEDIA:
            _letters_phrase(reading, i, texts)
    for text in texts:
        _bare_look(reading, text, texts)
    _colour_on_colour(reading, texts)


def _colour_on_colour(reading: Reading, texts: Sequence[Item]) -> None:
    """ "..., navy on white": the first colour is that of all texts that have none."""
    for match in _ON_COLOUR.finditer(reading.masked):
        words, ground = (re.split(r"[\s-]+", g.strip()) for g in match.groups())
        i = reading.index_at(match.start(1))
        if not colours_in(ground[:2]) or not all(w in LOOK_WORDS for w in words):
            continue
        look = look_of(words)
        if look.colour and all(reading.free(k) for k in range(i, i + len(words))):
            _set_look([t for t in texts if t.colour is None], look)
            reading.take(match.start(1), match.end(1))


def _letters_phrase(reading: Reading, i: int, texts: Sequence[Item]) -> None:
    """ "(in a) large red script (letters)": word i is the noun."""
    first = i
    while first > 0 and i - first < 8 and _look_before(reading, first):
        first -= 1
    after = any(w.text in ("in", "using", "of") for w in reading.words[max(0, first - 2) : first])
    noun, words = reading.words[i].text, [w.text for w in reading.words[first:i]]
    if noun in MEDIA and not any(w.text in ("in", "using") for w in reading.words[max(0, first - 2) : first]):
        return
    look = look_of([w for w in [*words, noun] if w != "style" and (w != noun or noun in FONT_WORDS)])
    if look == Look(None, None, None):
        if words and texts:
            reading.take(reading.words[first].start, reading.words[i].end)
        return
    target = _texts_of(reading, reading.words[first].start, reading.words[i].end, texts, after)
    _set_look(target, look)
    reading.take(reading.words[first].start, reading.words[i].end)


def _look_before(reading: Reading, first: int) -> bool:
    """Whether the word before `first` belongs to the description of letters."""
    if not reading.free(first - 1):
        return False
    gap = reading.masked[reading.words[first - 1].end : reading.words[first].start]
    word = reading.words[first - 1].text
    if gap not in (" ", "-", ", "):
        return False
    if gap == ", " and first > 1 and reading.words[first - 2].text in ARTICLES and default_lexicon().get(word):
        return False  # "a balloon, text ..."
    if word in ("and", "style"):
        return first > 1 and reading.words[first - 2].text in LOOK_WORDS
    return word in LOOK_WORDS


_TO_NEXT = re.compile(
    r"\s*(?:on it\s*)?(?::|,)?\s*(?:(?:that|which)\s+)?"
    r"(?:says?|saying|reads?|reading|spelling|of|with|is|it says|the words?|the text)?"
    rf"\s*(?:the words?|the text)?\s*:?\s*[\"'“‘„«]?{MARK}"
)


def _texts_of(reading: Reading, start: int, end: int, texts: Sequence[Item], after: bool) -> list[Item]:
    """Texts a look belongs to: the following one if it leads up to it, else those just before, else all."""
    if not after or _fresh(reading, start):
        match = _TO_NEXT.match(reading.masked, end)
        if match:
            found = [t for t in texts if t.start >= end]
            return found[:1]
    before = [t for t in texts if t.end <= start]
    if not before:
        return list(texts[:1]) if len(texts) < 2 else list(texts)
    clause = reading.masked[before[-1].end : start]
    if re.search(r"[.!?\n]", clause.strip(_EDGE + ".")) or re.search(r"\ball\b", clause):
        return [t for t in texts if t.font is None and t.colour is None]
    return _joined_texts(reading, before)


def _fresh(reading: Reading, start: int) -> bool:
    """Whether only the beginning of a sentence stands before a look ("In red letters: ...")."""
    return bool(re.search(r"(?:^|[.!?\n])\s*(?:in|using)\s+(?:an?\s+)?$", reading.masked[:start]))


def _joined_texts(reading: Reading, before: Sequence[Item]) -> list[Item]:
    """The last text and those listed directly before it that have no look of their own."""
    found = [before[-1]]
    for text in reversed(before[:-1]):
        gap = reading.masked[text.end : found[-1].start].strip(_EDGE)
        if gap not in ("", ",", "and", ", and", "&") or text.colour or text.font:
            break
        found.append(text)
    return found


def _set_look(targets: Sequence[Item], look: Look) -> None:
    for text in targets:
        text.colour = text.colour or look.colour
        text.font = text.font or look.font
        text.style = text.style or look.style


_IN = re.compile(
    rf"{MARK}*[\"'”’»“]?\s*,?\s*(?:(?:all )?(?:written|printed|painted|set)\s+)?(?:on it\s+)?"
    r"in\s+(?:an?\s+|the\s+|all\s+)?"
)


def _bare_look(reading: Reading, text: Item, texts: Sequence[Item]) -> None:
    """ "... in red", "... in bold italics" right behind a text."""
    match = _IN.match(reading.masked, text.end)
    if not match:
        return
    i = reading.index_at(match.end())
    last = i
    while reading.free(last) and last - i < 6 and reading.words[last].text in LOOK_WORDS:
        last += 1
        if last < len(reading.words) and not reading.joined(last - 1):
            break
    look = look_of([w.text for w in reading.words[i:last]])
    following = reading.words[last].text if reading.free(last) and last > i and reading.joined(last - 1) else ""
    if last == i or look == Look(None, None, None) or (following and following not in _AFTER_LOOK):
        return
    _set_look(_joined_texts(reading, [t for t in texts if t.end <= text.end]), look)
    reading.take(match.start(), reading.words[last - 1].end)


_AFTER_LOOK = frozenset(
    "and on at with in above below over under next to beside for by against across featuring showing".split()
)

# ---- places

_SMALL_COUNT = r"(?:one|two|three|four|five|six|\d)"

_SIDES = {
    "upper": "top", "top": "top", "lower": "bottom", "bottom": "bottom", "left": "left", "right": "right",
    "centre": "centre", "center": "centre", "middle": "centre", "foot": "bottom", "head": "top",
}  # fmt: skip
_SIDE = "|".join(_SIDES)
_PLACE = re.compile(
    rf"\b(?:at|in|on|near|along|across|to|towards|from)\s+(?:the\s+)?(?:very\s+|far\s+)?({_SIDE})(?:(?:\s+|-)({_SIDE}))?"
    r"(?:(?:\s+|-)?(?:hand\s+)?(?:corner|side|half|part|edge|third|area))?"
    r"(?:\s+of\s+(?:the|an?)\s+(?:poster|image|picture|page|card|canvas|sign|frame|logo|flyer|design|photo|banner|cover))?"
    r"(?!\s+of\b)\b"
)
_CENTRED = re.compile(r"\b(?:centred|centered)\b|\bin\s+the\s+(?:very\s+)?(?:centre|center|middle)\b")
_FILLER = re.compile(
    rf"{MARK}*[\"'”’»“]?(?:\s+"
    r"(?:on it|is|are|placed|located|shown|written|printed|sitting|standing|positioned|big|large|in|an?|the)|"
    rf"\s+(?:[\w-]+\s+){{0,4}}(?:letters|lettering|text|font|capitals|type))*[\s]*"
)
_LEADS_ON = re.compile(
    r"\s*(?:of it)?\s*(?::|is|it says|it reads|the text|the words?|says|text|there is|,\s*the text)?"
    rf"\s*:?\s*[\"'“‘„«]?{MARK}"
)


def apply_places(reading: Reading, items: Sequence[Item]) -> None:
    """Sets `place` of texts and objects from "at the top", "in the bottom left corner", "on the right", ..."""
    ordered = sorted((i for i in items if i.kind in ("text", "object")), key=lambda item: item.start)
    for match in [*_PLACE.finditer(reading.masked), *_CENTRED.finditer(reading.masked)]:
        place = _place_name(match)
        target = _placed_item(reading, match, ordered)
        if place and target and target.place is None:
            target.place = place


def _place_name(match: re.Match[str]) -> str:
    """ "top", "bottom", "left", "right", "centre", "top left", ..."""
    named = [_SIDES[g] for g in match.groups() if g] if match.re is _PLACE else ["centre"]
    named = list(dict.fromkeys(named))
    if len(named) == 2 and "centre" in named:
        named.remove("centre")
    if len(named) == 2 and named[0] in ("left", "right"):
        named.reverse()
    if len(named) == 2 and (named[0] in ("left", "right") or named[1] in ("top", "bottom")):
        named.pop()  # "top bottom", "left right"
    return " ".join(named)


def _placed_item(reading: Reading, match: re.Match[str], ordered: Sequence[Item]) -> Item | None:
    """The part a place belongs to: the one right before it, else the one it leads on to, else the one before."""
    before = [i for i in ordered if i.end <= match.start()]
    after = [i for i in ordered if i.start >= match.end()]
    if not before or not after:
        return (before[-1:] + after[:1] + [None])[0]
    gap = reading.masked[before[-1].end : match.start()]
    if not gap.strip(_EDGE):
        return before[-1]
    if after[0].kind == "text" and _LEADS_ON.match(reading.masked, match.end()):
        return after[0]
    if not (len(gap) < 60 and _FILLER.fullmatch(gap)) and re.search(r"[,.;\n]", gap):
        between = reading.masked[match.end() : after[0].start]
        if re.fullmatch(rf"[\s,:]*(?:an?\s|the\s|is\s|there\s|are\s|{_SMALL_COUNT}\s)*[\"'“{MARK}]*", between):
            return after[0]
    return before[-1]


# ---- relations

_NEAR = r"(?:directly |just |right )?"
_IT = r"(?:it|that|this|them|these|those)"
_SIDE_OF = r"(?:(?:to|on|at) )?(?:the )?(?:far )?"
_BETWEEN: tuple[tuple[re.Pattern[str], str, bool], ...] = (  # pattern, relation, whether the first part comes first
    (re.compile(rf"{_SIDE_OF}left(?: hand)?(?: side)? of"), "left of", True),
    (re.compile(rf"{_SIDE_OF}right(?: hand)?(?: side)? of"), "left of", False),
    (re.compile(rf"(?:and |with )?{_NEAR}(?:below|under|underneath|beneath) {_IT},?"), "above", True),
    (re.compile(rf"{_NEAR}(?:above|over|on top of|atop|riding(?: on)?)"), "above", True),
    (re.compile(rf"{_NEAR}(?:below|under|underneath|beneath)"), "above", False),
    (re.compile(rf"(?:and |with )?above {_IT},?"), "above", False),
)  # fmt: skip
_UNDER = ("under", "below", "beneath", "underneath", "above")
_AMID = re.compile(r"(?:right |just )?(?:in )?between")
_ON = re.compile(r"(?:sitting |standing |lying |perched )?(?:on|upon)")
_LINKS = frozenset(
    "is are sits stands sitting standing lying floating placed written located hanging flying and with".split()
)
_AFTER_PART = (
    (re.compile(r"(?:below|underneath|beneath|under)(?: (?:it|that|this|them))?"), "above", True),
    (re.compile(r"above (?:it|that|this|them)"), "above", False),
    (re.compile(r"side by side|to (?:its|their|the) right(?: of it)?|on (?:its|the) right of it"), "left of", True),
    (re.compile(r"to (?:its|their|the) left(?: of it)?"), "left of", False),
)
_CLAUSE_END = re.compile(r"\s*(?:$|[,.;!\n]|(?:on|with|and|in|at|against|under|featuring|showing)\b)")
_START = re.compile(rf"[{MARK}\"'”’»“\s]*(?:,\s*)?")


def find_relations(reading: Reading, parts: Sequence[Item]) -> list[Relation]:
    """(i, "left of" | "above" | "between", j) between neighbouring texts and objects; i and j index `parts`.

    "between" is said of j that are several; between two different things is right of one and left of the other.
    """
    order = sorted((k for k, p in enumerate(parts) if p.kind in ("text", "object")), key=lambda k: parts[k].start)
    found: list[Relation] = []
    for n, (a, b) in enumerate(zip(order, order[1:], strict=False)):
        if _AMID.fullmatch(" ".join(_words_between(reading, parts, a, b))):
            further = order[n + 2 : n + 3]
            if parts[b].count > 1:
                found.append((a, "between", b))
            elif further and _words_between(reading, parts, b, further[0]) == ["and"]:
                found += [(b, "left of", a), (a, "left of", further[0])]
            continue
        relation = _between(reading, parts, a, b) or _behind(reading, parts, a, b)
        if relation:
            found.append(relation)
    return found


def _between(reading: Reading, parts: Sequence[Item], a: int, b: int) -> Relation | None:
    """From the words between two parts."""
    words = _words_between(reading, parts, a, b)
    for phrase in (" ".join(words), " ".join(words[next((k for k, w in enumerate(words) if w not in _LINKS), 0) :])):
        for pattern, relation, in_order in _BETWEEN:
            if pattern.fullmatch(phrase.strip(", ")):
                return (a, relation, b) if in_order else (b, relation, a)
        if parts[a].kind == parts[b].kind == "object" and _ON.fullmatch(phrase):
            return (a, "above", b)
    return None


def _words_between(reading: Reading, parts: Sequence[Item], a: int, b: int) -> list[str]:
    """The words between two parts without the article or number of the second."""
    words = reading.masked[parts[a].end : parts[b].start].strip(_EDGE + ",").split()
    while words and (words[-1] in ARTICLES or words[-1] in NUMBERS or words[-1] in _LETTERED or words[-1].isdigit()):
        if words[-1] in ("that", "this", "these", "those") and words[-2:-1] and words[-2] in _UNDER:
            break  # "and under that 'Batch 14'"
        words.pop()
    return words


def _behind(reading: Reading, parts: Sequence[Item], a: int, b: int) -> Relation | None:
    """From the words behind the second part: "A and B below it", "A and B side by side"."""
    start = _START.match(reading.masked, parts[b].end)
    for pattern, relation, in_order in _AFTER_PART:
        match = pattern.match(reading.masked, start.end() if start else parts[b].end)
        if match and _CLAUSE_END.match(reading.masked, match.end()):
            return (a, relation, b) if in_order else (b, relation, a)
    return None
