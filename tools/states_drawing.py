"""Owns the drawing of the states of a message: one column for each state, one row for what happens.

Knows only the table: a row begins at rings, where it can happen, and ends at an arrow, where it leads. There is nothing
to lay out by chance, so the same table is always the same file.
Source: gateway.lifecycle.TRANSITIONS; SVG 1.1 (paths, titles).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from gateway.lifecycle import TRANSITIONS, Happening
from gateway.message import FINAL_STATES, MessageState

BEGINNINGS = (MessageState.HELD, MessageState.QUEUED)
"""Where a message begins."""

_COLUMN = 78
"""Pixels: the longest name of a state has 73 at 11 px, and all ten fit into the help on a desk's screen."""
_NAMES = 106
"""Pixels before the first column, for the names of what happens."""
_HEAD, _ROW = 48, 26
_ARROW = 9

_STYLE = """
    .paper { fill: #ffffff }
    .ink { fill: #17191c }
    .line { stroke: #17191c; fill: none }
    .final { stroke-width: 2.5 }
    .ring { stroke: #17191c; fill: #ffffff; stroke-width: 1.5 }
    .column { stroke: #d8dce2 }
    text { font: 12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
    text.state { font-size: 11px }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #1b1e23 }
      .ink { fill: #e8eaed }
      .line { stroke: #e8eaed }
      .ring { stroke: #e8eaed; fill: #1b1e23 }
      .column { stroke: #343a43 }
    }
"""
"""The colours of the dashboard. An image knows no class of its page, but whether that is dark."""


def states_svg() -> str:
    """Draw the table."""
    rows = tuple(_ways())
    width = _NAMES + _COLUMN * len(MessageState)
    height = _HEAD + _ROW * (len(rows) + 1) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">',
        "  <title>States of a message, and what leads from one to another</title>",
        f"  <style>{_STYLE}  </style>",
        f'  <rect class="paper" width="{width}" height="{height}"/>',
        *(_column(state, height) for state in MessageState),
        _beginnings(),
        *(_row(_y(at), *row) for at, row in enumerate(rows, start=1)),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def _ways() -> Iterator[tuple[str, tuple[MessageState, ...], MessageState]]:
    """Give what happens in the order of the documents, each with the states before and the state after."""
    for happening in Happening:
        ends = [ways[happening] for ways in TRANSITIONS.values() if happening in ways]
        for target in dict.fromkeys(ends):
            sources = tuple(s for s, ways in TRANSITIONS.items() if ways.get(happening) is target)
            yield happening.value, sources, target


def _x(state: MessageState) -> int:
    return _NAMES + _COLUMN * list(MessageState).index(state) + _COLUMN // 2


def _y(row: int) -> int:
    return _HEAD + _ROW * row + _ROW // 2


def _column(state: MessageState, height: int) -> str:
    x = _x(state)
    kind = "line final" if state in FINAL_STATES else "line"
    box = f'<rect class="{kind}" x="{x - 38}" y="11" width="76" height="26" rx="4"/>'
    name = f'<text class="ink state" x="{x}" y="28" text-anchor="middle">{state.value}</text>'
    return f'  <path class="column" d="M{x} 37V{height - 8}"/>{box}{name}'


def _beginnings() -> str:
    y = _y(0)
    dots = "".join(f'<circle class="ink" cx="{_x(state)}" cy="{y}" r="5"/>' for state in BEGINNINGS)
    return f"  <g><title>begins: {', '.join(BEGINNINGS)}</title>{_name('begins', y)}{dots}</g>"


def _row(y: int, name: str, sources: tuple[MessageState, ...], target: MessageState) -> str:
    end = _x(target)
    said = f"{name}: {', '.join(s.value for s in sources)} → {target.value}"
    drawn = [_name(name, y)]
    for side, far in ((-1, min(map(_x, sources))), (1, max(map(_x, sources)))):
        if (far - end) * side > 0:
            drawn.append(f'<path class="line" d="M{far} {y}H{end}"/>')
            base = end + side * _ARROW
            drawn.append(f'<path class="ink" d="M{end} {y}L{base} {y - 4}V{y + 4}Z"/>')
    drawn += [f'<circle class="ring" cx="{_x(source)}" cy="{y}" r="4"/>' for source in sources]
    return f"  <g><title>{escape(said)}</title>{''.join(drawn)}</g>"


def _name(name: str, y: int) -> str:
    return f'<text class="ink" x="{_NAMES - 10}" y="{y + 4}" text-anchor="end">{name}</text>'
