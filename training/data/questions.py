"""Conversations about posters and photographs: short questions and short, true answers, for training and evaluation.

Every text of the image stands in straight double quotes with its exact case, in questions and in answers, and nothing
else does. Whether a yes-or-no question is answered by yes is decided by a coin before anything else about it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pipelines.colours import COLOURS, name_of, to_rgb
from training.data.assets import Assets, ObjectInfo
from training.data.english import join, with_article
from training.data.question_absent import (
    Vocabulary,
    is_surface,
    other_places,
    other_settings,
    place_class,
    vocabulary,
    wrong_text,
)
from training.data.question_facts import (
    STYLES,
    Facts,
    Text,
    bare,
    countable,
    direction,
    hull,
    named,
    of,
    place,
    plural_of,
    surface,
    takes_are,
    words_of,
)
from training.data.question_words import HELD_OUT, TRAINING, Bank

KINDS = (
    "caption", "short_caption", "read", "read_where", "text_colour", "text_place", "background_colour",
    "background_kind", "count", "total", "objects", "object_colour", "position", "relation", "presence",
    "text_presence", "scene", "style", "any_text",
)  # fmt: skip
# shares of the kinds, in per cent; read is heavier than its share of 18, for a conversation asks it once
WEIGHTS = {
    "read": 22.0, "presence": 18.0, "text_presence": 5.0, "count": 12.0, "background_colour": 9.0, "caption": 9.0,
    "short_caption": 4.0, "objects": 7.0, "read_where": 2.5, "text_colour": 2.5, "text_place": 2.0,
    "background_kind": 1.5, "total": 1.0, "object_colour": 2.5, "position": 2.5, "relation": 2.5, "scene": 1.0,
    "style": 0.5, "any_text": 1.2,
}  # fmt: skip
PHOTO_WEIGHTS = {
    "caption": 24.0, "short_caption": 8.0, "background_kind": 8.0, "scene": 14.0, "read": 10.0, "presence": 32.0,
    "any_text": 4.0, "objects": 14.0,
}  # fmt: skip
# most counts in posters are 1: weight of a group by its count, and of the kind by the greatest count of a poster
COUNT_WEIGHTS = {1: 0.1, 2: 1.0, 3: 2.0, 4: 2.0}
COUNT_FACTORS = {0: 0.08, 1: 0.4, 2: 4.0, 3: 9.0, 4: 9.0}

NO_TEXT = "There is no text in this image."
NO_OBJECTS = "none, only text"
POSTER_NOUNS = ("image", "image", "image", "picture", "picture", "poster", "design", "graphic", "illustration")
PHOTO_NOUNS = ("image", "image", "picture", "photo", "photo", "photograph")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
            "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth")  # fmt: skip
COLOUR_WORDS = frozenset(w for c in (*COLOURS, "tan", "grey") for w in c.split())

Pair = tuple[str, str]  # question, answer


@dataclass(frozen=True)
class Exchange:
    """One question and its answer; `kind` is one of KINDS."""

    question: str
    answer: str
    kind: str


# ---- wording


class Wording:
    """Chooses and varies phrasings.

    Args:
        phrasings: key -> templates.
        noun: what the image is called.
        wear: share of questions that are typed carelessly.
    """

    def __init__(self, rng: random.Random, phrasings: Bank, noun: str, wear: float) -> None:
        self.rng, self.bank, self.noun, self.wear = rng, phrasings, noun, wear

    def ask(self, key: str, **fields: str) -> str:
        """A question with its fields filled in.

        Raises:
            KeyError: no such key, or a field is missing.
        """
        template = self.rng.choice(self.bank[key])
        if self.rng.random() < 0.5:
            template = template.replace("colour", "color")
        if self.rng.random() < self.wear:
            template = self._worn(template)
        question = template.format(t=self.noun, **fields)
        return question[0].upper() + question[1:] if template[0] == "{" and template[-1] in "?." else question

    def _worn(self, template: str) -> str:
        """As people type: without final mark, without capital, or with a please."""
        k = self.rng.random()
        small = template if template[:2].isupper() else template[0].lower() + template[1:]
        if k < 0.35:
            return template.rstrip("?.")
        if k < 0.65:
            return small.rstrip("?.")
        if template[-1] == "." and k < 0.85 and not template.startswith(("{", "Please", "One", "Short")):
            return f"Please {small}"
        return f"{template[:-1]}, please{template[-1]}" if template[-1] in "?." else template

    def ask_presence(self, thing: str, several: str = "") -> str:
        """Asks for a thing given with its article; `several` is "any" with its plural, where it has one."""
        be = "are" if takes_are(thing) else "is"
        fields = {"a": thing, "any": several or thing, "is": be, "Is": be.capitalize(), "isthere": f"{be} there"}
        isany = f"{'Are' if several else be.capitalize()} there"
        return self.ask("presence", **fields, Isthere=f"{be.capitalize()} there", Isany=isany)


class Questioner:
    """What the askers share: a random source, a bank of phrasings, and the topics of a conversation.

    Attributes:
        topic: what the latest question is about.
        used: topics that the conversation has had.
    """

    nouns: tuple[str, ...] = ()

    def __init__(self, rng: random.Random, words: Vocabulary, held_out: bool) -> None:
        self.rng, self.vocabulary = rng, words
        self.phrasings, self.wear = (HELD_OUT, 0.0) if held_out else (TRAINING, 0.3)
        self.used: set[str] = set()
        self.topic = ""

    def begin(self, topic: str) -> None:
        """Chooses the noun of the next question."""
        self.words = Wording(self.rng, self.phrasings, self.rng.choice(self.nouns), self.wear)
        self.topic = topic

    def say(self, key: str, topic: str, answer: str, **fields: str) -> Pair:
        """A question of a key about a topic, with its answer."""
        self.topic = topic
        return self.words.ask(key, **fields), answer

    def is_there(self, info: ObjectInfo, answer: str) -> Pair:
        """Asks for an object by its name or, less often, by another name of it."""
        self.topic = f"presence:{info.name}"
        name = self.rng.choice(info.aliases) if info.aliases and self.rng.random() < 0.3 else info.name
        several = "" if bare(name) or " and " in name else f"any {plural_of(name)}"
        return self.words.ask_presence(named(name), several), answer

    def is_there_setting(self, thing: str, answer: str) -> Pair:
        """Asks for a thing given with its article."""
        self.topic = f"presence:{thing}"
        return self.words.ask_presence(thing), answer

    def fresh(self, kind: str, name: str) -> bool:
        """Whether the conversation has not asked this of that thing yet."""
        return f"{kind}:{name}" not in self.used


# ---- posters


class PosterAsker(Questioner):
    """Asks about one poster; one method a kind, each None where the kind does not apply."""

    nouns = POSTER_NOUNS

    def __init__(self, facts: Facts, rng: random.Random, words: Vocabulary, held_out: bool) -> None:
        super().__init__(rng, words, held_out)
        self.facts = facts

    def ask(self, kind: str) -> Exchange | None:
        """A question of the kind.

        Raises:
            ValueError: no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"Kind {kind!r} is unknown; use one of {', '.join(KINDS)}.")
        self.begin(kind)
        found: Pair | None = getattr(self, f"_{kind}")()
        return Exchange(*found, kind) if found else None

    # -- the whole

    def _backdrop(self, phrase: str) -> str:
        """ "on a navy blue gradient background", "on a brick wall", "in front of a city street"."""
        f = self.facts
        if f.background["style"] != "photo":
            return f"on {phrase}"
        return f"in front of {phrase}" if f.groups else f"on a photo of {phrase}"

    def _quotes(self) -> str:
        return join([t.quoted for t in self.facts.texts])

    def _caption(self) -> Pair | None:
        if not self.facts.quotable:
            return None
        sentence = self._first_sentence()
        says = f" It says {self._quotes()}." if self.facts.texts else ""
        return self.words.ask("caption"), f"{sentence[0].upper()}{sentence[1:]}.{says}"

    def _first_sentence(self) -> str:
        """Kind of poster, objects and background."""
        f = self.facts
        things = [g.phrase(coloured=True) for g in f.groups]
        if f.scene == "photo text":
            return f"a photo of {f.phrase}" + (f" with {join(things)}" if things else "")
        backdrop = self._backdrop(surface(f.phrase))
        if f.scene in ("product", "objects") and things:
            return f"{join(things)} {backdrop}"
        if f.scene == "cartoon":
            things.append("a speech bubble")
        colour = name_of(to_rgb(f.panel["colour"])) if f.panel and f.scene != "cartoon" else ""
        noun = with_article(f"{colour} {f.noun}".strip())
        return f"{noun} with {join(things)} {backdrop}" if things else f"{noun} {backdrop}"

    def _short_caption(self) -> Pair | None:
        f = self.facts
        if not f.quotable:
            return None
        parts = [g.phrase(coloured=True) for g in f.groups]
        if f.texts:
            parts.append(f"the text{'s' if len(f.texts) > 1 else ''} {self._quotes()}")
        phrase = with_article(f"{f.background_colour} background") if f.painted else surface(f.phrase)
        return self.words.ask("short_caption"), f"{join(parts)} {self._backdrop(phrase)}"

    def _scene(self) -> Pair:
        return self.words.ask("scene"), with_article(self.facts.noun)

    def _style(self) -> Pair | None:
        return (self.words.ask("style"), STYLES[self.facts.style]) if self.facts.style else None

    # -- texts

    def _read(self) -> Pair | None:
        if not self.facts.quotable:
            return None
        if not self.facts.texts and self.rng.random() < 0.3:
            return self.words.ask("text_colour.all"), NO_TEXT
        return self.words.ask("read"), self._quotes() if self.facts.texts else NO_TEXT

    def _any_text(self) -> Pair:
        return self.words.ask("any_text"), "yes" if self.facts.texts else "no"

    def _text(self) -> Text | None:
        return self.rng.choice(self.facts.texts) if self.facts.texts and self.facts.quotable else None

    def _read_where(self) -> Pair | None:
        if not self.facts.quotable or not self.facts.texts:
            return None
        forms: list[Callable[[], Pair | None]] = [self._read_line, self._read_place, self._read_near]
        self.rng.shuffle(forms)
        return next((pair for pair in (form() for form in forms) if pair), None)

    def _read_line(self) -> Pair | None:
        texts = self.facts.texts
        if len(texts) < 2:
            return None
        i = self.rng.randrange(len(texts))
        last = i == len(texts) - 1 and self.rng.random() < 0.7
        return self.say("read_where.line", f"read_where:{i}", texts[i].quoted, n="last" if last else ORDINALS[i])

    def _read_place(self) -> Pair | None:
        """Where a text has a place to itself."""
        places = [place(t.box) for t in self.facts.texts]
        i = self.rng.randrange(len(places))
        where = places[i]
        if where is None or None in places or places.count(where) > 1:
            return None
        return self.say("read_where", f"read_where:{i}", self.facts.texts[i].quoted, p=where)

    def _read_near(self) -> Pair | None:
        """Above, below or beside an object, where one text lies there."""
        single = [g for g in self.facts.groups if g.single]
        if not single:
            return None
        g = self.rng.choice(single)
        ways = [direction(t.box, g.boxes[0]) or "" for t in self.facts.texts]
        unique = [i for i, way in enumerate(ways) if way and ways.count(way) == 1]
        if not unique:
            return None
        i = self.rng.choice(unique)
        return self.say("read_where.near", f"read_where:{i}", self.facts.texts[i].quoted, p=of(ways[i]), x=g.name)

    def _text_colour(self) -> Pair | None:
        text = self._text()
        if text is None:
            return None
        if len({t.colour for t in self.facts.texts}) == 1 and self.rng.random() < 0.5:
            return self.words.ask("text_colour.all"), text.colour
        return self.say("text_colour", f"text_colour:{text.words}", text.colour, q=text.quoted)

    def _text_place(self) -> Pair | None:
        text = self._text()
        where = place(text.box) if text else None
        if text is None or where is None:
            return None
        return self.say("text_place", f"text_place:{text.words}", where, q=text.quoted)

    def _text_presence(self) -> Pair | None:
        """A coin first, and an end once every text has been asked for, as in `_presence`."""
        texts = [t.words for t in self.facts.texts if self.fresh("text_presence", t.words)]
        if not texts or not self.facts.quotable:
            return None
        text = self.rng.choice(texts)
        if self.rng.random() < 0.5:
            return self.say("text_presence", f"text_presence:{text}", "yes", q=f'"{self._part(text)}"')
        wrong = wrong_text(text, self.facts, self.vocabulary, self.rng)
        return self.say("text_presence", f"text_presence:{wrong}", "no", q=f'"{wrong}"') if wrong else None

    def _part(self, text: str) -> str:
        """The whole text, or one of its words."""
        word = self.rng.choice(text.split())
        return word if self.rng.random() < 0.2 and word.isalpha() and len(word) > 2 else text

    # -- background

    def _background_colour(self) -> Pair | None:
        return (self.words.ask("background_colour"), self.facts.background_colour) if self.facts.painted else None

    def _background_kind(self) -> Pair:
        return self.words.ask("background_kind"), surface(self.facts.phrase)

    # -- objects

    def _count(self) -> Pair | None:
        groups = [g for g in self.facts.groups if countable(g.info)]
        if self.rng.random() < (0.08 if groups else 1.0):
            return self._count_none()
        g = self.rng.choices(groups, [COUNT_WEIGHTS[min(g.count, 4)] for g in groups])[0]
        return self.say("count", f"count:{g.name}", str(g.count), xs=plural_of(g.name))

    def _count_none(self) -> Pair | None:
        info = self.vocabulary.absent(self.facts, self.rng)
        if info is None or not countable(info):
            return None
        return self.say("count", f"count:{info.name}", "0", xs=plural_of(info.name))

    def _total(self) -> Pair | None:
        if not all(countable(g.info) for g in self.facts.groups):
            return None
        return self.words.ask("total"), str(sum(g.count for g in self.facts.groups))

    def _objects(self) -> Pair:
        return self.words.ask("objects"), join([g.phrase() for g in self.facts.groups] or [NO_OBJECTS])

    def _object_colour(self) -> Pair | None:
        """Where the objects have one colour and their name does not say which."""
        groups = [g for g in self.facts.groups if g.colour and not COLOUR_WORDS & words_of(g.name)]
        if not groups:
            return None
        g = self.rng.choice(groups)
        several = g.count > 1 or takes_are(named(g.name))
        name = plural_of(g.name) if g.count > 1 and countable(g.info) else g.name
        fields = {"x": name, "is": "are" if several else "is"}
        return self.say("object_colour", f"object_colour:{g.name}", str(g.colour), **fields)

    def _position(self) -> Pair | None:
        places = [(g.name, place(g.boxes[0])) for g in self.facts.groups if g.single]
        known = [(name, where) for name, where in places if where]
        if not known:
            return None
        name, where = self.rng.choice(known)
        return self.say("position", f"position:{name}", where, **{"x": name, "is": "is"})

    def _relation(self) -> Pair | None:
        if len(self.facts.groups) == 2 and self.rng.random() < 0.4:
            found = self._relation_what()
            if found:
                return found
        things = [(f"the {g.name}", g.boxes[0]) for g in self.facts.groups if g.single]
        if len(self.facts.texts) == 1:
            things.append(("the text", self.facts.texts[0].box))
        elif self.facts.quotable:
            things += [(f"the text {t.quoted}", t.box) for t in self.facts.texts]
        if len(things) < 2:
            return None
        (b, first), (c, second) = self.rng.sample(things, 2)
        way = direction(first, second)
        if way is None:
            return None
        either = "relation.above" if way in ("above", "below") else "relation.left"
        key = either if self.rng.random() < 0.5 else "relation"
        return self.say(key, f"relation:{min(b, c)}:{max(b, c)}", way, b=b, c=c)

    def _relation_what(self) -> Pair | None:
        """Which object lies beside another, where no text lies there too."""
        a, b = self.rng.sample(self.facts.groups, 2)
        way = direction(hull(a.boxes), b.boxes[0]) if b.single else None
        if way is None or any(direction(t.box, b.boxes[0]) == way for t in self.facts.texts):
            return None
        return self.say("relation.what", f"relation:{b.name}", a.phrase(), p=of(way), x=b.name)

    # -- presence

    def _presence(self) -> Pair | None:
        """A coin first; once all that is there has been asked for, there are no more of these questions.

        So neither answer is the likelier one in a conversation either (optional stopping of a fair game).
        """
        settings = [s for s in self.facts.settings if self.fresh("presence", s)]
        groups = [g for g in self.facts.groups if self.fresh("presence", g.name)]
        if not groups and not settings:
            return None
        yes = self.rng.random() < 0.5
        about_setting = self.rng.random() < 0.15 if groups and settings else not groups
        if yes and about_setting:
            return self.is_there_setting(self.rng.choice(settings), "yes")
        if yes:
            return self.is_there(self.rng.choice(groups).info, "yes")
        others = other_settings(self.facts) if about_setting and self.rng.random() < 0.5 else []
        if others:
            return self.is_there_setting(self.rng.choice(others), "no")
        info = self.vocabulary.absent(self.facts, self.rng)
        return self.is_there(info, "no") if info else None


# ---- photographs


class PhotoAsker(Questioner):
    """Asks about a photograph without text of which a phrase is known, and the drawings pasted into it."""

    nouns = PHOTO_NOUNS

    def __init__(
        self, phrase: str, rng: random.Random, words: Vocabulary, held_out: bool, objects: Sequence[ObjectInfo] = ()
    ) -> None:
        super().__init__(rng, words, held_out)
        self.phrase = surface(phrase)
        self.place = place_class(phrase)
        self.objects = tuple(objects)
        things = join([named(o.name) for o in objects]) if objects else ""
        self.caption = f"{self.phrase} with {things}" if things else self.phrase
        self.things = things

    def ask(self, kind: str) -> Exchange | None:
        """A question of one of the kinds in PHOTO_WEIGHTS; None where it does not apply."""
        self.begin(kind)
        found = self._presence() if kind == "presence" else self._told(kind)
        return Exchange(*found, kind) if found else None

    def _told(self, kind: str) -> Pair | None:
        """Questions that the phrase answers, or that ask for text."""
        if kind == "read":
            return self._read(), NO_TEXT
        if kind == "any_text":
            return self.words.ask("any_text"), "no"
        if kind == "background_kind" and not self.place and not is_surface(self.phrase):
            return None
        if kind == "objects":
            return (self.words.ask("objects"), self.things) if self.objects else None
        if kind == "scene" and self.objects and not self.place:
            return None
        key = {"scene": "place" if self.place else "subject"}.get(kind, kind)
        if kind == "caption":
            return self.words.ask(key), f"A {self.rng.choice(('photo', 'picture'))} of {self.caption}."
        return self.words.ask(key), self.caption if kind == "short_caption" else self.phrase

    def _read(self) -> str:
        """Asks for text, sometimes as if there were any."""
        k = self.rng.random()
        if k < 0.2:
            return self.words.ask("read_where", p=self.rng.choice(("at the top", "at the bottom", "in the centre")))
        return self.words.ask("text_colour.all" if k < 0.35 else "read")

    def _presence(self) -> Pair | None:
        """A coin first; once all that is known has been asked for, there are no more of these questions."""
        known = [o for o in self.objects if self.fresh("presence", o.name)]
        ask_phrase = self.fresh("presence", self.phrase)
        if not known and not ask_phrase:
            return None
        about_place = ask_phrase and (not known or self.rng.random() < 0.3)
        if self.rng.random() < 0.5:
            return self._is_this(self.phrase, "yes") if about_place else self.is_there(self.rng.choice(known), "yes")
        places = other_places(self.phrase)
        if places and about_place and self.rng.random() < 0.5:
            return self._is_this(self.rng.choice(places), "no")
        info = self.vocabulary.far_from(self.phrase, self.rng, self.objects)
        return self.is_there(info, "no") if info else None

    def _is_this(self, phrase: str, answer: str) -> Pair:
        if self.rng.random() < 0.3:
            return self.is_there_setting(phrase, answer)
        return self.say("this_is", f"presence:{phrase}", answer, a=phrase)


# ---- conversations


def ask(
    record: Mapping[str, Any], kind: str, rng: random.Random, assets: Assets, held_out: bool = False
) -> Exchange | None:
    """A question of one kind about a poster; None where the kind does not apply to it.

    Args:
        record: a line of a data set (see `training.data.dataset`).
        held_out: with phrasings that training never sees.

    Raises:
        ValueError: no such kind.
        KeyError: the record names an object that the assets lack.
    """
    return PosterAsker(Facts(record, assets), rng, vocabulary(assets), held_out).ask(kind)


def converse(
    record: Mapping[str, Any], rng: random.Random, n: int, assets: Assets, held_out: bool = False
) -> list[Exchange]:
    """n different questions about a poster, kinds drawn by WEIGHTS; fewer where it does not give that many.

    Nothing is asked twice in other words while there is something else to ask. Arguments and errors as in `ask`.
    """
    asker = PosterAsker(Facts(record, assets), rng, vocabulary(assets), held_out)
    return _collect(asker, _weights(asker.facts), rng, n)


def photo(
    phrase: str,
    rng: random.Random,
    n: int,
    assets: Assets,
    held_out: bool = False,
    objects: Sequence[str] = (),
) -> list[Exchange]:
    """n different questions about a photograph without text of which only `phrase` ("a city street") is known.

    Args:
        objects: canonical names of drawings pasted into it, one of each.

    Raises:
        KeyError: the assets lack one of the objects.
    """
    infos = [assets.objects[name] for name in objects]
    return _collect(PhotoAsker(phrase, rng, vocabulary(assets), held_out, infos), PHOTO_WEIGHTS, rng, n)


def _weights(facts: Facts) -> dict[str, float]:
    """WEIGHTS adapted to a poster: what few posters have is asked more often where it is there."""
    weights = dict(WEIGHTS)
    counts = [min(g.count, 4) for g in facts.groups if countable(g.info)]
    weights["count"] *= COUNT_FACTORS[max(counts, default=0)]
    weights["total"] *= 2.0 if max(counts, default=0) > 1 else 0.5
    if not facts.painted:
        weights["background_kind"] += weights.pop("background_colour")
    if not facts.groups:
        weights["objects"] *= 0.5
    if not facts.texts:
        weights["any_text"] = 5.0
    return weights


def _collect(
    asker: PosterAsker | PhotoAsker, weights: Mapping[str, float], rng: random.Random, n: int
) -> list[Exchange]:
    """Exchanges with different questions and, for the first 10 n + 20 draws, different topics."""
    kinds, shares = list(weights), list(accumulate(weights.values()))
    found: list[Exchange] = []
    seen: set[str] = set()
    for attempt in range(16 * n + 30):
        if len(found) >= n:
            break
        exchange = asker.ask(rng.choices(kinds, cum_weights=shares)[0])
        if exchange is None or exchange.question.lower() in seen:
            continue
        if asker.topic in asker.used and attempt < 10 * n + 20:
            continue
        found.append(exchange)
        seen.add(exchange.question.lower())
        asker.used.add(asker.topic)
    return found
