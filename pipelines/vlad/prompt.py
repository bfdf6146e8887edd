"""Prompt decomposition: a prompt becomes one global caption and the parts the picture is made of.

Rule-based, without a language model; a prompt takes a few milliseconds. How the ambiguous cases are decided:

Texts. Whatever is quoted is a text, but for the name of a work after "in the style of". Unquoted texts begin after
says, saying, reads, titled, "the words ...", "text: ...", "called ..." (for companies and documents, never for pets)
and end where the picture is described again: "on a", "in a", "with a", "and a <thing>", "in red letters", punctuation
(`pipelines.vlad.unquoted`). Web and mail addresses, telephone numbers, prices and days are texts anywhere. A prompt
with none of this has no text, but for a greeting beside the word for the picture ("get well soon card"), and one that
says "no text" has none without quotes. Only a prompt of at most 8 words in which nothing at all is understood ("Sale
50% off") is a text as a whole. A quote that is not closed runs to the end of its line. Words beside a quote
("Thanksgiving 'Fam' Mens T Shirt") are not written.

Panels and objects. Ticket, badge, sign, storefront, book cover, note, banner, sticker, label, chalkboard,
billboard, speech bubble and business card are panels; T-shirt, mug, cake, balloon are objects with the text beside
them. Book, ticket, label and newspaper are panels when they are the first such noun of the prompt and one of them,
else objects ("two books"). Poster, card, logo, menu, postcard, meme, wallpaper, photo and the like are the picture
itself. A known noun that only says what kind of thing follows ("coffee shop"), whom the picture is for
("a cover for kids") or where it goes ("a sticker for my laptop") is drawn if nothing else is. A plural without a
number counts 3.

Colours. Before a text noun or "letters": of the text; before a panel or object: of it; before the word for the picture
("a navy poster") and "background": of the background. Coral, peach, olive, ... are colours before a noun and after
"in" or "on", else things.

Background. "... background" first, then places ("in a forest", "on a wooden table"), then "on <colour>". Places map
to the textures and photographs the models know; where none is close, to a drawn background of a fitting colour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from pipelines.errors import BadPrompt
from pipelines.types import MAX_PROMPT, MAX_TEXT, Kind
from pipelines.vlad.attributes import Relation, apply_looks, apply_places, find_object_style, find_relations
from pipelines.vlad.lexicon import Lexicon, default_lexicon
from pipelines.vlad.nouns import STOP_WORDS, THEMES
from pipelines.vlad.quotes import clean_text, find_quotes, normalise
from pipelines.vlad.reading import COLOUR_WORDS, Item, Reading, colours_in, glows
from pipelines.vlad.scenery import find_background
from pipelines.vlad.things import Things, find_things
from pipelines.vlad.unquoted import find_author, find_unquoted

MAX_TEXTS = 12
MAX_OBJECTS = 24
MAX_PANELS = 3
MAX_BARE_WORDS = 8  # a prompt in which nothing is understood is itself the text up to this length
_ORDER = {"background": 0, "panel": 1, "object": 2, "text": 2}


@dataclass(frozen=True)
class Part:
    """One thing a prompt asks for.

    Attributes:
        kind: background | panel | object | text.
        text: text: the exact string; object: its name in the singular with adjectives ("red balloon"); panel: its noun;
            background: the texture or photograph ("a forest"), for drawn ones the words of the prompt ("navy blue
            background"), "" when the prompt names none.
        span: [start, end) in the normalised prompt; None when nothing in the prompt says it.
        count: how many objects, 1 to 9.
        colour: main colour "#rrggbb", None when not said.
        font_category: one of `pipelines.vlad.fonts.FONT_CATEGORIES`, None when not said.
        place: top, bottom, left, right, centre, top left, top right, bottom left, bottom right, None when not said.
        style: shape of a panel; style of a background, object or text of `pipelines.types.STYLES`; None when not said.
        accent: second colour "#rrggbb" (border, stripes, strip), None when not said.
        name: canonical name of an object of the lexicon, "" for one nobody knows and for other kinds.
    """

    kind: Kind
    text: str
    span: tuple[int, int] | None
    count: int = 1
    colour: str | None = None
    font_category: str | None = None
    place: str | None = None
    style: str | None = None
    accent: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Understanding:
    """A prompt taken apart.

    Attributes:
        prompt: the normalised prompt; spans refer to it.
        caption: the prompt without its texts.
        parts: exactly one background, then panels, then objects and texts in the order of the prompt.
        relations: (i, "left of" | "above" | "between", j) with i and j indices of `parts`.
        warnings: sentences for the visitor.
    """

    prompt: str
    caption: str
    parts: tuple[Part, ...]
    relations: tuple[Relation, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[Part, ...]:
        return tuple(p for p in self.parts if p.kind == "text")

    @property
    def background(self) -> Part:
        return self.parts[0]


def understand(prompt: str) -> Understanding:
    """Takes a prompt apart.

    Raises:
        BadPrompt: empty, longer than MAX_PROMPT, more than MAX_TEXTS texts, a text longer than an element may hold, or
            nothing in it that could be drawn.
    """
    clean, lexicon = _checked(prompt), default_lexicon()
    reading = Reading(clean)
    warnings: list[str] = []
    quoted = _quoted(reading, warnings)
    texts = quoted + find_unquoted(reading)
    author = find_author(reading, texts) if re.search(r"book|novel|cover", reading.low) else None
    texts = sorted([*texts, author] if author else texts, key=lambda t: t.start)
    style, tint = find_object_style(reading)
    background = find_background(reading, lexicon)
    apply_looks(reading, texts)
    things = find_things(reading, lexicon)
    items = [*things.items, *texts]
    background = _listed_colours(reading, items, background)
    bubble = _speech_bubble(reading, items, things, lexicon)
    items += [bubble] if bubble else []
    _fill_in(reading, items, things, lexicon, background)
    background = _with_document_colour(background, things)
    _style_objects(items, style, tint, glows(reading.low))
    items = _limited(sorted(items, key=lambda item: (_ORDER[item.kind], item.start)), things.warnings)
    apply_places(reading, items)
    parts = [_painted(background, clean), *items]
    relations = find_relations(reading, parts)
    _check_texts(items)
    found = tuple(_part(item) for item in parts)
    return Understanding(clean, _caption(reading, items), found, tuple(relations), (*warnings, *things.warnings))


def quoted_words(prompt: str) -> list[str]:
    """Words of all texts of a prompt, in order: what should be readable in the picture.

    Punctuation around words is dropped; apostrophes and points inside are kept ("Don't", "9.30pm", "50%").

    Raises:
        BadPrompt: as `understand`.
    """
    words = (w for part in understand(prompt).texts for w in part.text.split())
    bare = (re.sub(r"^[^\w$£€@#&+-]+|[^\w%°+$£€&]+$", "", w) for w in words)
    return [w for w in bare if re.search(r"\w|&", w)]


def _checked(prompt: str) -> str:
    """The normalised prompt.

    Raises:
        BadPrompt: empty or too long.
    """
    clean = normalise(prompt) if isinstance(prompt, str) else ""
    if not clean:
        raise BadPrompt("The prompt is empty; describe the picture and put the words to write in quotes.")
    if len(clean) > MAX_PROMPT:
        raise BadPrompt(f"The prompt has {len(clean):,} characters and {MAX_PROMPT:,} is the most; shorten it.")
    return clean


_SLIP = r"(?:oh|no|sorry|wait|oops|rather|i mean|make (?:that|it))"
_CORRECTED = re.compile(rf"[\s,.–—-]*(?:{_SLIP}[\s,.:–—-]+)+", re.IGNORECASE)  # '"Opning", no wait, "Opening"'


_WORK = re.compile(
    r"(?:\b(?:(?:style|manner|look|spirit|vein) of|inspired by|reminiscent of|based on|similar to|homage to|"
    r"(?:like|as) (?:in |from )?(?:the )?(?:painting|film|movie|book|novel|album|song|series|show|picture|comic|game))"
    r"(?: the)?(?: (?:famous |classic )?(?:painting|film|movie|book|novel|album|song|series|show|comic|game))?)\s*$"
)  # "in the style of", before the quoted name of a work


def _quoted(reading: Reading, warnings: list[str]) -> list[Item]:
    """Quoted texts; they are masked in the reading with their quotation marks."""
    found = []
    quotes = find_quotes(reading.prompt)
    for quote, following in zip_longest(quotes, quotes[1:]):
        if following and _CORRECTED.fullmatch(reading.prompt[quote.end : following.start]):
            reading.take(quote.start, following.start, mask=True)
            continue
        if _WORK.search(reading.low[: quote.start]):
            reading.take(quote.start, quote.end, mask=True)
            continue
        raw = reading.prompt[quote.inside : quote.outside]
        text = clean_text(raw)
        start = quote.inside + len(raw) - len(raw.lstrip())
        if not quote.closed:
            warnings.append(
                f"The quote that begins with {text[:20]!r} is not closed, so the rest of its line is its text."
            )
        reading.take(quote.start, quote.end, mask=True)
        found.append(Item("text", text, start, start + len(raw.strip().rstrip(" ,;\n"))))
    return found


def _fill_in(reading: Reading, items: list[Item], things: Things, lexicon: Lexicon, background: Item | None) -> None:
    """What to draw when the prompt names no object: describing nouns, else its theme, else the whole prompt as text.

    Raises:
        BadPrompt: nothing in the prompt can be drawn.
    """
    if not any(item.kind == "object" for item in items):
        items += things.hints[:1]
    if any(item.kind in ("object", "text") for item in items):
        return
    theme = _theme(reading, lexicon)
    if theme and (things.documents or any(item.kind == "panel" for item in items)):
        items.append(theme)
    if items or background or things.documents:
        return
    words = reading.prompt.split()
    if len(words) > MAX_BARE_WORDS or not re.search(r"\w", reading.prompt) or _only_small_words(reading):
        raise BadPrompt(
            "Nothing that can be drawn was found in the prompt; name an object or put the words to write in quotes."
        )
    things.warnings.append("No object and no quoted text was found, so the whole prompt is written as text.")
    items.append(Item("text", clean_text(reading.prompt), 0, len(reading.prompt.rstrip(" ,;\n"))))


_SPEAKS = re.compile(r"\s*(?:who\s+)?(says|saying|shouting|yelling|shouts)\b[\s:,]*")


def _speech_bubble(reading: Reading, items: list[Item], things: Things, lexicon: Lexicon) -> Item | None:
    """The bubble of an animal or person that says a text, where no panel is named."""
    if any(item.kind == "panel" for item in items):
        return None
    texts = [item.start for item in items if item.kind == "text"]
    for item in items:
        match = _SPEAKS.match(reading.masked, item.end) if item.kind == "object" else None
        record = lexicon.records.get(item.name)
        alive = record and record["group"] in ("animals & nature", "people & body", "smileys & emotion")
        cartoon = next((d for d in things.documents if reading.low[d[0] : d[1]] in _CARTOONS), None)
        if (
            match
            and (cartoon or alive and not things.documents)
            and any(match.end() <= t <= match.end() + 1 for t in texts)
        ):
            start, end = cartoon[:2] if cartoon else match.span(1)
            return Item("panel", "speech bubble", start, end, style="speech")
    return None


_CARTOONS = ("cartoon", "comic", "comic panel", "comic strip")


def _only_small_words(reading: Reading) -> bool:
    return bool(reading.words) and all(w.text in STOP_WORDS for w in reading.words) and len(reading.words) > 1


def _theme(reading: Reading, lexicon: Lexicon) -> Item | None:
    """The object that an occasion suggests ("birthday card")."""
    for i in range(len(reading.words)):
        for n in (2, 1):
            phrase = " ".join(w.text for w in reading.words[i : i + n])
            name = THEMES.get(phrase) if i + n <= len(reading.words) else None
            if name and lexicon.get(name):
                return Item("object", name, reading.words[i].start, reading.words[i + n - 1].end, name=name)
    return None


def _with_document_colour(background: Item | None, things: Things) -> Item | None:
    """Colour and pattern before the word for the picture ("a striped navy poster") for a background that has none."""
    named = next((d for d in things.documents if d[2]), None)
    if (named is None and things.pattern is None) or (background and background.style in ("photo", "texture")):
        return background
    if background is None:
        start, end, colour = named or things.documents[0]
        return Item("background", "", start, end, colour=colour, style=things.pattern or "plain")
    background.colour = background.colour or (named[2] if named else None)
    if things.pattern and background.style == "plain":
        background.style = things.pattern
    return background


def _listed_colours(reading: Reading, items: list[Item], background: Item | None) -> Item | None:
    """Colours that stand alone in a list ("sign, 'Fresh', brown and cream"): of the panel without one, else the
    background.
    """
    for match in re.finditer(r"(?:^|(?<=[,;]))[^,;.]+(?=[,;.]|$)", reading.masked):
        words = match.group().replace("-", " ").split()
        first = reading.index_at(match.start())
        colours = colours_in(words)
        loose = all(reading.free(i) for i in range(first, reading.index_at(match.end() - 1) + 1))
        if not colours or not loose or not all(w in COLOUR_WORDS or w in ("and", "colours", "colors") for w in words):
            continue
        panel = next((item for item in items if item.kind == "panel" and item.colour is None), None)
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        target = panel or background or Item("background", "", start, match.end(), style="plain")
        if target.colour is None:
            target.colour, target.accent = colours[0], colours[1] if len(colours) > 1 else target.accent
        background = target if target.kind == "background" else background
    return background


def _painted(background: Item | None, prompt: str) -> Item:
    """The background with its words in the prompt as text where it shows no texture or photograph."""
    if background is None:
        return Item("background", "", -1, -1)
    background.text = background.text or prompt[background.start : background.end]
    return background


def _style_objects(items: list[Item], style: str | None, tint: str | None, neon: bool) -> None:
    for item in items:
        if item.kind == "object":
            item.style = item.style or style or ("mono" if neon else None)
            item.colour = item.colour or tint
        if item.kind == "text" and neon:
            item.style = item.style or "glow"


def _limited(items: list[Item], warnings: list[str]) -> list[Item]:
    """At most MAX_PANELS panels and MAX_OBJECTS objects, counting each of several."""
    kept, panels, objects = [], 0, 0
    for item in items:
        if item.kind == "panel":
            panels += 1
            if panels > MAX_PANELS:
                continue
        if item.kind == "object":
            room = MAX_OBJECTS - objects
            if room < 1:
                continue
            item.count = min(item.count, room)
            objects += item.count
        kept.append(item)
    if len(kept) < len(items):
        warnings.append(
            f"The prompt asks for more than {MAX_OBJECTS} objects or {MAX_PANELS} panels; the first were kept."
        )
    return kept


def _check_texts(items: list[Item]) -> None:
    """Raises:
    BadPrompt: too many texts, or one that is too long.
    """
    texts = [item.text for item in items if item.kind == "text"]
    if len(texts) > MAX_TEXTS:
        raise BadPrompt(f"The prompt asks for {len(texts)} texts and {MAX_TEXTS} is the most; leave some out.")
    longest = max(texts, key=len, default="")
    if len(longest) > MAX_TEXT:
        raise BadPrompt(
            f"One text has {len(longest)} characters and {MAX_TEXT} is the most; shorten it or split it into several."
        )


def _part(item: Item) -> Part:
    return Part(
        kind=item.kind,  # type: ignore[arg-type]
        text=item.text,
        span=(item.start, item.end) if item.start >= 0 else None,
        count=item.count,
        colour=item.colour,
        font_category=item.font,
        place=item.place,
        style=item.style,
        accent=item.accent,
        name=item.name,
    )


_MARKS = "\"'“”„‟«»‹›「」『』‘’‚`´"
_DANGLING = re.compile(
    r"\s*\b(?:(?:that|which|and|it|should|the text)\s+)*"
    r"(?:says?|saying|reads?|reading|spelling|titled|entitled|captioned|labell?ed|named|called|stating|with|and|"
    r"with (?:the )?(?:text|texts|words?|title|caption|headline|heading|line)(?: on it)?|"
    r"(?:with )?written on it|with on it)(?=\s*(?:[,.;:]|$|with\b|and\b|on\b|featuring\b|showing\b))"
)


def _caption(reading: Reading, items: list[Item]) -> str:
    """The prompt without its texts and the words that only introduce them."""
    text = reading.prompt
    for item in sorted((i for i in items if i.kind == "text"), key=lambda i: -i.start):
        before = text[: item.start].rstrip(_MARKS + " ")
        after = re.sub(rf"^\s?[{_MARKS}]+[,;]?|^[,;]", "", text[item.end :])
        text = f"{before} {after}"
    for _ in range(3):
        text = _DANGLING.sub("", text)
    text = re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))
    text = re.sub(r"(?:[,;:]\s*)+([,;:.])", r"\1", text).strip(" ,;:")
    return text or "words"
