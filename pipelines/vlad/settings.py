"""Default settings of VLAD and their limits, importable without torch."""

from __future__ import annotations

import math

from pipelines.errors import BadSetting

SIZES = (256, 384, 512, 768)  # sides of a picture in pixels; the weights were trained at the first
# Chosen on the validation split; checkpoints/vlad-mini/README.md has the measurements.
DEFAULTS: dict[str, float] = {
    "steps": 3, "guidance": 1.0, "start": 1.0, "variety": 0.8, "images": 1, "seed": 0, "size": 256,
}  # fmt: skip
LIMITS: dict[str, tuple[float, float]] = {
    "steps": (1, 50),
    "guidance": (0, 10),
    "start": (0.05, 1),
    "variety": (0, 1),
    "images": (1, 4),
    "seed": (0, 2**31 - 1),
    "size": (SIZES[0], SIZES[-1]),
}
WHOLE = ("steps", "images", "seed", "size")


def checked(name: str, value: float | None) -> float:
    """The value, or the default when None.

    Raises:
        BadSetting: not a finite number, not whole where it must be, outside LIMITS, or a size not in SIZES.
    """
    if value is None:
        return DEFAULTS[name]
    low, high = LIMITS[name]
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high or (name in WHOLE and value != int(value)):
        kind = "a whole number" if name in WHOLE else "a number"
        raise BadSetting(f"{name} is {value!r}; give {kind} from {low:g} to {high:g}.")
    if name == "size" and value not in SIZES:
        raise BadSetting(f"size is {value!r}; give {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} pixels.")
    return int(value) if name in WHOLE else float(value)
