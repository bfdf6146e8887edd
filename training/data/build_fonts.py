"""Writes assets/fonts: the fonts of the app as TrueType files, their licences and the catalogue fonts.json.

Usage: python -m training.data.build_fonts [OUT] [--packages DIR]

Needs fonttools, brotli and npm. The fonts are the @fontsource packages of the versions below; npm installs them into
DIR (a temporary folder unless given). The subsets of a face are merged into one file without hinting, since letters are
drawn at twice their size and reduced.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

OUT = Path(__file__).resolve().parents[2] / "assets" / "fonts"
VERSION = "5.3.0"
LATIN = ("latin", "latin-ext")
WIDE = ("latin", "latin-ext", "greek", "cyrillic")
PUNCTUATION = "–—‘’‚“”„«»‹›…•·€£¥©®™°×÷½¼¾§¿¡№"


class Face(NamedTuple):
    """One font file: package and weight, its category, its subsets, whether words in capitals look right in it."""

    package: str
    weight: int
    category: str
    caps_ok: bool = True
    subsets: tuple[str, ...] = LATIN

    @property
    def id(self) -> str:
        return f"{self.package}-{self.weight}"


FACES = (
    Face("montserrat", 700, "sans-serif"),
    Face("poppins", 700, "sans-serif"),
    Face("open-sans", 700, "sans-serif"),
    Face("archivo-black", 400, "heavy sans-serif"),
    Face("paytone-one", 400, "heavy sans-serif"),
    Face("montserrat", 800, "heavy sans-serif"),
    Face("oswald", 500, "condensed sans-serif"),
    Face("barlow-condensed", 700, "condensed sans-serif"),
    Face("fjalla-one", 400, "condensed sans-serif"),
    Face("playfair-display", 700, "serif"),
    Face("merriweather", 700, "serif"),
    Face("lora", 700, "serif"),
    Face("dm-serif-display", 400, "serif"),
    Face("roboto-slab", 700, "slab serif"),
    Face("zilla-slab", 700, "slab serif"),
    Face("alfa-slab-one", 400, "slab serif"),
    Face("righteous", 400, "display"),
    Face("lilita-one", 400, "display"),
    Face("concert-one", 400, "display"),
    Face("carter-one", 400, "display"),
    Face("fredoka", 700, "rounded"),
    Face("baloo-2", 700, "rounded"),
    Face("nunito", 800, "rounded"),
    Face("courgette", 400, "script", caps_ok=False),
    Face("lobster", 400, "script", caps_ok=False),
    Face("pacifico", 400, "script", caps_ok=False),
    Face("patrick-hand", 400, "handwritten"),
    Face("kalam", 700, "handwritten"),
    Face("architects-daughter", 400, "handwritten"),
    Face("jetbrains-mono", 700, "monospace"),
    Face("roboto-mono", 700, "monospace"),
    Face("ibm-plex-mono", 700, "monospace"),
    Face("noto-sans", 700, "sans-serif", subsets=WIDE),
    Face("noto-serif", 700, "serif", subsets=WIDE),
)


def install(packages: Iterable[str], folder: Path) -> Path:
    """Installs the packages with npm and returns the folder that holds them.

    Raises:
        subprocess.CalledProcessError: npm failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    names = [f"@fontsource/{p}@{VERSION}" for p in sorted(set(packages))]
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *names], cwd=folder, check=True)
    return folder / "node_modules" / "@fontsource"


def subset_files(face: Face, packages: Path) -> list[Path]:
    """The woff2 files of the face; a subset that the family lacks is skipped.

    Raises:
        FileNotFoundError: not even the Latin subset is there.
    """
    names = [f"{face.package}-{s}-{face.weight}-normal.woff2" for s in face.subsets]
    files = [packages / face.package / "files" / n for n in names]
    if not files[0].exists():
        raise FileNotFoundError(f"{files[0]} is missing; check the package name and the weight.")
    return [f for f in files if f.exists()]


def merged(files: list[Path], work: Path) -> TTFont:
    """One font with the characters of all files; kerning is kept, other layout features are dropped."""
    parts = []
    for i, file in enumerate(files):
        font = TTFont(file)
        font.flavor = None
        font = slimmed(font)
        part = work / f"part{i}.ttf"
        font.save(part)
        parts.append(str(part))
    return TTFont(parts[0]) if len(parts) == 1 else Merger().merge(parts)


def slimmed(font: TTFont) -> TTFont:
    """The font without hinting and without layout features other than kerning."""
    options = Options()
    options.hinting = False
    options.layout_features = ["kern"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.drop_tables += ["GSUB", "GDEF", "STAT", "DSIG", "gasp", "vhea", "vmtx", "meta"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[u for u in font.getBestCmap() if wanted(u)])
    subsetter.subset(font)
    return font


def wanted(codepoint: int) -> bool:
    """Latin with its extensions, Greek, Cyrillic, common punctuation and currency signs."""
    return codepoint < 0x530 or 0x1E00 <= codepoint < 0x1F00 or chr(codepoint) in PUNCTUATION or codepoint == 0x20AC


def build_face(face: Face, packages: Path, out: Path) -> dict[str, Any]:
    """Writes the font file and the licence; returns its line of the catalogue."""
    package = packages / face.package
    with tempfile.TemporaryDirectory() as work:
        font = merged(subset_files(face, packages), Path(work))
        font.save(out / f"{face.id}.ttf")
    about = json.loads((package / "package.json").read_text("utf-8"))
    meta = json.loads((package / "metadata.json").read_text("utf-8"))
    shutil.copyfile(package / "LICENSE", out / "LICENCES" / f"{face.package}.txt")
    return {
        "id": face.id,
        "family": meta["family"],
        "category": face.category,
        "weight": face.weight,
        "caps_ok": face.caps_ok,
        "licence": about["license"],
        "package": f"@fontsource/{face.package}",
        "version": about["version"],
    }


def build(out: Path, packages: Path) -> None:
    """Writes every face, the licences and the catalogue to `out`."""
    (out / "LICENCES").mkdir(parents=True, exist_ok=True)
    rows = [build_face(face, packages, out) for face in FACES]
    text = ",\n".join(f"  {json.dumps(r, ensure_ascii=False)}" for r in rows)
    (out / "fonts.json").write_text(f"[\n{text}\n]\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes assets/fonts from the @fontsource packages.")
    parser.add_argument("out", nargs="?", type=Path, default=OUT)
    parser.add_argument("--packages", type=Path, help="folder where npm installs the packages")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = args.packages or Path(work)
        build(args.out, install((f.package for f in FACES), folder))


if __name__ == "__main__":
    main()
