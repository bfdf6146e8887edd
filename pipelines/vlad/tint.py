"""Recolouring a sketch when the prompt names a colour ("two blue balloons")."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from pipelines.colours import RGB

NEAR = 22  # of OpenCV's 180 hue steps: what counts as the main colour
CLOSE = 9  # a main colour this near the wished one stays,
DARKER = 70  # unless it is lighter or darker by more than this, of 255
DARK = 70  # of 255: what is as dark as this has no hue to speak of
PALE = 0.45  # share of the picture from which white and grey are what is recoloured, if they outweigh its main colour


def main_hue(hsv: np.ndarray, alpha: np.ndarray) -> int | None:
    """The commonest hue (0-179) of the colourful, opaque pixels; None if fewer than an eighth are colourful."""
    colourful = (alpha > 128) & (hsv[..., 1] > 60) & (hsv[..., 2] > 40)
    if colourful.sum() < 0.125 * max(1, (alpha > 128).sum()):
        return None
    counts = np.bincount(hsv[..., 0][colourful], hsv[..., 1][colourful], 180)
    smooth = sum(np.roll(counts, k) for k in range(-6, 7))
    return int(np.argmax(smooth))


def tinted(picture: Image.Image, colour: RGB) -> Image.Image:
    """The sketch with its main colour replaced, shading kept.

    Args:
        picture: RGBA of any size. colour: the wished colour.
    """
    pixels = np.asarray(picture.convert("RGBA"))
    rgb, alpha = np.ascontiguousarray(pixels[..., :3]), pixels[..., 3]
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hue, saturation, value = (int(v) for v in cv2.cvtColor(np.array([[colour]], np.uint8), cv2.COLOR_RGB2HSV)[0, 0])
    main = main_hue(hsv, alpha)
    if value <= DARK and np.median(hsv[..., 2][alpha > 128] if (alpha > 128).any() else hsv[..., 2]) <= DARK:
        return picture
    if main is None:
        near = np.ones(alpha.shape, bool)
    else:
        away = np.abs((hsv[..., 0].astype(int) - main + 90) % 180 - 90)
        near = (away <= NEAR) & (hsv[..., 1] > 30)
        opaque = alpha > 128
        pale = (hsv[..., 1] <= 60) & (hsv[..., 2] > 110)
        if (pale & opaque).sum() > max(PALE * opaque.sum(), 1.2 * (near & opaque).sum()):
            main, near = None, pale | ((hsv[..., 1] <= 90) & (away > NEAR))
        elif saturation > 60 and abs((main - hue + 90) % 180 - 90) <= CLOSE:
            level = float(np.median(hsv[..., 2][near & opaque])) if (near & opaque).any() else value
            if abs(level - value) <= DARKER:
                return picture
    typical = np.median(hsv[near & (alpha > 128)], 0) if (near & (alpha > 128)).any() else np.array([0, 128, 160])
    new = hsv.astype(float)
    new[..., 0] = np.where(near, hue, new[..., 0])
    for channel, wished in ((1, saturation), (2, value)):
        scaled = new[..., channel] * wished / max(typical[channel], 24)
        shifted = np.clip(scaled if channel == 1 else 0.5 * scaled + 0.5 * (new[..., 2] + wished - typical[2]), 0, 255)
        if channel == 1 and main is None:
            shifted = np.full_like(scaled, wished * 0.85)
        new[..., channel] = np.where(near, shifted, new[..., channel])
    out = cv2.cvtColor(new.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return Image.fromarray(np.dstack([out, alpha]), "RGBA")
