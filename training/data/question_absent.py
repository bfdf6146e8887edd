"""What is not in a picture: objects, places and texts to be denied, most of them close to what is there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from training.data import phrases as bank
from training.data.assets import Assets, ObjectInfo
from training.data.question_facts import PANELS, PATTERNS, Facts, plural_of, surface, words_of
from training.data.scenes import GROUP_WEIGHTS, drawable

HARD = 0.7  # share of denied objects that resemble one in the picture

PLACES = {
    "nature": ("a forest", "a park with trees", "a green meadow", "a dandelion meadow", "a meadow at sunrise"),
    "desert": ("a desert at dawn",),
    "sea": ("a seaside promenade", "a seaside at sunset"),
    "city": ("a city street", "a city square at sunset"),
    "sky": ("a cloudy sky",),
    "indoors": ("a lobby", "a warehouse", "a bright room", "a hotel room", "an old laboratory"),
}
PLACE_CLUES = {
    "nature": "forest tree park meadow field lawn garden mountain hill lake river wood valley waterfall",
    "desert": "desert dune sand",
    "sea": "sea seaside beach ocean coast promenade harbour",
    "city": "city street square courtyard town building house road bridge alley",
    "sky": "sky cloud",
    "indoors": "room lobby warehouse hall laboratory workshop mall kitchen office studio corridor",
}
SURFACES = (
    ("concrete", "plaster wall", "stone", "marble", "paper", "canvas", "cardboard"), ("brick wall", "tiles"),
    ("wood",), ("cork board",), ("metal", "garage door"), ("grass",), ("water",),
)  # fmt: skip
# what a photograph may show without its phrase saying so
SCENERY = frozenset(
    bank._phrases("""
    other plants | flowers | weather | buildings | other places | geographic locations | ground transportation |
    household items | people | roles & careers | activities | athletics | clothing | light, film & video | birds |
    bugs | water transportation | office supplies | religious buildings | globes & maps | other objects | tools
    """)
)
# what hardly any photograph shows unless its phrase says so
FAR_FETCHED = frozenset(
    bank._phrases("""
    mammals | marine life | reptiles | fantasy | musical instruments | sweets & candy | asian | cooked / prepared |
    games & hobbies | science equipment | award medals | costumed & creatures | air transportation | vegetables
    """)
)
NEVER_ASKED = frozenset(("shapes & colors", "people", "body parts"))  # too easily there in some sense
# seen on other things, so never denied
PARTLIKE = frozenset(bank._phrases("wheel | wing | feather | green leaves | pig nose | railway track | hook | knot"))
VAGUE = ("smileys & emotion", "symbols")  # groups whose members are not told apart by name
# word in the name of a present object -> subs and names that its drawing shows in some sense
PARTS: dict[str, frozenset[str]] = {
    word: frozenset(bank._phrases(shown))
    for word, shown in {
        "bouquet": "flowers | other plants", "flower": "flowers", "book": "books & paper", "bug": "bugs",
        "potted": "other plants", "park": "other places | other plants | geographic locations", "chick": "egg | birds",
        "island": "other places | other plants | geographic locations", "beach": "other places | geographic locations",
        "campsite": "other plants | tent", "city": "other places | buildings | weather", "bird": "birds",
        "cake": "candle | strawberry | sweets & candy", "snowman": "carrot | top hat | scarf | snowflake | broom",
        "hamburger": "lettuce | tomato | cheese wedge", "sandwich": "lettuce | tomato | cheese wedge",
        "bento": "asian", "ramen": "asian | egg", "frying": "egg", "salad": "vegetables", "tropical": "cocktail glass",
        "cookie": "sweets & candy", "christmas": "other plants | star", "sun": "weather", "house": "buildings",
        "castle": "buildings", "skull": "fantasy", "sofa": "household items", "ballot": "mail", "gift": "pink bow",
        "picture": "arts & crafts", "whale": "marine life", "racing": "ground transportation",
    }.items()
}  # fmt: skip
# drawings that are easily taken for each other, or whose names are used for each other
ALIKE = tuple(
    frozenset(bank._phrases(row))
    for row in """
    ox | cow | cow face | water buffalo | bison
    mouse | mouse face | rat | hamster
    bear | panda | koala
    leopard | tiger | tiger face
    wolf | fox | dog face
    wolf | dog
    sheep | ram | goat
    horse | horse face | donkey | unicorn
    pig | boar | pig nose
    monkey | gorilla | orangutan
    chicken | rooster | turkey | chick | hatching chick
    goose | swan | duck
    bird | phoenix | dove | black bird
    whale | spouting whale | dolphin | shark | seal
    shrimp | lobster | fried prawn
    snake | worm
    ship | ferry | cruise ship | motor boat | speedboat
    sailboat | canoe | motor boat
    train | tram | tram car | monorail | metro train | light rail train | locomotive | railway car | train station | \
    high-speed train | bullet train | mountain railway
    bus | minibus | trolleybus
    motor scooter | motorcycle | kick scooter
    manual wheelchair | motorized wheelchair
    lorry | delivery truck | pickup truck | fire engine | SUV
    purse | handbag | clutch bag | pair of shopping bags
    man's shoe | flat shoe | running shoe | hiking boot | high-heeled shoe | sandal | woman's boot | flip-flop
    sun hat | baseball cap
    rescue helmet | military helmet
    coat | lab coat
    dress | sari | kimono | blouse
    swimsuit | bikini
    dagger | kitchen knife | crossed swords
    pushpin | thumbtack | safety pin
    envelope with arrow | love letter | red envelope
    door | elevator | window
    glass of wine | cocktail glass | tropical drink | pair of clinking glasses | glass of whisky
    cup of coffee | teacup without handle | teapot
    hamburger | sandwich
    bowl of rice | bowl of noodles | bowl with spoon | plate of curry | pot of stew | pan of paella | plate of \
    spaghetti
    hibiscus | cherry blossom | lotus | yellow flower | white flower stamp
    star | glowing star | shooting star | dizzy star | sparkles
    tangerine | peach | mango | melon
    shamrock | four leaf clover
    lizard | crocodile | dragon
    television | desktop computer | laptop
    sheet of paper | document | scroll | memo with a pencil | clipboard
    jar | amphora
    drum | long drum
    guitar | banjo
    birthday cake | shortcake | cupcake | moon cake
    flatbread | stuffed flatbread | taco | burrito | tamale
    balance scale | gear
    goblin | ogre | troll
    """.strip().splitlines()
)
MOONS = frozenset(("moon", "cloud"))  # of these, names differ by phase or weather only
GENDERS = frozenset("man woman person men women people male female boy girl child".split())


class Vocabulary:
    """Objects to ask about, arranged for choosing what is absent."""

    def __init__(self, assets: Assets) -> None:
        everything = assets.objects
        chosen = (o for o in everything.values() if drawable(o) and o.sub not in NEVER_ASKED)
        self.objects = {o.name: o for o in chosen if o.name not in PARTLIKE}
        self.names = {n: _names(o) for n, o in everything.items()}
        self.tags = {n: frozenset(t.lower() for t in o.tags) for n, o in everything.items()}
        self.people = {n: words_of(n) - GENDERS for n, o in everything.items() if o.group == "people & body"}
        self.words = {n: words_of(n) for n in everything}
        infos = list(self.objects.values())
        self.by_sub = _index(infos, lambda o: (o.sub,) if o.group not in VAGUE else ())
        self.by_colour = _index(infos, lambda o: ((o.group, c) for c in _colours(o) if o.group not in VAGUE))
        self.companions = self._companions()
        sizes = {g: sum(o.group == g for o in infos) for g in GROUP_WEIGHTS}
        self.pool, self.usual = list(self.objects), list(self.companions)
        self.weights = list(accumulate(GROUP_WEIGHTS[o.group] / sizes[o.group] for o in infos))
        self.far = [o for o in infos if o.sub in FAR_FETCHED]
        self.easy = assets.easy
        self.sayings = [q for q in bank.QUOTES + bank.NOTES if "{" not in q and not bank.held_out_text(q, assets)]

    def _companions(self) -> dict[str, list[str]]:
        """Name -> names that posters of one topic show."""
        topics = [
            *bank.EVENT_OBJECTS.values(), *bank.SHOPS.values(), *bank.MENU_OBJECTS.values(), *bank.JOBS.values(),
            tuple(name for name, _, _ in bank.PRODUCTS),
        ]  # fmt: skip
        found: dict[str, list[str]] = {}
        for topic in topics:
            names = [n for n in topic if n in self.objects]
            for n in names:
                found.setdefault(n, []).extend(m for m in names if m != n)
        return found

    def related(self, a: str, b: str) -> bool:
        """Whether a present b makes it doubtful that there is no a: an alias, a hypernym, a variety, a part, alike."""
        first, second = self.names[a], self.names[b]
        if not first.isdisjoint(self.tags[b]) or not second.isdisjoint(self.tags[a]):
            return True
        if any(x in y or y in x for x in first for y in second):
            return True
        if a in self.people and b in self.people and self.people[a] & self.people[b]:
            return True
        if any(a in row and b in row for row in ALIKE) or self.words[a] & self.words[b] & MOONS:
            return True
        info = self.objects.get(a)
        if info is None:
            return False
        if b in self.people and info.sub == "clothing":
            return True
        return any(word in b.lower() and not shown.isdisjoint((a, info.sub)) for word, shown in PARTS.items())

    def usual_name(self, rng: random.Random) -> str:
        """An object about as likely as posters show it."""
        if self.usual and rng.random() < 0.4:
            return rng.choice(self.usual)
        return rng.choices(self.pool, cum_weights=self.weights)[0]

    def resembling(self, info: ObjectInfo, rng: random.Random) -> str | None:
        """An object often seen together with `info`, of its colour, or (mostly) of its sort."""
        k = rng.random()
        colour = rng.choice(_colours(info) or [""])
        pools = (
            self.companions.get(info.name) if k < 0.15 else None,
            self.by_colour.get((info.group, colour)) if 0.15 < k < 0.35 else None,
            self.by_sub.get(info.sub),
        )
        pool = next(filter(None, pools), None)
        return rng.choice(pool) if pool else None

    def absent(self, facts: Facts, rng: random.Random) -> ObjectInfo | None:
        """An object that is not in the poster under any name, nor likely in its background; None if none is found.

        A share HARD of them resembles an object that is there.
        """
        near = rng.choice(facts.groups).info if facts.groups and rng.random() < HARD else None
        for attempt in range(40):
            hard = self.resembling(near, rng) if near and attempt < 20 else None
            name = hard or self.usual_name(rng)
            if not any(self.related(name, g.name) for g in facts.groups) and not self._in_setting(name, facts):
                return self.objects[name]
        return None

    def _in_setting(self, name: str, facts: Facts) -> bool:
        """Whether the background may show the object, or background and panel share a word with one of its names."""
        info = self.objects[name]
        if facts.background["style"] == "photo" and info.sub in SCENERY:
            return True
        return any(not facts.words.isdisjoint(words_of(n)) for n in (info.name, *info.aliases))

    def far_from(self, phrase: str, rng: random.Random, present: Sequence[ObjectInfo] = ()) -> ObjectInfo | None:
        """An object that a photograph of `phrase` with the present objects hardly shows; None if none is found."""
        words = words_of(phrase)
        near = rng.choice(present) if present and rng.random() < HARD else None
        for attempt in range(40):
            name = self.resembling(near, rng) if near and attempt < 20 else None
            info = self.objects[name] if name else rng.choice(self.far)
            if info.sub in SCENERY or any(self.related(info.name, o.name) for o in present):
                continue
            if words.isdisjoint(words_of(" ".join((info.name, *info.aliases, *info.tags)))):
                return info
        return None


@lru_cache(4)
def vocabulary(assets: Assets) -> Vocabulary:
    """The vocabulary of an asset cache, made once."""
    return Vocabulary(assets)


def _names(info: ObjectInfo) -> frozenset[str]:
    names = {n.lower() for n in (info.name, *info.aliases)}
    return frozenset(names | {plural_of(n) for n in names})


def _colours(info: ObjectInfo) -> list[str]:
    return [a.colour for a in info.styles.values() if a.colour]


def _index(infos: Iterable[ObjectInfo], keys: Callable[[ObjectInfo], Iterable[Any]]) -> dict[Any, list[str]]:
    found: dict[Any, list[str]] = {}
    for o in infos:
        for key in keys(o):
            found.setdefault(key, []).append(o.name)
    return found


# ---- panels and backgrounds


def place_class(phrase: str) -> str | None:
    """Which of PLACES a phrase belongs to, None where its words do not tell."""
    if is_surface(phrase):
        return None
    words = words_of(phrase)
    return next((name for name, clues in PLACE_CLUES.items() if words & set(clues.split())), None)


def is_surface(phrase: str) -> bool:
    """Whether a phrase names a material."""
    return any(phrase == s or phrase == surface(s) for row in SURFACES for s in row)


def other_places(phrase: str) -> list[str]:
    """Places that a picture of `phrase` does not show; none where the phrase does not tell."""
    mine = place_class(phrase)
    if mine is None:
        return []
    unclear = (mine,) if mine in ("sky", "indoors") else (mine, "sky")
    return [p for name, row in PLACES.items() if name not in unclear for p in row]


def other_settings(facts: Facts) -> list[str]:
    """Panels and backgrounds that a poster has not."""
    known = facts.panel is None or facts.signature is not None
    found = sorted(set(PANELS.values())) if known else []
    if facts.background["style"] == "photo":
        found += other_places(facts.phrase)
    else:
        plain = SURFACES[0] if facts.painted else ()  # a painted background may look like plaster or paper
        found += [surface(s) for row in SURFACES if facts.phrase not in row and row is not plain for s in row]
        found += [p for p in PATTERNS.values() if p != "a border"] if facts.painted else []
        found += [p for row in PLACES.values() for p in row]
    taken = facts.words | words_of(" ".join(g.name for g in facts.groups))
    return [s for s in found if not (words_of(s) - {"a", "an"}) & taken]


# ---- texts


def wrong_text(text: str, facts: Facts, words: Vocabulary, rng: random.Random) -> str | None:
    """A text that is not in the poster: one letter or word of `text` changed, a changed word of it, or another text."""
    for _ in range(20):
        parts = text.split()
        i, k = rng.randrange(len(parts)), rng.random()
        parts[i] = misspelt(parts[i], rng) if k < 0.5 else _other_word(parts[i], words, rng)
        wrong = parts[i] if rng.random() < 0.2 and len(parts[i]) > 2 else " ".join(parts)
        if k > 0.8:
            wrong = rng.choice(words.sayings)
            wrong = wrong.upper() if text.isupper() else wrong
        if '"' not in wrong and not any(wrong.lower() in t.words.lower() for t in facts.texts):
            return wrong
    return None


def misspelt(word: str, rng: random.Random) -> str:
    """The word with one of its letters or digits changed; unchanged where it has none."""
    places = [i for i, c in enumerate(word) if c.isalnum()]
    if not places:
        return word
    i = rng.choice(places)
    old = word[i].lower()
    letters = "0123456789" if old.isdigit() else "aeiou" if old in "aeiou" else "bcdfghklmnprstvw"
    new = rng.choice([c for c in letters if c != old])
    return word[:i] + (new.upper() if word[i].isupper() else new) + word[i + 1 :]


def _other_word(word: str, words: Vocabulary, rng: random.Random) -> str:
    """An easy word in the case of `word`; a number with a digit changed."""
    if not any(c.isalpha() for c in word):
        return misspelt(word, rng)
    other = rng.choice(words.easy)
    return other.upper() if word.isupper() and len(word) > 1 else other.title() if word[0].isupper() else other
