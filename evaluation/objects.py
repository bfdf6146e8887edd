"""Are the drawn objects recognisable? A classifier of object crops, trained on composites of the real artwork.

A linear head on EfficientNet-Lite0 features is fitted when the evaluation runs. Its accuracy on other composites of the
real artwork is reported as the ceiling: no drawing can be expected to score above it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from evaluation.metrics import mean_or_none
from pipelines.colours import COLOURS, RGB, distance
from pipelines.types import Box, Layout

SIDE = 160  # crops are resized to this many pixels
PADDING = 0.06  # of the box on each side, kept in the crop
TRAIN_PER_CLASS, TEST_PER_CLASS = 8, 3
STYLES = ("3d", "3d", "flat", "mono")  # the synthesiser's preference for shaded drawings
RIDGE = 30.0
COMMON = tuple(
    " ".join(name.split())
    for name in """
    bear, bee, bird, bouquet of flowers, butterfly, cactus, camel, cat, chick, crab, crocodile, deer, dog, dolphin,
    dragon, duck, elephant, fish, flamingo, fox, frog, giraffe, hedgehog, horse, ladybug, lion, monkey, mouse,
    mushroom, octopus, owl, palm tree, panda, parrot, penguin, pig, pine tree, potted plant, rabbit, rose, shark,
    sheep, snail, sunflower, tiger, tulip, turtle, unicorn, whale, zebra, avocado, banana, birthday cake, bunch of
    grapes, candy, carrot, cheese wedge, cookie, croissant, cup of coffee, cupcake, doughnut, hamburger, hot dog,
    ice cream cone, lemon, lollipop, loaf of bread, pineapple, pizza, red apple, strawberry, taco, teapot, tomato,
    watermelon, backpack, bell, book, camera, candle, coin, crown, door, dress, drum, gear, guitar, hammer, key,
    laptop, light bulb, magnifying glass, microphone, mobile phone, pair of glasses, pair of scissors, pencil,
    telescope, television, top hat, trumpet, violin, airplane, alarm clock, anchor, bicycle, bus, car, castle,
    cloud, comet, crescent moon, fire, globe, helicopter, house, lightning bolt, motorcycle, mountain, rainbow,
    ringed planet, rocket, sailboat, snowflake, snowman, star, suitcase, sun, taxi, tent, tractor, train, volcano,
    balloon, basketball, Christmas tree, crystal ball, dice, game controller, gift box, jack-o-lantern, kite, paint
    palette, soccer ball, teddy bear, trophy
    """.split(",")
)


@dataclass(frozen=True)
class Crop:
    """One drawn object cut out of a generated picture; `name` is canonical, `picture` tells the pictures apart."""

    name: str
    style: str
    image: Image.Image
    picture: int = 0


def canonical(text: str, names: Iterable[str], aliases: dict[str, str]) -> str | None:
    """Canonical name of an object as the prompt says it, without leading adjectives ("red balloon" -> "balloon").

    A name comes before another object's alias.
    """
    table = aliases | {n.lower(): n for n in names}
    words = text.lower().split()
    return next((table[t] for i in range(len(words)) if (t := " ".join(words[i:])) in table), None)


def crop(image: Image.Image, box: Box) -> Image.Image:
    """The object's box with a little of what surrounds it."""
    dx, dy = PADDING * box.width, PADDING * box.height
    grown = Box.clipped(box.x0 - dx, box.y0 - dy, box.x1 + dx, box.y1 + dy)
    width, height = image.size
    corners = (grown.x0 * width, grown.y0 * height, grown.x1 * width, grown.y1 * height)
    return image.crop(tuple(round(v) for v in corners))  # type: ignore[arg-type]


class ObjectClassifier:
    """Linear head over features of object crops.

    Args:
        assets: the asset cache, `training.data.assets.Assets`.
        features: `evaluation.features.Features` or anything that maps images to (N, D).
        asked: object names as the prompts say them; those in the cache are added to COMMON.
        seed: of the composites.

    Attributes:
        classes: canonical names.
        ceiling: top-1 and top-5 accuracy on composites that were not used to fit.
    """

    def __init__(self, assets: Any, features: Any, asked: Iterable[str] = (), seed: int = 0) -> None:
        self._assets, self._features = assets, features
        known = assets.objects
        self._aliases = {a.lower(): n for n in known for a in known[n].aliases}
        wanted = {canonical(t, known, self._aliases) for t in asked} | set(COMMON)
        self.classes = sorted(n for n in known if n in wanted)
        self.ceiling = self._fit(random.Random(seed))

    def _fit(self, rng: random.Random) -> dict[str, float]:
        x, y = self._composites(rng, TRAIN_PER_CLASS)
        self._centre, self._scale = x.mean(0), x.std(0) + 1e-3
        x = self._standardised(x)
        targets = np.eye(len(self.classes), dtype=np.float32)[y]
        gram = x @ x.T + RIDGE * np.eye(len(x), dtype=np.float32)
        self._weights = x.T @ np.linalg.solve(gram, targets)
        test_x, test_y = self._composites(rng, TEST_PER_CLASS)
        return _top(self._scores(test_x), test_y)

    def _composites(self, rng: random.Random, per_class: int) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) features and (N,) class indices."""
        labels = [i for i in range(len(self.classes)) for _ in range(per_class)]
        images = [composite(self._assets, self.classes[i], rng) for i in labels]
        return self._features(images), np.asarray(labels)

    def _standardised(self, x: np.ndarray) -> np.ndarray:
        return (x - self._centre) / self._scale

    def _scores(self, x: np.ndarray) -> np.ndarray:
        return self._standardised(x) @ self._weights

    def name_of(self, text: str) -> str | None:
        """The class an object of a layout belongs to, or None if the classifier does not know it."""
        return canonical(text, self.classes, {a: n for a, n in self._aliases.items() if n in self.classes})

    def crops(self, image: Image.Image, layout: Layout, picture: int = 0) -> list[Crop]:
        """Crops of all objects of a layout that the classifier knows."""
        named = [(self.name_of(e.text), e) for e in layout.elements if e.kind == "object"]
        return [Crop(name, e.style, crop(image, e.box), picture) for name, e in named if name]

    def score(self, crops: Sequence[Crop]) -> dict[str, Any]:
        """Top-1 and top-5 accuracy on crops of generated pictures, beside the ceiling and chance, and `counted`."""
        result: dict[str, Any] = {
            "crops": len(crops),
            "classes": len(self.classes),
            "ceiling": self.ceiling,
            "chance_top1": 1 / len(self.classes),
        }
        if not crops:
            return {**result, "note": "No object of the prompts is one the classifier knows."}
        scores = self._scores(self._features([c.image for c in crops]))
        labels = np.array([self.classes.index(c.name) for c in crops])
        right = scores.argmax(1) == labels
        styles = sorted({c.style for c in crops})
        return {
            **result,
            **_top(scores, labels),
            "top1_by_style": {
                s: mean_or_none([float(r) for r, c in zip(right, crops, strict=True) if c.style == s]) for s in styles
            },
            "counts": counted(crops, right),
        }


def counted(crops: Sequence[Crop], right: Sequence[bool], most: int = 4) -> dict[str, Any]:
    """Are there as many of each object as planned? A number is right when each of its places shows that object.

    Further copies outside of the planned places are not looked for.

    Args:
        right: whether each crop was recognised. most: larger numbers are left out.

    Returns:
        right (share), asked, and by_number: the same for each number.
    """
    groups: dict[tuple[int, str], list[bool]] = {}
    for c, r in zip(crops, right, strict=True):
        groups.setdefault((c.picture, c.name), []).append(bool(r))
    found: dict[int, list[float]] = {}
    for group in groups.values():
        if len(group) <= most:
            found.setdefault(len(group), []).append(float(all(group)))
    every = [r for rights in found.values() for r in rights]
    by_number = {str(n): {"right": float(np.mean(r)), "asked": len(r)} for n, r in sorted(found.items())}
    return {"right": mean_or_none(every), "asked": len(every), "by_number": by_number}


def _top(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Share of rows (N, C) whose label is the highest, or among the five highest, scores."""
    order = np.argsort(-scores, axis=1)
    return {
        "top1": float((order[:, 0] == labels).mean()),
        "top5": float((order[:, :5] == labels[:, None]).any(1).mean()),
    }


def composite(assets: Any, name: str, rng: random.Random) -> Image.Image:
    """A real drawing over a plain or shaded colour, at the size and with the margins of a crop; SIDE x SIDE RGB."""
    size = rng.randint(40, 120)
    low, high = rng.choice(list(COLOURS.values())), rng.choice(list(COLOURS.values()))
    ground = _ground(low, high if rng.random() < 0.3 else low, size)
    styles = [s for s in STYLES if s in assets.objects[name].styles]
    style = rng.choice(styles)
    art = assets.object_image(name, style).copy()
    if style == "mono":
        art = _tinted(art, rng.choice([c for c in COLOURS.values() if distance(c, low) > 110]))
    room = size * rng.uniform(0.78, 0.96)
    art.thumbnail((max(8, round(room)),) * 2, Image.Resampling.LANCZOS)
    slack = (size - art.width, size - art.height)
    ground.paste(art, tuple(round(s * rng.uniform(0.35, 0.65)) for s in slack), art)  # type: ignore[arg-type]
    ground = ImageEnhance.Brightness(ground).enhance(rng.uniform(0.88, 1.12))
    return ground.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _ground(top: RGB, bottom: RGB, size: int) -> Image.Image:
    """Square that runs from one colour to the other."""
    image = Image.new("RGB", (size, size))
    draw = ImageDraw.Draw(image)
    for y in range(size):
        k = y / size
        draw.line((0, y, size, y), tuple(round(a + k * (b - a)) for a, b in zip(top, bottom, strict=True)))
    return image


def _tinted(silhouette: Image.Image, colour: RGB) -> Image.Image:
    """Silhouette in one colour."""
    flat = Image.new("RGBA", silhouette.size, (*colour, 0))
    flat.putalpha(silhouette.getchannel("A"))
    return flat


def score_objects(
    pairs: Sequence[tuple[Image.Image, Layout]], assets_path: str | None = None, seed: int = 0
) -> dict[str, Any]:
    """Score the objects of generated pictures; says why in "note" when the artwork or the network is not there."""
    try:
        from evaluation.features import Features
        from training.data.assets import Assets

        assets, features = Assets(assets_path), Features(side=SIDE)
    except (ImportError, FileNotFoundError) as e:
        return {"note": f"Not measured: {e}"}
    asked = [e.text for _, layout in pairs for e in layout.elements if e.kind == "object"]
    classifier = ObjectClassifier(assets, features, asked, seed)
    return classifier.score([c for i, (image, layout) in enumerate(pairs) for c in classifier.crops(image, layout, i)])
