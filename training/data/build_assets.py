"""Builds the asset cache that `training.data.assets` reads, from packages of exact name and version.

Usage: python -m training.data.build_assets [--work DIR] [--out DIR] [--no-fetch]

`fetch` downloads the packages with their ordinary clients (npm, apt-get, pip) into DIR and unpacks them; the rest turns
them into objects, fonts, textures and words. Needs requirements-train.txt besides requirements.txt, and for fetching
npm, and apt-get and dpkg-deb with the packages of Debian 12. Licences of every source: SOURCES.md.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from training.data.artwork_names import LETTERED, PLURAL_ONLY, RENAMED, WITHOUT_ARTICLE
from training.data.assets import ROOT, default_path

NPM = {
    "@lobehub/fluent-emoji-3d": "1.1.0",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "@iconify-json/fluent-emoji-high-contrast": "1.2.6",
    "emojibase": "17.0.0",
    "emojibase-data": "17.0.0",
    "@pmndrs/assets": "1.7.0",
    "cuss": "2.2.0",
    "dale-chall": "2.0.1",
}
FONT_VERSION = "5.3.0"  # of every @fontsource package
DEBIAN = {
    "blender-data": "3.4.1+dfsg-2",
    "mypaint-data-extras": "2.0.1-9",
    "lomiri-wallpapers-16.04": "20.04.0-2",
    "wamerican-small": "2020.12.07-2",
}
WHEELS = {"miniworld": "2.1.0", "robosuite": "1.5.2", "metaworld": "3.1.1"}
ARTWORK_PX = 160
TEXTURE_PX = 384


# ---- fetching


def fetch(work: Path) -> None:
    """Downloads and unpacks every package into work/node_modules, work/deb and work/wheels.

    Raises:
        subprocess.CalledProcessError: a client failed; its message says why.
    """
    work.mkdir(parents=True, exist_ok=True)
    wanted = [f"{n}@{v}" for n, v in NPM.items()] + [f"@fontsource/{f.package}@{FONT_VERSION}" for f in FONTS]
    subprocess.run(["npm", "install", "--prefix", str(work), "--no-audit", "--no-fund", *wanted], check=True)
    for name, version in DEBIAN.items():
        subprocess.run(["apt-get", "download", f"{name}={version}"], check=True, cwd=work)
        archive = next(work.glob(f"{name}_{version}_*.deb"))
        (work / "deb").mkdir(exist_ok=True)  # dpkg-deb makes the last folder only
        subprocess.run(["dpkg-deb", "-x", str(archive), str(work / "deb" / name)], check=True)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(work)]
    for name, version in WHEELS.items():
        subprocess.run([*pip, f"{name}=={version}"], check=True)
        with zipfile.ZipFile(next(work.glob(f"{name}-{version}-*.whl"))) as wheel:
            wheel.extractall(work / "wheels" / name)


# ---- objects

SKIPPED_GROUPS = ("components",)
SKIPPED_SUBGROUPS = ("country flags", "subdivision flags", "keypad characters", "alphanumeric symbols", "family")
FACES = re.compile(r"(monkey|dog|cat|tiger|horse|cow|pig|mouse|rabbit|dragon) face$")
HEARTS = re.compile(r"(pink|orange|yellow|green|blue|purple|black|white|brown|grey) heart$")
PROFESSIONS = re.compile(
    r"(man|woman) (student|teacher|judge|farmer|cook|mechanic|factory worker|office worker|scientist|technologist"
    r"|singer|artist|pilot|astronaut|firefighter|police officer|detective|guard|construction worker|superhero"
    r"|supervillain|fairy|vampire|elf|genie|zombie|health worker)$"
)
CLOCKS = ("twelve o", "three o", "six o", "nine o", "ten o", "one-th")
BUTTONS = tuple(f"{b} button" for b in ("play", "pause", "stop", "record", "eject", "fast-forward"))
ARROW_WORDS = ("BACK", "END", "ON!", "SOON", "TOP")


def naming(label: str, subgroup: str) -> tuple[str, list[str]] | None:
    """Name and aliases of an emoji by its label, or None to leave it out."""
    if label in RENAMED:
        names = RENAMED[label].split(" | ") if RENAMED[label] else []
        return (names[0], names[1:]) if names else None
    label = label.replace("’", "'")
    if _unwanted(label, subgroup):
        return None
    if subgroup == "zodiac signs":
        return f"{label} zodiac symbol", []
    if subgroup == "time" and ("o'clock" in label or "-thirty" in label):
        return f"clock showing {label.replace('-thirty', ' thirty')}", ["clock"]
    person = re.match(r"(person|man|woman): (.+)", label)
    if person:
        who, what = person.groups()
        return {"bald": f"bald {who}", "beard": f"{who} with a beard"}.get(what, f"{who} with {what}"), [who]
    profession = PROFESSIONS.match(label)
    if profession:
        return f"{'male' if profession[1] == 'man' else 'female'} {profession[2]}", [profession[2]]
    face = FACES.match(label)
    return label, [face[1]] if face else ["cat"] if subgroup == "cat faces" else ["heart"] if HEARTS.match(
        label
    ) else []


def _unwanted(label: str, subgroup: str) -> bool:
    if subgroup in SKIPPED_SUBGROUPS or ": facing right" in label:
        return True
    if label.startswith(("kiss:", "couple with heart:", "family", "keycap")):
        return True
    if any(w in label for w in ("gesturing NO", "gesturing OK", "tipping hand")):
        return True
    if subgroup == "time" and ("o'clock" in label or "-thirty" in label):
        return not label.startswith(CLOCKS)
    if subgroup == "audio & video symbols" and "button" in label:
        return label not in BUTTONS
    curved = any(w in label for w in ("button", "curving", "vertical"))
    return subgroup == "arrows" and (curved or label.split()[0] in ARROW_WORDS)


COARSE = {
    "red": (214, 40, 40), "orange": (243, 128, 28), "yellow": (252, 205, 50), "green": (60, 160, 74),
    "blue": (45, 110, 220), "light blue": (110, 190, 240), "purple": (125, 70, 180), "pink": (245, 130, 175),
    "brown": (130, 80, 45), "gray": (140, 145, 150), "black": (35, 35, 40), "white": (248, 248, 250),
    "teal": (30, 150, 150), "tan": (220, 180, 130),
}  # fmt: skip


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB in 0-255 (..., 3) -> CIE L*a*b*, white point D65 (CIE 15:2004, equations 8.3-8.8)."""
    a = np.asarray(rgb, float) / 255
    linear = np.where(a > 0.04045, ((a + 0.055) / 1.055) ** 2.4, a / 12.92)
    matrix = np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    xyz = linear @ matrix / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def describe(image: Image.Image) -> tuple[str | None, float, list[int]]:
    """Main colour of an RGBA drawing, its share of the opaque pixels and the mean colour of the rim."""
    pixels = np.asarray(image.resize((48, 48)))
    opaque = pixels[..., 3] > 128
    if not opaque.any():
        return None, 0.0, [128, 128, 128]
    inside = pixels[..., :3][opaque]
    palette = to_lab(np.array(list(COARSE.values())))
    nearest = ((to_lab(inside)[:, None] - palette[None]) ** 2).sum(-1).argmin(1)
    share = np.bincount(nearest, minlength=len(COARSE)) / len(nearest)
    eroded = np.asarray(image.getchannel("A").resize((48, 48)).filter(ImageFilter.MinFilter(7)))
    ring = opaque & (eroded < 128)
    edge = pixels[..., :3][ring].mean(0) if ring.any() else inside.mean(0)
    best = int(share.argmax())
    return list(COARSE)[best], float(share[best]), [int(v) for v in edge]


def cropped(image: Image.Image, px: int = ARTWORK_PX) -> Image.Image | None:
    """RGBA cut to its outline, longest side px; None if it is empty."""
    image = image.convert("RGBA")
    box = image.getchannel("A").point(lambda v: 255 if v > 24 else 0).getbbox()
    if not box:
        return None
    image = image.crop(box)
    scale = px / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def _code(hexcode: str) -> str:
    return "-".join(p for p in hexcode.lower().split("-") if p != "fe0f")


class IconSet:
    """One Iconify set of emoji drawings."""

    def __init__(self, folder: Path, chars: Mapping[str, str]) -> None:
        self.set = json.loads((folder / "icons.json").read_text("utf-8"))
        self.parents = {k: v["parent"] for k, v in self.set.get("aliases", {}).items()}
        self.chars = chars

    def draw(self, hexcode: str, px: int = 224) -> Image.Image | None:
        """The drawing of an emoji, or None where the set lacks it."""
        import resvg_py

        key = self.chars.get(_code(hexcode))
        icon = self.set["icons"].get(self.parents.get(key or "", key or ""))
        if not icon:
            return None
        w, h = (icon.get(k, self.set.get(k, 16)) for k in ("width", "height"))
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{px}" '
            f'height="{px}" viewBox="0 0 {w} {h}" color="#000">{icon["body"]}</svg>'
        )
        png = resvg_py.svg_to_bytes(svg_string=svg, width=px, height=px, skip_system_fonts=True)
        return Image.open(io.BytesIO(bytes(png)))


def encode(image: Image.Image, style: str) -> bytes:
    """WebP of a drawing; only the alpha of a silhouette."""
    out = io.BytesIO()
    if style == "mono":
        image.getchannel("A").save(out, "WEBP", lossless=True, method=4)
    else:
        image.save(out, "WEBP", quality=92, alpha_quality=100, method=4)
    return out.getvalue()


def emoji(modules: Path) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Emoji with group and subgroup, those that are never objects left out."""
    data = json.loads((modules / "emojibase-data/en/data.json").read_text("utf-8"))
    messages = json.loads((modules / "emojibase-data/en/messages.json").read_text("utf-8"))
    groups = {m["order"]: m["message"] for m in messages["groups"]}
    subgroups = {m["order"]: m["message"] for m in messages["subgroups"]}
    for e in data:
        if e.get("group") is None:
            continue
        group, subgroup = groups[e["group"]], subgroups[e["subgroup"]]
        if group not in SKIPPED_GROUPS and subgroup not in SKIPPED_SUBGROUPS[:2]:
            yield e, group, subgroup


def build_objects(work: Path, out: Path) -> None:
    """objects.bin and objects.json."""
    modules = work / "node_modules"
    icons = modules / "@iconify-json"
    chars = json.loads((icons / "fluent-emoji-flat/chars.json").read_text("utf-8"))
    codes = {_code(k): v for k, v in chars.items()}
    flat = IconSet(icons / "fluent-emoji-flat", codes)
    mono = IconSet(icons / "fluent-emoji-high-contrast", codes)
    solid = {_code(f.stem): f for f in (modules / "@lobehub/fluent-emoji-3d/assets").glob("*.webp")}
    records: dict[str, dict[str, Any]] = {}
    with (out / "objects.bin").open("wb") as blob:
        for e, group, subgroup in emoji(modules):
            named = naming(e["label"], subgroup)
            if not named or named[0] in records:
                continue
            code = _code(e["hexcode"])
            drawn: dict[str, Image.Image | None] = {"3d": Image.open(solid[code]) if code in solid else None}
            drawn |= {"flat": flat.draw(e["hexcode"]), "mono": mono.draw(e["hexcode"])}
            images = {s: c for s, i in drawn.items() if i is not None and (c := cropped(i)) is not None}
            if set(images) - {"mono"}:
                records[named[0]] = {**_record(named, e, group, subgroup), "styles": _store(images, blob)}
    (out / "objects.json").write_text(json.dumps(list(records.values()), ensure_ascii=False), "utf-8")


def _record(named: tuple[str, list[str]], e: Mapping[str, Any], group: str, subgroup: str) -> dict[str, Any]:
    name, aliases = named
    return {
        "name": name,
        "alt": aliases,
        "group": group,
        "sub": subgroup,
        "tags": e["tags"],
        "emoji": e["emoji"],
        "plural": name in PLURAL_ONLY,
        "noart": name in WITHOUT_ARTICLE,
        "texty": name in LETTERED,
    }


def _store(images: Mapping[str, Image.Image], blob: io.BufferedWriter) -> dict[str, dict[str, Any]]:
    """Appends the drawings to the blob; returns where they lie and how they look."""
    styles = {}
    for style, image in images.items():
        data, offset = encode(image, style), blob.tell()
        blob.write(data)
        colour, share, edge = describe(image) if style != "mono" else (None, 0.0, [0, 0, 0])
        styles[style] = {
            "off": offset, "n": len(data), "w": image.width, "h": image.height, "colour": colour,
            "frac": round(share, 3), "edge": edge,
        }  # fmt: skip
    return styles


# ---- fonts


@dataclass(frozen=True)
class FontPackage:
    """An @fontsource package: category, usable weights, whether words in capitals look right, whether it is thin."""

    package: str
    category: str
    weights: tuple[int, ...]
    caps_ok: bool
    thin: bool


THIN = frozenset(
    "sacramento great-vibes amatic-sc cormorant-garamond shadows-into-light yellowtail cookie limelight indie-flower"
    " vt323 share-tech-mono old-standard-tt dancing-script satisfy josefin-sans rye".split()
)
_FAMILIES: tuple[tuple[str, tuple[int, ...], str], ...] = (
    ("sans-serif", (500, 700, 800), "inter open-sans montserrat poppins lato raleway nunito quicksand josefin-sans"
     " work-sans outfit league-spartan"),
    ("condensed sans-serif", (500, 700), "oswald barlow-condensed"),
    ("condensed sans-serif", (400,), "fjalla-one bebas-neue anton staatliches"),
    ("heavy sans-serif", (400,), "archivo-black paytone-one"),
    ("serif", (400, 600, 700), "playfair-display merriweather lora eb-garamond libre-baskerville cormorant-garamond"
     " bitter crimson-text cinzel"),
    ("serif", (400,), "dm-serif-display abril-fatface old-standard-tt"),
    ("slab serif", (400, 700), "arvo roboto-slab zilla-slab"),
    ("slab serif", (400,), "alfa-slab-one ultra"),
    ("display", (400,), "righteous titan-one passion-one russo-one bangers luckiest-guy bungee black-ops-one audiowide"
     " carter-one bowlby-one concert-one boogaloo lilita-one limelight rye shrikhand chewy"),
    ("rounded", (500, 700), "fredoka baloo-2"),
    ("futuristic", (600, 800), "orbitron"),
    ("pixel", (400,), "press-start-2p vt323"),
    ("typewriter", (400, 700), "special-elite courier-prime"),
    ("script", (400,), "lobster pacifico great-vibes satisfy sacramento courgette kaushan-script cookie yellowtail"
     " playball"),
    ("script", (600, 700), "dancing-script"),
    ("handwritten", (700,), "caveat kalam"),
    ("handwritten", (400,), "indie-flower patrick-hand shadows-into-light permanent-marker gloria-hallelujah"
     " architects-daughter handlee schoolbell gochi-hand caveat-brush"),
    ("handwritten", (400, 700), "amatic-sc"),
    ("monospace", (400, 700), "jetbrains-mono space-mono roboto-mono ibm-plex-mono"),
    ("monospace", (400,), "share-tech-mono"),
)  # fmt: skip
FONTS = tuple(FontPackage(n, c, w, c != "script", n in THIN) for c, w, names in _FAMILIES for n in names.split())
NEEDED = "ABCXYZabcxyz0189!?&'%$£€#@+-:.,/()"


def build_fonts(work: Path, out: Path) -> None:
    """fonts/*.ttf (Latin subsets) and fonts.json."""
    from fontTools.ttLib import TTFont

    (out / "fonts").mkdir(exist_ok=True)
    rows = []
    for spec in FONTS:
        folder = work / "node_modules/@fontsource" / spec.package
        about = {n: json.loads((folder / f"{n}.json").read_text("utf-8")) for n in ("package", "metadata")}
        for weight in spec.weights:
            source = folder / f"files/{spec.package}-latin-{weight}-normal.woff2"
            if not source.exists():
                continue
            font = TTFont(source, recalcTimestamp=False)  # the same bytes on every run
            font.flavor = None
            name = f"{spec.package}-{weight}.ttf"
            font.save(out / "fonts" / name)
            missing = "".join(c for c in NEEDED if ord(c) not in font.getBestCmap())
            rows.append(
                {
                    "pkg": spec.package,
                    "family": about["metadata"]["family"],
                    "cat": spec.category,
                    "weight": weight,
                    "file": name,
                    "caps_ok": spec.caps_ok,
                    "thin": spec.thin and weight < 800,
                    "missing": missing,
                    "licence": about["package"]["license"],
                }
            )
    (out / "fonts.json").write_text(json.dumps(rows, indent=0), "utf-8")


# ---- textures and photographs


@dataclass(frozen=True)
class TextureRow:
    """A row of textures.json."""

    kind: str
    src: str
    licence: str
    photo: bool
    mean: list[int]


_MINI, _ROBO, _META = (
    "wheels/miniworld/miniworld/textures/",
    "wheels/robosuite/robosuite/models/assets/textures/",
    "wheels/metaworld/metaworld/assets/",
)
_PAINT = "deb/mypaint-data-extras/usr/share/mypaint/backgrounds/"
# kind -> (folder, glob patterns separated by blanks; "?" stands for one character)
# The order counts: the variant of a background is a place in it.
MATERIALS: dict[str, tuple[tuple[str, str], ...]] = {
    "wood": (
        (_MINI, "wood_1.png wood_2.png wood_planks_1.png"),
        (_ROBO, "dark-wood.png light-wood.png wood-tiles.png wood-varnished-panels.png gray-woodgrain.png blue-wood.png"
         " green-wood.png red-wood.png"),
        (_META, "scene/textures/wood.png scene/textures/wood2.png textures/darkwood.png textures/light_wood.png"
         " textures/light_wood_v2.png textures/light_wood_v3.png textures/wood.png textures/wood1.png"
         " textures/wood2.png textures/wood3.png textures/wood4.png textures/wood_light.png"),
    ),
    "brick wall": (
        (_MINI, "brick_wall_1.png"), (_ROBO, "white-bricks.png"), (_META, "textures/brick1.png"),
        (_MINI, "cinder_blocks_1.png"),
    ),
    "concrete": (
        (_MINI, "concrete_?.png concrete_tiles_1.png asphalt_1.png stucco_1.png"), (_META, "textures/metal1.png"),
    ),
    "plaster wall": ((_ROBO, "*-plaster.png clay.png"), (_META, "textures/plaster1.png"), (_MINI, "drywall_1.png")),
    "marble": (
        (_MINI, "marble_2.png"), (_META, "textures/marble.png textures/granite.png"), (_MINI, "marble_1.png"),
    ),
    "cardboard": ((_MINI, "cardboard_?.png"),),
    "cork board": ((_PAINT, "ramon/HR_Cork.png"),),
    "paper": (
        (_PAINT, "ramon/HR_PastelPaper?02.png ramon/HR_SketchPaper?02.png ramon/HR_DecoPaper.png"
         " ramon/HR_PastelPaper?01.png ramon/HR_RoughPaper.png ramon/HR_SketchPaper.png ramon/HR_WaterColor.png"
         " mrmamurk/mamurk_f_1.png mrmamurk/mamurk_e_1.png mrmamurk/mamurk_a_2.png mrmamurk/mamurk_e_2.png"
         " mrmamurk/mamurk_b_1.png mrmamurk/mamurk_c_3.png mrmamurk/mamurk_a_1.png"),
    ),
    "canvas": ((_PAINT, "ramon/HR_Canvas*.png"), (_META, "scene/textures/fabricPlain.png"), (_ROBO, "gray-felt.png")),
    "metal": (
        (_ROBO, "steel-brushed.png steel-scratched.png metal.png"),
        (_MINI, "door_steel_grey.png door_steel_red.png metal_grill_1.png"),
        (_ROBO, "brass-ambra.png"),
    ),
    "grass": ((_MINI, "grass_?.png"),),
    "water": ((_MINI, "water_?.png"),),
    "tiles": (
        (_MINI, "ceiling_tiles_1.png floor_tiles_white.png"), (_META, "textures/floor1.png"),
        (_ROBO, "light-gray-floor-tile.png"),
    ),
    "stone": ((_MINI, "rock_1.png"), (_ROBO, "dirt.png")),
    "garage door": ((_MINI, "door_garage_red.png door_garage_white.png"),),
}  # fmt: skip
TEXTURE_LICENCE = {_MINI: "Apache-2.0", _ROBO: "MIT", _META: "MIT", _PAINT: "CC0-1.0"}

# panorama -> place; all CC0-1.0
PMNDRS_PLACES = {
    "apartment": "a bright room", "city": "a city street", "dawn": "a desert at dawn", "esplanade": "a shopping mall",
    "forest": "a forest", "hall": "a hall", "lab": "an old laboratory", "lobby": "a lobby", "night": "a field at night",
    "park": "a green meadow", "sky": "a cloudy sky", "sunrise": "a meadow at sunrise",
    "sunset": "a city square at sunset", "venice": "a seaside promenade", "warehouse": "a warehouse",
    "workshop": "a workshop",
}  # fmt: skip
BLENDER_PLACES = {
    "city": "a city street", "courtyard": "a courtyard", "forest": "a park with trees", "interior": "a hotel room",
    "night": "a field at night", "sunrise": "a meadow at sunrise", "sunset": "a seaside at sunset",
}  # fmt: skip
BLENDER_WORLDS = "deb/blender-data/usr/share/blender/datafiles/studiolights/world"
DANDELION = "deb/lomiri-wallpapers-16.04/usr/share/backgrounds/seeding_by_Clements_Engelhardt.jpg"


def unpack_panoramas(work: Path) -> Path:
    """Decodes the panoramas of @pmndrs/assets, which are data URLs inside hdri/*.exr.js, into work/hdri/*.exr."""
    out = work / "hdri"
    out.mkdir(exist_ok=True)
    for script in sorted((work / "node_modules/@pmndrs/assets/hdri").glob("*.exr.js")):
        match = re.search(r"data:[\w/.-]*;base64,([A-Za-z0-9+/=]+)", script.read_text("utf-8"))
        if match:
            (out / script.name.removesuffix(".js")).write_bytes(base64.b64decode(match[1]))
    return out


def tone_mapped(radiance: np.ndarray) -> np.ndarray:
    """Linear radiance (H, W, 3) -> sRGB-like uint8: exposure to the log-average, then Reinhard 2002, equation 4."""
    a = np.clip(np.nan_to_num(radiance, posinf=65504), 0, 65504)
    luminance = a @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    exposed = a * (0.30 / np.exp(np.log(luminance + 1e-3).mean()))
    mapped = exposed * (1 + exposed / 16) / (1 + exposed)
    return (np.clip(mapped * 1.12, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def perspective(panorama: np.ndarray, yaw: float, pitch: float, fov: float, px: int) -> Image.Image:
    """A px x px view into an equirectangular panorama (H, W, 3); angles in radians; bilinear."""
    height, width = panorama.shape[:2]
    focal = px / 2 / np.tan(fov / 2)
    y, x = np.mgrid[0:px, 0:px]
    ray = np.stack([(x - px / 2 + 0.5) / focal, -(y - px / 2 + 0.5) / focal, np.ones((px, px))], -1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    c, s = np.cos(pitch), np.sin(pitch)
    up, forward = ray[..., 1] * c + ray[..., 2] * s, -ray[..., 1] * s + ray[..., 2] * c
    longitude, latitude = np.arctan2(ray[..., 0], forward) + yaw, np.arcsin(np.clip(up, -1, 1))
    u, v = (longitude / (2 * np.pi) % 1) * width - 0.5, (0.5 - latitude / np.pi) * height - 0.5
    u0, v0 = np.floor(u).astype(int), np.floor(v).astype(int)
    fu, fv = (u - u0)[..., None], (v - v0)[..., None]

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return panorama[np.clip(row, 0, height - 1), column % width].astype(np.float32)

    top = at(v0, u0) * (1 - fu) + at(v0, u0 + 1) * fu
    bottom = at(v0 + 1, u0) * (1 - fu) + at(v0 + 1, u0 + 1) * fu
    return Image.fromarray((top * (1 - fv) + bottom * fv).astype(np.uint8))


def materials(work: Path) -> Iterator[tuple[Image.Image, str, str, str, bool]]:
    """Square pictures of materials with kind, source, licence and False."""
    for kind, places in MATERIALS.items():
        for folder, patterns in places:
            for pattern in patterns.split():
                for file in sorted((work / folder).glob(pattern)):
                    yield _square(Image.open(file)), kind, file.name, TEXTURE_LICENCE[folder], False


def _square(image: Image.Image) -> Image.Image:
    """RGB on white, the top left square, TEXTURE_PX wide."""
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    side = min(image.size)
    size = (TEXTURE_PX, TEXTURE_PX)
    return image.convert("RGB").crop((0, 0, side, side)).resize(size, Image.Resampling.LANCZOS)


def photographs(work: Path) -> Iterator[tuple[Image.Image, str, str, str, bool]]:
    """Views of panoramas and two crops of a photograph with place, source, licence and True."""
    import OpenEXR

    sets = (
        (unpack_panoramas(work), PMNDRS_PLACES, "pmndrs", 6, 95, 192),
        (work / BLENDER_WORLDS, BLENDER_PLACES, "blender", 8, 80, 288),
    )
    for folder, places, origin, views, fov, px in sets:
        for file in sorted(folder.glob("*.exr")):
            if file.stem not in places:
                continue
            radiance = OpenEXR.File(str(file)).parts[0].channels["RGB"].pixels
            panorama = tone_mapped(np.asarray(radiance, np.float32))
            for i in range(views):
                pitch = np.deg2rad(8 if i % 2 else 0)
                view = perspective(panorama, 2 * np.pi * i / views, pitch, np.deg2rad(fov), px)
                yield view, places[file.stem], f"{file.stem}-{origin}", "CC0-1.0", True
    whole = Image.open(work / DANDELION).convert("RGB")
    side = min(whole.size)
    for x, y in ((0, 0), (whole.width - side, whole.height - side)):
        crop = whole.crop((x, y, x + side, y + side)).resize((TEXTURE_PX, TEXTURE_PX), Image.Resampling.LANCZOS)
        yield crop, "a dandelion meadow", Path(DANDELION).name, "CC0-1.0", True


def build_textures(work: Path, out: Path) -> None:
    """textures.npz (JPEG) and textures.json."""
    blobs, rows = [], []
    for source in (materials(work), photographs(work)):
        for image, kind, name, licence, photo in source:
            data = io.BytesIO()
            image.save(data, "JPEG", quality=90)
            blobs.append(data.getvalue())
            mean = np.asarray(image.resize((16, 16))).reshape(-1, 3).mean(0)
            rows.append(asdict(TextureRow(kind, name, licence, photo, [int(v) for v in mean])))
    offsets = np.cumsum([0, *map(len, blobs)])
    np.savez(out / "textures.npz", blob=np.frombuffer(b"".join(blobs), np.uint8), off=offsets)
    (out / "textures.json").write_text(json.dumps(rows), "utf-8")


# ---- words


def build_words(work: Path, out: Path) -> None:
    """words.json: English words without profanity, and those that children know."""
    modules = work / "node_modules"
    rude = re.findall(r"^\s*'?([\w-]+)'?:\s*[12]", (modules / "cuss/index.js").read_text("utf-8"), re.M)
    bad = set(rude)
    lines = (work / "deb/wamerican-small/usr/share/dict/american-english-small").read_text("utf-8").split()
    words = [w for w in lines if re.fullmatch(r"[a-z]{3,11}", w) and w not in bad and w.rstrip("s") not in bad]
    known = re.findall(r"'([a-z]+)'", (modules / "dale-chall/index.js").read_text("utf-8"))
    easy = [w for w in known if 3 <= len(w) <= 10 and w not in bad]
    (out / "words.json").write_text(json.dumps({"words": words, "easy": easy}), "utf-8")


STEPS = {"objects": build_objects, "fonts": build_fonts, "textures": build_textures, "words": build_words}


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the asset cache.")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "poster-packages", help="folder for packages")
    parser.add_argument("--out", type=Path, default=default_path(), help="folder of the cache")
    parser.add_argument("--no-fetch", action="store_true", help="the packages are there already")
    parser.add_argument("--only", choices=STEPS, help="one step")
    args = parser.parse_args()
    if not args.no_fetch:
        fetch(args.work)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, step in STEPS.items():
        if args.only in (None, name):
            step(args.work, args.out)
            print(f"{name} done", flush=True)


if __name__ == "__main__":
    main()
