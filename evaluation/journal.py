"""A log of finished work, one JSON object a line, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Journal:
    """Records by key, each written as soon as it is there.

    Args:
        path: file; started afresh when it was written with another `run`.
        run: what the records depend on.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        self.records: dict[str, dict[str, Any]] = {}
        head = json.dumps({"run": run}, sort_keys=True)
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        if lines and lines[0] == head:
            self.records = dict(filter(None, map(_entry, lines[1:])))
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [json.dumps({"key": k, "record": r}, ensure_ascii=False) for k, r in self.records.items()]
        path.write_text("\n".join([head, *rows]) + "\n", "utf-8")  # without the half of a line a stop may have left

    def __contains__(self, key: str) -> bool:
        return key in self.records

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self.records[key]

    def add(self, key: str, record: dict[str, Any]) -> dict[str, Any]:
        """Keep and write a record; returns it."""
        self.records[key] = record
        with self.path.open("a", encoding="utf-8") as f:
            f.write(json.dumps({"key": key, "record": record}, ensure_ascii=False) + "\n")
        return record


def _entry(line: str) -> tuple[str, dict[str, Any]] | None:
    """Key and record of a line; None for half a line."""
    try:
        data = json.loads(line)
        return data["key"], data["record"]
    except (ValueError, KeyError, TypeError):
        return None
