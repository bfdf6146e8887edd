"""Default settings of VLAD and their limits, importable without torch."""

from __future__ import annotations

import math

from pipelines.errors import BadSetting

# Chosen on the validation split; checkpoints/vlad-mini/README.md has the measurements.
DEFAULTS: dict[str, float] = {"steps": 3, "guidance": 1.0, "start": 1.0, "variety": 0.8, "images": 1, "seed": 0}
LIMITS: dict[str, tuple[float, float]] = {
    "steps": (1, 50),
    "guidance": (0, 10),
    "start": (0.05, 1),
    "variety": (0, 1),
    "images": (1, 4),
    "seed": (0, 2**31 - 1),
}
WHOLE = ("steps", "images", "seed")


def checked(name: str, value: float | None) -> float:
    """The value, or the default when None.

    Raises:
        BadSetting: not a finite number, not whole where it must be, or outside LIMITS.
    """
    if value is None:
        return DEFAULTS[name]
    low, high = LIMITS[name]
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high or (name in WHOLE and value != int(value)):
        kind = "a whole number" if name in WHOLE else "a number"
        raise BadSetting(f"{name} is {value!r}; give {kind} from {low:g} to {high:g}.")
    return int(value) if name in WHOLE else float(value)
