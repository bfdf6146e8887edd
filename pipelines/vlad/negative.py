"""Negative prompts: what a visitor does not want to see, in the vocabulary of the prompt reader.

Phrases are parted by commas, other punctuation, "and" or "or". Objects, panels and places that a phrase names are left
out of the plan, although the prompt asks for them. Looks (colours, fonts, styles) are avoided where the prompt leaves
them open; where it asks for them, the prompt wins. Texts are always written. How the ambiguous cases are decided:

Colours. A plain colour word covers its shades ("blue": navy, sky and light blue too; "black": charcoal), a shade
itself only ("dark blue"). "Dark" and "light" cover all dark and all light colours. Before a noun a colour belongs to
it: "red balloon" leaves out red balloons, "red text" and "red background" keep letters and backgrounds from being red.
"Orange", "rose" and the like are avoided as colours and as things.

Nouns. A kind of thing covers its kinds: "cake" a birthday cake, "animals" a dog, "sign" a storefront, "panel" every
panel. What no vocabulary knows still leaves out an object that the prompt calls the same.

Words of several meanings. "Plain", "clean", "simple", "minimal" and "bordered" are backgrounds, "neon" is a glow,
"flat" a style of objects, unless "text", "letters", "font" or "background" stand beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.colours import COLOURS, luminance, name_of, to_rgb
from pipelines.errors import BadPrompt, UserError
from pipelines.types import KINDS, MAX_PROMPT, STYLES, Kind, Layout
from pipelines.vlad.choices import ANY, EVERY_COLOUR, Choices
from pipelines.vlad.fonts import FONT_CATEGORIES
from pipelines.vlad.lexicon import LONGEST_NAME, default_lexicon, key_of, plural_of, singular_of
from pipelines.vlad.nouns import (
    COLOUR_RGB,
    FONT_WORDS,
    LETTERS,
    OBJECT_STYLE_PHRASES,
    PANELS,
    PATTERNS,
    PICTURED_KINDS,
    PLACES,
    STOP_WORDS,
    TEXT_STYLE_WORDS,
    TONES,
)
from pipelines.vlad.prompt import Part, Understanding, understand
from pipelines.vlad.quotes import normalise
from pipelines.vlad.reading import Reading, colour_hex

SHOWN = 40  # characters of a phrase that a sentence quotes
_PARTED = re.compile(r"[^\w\s'’&+-]+|\n")
_BETWEEN = frozenset("and or nor but no not without on against".split())
_ASIDE = frozenset("don't dont use any avoid exclude excluding except colored coloured".split())
_BACKGROUNDS = frozenset("background backgrounds backdrop backdrops bg".split())
_GROUNDS: dict[str, tuple[str, ...]] = {  # beside PATTERNS
    "frame": ("border",), "photo": ("photo",), "photograph": ("photo",), "photography": ("photo",),
    "photographic": ("photo",), "texture": ("texture",), "textured": ("texture",), "sunbeams": ("sunburst",),
    "pattern": ("stripes", "sunburst", "dots", "confetti"), "patterned": ("stripes", "sunburst", "dots", "confetti"),
}  # fmt: skip
_CLASSES = frozenset(  # tags of the lexicon that name kinds of objects
    "animal bird insect food fruit vegetable dessert drink flower plant vehicle building clothing face instrument "
    "weapon".split()
)
_PEOPLE = frozenset("people person human humans men women".split())
_EVERYTHING = frozenset("object objects thing things".split())
_DARK, _LIGHT = 0.1, 0.55  # relative luminance below which a colour is dark, above which it is light


@dataclass(frozen=True)
class Rule:
    """What one phrase of a negative prompt names.

    Attributes:
        phrase: its words as written.
        kinds: the kinds of elements whose looks it is about.
        colours: names of `pipelines.colours.COLOURS`; with things, only things of such a colour are meant.
        fonts: font categories.
        styles: (kind, style).
        objects, panels, places: nouns in the singular.
        texts: whether it names texts as such.
        known: whether any vocabulary has it.
    """

    phrase: str
    kinds: frozenset[Kind] = frozenset(KINDS)
    colours: frozenset[str] = frozenset()
    fonts: frozenset[str] = frozenset()
    styles: frozenset[tuple[str, str]] = frozenset()
    objects: frozenset[str] = frozenset()
    panels: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    texts: bool = False
    known: bool = True


@dataclass(frozen=True)
class Avoided:
    """A negative prompt taken apart: its normalised text and one rule for each phrase."""

    text: str = ""
    rules: tuple[Rule, ...] = ()

    def colours(self, kind: Kind) -> frozenset[str]:
        """Names of the colours to avoid for a kind of element."""
        return frozenset(c for r in self.rules if kind in r.kinds for c in r.colours)

    def styles(self, kind: Kind) -> frozenset[str]:
        """Styles to avoid for a kind of element."""
        return frozenset(s for r in self.rules for k, s in r.styles if k == kind)

    @property
    def fonts(self) -> frozenset[str]:
        """Font categories to avoid."""
        return frozenset(f for r in self.rules for f in r.fonts)

    @property
    def choices(self) -> Choices:
        """What is left to choose from; where nothing would be left, everything."""
        open_ = Choices(
            {k: [c for n, c in COLOURS.items() if n not in self.colours(k)] or EVERY_COLOUR for k in KINDS},
            {k: [s for s in STYLES[k] if s not in self.styles(k)] or STYLES[k] for k in KINDS},
            [f for f in FONT_CATEGORIES if f not in self.fonts] or FONT_CATEGORIES,
            frozenset(p for p in PICTURED_KINDS if any(_is_place(p, n) for r in self.rules for n in r.places)),
        )
        free = not any(r.colours or r.styles or r.fonts for r in self.rules) and not open_.without
        return ANY if free else open_


def read_negative(text: str) -> Avoided:
    """Takes a negative prompt apart; "" avoids nothing.

    Raises:
        BadPrompt: not a string, or longer than MAX_PROMPT.
    """
    if not isinstance(text, str):
        raise BadPrompt("The negative prompt must be text; name what should not be seen, separated by commas.")
    clean = normalise(text)
    if len(clean) > MAX_PROMPT:
        raise BadPrompt(
            f"The negative prompt has {len(clean):,} characters and {MAX_PROMPT:,} is the most; shorten it."
        )
    by_emoji = default_lexicon().by_emoji
    spelled = "".join(f",{by_emoji[c]}," if c in by_emoji else c for c in clean)
    rules = (_rule(words) for part in _PARTED.split(spelled) for words in _phrases(part))
    return Avoided(clean, tuple({r.phrase: r for r in rules if r}.values()))


# ---- phrases and their words


def _phrases(part: str) -> Iterator[list[str]]:
    """Words of each phrase, in lower case, with the names of several words kept together."""
    words = [w.text for w in Reading(part.replace("&", " and ")).words]
    found: list[str] = []
    i = 0
    while i < len(words):
        n = next((n for n in range(min(LONGEST_NAME, len(words) - i), 1, -1) if _known(" ".join(words[i : i + n]))), 1)
        if n == 1 and words[i] in _BETWEEN:
            yield found
            found = []
        else:
            found.append(" ".join(words[i : i + n]))
        i += n
    yield found


def _is_colour(run: str) -> bool:
    """Whether a run names a colour and nothing else: "navy blue" and "dark teal", but not "bold red"."""
    first, _, rest = run.partition(" ")
    return run in COLOUR_RGB or bool(TONES.get(first) and rest in COLOUR_RGB)


def _is_font(run: str) -> bool:
    return run in FONT_WORDS


def _panel(run: str) -> str | None:
    """The panel noun in the singular; None for what is no panel or the picture itself."""
    noun = next((n for n in (run, run.removesuffix("s")) if PANELS.get(n)), None)
    return noun or ("panel" if run in ("panel", "panels") else None)


def _ground(run: str) -> tuple[str, ...]:
    """Styles of the background that a run names."""
    for word in (run, singular_of(run)):
        if word in PATTERNS:
            return (PATTERNS[word],)
        if word in _GROUNDS:
            return _GROUNDS[word]
    return ()


def _class_of(run: str) -> str | None:
    """The kind of objects that a run names."""
    if run in _PEOPLE or run in _EVERYTHING:
        return "person" if run in _PEOPLE else "object"
    return next((w for w in (run, singular_of(run)) if w in _CLASSES), None)


def _text_style(run: str) -> str | None:
    return "glow" if run in ("neon sign", "neon signs", "neon lights sign") else TEXT_STYLE_WORDS.get(run)


_KNOWN: tuple[Callable[[str], object], ...] = (
    _is_colour, _is_font, _panel, _ground, _class_of, _text_style, OBJECT_STYLE_PHRASES.get, PLACES.get,
    lambda run: default_lexicon().get(run),
)  # fmt: skip


def _known(run: str) -> bool:
    return any(test(run) for test in _KNOWN)


def _rule(runs: Sequence[str]) -> Rule | None:
    """What a phrase names; None for one without content."""
    runs = [r for r in runs if r not in _ASIDE and not (r in STOP_WORDS and not _known(r)) and not r.isdigit()]
    if not runs:
        return None
    phrase = " ".join(runs)
    if any(r in LETTERS for r in runs):
        return _of_letters(phrase, runs)
    if any(r in _BACKGROUNDS for r in runs):
        return _of_background(phrase, runs)
    nouns = _of_nouns(phrase, runs)
    if nouns.objects or nouns.panels:
        return nouns
    looks = _of_looks(phrase, runs)
    if looks.known:
        return looks
    return Rule(phrase, objects=frozenset({" ".join([*runs[:-1], singular_of(runs[-1])])}), known=False)


def _of_letters(phrase: str, runs: Sequence[str]) -> Rule:
    """ "red text", "serif font", "outlined letters"; "text" alone."""
    styles = frozenset(("text", s) for r in runs if (s := _text_style(r)))
    fonts = _fonts(r for r in runs if not _text_style(r))
    colours = _colours(runs)
    alone = not (styles or fonts or colours)
    return Rule(phrase, frozenset({"text"}), colours, fonts, styles, texts=alone)


def _of_background(phrase: str, runs: Sequence[str]) -> Rule:
    """ "red background", "striped background", "forest background"; "background" alone is all but a plain one."""
    colours = _colours(runs)
    styles = {s for r in runs for s in _ground(r)}
    places = frozenset(r for r in runs if r in PLACES and not _colours([r]))
    objects = frozenset(r for r in runs if not (_ground(r) or r in places) and default_lexicon().get(r))
    if all(r in _BACKGROUNDS for r in runs):
        styles = set(STYLES["background"]) - {"plain"}
    known = bool(colours or styles or places or objects)
    return Rule(
        phrase, frozenset({"background"}), colours, styles=frozenset(("background", s) for s in styles),
        objects=objects, places=places, known=known,
    )  # fmt: skip


def _of_nouns(phrase: str, runs: Sequence[str]) -> Rule:
    """Objects and panels with their colours, and places that are things too ("mountain")."""
    lexicon = default_lexicon()
    nouns = [r for r in runs if lexicon.get(r) or _class_of(r) or _panel(r)]
    nouns = [r for r in nouns if r == nouns[-1] or not _is_colour(r)]  # "orange cake"
    objects = {name.singular for r in nouns if (name := lexicon.get(r))} | {c for r in nouns if (c := _class_of(r))}
    panels = {p for r in nouns if (p := _panel(r))}
    single = len(runs) == 1
    colours = _colours(r for r in runs if single or r not in nouns)
    named: tuple[tuple[Kind, set[str]], ...] = (("object", objects), ("panel", panels))
    if single and colours:  # "orange": the colour and the thing
        return Rule(phrase, objects=frozenset(objects), colours=colours)
    styles = frozenset(("background", s) for r in nouns if single for s in _ground(r))
    places = frozenset(r for r in nouns if r in PLACES)
    kinds = frozenset(k for k, n in named if n)
    return Rule(
        phrase, kinds, colours, styles=styles, objects=frozenset(objects), panels=frozenset(panels), places=places
    )


def _of_looks(phrase: str, runs: Sequence[str]) -> Rule:
    """Colours, fonts, styles and places without a noun of their own."""
    texts = {("text", s) for r in runs if not _ground(r) and (s := _text_style(r))}
    things = {("object", OBJECT_STYLE_PHRASES[r]) for r in runs if r in OBJECT_STYLE_PHRASES}
    grounds = {("background", s) for r in runs if r not in OBJECT_STYLE_PHRASES for s in _ground(r)}
    places = frozenset(r for r in runs if r in PLACES and not _text_style(r) and not _toned(r))
    colours = _colours(r for r in runs if r not in places)
    fonts = _fonts(r for r in runs if not (_ground(r) or r in OBJECT_STYLE_PHRASES or _text_style(r)))
    known = bool(texts or things or grounds or places or colours or fonts)
    kinds: frozenset[Kind] = frozenset({"background"}) if grounds or places else frozenset(KINDS)
    return Rule(phrase, kinds, colours, fonts, frozenset(texts | things | grounds), places=places, known=known)


def _toned(run: str) -> bool:
    return run in TONES and abs(TONES[run]) >= 0.4


def _colours(runs: Iterable[str]) -> frozenset[str]:
    """Names of all colours that words cover."""
    found: set[str] = set()
    for run in runs:
        value = colour_hex(run) if _is_colour(run) else None
        if value:
            found |= _family(run, name_of(to_rgb(value)))
        elif _toned(run):
            found |= {
                n for n, c in COLOURS.items() if (luminance(c) < _DARK if TONES[run] < 0 else luminance(c) > _LIGHT)
            }
    return frozenset(found)


def _family(word: str, name: str) -> set[str]:
    """A plain colour word's shades ("blue": "navy blue", "sky blue", ...), any other's nearest name."""
    if " " in word or COLOUR_RGB[word] != COLOURS[name]:
        return {name}
    shades = (k for k in COLOUR_RGB if k.split()[-1] in (word, name) and COLOUR_RGB[k] in EVERY_COLOUR)
    return {name, *(name_of(COLOUR_RGB[k]) for k in shades), *(["charcoal"] if name == "black" else [])}


def _fonts(runs: Iterable[str]) -> frozenset[str]:
    """Font categories; the plain name of one covers its variants ("serif": slab serif)."""
    found: set[str] = set()
    for run in runs:
        category = FONT_WORDS.get(run)
        if category:
            plain = run.replace(" ", "-") == category
            found |= {c for c in FONT_CATEGORIES if c == category or (plain and c.endswith(f" {category}"))}
    return frozenset(found)


# ---- the prompt and what it must do without


def without(understood: Understanding, avoided: Avoided) -> Understanding:
    """The prompt less the objects, panels and place that are avoided; its texts stay."""
    kept = [i for i, p in enumerate(understood.parts) if not any(_leaves_out(r, p) for r in avoided.rules)]
    if len(kept) == len(understood.parts):
        return understood
    parts = [understood.parts[i] for i in kept]
    if 0 not in kept:
        kept, parts = [0, *kept], [Part("background", "", None), *parts]
    at = {old: new for new, old in enumerate(kept)}
    relations = tuple((at[a], word, at[b]) for a, word, b in understood.relations if a in at and b in at)
    return replace(understood, parts=tuple(parts), relations=relations)


def _leaves_out(rule: Rule, part: Part) -> bool:
    """Whether a rule takes a part out of the picture."""
    if part.kind == "background":
        return any(_is_place(part.text, n) for n in rule.places)
    coloured = "background" not in rule.kinds and (rule.objects or rule.panels) and len(rule.kinds) < len(KINDS)
    if coloured and rule.colours and not (part.colour and name_of(to_rgb(part.colour)) in rule.colours):
        return False
    if part.kind == "panel":
        return any(noun in ("panel", part.style) or _ends(part.text, noun) for noun in rule.panels)
    return part.kind == "object" and any(_is_object(part, noun) for noun in rule.objects)


def _ends(text: str, noun: str) -> bool:
    """Whether a phrase ends with the words of a noun."""
    words, last = key_of(text), key_of(noun)
    return bool(last) and words[-len(last) :] == last


def _is_place(text: str, name: str) -> bool:
    """Whether a background shows a place: the same picture, or the place is named in its words."""
    same = bool(text) and name in PLACES and PLACES[name][0] == text
    return same or f" {name} " in f" {' '.join(key_of(text))} "


def _is_object(part: Part, noun: str) -> bool:
    """Whether an object is what a noun names, or a kind of it."""
    lexicon = default_lexicon()
    meant, record = lexicon.get(noun), lexicon.records.get(part.name)
    if noun == "object" or (meant and meant.object == part.name):
        return True
    if record and noun == "person":
        return record["group"] == "people & body"
    if record and noun in _CLASSES and (noun in record["tags"] or noun in key_of(part.name)):
        return True
    same_group = not (meant and record) or meant.group == record["group"]
    return same_group and (_ends(part.text, noun) or _ends(part.name, noun))


# ---- sentences


def negative_warnings(layout: Layout) -> list[str]:
    """Sentences for people about a layout's negative prompt; empty if all of it is heeded.

    Told: phrases that name nothing a plan can avoid, phrases that the prompt overrules, and a plan of which nothing but
    the background is left.
    """
    if not layout.negative_prompt:
        return []
    avoided = read_negative(layout.negative_prompt)
    try:
        asked = understand(layout.prompt)
    except UserError:
        return _unknown(r for r in avoided.rules if not r.known)
    kept = without(asked, avoided)
    said = [s for r in avoided.rules for s in _overruled(r, kept.parts)]
    if len(kept.parts) == 1 < len(asked.parts):
        said.append("The negative prompt leaves out all that the prompt asks for, so only the background is left.")
    if any(len(avoided.colours(k)) == len(COLOURS) for k in KINDS):
        said.append("The negative prompt names every colour, so the plan chooses among all of them.")
    idle = (r for r in avoided.rules if not r.known and not any(_leaves_out(r, p) for p in asked.parts))
    return [*said, *_unknown(idle)]


def _shown(phrase: str) -> str:
    return f'"{phrase if len(phrase) <= SHOWN else phrase[: SHOWN - 1] + "…"}"'


def _unknown(rules: Iterable[Rule]) -> list[str]:
    phrases = [_shown(r.phrase) for r in rules]
    if not phrases:
        return []
    named = ", ".join(phrases[:5]) + (f" and {len(phrases) - 5} more" if len(phrases) > 5 else "")
    return [
        f"The plan knows nothing called {named}, so this part of the negative prompt only acts while the picture is "
        "drawn, with a guidance above 1."
    ]


def _overruled(rule: Rule, parts: Sequence[Part]) -> list[str]:
    """The sentence about what the prompt asks for although the negative prompt names it, as a list of one or none."""
    if rule.texts and any(p.kind == "text" for p in parts):
        return [
            f"Texts of the prompt are always written, so the negative prompt's {_shown(rule.phrase)} is not heeded."
        ]
    asked = ", ".join(list(dict.fromkeys(s for p in parts for s in _asked(rule, p)))[:3])
    not_heeded = f"so the negative prompt's {_shown(rule.phrase)} is not heeded there."
    return [f"The prompt asks for {asked}, {not_heeded}"] if asked else []


_LOOKS = {"3d": "3D objects", "flat": "flat objects", "mono": "silhouettes", "glow": "glowing letters",
          "outline": "outlined letters", "shadow": "letters with a shadow", "plain": "a plain background",
          "border": "a border", "photo": "a photo", "texture": "a texture", "gradient": "a gradient"}  # fmt: skip


def _asked(rule: Rule, part: Part) -> list[str]:
    """Looks of a part that the prompt asks for and the rule names; none unless it asks for all that the rule names."""
    if part.kind not in rule.kinds and not any(k == part.kind for k, _ in rule.styles):
        return []
    tests: list[str | None] = []
    if rule.colours and part.kind in rule.kinds:
        tests.append(_asked_colour(rule, part))
    if rule.fonts and part.kind == "text":
        tests.append(f"{part.font_category} letters" if part.font_category in rule.fonts else None)
    if any(k == part.kind for k, _ in rule.styles):
        style = part.style or ""
        tests.append(_LOOKS.get(style, style) if (part.kind, style) in rule.styles else None)
    return [t for t in tests if t] if all(tests) else []


def _asked_colour(rule: Rule, part: Part) -> str | None:
    if part.kind == "background" and part.style in ("photo", "texture"):
        return None  # the mean colour of a picture
    names = [name_of(to_rgb(c)) for c in (part.colour, part.accent) if c]
    name = next((n for n in names if n in rule.colours), None)
    if name is None:
        return None
    if part.kind == "text":
        return f"{name} letters"
    if part.kind == "background":
        return f"{name} in the background"
    noun = part.text if set(name.split()) & set(key_of(part.text)) else f"{name} {part.text}"
    return plural_of(noun) if part.count > 1 else f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
