"""What VLSA's stages read beside the pictures: conversations as token ids, where letters and objects stand, and what is
told of them.

`python -m training.vlsa_data --data DIR ...` writes conversations.npz, letters.npz, objects.npz and told.npz into
folders of `training.data.dataset`, `training.data.pages` and `training.data.shelves`, and conversations.npz and
told.npz into those of `training.data.photos`.
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

from pipelines.colours import COLOURS, name_of, to_rgb
from pipelines.config import get_preset
from pipelines.models.reader import CLASSES, LETTERS
from pipelines.registry import load_language_tokenizer
from pipelines.types import Element, Layout
from pipelines.vlad.fonts import FontBook
from pipelines.vlad.lettering import fit_text
from pipelines.vlsa.spelling import Speller
from training.data.assets import Assets
from training.data.question_facts import Facts, object_colour, surface
from training.data.questions import KINDS, Exchange, converse, photo
from training.posters import training_fonts

INDEX = {name: i for i, name in enumerate(COLOURS)}
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


@dataclass(frozen=True)
class Terms:
    """What is told of N pictures in words, and where.

    Attributes:
        letters, objects: rows as of `letters_of` and `objects_of`, none in photographs. inks, tints: for each of these
        rows 1 + index in `COLOURS`, 0 where an object has several colours. wholes: (N, sorts) strings, "" where there
        is none; see `training.data.question_facts.Facts.told`.
    """

    letters: Ragged
    inks: Ragged
    objects: Ragged
    tints: Ragged
    wholes: np.ndarray


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


def inks_of(layout: Layout) -> np.ndarray:
    """(L,) uint8: 1 + index in `COLOURS` of the colour of each row of `letters_of`."""
    texts = [e for e in layout.elements if e.kind == "text"]
    inks = [1 + INDEX[name_of(to_rgb(str(e.colour)))] for e in texts]
    return np.repeat(np.array(inks, np.uint8), [len("".join(e.text.split())) for e in texts])


def tints_of(record: dict[str, Any], assets: Assets) -> np.ndarray:
    """(K,) uint8: 1 + index in `COLOURS` of the colour of each row of `objects_of`, 0 where it has several."""
    elements = record["layout"]["elements"]
    found = [object_colour(assets.objects[n], elements[int(i)])[0] for i, n in record["object_names"].items()]
    return np.array([1 + INDEX[c] if c in INDEX else 0 for c in found], np.uint8)


def save_told(folder: Path, records: list[dict[str, Any]], assets: Assets) -> None:
    """told.npz of posters; letters.npz and objects.npz, whose rows it follows, are there already.

    Raises:
        ValueError: these are of other posters.
    """
    layouts = (Layout.from_dict(r["layout"]) for r in records)
    inks, tints = Ragged.of(map(inks_of, layouts)), Ragged.of(tints_of(r, assets) for r in records)
    for name, rows in (("letters", inks), ("objects", tints)):
        marks = load_marks(folder, name)
        if marks is None or not np.array_equal(marks.starts, rows.starts):
            raise ValueError(f"{folder / name}.npz is of other posters; write it anew with training.vlsa_data.")
    wholes = np.array([Facts(r, assets).told for r in records])
    np.savez(folder / "told.npz", inks=inks.values, tints=tints.values, wholes=wholes)


def load_terms(folder: Path) -> Terms | None:
    """What is told of a data set; None where nothing is known."""
    if not (folder / "told.npz").exists():
        return None
    with np.load(folder / "told.npz") as f:
        inks, tints, wholes = f["inks"], f["tints"], f["wholes"]
    none = Ragged(np.zeros((0, 5), np.float32), np.zeros(len(wholes) + 1, int))
    letters, objects = (load_marks(folder, name) or none for name in ("letters", "objects"))
    return Terms(letters, Ragged(inks, letters.starts), objects, Ragged(tints, objects.starts), wholes)


def told_of(record: dict[str, Any]) -> tuple[str, ...]:
    """`Facts.told` of a photograph: its noun, and what it is of."""
    return "", "photo", "", "", surface(record["phrase"]), ""


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
        nothing = np.zeros(0, np.uint8)
        np.savez(folder / "told.npz", inks=nothing, tints=nothing, wholes=np.array([told_of(r) for r in records]))
    else:
        records = lines_of(folder / "layouts.jsonl")
        rows = (converse(r, random.Random(f"{seed}:{i}"), EXCHANGES, assets) for i, r in enumerate(records))
        save_letters(folder, records, fonts)
        save_objects(folder, records, assets)
        save_told(folder, records, assets)
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
