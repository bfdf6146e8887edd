"""The objects the models know by name, and finding their names in a list of words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.vlad.nouns import EXTRA_ALIASES, NEVER_OBJECTS

LEXICON_FILE = Path(__file__).resolve().parents[2] / "assets" / "lexicon.json"
LONGEST_NAME = 7  # words
_IRREGULAR = {
    "child": "children", "foot": "feet", "goose": "geese", "knife": "knives", "leaf": "leaves", "loaf": "loaves",
    "man": "men", "mouse": "mice", "person": "people", "potato": "potatoes", "scarf": "scarves", "tomato": "tomatoes",
    "tooth": "teeth", "wolf": "wolves", "woman": "women", "mango": "mangoes", "snowman": "snowmen", "witch": "witches",
    "deer": "deer", "sheep": "sheep", "bison": "bison", "squid": "squid", "dice": "dice", "calf": "calves",
}  # fmt: skip
_HEAD = re.compile(r" (?:of|with|in|on|and|for|showing|from|without|seen) ")


@dataclass(frozen=True)
class Name:
    """A way to write an object's name.

    Attributes:
        object: canonical name.
        singular: this name in the singular, as it is written ("mug", "Santa Claus").
        plural: whether this way of writing means several.
        group: broad category ("animals & nature").
        mass: used without an article and not counted ("fireworks").
    """

    object: str
    singular: str
    plural: bool
    group: str
    mass: bool


def key_of(text: str) -> tuple[str, ...]:
    """Lower-case words; hyphens part words, curly apostrophes are straight."""
    return tuple(text.lower().replace("’", "'").replace("-", " ").split())


def plural_of(noun: str) -> str:
    """Plural of a noun phrase: its head, before the first preposition, is changed."""
    match = _HEAD.search(noun)
    if match:
        return plural_of(noun[: match.start()]) + noun[match.start() :]
    before, space, last = noun.rpartition(" ")
    if last.lower() in _IRREGULAR:
        changed = _IRREGULAR[last.lower()]
    elif re.search(r"[^aeiou]y$", last):
        changed = last[:-1] + "ies"
    elif re.search(r"(?:s|x|z|ch|sh)$", last):
        changed = last + "es"
    else:
        changed = last + "s"
    return before + space + changed


def singular_of(word: str) -> str:
    """Likely singular of one unknown English word ("daffodils" -> "daffodil")."""
    for one, many in _IRREGULAR.items():
        if word == many:
            return one
    if re.search(r"[^aeiou]ies$", word):
        return word[:-3] + "y"
    if re.search(r"(?:[sxz]|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if re.search(r"[^s]s$", word) and len(word) > 3 else word


class Lexicon:
    """All names of all objects.

    Args:
        records: dicts with name, aliases, plural, group, emoji and mass.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.records = {r["name"]: r for r in records}
        self.by_emoji = {r["emoji"].replace("\ufe0f", ""): r["name"] for r in self.records.values() if r.get("emoji")}
        self._names: dict[tuple[str, ...], Name] = {}
        self._first_words: dict[str, int] = {}
        self._add_all()

    def _add_all(self) -> None:
        """Canonical names first, then aliases of the objects with the shortest names, then everyday words."""
        for record in self.records.values():
            self._add(record["name"], record, record["name"])
        for record in self.records.values():
            self._add(record["name"], record, record["plural"])
        for record in sorted(self.records.values(), key=lambda r: (len(r["name"]), r["name"])):
            for alias in record["aliases"]:
                self._add(alias, record, alias if record["mass"] else plural_of(alias))
        for alias, name in EXTRA_ALIASES.items():
            if name in self.records:
                self._add(alias, self.records[name], plural_of(alias))

    def _add(self, name: str, record: Mapping[str, Any], plural: str) -> None:
        for form, many in ((name, False), (plural, True)):
            key = key_of(form)
            if not key or " ".join(key_of(name)) in NEVER_OBJECTS or key in self._names:
                continue
            whole = bool(record["mass"]) and name == record["name"]
            self._names[key] = Name(record["name"], name, many and form != name, record["group"], whole)
            self._first_words[key[0]] = max(len(key), self._first_words.get(key[0], 0))

    def get(self, name: str) -> Name | None:
        """The entry of a name written in any of its ways."""
        return self._names.get(key_of(name))

    def longest(self, words: Sequence[str], start: int) -> tuple[int, Name] | None:
        """Longest name that begins at words[start]: (number of words, name)."""
        most = min(self._first_words.get(words[start], 0), len(words) - start)
        for n in range(most, 0, -1):
            found = self._names.get(tuple(words[start : start + n]))
            if found:
                return n, found
        return None


@lru_cache(1)
def default_lexicon() -> Lexicon:
    """The lexicon of assets/lexicon.json; empty when the file is missing, so prompts are still read."""
    try:
        return Lexicon(json.loads(LEXICON_FILE.read_text("utf-8")))
    except FileNotFoundError:
        return Lexicon(())
