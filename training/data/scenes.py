"""Kinds of posters: each composes a layout; nothing is drawn here.

`compose` chooses a kind, which paints a background, may put a panel on it (badge: circle, ticket: ticket, ...), and
arranges texts and objects by one of a few archetypes: title above, below or beside the objects, or around them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from pipelines.colours import COLOURS, PALETTES
from pipelines.types import Box
from pipelines.vlad.fonts import FONTS_DIR, FontBook
from training.data import phrases as bank
from training.data.arrange import GAP, PLAIN_FONTS, TITLE_FONTS, Draft, Group, Line, Scene, row_size
from training.data.assets import Assets, ObjectInfo
from training.data.phrases import NoFit, draw, fill, random_phrase
from training.data.splits import Split

Groups = list[tuple[str, int]]

DRAWN = ("plain", "plain", "gradient", "gradient", "stripes", "sunburst", "dots", "border", "split", "confetti")
CALM = ("plain", "gradient")
LIGHT_TEXTURES = ("paper", "canvas", "plaster wall", "cardboard", "concrete", "marble")
OUTDOORS = (
    "a city street", "a green meadow", "a park with trees", "a cloudy sky", "a desert at dawn", "a seaside promenade",
    "a forest", "a seaside at sunset", "a meadow at sunrise",
)  # fmt: skip

GROUP_WEIGHTS = {
    "animals & nature": 30,
    "food & drink": 22,
    "objects": 17,
    "travel & places": 14,
    "activities": 8,
    "smileys & emotion": 4,
    "people & body": 4,
    "symbols": 1,
}
COUNTABLE = frozenset(
    bank._phrases("""
    mammals | birds | bugs | marine life | reptiles | amphibians | flowers | other plants | fruit | vegetables |
    cooked / prepared | asian | sweets & candy | drink | hearts | clothing | sports | musical instruments |
    ground transportation | air transportation | water transportation | weather | tools | writing | household items |
    money | award medals | events & holidays | games & hobbies | light, film & video | books & paper |
    science equipment | office supplies | dishware
    """)
)
NOT_DRAWN = frozenset(
    bank._phrases("""
    warning symbols | punctuation | math symbols | religious symbols | transport signs | other symbols | arrows |
    gender signs | currencies | audio & video symbols | body parts | other flags | people symbols | keycap |
    zodiac signs | unwell | negative | concerned | hotel | other objects | time
    """)
)
CREATURES = frozenset(bank._phrases("mammals | birds | reptiles | bugs | marine life | amphibians"))


# ---- objects


def drawable(info: ObjectInfo) -> bool:
    """Whether an object may be chosen at random: it has a plain name and no letters on it."""
    return not (
        info.lettered
        or info.sub in NOT_DRAWN
        or info.group not in GROUP_WEIGHTS
        or len(info.name.split()) > 4
        or (" face" in info.name and info.group == "people & body")
    )


def countable(info: ObjectInfo) -> bool:
    """Whether several may be asked for ("three apples")."""
    awkward = any(w in info.name for w in (" with ", " and ", "showing", "facing", "rainbow"))
    return info.sub in COUNTABLE and not info.mass and not awkward


@lru_cache(2)
def _pool(assets: Assets) -> tuple[tuple[str, ...], tuple[float, ...], tuple[str, ...]]:
    """Names, their weights, and the names of animals."""
    infos = [o for o in assets.objects.values() if drawable(o)]
    sizes = {g: sum(o.group == g for o in infos) for g in GROUP_WEIGHTS}
    weights = tuple(GROUP_WEIGHTS[o.group] / sizes[o.group] for o in infos)
    return tuple(o.name for o in infos), weights, tuple(o.name for o in infos if o.sub in CREATURES)


def pick_objects(d: Draft, k: int, names: Sequence[str] | None = None) -> list[str]:
    """k different objects, of `names` where given (mostly), as a combination that belongs to the split.

    Raises:
        NoFit: no such combination found.
    """
    known = [n for n in names or () if n in d.assets.objects and not d.assets.objects[n].lettered]
    pool, weights, _ = _pool(d.assets)
    for _ in range(30):
        if known and d.rng.random() < 0.85:
            chosen = d.rng.sample(known, min(k, len(known)))
        else:
            chosen = list(dict.fromkeys(d.rng.choices(pool, weights, k=k)))
        if d.in_split(chosen):
            return chosen
    raise NoFit


def pick_groups(d: Draft, names: Sequence[str] | None = None, kinds: int = 3, most: int = 6) -> Groups:
    """1 to `kinds` groups of 1 to `most` objects; more than one kind of object means at most 3 of each."""
    k = min(kinds, d.rng.choices((1, 2, 3), (58, 32, 10))[0])
    chosen = pick_objects(d, k, names)
    groups = []
    for name in chosen:
        n = d.rng.choices((1, 2, 3, 4, 5, 6), (62, 12, 11, 7, 4, 4))[0] if countable(d.assets.objects[name]) else 1
        groups.append((name, min(n, most if len(chosen) == 1 else min(2, most))))
    return groups


# ---- arrangements


def natural_height(groups: Groups, width: float) -> float:
    """Height at which a band of objects looks right."""
    total = sum(n for _, n in groups)
    if len(groups) == 2 and any(n > 1 for _, n in groups):
        return 0.56
    if total == 1:
        return min(0.5, width)
    if len(groups) == 1 and total > 3:
        return min(0.54, 2 * row_size((total + 1) // 2, width) + GAP)
    return min(0.42, row_size(total, width))


def stack(d: Draft, area: Box, upper: Sequence[Line], groups: Groups, lower: Sequence[Line]) -> None:
    """Lines, objects, lines from the top down; what room is left is spread evenly around the three blocks.

    Raises:
        NoFit: not enough room.
    """
    blocks = [b for b in (upper, groups, lower) if b]
    text = sum(line.height for line in (*upper, *lower)) + 0.6 * GAP * sum(max(0, len(b) - 1) for b in (upper, lower))
    free = area.height - text - GAP * (len(blocks) - 1)
    band = min(free, natural_height(groups, area.width)) if groups else 0.0
    if free - band < 0 or (groups and band < 0.17):
        raise NoFit
    space = (free - band) / (len(blocks) + 1)
    y = area.y0 + space
    for block in blocks:
        if block is groups:
            d.place_objects(groups, Box(area.x0, y, area.x1, y + band))
            y += band
        else:
            y = place_lines(d, block, area.x0, area.x1, y)  # type: ignore[arg-type]
        y += space + GAP


def place_lines(d: Draft, lines: Sequence[Line], x0: float, x1: float, y: float) -> float:
    """Lines below each other from y; returns where they end."""
    for line in lines:
        d.place(line, x0, x1, y)
        y += line.height + 0.6 * GAP
    return y - 0.6 * GAP


def beside(d: Draft, area: Box, title: Callable[[float, float], Line], subs: Sequence[str], groups: Groups) -> None:
    """Texts in one half, objects in the other, both centred vertically."""
    text_left = d.rng.random() < 0.5
    middle = area.x0 + area.width * (0.54 if text_left else 0.46)
    x0, x1 = (area.x0, middle - GAP / 2) if text_left else (middle + GAP / 2, area.x1)
    o0, o1 = (middle + GAP / 2, area.x1) if text_left else (area.x0, middle - GAP / 2)
    head = title(x1 - x0, 0.5 * area.height)
    lines = [head, *sub_lines(d, subs, x1 - x0, head)]
    height = sum(line.height for line in lines) + 0.6 * GAP * (len(lines) - 1)
    if height > area.height:
        raise NoFit
    place_lines(d, lines, x0, x1, area.centre[1] - height / 2)
    d.place_objects(groups, Box(o0, area.y0, o1, area.y1), 0.42)


def sub_lines(
    d: Draft, subs: Sequence[str], width: float, title: Line | None = None, categories: Sequence[str] = PLAIN_FONTS
) -> list[Line]:
    """Smaller lines, all in one font and colour; about half as large as the title."""
    if not subs:
        return []
    font, ink = d.font(categories, " ".join(subs)), d.ink()
    most = 0.12 if title is None else min(0.12, max(0.082, 0.62 * title.px / 256))
    return evened([d.measure(s, (), width, most, font=font, ink=ink) for s in subs])


def evened(lines: Sequence[Line]) -> list[Line]:
    """Unwrapped lines of one font, all as large as the smallest."""
    least = min(line.px for line in lines)
    if any(line.rows > 1 for line in lines):
        return list(lines)
    return [replace(line, height=line.height * least / line.px, px=least) for line in lines]


def arrange(
    d: Draft,
    title: str,
    subs: Sequence[str],
    groups: Groups,
    categories: Sequence[str] = TITLE_FONTS,
    kinds: Sequence[str] = ("above", "below", "around", "around", "beside"),
    sub_categories: Sequence[str] = PLAIN_FONTS,
) -> None:
    """Title, second lines and objects inside the draft's area, by one of the archetypes.

    "above": all texts above the objects; "below": all below; "around": title above, the rest below; "beside".

    Raises:
        NoFit: something does not fit.
    """
    area, font, ink = d.area, d.font(categories, title), d.ink()
    kind = d.rng.choice(list(kinds)) if groups else "only"

    def head(width: float, most: float) -> Line:
        return d.measure(title, (), width, most, font=font, ink=ink)

    if kind == "beside":
        if max(map(len, title.split())) > 9 or sum(n for _, n in groups) > 2:
            raise NoFit
        beside(d, area, head, subs, groups)
        return
    share = (0.56 if area.height > 0.5 or subs else 0.85) if not groups else 0.38 if not subs else 0.33
    lines = [head(area.width, min(0.42, share * area.height))]
    rest = sub_lines(d, subs, area.width, lines[0], sub_categories)
    if kind == "around":
        stack(d, area, lines, groups, rest)
    elif kind == "below":
        stack(d, area, [], groups, [*lines, *rest])
    else:
        stack(d, area, [*lines, *rest], groups, [])


def one_of(d: Draft, *templates: str) -> str:
    """One of the templates, filled: never a held-out text in training; anything in the test split.

    Raises:
        NoFit: none found.
    """

    def make() -> str:
        return fill(d.rng.choice(templates), d.rng, d.assets)

    return draw(make, d.assets, "train") if d.split == "train" else make()


def some(d: Draft, choices: Sequence[str], weights: Sequence[float]) -> list[str]:
    """0, 1, 2, ... phrases of a bank, filled."""
    k = d.rng.choices(range(len(weights)), weights)[0]
    return [one_of(d, t) for t in d.rng.sample(list(choices), k)]


def title_from(d: Draft, *banks: Sequence[str], free: float = 0.0, longest: int = 30) -> str:
    """A text of one of the banks, or with probability `free` random words, that belongs to the split."""

    def make() -> str:
        if d.rng.random() < free:
            return random_phrase(d.rng, d.assets)
        return fill(d.rng.choice(list(d.rng.choice(banks))), d.rng, d.assets)

    def short() -> str:
        text = make()
        return text if len(text) <= longest else ""

    return draw(short, d.assets, d.split)


def maybe_upper(d: Draft, text: str, share: float) -> str:
    return text.upper() if d.rng.random() < share else text


# ---- the kinds of posters; each returns its noun


def poster(d: Draft) -> str:
    r, kind = d.rng, d.rng.random()
    names: Sequence[str] | None = None
    if kind < 0.3:
        title = title_from(d, bank.EVENTS)
        subs, names = some(d, bank.EVENT_LINES, (0.3, 0.5, 0.2)), bank.EVENT_OBJECTS.get(title)
        nouns: tuple[str, ...] = ("event poster", "poster", "flyer", "party flyer")
    elif kind < 0.5:
        title, subs = title_from(d, bank.QUOTES), []
        nouns = ("motivational poster", "quote poster", "poster", "wall print")
    else:
        title = title_from(d, bank.TITLES, free=0.5)
        subs = some(d, bank.EVENT_LINES + bank.TAGLINES, (0.6, 0.35, 0.05))
        nouns = ("poster", "poster", "minimalist poster", "vintage poster", "colourful poster", "modern poster")
    if r.random() < 0.12:
        d.photograph(LIGHT_TEXTURES)
    else:
        d.paint(tuple(PALETTES), DRAWN)
    d.text_style = r.choice(("plain", "plain", "plain", "shadow"))
    groups = pick_groups(d, names) if r.random() < 0.75 else []
    arrange(d, maybe_upper(d, title, 0.25 if kind >= 0.3 else 0.1), subs, groups[:1] if len(title) > 22 else groups)
    return r.choice(nouns)


def greeting_card(d: Draft) -> str:
    r, occasion = d.rng, d.rng.choice(bank.OCCASIONS)
    d.paint(occasion.colours, ("plain", "gradient", "border", "border", "dots", "confetti", "stripes"))
    d.text_style = r.choice(("plain", "plain", "shadow"))
    title = title_from(d, occasion.phrases)
    subs = some(d, bank.CARD_LINES, (0.7, 0.3))
    fonts = ("script", "script", "display", "handwritten", "rounded", "serif", "sans-serif")
    arrange(d, title, subs, pick_groups(d, occasion.objects), fonts, sub_categories=("script", "serif", "sans-serif"))
    return occasion.noun


def book_cover(d: Draft) -> str:
    r = d.rng
    d.paint(("light gray", "beige", "cream", "charcoal", "mint", "light blue", "white", "peach"), CALM)
    noun = r.choice(("book cover", "novel cover", "book", "children's book cover", "book cover"))
    d.put_panel("book", Box(0.16, 0.04, 0.84, 0.96), noun, d.contrasting(tuple(PALETTES), 70), inset=0.02)
    title = maybe_upper(d, title_from(d, bank.BOOKS, longest=22), 0.3)
    subs = [one_of(d, *bank.AUTHORS)] if r.random() < 0.75 else []
    if subs and r.random() < 0.2:
        subs = [one_of(d, *bank.BOOK_LINES), *subs]
    names = [w for w in title.lower().split() if w in d.assets.objects]
    fonts = ("serif", "serif", "slab serif", "condensed sans-serif", "display", "sans-serif", "handwritten")
    arrange(d, title, subs, pick_groups(d, names, 2, 3), fonts, ("above", "around", "around", "around"))
    return noun


def shop_sign(d: Draft) -> str:
    r, shop = d.rng, d.rng.choice(list(bank.SHOPS))
    d.photograph(("brick wall", "wood", "plaster wall", "concrete", "stone", "brick wall", "a city street"))
    noun = r.choice(("storefront", "storefront", "shop sign", "storefront sign", "signboard", "shop front"))
    front = noun in ("storefront", "shop front")
    if front and r.random() < 0.6:
        title = title_from(d, bank.STOREFRONTS, free=0.25, longest=20)
    else:
        title = title_from(d, [f"{n} {shop}" for n in bank.SHOP_NAMES], longest=24)
    objects: Groups = [] if r.random() < (0.75 if front else 0.3) else [(pick_objects(d, 1, bank.SHOPS[shop])[0], 1)]
    tall = bool(objects) and r.random() < 0.5
    fill_name = d.contrasting(tuple(PALETTES), 60)
    box = Box(0.1, 0.1, 0.9, 0.9) if tall else Box(0.05, 0.24, 0.95, 0.76)
    d.put_panel("sign", box, noun, fill_name, r.choice(PALETTES[fill_name][0]), inset=0.015)
    subs = some(d, bank.TAGLINES, (0.75, 0.25)) if tall or not objects else []
    fonts = ("serif", "slab serif", "display", "script", "condensed sans-serif", "display", "rounded", "sans-serif")
    arrange(d, maybe_upper(d, title, 0.35), subs, objects, fonts, ("above", "around", "below") if tall else ("beside",))
    return noun


STICKERS = {
    "circle": ("round sticker", "round label"),
    "burst": ("sale sticker", "starburst sticker", "price burst"),
    "rounded": ("sticker", "label", "vinyl sticker"),
}


def sticker(d: Draft) -> str:
    r = d.rng
    d.paint(
        ("light gray", "mint", "lavender", "light blue", "peach", "beige", "sky blue", "pink", "charcoal", "teal"),
        ("plain", "gradient", "dots"),
    )
    style = r.choice(("circle", "circle", "rounded", "burst"))
    noun = r.choice(STICKERS[style])
    box = Box(0.06, 0.06, 0.94, 0.94) if style != "rounded" else Box(0.07, 0.14, 0.93, 0.86)
    d.put_panel(style, box, noun, d.contrasting([c for c in PALETTES if c != "white"], 70), "white")
    kind = r.random()
    if kind < 0.6:
        first, second = r.choice(bank.SALES if kind < 0.35 else bank.BADGES)
        title = title_from(d, (first,), longest=14)
        subs = [one_of(d, second)] if second else []
    else:
        title, subs = title_from(d, bank.SPEECH, longest=16), []
    groups = pick_groups(d, None, 1, 2) if r.random() < 0.6 else []
    fonts = ("display", "display", "heavy sans-serif", "rounded", "condensed sans-serif", "handwritten")
    arrange(d, title, subs, groups, fonts, ("above", "below", "around"))
    return noun


def logo(d: Draft) -> str:
    r = d.rng
    d.paint(
        ("white", "white", "cream", "light gray", "navy blue", "black", "mint", "beige", "yellow", "teal", "charcoal"),
        ("plain", "plain", "gradient"),
    )
    d.style = r.choice(("mono", "mono", "flat", "3d"))
    d.area = Box(0.1, 0.13, 0.9, 0.87)
    title = maybe_upper(d, title_from(d, bank.BRANDS, longest=18), 0.15)
    subs = some(d, bank.TAGLINES, (0.65, 0.35))
    kinds = ("below", "below", "below", "above") + (("beside",) if len(title) < 9 else ())
    fonts = ("sans-serif", "sans-serif", "rounded", "serif", "condensed sans-serif", "display", "slab serif", "script")
    arrange(d, title, subs, [(pick_objects(d, 1)[0], 1)], fonts, kinds)
    return r.choice(("logo", "company logo", "brand logo", "minimal logo", "logo design"))


def banner(d: Draft) -> str:
    r, sale = d.rng, d.rng.random() < 0.5
    d.paint(tuple(PALETTES), ("plain", "gradient", "stripes", "sunburst", "dots", "confetti"))
    behind = (d.base, d.behind, d.area)
    noun = r.choice(("banner", "ribbon banner", "sale banner" if sale else "celebration banner"))
    first, second = r.choice(bank.SALES) if sale else ("", "")
    title = title_from(d, (first,) if sale else bank.BANNERS, free=0.0 if sale else 0.2, longest=18)
    groups = pick_groups(d, None, 2, 3) if r.random() < 0.75 else []
    low = bool(groups) and r.random() < 0.6
    y0, height = (0.56, 0.34) if low else (0.1, 0.34) if groups or second else (0.3, 0.4)
    fill_name = d.contrasting([*PALETTES[d.base][1], *PALETTES[d.base][0]], 80)
    if fill_name not in PALETTES:
        raise NoFit
    d.put_panel("ribbon", Box(0.03, y0, 0.97, y0 + height), noun, fill_name)
    d.text_style = r.choice(("plain", "plain", "shadow"))
    fonts = ("display", "heavy sans-serif", "condensed sans-serif", "script", "slab serif", "rounded")
    arrange(d, title, [], [], fonts)
    d.base, d.behind, area = behind
    rest = Box(area.x0, 0.08, area.x1, y0 - GAP) if low else Box(area.x0, y0 + height + GAP, area.x1, 0.93)
    subs = sub_lines(d, [one_of(d, second)] if second else [], rest.width)
    if subs or groups:
        stack(d, rest, [] if low else subs, groups, subs if low else [])
    if low:
        d.texts.sort(key=lambda e: e.box.y0)
    return noun


def menu(d: Draft) -> str:
    r, kind = d.rng, d.rng.choice(list(bank.MENUS))
    chalk = r.random() < 0.55
    noun = r.choice(("chalkboard menu", "chalkboard")) if chalk else r.choice(("menu", "cafe menu", "restaurant menu"))
    if chalk:
        d.photograph(("wood", "brick wall", "wood"))
        d.put_panel("board", Box(0.05, 0.04, 0.95, 0.96), noun, "charcoal", "brown")
    else:
        colours = (
            "cream",
            "white",
            "beige",
            "mint",
            "navy blue",
            "dark green",
            "maroon",
            "peach",
            "black",
            "light pink",
        )
        d.paint(colours, ("plain", "border", "border", "gradient"))
    currency, cents = r.choice("$£€"), r.choice((".00", ".50", ".99", "", "", ".95"))
    dishes = r.sample(bank.MENUS[kind], r.choice((2, 2, 3)))
    prices = [f"{currency}{k}{cents}" for k in range(1, 16)]
    items = [one_of(d, *(f"{dish} {price}" for price in prices)) for dish in dishes]
    title = title_from(d, (kind, f"{kind} Menu", "Menu", "MENU", kind.upper(), f"Today's {kind}"))
    lettering = ("handwritten", "rounded", "handwritten") if chalk else ("serif", "sans-serif", "slab serif")
    font = d.font(lettering, " ".join(items))
    lines = [d.measure(title, ("script", "display", "handwritten", "serif", "slab serif"), d.area.width, 0.2)]
    ink = d.ink(least=4.5)
    lines += evened([d.measure(i, (), d.area.width, 0.115, font=font, ink=ink) for i in items])
    names = pick_objects(d, r.choice((1, 2, 2, 3)), bank.MENU_OBJECTS.get(kind))
    stack(d, d.area, lines, [(n, 1) for n in names], [])
    return noun


def road_sign(d: Draft) -> str:
    r, sign = d.rng, d.rng.choice(bank.ROAD_SIGNS)
    if r.random() < 0.6:
        d.photograph(OUTDOORS)
    else:
        d.paint(("sky blue", "light blue", "peach", "mint", "lavender"), ("gradient", "plain", "split"))
    noun = r.choice(sign.nouns)
    tall = sign.style != "sign"
    box = Box(0.1, 0.06, 0.9, 0.86) if tall else Box(0.06, 0.2, 0.94, 0.72)
    d.put_panel(sign.style, box, noun, sign.fill, "red" if noun in bank.SPEED_NOUNS else sign.ink)
    title = title_from(d, sign.phrases, longest=20)
    if sign.fill == "yellow":
        title = title.upper()
    groups: Groups = []
    if not tall and r.random() < 0.3:
        subject = title.removesuffix(" CROSSING").lower()
        groups = [(subject if subject in d.assets.objects else pick_objects(d, 1)[0], 1)]
        d.style = r.choice(("mono", d.style))
    d.tint = sign.ink
    fonts = ("sans-serif", "condensed sans-serif", "sans-serif", "heavy sans-serif")
    arrange(d, title, [], groups, fonts, ("beside",))
    return noun


def ticket(d: Draft) -> str:
    r = d.rng
    d.paint(
        ("charcoal", "light gray", "navy blue", "mint", "lavender", "light blue", "maroon", "teal", "dark purple"),
        ("plain", "gradient", "dots"),
    )
    noun = r.choice(("event ticket", "ticket", "concert ticket", "admission ticket"))
    paper = ("cream", "yellow", "peach", "coral", "gold", "white", "red", "mint", "sky blue", "light pink", "orange")
    fill_name = d.contrasting(paper)
    d.put_panel("ticket", Box(0.04, 0.2, 0.96, 0.8), noun, fill_name, r.choice(PALETTES[fill_name][0]))
    event = title_from(d, bank.EVENTS, ("{W} Night", "{W} Festival", "The {W}s"), longest=18)
    subs = [one_of(d, *bank.TICKET_LINES)] if r.random() < 0.85 else []
    groups: Groups = [(pick_objects(d, 1, bank.EVENT_OBJECTS.get(event))[0], 1)] if r.random() < 0.4 else []
    fonts = ("display", "slab serif", "condensed sans-serif", "heavy sans-serif", "serif")
    arrange(d, maybe_upper(d, event, 0.3), subs, groups, fonts, ("beside",))
    return noun


def meme(d: Draft) -> str:
    r = d.rng
    d.photograph(d.assets.photo_kinds)
    d.text_style, d.base = "outline", "black"
    d.behind = ((40, 40, 44),)
    upper, lower = r.choice(bank.MEMES)
    top = title_from(d, (upper,), free=0.25, longest=24).upper()
    bottom = one_of(d, lower).upper() if lower else ""
    font = d.font(("condensed sans-serif", "heavy sans-serif"), top + bottom)
    lines = [d.measure(t, (), 0.88, 0.2, font=font, ink="white") for t in (top, bottom) if t]
    names = _pool(d.assets)[2] if r.random() < 0.7 else None
    d.style = r.choice(("3d", "3d", "flat"))
    groups: Groups = [(pick_objects(d, 1, names)[0], 1)] if r.random() < 0.85 else []
    if groups:
        stack(d, Box(0.06, 0.04, 0.94, 0.96), lines[:1], groups, lines[1:])
    else:
        d.place(lines[0], 0.06, 0.94, 0.06)
        for bottom_line in lines[1:]:
            d.place(bottom_line, 0.06, 0.94, 0.94 - bottom_line.height)
    return r.choice(("meme", "funny meme", "internet meme", "meme"))


def neon(d: Draft) -> str:
    r = d.rng
    d.paint(("black", "navy blue", "dark purple", "charcoal"), CALM)
    glowing = ("pink", "sky blue", "yellow", "mint", "coral", "turquoise", "orange", "white")
    d.tint, d.style, d.text_style = r.choice(glowing), "mono", "glow"
    title = title_from(d, bank.NEON, free=0.25, longest=16)
    title = title if r.random() < 0.6 else title.title()
    d.area = Box(0.1, 0.14, 0.9, 0.86)
    groups: Groups = [(pick_objects(d, 1)[0], 1)] if r.random() < 0.6 else []
    fonts = ("script", "rounded", "sans-serif", "handwritten", "display")
    font = d.font(fonts, title)
    line = d.measure(title, (), d.area.width, 0.34, font=font, ink=d.ink([c for c in glowing if c != d.tint]))
    above = r.random() < 0.2
    stack(d, d.area, [line] if above else [], groups, [] if above else [line])
    return "neon sign"


def note(d: Draft) -> str:
    r = d.rng
    d.photograph(("cork board", "wood", "concrete", "canvas", "marble", "plaster wall"))
    fill_name = r.choice(("yellow", "yellow", "light pink", "mint", "light blue", "white", "cream", "peach"))
    paper = fill_name in ("white", "cream")
    noun = (
        r.choice(("paper note", "handwritten note", "note"))
        if paper
        else r.choice(("sticky note", "note", "post-it note"))
    )
    d.put_panel("note", Box(0.12, 0.1, 0.88, 0.9), noun, fill_name)
    title = title_from(d, bank.NOTES, free=0.2)
    others = some(d, bank.NOTES, (0.6, 0.25, 0.15))
    groups = pick_groups(d, None, 1, 2) if not others and r.random() < 0.4 else []
    font, ink = d.font(("handwritten",), " ".join([title, *others])), d.ink(("navy blue", "black", "blue", "maroon"))
    most = 0.19 if others else 0.34 if groups else 0.42
    lines = evened([d.measure(t, (), d.area.width, most, font=font, ink=ink) for t in (title, *others)])
    stack(d, d.area, lines, groups, [])
    return noun


def cartoon(d: Draft) -> str:
    r = d.rng
    if r.random() < 0.3:
        d.photograph(("a green meadow", "a cloudy sky", "a forest", "a dandelion meadow", "a park with trees"))
    else:
        colours = (
            "sky blue",
            "mint",
            "peach",
            "lavender",
            "yellow",
            "light pink",
            "turquoise",
            "coral",
            "cream",
            "teal",
        )
        d.paint(colours, ("plain", "gradient", "sunburst", "dots", "stripes", "split"))
    people = [n for n in _pool(d.assets)[0] if d.assets.objects[n].group in ("people & body", "smileys & emotion")]
    speaker = r.choice(_pool(d.assets)[2] if r.random() < 0.75 else people)
    left = r.random() < 0.5
    other = pick_objects(d, 1)[0] if r.random() < 0.25 else None
    if other == speaker or (other and not d.in_split((speaker, other))):
        raise NoFit
    cx = 0.3 if left else 0.7
    figure = Box(cx - 0.22, 0.5, cx + 0.22, 0.94)
    d.add_group(speaker, [figure])
    if other:
        d.add_group(other, [Box(0.87 - cx, 0.66, 1.13 - cx, 0.92)])
        if not left:
            d.groups.reverse()
        d.relation = "left"
    d.put_panel("speech", Box(0.07, 0.05, 0.93, 0.46), "speech bubble", "white", "black", variant=0 if left else 1)
    d.thing = "speaker"
    title = title_from(d, bank.SPEECH, free=0.15, longest=24)
    line = d.measure(
        title, ("display", "handwritten", "rounded", "sans-serif"), d.area.width, min(0.26, d.area.height),
        ink=r.choice(("black", "black", "navy blue", "red", "maroon")),
    )  # fmt: skip
    stack(d, d.area, [line], [], [])
    return r.choice(("cartoon", "comic panel", "cartoon"))


def badge(d: Draft) -> str:
    r = d.rng
    d.paint(("white", "cream", "light gray", "beige", "mint", "light blue", "navy blue", "charcoal", "peach"), CALM)
    colours = (
        "navy blue",
        "red",
        "teal",
        "dark green",
        "maroon",
        "gold",
        "purple",
        "yellow",
        "black",
        "orange",
        "blue",
    )
    fill_name = d.contrasting(colours)
    noun = r.choice(("badge", "emblem", "round badge", "badge", "button badge"))
    ring = r.choice(PALETTES[fill_name][0])
    d.put_panel("circle", Box(0.05, 0.05, 0.95, 0.95), noun, fill_name, ring)
    first, second = r.choice(bank.BADGES)
    title = (
        title_from(d, (first,), longest=12) if d.split == "train" else title_from(d, ("{W}", "{X}", "{A}"), longest=9)
    )
    second = one_of(d, second)
    if r.random() < 0.4:
        title, second = title.upper(), second.upper()
    font = d.font(("display", "slab serif", "condensed sans-serif", "heavy sans-serif", "serif"), title + second)
    lines = [d.measure(t, (), d.area.width, 0.17, font=font, ink=ring) for t in (title, second)]
    groups: Groups = [(pick_objects(d, 1)[0], 1)] if r.random() < 0.8 else []
    stack(d, d.area, lines[:1], groups, lines[1:])
    return noun


def photo_text(d: Draft) -> str:
    r = d.rng
    d.photograph(d.assets.photo_kinds)
    postcard = r.random() < 0.4
    title = title_from(d, bank.POSTCARDS if postcard else bank.QUOTES, free=0.0 if postcard else 0.4, longest=28)
    with_object = r.random() < 0.4
    y0 = r.choice((0.08, 0.56)) if with_object else r.choice((0.08, 0.3, 0.54))
    noun = "postcard" if postcard else r.choice(("photo poster", "social media post", "album cover", "photo"))
    photo_mean = d.behind
    if r.random() < 0.45:
        d.text_style, d.behind = "outline", ((40, 40, 44),)
        fonts = ("display", "heavy sans-serif", "condensed sans-serif", "rounded")
        line = d.measure(title, fonts, 0.86, 0.36, ink=r.choice(("white", "white", "yellow", "cream")))
        d.place(line, 0.07, 0.93, y0 + (0.36 - line.height) / 2)
    else:
        fill_name = r.choice(("white", "cream", "black", "navy blue", "yellow", "dark green", "maroon"))
        d.put_panel("rounded", Box(0.07, y0, 0.93, y0 + 0.36), "label", fill_name, inset=0.02)
        arrange(d, title, [], [], ("serif", "sans-serif", "script", "slab serif", "display", "handwritten"))
    if with_object:
        d.behind = photo_mean
        band = Box(0.12, 0.49, 0.88, 0.92) if y0 < 0.3 else Box(0.12, 0.08, 0.88, 0.51)
        d.place_objects(pick_groups(d, None, 2, 3), band, 0.42)
    return noun


def business_card(d: Draft) -> str:
    r, job = d.rng, d.rng.choice(list(bank.JOBS))
    d.paint(("light gray", "beige", "mint", "lavender", "charcoal", "sky blue", "peach", "teal"), CALM)
    fill_name = d.contrasting(("white", "cream", "navy blue", "black", "dark green", "maroon", "yellow"), 70)
    d.put_panel("rounded", Box(0.05, 0.2, 0.95, 0.8), "business card", fill_name, inset=0.01)
    name = title_from(d, ("{N} {S}", "{N} {S}", "Dr {N} {S}"))
    subs = [one_of(d, job)] if r.random() < 0.6 else [one_of(d, job), one_of(d, "555-{q}", "@{w}", "{w}.com")]
    arrange(d, name, subs, [(pick_objects(d, 1, bank.JOBS[job])[0], 1)], kinds=("beside",))
    return "business card"


def product(d: Draft) -> str:
    """Text that belongs to a thing (T-shirt, mug, cake): the thing is an object, the text stands above or below it."""
    r = d.rng
    name, nouns, texts = r.choice(bank.PRODUCTS)
    d.paint(tuple(PALETTES), ("plain", "plain", "gradient", "gradient", "dots", "border", "confetti", "split"))
    d.style = r.choices(("3d", "flat"), (75, 25))[0]
    d.thing = "product"
    title = maybe_upper(d, title_from(d, texts, free=0.15, longest=24), 0.2)
    arrange(d, title, [], [(name, 1)], kinds=("above", "below", "below", "above", "beside"))
    return r.choice(nouns)


def words_only(d: Draft) -> str:
    r = d.rng
    d.paint(tuple(PALETTES), DRAWN)
    d.text_style = r.choice(("plain", "plain", "shadow"))
    title = title_from(d, bank.TITLES, bank.QUOTES, free=0.4)
    arrange(d, maybe_upper(d, title, 0.25), some(d, bank.TAGLINES, (0.8, 0.2)), [])
    return r.choice(("graphic", "typography poster", "wallpaper", "lettering", "print"))


def objects_only(d: Draft) -> str:
    if d.rng.random() < 0.15:
        d.photograph(d.assets.photo_kinds)
    else:
        d.paint(tuple(PALETTES), DRAWN)
    groups = pick_groups(d)
    stack(d, d.area, [], groups, [])
    return d.rng.choice(("illustration", "picture", "drawing"))


KINDS: dict[str, tuple[Callable[[Draft], str], float]] = {
    "poster": (poster, 22),
    "greeting card": (greeting_card, 13),
    "book cover": (book_cover, 6),
    "shop sign": (shop_sign, 9),
    "sticker": (sticker, 5),
    "logo": (logo, 8),
    "banner": (banner, 5),
    "menu": (menu, 3),
    "road sign": (road_sign, 6),
    "ticket": (ticket, 4),
    "meme": (meme, 4),
    "neon sign": (neon, 5),
    "note": (note, 4),
    "cartoon": (cartoon, 6),
    "badge": (badge, 5),
    "photo text": (photo_text, 4),
    "business card": (business_card, 3),
    "product": (product, 9),
    "words": (words_only, 6),
    "objects": (objects_only, 5),
}


def compose(
    rng: random.Random, assets: Assets, split: Split = "train", fonts: FontBook | None = None, kind: str | None = None
) -> Scene:
    """A composed poster.

    Args:
        fonts: the fonts of the app and of the assets; None for those.
        kind: one of KINDS; None to choose by weight.

    Raises:
        KeyError: an unknown kind.
        RuntimeError: no layout found in 400 attempts.
    """
    fonts = fonts or all_fonts(assets)
    chosen = kind or rng.choices(list(KINDS), [w for _, w in KINDS.values()])[0]
    for attempt in range(400):
        if kind is None and attempt % 40 == 39:  # this kind does not fit the split; take another
            chosen = rng.choices(list(KINDS), [w for _, w in KINDS.values()])[0]
        draft = Draft.begin(rng, assets, fonts, split)
        try:
            noun = KINDS[chosen][0](draft)
            return draft.finish(chosen, noun)
        except NoFit:
            continue
    raise RuntimeError(f"no layout found for {chosen!r}")


@lru_cache(2)
def all_fonts(assets: Assets) -> FontBook:
    """The fonts of the app and the further ones of the assets."""
    return FontBook([FONTS_DIR, assets.fonts_dir])


__all__ = ["COLOURS", "KINDS", "Group", "Scene", "all_fonts", "compose"]
