"""Prompts for composed posters, with the exact span of every element.

A prompt is assembled from templates whose fields are fragments: runs of plain words and marks. A mark is the words that
ask for one element, so that its span is known by construction and never searched for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.colours import COLOURS
from pipelines.types import Box, Element
from pipelines.vlad.fonts import FontBook
from pipelines.vlad.prompt import understand
from training.data.arrange import Group, Scene, colour_name
from training.data.assets import Assets
from training.data.english import NUMBER_WORDS, article, plural, with_article


@dataclass(frozen=True)
class Mark:
    """Words that ask for an element.

    Attributes:
        words: as the prompt has them, without article and number ("red apples").
        key: ("text", i), ("group", i), ("panel", 0) or ("background", 0).
        name: what the element is called ("red apple"); "" if the words are its name.
    """

    words: str
    key: tuple[str, int]
    name: str = ""


Fragment = tuple[str | Mark, ...]
QUOTES = {"single": ("'", "'"), "double": ('"', '"'), "curly": ("“", "”"), "none": ("", "")}
QUOTE_WEIGHTS = {"single": 44, "double": 42, "curly": 7, "none": 7}

STYLE_WORDS = {
    "3d": ("3D render", "3D style", "glossy 3D"),
    "flat": ("flat design", "flat illustration", "vector art"),
    "mono": ("silhouette style", "minimal icon style", "silhouettes"),
}
FONT_WORDS = {
    "sans-serif": ("sans-serif",),
    "heavy sans-serif": ("heavy sans-serif", "bold"),
    "condensed sans-serif": ("condensed sans-serif", "narrow"),
    "serif": ("serif",),
    "slab serif": ("slab serif",),
    "display": ("display",),
    "rounded": ("rounded",),
    "script": ("script", "cursive"),
    "handwritten": ("handwritten",),
    "monospace": ("monospace", "typewriter"),
}
PLACE_WORDS = {
    "top": "at the top",
    "bottom": "at the bottom",
    "left": "on the left",
    "right": "on the right",
    "centre": "in the centre",
}

UNCOUNTED = ("wood", "concrete", "paper", "cardboard", "marble", "canvas", "stone", "metal", "grass", "water")

# {a} {b} ... quoted texts; {ac} colour, {af} font, {ap} place of the first, {bc} ... of the second
ONE_TEXT = (
    "with the text {a}", "that says {a}", "that says {a}", "saying {a}", "reading {a}", "that reads {a}",
    "with the words {a} on it", "with {a} written on it", "with {a} on it", "with the caption {a}", "with the word {a}",
    "with the text {a} {ap}", "with {a} in {ac} letters", "with {a} in large {ac} {af} letters", "with {ac} text {a}",
    "with the text {a} in {aaf} font", "that says {a} in {ac}", "with the words {a} {ap}", "titled {a}",
    "with {a} written in {af} letters", "that says {a} in {ac} {af} letters",
)  # fmt: skip
TWO_TEXTS = (
    "with the text {a} and {b}", "that says {a} and {b}", "with the title {a} and the text {b}", "that says {a} {b}",
    "titled {a} with the line {b}", "with the words {a} {ap} and {b} {bp}", "with {a} above {b}",
    "with {a} in big {ac} {af} letters and {b} in {bc}", "with the headline {a} and {b} below it",
    "with {a} {ap} and {b} below", "that reads {a} and below it {b}",
)  # fmt: skip
MORE_TEXTS = (
    "with the texts {all}", "that says {list}", "titled {a} with the lines {others}",
    "with the heading {a} and below it {others}", "with the words {list}", "with the text {all}",
)  # fmt: skip

# {N} picture, {T} texts, {O} objects, {B} background with its preposition and a leading blank, or nothing
WITH_OBJECTS = (
    "{N} {T} and {O}{B}", "{N} {T} and {O}{B}", "{N} {T}, with {O}{B}", "{N} {T} featuring {O}{B}",
    "{N} with {O} {T}{B}",
    "{N} {T}, showing {O}{B}", "{N} with {O}{B}, {T}", "{N} showing {O}{B} {T}", "{N} of {O}{B} {T}",
    "{N} featuring {O}, {T}{B}", "{N} {T} and a picture of {O}{B}",
)  # fmt: skip
WITHOUT_OBJECTS = ("{N} {T}{B}", "{N} {T}{B}", "{N}{B} {T}", "{N}{B}, {T}")
SENTENCES = ("The text says", "It says", "Text:", "The text reads", "It should say", "Write", "The words are")
LEADS = {
    "": 22, "Create ": 2, "Design ": 2, "Make ": 2, "Generate ": 1, "I need ": 1, "An image of ": 1, "A picture of ": 1,
    "Draw ": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """A prompt and its elements in the order of the layout: background, panel, then objects and texts as mentioned.

    Attributes:
        prompt: what a person would type.
        caption: the prompt without the strings to draw.
        elements: every element with its span in the prompt, or None where it is not mentioned.
        object_names: index in `elements` -> canonical name of the object.
    """

    prompt: str
    caption: str
    elements: tuple[Element, ...]
    object_names: dict[int, str]


def place_of(box: Box) -> str:
    """One of PLACE_WORDS, or two of them ("top left")."""
    x, y = box.centre
    vertical = "top" if y < 0.36 else "bottom" if y > 0.64 else ""
    horizontal = "left" if x < 0.36 else "right" if x > 0.64 else ""
    return f"{vertical} {horizontal}".strip() or "centre"


def place_words(box: Box) -> str:
    place = place_of(box)
    return PLACE_WORDS.get(place, f"in the {place}")


def expand(template: str, fields: Mapping[str, Fragment | str]) -> Fragment:
    """The template with each {field} replaced by its fragment.

    Raises:
        KeyError: a field is missing.
    """
    parts: list[str | Mark] = []
    for i, piece in enumerate(re.split(r"\{(\w+)\}", template)):
        value = fields[piece] if i % 2 else piece
        parts.extend((value,) if isinstance(value, str) else value)
    return tuple(parts)


def joined(items: Sequence[Fragment], separator: str = ", ", last: str | None = None) -> Fragment:
    """Fragments with separators, the last one by `last`."""
    parts: list[str | Mark] = []
    for i, item in enumerate(items):
        if i:
            parts.append(last if last is not None and i == len(items) - 1 else separator)
        parts.extend(item)
    return tuple(parts)


def render(fragment: Fragment) -> tuple[str, dict[tuple[str, int], tuple[int, int]], dict[tuple[str, int], str]]:
    """The text of a fragment, the span of each mark and its name."""
    text = ""
    spans: dict[tuple[str, int], tuple[int, int]] = {}
    names: dict[tuple[str, int], str] = {}
    for part in fragment:
        words = part.words if isinstance(part, Mark) else part
        if isinstance(part, Mark) and part.key not in spans:
            spans[part.key] = len(text), len(text) + len(words)
            names[part.key] = part.name or words
        text += words
    return text, spans, names


class Writer:
    """Writes one prompt for one scene."""

    def __init__(self, scene: Scene, rng: random.Random, assets: Assets, fonts: FontBook) -> None:
        self.scene, self.rng, self.assets, self.fonts = scene, rng, assets, fonts
        self.quote = self._choose_quote()

    def _choose_quote(self) -> str:
        texts = [e.text for e in self.scene.texts]
        quote = self.rng.choices(list(QUOTE_WEIGHTS), list(QUOTE_WEIGHTS.values()))[0]
        simple = len(texts) == 1 and re.fullmatch(r"[A-Za-z0-9' ]+", texts[0]) and not _ambiguous(texts[0])
        if quote == "none" and not simple:
            quote = "double"
        return "double" if quote == "single" and any("'" in t for t in texts) else quote

    # ---- pieces

    def quoted(self, i: int) -> Fragment:
        before, after = QUOTES[self.quote]
        words = self.scene.texts[i].text
        if self.quote == "none" and self.rng.random() < 0.6:
            words = words.lower()
        return (before, Mark(words, ("text", i)), after)

    def noun(self) -> Fragment:
        """The picture with its article; the noun is the panel's mark if it names the panel."""
        s, r = self.scene, self.rng
        if s.thing == "product":
            return self._product_noun()
        names_panel = s.panel is not None and s.panel.text == s.noun
        words = f"{s.fill} {s.noun}" if names_panel and s.fill and r.random() < 0.5 else s.noun
        before = f"{article(words)} {words.removesuffix(s.noun)}"
        return (before, Mark(s.noun, ("panel", 0)) if names_panel else s.noun)

    def _product_noun(self) -> Fragment:
        return (f"{article(self.scene.noun)} ", Mark(self.scene.noun, ("group", 0)))

    def panel_phrase(self) -> Fragment:
        """The panel where the noun does not name it: "a white speech bubble"."""
        panel, fill = self.scene.panel, self.scene.fill
        if panel is None:
            return ()
        words = f"{fill} {panel.text}" if fill and self.rng.random() < 0.4 else panel.text
        return (f"{article(words)} {words.removesuffix(panel.text)}", Mark(panel.text, ("panel", 0)))

    def group(self, i: int) -> Fragment:
        """ "three red apples", "an owl", "musical notes"."""
        g, r = self.scene.groups[i], self.rng
        info, n = self.assets.objects[g.name], len(g.elements)
        name = r.choice(info.aliases) if info.aliases and not info.mass and r.random() < 0.25 else g.name
        bare = info.mass or (name != g.name and name.endswith("s") and not name.endswith("ss"))
        name = self._adjective(g) + name
        if n > 1:
            number = NUMBER_WORDS[n] if r.random() < 0.85 else str(n)
            return (f"{number} ", Mark(plural(name), ("group", i), name))
        if bare:
            return (Mark(name, ("group", i)),)
        lone = "the" if name in ("sun", "full moon", "Earth", "Milky Way") else article(name)
        return (f"{lone} ", Mark(name, ("group", i)))

    def _adjective(self, g: Group) -> str:
        """A colour before the name, sometimes, where it is known and not already there."""
        element, r = g.elements[0], self.rng
        words = set(g.name.lower().split())
        if words & {w for c in COLOURS for w in c.split()} or words & {"golden", "tan", "rainbow"}:
            return ""
        if element.style == "mono":
            return f"{colour_name(element)} " if r.random() < 0.3 else ""
        art = self.assets.objects[g.name].styles[element.style]
        return f"{art.colour} " if art.colour and art.share > 0.5 and r.random() < 0.12 else ""

    def objects(self, first: int = 0) -> Fragment:
        """All groups from `first` on, with their relation sometimes."""
        s, r = self.scene, self.rng
        phrases = [self.group(i) for i in range(first, len(s.groups))]
        if len(phrases) == 2 and s.relation in ("left", "above") and r.random() < 0.75:
            a, b = phrases
            forms = {
                "left": (
                    "{a} to the left of {b}",
                    "{a} left of {b}",
                    "{b} to the right of {a}",
                    "{a} and {b} side by side",
                ),
                "above": ("{a} above {b}", "{a} above {b}", "{b} below {a}", "{a} on top and {b} below"),
            }
            return expand(r.choice(forms[s.relation]), {"a": a, "b": b})
        return joined(phrases, ", ", " and ") if phrases else ()

    def background(self) -> Fragment:
        """The background with its preposition and a leading blank."""
        s, r = self.scene, self.rng
        phrase = s.background_phrase
        if s.background.style == "photo":
            forms: tuple[str, ...] = (
                " in {b}",
                " with {b} in the background",
                " in front of {b}",
                " on a photo of {b}",
            )
            if "sky" in phrase:
                forms = (" under {b}", " with {b} in the background", " in front of {b}")
            return expand(r.choice(forms), {"b": (Mark(phrase, ("background", 0)),)})
        if s.background.style == "texture":
            lone = article(phrase)
            on = " on {b}" if phrase in UNCOUNTED else f" on {lone} {{b}}"
            form = r.choice((f" on {lone} {{b}} background", on, f" with {lone} {{b}} background"))
            words = f"{phrase} background" if "background" in form else phrase
            mark = Mark(words, ("background", 0), phrase)
            return expand(form.replace(" background", ""), {"b": (mark,)})
        lone, _, rest = phrase.partition(" ")
        if not re.search("background", rest):
            return (f" on {lone} ", Mark(rest, ("background", 0)))
        return (f" {r.choice(('on', 'on', 'with'))} {lone} ", Mark(rest, ("background", 0)))

    def text_fields(self) -> dict[str, Fragment | str]:
        """Fields of ONE_TEXT, TWO_TEXTS and MORE_TEXTS."""
        fields: dict[str, Fragment | str] = {}
        for i, (letter, e) in enumerate(zip("abcdefgh", self.scene.texts, strict=False)):
            font = self.rng.choice(FONT_WORDS.get(self.fonts.category(e.font or ""), ("plain",)))
            fields |= {
                letter: self.quoted(i),
                f"{letter}c": colour_name(e),
                f"{letter}f": font,
                f"a{letter}f": with_article(font),
                f"{letter}p": place_words(e.box),
            }
        every = [self.quoted(i) for i in range(len(self.scene.texts))]
        fields |= {
            "all": joined(every, ", ", " and "),
            "list": joined(every),
            "others": joined(every[1:], ", ", " and "),
        }
        return fields

    def texts(self) -> Fragment:
        """The clause that gives the words: "with the text 'Hello'"."""
        n = len(self.scene.texts)
        fields = self.text_fields()
        if self.quote == "none":
            forms = ["that says {a}", "with the words {a}"]
            return expand(
                self.rng.choice(forms if self.scene.groups else [*forms, "saying {a}", "reading {a}"]), fields
            )
        forms = list(ONE_TEXT if n == 1 else TWO_TEXTS if n == 2 else MORE_TEXTS)
        if n == 1 and " " in self.scene.texts[0].text:
            forms.remove("with the word {a}")
        if n == 2 and self.scene.texts[0].box.y1 > self.scene.texts[1].box.y0 + 0.02:
            forms = ["with the text {a} and {b}", "that says {a} and {b}"]
        if n == 2 and fields["ap"] == fields["bp"]:
            forms = [f for f in forms if "{ap}" not in f]
        return expand(self.rng.choice(forms), fields)

    # ---- whole prompts

    def write(self) -> Fragment:
        s, r = self.scene, self.rng
        bg = self.background() if r.random() < 0.6 else ()
        if self.quote == "none":
            return self._unquoted(bg)
        if s.thing == "speaker":
            return self._spoken(bg)
        if not s.texts:
            forms = ("{O}{B}", "{O}{B}", "{N} of {O}{B}", "{N} with {O}{B}")
            return expand(r.choice(forms), {"N": self.noun(), "O": self.objects(), "B": bg})
        kind = r.random()
        if kind < 0.13:
            return self._in_demo_form(bg)
        if kind < 0.25 and s.thing != "product" and (s.panel is None or s.panel.text == s.noun):
            return self._as_list()
        if kind < 0.35:
            return self._in_two_sentences(bg)
        return self._in_one_sentence(bg)

    def _styled(self) -> str:
        groups = self.scene.groups
        return (
            f", {self.rng.choice(STYLE_WORDS[groups[0].elements[0].style])}"
            if groups and self.rng.random() < 0.15
            else ""
        )

    def _subject(self) -> tuple[Fragment, Fragment]:
        """The picture and the objects that are not part of it; a panel the noun does not name follows the noun."""
        s = self.scene
        noun = self.noun()
        if s.panel is not None and s.panel.text != s.noun and s.thing != "speaker":
            noun = (*noun, " with ", *self.panel_phrase())
        return noun, self.objects(1 if s.thing == "product" else 0)

    def _in_one_sentence(self, bg: Fragment) -> Fragment:
        noun, objects = self._subject()
        forms: tuple[str, ...] = WITH_OBJECTS if objects else WITHOUT_OBJECTS
        if self.scene.panel is not None and self.scene.panel.text != self.scene.noun:
            forms = ("{N} {T} and {O}{B}", "{N} {T}, with {O}{B}") if objects else ("{N} {T}{B}",)
        lead = self.rng.choices(list(LEADS), list(LEADS.values()))[0]
        fields = {"N": noun, "T": self.texts(), "O": objects, "B": bg}
        return (lead, *expand(self.rng.choice(forms), fields), self._styled())

    def _in_two_sentences(self, bg: Fragment) -> Fragment:
        noun, objects = self._subject()
        every = joined([self.quoted(i) for i in range(len(self.scene.texts))], self.rng.choice((", ", " and ")))
        stop = "." if self.rng.random() < 0.5 else ""
        form = "{N} with {O}{B}. {S} {T}" if objects else "{N}{B}. {S} {T}"
        return (*expand(form, {"N": noun, "O": objects, "B": bg, "S": self.rng.choice(SENTENCES), "T": every}), stop)

    def _as_list(self) -> Fragment:
        """Key words: "poster, red apple, navy blue background, text 'Hello'"."""
        s, r = self.scene, self.rng
        head = "text " if r.random() < 0.5 else "the text "
        items: list[Fragment] = [(head, *joined([self.quoted(i) for i in range(len(s.texts))]))]
        if s.groups:
            items.append(self.objects())
        if r.random() < 0.6:
            items.append((Mark(re.sub(r"^an? ", "", s.background_phrase), ("background", 0)),))
            if s.background.style == "photo":
                items[-1] = (Mark(s.background_phrase, ("background", 0)), " in the background")
            elif s.background.style == "texture":
                items[-1] = (Mark(f"{s.background_phrase} background", ("background", 0), s.background_phrase),)
        r.shuffle(items)
        noun = self.noun()
        start = noun[0] if isinstance(noun[0], str) else ""
        return joined([(re.sub(r"^an? ", "", start), *noun[1:]), *items])

    def _in_demo_form(self, bg: Fragment) -> Fragment:
        """The short forms that people try first."""
        s, r = self.scene, self.rng
        noun, objects = self._subject()
        every = joined([self.quoted(i) for i in range(len(s.texts))], " ")
        fields: dict[str, Fragment | str] = {"N": noun, "B": bg, "T": every}
        fields["O"] = expand(r.choice((" and {o}", ", {o}", " with {o}")), {"o": objects}) if objects else ""
        fields["C"] = colour_name(s.texts[0])
        bare = noun[1:] if isinstance(noun[0], str) and re.fullmatch("an? ", noun[0]) else noun
        forms = ["{N} with {T} written on it{O}{B}", "{N} with the text {T}{O}{B}", "{N} that says {T}{O}{B}"]
        if s.kind == "logo":
            forms += ["logo for {T}{O}{B}", "a logo for {T}{O}{B}", "{N} for the company {T}{O}{B}"]
        elif s.thing == "product" and isinstance(bare[0], Mark):
            fields["n"] = bare
            forms += ["{T} {n}{B}", "{T} {n}{B}", "{n} with {T}{B}", "{n} {T}{B}"]
        elif s.panel is None:
            forms += [
                "the words {T} in {C}{O}{B}",
                "{T}{O}{B}",
                "the text {T}{O}{B}",
                "{T} written in {C} letters{O}{B}",
            ]
        return expand(r.choice(forms), fields)

    def _spoken(self, bg: Fragment) -> Fragment:
        """A figure that speaks; the panel is marked at its name or at the word "cartoon"."""
        s, r = self.scene, self.rng
        figure = next(i for i, g in enumerate(s.groups) if g.elements[0].box.height > 0.4)
        other = next((i for i in range(len(s.groups)) if i != figure), None)
        fields: dict[str, Fragment | str] = {
            "G": self.group(figure),
            "T": self.quoted(0),
            "B": bg,
            "P": self.panel_phrase(),
        }
        fields["X"] = expand(" next to {x}", {"x": self.group(other)}) if other is not None else ""
        fields["N"] = (f"{article(s.noun)} ", Mark(s.noun, ("panel", 0)))
        forms = (
            "{G}{X} with {P} that says {T}{B}", "{G}{X} with {P} saying {T}{B}", "{G}{X}{B} with {P} reading {T}",
            "{G}{X} and {P} with the text {T}{B}", "{G}{X} with {P} that says {T}{B}", "{N} of {G}{X} saying {T}{B}",
        )  # fmt: skip
        return expand(r.choice(forms), fields)

    def _unquoted(self, bg: Fragment) -> Fragment:
        """Words without quotation marks, which end the prompt."""
        s = self.scene
        if s.thing == "speaker":
            self.quote = "double"
            return self._spoken(bg)
        noun, objects = self._subject()
        form = "{N} with {O}{B} {T}" if objects else "{N}{B} {T}"
        if s.panel is not None and s.panel.text != s.noun:
            form = "{N} {T}"
            if objects:
                self.quote = "double"
                form = "{N} {T} and {O}"
        return expand(form, {"N": noun, "O": objects, "B": bg, "T": self.texts()})


def _ambiguous(text: str) -> bool:
    """Whether a reader could not tell unquoted words from the description around them."""
    return bool(re.search(r"\b(in|on|with|and|at|of|for|from|by|the|that|a)\b", text.lower()))


def _cased(text: str, rng: random.Random) -> str:
    """A capital first letter in about half of the prompts."""
    return text[:1].upper() + text[1:] if rng.random() < 0.55 else text


def describe(scene: Scene, rng: random.Random, assets: Assets, fonts: FontBook) -> Description:
    """A prompt for the scene, its caption and its elements with spans."""
    prompt, spans, names = render(Writer(scene, rng, assets, fonts).write())
    if ("text", 0) not in spans or spans["text", 0][0] > 0:
        prompt = _cased(prompt, rng)
    ends_in_text = any(kind == "text" and end == len(prompt) for (kind, _), (_, end) in spans.items())
    if prompt[-1].isalpha() and prompt[0].isupper() and rng.random() < 0.15 and not ends_in_text:
        prompt += "."
    elements, objects = _elements(scene, spans, names)
    return Description(prompt, understand(prompt).caption, elements, objects)


def _elements(
    scene: Scene, spans: Mapping[tuple[str, int], tuple[int, int]], names: Mapping[tuple[str, int], str]
) -> tuple[tuple[Element, ...], dict[int, str]]:
    """The elements in layout order with spans and the words of the prompt, and the canonical names of objects."""
    painted = scene.background.style not in ("photo", "texture")
    key = ("background", 0)
    phrase = names.get(key, "") if painted else scene.background.text
    elements = [replace(scene.background, text=phrase, span=spans.get(key))]
    if scene.panel:
        key = ("panel", 0)
        elements.append(replace(scene.panel, text=names.get(key, scene.panel.text), span=spans.get(key)))
    objects: dict[int, str] = {}
    for key in sorted((k for k in spans if k[0] in ("group", "text")), key=lambda k: spans[k]):
        kind, i = key
        for element in (scene.texts[i],) if kind == "text" else scene.groups[i].elements:
            if kind == "group":
                objects[len(elements)] = scene.groups[i].name
            elements.append(replace(element, text=names[key], span=spans[key]))
    return tuple(elements), objects
