"""Lines over time as inline SVG: no script, no font, nothing from outside. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["COLOURS", "Line", "render_plot"]

# Told apart by most colour-blind people too (Okabe and Ito), with grey as the eighth.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#777777")
_WIDTH, _HEIGHT = 860, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 30


@dataclass(frozen=True, slots=True)
class Line:
    """One card: (seconds, value) pairs in the order of time."""

    label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    step: float

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        return [self.low + number * self.step for number in range(count + 1)]


def render_plot(title: str, lines: Sequence[Line], limit: float | None = None) -> str:
    """A <figure> with axes and, dashed, the limit; or a sentence if there is nothing to draw."""
    points = [point for line in lines for point in line.points]
    if not points:
        return f"<p>{escape(title)}: no samples</p>"
    across = _axis([point[0] for point in points], is_padded=False)
    up = _axis([*[point[1] for point in points], *([] if limit is None else [limit])], is_padded=True)
    parts = [
        f"<figure><figcaption>{escape(title)}</figcaption>",
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} over time">',
        *[_horizontal(up, tick) for tick in up.ticks],
        *[_vertical(across, tick) for tick in across.ticks],
        *[_line(line, COLOURS[number % len(COLOURS)], across, up) for number, line in enumerate(lines)],
        "" if limit is None else _limit(up, limit),
        "</svg></figure>",
    ]
    return "\n".join(parts)


def _axis(values: Sequence[float], is_padded: bool) -> _Axis:
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 1, high + 1
    rough = (high - low) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    if is_padded:
        return _Axis(math.floor(low / step) * step, math.ceil(high / step) * step, step)
    return _Axis(low, high, step)


def _x(axis: _Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: _Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.share(value) * (_HEIGHT - _TOP - _BOTTOM)


def _horizontal(axis: _Axis, tick: float) -> str:
    y = _y(axis, tick)
    line = f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
    return f'{line}<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'


def _limit(axis: _Axis, limit: float) -> str:
    y = _y(axis, limit)
    line = f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="limit" stroke-dasharray="5 4"/>'
    return f'{line}<text x="{_WIDTH - _RIGHT}" y="{y - 4:.1f}" text-anchor="end">limit {limit:.4g}</text>'


def _vertical(axis: _Axis, tick: float) -> str:
    return f'<text x="{_x(axis, tick):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{tick:g} s</text>'


def _line(line: Line, colour: str, across: _Axis, up: _Axis) -> str:
    path = " ".join(f"{_x(across, x):.1f},{_y(up, y):.1f}" for x, y in line.points)
    label = escape(line.label)
    if len(line.points) == 1:
        x, y = path.split(",")
        return f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"><title>{label}</title></circle>'
    return f'<polyline points="{path}" fill="none" stroke="{colour}" class="line"><title>{label}</title></polyline>'
