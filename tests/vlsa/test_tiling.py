"""Views of images of every size and proportion."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.errors import BadImage
from pipelines.vlsa.tiling import LEAST, THINNEST, fitting, pad, tile_count, view
from pipelines.vlsa.types import CELLS, MAX_TILES, PICTURE, TILE

any_side = st.integers(1, 20_000)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


@given(any_side, any_side)
def test_every_size_fits(width: int, height: int) -> None:
    new = fitting((width, height))
    assert tile_count(new) <= MAX_TILES and max(new) >= LEAST and min(new) >= THINNEST
    if min(new) > THINNEST:  # proportions are kept to within half a pixel
        scale = max(new) / max(width, height)
        assert abs(new[0] - width * scale) <= 1 and abs(new[1] - height * scale) <= 1
    if max(width, height) >= LEAST and min(width, height) >= THINNEST and tile_count((width, height)) <= MAX_TILES:
        assert new == (width, height)
    assert fitting(new) == new


@given(any_side, any_side)
def test_scaled_down_no_further_than_needed(width: int, height: int) -> None:
    new = fitting((width, height))
    if tile_count((width, height)) > MAX_TILES:
        larger = (max(new) + 1.5) / max(width, height)
        assert tile_count((math.ceil(width * larger), math.ceil(height * larger))) > MAX_TILES


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900))
def test_a_view_of_any_size(width: int, height: int) -> None:
    seen = view(noise(width, height))
    rows, cols = seen.grid
    tiles = seen.tiles()
    assert seen.original_size == (width, height) and tiles.shape == (rows * cols, TILE, TILE, 3)
    assert len(tiles) == seen.count <= MAX_TILES
    rebuilt = np.zeros((rows * TILE, cols * TILE, 3), np.uint8)
    for number, tile in enumerate(tiles):
        row, col = divmod(number, cols)
        rebuilt[row * TILE : (row + 1) * TILE, col * TILE : (col + 1) * TILE] = tile
    assert np.array_equal(rebuilt, np.asarray(seen.padded))
    assert np.array_equal(rebuilt[: seen.image.height, : seen.image.width], np.asarray(seen.image))
    centres = seen.centres()
    assert centres.shape == (len(tiles), CELLS * CELLS, 2) and centres.min() >= 0 and centres.max() < CELLS
    assert len(np.unique(centres.reshape(-1, 2), axis=0)) == len(tiles) * CELLS * CELLS
    assert seen.snapshot().shape == (TILE, TILE, 3) and seen.picture().size == (PICTURE, PICTURE)
    shown, full = seen.crop(seen.picture()).size, seen.image.size
    assert abs(shown[0] * full[1] - shown[1] * full[0]) <= max(full)  # the same proportions, to half a pixel


def test_small_images_are_scaled_up_and_one_pixel_is_flat() -> None:
    seen = view(Image.new("RGB", (1, 1), (12, 200, 34)))
    assert seen.image.size == (256, 256) and seen.grid == (2, 2)
    assert np.array_equal(np.unique(np.asarray(seen.padded).reshape(-1, 3), axis=0), [[12, 200, 34]])
    assert seen.notes == ("The image was scaled up from 1 × 1 to 256 × 256 pixels, the least that is looked at.",)


def test_a_very_wide_image_stays_sane() -> None:
    seen = view(noise(12_000, 40))
    assert seen.image.size == (2048, 8) and seen.grid == (1, 16)
    (note,) = seen.notes
    assert "scaled down from 12,000 × 40 to 2,048 × 8 pixels" in note and note.endswith(".")
    assert view(noise(40, 12_000)).image.size == (8, 2048)
    assert view(noise(300, 1)).image.size == (300, 8)


def test_sizes_that_fit_are_left_alone() -> None:
    for size in ((256, 256), (512, 512), (300, 200), (2048, 128), (640, 360)):
        seen = view(noise(*size))
        assert seen.image.size == size and seen.notes == ()
    assert fitting((1024, 1024)) == (512, 512)
    assert fitting((1920, 1080)) == (640, 360)  # five by three tiles hold more of it than four by four
    with pytest.raises(ValueError):
        fitting((0, 5))


def test_padding_has_the_mean_colour_of_the_edge_beside_it() -> None:
    pixels = np.zeros((200, 150, 3), np.uint8)
    pixels[:, -1, 0] = np.arange(200)  # right edge: red, 99.5 on average
    pixels[-1, :, 2] = 60  # bottom edge: blue
    padded = np.asarray(pad(Image.fromarray(pixels)))
    assert padded.shape == (256, 256, 3) and np.array_equal(padded[:200, :150], pixels)
    beside, below, corner = padded[:200, 150:], padded[200:, :150], padded[200:, 150:]
    assert [len(np.unique(part.reshape(-1, 3), axis=0)) for part in (beside, below, corner)] == [1, 1, 1]
    assert beside[0, 0].tolist() == [100, 0, 0] and below[0, 0].tolist() == [1, 0, 60]
    assert corner[0, 0].tolist() == [50, 0, 30]


def test_keys_tell_contents_apart() -> None:
    same = view(noise(256, 256)).key
    assert view(noise(256, 256)).key == same and view(noise(256, 256, seed=1)).key != same
    flat = [view(Image.new("RGB", size)).key for size in product((255, 256, 300), repeat=2) if max(size) >= 256]
    assert len(set(flat)) == len(flat)  # black, padded to the same black: told apart by size


def test_a_view_is_viewed_as_it_is() -> None:
    seen = view(noise(300, 300))
    assert view(seen) is seen
    with pytest.raises(BadImage, match=r"\.$"):
        view(b"")
