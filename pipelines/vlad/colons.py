"""Whether what follows a colon is a text: "sticker: 50% OFF", "poster: use the stairs.", "bottom: open daily"."""

from __future__ import annotations

import re

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import ABSTRACT_NOUNS, AMBIGUOUS_OBJECTS, DOCUMENT_HEADS, LETTERS, NUMBERS, PANELS, STOP_WORDS
from pipelines.vlad.reading import LOOK_WORDS, Reading
from pipelines.vlad.text_ends import TITLE_RUN, capitals_end

MOST_WORDS_OF_SENTENCE = 8  # behind "poster:"
_INSTRUCTS = re.compile(
    r"(?:the|please|make|draw|must|should|use|keep it|i|we|just|only|nothing|no|some|very|my|our)\b"
)

_GREETS = re.compile(
    r"(?:Welcome|Please(?! (?:make|use|draw|create|add|put|include|design|show|keep it))|Beware|Do [Nn]ot|Thank|"
    r"Congratulations|Caution|Warning)\b"
)
_WORN = ("shirt", "mug", "jersey", "hoodie", "cap", "bag", "apron")
_OF_LOOKS = frozenset("a an with background backdrop style theme colour colours color colors look design".split())


def sentence_end(reading: Reading, match: re.Match[str]) -> int | None:
    """Where a short sentence behind "poster:" ends that is its text ("sticker for laptop: keep coding."), else None."""
    clause = re.match(r"([a-z][^,.;:\n\x01]*)[.!]\s+\S", reading.masked[match.end() :])
    heading = re.split(r"[,.;:\n]", reading.masked[: match.end(1)])[-1].split()
    if clause is None or not any(w in DOCUMENT_HEADS or w in PANELS for w in heading):
        return None
    words = clause.group(1).split()
    described = LOOK_WORDS | DOCUMENT_HEADS | LETTERS | set(PANELS) | _OF_LOOKS
    told = any(default_lexicon().get(w) for w in words if w not in AMBIGUOUS_OBJECTS)
    if told or words[-1] in ABSTRACT_NOUNS or any(w in described or w in NUMBERS for w in words):
        return None
    short = 1 < len(words) <= MOST_WORDS_OF_SENTENCE and not _INSTRUCTS.match(clause.group(1))
    return match.end() + clause.end(1) if short else None


def describes(reading: Reading, start: int) -> bool:
    """Whether what is told behind "top:" is a thing or a look rather than a text."""
    i = reading.index_at(start)
    words = [w.text for w in reading.words]
    if i >= len(words) or reading.prompt[start].isupper():
        return False
    return (
        words[i] in STOP_WORDS or words[i] in NUMBERS or words[i].isdigit() or words[i] in LOOK_WORDS
        or bool(default_lexicon().longest(words, i))
    )  # fmt: skip


def heads(reading: Reading, match: re.Match[str]) -> bool:
    """Whether what follows a colon is lettering: capitals behind a panel or document ("sticker: 50% OFF")."""
    noun = match.group(1)
    line_end = reading.masked.find("\n", match.end())
    end = len(reading.masked) if line_end < 0 else line_end
    carries = noun in PANELS or noun in DOCUMENT_HEADS or noun in _WORN
    clause = re.split(r"[,.;:\n]", reading.masked[: match.start(1)])[-1]
    stands = re.search(r"\b(?:sign|label|board|banner|note|card|plaque|placard|sticker)\b", clause) is not None
    run = TITLE_RUN.match(reading.prompt, match.end(), end)
    title = run is not None and " " in run.group() and sum(w[0].isupper() for w in run.group().split()) > 1
    capitals = capitals_end(reading.prompt, match.end(), end) is not None
    greets = _GREETS.match(reading.prompt, match.end()) is not None
    return (carries and (capitals or title or greets)) or (stands and (title or greets))
