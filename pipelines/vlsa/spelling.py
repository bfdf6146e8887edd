"""Instructions and answers as token ids: chat turns, with everything between double quotes spelled letter by letter.

A language model's word pieces hide their letters from it. An image shows letters, so a string that stands in an image
is written and read as single characters; to people the text looks the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pipelines.vlsa.types import Message

QUOTED = re.compile(r'(?<=")[^"]*(?=")')
CURLY = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


def pieces(text: str) -> list[tuple[str, bool]]:
    """(piece, whether it is spelled) in order; quotes themselves belong to the plain pieces. An odd last quote opens
    nothing.
    """
    parts = text.split('"')
    closed = len(parts) - 1 - (len(parts) - 1) % 2  # number of quotes that have a partner
    out: list[tuple[str, bool]] = []
    plain = parts[0]
    for i, part in enumerate(parts[1:], 1):
        if i > closed:
            plain += f'"{part}'
        elif i % 2:
            out += [(plain + '"', False), (part, True)]
            plain = ""
        else:
            plain = f'"{part}'
    return [(p, spelled) for p, spelled in (*out, (plain, False)) if p]


class Speller:
    """A tokenizer that spells; see the module.

    Args:
        tokenizer: a transformers tokenizer, or the registry's locked one.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._characters: dict[str, list[int]] = {}
        self.ask = self._plain("<|im_start|>user\n")
        self.answer = self._plain("<|im_end|>\n<|im_start|>assistant\n")
        self.end = self._plain("<|im_end|>")
        self.next = self._plain("\n")

    def _plain(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []

    def letters(self, text: str) -> list[int]:
        """Token ids of a text, character by character."""
        ids: list[int] = []
        for c in text:
            if len(self._characters) > 4096:
                self._characters.clear()
            known = self._characters.get(c)
            if known is None:
                known = self._characters[c] = self._plain(c)
            ids += known
        return ids

    def encode(self, text: str) -> list[int]:
        """Token ids of a question or an answer, without turn marks; curly quotes count as straight ones."""
        ids: list[int] = []
        for piece, spelled in pieces(text.translate(CURLY)):
            ids += self.letters(piece) if spelled else self._plain(_unmarked(piece))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)

    def dialogue(self, turns: Sequence[Message]) -> list[int]:
        """Token ids of alternating questions and answers, up to where the next answer begins."""
        ids: list[int] = []
        for m in turns:
            if m.role == "user":
                ids += [*(self.next if ids else []), *self.turn(m.text)]
            else:
                ids += [*self.encode(m.text), *self.end]
        return ids

    def turn(self, question: str) -> list[int]:
        """A question up to the place where its answer begins."""
        return [*self.ask, *self.encode(question), *self.answer]


def _unmarked(text: str) -> str:
    """The text with the marks of the chat format taken apart, so that nobody can write a turn for the model."""
    return text.replace("<|", "< |")
