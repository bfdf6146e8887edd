"""Small pieces of English grammar: plurals, articles, lists and number words."""

from __future__ import annotations

import re
from collections.abc import Sequence

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

IRREGULAR_PLURALS = {
    "bison": "bison", "blowfish": "blowfish", "broccoli": "broccoli", "cactus": "cactuses", "calf": "calves",
    "child": "children", "deer": "deer", "dice": "dice", "fish": "fish", "foot": "feet", "goose": "geese",
    "hippopotamus": "hippopotamuses", "jellyfish": "jellyfish", "knife": "knives", "leaf": "leaves",
    "loaf": "loaves", "man": "men", "mango": "mangoes", "mouse": "mice", "octopus": "octopuses", "ox": "oxen",
    "person": "people", "potato": "potatoes", "scarf": "scarves", "sheep": "sheep", "shrimp": "shrimp",
    "snowman": "snowmen", "squid": "squid", "starfish": "starfish", "tomato": "tomatoes", "tooth": "teeth",
    "tuna": "tuna", "wolf": "wolves", "woman": "women",
}  # fmt: skip

_PREPOSITION = re.compile(
    r" (of|with|in|facing|showing|seen|and|on|playing|wearing|for|holding|without|from|pointing|over|behind)(?= )"
)
_VOWEL_SOUND = re.compile(r"(?!uni|use|eu|one\b|ufo|UFO|SUV)[aeiouAEIOU]|hour|honest|x-ray|X|M\b|SOS|LED|NBA|FM")


def plural(noun: str) -> str:
    """Plural of a noun phrase: the head before the first preposition is changed ("cups of coffee")."""
    match = _PREPOSITION.search(noun) or re.search(r"(?<=man|son) \w+ing\b", noun)
    if match:
        return plural(noun[: match.start()]) + noun[match.start() :]
    before, _, last = noun.rpartition(" ")
    before = f"{before} " if before else ""
    if last in IRREGULAR_PLURALS:
        return before + IRREGULAR_PLURALS[last]
    if re.search(r"[^aeiou]y$", last):
        return f"{before}{last[:-1]}ies"
    if re.search(r"(s|x|z|ch|sh)$", last):
        return f"{before}{last}es"
    return f"{before}{last}s"


def article(phrase: str) -> str:
    """ "a" or "an", as the sound of the phrase asks for."""
    return "an" if _VOWEL_SOUND.match(phrase) else "a"


def with_article(phrase: str) -> str:
    """ "a dog", "an apple"."""
    return f"{article(phrase)} {phrase}"


def join(items: Sequence[str], conjunction: str = "and") -> str:
    """ "a", "a and b" or "a, b and c".

    Raises:
        IndexError: no items.
    """
    if len(items) < 2:
        return items[0]
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"
