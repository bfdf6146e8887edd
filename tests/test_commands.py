"""Commands in the documents and in the recipe are such that their modules take them: each is parsed, none is run."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.everything import steps

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "training/README.md", "evaluation/README.md")
OURS = ("pipelines", "training", "evaluation", "serving", "app")


class Parsed(BaseException):
    """Arguments were taken; nothing more is wanted."""


def parses(module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a module's own parser takes the arguments."""
    plain = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, *args: object, **kwargs: object) -> None:
        plain(self, *args, **kwargs)  # type: ignore[arg-type]
        raise Parsed

    with monkeypatch.context() as m:
        m.setattr(argparse.ArgumentParser, "parse_args", parse)
        m.setattr(sys, "argv", [module, *arguments])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # modules that others have imported already
                runpy.run_module(module, run_name="__main__")
        except Parsed:
            return True
        except SystemExit:
            return False
    return not arguments  # it takes none


def commands(document: str) -> Iterator[tuple[str, list[str]]]:
    """Modules of this project and their arguments, as a shell would give them."""
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    known: dict[str, str] = {}
    for line in (line for block in re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.S) for line in block.splitlines()):
        if given := re.fullmatch(r'(\w+)="(.*)"', line.strip()):
            known[given[1]] = given[2]
        for name, value in known.items():
            line = line.replace(f"${name}", value)
        found = re.search(r"-m ((?:" + "|".join(OURS) + r")[\w.]*)(.*)", line)
        if found:
            numbers = re.sub(r"\$\w+|(?<= )[A-Z](?=[ \]]|$)", "2", found[2])  # $row, and K for any number
            words = shlex.split(re.sub(r"[\[\]]", "", numbers).split(";")[0].split(" > ")[0], comments=True)
            yield found[1], words


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_of_the_documents_can_be_given(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(commands(document))
    refused = [f"{module} {' '.join(words)}" for module, words in found if not parses(module, words, monkeypatch)]
    assert found and not refused


@pytest.mark.parametrize("config", ["short", "cpu", "gpu"])
def test_commands_of_the_recipe_can_be_given(config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = steps(config, tmp_path / "run", tmp_path / "data")
    refused = [s.command for s in todo if not parses(s.module, list(s.arguments), monkeypatch)]
    assert not refused
