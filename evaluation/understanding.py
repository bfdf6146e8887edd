"""How prompts are taken apart: texts and objects that are found, against what the prompts' writer wanted to see.

    python -m evaluation.understanding evaluation/prompts/unquoted.jsonl [...] [--wrong]

Each line of a file is a prompt with its truth: {"prompt": str, "texts": [str], "objects": [[noun, count]]}. No model is
run: a text or an object that the decomposition misses is never drawn, and one that it invents is. Prints a summary as
the last line, in JSON, and with --wrong what was misunderstood.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.vlsa_chat import share
from pipelines.errors import BadPrompt, UserError
from pipelines.vlad.prompt import Understanding, understand


@dataclass(frozen=True)
class Taken:
    """What became of one prompt.

    Attributes:
        prompt: the prompt. texts: whether its texts are those that were wanted, words and order within each, case and
        punctuation ignored. missing: wanted objects that are not there in their number. found: texts that were found.
    """

    prompt: str
    texts: bool
    wanted: int
    missing: tuple[str, ...]
    found: tuple[str, ...]


def read(path: Path) -> list[dict[str, Any]]:
    """Prompts with their truth.

    Raises:
        UserError: the file is absent or a line is not what it should be.
    """
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        if all(isinstance(r["prompt"], str) and isinstance(r["texts"], list) for r in rows):
            return rows
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(f"{path} cannot be read as prompts with their truth ({e}); see evaluation/README.md.") from e
    raise UserError(f"{path} has a line without prompt and texts; see evaluation/README.md.")


def taken(row: dict[str, Any]) -> Taken:
    """Take one prompt apart and compare."""
    wanted = [(str(noun), int(count)) for noun, count in row.get("objects", [])]
    try:
        found = understand(row["prompt"])
    except BadPrompt as e:
        return Taken(row["prompt"], False, len(wanted), tuple(noun for noun, _ in wanted), (str(e),))
    texts = tuple(part.text for part in found.texts)
    missing = tuple(noun for noun, count in wanted if not shown(found, noun, count))
    same = sorted(filter(None, map(plain, texts))) == sorted(filter(None, map(plain, row["texts"])))
    return Taken(row["prompt"], same, len(wanted), missing, texts)


def plain(text: str) -> str:
    """Small letters, digits and single spaces."""
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def shown(found: Understanding, noun: str, count: int) -> bool:
    """Whether a thing is drawn so many times: an object, a panel, or the place that is the background."""
    head = plain(noun).split()[-1:]
    named = [p for p in found.parts if set(head) & set(plain(f"{p.name} {p.text}").split()) and p.kind != "text"]
    if any(p.kind in ("panel", "background") for p in named):
        return True
    return sum(p.count for p in named if p.kind == "object") == count


def summary(rows: Iterable[Taken]) -> dict[str, Any]:
    """Shares of prompts whose texts are right and of objects that are there, with their 95 % intervals."""
    rows = list(rows)
    there = [float(k >= len(r.missing)) for r in rows for k in range(r.wanted)]
    return {"texts": share([float(r.texts) for r in rows]), "objects": share(there)}


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status; what goes wrong is one sentence on stderr."""
    p = argparse.ArgumentParser(prog="python -m evaluation.understanding", description=(__doc__ or "").split("\n")[0])
    p.add_argument("files", type=Path, nargs="+", help="JSON lines of prompts with their truth")
    p.add_argument("--wrong", action="store_true", help="print what was misunderstood")
    args = p.parse_args(argv)
    out = {}
    for path in args.files:
        try:
            rows = [taken(r) for r in read(path)]
        except UserError as e:
            print(e, file=sys.stderr)
            return 1
        for r in rows if args.wrong else []:
            if not r.texts or r.missing:
                print(f"{r.prompt}\n    texts {list(r.found)}, missing {list(r.missing)}")
        out[path.name] = summary(rows)
    print(json.dumps(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
