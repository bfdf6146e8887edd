"""Default settings of a chat and a reconstruction, and their limits. Importing this module loads no torch."""

from __future__ import annotations

import math
from typing import Any

from pipelines.errors import BadSetting

DEFAULTS: dict[str, float] = {
    "max_tokens": 96,
    "temperature": 0.0,
    "top_p": 1.0,
    "repetition_penalty": 1.0,
    "steps": 4,
    "guidance": 1.0,
    "seed": 0,
}
LIMITS: dict[str, tuple[float, float]] = {
    "max_tokens": (1, 256),
    "temperature": (0, 2),
    "top_p": (0.05, 1),
    "repetition_penalty": (0.8, 2),
    "steps": (1, 30),
    "guidance": (0, 10),
    "seed": (0, 2**31 - 1),
}
WHOLE = ("max_tokens", "steps", "seed")
MAX_QUESTION = 2000  # characters
TOGETHER = 4  # answers decoded in one batch: on two CPU cores four take 1.6 times as long as one, each still readable


def checked(name: str, value: Any) -> float:
    """A setting within its limits, or its default for None; whole where it must be.

    Raises:
        BadSetting: not a number, not whole, or outside its limits.
    """
    if value is None:
        return DEFAULTS[name]
    low, high = LIMITS[name]
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high or (name in WHOLE and value != int(value)):
        kind = "a whole number" if name in WHOLE else "a number"
        raise BadSetting(f"The setting {name.replace('_', ' ')} is {value!r}; give {kind} from {low:g} to {high:g}.")
    return int(value) if name in WHOLE else float(value)
