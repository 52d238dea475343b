"""The plot of predicted against true angles: plain SVG, readable on light and dark pages, no library.

Every panel is one held-out rollout; all share their axes, so that panels compare. Lines differ in dashes and width as
well as in colour. Lengths are in px, angles in rad, times in s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

COLUMNS = 2
PANEL = (372.0, 176.0)  # px, width and height of the drawing area
GAP = (36.0, 58.0)  # px between panels: room for tick labels and titles
MARGIN = (66.0, 122.0, 24.0, 62.0)  # px: left, top, right, bottom

# Plain colours and no CSS variables: converters to other formats know no variables.
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #59636e; }
  .title { font-size: 17px; font-weight: 600; fill: #1f2328; }
  .name { font-weight: 600; fill: #1f2328; }
  .page { fill: #ffffff; }
  .grid { stroke: #dfe4e9; }
  .axis { stroke: #59636e; fill: none; }
  .line { fill: none; stroke-linejoin: round; stroke-linecap: round; }
  .true { stroke: #6aa5ea; stroke-width: 5; }
  .model { stroke: #a33c00; stroke-width: 2; stroke-dasharray: 6 4.5; }
  .unchanged { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 0.1 5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; }
    .title, .name { fill: #e6edf3; }
    .page { fill: #0d1117; }
    .grid { stroke: #2a3038; }
    .axis, .unchanged { stroke: #9198a1; }
    .true { stroke: #2f6db5; }
    .model { stroke: #ffa657; }
  }
"""

LEGEND = (("true", "true"), ("model", "world model, open loop"), ("unchanged", "baseline: nothing changes"))


@dataclass(frozen=True)
class Panel:
    """One rollout: what it is called, and T + 1 angles of each line."""

    name: str
    true: list[float]
    model: list[float]
    unchanged: list[float]


@dataclass(frozen=True)
class Axis:
    """A range of values and the px it is drawn on."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> str:
        place = self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
        return f"{place:.1f}"


def svg(title: str, subtitle: str, panels: list[Panel], frame: float) -> str:
    """The whole file; `frame` is the time between two angles in s."""
    rows = math.ceil(len(panels) / COLUMNS)
    left, top, right, bottom = MARGIN
    width = left + COLUMNS * PANEL[0] + (COLUMNS - 1) * GAP[0] + right
    height = top + rows * PANEL[1] + (rows - 1) * GAP[1] + bottom
    duration = frame * (len(panels[0].true) - 1)
    angles = [angle for panel in panels for line in (panel.true, panel.model, panel.unchanged) for angle in line]
    low, high = _padded(min(angles), max(angles))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title summary" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="summary">{escape(subtitle)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}" rx="6"/>',
        _text(left, 33, title, "title"),
        _text(left, 55, subtitle),
        *_legend(left, 79),
    ]
    for index, panel in enumerate(panels):
        row, column = divmod(index, COLUMNS)
        x = left + column * (PANEL[0] + GAP[0])
        y = top + row * (PANEL[1] + GAP[1])
        time = Axis(0, duration, x, x + PANEL[0])
        angle = Axis(low, high, y + PANEL[1], y)
        last_row = index + COLUMNS >= len(panels)
        parts += _frame(time, angle, labels=(column == 0, last_row))
        parts += [_line(kind, getattr(panel, kind), time, angle, frame) for kind in ("unchanged", "true", "model")]
        parts.append(_text(x, y - 9, panel.name, "name"))
    parts += ["</svg>", ""]
    return "\n".join(parts)


def _frame(time: Axis, angle: Axis, labels: tuple[bool, bool]) -> list[str]:
    """Grid, ticks and axis names; `labels` says whether this panel carries those of the angle and of the time."""
    parts = []
    for value, label in ticks(angle.low, angle.high, 6):
        y = angle.at(value)
        parts.append(f'<path class="grid" d="M{time.start:.1f} {y}H{time.end:.1f}"/>')
        parts.append(_text(time.start - 9, float(y) + 4.5, label, anchor="end"))
    for value, label in ticks(time.low, time.high, 6):
        x = time.at(value)
        parts.append(f'<path class="axis" d="M{x} {angle.start:.1f}v5"/>')
        parts.append(_text(float(x), angle.start + 20, label, anchor="middle"))
    parts.append(f'<path class="axis" d="M{time.start:.1f} {angle.end:.1f}V{angle.start:.1f}H{time.end:.1f}"/>')
    if labels[0]:
        place = f"translate({time.start - 48:.1f} {(angle.start + angle.end) / 2:.1f}) rotate(-90)"
        parts.append(f'<text text-anchor="middle" transform="{place}">angle [rad]</text>')
    if labels[1]:
        middle = (time.start + time.end) / 2
        parts.append(_text(middle, angle.start + 42, "time since the only frame seen [s]", anchor="middle"))
    return parts


def _line(kind: str, angles: list[float], time: Axis, angle: Axis, frame: float) -> str:
    points = " ".join(f"{time.at(t * frame)},{angle.at(value)}" for t, value in enumerate(angles))
    return f'<polyline class="line {kind}" points="{points}"/>'


def _legend(x: float, y: float) -> list[str]:
    parts = []
    for kind, label in LEGEND:
        parts.append(f'<path class="line {kind}" d="M{x:.1f} {y - 4:.1f}h32"/>')
        parts.append(_text(x + 41, y, label))
        x += 41 + 7.2 * len(label) + 28
    return parts


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    attributes = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor != "start" else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(text)}</text>'


def ticks(low: float, high: float, at_most: int) -> list[tuple[float, str]]:
    """Round values within [low, high], 1, 2 or 5 times a power of ten apart, with their labels."""
    raw = (high - low) / at_most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, f"{n * step:.{decimals}f}".replace("-", "\u2212")) for n in range(first, last + 1)]


def _padded(low: float, high: float) -> tuple[float, float]:
    """A little room above and below, and never an empty range."""
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room
