"""Default settings of VLAD and their limits, for each preset. Importable without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.errors import BadSetting

WHOLE = ("steps", "images", "seed", "size")


@dataclass(frozen=True)
class Drawing:
    """How a preset draws.

    Attributes:
        sizes: sides of a picture in pixels. defaults: of all settings. shift: of the noise schedule, see
        `pipelines.sampling.schedule`. anchored: noise level above which letters are kept as they are planned, see
        `pipelines.sampling.anchored`; 1 = never. limits: least and most of each setting.
    """

    sizes: tuple[int, ...]
    defaults: Mapping[str, float]
    shift: float = 1.0
    anchored: float = 1.0
    limits: Mapping[str, tuple[float, float]] = field(init=False)

    def __post_init__(self) -> None:
        limits = {
            "steps": (1, 50), "guidance": (0, 10), "start": (0.05, 1), "variety": (0, 1), "images": (1, 4),
            "seed": (0, 2**31 - 1), "size": (self.sizes[0], self.sizes[-1]),
        }  # fmt: skip
        object.__setattr__(self, "limits", limits)

    def checked(self, name: str, value: float | None) -> float:
        """The value, or the default when None.

        Raises:
            BadSetting: not a finite number, not whole where it must be, outside `limits`, or a size not in `sizes`.
        """
        if value is None:
            return self.defaults[name]
        low, high = self.limits[name]
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not low <= value <= high or (name in WHOLE and value != int(value)):
            kind = "a whole number" if name in WHOLE else "a number"
            raise BadSetting(f"{name} is {value!r}; give {kind} from {low:g} to {high:g}.")
        if name == "size" and value not in self.sizes:
            *first, last = map(str, self.sizes)
            raise BadSetting(f"size is {value!r}; give {', '.join(first)} or {last} pixels.")
        return int(value) if name in WHOLE else float(value)


# The weights of mini were trained at its first size; its settings were chosen on the validation split, as
# checkpoints/vlad-mini/README.md says. Those of full are what SD3-medium was published with, and a start and an anchor
# that nobody has measured yet.
DRAWING: Mapping[str, Drawing] = {
    "mini": Drawing(
        sizes=(256, 384, 512, 768),
        defaults={"steps": 3, "guidance": 1.0, "start": 1.0, "variety": 0.8, "images": 1, "seed": 0, "size": 256},
    ),
    "full": Drawing(
        sizes=(512, 768, 1024),
        defaults={"steps": 28, "guidance": 7.0, "start": 0.9, "variety": 0.8, "images": 1, "seed": 0, "size": 1024},
        shift=3.0,
        anchored=0.6,
    ),
}
MINI = DRAWING["mini"]


def checked_anywhere(name: str, value: float | None) -> float:
    """The value where some preset takes it, as links and files travel between servers.

    Raises:
        BadSetting: none does; the sentence is that of `mini`.
    """
    for how in DRAWING.values():
        try:
            return how.checked(name, value)
        except BadSetting:
            continue
    return MINI.checked(name, value)
