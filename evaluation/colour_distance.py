"""Colour difference as people see it: sRGB to CIE L*a*b* (D65, 2 degrees), and CIEDE2000 (CIE 142-2001)."""

from __future__ import annotations

import numpy as np

# IEC 61966-2-1: linear sRGB -> XYZ; rows X, Y, Z
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) in [0, 255] -> L*a*b* (..., 3) float64, L* in [0, 100]."""
    v = np.asarray(rgb, np.float64) / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    t = linear @ _TO_XYZ.T / _WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def ciede2000(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CIEDE2000 difference of L*a*b* colours (..., 3) and (..., 3), weights kL = kC = kH = 1 -> (...); about 1 is just
    seen, 0 equal."""
    chroma = (np.hypot(a[..., 1], a[..., 2]) + np.hypot(b[..., 1], b[..., 2])) / 2
    g = 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))
    (l1, c1, h1), (l2, c2, h2) = _polar(a, g), _polar(b, g)
    grey = c1 * c2 == 0
    turn = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    hue = np.where(grey, h1 + h2, (h1 + turn / 2) % 360)
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * _hue_weight(hue)
    rotation = 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rotation = -rotation * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    dl, dc, dh = (l2 - l1) / s_l, (c2 - c1) / s_c, d_hue / s_h
    return np.sqrt(np.maximum(0.0, dl**2 + dc**2 + dh**2 + rotation * dc * dh))


def _polar(colour: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L*, C' and h' in degrees, a* stretched by 1 + g."""
    a, b = colour[..., 1] * (1 + g), colour[..., 2]
    return colour[..., 0], np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _hue_weight(hue: np.ndarray) -> np.ndarray:
    """T of CIEDE2000 for a mean hue in degrees."""

    def cosine(times: float, shift: float) -> np.ndarray:
        return np.cos(np.radians(times * hue + shift))

    return 1 - 0.17 * cosine(1, -30) + 0.24 * cosine(2, 0) + 0.32 * cosine(3, 6) - 0.20 * cosine(4, -63)


def rgb_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CIEDE2000 of sRGB colours (..., 3) and (..., 3) in [0, 255] -> (...)."""
    return ciede2000(lab(a), lab(b))
