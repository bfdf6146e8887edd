"""Batches for VLSA: tiles and snapshots of pictures at several sizes, letters and objects by cell, conversations."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.colours import COLOURS
from pipelines.images import from_uint8, to_uint8
from pipelines.models.perceiver import by_tile
from pipelines.models.reader import STRIPS
from pipelines.models.vlm import BOXES
from pipelines.vlsa.cognition import Requests
from pipelines.vlsa.spelling import Speller
from pipelines.vlsa.types import CELLS, TILE
from training.data.questions import KINDS
from training.vlsa_data import EXCHANGES, Conversations, Ragged, load_conversations, load_marks, load_names

COPIES = 6  # more count as this many
COLOUR_NAMES = list(COLOURS)
FRAMES = ((2, 2),) * 7 + ((2, 3), (3, 2), (3, 3), (4, 4), (1, 2), (4, 2))  # tile rows and columns, drawn for a batch
PHOTOS = 0.12  # share of photographs
D = TypeVar("D", bound=Sized)
SHRUNK = 0.2  # share of batches whose pictures do not fill their frame


@dataclass(frozen=True)
class Pictures:
    """A data set: images (N, 256, 256, 3) uint8, its conversations, and its letters and objects if they are known."""

    images: np.ndarray
    conversations: Conversations
    letters: Ragged | None
    objects: Ragged | None
    names: list[str]

    def __len__(self) -> int:
        return len(self.conversations)


def drawn(posters: Sequence[D], photos: D | None, size: int, rng: np.random.Generator) -> tuple[D, np.ndarray]:
    """The data set of a batch, photographs in a share PHOTOS of batches, and at most `size` of its rows."""
    data = photos if photos is not None and rng.random() < PHOTOS else posters[int(rng.integers(len(posters)))]
    return data, rng.choice(len(data), min(size, len(data)), replace=False)


def load_pictures(folder: Path) -> Pictures:
    images = np.load(folder / "images.npy", mmap_mode="r")
    letters, objects = load_marks(folder, "letters"), load_marks(folder, "objects")
    return Pictures(images, load_conversations(folder), letters, objects, load_names(folder))


@dataclass
class Sight:
    """What the encoder sees of B pictures, and what is true of them.

    Attributes:
        snapshot: (B, 3, 128, 128). tiles: (B, m, 3, 128, 128). centres: (1, m, 64, 2), (y, x) in cells of the
        snapshot. picture: (B, 3, 256, 256), the frame as it is to be rebuilt; all in [-1, 1]. letters: (B, 64, 16)
        long, class of the letter in each of the BOXES of each cell. places: (B, m, 64, STRIPS) long, class of the
        letter whose centre lies in each upright strip of each tile token. objects: (B, 64) long, class of the object
        that covers a cell's centre, 0 = none, -1 = not known. copies: (B, 64) long, how many of that object there are,
        at most COPIES, 0 = none or not known. details: (B, m, 64) long, as `objects`, of each tile token. grounds: (B,
        64) long, index in `COLOURS` of the colour nearest to most of a cell. frame: rows and columns of tiles. seen_lo,
        seen_hi: V_Lo (B, 64, vision) and V_Hi (B, m, 64, vision) where they are known already.
    """

    snapshot: Tensor
    tiles: Tensor
    centres: Tensor
    picture: Tensor
    letters: Tensor
    places: Tensor
    objects: Tensor
    copies: Tensor
    details: Tensor
    grounds: Tensor
    frame: tuple[int, int]
    seen_lo: Tensor | None = None
    seen_hi: Tensor | None = None

    def to(self, device: str) -> Sight:
        moved: dict[str, Any] = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(self).items()}
        return Sight(**moved)


def frame_centres(rows: int, columns: int) -> Tensor:
    """(m, 64, 2): (y, x) of every tile token's centre in cells of the snapshot."""
    y, x = (CELLS / n * (torch.arange(n * CELLS) + 0.5) / CELLS for n in (rows, columns))
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1)  # (8 rows, 8 columns, 2)
    cut = grid.view(rows, CELLS, columns, CELLS, 2).transpose(1, 2)
    return cut.reshape(rows * columns, CELLS * CELLS, 2)


def resized(x: Tensor, height: int, width: int) -> Tensor:
    """(B, 3, H, W) -> (B, 3, height, width), antialiased."""
    if tuple(x.shape[-2:]) == (height, width):
        return x
    return F.interpolate(x, (height, width), mode="bilinear", antialias=True, align_corners=False)


def cut(frame: Tensor) -> Tensor:
    """(B, 3, 128 R, 128 C) -> (B, R C, 3, 128, 128), row by row."""
    b, c, h, w = frame.shape
    tiles = frame.view(b, c, h // TILE, TILE, w // TILE, TILE).permute(0, 2, 4, 1, 3, 5)
    return tiles.reshape(b, -1, c, TILE, TILE)


def framed(images: Tensor, rows: int, columns: int, scale: tuple[float, float]) -> Tensor:
    """Pictures scaled into the upper left of a frame and padded as `pipelines.vlsa.tiling` pads: by edge means."""
    h, w = rows * TILE, columns * TILE
    inner = resized(images, round(h * scale[0]), round(w * scale[1]))
    y, x = inner.shape[-2:]
    right = inner[..., -1:].mean(-2, keepdim=True).expand(-1, -1, y, w - x)
    whole = torch.cat([inner, right], -1)
    return torch.cat([whole, whole[..., -1:, :].mean(-1, keepdim=True).expand(-1, -1, h - y, w)], -2)


def letter_grid(rows: Sequence[np.ndarray | None], frame: tuple[int, int], scale: tuple[float, float]) -> Tensor:
    """(B, 8 R, 8 C, STRIPS) classes of the letters whose centres lie in each upright strip of each tile token; where
    two share a strip, the later one counts.
    """
    h, w = frame[0] * CELLS, frame[1] * CELLS
    out = np.zeros((len(rows), h, w, STRIPS), np.int64)
    for i, row in enumerate(rows):
        if row is not None:
            y = (np.clip(row[:, 1] * scale[0], 0, 0.999) * h).astype(int)
            x = (np.clip(row[:, 2] * scale[1], 0, 0.999) * w * STRIPS).astype(int)
            out[i, y, x // STRIPS, x % STRIPS] = row[:, 0]
    return torch.from_numpy(out)


def cell_letters(rows: Sequence[np.ndarray | None], scale: tuple[float, float]) -> Tensor:
    """(B, 64, BOXES rows * columns) class of the letter in each box of each cell, row by row."""
    high, wide = BOXES
    grid = letter_grid(rows, (high, wide // STRIPS), scale)  # as many boxes as the cells have
    boxes = grid.unflatten(2, (CELLS, wide // STRIPS)).unflatten(1, (CELLS, high)).transpose(2, 3)
    return boxes.reshape(len(rows), CELLS * CELLS, high * wide)


def tile_letters(rows: Sequence[np.ndarray | None], frame: tuple[int, int], scale: tuple[float, float]) -> Tensor:
    """(B, m, 64, STRIPS) classes by strip of a tile token."""
    return by_tile(letter_grid(rows, frame, scale), frame)


def cell_objects(
    rows: Sequence[np.ndarray | None], scale: tuple[float, float], grid: tuple[int, int] = (CELLS, CELLS)
) -> tuple[Tensor, Tensor]:
    """Classes of the objects over each cell's centre, and how many of the same class there are: both (B, cells)."""
    out, copies = (np.full((len(rows), *grid), k, np.int64) for k in (-1, 0))
    vertical, horizontal = ((np.arange(n) + 0.5) / n for n in grid)
    for i, row in enumerate(rows):
        if row is None:
            continue
        out[i] = 0
        for k, y0, x0, y1, x1 in row:
            down = (vertical >= y0 * scale[0]) & (vertical <= y1 * scale[0])
            across = (horizontal >= x0 * scale[1]) & (horizontal <= x1 * scale[1])
            out[i][np.ix_(down, across)] = int(k)
            copies[i][np.ix_(down, across)] = min(COPIES, int((row[:, 0] == k).sum()))
    return torch.from_numpy(out.reshape(len(rows), -1)), torch.from_numpy(copies.reshape(len(rows), -1))


def cell_grounds(picture: Tensor) -> Tensor:
    """(B, 3, 256, 256) in [-1, 1] -> (B, 64): the named colour nearest to the median of each cell."""
    side = picture.shape[-1] // CELLS
    cells = picture[..., ::4, ::4].unfold(2, side // 4, side // 4).unfold(3, side // 4, side // 4)
    median = to_uint8(cells.flatten(4).median(-1).values).flatten(1, 2).float()  # (B, 64, 3)
    named = torch.tensor(list(COLOURS.values()), dtype=torch.float32)
    return torch.cdist(median, named[None].expand(len(median), -1, -1)).argmin(-1)


def sight(data: Pictures, rows: np.ndarray, frame: tuple[int, int], scale: tuple[float, float]) -> Sight:
    """Pictures `rows` of a data set in a frame of tile rows and columns."""
    images = from_uint8(np.stack([data.images[r] for r in rows]))
    whole = framed(images, *frame, scale) if frame != (2, 2) or scale != (1, 1) else images
    letters = [data.letters[r] if data.letters else None for r in rows]
    known = [data.objects[r] if data.objects else None for r in rows]
    objects, copies = cell_objects(known, scale)
    grid = (frame[0] * CELLS, frame[1] * CELLS)
    details = cell_objects(known, scale, grid)[0].unflatten(1, grid)
    picture = resized(whole, 256, 256)
    return Sight(
        snapshot=F.interpolate(whole, (TILE, TILE), mode="area"),
        tiles=cut(whole),
        centres=frame_centres(*frame)[None],
        picture=picture,
        letters=cell_letters(letters, scale),
        places=tile_letters(letters, frame, scale),
        objects=objects,
        copies=copies,
        details=by_tile(details, frame),
        grounds=cell_grounds(picture),
        frame=frame,
    )


@dataclass
class Talk:
    """Conversations of B pictures: ids (B, T) long, mask and answers (B, T) bool, weight (B, T), kind (B, T) of
    `questions.KINDS` (-1 for cognition and outside answers), turn (B, T) number of the exchange.
    """

    ids: Tensor
    mask: Tensor
    answers: Tensor
    weight: Tensor
    kind: Tensor
    turn: Tensor

    def to(self, device: str) -> Talk:
        return Talk(**{k: v.to(device) for k, v in vars(self).items()})


# Exchanges of a conversation come in random order, and what does not fit is left out; these come sooner, because they
# are short and say most about what the image shows, or because few are asked.
SOONER = {
    KINDS.index(k): x
    for k, x in {
        "background_colour": 0.5, "count": 0.5, "read": 0.6, "presence": 0.4, "objects": 0.2, "short_caption": 0.2,
        "caption": 0.4,
        "text_presence": -0.2, "text_colour": 0.3, "text_place": 0.3, "object_colour": 0.4, "position": 0.4,
        "relation": 0.4, "scene": 0.4, "style": 0.5, "background_kind": 0.5,
    }.items()
}  # fmt: skip
SHORT = {
    KINDS.index(k): 2.5
    for k in (
        "presence", "count", "text_presence", "any_text", "background_colour", "style", "background_kind", "relation",
    )
}  # fmt: skip


@dataclass(frozen=True)
class Cells:
    """What each cell of one picture shows, in words: `objects` (64,) and `grounds` (64,) as in `Sight`."""

    objects: np.ndarray
    grounds: np.ndarray
    names: Sequence[str]

    def row(self, rng: np.random.Generator) -> tuple[str, str]:
        """A question about a random row of cells and its answer, from left to right: objects, and colours elsewhere,
        each run of equal cells once. It teaches the language model where to look.
        """
        full = np.flatnonzero((self.objects.reshape(CELLS, CELLS) > 0).any(1))  # mostly one with an object
        row = int(rng.choice(full)) if len(full) and rng.random() < 0.7 else int(rng.integers(0, CELLS))
        cells = range(row * CELLS, (row + 1) * CELLS)
        said = [
            self.names[o - 1] if o > 0 else COLOUR_NAMES[g]
            for o, g in ((self.objects[k], self.grounds[k]) for k in cells)
        ]
        return f"What is in row {row + 1}?", ", ".join(name for name, _ in groupby(said))


class Talker:
    """Lays exchanges out as chat turns of at most `length` tokens, with cognition's requests between them.

    Args:
        cognition: chance of a request for codes, and of one for colours. weight: of their tokens. kinds: the only
        ones that are asked; None = all. rows: how many rows of cells are asked for where they are known.
    """

    def __init__(
        self, speller: Speller, length: int, cognition: float = 0.0, weight: float = 0.3,
        kinds: Sequence[str] | None = None, rows: int = 0,
    ) -> None:  # fmt: skip
        self.speller, self.length, self.cognition, self.weight, self.rows = speller, length, cognition, weight, rows
        self.kinds = None if kinds is None else {KINDS.index(k) for k in kinds}

    def turns(
        self,
        c: Conversations,
        row: int,
        rng: np.random.Generator,
        requests: Requests | None,
        cells: Cells | None = None,
    ) -> list[tuple[list[int], list[int], float, int]]:
        """(question, answer, weight, kind) in the order in which they are asked."""
        chosen = []
        first = row * EXCHANGES
        places = [rng.random() - SOONER.get(int(kind), 0.0) for kind in c.kinds[first : first + EXCHANGES]]
        for e in np.argsort(places):
            k = first + int(e)
            kind = int(c.kinds[k])
            if self.kinds is not None and kind not in self.kinds:
                continue
            chosen.append((c.questions[k].tolist(), c.answers[k].tolist(), SHORT.get(kind, 1.0), kind))
        if requests is not None:
            for ask in (requests.codes, requests.colours_at):
                if rng.random() < self.cognition:
                    question, answer = ask(rng)
                    turn = (self.speller.encode(question), answer, self.weight, -1)
                    chosen.insert(int(rng.integers(0, 5)), turn)  # among the first, which surely fit
        for _ in range(self.rows):
            if cells is None:
                break
            question, told = cells.row(rng)
            turn = (self.speller.encode(question), self.speller.encode(told), 1.0, -1)
            chosen.insert(int(rng.integers(0, 3)), turn)
        return chosen

    def talk(
        self, c: Conversations, rows: np.ndarray, rng: np.random.Generator, requests: Sequence[Requests] | None,
        cells: Sequence[Cells] | None = None,
    ) -> Talk:  # fmt: skip
        """The conversations of pictures `rows`; `requests` and `cells` are theirs."""
        n, s = len(rows), self.speller
        out = Talk(
            torch.zeros(n, self.length, dtype=torch.long),
            torch.zeros(n, self.length, dtype=torch.bool),
            torch.zeros(n, self.length, dtype=torch.bool),
            torch.zeros(n, self.length),
            torch.full((n, self.length), -1),
            torch.zeros(n, self.length, dtype=torch.long),
        )
        for i, row in enumerate(rows):
            at = 0
            for q, a, weight, kind in self.turns(
                c, int(row), rng, requests[i] if requests else None, cells[i] if cells else None
            ):
                head = [*(s.next if at else []), *s.ask, *q, *s.answer]
                tail = [*a, *s.end]
                if at + len(head) + len(tail) > self.length:
                    continue
                stop = at + len(head) + len(tail)
                out.ids[i, at:stop] = torch.tensor(head + tail)
                out.mask[i, at:stop] = True
                out.turn[i, at + bool(at) :] = int(out.turn[i, at]) + bool(at)  # the line break ends the turn before
                told = slice(at + len(head), stop)
                out.answers[i, told], out.weight[i, told], out.kind[i, told] = True, weight, kind
                at = stop
        return out
