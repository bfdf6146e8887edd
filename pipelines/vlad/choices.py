"""What a plan may choose from where neither the prompt nor the visitor has decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.colours import COLOURS, RGB, distance, name_of, to_hex, to_rgb
from pipelines.types import KINDS, STYLES, Kind
from pipelines.vlad.fonts import FONT_CATEGORIES

EVERY_COLOUR: tuple[RGB, ...] = tuple(COLOURS.values())


@dataclass(frozen=True)
class Choices:
    """Open choices of a plan; each is never empty.

    Attributes:
        colours: kind -> colours of `pipelines.colours.COLOURS`, in that order.
        styles: kind -> styles of `pipelines.types.STYLES`, in that order.
        fonts: font categories.
        without: phrases of `pipelines.vlad.nouns.PICTURED_KINDS` that a background must not show.
    """

    colours: Mapping[Kind, Sequence[RGB]] = field(default_factory=lambda: dict.fromkeys(KINDS, EVERY_COLOUR))
    styles: Mapping[Kind, Sequence[str]] = field(default_factory=lambda: {k: STYLES[k] for k in KINDS})
    fonts: Sequence[str] = FONT_CATEGORIES
    without: frozenset[str] = frozenset()

    def allows(self, kind: Kind, colour: str) -> bool:
        """Whether the nearest named colour of "#rrggbb" may be chosen."""
        return COLOURS[name_of(to_rgb(colour))] in self.colours[kind]

    def nearest(self, kind: Kind, colour: str, ground: RGB | None = None, apart: float = 60) -> str:
        """The allowed colour nearest to "#rrggbb"; at a distance of `apart` from `ground`, if one is given."""
        rgb = to_rgb(colour)
        clear = [c for c in self.colours[kind] if ground is None or distance(c, ground) >= apart]
        return to_hex(min(clear or self.colours[kind], key=lambda c: distance(c, rgb)))

    def style(self, kind: Kind, wanted: str) -> str:
        """The wanted style, or the first allowed one."""
        return wanted if wanted in self.styles[kind] else self.styles[kind][0]


ANY = Choices()
