"""Draw the logo: the balance of an assayer, with gold in one pan, on a dark stone.

One list of shapes gives the SVG and, sampled by hand and packed with zlib, the PNGs that Jupyter
asks for. Run it after a change and commit what it writes: ``python scripts/draw_logo.py``.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FOLDER = Path(__file__).parents[1] / "src" / "kernel" / "resources"

SIDE = 64.0
"""The drawing's own unit: everything below is in 64ths of the logo."""

SAMPLES = 6
"""Per pixel and direction; 36 shades are enough for a smooth edge."""

STONE = (0x24, 0x2B, 0x33)
GOLD = (0xF2, 0xB8, 0x3D)
SILVER = (0xD5, 0xDC, 0xE3)

Colour = tuple[int, int, int]


class Shape(Protocol):
    """Something with an inside."""

    @property
    def colour(self) -> Colour:
        """What it is painted with."""
        ...

    def holds(self, x: float, y: float) -> bool:
        """Return True if the point lies inside."""
        ...

    def svg(self) -> str:
        """Return the SVG element."""
        ...


@dataclass(frozen=True)
class Tile:
    """A square with round corners that fills the logo but for a margin."""

    margin: float
    radius: float
    colour: Colour

    def holds(self, x: float, y: float) -> bool:
        half = SIDE / 2 - self.margin - self.radius
        dx, dy = max(abs(x - SIDE / 2) - half, 0), max(abs(y - SIDE / 2) - half, 0)
        return math.hypot(dx, dy) <= self.radius

    def svg(self) -> str:
        size = SIDE - 2 * self.margin
        return (
            f'<rect x="{self.margin:g}" y="{self.margin:g}" width="{size:g}" height="{size:g}" '
            f'rx="{self.radius:g}" fill="{_hex(self.colour)}"/>'
        )


@dataclass(frozen=True)
class Stroke:
    """A straight line with round ends."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float
    colour: Colour

    def holds(self, x: float, y: float) -> bool:
        (x1, y1), (x2, y2) = self.start, self.end
        dx, dy = x2 - x1, y2 - y1
        length = dx * dx + dy * dy
        along = max(0.0, min(1.0, ((x - x1) * dx + (y - y1) * dy) / length)) if length else 0.0
        return math.hypot(x - x1 - along * dx, y - y1 - along * dy) <= self.width / 2

    def svg(self) -> str:
        (x1, y1), (x2, y2) = self.start, self.end
        return (
            f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{_hex(self.colour)}" '
            f'stroke-width="{self.width:g}" stroke-linecap="round"/>'
        )


@dataclass(frozen=True)
class Pan:
    """The lower half of a disc: the pan of a balance."""

    centre: tuple[float, float]
    radius: float
    colour: Colour

    def holds(self, x: float, y: float) -> bool:
        return y >= self.centre[1] and math.dist((x, y), self.centre) <= self.radius

    def svg(self) -> str:
        (x, y), r = self.centre, self.radius
        arc = f"M{x - r:g} {y:g}A{r:g} {r:g} 0 0 0 {x + r:g} {y:g}Z"
        return f'<path d="{arc}" fill="{_hex(self.colour)}"/>'


def shapes() -> Iterator[Shape]:
    """Yield the shapes of the logo, the lowest first."""
    yield Tile(2, 13, STONE)
    # The pans hang level: what was tested is what it claims to be.
    # Edges lie on even numbers, so that they stay sharp at 32 pixels.
    beam = 18.0
    yield Stroke((32, 14), (32, 48), 4, SILVER)
    yield Stroke((22, 50), (42, 50), 4, SILVER)
    yield Stroke((14, beam), (50, beam), 4, SILVER)
    for x, metal in ((15.5, GOLD), (48.5, SILVER)):
        yield Stroke((x, beam), (x - 7, 34), 1.6, SILVER)
        yield Stroke((x, beam), (x + 7, 34), 1.6, SILVER)
        yield Pan((x, 34), 8.6, metal)


def svg() -> str:
    """Return the logo as SVG."""
    body = "\n".join(f"  {shape.svg()}" for shape in shapes())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {SIDE:g}">'
    return f"{head}\n{body}\n</svg>\n"


def png(pixels: int) -> bytes:
    """Return the logo as a PNG of *pixels* by *pixels*."""
    drawn = tuple(shapes())
    rows = b"".join(
        b"\0" + b"".join(_pixel(drawn, x, y, SIDE / pixels) for x in range(pixels))
        for y in range(pixels)
    )
    # Eight bits, red green blue alpha, nothing interlaced.
    head = struct.pack(">IIBBBBB", pixels, pixels, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )


def _pixel(drawn: tuple[Shape, ...], column: int, row: int, step: float) -> bytes:
    seen = [
        colour
        for i in range(SAMPLES)
        for j in range(SAMPLES)
        if (
            colour := _colour_at(
                drawn, step * (column + (i + 0.5) / SAMPLES), step * (row + (j + 0.5) / SAMPLES)
            )
        )
    ]
    if not seen:
        return bytes(4)
    mean = (round(sum(part) / len(seen)) for part in zip(*seen, strict=True))
    return bytes((*mean, round(255 * len(seen) / SAMPLES**2)))


def _colour_at(drawn: tuple[Shape, ...], x: float, y: float) -> Colour | None:
    return next((shape.colour for shape in reversed(drawn) if shape.holds(x, y)), None)


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def _hex(colour: Colour) -> str:
    return "#" + bytes(colour).hex()


def main() -> None:
    """Write the three files."""
    (FOLDER / "logo-svg.svg").write_text(svg(), encoding="utf-8")
    for pixels in (32, 64):
        (FOLDER / f"logo-{pixels}x{pixels}.png").write_bytes(png(pixels))


if __name__ == "__main__":
    main()
