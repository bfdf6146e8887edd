"""Commands in the documents and in the recipe are such that their modules take them: each is parsed, none is run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.everything import steps

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "training/README.md", "evaluation/README.md")
OURS = ("pipelines", "training", "evaluation", "serving", "app")
# In a process of its own: what the modules import changes settings of libraries, for all. argv: nothing; standard
# input: [[module, arguments], ...]; its last line: those that a module's own parser refuses.
CHILD = """
import argparse, json, runpy, sys, warnings
class Parsed(BaseException):
    pass
plain = argparse.ArgumentParser.parse_args
def parse(self, *args, **kwargs):
    plain(self, *args, **kwargs)
    raise Parsed
argparse.ArgumentParser.parse_args = parse
warnings.simplefilter("ignore", RuntimeWarning)
refused = []
for module, arguments in json.load(sys.stdin):
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__")
        taken = not arguments
    except Parsed:
        taken = True
    except SystemExit:
        taken = False
    if not taken:
        refused.append(" ".join(sys.argv))
print()
print(json.dumps(refused))
"""


def refused(commands: list[tuple[str, list[str]]]) -> list[str]:
    """Those whose module's own parser does not take the arguments."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(commands), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


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
def test_commands_of_the_documents_can_be_given(document: str) -> None:
    found = list(commands(document))
    assert found and not refused(found)


@pytest.mark.parametrize("config", ["short", "cpu", "gpu"])
def test_commands_of_the_recipe_can_be_given(config: str, tmp_path: Path) -> None:
    todo = steps(config, tmp_path / "run", tmp_path / "data")
    assert not refused([(s.module, list(s.arguments)) for s in todo])


def test_a_wrong_command_is_refused() -> None:
    wrong = ("training.vfe", ["--out", "x", "--layer", "8", "--depth", "2"])
    assert refused([("training.vfe", ["--out", "x"]), wrong]) == [" ".join([wrong[0], *wrong[1]])]
