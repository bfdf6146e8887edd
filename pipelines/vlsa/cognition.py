"""Cognition alignment: what is asked about codes and colours, and how the answers are written. VLSA section 3.2.

New tokens of the language model, after its own vocabulary: 1,024 codes, then 512 colours (8 levels a channel).

- "Codes at row r, column c." (visual cells, 1 to 8) is answered by the 16 indices under that visual token, 4 rows of 4:
  Target_VQ of eq. (5), cell by cell.
- "Colours from row r, column c." (1 to 5) names the top-left vertex of a quarter of the image, 4 x 4 visual cells, and
  is answered by 16 colours, row by row: Target_PX, one mean colour a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.models.vlm import COLOUR_LEVELS
from pipelines.vlsa.types import CELLS, CODE_GRID, CODES

SIDE = CODE_GRID // CELLS  # codes along a visual cell
QUARTER = CELLS // 2  # cells along a quarter of the image
ANSWER = SIDE * SIDE  # tokens of either answer
COLOURS = COLOUR_LEVELS**3  # colour tokens, behind those of the codes


def codes_question(row: int, column: int) -> str:
    """row, column: of the visual cell, from 0."""
    return f"Codes at row {row + 1}, column {column + 1}."


def colours_question(row: int, column: int) -> str:
    """row, column: of the vertex in cells, from 0 to 4."""
    return f"Colours from row {row + 1}, column {column + 1}."


def code_tokens(index: np.ndarray, row: int, column: int, vocabulary: int) -> list[int]:
    """The 16 token ids of a cell of a grid (32, 32)."""
    block = index[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
    return (vocabulary + block.reshape(-1)).tolist()


def cell_colours(picture: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 -> (8, 8, 3) uint8: mean colour of each visual cell."""
    step = picture.shape[0] // CELLS
    blocks = picture.reshape(CELLS, step, CELLS, step, 3).astype(np.float32)
    return blocks.mean((1, 3)).round().astype(np.uint8)


def quantise_colours(colours: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 -> (...) int: number of the colour token."""
    r, g, b = np.moveaxis(colours.astype(int) * COLOUR_LEVELS // 256, -1, 0)
    return (r * COLOUR_LEVELS + g) * COLOUR_LEVELS + b


def colours_of(tokens: np.ndarray) -> np.ndarray:
    """Numbers of colour tokens (...) -> (..., 3) uint8, the middle of each level."""
    levels = np.stack([tokens // COLOUR_LEVELS**2, tokens // COLOUR_LEVELS % COLOUR_LEVELS, tokens % COLOUR_LEVELS], -1)
    return ((levels + 0.5) * (256 / COLOUR_LEVELS)).astype(np.uint8)


def colour_tokens(colours: np.ndarray, row: int, column: int, vocabulary: int, codebook: int = CODES) -> list[int]:
    """The 16 token ids of the quarter of (8, 8, 3) whose top-left vertex is (row, column)."""
    quarter = colours[row : row + QUARTER, column : column + QUARTER]
    return (vocabulary + codebook + quantise_colours(quarter).reshape(-1)).tolist()


@dataclass(frozen=True)
class Requests:
    """Draws requests about one picture: index (32, 32), colours (8, 8, 3) uint8, sizes of vocabulary and codebook."""

    index: np.ndarray
    colours: np.ndarray
    vocabulary: int
    codebook: int = CODES

    def codes(self, rng: np.random.Generator) -> tuple[str, list[int]]:
        """A question about a random cell and its answer's token ids."""
        row, column = (int(v) for v in rng.integers(0, CELLS, 2))
        return codes_question(row, column), code_tokens(self.index, row, column, self.vocabulary)

    def colours_at(self, rng: np.random.Generator) -> tuple[str, list[int]]:
        row, column = (int(v) for v in rng.integers(0, QUARTER + 1, 2))
        return colours_question(row, column), colour_tokens(self.colours, row, column, self.vocabulary, self.codebook)
