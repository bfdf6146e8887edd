"""The example for scripts in README runs as it is printed, against the served app."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

HOME = "http://127.0.0.1:7860"


def test_the_example_for_scripts_runs(both_url: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    section = (root / "README.md").read_text("utf-8").split("## From a script or an agent")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert HOME in code
    names: dict[str, Any] = {}
    exec(code.replace(HOME, both_url), names)
    assert names["layout"]["elements"][0]["colour"] == "#182658" and names["settings"]["seed"] == 1
    assert Path(names["pictures"][0]["image"]).stat().st_size > 1000 and Path(names["rebuilt"]).is_file()
    said = capsys.readouterr().out.strip().splitlines()
    psnr, usage = said[-1].split()
    assert len(said) >= 2 and 10 < float(psnr) < 60 and 0 < float(usage) <= 1


def test_the_address_for_agents_is_the_one_that_is_served(both_url: str, root: Path) -> None:
    import httpx

    assert f"{HOME}/gradio_api/mcp/" in (root / "README.md").read_text("utf-8")
    tools = httpx.get(f"{both_url}gradio_api/mcp/schema", trust_env=False).json()
    assert {"understand", "plan", "draw", "generate", "read_back", "ask", "reconstruct", "tokens"} == {
        t["name"] for t in tools
    }
