"""Draws the ways out as SVG, from left to right: who calls, contexts, the gate, the operator. Holes are red."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from callgate.audit.devices import Kind
from callgate.audit.dialling import Walked
from callgate.audit.emergencies import emergency_numbers
from callgate.audit.layout import Edge, Layout, Point, laid_out
from callgate.audit.patterns import shown
from callgate.audit.reach import Graph, Node, Spot
from callgate.audit.sources import Caller
from callgate.audit.survey import Report
from callgate.audit.targets import Sort
from callgate.texts.catalog import Language, text

BOXES_MAX = 300
"""Beyond these a picture shows nothing any more: the ways past the gate are kept first."""
_DEPTH_MAX = 4
_WIDTH, _HEIGHT = 190, 30
_STEP_X, _STEP_Y = 270, 46
_TOP, _MARGIN = 70, 20
_LABEL_MAX = 26
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2937}.head{font-weight:600;fill:#4b5563}"
    ".box{fill:#f8fafc;stroke:#64748b}.gate{fill:#dcfce7;stroke:#15803d}.trunk{fill:#fef3c7;stroke:#b45309}"
    ".caller{fill:#e0e7ff;stroke:#4338ca}.way{fill:none;stroke:#64748b;stroke-width:1.4}"
    ".hole{fill:none;stroke:#dc2626;stroke-width:2.4;stroke-dasharray:7 5}"
)
GATE = "gate:"


@dataclass(slots=True)
class _Drawing:
    """Boxes by key with their labels, and the ways between them."""

    labels: dict[str, str] = field(default_factory=dict)
    ways: dict[Edge, bool] = field(default_factory=dict)

    def way(self, start: str, end: str, *, is_hole: bool = False) -> None:
        if start != end:
            edge = Edge(start=start, end=end)
            self.ways[edge] = self.ways.get(edge, False) or is_hole


def picture(report: Report, language: Language) -> str:
    """Draw the report as one SVG document."""
    drawing = _drawing(report, language)
    _prune(drawing)
    columns = _columns(drawing)
    layout = laid_out(columns, drawing.ways)
    width = 2 * _MARGIN + (len(columns) - 1) * _STEP_X + _WIDTH
    height = _TOP + _MARGIN + layout.rows * _STEP_Y
    said = text("cli.audited_picture_text", language, holes=sum(drawing.ways.values()))
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" role="img" aria-labelledby="title description">'
        ),
        f'<title id="title">{escape(text("cli.audited_picture", language))}</title>',
        f'<desc id="description">{escape(said)}</desc>',
        f'<style>{_STYLE}</style><rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_heads(columns, language),
        # Holes last: nothing lies over them.
        *(_way(drawing, edge, layout, language) for edge in sorted(drawing.ways, key=drawing.ways.__getitem__)),
        *(_box(key, label, layout.boxes[key]) for key, label in drawing.labels.items()),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawing(report: Report, language: Language) -> _Drawing:
    drawing = _Drawing(labels={GATE: text("cli.audited_picture_gate", language)})
    emergency = emergency_numbers(report.graph.dialplan, report.graph.own)
    for walked in report.walks:
        if walked.source.caller is not Caller.ORIGINATE:
            _draw(drawing, report.graph, walked, emergency)
    for device in report.graph.devices.of(Kind.CARRIER):
        name = f"{device.technology}/{device.name}"
        drawing.labels[f"trunk:{name}"] = name
        drawing.way(GATE, f"trunk:{name}")
    return drawing


def _draw(drawing: _Drawing, graph: Graph, walked: Walked, emergency: frozenset[str]) -> None:
    caller = f"caller:{walked.source.label}"
    drawing.labels[caller] = walked.source.label
    for start in walked.source.starts:
        drawing.way(caller, _key(drawing, start))
    for node in walked.walk.before:
        for following in graph.after(node):
            drawing.way(_key(drawing, node), _key(drawing, following))
        for leg in (leg for _, leg in graph.legs(node)) if node.spot is Spot.STEP else ():
            if leg.sort in (Sort.TRUNK, Sort.ADDRESS) and leg.number not in emergency:
                trunk = f"trunk:{leg.name}"
                drawing.labels[trunk] = shown(leg.name)
                drawing.way(_key(drawing, node), trunk, is_hole=True)
        if node.context in graph.asking and node.chosen and walked.source.caller.is_outside:
            passed = [caller, *(_key(drawing, place) for place in walked.walk.path(node))]
            for start_key, end_key in pairwise(passed):
                drawing.way(start_key, end_key, is_hole=True)


def _key(drawing: _Drawing, node: Node) -> str:
    if node.spot is Spot.GATE:
        return GATE
    key = f"context:{node.context}"
    drawing.labels.setdefault(key, node.context)
    return key


def _prune(drawing: _Drawing) -> None:
    """Leave out what leads neither to the gate nor to an operator, and what is too much."""
    before: dict[str, set[str]] = defaultdict(set)
    for edge in drawing.ways:
        before[edge.end].add(edge.start)
    kept = {key for key in drawing.labels if key == GATE or key.startswith("trunk:")}
    waiting = list(kept)
    while waiting:
        for key in before[waiting.pop()] - kept:
            kept.add(key)
            waiting.append(key)
    holes = {key for edge, is_hole in drawing.ways.items() if is_hole for key in (edge.start, edge.end)}
    ordered = sorted(kept, key=lambda key: (key.startswith("context:"), key not in holes, key))
    kept = set(ordered[:BOXES_MAX])
    drawing.labels = {key: label for key, label in drawing.labels.items() if key in kept}
    drawing.ways = {edge: is_hole for edge, is_hole in drawing.ways.items() if {edge.start, edge.end} <= kept}


def _columns(drawing: _Drawing) -> list[list[str]]:
    """Put the boxes into columns: callers, contexts by their distance from one, the gate, the operators."""
    callers = sorted(key for key in drawing.labels if key.startswith("caller:"))
    depth = dict.fromkeys(callers, 0)
    waiting = list(callers)
    for key in waiting:
        for edge in drawing.ways:
            if edge.start == key and edge.end.startswith("context:") and edge.end not in depth:
                depth[edge.end] = min(depth[key] + 1, _DEPTH_MAX)
                waiting.append(edge.end)
    # What only a box that was left out leads to stands last.
    for key in drawing.labels:
        if key.startswith("context:"):
            depth.setdefault(key, _DEPTH_MAX)
    contexts = [[key for key in depth if depth[key] == column] for column in range(1, _DEPTH_MAX + 1)]
    trunks = sorted(key for key in drawing.labels if key.startswith("trunk:"))
    return [callers, *filter(None, contexts), [GATE], trunks]


def _heads(columns: list[list[str]], language: Language) -> Iterable[str]:
    names = ["callers", *["contexts"] * (len(columns) - 3), "gate", "trunks"]
    for number, name in enumerate(names):
        if name == "contexts" and number > 1:
            continue
        x = _MARGIN + number * _STEP_X
        yield f'<text class="head" x="{x}" y="36">{escape(text(f"cli.audited_picture_{name}", language))}</text>'


def _box(key: str, label: str, point: Point) -> str:
    kind = {"caller": "caller", "gate": "gate", "trunk": "trunk"}.get(key.partition(":")[0], "box")
    x, y = _corner(point)
    short = label if len(label) <= _LABEL_MAX else f"{label[: _LABEL_MAX - 1]}…"
    return (
        f'<g><title>{escape(label)}</title><rect class="{kind}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}"'
        f' rx="6"/><text x="{x + 10}" y="{y + 20}">{escape(short)}</text></g>'
    )


def _corner(point: Point) -> tuple[int, int]:
    return _MARGIN + point.column * _STEP_X, _TOP + int(point.row * _STEP_Y)


def _way(drawing: _Drawing, edge: Edge, layout: Layout, language: Language) -> str:
    is_hole = drawing.ways[edge]
    said = text(
        "cli.audited_picture_hole" if is_hole else "cli.audited_picture_edge",
        language,
        start=drawing.labels[edge.start],
        end=drawing.labels[edge.end],
    )
    kind = "hole" if is_hole else "way"
    return f'<path class="{kind}" d="{_line(layout.ways[edge])}"><title>{escape(said)}</title></path>'


def _line(points: tuple[Point, ...]) -> str:
    """A line through the middle of every place a way passes, level there and bent between them."""
    (x, y), last = _corner(points[0]), points[-1]
    middle = _HEIGHT // 2
    if last.column <= points[0].column:
        # Back, or within the column: around on the left.
        end_x, end_y = _corner(last)
        bend = 30 + abs(end_y - y) // 8
        return f"M{x} {y + middle} C{x - bend} {y + middle} {end_x - bend} {end_y + middle} {end_x} {end_y + middle}"
    drawn = f"M{x + _WIDTH} {y + middle}"
    x += _WIDTH
    for point in points[1:]:
        next_x, next_y = _corner(point)
        bend = (next_x - x) // 2
        drawn += f" C{x + bend} {y + middle} {next_x - bend} {next_y + middle} {next_x} {next_y + middle}"
        x, y = next_x, next_y
        if point is not last:
            drawn += f" H{x + _WIDTH}"
            x += _WIDTH
    return drawn
