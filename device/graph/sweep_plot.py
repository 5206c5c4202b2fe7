"""TFLOPS over size as an SVG picture: a line a chip at the power limit, a thin one at the full clock. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from device.graph.sweep import SweepRow

__all__ = ["sweep_svg"]

# Told apart by most colour-blind people too (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_WIDTH, _HEIGHT = 900, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 48, 56
_TICKS = 6
_LABEL_WIDTH = 56

Point = tuple[float, float]


def sweep_svg(title: str, rows: Sequence[SweepRow]) -> str:
    """A picture of its own; at least one row."""
    top = max(max(row.full_clock_tflops, row.limited_tflops or 0.0) for row in rows)
    scale = _Scale([row.size for row in rows], _rounded_up(top))
    chips = list(dict.fromkeys(row.chip for row in rows))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
        *scale.axes(),
    ]
    for number, chip in enumerate(chips):
        own = sorted((row for row in rows if row.chip == chip), key=lambda row: row.size)
        parts += _chip_lines(own, _COLOURS[number % len(_COLOURS)], scale)
        parts += _legend(chip, number)
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Scale:
    """Sizes are logarithmic."""

    def __init__(self, sizes: Sequence[int], top: float) -> None:
        self._sizes = sorted(set(sizes))
        low, high = math.log2(self._sizes[0]), math.log2(self._sizes[-1])
        self._low, self._span = low, (high - low) or 1.0
        self._top = top

    def place(self, size: float, value: float) -> Point:
        across = (math.log2(size) - self._low) / self._span
        x = _LEFT + across * (_WIDTH - _LEFT - _RIGHT)
        return x, _HEIGHT - _BOTTOM - value / self._top * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self) -> list[str]:
        parts: list[str] = []
        for tick in range(_TICKS + 1):
            value = self._top * tick / _TICKS
            _, y = self.place(self._sizes[0], value)
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>')
            parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        right = -math.inf
        for size in self._sizes:
            x, y = self.place(size, 0.0)
            if x - right < _LABEL_WIDTH:
                continue
            right = x
            parts.append(f'<path d="M{x:.1f} {y:.1f}v5" stroke="#333333"/>')
            parts.append(f'<text x="{x:.1f}" y="{y + 20:.1f}" text-anchor="middle">{size}</text>')
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">size s</text>')
        parts.append(f'<text x="{_LEFT - 8}" y="{_TOP - 8}" text-anchor="end">TFLOPS</text>')
        return parts


def _chip_lines(rows: Sequence[SweepRow], colour: str, scale: _Scale) -> list[str]:
    full = [scale.place(row.size, row.full_clock_tflops) for row in rows]
    limited = [scale.place(row.size, row.limited_tflops) for row in rows if row.limited_tflops is not None]
    parts = [_line(full, colour, 'stroke-width="1" stroke-dasharray="5 4"')]
    if limited:
        parts.append(_line(limited, colour, 'stroke-width="2.2"'))
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>' for x, y in limited]
    return parts


def _line(points: Sequence[Point], colour: str, style: str) -> str:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{text}" fill="none" stroke="{colour}" {style}/>'


def _legend(chip: str, number: int) -> list[str]:
    y = _TOP + 14 + number * 20
    x = _LEFT + 16
    colour = _COLOURS[number % len(_COLOURS)]
    return [
        f'<path d="M{x} {y - 4}h26" stroke="{colour}" stroke-width="2.2"/>',
        f'<text x="{x + 34}" y="{y}">{escape(chip)} at its power limit; dashed: full clock</text>',
    ]


def _rounded_up(value: float) -> float:
    """So that all ticks are round numbers."""
    step = value / _TICKS
    unit = 10.0 ** math.floor(math.log10(step))
    for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10):
        if factor * unit * _TICKS >= value:
            return factor * unit * _TICKS
    return 10 * unit * _TICKS
