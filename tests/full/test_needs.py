"""What the preset `full` needs, and whether it fits."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipelines.cache import GIB, device_budget
from pipelines.config import PRESETS, Preset
from pipelines.needs import needs, stages, told


def test_every_stage_fits_a_card_of_24_gb() -> None:
    sums = stages(PRESETS["full"])
    assert set(sums) == {"reading a prompt", "drawing", "chat"}
    assert all(4e9 < size <= device_budget(24 * GIB) for size in sums.values())
    assert sum(sums.values()) > device_budget(24 * GIB)  # so idle parts wait elsewhere
    assert "does not fit" not in told(PRESETS["full"], 24 * GIB)
    assert told(PRESETS["full"], 16 * GIB).count("does not fit") == 1


def test_what_is_here_is_measured(full: Preset) -> None:
    found = {n.name: n for n in needs(full)}
    assert all(n.here for n in found.values())
    assert 0 < found["transformer"].nbytes < 1e6 and found["tokenizer"].nbytes == 0


@pytest.mark.parametrize(
    ("preset", "said"), [("full", "(gated)"), ("mini", "SmolLM2-135M-Instruct-GGUF"), ("huge", "use one of")]
)
def test_the_command_tells_it(preset: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pipelines.needs", preset], capture_output=True, text=True)
    assert said in done.stdout + done.stderr and (done.returncode == 0) == (preset != "huge")
