"""Places boxes in columns, and leads every way between them around the boxes that are not its own.

A way that passes over columns gets an empty place in each of them; what belongs together is then moved together, by the
middle of its neighbours (Sugiyama's method, its plainest form).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A way from one box to another."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place of the picture: column and row from 0; rows may be halves."""

    column: int
    row: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where each box is, and the places each way passes, its boxes included.

    Fields:
        rows: how many the tallest column has.
    """

    boxes: dict[str, Point]
    ways: dict[Edge, tuple[Point, ...]]
    rows: int


def laid_out(columns: Iterable[Iterable[str]], edges: Iterable[Edge]) -> Layout:
    """Place the boxes.

    Args:
        columns: keys of boxes, from left to right.
        edges: between them; one that leads back or stays in its column passes nothing.
    """
    table = [list(column) for column in columns]
    column_of = {key: number for number, column in enumerate(table) for key in column}
    chains = {edge: _chain(edge, column_of) for edge in edges}
    for chain in chains.values():
        for passed in chain[1:-1]:
            table[int(passed.partition("/")[0])].append(passed)
    links = [Edge(start=start, end=end) for chain in chains.values() for start, end in pairwise(chain)]
    _untangle(table, links)
    tallest = max(map(len, table), default=0)
    points = {
        key: Point(column=number, row=row + (tallest - len(column)) / 2)
        for number, column in enumerate(table)
        for row, key in enumerate(column)
    }
    return Layout(
        boxes={key: points[key] for key in column_of},
        ways={edge: tuple(points[key] for key in chain) for edge, chain in chains.items()},
        rows=tallest,
    )


def _chain(edge: Edge, column_of: dict[str, int]) -> list[str]:
    """The boxes of a way, with a key of its own for each column between them."""
    between = range(column_of[edge.start] + 1, column_of[edge.end])
    return [edge.start, *(f"{column}/{edge.start}/{edge.end}" for column in between), edge.end]


def _untangle(table: list[list[str]], links: list[Edge]) -> None:
    """Sort each column by the middle of its neighbours, to and fro."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for link in links:
        after[link.start].append(link.end)
        before[link.end].append(link.start)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for number in _order(len(table), forth=forth):
            beside = table[number - 1 if forth else number + 1]
            _sort(table[number], beside, before if forth else after)


def _sort(column: list[str], beside: list[str], neighbours: Mapping[str, list[str]]) -> None:
    rows = {key: row / len(beside) for row, key in enumerate(beside)}
    own = {key: row / len(column) for row, key in enumerate(column)}

    def middle(key: str) -> float:
        found = [rows[neighbour] for neighbour in neighbours[key] if neighbour in rows]
        return sum(found) / len(found) if found else own[key]

    column.sort(key=middle)


def _order(columns: int, *, forth: bool) -> Iterator[int]:
    yield from range(1, columns) if forth else range(columns - 2, -1, -1)
