"""Recolouring: the main colour becomes the wished one, shading and other colours stay."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipelines.colours import COLOURS, name_of
from pipelines.vlad.tint import tinted


def ball(colour: tuple[int, int, int]) -> Image.Image:
    """A shaded square of one colour with a green corner, transparent around it."""
    pixels = np.zeros((40, 40, 4), np.uint8)
    light = np.linspace(0.75, 1.0, 30)[:, None, None]
    pixels[5:35, 5:35, :3] = light * np.array(colour)
    pixels[5:12, 5:12, :3] = (40, 160, 60)
    pixels[5:35, 5:35, 3] = 255
    return Image.fromarray(pixels, "RGBA")


@pytest.mark.parametrize("wished", ["blue", "orange", "pink", "yellow"])
def test_the_main_colour_becomes_the_wished_one(wished: str) -> None:
    out = np.asarray(tinted(ball((210, 40, 45)), COLOURS[wished]))
    middle = out[20:34, 20:34, :3].reshape(-1, 3).mean(0)
    hue = np.asarray(Image.new("RGB", (1, 1), tuple(int(v) for v in middle)).convert("HSV"))[0, 0, 0]
    want = np.asarray(Image.new("RGB", (1, 1), COLOURS[wished]).convert("HSV"))[0, 0, 0]
    assert abs((int(hue) - int(want) + 128) % 256 - 128) < 12
    assert name_of(tuple(int(v) for v in out[8, 8, :3])) in ("green", "dark green", "olive")


def test_what_has_the_colour_already_stays_and_opacity_never_changes() -> None:
    red = ball((207, 40, 45))
    assert tinted(red, COLOURS["red"]).tobytes() == red.tobytes()
    assert tinted(red, COLOURS["blue"]).getchannel("A").tobytes() == red.getchannel("A").tobytes()


def test_grey_things_can_be_coloured_and_coloured_things_become_grey() -> None:
    blue = np.asarray(tinted(ball((150, 150, 150)), COLOURS["blue"]), int)[25, 25]
    assert blue[2] > blue[0] + 40
    grey = np.asarray(tinted(ball((210, 40, 45)), COLOURS["gray"]), int)[25, 25, :3]
    assert grey.max() - grey.min() < 40


def test_the_cup_is_coloured_and_not_the_coffee() -> None:
    cup = np.zeros((40, 40, 4), np.uint8)
    cup[4:36, 4:36] = (222, 214, 236, 255)
    cup[12:26, 12:26, :3] = (112, 70, 50)  # a fifth of it, the only colourful part
    out = np.asarray(tinted(Image.fromarray(cup, "RGBA"), COLOURS["red"]))
    assert name_of(tuple(int(v) for v in out[6, 6, :3])) in ("red", "coral")
    assert np.array_equal(out[18, 18], cup[18, 18])


def test_what_has_the_hue_but_is_much_too_light_is_made_darker() -> None:
    tan, brown = ball((236, 150, 90)), COLOURS["brown"]
    out = np.asarray(tinted(tan, brown), int)[25, 25, :3]
    assert out.sum() < 0.7 * np.asarray(tan, int)[25, 25, :3].sum()


def test_what_is_dark_stays_when_it_is_to_be_dark() -> None:
    black = ball((24, 22, 30))
    black.paste((52, 40, 44, 255), (20, 20, 30, 30))
    dark = Image.fromarray(np.asarray(black)[13:35, 5:35].copy(), "RGBA")
    assert tinted(dark, COLOURS["black"]).tobytes() == dark.tobytes()
