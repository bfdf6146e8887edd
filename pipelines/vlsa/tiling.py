"""An image of any size -> what the vision encoder takes: tiles in high resolution and one snapshot in low resolution.

The first half of "Compressive High-resolution Image Encoding", section 3.1 of the VLSA paper: an image X of any height
and width is padded to the least multiple of the encoder's input (h, w), split into m tiles X_Hi and reduced to one
snapshot X_Lo. Here h = w = tile. The paper sets no bounds; so that the work stays bounded and a small image is not all
padding, X is first scaled: up to LEAST pixels along the longer side, down until at most MAX_TILES tiles cover it.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.vlsa.opening import open_image
from pipelines.vlsa.types import MAX_TILES, TILE, View

LEAST = 256  # pixels: shorter longer sides are scaled up to it
THINNEST = 8  # pixels: the least a side may have


def view(source: Image.Image | str | Path | bytes | View, tile: int = TILE) -> View:
    """The view of an image; a view comes back as it is.

    Args:
        source: an image, the path of a file, the bytes of one, or a view. tile: pixels along one side of a tile, what
        the vision encoder takes.

    Raises:
        BadImage: as `pipelines.vlsa.opening.open_image`.
    """
    if isinstance(source, View):
        return source
    image, original, notes = open_image(source)
    size = fitting(original, tile)
    if size != original:
        notes = (*notes, _scaled(original, size, tile))
        image = resize(image, size)
    padded = pad(image, tile)
    grid = (padded.height // tile, padded.width // tile)
    return View(image, padded, original, notes, grid, _key(image.size, padded), tile)


def tile_count(size: tuple[int, int], tile: int = TILE) -> int:
    """Tiles that cover (width, height) pixels: ceil(w / tile) * ceil(h / tile)."""
    return math.ceil(size[0] / tile) * math.ceil(size[1] / tile)


def fitting(size: tuple[int, int], tile: int = TILE) -> tuple[int, int]:
    """The size at which an image of (width, height) pixels is looked at.

    Longer side at least LEAST, or two small tiles, tiles at most MAX_TILES, shorter side at least THINNEST; proportions
    are kept but for rounding and for that last bound.

    Raises:
        ValueError: a side below 1.
    """
    width, height = size
    if min(size) < 1:
        raise ValueError(f"an image has at least one pixel, not {size}")
    if max(size) < (least := min(LEAST, 2 * tile)):
        scale = least / max(size)
        return _least(width * scale), _least(height * scale)
    if tile_count(size, tile) <= MAX_TILES:
        return max(width, THINNEST), max(height, THINNEST)
    fits = ((min(MAX_TILES // rows * tile / width, rows * tile / height), rows) for rows in range(1, MAX_TILES + 1))
    scale, rows = max(fits)  # the largest scale at which some grid of tiles holds the image
    return min(_least(width * scale), MAX_TILES // rows * tile), min(_least(height * scale), rows * tile)


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """RGB image -> RGB of `size` (width, height), by Lanczos."""
    return image.resize(size, Image.Resampling.LANCZOS)


def pad(image: Image.Image, tile: int = TILE) -> Image.Image:
    """RGB of any size -> RGB at its top left, right and bottom filled up to multiples of `tile`.

    The fill is the mean colour of the edge it adjoins: the right column beside the image, the bottom row below it, and
    the mean of both in the corner.
    """
    width, height = image.size
    full = (math.ceil(width / tile) * tile, math.ceil(height / tile) * tile)
    if full == image.size:
        return image
    pixels = np.asarray(image)  # (height, width, 3)
    right, below = pixels[:, -1].mean(0), pixels[-1].mean(0)
    out = np.empty((full[1], full[0], 3), np.uint8)
    out[:height, :width] = pixels
    out[:height, width:] = np.round(right)
    out[height:, :width] = np.round(below)
    out[height:, width:] = np.round((right + below) / 2)
    return Image.fromarray(out)


def _least(side: float) -> int:
    """A side in whole pixels, at least THINNEST."""
    return max(THINNEST, round(side))


def _scaled(old: tuple[int, int], new: tuple[int, int], tile: int) -> str:
    """The sentence that says what was scaled from what to what, and why."""
    sizes = f"from {old[0]:,} × {old[1]:,} to {new[0]:,} × {new[1]:,} pixels"
    if tile_count(old, tile) > MAX_TILES:
        return f"The image was scaled down {sizes}, as much as {MAX_TILES} tiles of {tile} × {tile} pixels hold."
    if max(old) < LEAST:
        return f"The image was scaled up {sizes}, the least that is looked at."
    return f"The image was stretched {sizes}, because it is too thin to be looked at as it is."


def _key(size: tuple[int, int], padded: Image.Image) -> str:
    """SHA-256 of the padded pixels and both sizes: equal for equal content, whatever file it came from."""
    digest = hashlib.sha256(f"{size} {padded.size}".encode())
    digest.update(padded.tobytes())
    return digest.hexdigest()
