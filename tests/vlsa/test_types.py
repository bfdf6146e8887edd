"""What the types of VLSA accept, and the geometry of a view."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import BadImage, BadPrompt
from pipelines.vlsa.types import (
    CELLS,
    CODE_GRID,
    CODES,
    PICTURE,
    TILE,
    Message,
    Pixels,
    Predicted,
    Rebuilt,
    Reply,
    Tokens,
    View,
)

KEY = "0" * 64


def blank(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height))


def made(width: int = 200, height: int = 300, **changes: Any) -> View:
    rows, cols = -(-height // TILE), -(-width // TILE)
    fields = dict(image=blank(width, height), padded=blank(cols * TILE, rows * TILE), original_size=(width, height))
    return View(**{**fields, "notes": (), "grid": (rows, cols), "key": KEY, **changes})


def codes(value: int = 0) -> np.ndarray:
    return np.full((CODE_GRID, CODE_GRID), value)


def tokens(**changes: Any) -> Tokens:
    fields = dict(true=codes(), errors=np.zeros((CODE_GRID, CODE_GRID), np.float32), decoded=blank(PICTURE, PICTURE))
    rest = dict(counts=np.zeros(CODES, int), usage=0.1, perplexity=1.0, attention=np.ones((64, 2, 64), np.float32))
    return Tokens(**{**fields, **rest, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"image": blank(200, 300, "L")},
        {"padded": blank(256, 384, "RGBA")},
        {"padded": blank(256, 256)},
        {"grid": (2, 3)},
        {"grid": (0, 0)},
        {"grid": (5, 4), "padded": blank(4 * TILE, 5 * TILE), "image": blank(4 * TILE, 5 * TILE)},
        {"image": blank(100, 300)},
        {"image": blank(257, 300)},
        {"key": "abc"},
        {"key": "G" * 64},
    ],
)
def test_a_view_whose_parts_do_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        made(**changes)


def test_views_are_frozen_and_compare_by_content_key() -> None:
    view = made()
    assert view == made() and hash(view) == hash(made()) and view != made(key="1" * 64)
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.key = KEY  # type: ignore[misc]


def test_tiles_of_a_view_run_row_by_row() -> None:
    pixels = np.zeros((2 * TILE, 3 * TILE, 3), np.uint8)
    for number in range(6):
        row, col = divmod(number, 3)
        pixels[row * TILE : (row + 1) * TILE, col * TILE : (col + 1) * TILE] = 10 * number
    image = Image.fromarray(pixels)
    tiles = made(3 * TILE, 2 * TILE, image=image, padded=image).tiles()
    assert tiles.shape == (6, TILE, TILE, 3) and tiles.dtype == np.uint8
    assert [tuple(np.unique(t)) for t in tiles] == [(10 * n,) for n in range(6)]


def test_snapshot_is_the_mean_of_areas() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2 * TILE, 4 * TILE, 3), np.uint8)
    image = Image.fromarray(pixels)
    snapshot = made(4 * TILE, 2 * TILE, image=image, padded=image).snapshot()
    means = pixels.reshape(TILE, 2, TILE, 4, 3).mean((1, 3))
    assert snapshot.shape == (TILE, TILE, 3) and np.abs(snapshot - means).max() <= 1


def test_centres_of_one_tile_are_the_centres_of_the_cells() -> None:
    centres = made(TILE, TILE).centres()
    assert centres.shape == (1, CELLS * CELLS, 2) and centres.dtype == np.float32
    assert centres[0, 0].tolist() == [0.5, 0.5] and centres[0, -1].tolist() == [7.5, 7.5]
    assert centres[0, 1].tolist() == [0.5, 1.5]  # y first, x running


def test_centres_of_a_grid_of_tiles() -> None:
    centres = made(2 * TILE, TILE).centres()
    assert centres[0, 0].tolist() == [0.5, 0.25] and centres[1, 0].tolist() == [0.5, 4.25]
    assert centres[1, -1].tolist() == [7.5, 7.75]


def test_crop_removes_the_padding_and_restores_the_proportions() -> None:
    view = made(256, 200)
    rebuilt = blank(PICTURE, PICTURE)
    rebuilt.paste((255, 0, 0), (0, 200, PICTURE, PICTURE))  # the padding, 200 to 256 of 256 rows
    shown = view.crop(rebuilt)
    assert shown.size == (256, 200) and not np.asarray(shown)[:-2].any()


@pytest.mark.parametrize("size", [(2048, 8), (1024, 100), (512, 512), (8, 2048), (300, 640)])
def test_crop_is_at_most_512_pixels(size: tuple[int, int]) -> None:
    shown = made(*size).crop(blank(PICTURE, PICTURE))
    assert max(shown.size) == min(512, max(size)) and min(shown.size) >= 1


def test_messages_are_checked() -> None:
    assert Message("user", "hello", image=made()).image is not None
    with pytest.raises(BadPrompt, match=r"\.$"):
        Message("system", "hello")  # type: ignore[arg-type]
    with pytest.raises(BadPrompt, match=r"\.$"):
        Message("user", None)  # type: ignore[arg-type]
    with pytest.raises(BadImage, match=r"\.$"):
        Message("user", "hello", image="cat.png")  # type: ignore[arg-type]


def test_replies_end_for_a_reason() -> None:
    assert Reply("Hel").finish == "" and Reply("Hello", 2, 80.0, 20.0, True, "stop").done
    for done, finish in ((True, ""), (False, "stop"), (True, "bored")):
        with pytest.raises(ValueError):
            Reply("", done=done, finish=finish)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"stage": "draft"}, {"step": 5}, {"step": -1}, {"image": blank(128, 256)}, {"image": blank(256, 256, "L")}],
)
def test_reports_of_a_reconstruction_are_checked(changes: dict[str, Any]) -> None:
    good = dict(stage="denoise", step=1, steps=4, image=blank(PICTURE, PICTURE))
    Rebuilt(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        Rebuilt(**{**good, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"true": codes(-1)},
        {"true": codes(CODES)},
        {"true": codes().astype(float)},
        {"true": codes()[:8]},
        {"errors": np.zeros((8, 8), np.float32)},
        {"counts": np.zeros((2, 8), int)},
        {"attention": np.zeros((64, 64), np.float32)},
        {"attention": np.zeros((65, 1, 64), np.float32)},
    ],
)
def test_tokens_are_checked(changes: dict[str, Any]) -> None:
    tokens()
    with pytest.raises(ValueError):
        tokens(**changes)


def test_predictions_may_be_incomplete_but_not_out_of_range() -> None:
    assert not Predicted(codes(-1)).done
    for bad in (codes(-2), codes(CODES), codes()[0]):
        with pytest.raises(ValueError):
            Predicted(bad)


def test_pixels_are_a_quarter() -> None:
    colours = np.zeros((4, 4, 3), np.uint8)
    assert Pixels((4, 0), colours, colours, 0.0).error == 0
    for vertex, true in (((5, 0), colours), ((0, -1), colours), ((0, 0), colours[:2]), ((0, 0), colours.astype(float))):
        with pytest.raises(ValueError):
            Pixels(vertex, true, colours, 0.0)


def test_opening_and_tiling_load_no_torch(root: Path) -> None:
    code = "import sys, pipelines.vlsa.types, pipelines.vlsa.tiling; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
