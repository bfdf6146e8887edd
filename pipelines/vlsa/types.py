"""Plain, validated data that travels between the app, the VLSA pipeline and evaluation.

Importing this module loads neither torch nor Gradio. Sizes of images are (width, height) in pixels; positions in grids
are (row, column) from the top left. All dataclasses are frozen; those that hold arrays are equal only to themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL import Image

from pipelines.errors import BadImage, BadPrompt

Role = Literal["user", "assistant"]
Finish = Literal["", "stop", "length"]
Stage = Literal["preview", "denoise", "done"]

CELLS = 8  # visual tokens along one side of the padded image, and of every tile
CODE_GRID = 32  # codes of the VQ-VAE along one side of the picture
CODES = 1024  # entries of the embedded one's codebook
TILE = 128  # pixels along one side of a tile and of the snapshot: what the embedded vision encoder takes
MAX_TILES = 16
PICTURE = 256  # pixels along one side of the rebuilt picture
SHOWN = 512  # most pixels along the longer side of a picture that is cropped for showing
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class View:
    """An image as the model sees it; `pipelines.vlsa.tiling.view` makes it. Compared without its pixels: by key.

    Attributes:
        image: RGB, after scaling, before padding.
        padded: RGB, `image` at the top left, each side a multiple of `tile`.
        original_size: (width, height) in pixels as opened, turned as the camera was held.
        notes: sentences for the visitor: scaled, first frame only, transparency on white.
        grid: rows and columns of tiles, 1 to MAX_TILES tiles.
        key: SHA-256 in hexadecimal of the padded pixels and both sizes.
        tile: pixels along one side of a tile and of the snapshot.

    Raises:
        ValueError: an image that is not RGB, or sizes, grid and key that do not fit each other.
    """

    image: Image.Image = field(compare=False, repr=False)
    padded: Image.Image = field(compare=False, repr=False)
    original_size: tuple[int, int]
    notes: tuple[str, ...]
    grid: tuple[int, int]
    key: str
    tile: int = TILE

    def __post_init__(self) -> None:
        rows, cols = self.grid
        if self.image.mode != "RGB" or self.padded.mode != "RGB":
            raise ValueError(f"a view holds RGB images, not {self.image.mode} and {self.padded.mode}")
        if not 1 <= rows * cols <= MAX_TILES or self.padded.size != (cols * self.tile, rows * self.tile):
            raise ValueError(f"{self.padded.size} pixels are not {rows} x {cols} tiles, at most {MAX_TILES}")
        if not all(0 <= p - s < self.tile for p, s in zip(self.padded.size, self.image.size, strict=True)):
            raise ValueError(f"{self.image.size} padded to {self.padded.size} is not the least multiple of {self.tile}")
        if not _KEY.fullmatch(self.key):
            raise ValueError(f"{self.key!r} is not a SHA-256 in hexadecimal")

    @property
    def count(self) -> int:
        """Number of tiles, m."""
        return self.grid[0] * self.grid[1]

    def tiles(self) -> np.ndarray:
        """The padded image cut up: (m, tile, tile, 3) uint8, row by row from the top left."""
        (rows, cols), side = self.grid, self.tile
        pixels = np.asarray(self.padded).reshape(rows, side, cols, side, 3)
        return np.ascontiguousarray(pixels.swapaxes(1, 2)).reshape(rows * cols, side, side, 3)

    def snapshot(self) -> np.ndarray:
        """The padded image averaged over areas to (tile, tile, 3) uint8; its proportions change with the grid's."""
        return np.array(self.padded.resize((self.tile, self.tile), Image.Resampling.BOX))

    def picture(self, side: int = PICTURE) -> Image.Image:
        """The padded image resized to side x side, RGB: what reconstruction and codes are compared with."""
        return self.padded.resize((side, side), Image.Resampling.LANCZOS)

    def centres(self, cells: int = CELLS) -> np.ndarray:
        """(m, cells * cells, 2) float32: (y, x) of the centre of every tile token, row by row, in [0, cells).

        The unit is one cell of the snapshot: cell k covers [k, k + 1), so the tokens of a single tile lie at k + 0.5.

        Args:
            cells: visual tokens along one side of a tile.
        """
        rows, cols = self.grid
        y = (np.arange(rows * cells, dtype=np.float32) + 0.5) / rows  # (rows * cells,)
        x = (np.arange(cols * cells, dtype=np.float32) + 0.5) / cols  # (cols * cells,)
        both = np.stack(np.meshgrid(y, x, indexing="ij"), -1)  # (rows * cells, cols * cells, 2)
        both = both.reshape(rows, cells, cols, cells, 2).swapaxes(1, 2)
        return np.ascontiguousarray(both).reshape(rows * cols, cells * cells, 2)

    def crop(self, picture: Image.Image) -> Image.Image:
        """A picture of the padded image without the padding, with the proportions of `image`.

        Args:
            picture: of any size and mode, covering the padded image, square when rebuilt.

        Returns:
            `image`'s size, or smaller in proportion so that the longer side is SHOWN pixels; the mode of `picture`.
        """
        scale = min(1.0, SHOWN / max(self.image.size))
        size = tuple(max(1, round(side * scale)) for side in self.image.size)
        kept = [p * i / q for p, i, q in zip(picture.size, self.image.size, self.padded.size, strict=True)]
        return picture.resize((size[0], size[1]), Image.Resampling.BICUBIC, box=(0, 0, kept[0], kept[1]))


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: who speaks.
        text: what is said; whether it may be empty or how long it may be is decided where it is used.
        image: what the turn shows, or None.

    Raises:
        BadPrompt: another role, or a text that is not a string.
        BadImage: an image that is neither a picture nor a view.
    """

    role: Role
    text: str
    image: Image.Image | View | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.role not in ("user", "assistant"):
            raise BadPrompt(f"A message is from {self.role!r}; the roles are user and assistant.")
        if not isinstance(self.text, str):
            raise BadPrompt("The text of a message must be a string; write a question.")
        if self.image is not None and not isinstance(self.image, (Image.Image, View)):
            raise BadImage("The image of a message is not a picture; open it first or leave it out.")


@dataclass(frozen=True)
class Reply:
    """An answer so far, or the finished one.

    Attributes:
        text: everything said so far.
        tokens: how many tokens that is.
        first_token_ms: milliseconds from the question to the first token, images included; 0 before it.
        tokens_per_s: speed after the first token; 0 before the second.
        done: nothing follows.
        finish: why it ended: "stop" by itself, "length" at the limit; "" while running.
    """

    text: str
    tokens: int = 0
    first_token_ms: float = 0.0
    tokens_per_s: float = 0.0
    done: bool = False
    finish: Finish = ""

    def __post_init__(self) -> None:
        if self.finish not in ("", "stop", "length") or self.done == (self.finish == ""):
            raise ValueError(f"a reply with done={self.done} cannot end with {self.finish!r}")


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """One report of a reconstruction, eq. (3).

    Attributes:
        stage: "preview" in one pass, "denoise" after each step, "done" with the result.
        step, steps: finished denoising steps of all steps; 0 for the preview.
        image: RGB, a square that covers the padded image: PICTURE x PICTURE with the embedded weights.
        preview: the picture of the preview stage, or None when there was none.
        psnr: dB against `View.picture`; None while denoising. Infinite when equal.
        ssim: structural similarity in [-1, 1], as `pipelines.vlsa.quality.ssim`; None while denoising.
        perceptual: distance on deep features, 0 for equal; None while denoising, or where that network is absent.
        seconds: since the reconstruction began.
    """

    stage: Stage
    step: int
    steps: int
    image: Image.Image
    preview: Image.Image | None = None
    psnr: float | None = None
    ssim: float | None = None
    perceptual: float | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.stage not in ("preview", "denoise", "done") or not 0 <= self.step <= self.steps:
            raise ValueError(f"stage {self.stage!r}, step {self.step} of {self.steps} cannot be")
        if self.image.width != self.image.height or self.image.mode != "RGB":
            raise ValueError(f"a rebuilt picture is RGB and square, not {self.image!r}")


@dataclass(frozen=True, eq=False)
class Tokens:
    """What an image became: its codes, eq. (5), and where its visual tokens drew from, eq. (1).

    Attributes:
        true: (CODE_GRID, CODE_GRID) whole numbers in [0, codes): the VQ-VAE's codes of `View.picture`.
        errors: (CODE_GRID, CODE_GRID) float32 mean absolute error of `decoded` per code, in [0, 255].
        decoded: RGB, PICTURE x PICTURE: the picture the codes stand for.
        counts: (codes,) how often each code occurs in this image; codes: entries of the codebook.
        usage: share of the codebook that occurs, in (0, 1].
        perplexity: exp of the entropy of `counts`: how many codes it would take, used equally; 1 to codes.
        attention: (CELLS * CELLS, m, CELLS * CELLS) float32 >= 0: weight of visual token -> tile token, its size
            without sign; the weights of each visual token sum to 1.
    """

    true: np.ndarray
    errors: np.ndarray
    decoded: Image.Image
    counts: np.ndarray
    usage: float
    perplexity: float
    attention: np.ndarray

    def __post_init__(self) -> None:
        _codes(self.true, 0, len(self.counts))
        if self.errors.shape != (CODE_GRID, CODE_GRID) or self.counts.ndim != 1:
            raise ValueError(f"errors {self.errors.shape} or counts {self.counts.shape} have the wrong shape")
        cells = CELLS * CELLS
        if self.attention.ndim != 3 or (self.attention.shape[0], self.attention.shape[2]) != (cells, cells):
            raise ValueError(f"attention must be ({cells}, m, {cells}), not {self.attention.shape}")


@dataclass(frozen=True, eq=False)
class Predicted:
    """Codes predicted by the language model so far, eq. (5).

    Attributes:
        index: (CODE_GRID, CODE_GRID) whole numbers in [-1, codes); -1 = not predicted yet.
        done: nothing follows.
        accuracy: share of the predicted codes that are the true ones, or None before the first.
        decoded: RGB picture of the predicted codes, or None while there is none.
        codes: entries of the codebook.
    """

    index: np.ndarray
    done: bool = False
    accuracy: float | None = None
    decoded: Image.Image | None = None
    codes: int = CODES

    def __post_init__(self) -> None:
        _codes(self.index, -1, self.codes)


@dataclass(frozen=True, eq=False)
class Pixels:
    """Colours of a quarter of the picture, true and as the language model predicts them.

    Attributes:
        vertex: (row, column) of the quarter's top-left corner among the 8 x 8 cells, each 0 to 4.
        true: (4, 4, 3) uint8: mean RGB of each cell of the quarter.
        predicted: (4, 4, 3) uint8.
        error: mean absolute difference, in [0, 255].
    """

    vertex: tuple[int, int]
    true: np.ndarray
    predicted: np.ndarray
    error: float

    def __post_init__(self) -> None:
        half = CELLS // 2
        if not all(0 <= v <= half for v in self.vertex):
            raise ValueError(f"the corner {self.vertex} of a quarter lies outside 0 to {half}")
        for colours in (self.true, self.predicted):
            if colours.shape != (half, half, 3) or colours.dtype != np.uint8:
                raise ValueError(f"colours must be ({half}, {half}, 3) uint8, not {colours.shape} {colours.dtype}")


def _codes(index: np.ndarray, least: int, end: int) -> None:
    """Check a grid of codes.

    Raises:
        ValueError: not (CODE_GRID, CODE_GRID) whole numbers in [least, end).
    """
    if index.shape != (CODE_GRID, CODE_GRID) or not np.issubdtype(index.dtype, np.integer):
        raise ValueError(f"codes must be ({CODE_GRID}, {CODE_GRID}) whole numbers, not {index.shape} {index.dtype}")
    if index.min() < least or index.max() >= end:
        raise ValueError(f"codes lie in [{least}, {end}), not {index.min()} to {index.max()}")
