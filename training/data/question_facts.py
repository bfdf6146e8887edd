"""What is known of a poster, read from its record, in the words that answers use: places, colours, names and counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from pipelines.colours import name_of, to_rgb
from training.data.assets import Assets, ObjectInfo
from training.data.english import NUMBER_WORDS, plural, with_article

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in [0, 1], origin top left

PAINTED = {
    "plain": "{c} background", "gradient": "{c} gradient background", "stripes": "{c} striped background",
    "dots": "{c} polka dot background", "sunburst": "{c} background with sun rays",
    "confetti": "{c} background with confetti",
}  # fmt: skip
PATTERNS = {
    "stripes": "stripes", "dots": "polka dots", "sunburst": "sun rays", "confetti": "confetti", "border": "a border",
}  # fmt: skip
PANELS = {
    "speech": "a speech bubble", "ticket": "a ticket", "board": "a chalkboard", "note": "a note",
    "book": "a book cover", "ribbon": "a ribbon banner", "octagon": "a road sign", "diamond": "a road sign",
}  # fmt: skip
SCENES = {
    "words": "text design", "objects": "illustration", "photo text": "photo with text", "product": "product picture",
}  # fmt: skip
STYLES = {"3d": "3D", "flat": "flat illustration", "mono": "silhouette"}
GROUNDS = {"stripes": "striped", "dots": "polka dot", "sunburst": "sun rays", "split": "strip"}  # in one or two words
TOLD = ("panel", "noun", "style", "colour", "ground", "accent")  # of a whole poster
UNCOUNTED = frozenset("wood concrete paper cardboard marble canvas stone metal grass water tiles".split())
MASS = frozenset(
    """
    popcorn bacon corn sweetcorn bread butter salt sushi spaghetti rice curry food milk wine whisky champagne beer yarn
    hair poo film paper money lettuce broccoli garlic ginger cheese meat stew honey smoke fire snow rain lightning fog
    water tea sake coffee candy chocolate luggage confetti tofu pasta ramen soup soap blood coral ice ivy wheat grass
    seaweed paella thunder wind DNA
    """.split()
)
SINGULAR_S = frozenset("rhinoceros compass cactus bus dress hibiscus lotus octopus abacus hippopotamus".split())
PLURAL_S = frozenset(("skis", "maracas"))
UNIQUE = {
    "Statue of Liberty": "the Statue of Liberty", "Milky Way": "the Milky Way", "Tokyo tower": "Tokyo tower",
    "planet Earth": "planet Earth", "Earth": "the Earth", "Saturn": "Saturn", "Santa": "Santa",
    "Mount Fuji": "Mount Fuji", "Santa Claus": "Santa Claus", "Mrs Claus": "Mrs Claus",
}  # fmt: skip
PLURALS = {"moose": "moose", "elf": "elves", "superhero": "superheroes"}  # where `english.plural` errs
TOLERANCE = 0.02  # in shares of the image: centres nearer to the border of two places are not asked about
EDGES = (0.36, 0.64)  # of the middle third, as prompts have it
_TAIL = re.compile(r" (?:of|with|in|on|and|for|from|over|without|behind|\w+ing) ")


# ---- names


@lru_cache(1 << 16)
def words_of(phrase: str) -> frozenset[str]:
    """Lower-case words, each also without a final s."""
    words = re.findall(r"[a-z]+", phrase.lower())
    return frozenset(words) | {w[:-1] for w in words if w.endswith("s")}


@lru_cache(1 << 14)
def plural_of(name: str) -> str:
    """Plural of an object's name; what follows its head stays ("faces blowing a kiss")."""
    tail = re.search(r"(?<=\w) (?:blowing|shaking|lifting) ", name)
    if tail:
        return plural(name[: tail.start()]) + name[tail.start() :]
    before, _, last = name.rpartition(" ")
    return f"{before} {PLURALS[last]}".strip() if last in PLURALS else plural(name)


@lru_cache(1 << 14)
def bare(name: str) -> bool:
    """Whether a name stands without "a" ("grapes", "popcorn", "the Milky Way")."""
    if name in UNIQUE or name.split()[0] in ("people", "men", "women"):
        return True
    if " and " in name:
        return False
    head = _TAIL.split(name)[0].split()[-1]
    if head in MASS or head in PLURAL_S or name.startswith("thumbs "):
        return True
    return head.endswith("s") and not head.endswith("ss") and head not in SINGULAR_S and not head.endswith("saurus")


def named(name: str) -> str:
    """The name as one asks for it: "a dog", "grapes", "the Milky Way"."""
    if name in UNIQUE:
        return UNIQUE[name]
    phrase = name if bare(name) else with_article(name)
    return {"an ewe": "a ewe", "a SUV": "an SUV"}.get(phrase, phrase)


def takes_are(thing: str) -> bool:
    """Whether a thing given with its article takes "are" ("grapes")."""
    if thing.startswith(("a ", "an ")) or thing in UNIQUE.values():
        return False
    head = _TAIL.split(thing)[0].split()[-1]
    return head == "tiles" or head not in MASS | UNCOUNTED


def countable(info: ObjectInfo) -> bool:
    """Whether one can ask how many there are."""
    return not info.mass and not bare(info.name)


def surface(phrase: str) -> str:
    """A background phrase with the article it needs ("a brick wall", "wood", "a forest")."""
    if phrase.startswith(("a ", "an ", "the ", "two ", "some ")) or phrase.split()[-1] in UNCOUNTED:
        return phrase
    return named(phrase)


# ---- places


def place(box: Box) -> str | None:
    """ "at the top left", "on the left", "in the centre", ..., or None near the border of two places."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if any(abs(v - edge) < TOLERANCE for v in (x, y) for edge in EDGES):
        return None
    vertical = "top" if y < EDGES[0] else "bottom" if y > EDGES[1] else ""
    horizontal = "left" if x < EDGES[0] else "right" if x > EDGES[1] else ""
    if vertical:
        return f"at the {vertical} {horizontal}".strip()
    return f"on the {horizontal}" if horizontal else "in the centre"


def direction(a: Box, b: Box) -> str | None:
    """Where a lies seen from b: "to the left", "to the right", "above", "below"; None if askew or overlapping."""
    if _apart(a, b, 0) and _level(a, b, 1):
        return "to the left" if a[0] < b[0] else "to the right"
    if _apart(a, b, 1) and _level(a, b, 0):
        return "above" if a[1] < b[1] else "below"
    return None


def _apart(a: Box, b: Box, axis: int) -> bool:
    """Whether the boxes do not overlap along the axis (0: x, 1: y), but for a rim of 0.01."""
    return max(b[axis] - a[axis + 2], a[axis] - b[axis + 2]) > -0.01


def _level(a: Box, b: Box, axis: int) -> bool:
    """Whether the centre of one box lies within the other along the axis."""
    middles = ((v[axis] + v[axis + 2]) / 2 for v in (b, a))
    return any(v[axis] < middle < v[axis + 2] for v, middle in zip((a, b), middles, strict=True))


def of(way: str) -> str:
    """ "to the left" -> "to the left of"; "above" stays."""
    return f"{way} of" if way.startswith("to ") else way


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box around all."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


# ---- a poster


@dataclass(frozen=True)
class Text:
    """One text: its string, the name of its colour, and its box."""

    words: str
    colour: str
    box: Box

    @property
    def quoted(self) -> str:
        return f'"{self.words}"'


@dataclass(frozen=True)
class Group:
    """Objects of one sort.

    Attributes:
        info: what they are.
        boxes: one each.
        colour: its name, or None where they have several.
        tinted: the colour was chosen for this poster (silhouettes).
    """

    info: ObjectInfo
    boxes: tuple[Box, ...]
    colour: str | None
    tinted: bool

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def count(self) -> int:
        return len(self.boxes)

    @property
    def single(self) -> bool:
        """Whether "the owl" names it."""
        return self.count == 1 and countable(self.info)

    def phrase(self, coloured: bool = False) -> str:
        """ "an owl", "two apples"; with `coloured` and a tint "two red apples"."""
        tint = self.colour if coloured and self.tinted and self.colour not in self.name.split() else ""
        if bare(self.name) or self.info.mass:
            return f"{tint} {named(self.name)}".strip()
        if self.count == 1:
            return named(f"{tint} {self.name}".strip())
        return f"{NUMBER_WORDS[self.count]} {tint} {plural_of(self.name)}".replace("  ", " ")


class Facts:
    """What is known of one poster.

    Raises:
        KeyError: the record names an object that the assets lack.
    """

    def __init__(self, record: Mapping[str, Any], assets: Assets) -> None:
        elements = record["layout"]["elements"]
        self.scene: str = record["scene"]
        self.texts = reading_order(
            Text(e["text"], name_of(to_rgb(e["colour"])), tuple(e["box"])) for e in elements if e["kind"] == "text"
        )
        self.quotable = not any('"' in t.words for t in self.texts)
        names = dict.fromkeys(name for name, _ in record["groups"])
        self.groups = tuple(_group(name, record, assets) for name in names)
        self.style: str | None = next((e["style"] for e in elements if e["kind"] == "object"), None)
        self.panel: Mapping[str, Any] | None = next((e for e in elements if e["kind"] == "panel"), None)
        self.background: Mapping[str, Any] = next(e for e in elements if e["kind"] == "background")
        self.phrase: str = record["background_phrase"]
        if self.background["style"] in PAINTED:
            self.phrase = with_article(PAINTED[self.background["style"]].format(c=self.background_colour))

    @property
    def painted(self) -> bool:
        return self.background["style"] not in ("photo", "texture")

    @cached_property
    def background_colour(self) -> str:
        return name_of(to_rgb(self.background["colour"]))

    @property
    def noun(self) -> str:
        """What the poster is called, without article and colour ("ticket", "text design")."""
        return (
            self.panel["text"].lower() if self.panel and self.scene != "cartoon" else SCENES.get(self.scene, self.scene)
        )

    @property
    def told(self) -> tuple[str, ...]:
        """A word or two for each of TOLD, "" where there is none: colour of the panel, noun, style of the objects,
        colour of the background, its kind, and its second colour where it has a border or a strip.
        """
        style = self.background["style"]
        panel = name_of(to_rgb(self.panel["colour"])) if self.panel and self.scene != "cartoon" else ""
        second = name_of(to_rgb(self.background["accent"])) if style in ("border", "split") else ""
        ground = GROUNDS.get(style, style) if self.painted else surface(self.phrase)
        colour = self.background_colour if self.painted else ""
        return panel, self.noun, STYLES[self.style] if self.style else "", colour, ground, second

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of what is there besides the objects: background, panel and kind of poster."""
        panel = self.panel["text"] if self.panel else ""
        pattern = PATTERNS.get(self.background["style"], "")
        return words_of(f"{self.phrase} {panel} {self.scene} {pattern}")

    @property
    def signature(self) -> str | None:
        """The panel, with its article, where it is unmistakable."""
        return PANELS.get(self.panel["style"]) if self.panel else None

    @property
    def settings(self) -> list[str]:
        """What can be asked for besides objects: panel and background ("a chalkboard", "a city street", "stripes")."""
        background = PATTERNS.get(self.background["style"]) if self.painted else surface(self.phrase)
        return [s for s in (self.signature, background) if s]


def _group(name: str, record: Mapping[str, Any], assets: Assets) -> Group:
    elements = record["layout"]["elements"]
    mine = [elements[int(i)] for i, n in record["object_names"].items() if n == name]
    info = assets.objects[name]
    colour, tinted = object_colour(info, mine[0])
    return Group(info, tuple(tuple(e["box"]) for e in mine), colour, tinted)


def reading_order(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Top to bottom, then left to right; texts whose middle lies beside the one before are in its row."""
    rows: list[list[Text]] = []
    for t in sorted(texts, key=lambda t: t.box[1]):
        row = rows[-1][0].box if rows else None
        if row and (t.box[1] + t.box[3]) / 2 < row[3] and (row[1] + row[3]) / 2 > t.box[1]:
            rows[-1].append(t)
        else:
            rows.append([t])
    return tuple(t for row in rows for t in sorted(row, key=lambda t: t.box[0]))


def object_colour(info: ObjectInfo, element: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Name of an object's colour or None where it has several, and whether it was chosen for this poster."""
    if element["colour"]:
        return name_of(to_rgb(element["colour"])), True
    art = info.styles.get(element["style"])
    if art is None or art.colour is None or art.share < 0.55:
        return None, False
    return {"tan": "beige"}.get(art.colour, art.colour), False
