"""Cleaning a prompt and finding what is quoted in it.

Quotes: "double", 'single', “curly”, ‘curly’, „low“, ‚low‘, «guillemets», ‹single guillemets›, 「corner」 and `back`
quotes. An apostrophe is no quote: it stands inside a word (don't), before a decade ('90s) or in a short form ('n',
'til), or ends a plural possessive (the boys' club).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_REMOVED = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]")
_BREAKS = re.compile("\r\n?|[\u000b\u000c\u0085\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x09\x0e-\x1f\x7f-\x9f]")
_CLOSERS = {
    '"': '"”“„', "“": '”"“', "”": '”"', "„": '“”"', "‟": '”"', "«": "»", "»": "«", "‹": "›", "›": "‹",
    "「": "」", "『": "』",
}  # fmt: skip
_SINGLE_CLOSERS = {"'": "'’", "‘": "’‘'", "’": "’", "‚": "‘’'", "`": "`'´", "´": "´'"}
_SINGLE = "".join(_SINGLE_CLOSERS)
_SHORT_FORM = re.compile(r"\d0s\b|(?:n|em|til|till|tis|twas|cause|bout|round|cos|ere|neath)\b", re.I)


@dataclass(frozen=True)
class Quote:
    """A quoted stretch: prompt[start:end] with its marks, prompt[inside:outside] without."""

    start: int
    end: int
    inside: int
    outside: int
    closed: bool = True


def normalise(prompt: str) -> str:
    """NFC; no bidirectional marks, zero-width or control characters; single spaces; line breaks kept as one "\\n"."""
    text = _REMOVED.sub("", unicodedata.normalize("NFC", prompt))
    text = _CONTROLS.sub(" ", _BREAKS.sub("\n", text))
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r" ?\n[ \n]*", "\n", text).strip()


def clean_text(text: str) -> str:
    """One line, without a comma or semicolon that belongs to the sentence around it."""
    return " ".join(text.split()).rstrip(" ,;")


def find_quotes(prompt: str) -> list[Quote]:
    """Quoted stretches from left to right; blank ones are left out. At most one is unclosed per line."""
    found, i = [], 0
    while i < len(prompt):
        quote = _double(prompt, i) if prompt[i] in _CLOSERS else _single(prompt, i) if prompt[i] in _SINGLE else None
        if quote is None:
            i += 1
            continue
        if prompt[quote.inside : quote.outside].strip(" ,;.\n"):
            found.append(quote)
        i = max(quote.end, i + 1)
    return found


def _line_end(prompt: str, i: int) -> int:
    end = prompt.find("\n", i)
    return len(prompt) if end < 0 else end


def _double(prompt: str, i: int) -> Quote | None:
    """The quote opened at i, None for inches (24") and stray closing marks."""
    mark, before = prompt[i], prompt[i - 1 : i]
    if (mark == '"' and before.isdigit()) or (
        mark in "»”›" and before and not before.isspace() and before not in "([:"
    ):
        return None
    closers = _CLOSERS[mark]
    j = next((k for k in range(i + 1, len(prompt)) if prompt[k] in closers), -1)
    return Quote(i, j + 1, i + 1, j) if j > 0 else _unclosed(prompt, i)


def _unclosed(prompt: str, i: int) -> Quote | None:
    end = _line_end(prompt, i)
    return Quote(i, end, i + 1, end, closed=False) if prompt[i + 1 : end].strip() else None


def _opens(prompt: str, i: int) -> bool:
    """Whether a single mark at i may open a quote: nothing wordlike before it, something other than a space after."""
    before, after = prompt[i - 1 : i], prompt[i + 1 : i + 2]
    return not (before.isalnum() or before in tuple(_SINGLE)) and bool(after) and not after.isspace()


def _closes(prompt: str, i: int) -> bool:
    after = prompt[i + 1 : i + 2]
    return not prompt[i - 1].isspace() and not after.isalnum()


def _single(prompt: str, i: int) -> Quote | None:
    if not _opens(prompt, i):
        return None
    ends = _single_ends(prompt, i)
    if ends:
        j = ends[0]
        if len(ends) > 1 and prompt[j - 1] in "sS" and _titles(prompt[i + 1 : ends[1]]):
            j = ends[1]  # 'James' Books'
        if _SHORT_FORM.fullmatch(prompt[i + 1 : j]):
            return None
        return Quote(i, j + 1, i + 1, j)
    if prompt[i] in "’´" or _SHORT_FORM.match(prompt, i + 1):
        return None
    return _unclosed(prompt, i)


def _single_ends(prompt: str, i: int) -> list[int]:
    """Up to two places where the quote opened at i may close, with its own kind of mark if there is one."""
    for closers in _SINGLE_CLOSERS[prompt[i]]:
        ends = _closing_marks(prompt, i, closers)
        if ends:
            return ends
    return []


def _closing_marks(prompt: str, i: int, closer: str) -> list[int]:
    """Places of a closing mark before anything else opens and within two lines."""
    ends: list[int] = []
    for k in range(i + 2, _line_end(prompt, _line_end(prompt, i) + 1)):
        if prompt[k] in "“„«" and not ends:
            break
        if prompt[k] == closer and _closes(prompt, k):
            ends.append(k)
        elif prompt[k] == closer and _opens(prompt, k):
            break
    return ends[:2]


def _titles(text: str) -> bool:
    """Whether all words begin with a capital or a digit."""
    words = text.split()
    return len(words) > 1 and all(w[0].isupper() or w[0].isdigit() or w[0] == "&" for w in words)
