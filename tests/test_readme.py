"""README, requirements and Makefile say what is true: Space settings, pins, the tree, the commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIREMENTS = (
    "requirements.txt",
    "requirements-models.txt",
    "requirements-test.txt",
    "requirements-scale.txt",
    "requirements-serve.txt",
    "requirements-lmms.txt",
    "requirements-gpu.txt",
)
PIN = re.compile(r"[A-Za-z0-9_.\-]+(\[[a-z]+\])?==[0-9][0-9A-Za-z.]*")


def front_matter() -> dict:
    return yaml.safe_load(README.split("---\n")[1])


def pins(name: str) -> list[str]:
    """The requirements of a file, without comments and without other files of the list."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and line.removeprefix("-r ") not in REQUIREMENTS]


def tree() -> list[str]:
    """Paths of the tree in README, relative to the repository."""
    block = README.split("## What is where")[1].split("```")[1]
    paths, parents = [], {-1: ""}
    for line in block.strip("\n").splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        parents[depth] = parents[depth - 1] + name
        paths.append(parents[depth])
    return paths


def test_the_space_settings_are_complete() -> None:
    matter = front_matter()
    assert matter["sdk"] == "gradio" and matter["license"] == "apache-2.0" and matter["app_file"] == "app.py"
    assert f"gradio[mcp]=={matter['sdk_version']}" in pins("requirements.txt")
    assert matter["python_version"] in ("3.11", "3.12", "3.13")
    assert matter["title"] and matter["emoji"] and matter["models"] and matter["tags"]
    assert len(matter["short_description"]) <= 60


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_everything_is_pinned_but_torch(name: str) -> None:
    assert [p for p in pins(name) if not PIN.fullmatch(p)] == (
        ["torch>=2.8,<=2.13.0"] if name == "requirements.txt" else []
    )


def test_the_tree_is_there() -> None:
    assert not [path for path in tree() if not (ROOT / path).exists()]


@pytest.mark.parametrize("package", ["pipelines", "ui", "training", "evaluation"])
def test_every_module_is_in_the_tree(package: str) -> None:
    files = {p.relative_to(ROOT).as_posix() for p in (ROOT / package).rglob("*.py") if p.name != "__init__.py"}
    assert files <= set(tree())


def test_linked_files_are_there() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    named = re.findall(r"`((?:assets|checkpoints|training|evaluation|pipelines)/[\w./-]+)`", README)
    assert linked and named
    assert not [path for path in {*linked, *named} if not (ROOT / path).exists()]


def test_named_modules_and_make_targets_are_there() -> None:
    for module in set(re.findall(r"python -m ((?:pipelines|evaluation|training)[\w.]*)", README)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make (\w+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_script_offers_what_readme_lists() -> None:
    scripts = [ROOT / "pipelines" / name / "__main__.py" for name in ("vlad", "vlsa")]
    source = "".join(p.read_text(encoding="utf-8") for p in scripts)
    table = README.split("## From the command line")[1].split("## From a script")[0]
    assert not [option for option in set(re.findall(r"--[a-z][a-z-]+", table)) if f'"{option}"' not in source]


def test_ci_runs_the_tests() -> None:
    run = ROOT / ".ci" / "run"
    assert run.stat().st_mode & 0o111
    assert "make test" in run.read_text(encoding="utf-8")
