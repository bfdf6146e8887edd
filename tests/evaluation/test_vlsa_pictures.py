"""Figures over pictures, from records with known values."""

import numpy as np
import pytest
from PIL import Image

from evaluation import vlsa_pictures


def grid(value):
    return np.full((32, 32), value).tolist()


def records():
    """Two images of one code each; every code of the first is predicted, none of the second."""
    quarter = {"vertex": [0, 0], "true": np.full((4, 4, 3), 100).tolist()}
    near, far = np.full((4, 4, 3), 110).tolist(), np.full((4, 4, 3), 130).tolist()
    return [
        {
            "codes": {"true": grid(3), "psnr": 20.0, "ssim": 0.5, "perceptual": None},
            "cognition": {
                **{"index": grid(3), "top_5": grid(1), "mean": [100, 100, 100]},
                "quarters": [{**quarter, "predicted": near}],
            },
        },
        {
            "codes": {"true": grid(7), "psnr": 24.0, "ssim": 0.7, "perceptual": None},
            "cognition": {
                **{"index": grid(-1), "top_5": grid(0), "mean": [120, 120, 120]},
                "quarters": [{**quarter, "predicted": far}],
            },
        },
    ]


def test_codes_over_all_images():
    found = vlsa_pictures.summarise_codes(records())
    assert (found["psnr"], found["ssim"], found["perceptual"]) == (22, pytest.approx(0.6), None)
    assert (found["dead"], found["usage"]) == (1022, pytest.approx(2 / 1024))
    assert found["perplexity"] == pytest.approx(2)
    assert vlsa_pictures.summarise_codes([]) == {}


def test_cognition_beside_its_baselines():
    found = vlsa_pictures.summarise_cognition(records())
    assert (found["top_1"], found["baseline_top_1"]) == (0.5, 0.5)
    assert (found["top_5"], found["baseline_top_5"]) == (0.5, 1)
    assert found["pixel_mae"] == 20  # 10 and 30
    assert found["mean_colour_pixel_mae"] == 10  # 110 for both
    assert found["own_mean_pixel_mae"] == 10  # 0 and 20
    assert 0 < found["own_mean_delta_e"] < found["delta_e"]


def test_top_5_is_left_out_without_scores():
    without = [{**r, "cognition": {**r["cognition"], "top_5": None}} for r in records()]
    assert vlsa_pictures.summarise_cognition(without)["top_5"] is None


def test_reconstructions_with_a_distance_of_sets(tmp_path):
    measured = []
    for i in range(3):
        row = {"psnr": 20.0 + i, "ssim": 0.5, "perceptual": None, "seconds": 1.0}
        stages = {}
        for variant in ("full", "snapshot"):
            stages[variant] = {}
            for stage in ("preview", "diffusion"):
                file = f"p{i}-{variant}-{stage}.png"
                Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / file)
                stages[variant][stage] = {**row, "file": file}
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / f"p{i}-true.png")
        measured.append({"name": f"p{i}", "rebuilt": stages})

    def features(images):
        return np.array([[*im.getpixel((0, 0))] for im in images], float)

    found = vlsa_pictures.summarise_rebuilt(measured, tmp_path, features)
    assert found["pictures"] == 3
    assert found["full"]["preview"] == {
        "psnr": 21, "ssim": 0.5, "perceptual": None, "seconds": 1, "frechet": pytest.approx(0, abs=1e-9),
    }  # fmt: skip
    assert vlsa_pictures.summarise_rebuilt(measured, tmp_path, None)["snapshot"]["diffusion"]["frechet"] is None
    assert vlsa_pictures.summarise_rebuilt([], tmp_path, features) == {}


def test_equal_pictures_have_a_finite_psnr():
    assert vlsa_pictures._finite(float("inf")) == vlsa_pictures.PSNR_LIMIT
    assert vlsa_pictures._finite(None) is None
