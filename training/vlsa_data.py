"""What VLSA's stages read beside the pictures: conversations as token ids, and where letters and objects stand.

`python -m training.vlsa_data --data DIR ...` writes conversations.npz, letters.npz and objects.npz into folders of
`training.data.dataset`, `training.data.pages` and `training.data.shelves`, and conversations.npz into those of
`training.data.photos`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.config import get_preset
from pipelines.registry import load_language_tokenizer
from pipelines.types import Element, Layout
from pipelines.vlad.fonts import FontBook
from pipelines.vlad.lettering import fit_text
from pipelines.vlsa.spelling import CLASSES, LETTERS, Speller
from training.data.assets import Assets
from training.data.questions import KINDS, Exchange, converse, photo
from training.posters import training_fonts

EXCHANGES = 12  # kept for each picture
EM = 64  # pixels, at which advances are measured


@dataclass(frozen=True)
class Ragged:
    """N rows of different lengths: `values[starts[i]:starts[i + 1]]`."""

    values: np.ndarray
    starts: np.ndarray

    def __getitem__(self, i: int) -> np.ndarray:
        return self.values[self.starts[i] : self.starts[i + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, rows: Iterable[np.ndarray]) -> Ragged:
        kept = list(rows)
        return cls(np.concatenate(kept), np.cumsum([0, *(len(r) for r in kept)]))


@dataclass(frozen=True)
class Conversations:
    """Exchanges of N pictures: exchange e of picture i is row i * EXCHANGES + e of questions and answers; kinds (N *
    EXCHANGES,) index `training.data.questions.KINDS`.
    """

    questions: Ragged
    answers: Ragged
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.kinds) // EXCHANGES


def letters_of(layout: Layout, fonts: FontBook) -> np.ndarray:
    """(L, 3) float32: class, y, x of each letter's centre in [0, 1], in reading order within each text."""
    rows = [row for e in layout.elements if e.kind == "text" for row in _letters(e, fonts)]
    return np.array(rows, np.float32).reshape(-1, 3)


def _letters(element: Element, fonts: FontBook) -> Iterator[tuple[int, float, float]]:
    fitted = fit_text(element.text, element.font, element.box, fonts, align=element.align)
    font = fonts.load(fitted.font, EM)
    for line in fitted.lines:
        y = line.box.centre[1]
        for word, dx in line.words:
            edges = [font.getlength(word[:i]) / EM * fitted.px for i in range(len(word) + 1)]
            for c, a, b in zip(word, edges, edges[1:], strict=False):
                known = LETTERS.find(c)
                yield (known + 1 if known >= 0 else CLASSES - 1), y, (line.x + dx + (a + b) / 2) / fitted.size


def letter_widths(fonts: FontBook) -> np.ndarray:
    """(CLASSES,) float32: the mean width of each class of letters, em; of those with no letter, that of all."""
    loaded = [fonts.load(name, EM) for name in fonts.ids]
    known = [np.mean([font.getlength(c) for font in loaded]) / EM for c in LETTERS]
    return np.array([np.mean(known), *known, np.mean(known)], np.float32)


def objects_of(record: dict[str, Any], names: dict[str, int]) -> np.ndarray:
    """(K, 5) float32: class from 1, y0, x0, y1, x1 in [0, 1] of every object of a poster."""
    elements, rows = record["layout"]["elements"], []
    for i, name in record["object_names"].items():
        x0, y0, x1, y1 = elements[int(i)]["box"]
        rows.append((names[name] + 1, y0, x0, y1, x1))
    return np.array(rows, np.float32).reshape(-1, 5)


def save_objects(folder: Path, records: list[dict[str, Any]], assets: Assets) -> None:
    every = sorted(assets.objects)
    names = {name: i for i, name in enumerate(every)}
    rows = Ragged.of(objects_of(r, names) for r in records)
    np.savez(folder / "objects.npz", values=rows.values, starts=rows.starts, names=np.array(every))


def save_letters(folder: Path, records: list[dict[str, Any]], fonts: FontBook) -> None:
    rows = Ragged.of(letters_of(Layout.from_dict(r["layout"]), fonts) for r in records)
    np.savez(folder / "letters.npz", values=rows.values, starts=rows.starts)


def save_conversations(folder: Path, exchanges: Iterable[list[Exchange]], speller: Speller) -> None:
    """Token ids of EXCHANGES exchanges a picture; pictures with fewer repeat theirs."""
    questions, answers, kinds = [], [], []
    for row in exchanges:
        for e in (row * EXCHANGES)[:EXCHANGES]:
            questions.append(np.array(speller.encode(e.question), np.uint16))
            answers.append(np.array(speller.encode(e.answer), np.uint16))
            kinds.append(KINDS.index(e.kind))
    q, a = Ragged.of(questions), Ragged.of(answers)
    np.savez(
        folder / "conversations.npz",
        questions=q.values, question_starts=q.starts, answers=a.values, answer_starts=a.starts, kinds=np.array(kinds),
    )  # fmt: skip


def load_conversations(folder: Path) -> Conversations:
    with np.load(folder / "conversations.npz") as f:
        return Conversations(
            Ragged(f["questions"], f["question_starts"]), Ragged(f["answers"], f["answer_starts"]), f["kinds"]
        )


def load_marks(folder: Path, name: str) -> Ragged | None:
    """ "letters" or "objects" of a data set of posters; None for photographs, of which nothing is known."""
    if not (folder / f"{name}.npz").exists():
        return None
    with np.load(folder / f"{name}.npz") as f:
        return Ragged(f["values"], f["starts"])


def load_names(folder: Path) -> list[str]:
    """Names of the classes of objects from 1; empty where nothing is known of them."""
    path = folder / "objects.npz"
    if not path.exists():
        return []
    with np.load(path) as f:
        return [str(name) for name in f["names"]]


def lines_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def about_photo(record: dict[str, Any], rng: random.Random, assets: Assets) -> list[Exchange]:
    """Exchanges about a photograph, and about the artwork that was pasted into it."""
    return photo(record["phrase"], rng, EXCHANGES, assets, objects=tuple(record.get("objects", ())))


def prepare(folder: Path, speller: Speller, assets: Assets, fonts: FontBook, seed: int) -> None:
    """Write what belongs to a data set of posters or of photographs."""
    if (folder / "photos.jsonl").exists():
        records = lines_of(folder / "photos.jsonl")
        rows = (about_photo(r, random.Random(f"{seed}:{i}"), assets) for i, r in enumerate(records))
    else:
        records = lines_of(folder / "layouts.jsonl")
        rows = (converse(r, random.Random(f"{seed}:{i}"), EXCHANGES, assets) for i, r in enumerate(records))
        save_letters(folder, records, fonts)
        save_objects(folder, records, assets)
    save_conversations(folder, rows, speller)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", type=Path, nargs="+", required=True)
    p.add_argument("--assets", type=Path)
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    assets = Assets(args.assets)
    source = get_preset("mini").language_model
    assert source is not None
    speller = Speller(load_language_tokenizer(source))
    for folder in args.data:
        prepare(folder, speller, assets, training_fonts(assets.path), args.seed)


if __name__ == "__main__":
    main()
