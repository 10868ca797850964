"""Offers to the deck: what is the same is one row, what contradicts refuses the file."""

import pytest

from callgate.core.deck import ROWS_OF_PREFIX_MAX
from callgate.rates import canonical
from callgate.rates.findings import Problem
from rates.samples import errors, read_text

HEADER = "Préfixe;Libellé;Prix TTC;Pas;Début;Fin;Horaires\n"
PEAK = "mon-fri 08:00-19:00"
REST = "mon-fri 00:00-08:00 19:00-24:00; sat-sun 00:00-24:00"


def row(*, price: str = "1", first: str = "", last: str = "", hours: str = "", label: str = "x") -> str:
    return f'32;{label};{price};1;{first};{last};"{hours}"\n'


def read(*rows: str) -> list[str]:
    """The deck of some rows, or the kinds and lines of the errors."""
    imported = read_text(HEADER + "".join(rows))
    if imported.refused:
        return [f"{found.kind} {found.place.line}" for found in errors(imported)]
    return [line.split(",", 3)[3] for line in imported.text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("rows", "deck"),
    [
        ([row(), row()], ["1.00,1,1,EUR,0.00,,"]),
        ([row(), row(label="y")], ["1.00,1,1,EUR,0.00,,"]),
        ([row(), row(price="2")], ["conflict 3"]),
        ([row(), row(first="2026-01-01")], ["conflict 3"]),
        ([row(last="2026-12-31"), row(price="2", first="2026-12-31")], ["conflict 3"]),
        (
            [row(last="2026-12-31"), row(price="2", first="2027-01-01")],
            ["1.00,1,1,EUR,0.00,,2026-12-31", "2.00,1,1,EUR,0.00,2027-01-01,"],
        ),
        ([row(hours=PEAK), row(price="2")], [f"1.00,1,1,EUR,0.00,,,{PEAK}", "2.00,1,1,EUR,0.00,,,"]),
        ([row(hours=PEAK), row(price="2", hours="fri 18:00-20:00")], ["conflict 3"]),
        ([row(hours=PEAK), row(price="2", hours=REST)], [f"1.00,1,1,EUR,0.00,,,{PEAK}", "2.00,1,1,EUR,0.00,,,"]),
        (
            [row(hours="mon 08:00-19:00"), row(hours="tue-fri 08:00-19:00"), row(price="2", hours=REST)],
            [f"1.00,1,1,EUR,0.00,,,{PEAK}", "2.00,1,1,EUR,0.00,,,"],
        ),
        ([row(hours=PEAK), row(hours="fri 18:00-20:00")], ["conflict 3"]),
        (
            [row(hours=PEAK, last="2026-12-31"), row(price="2", first="2027-01-01", hours=PEAK)],
            [f"1.00,1,1,EUR,0.00,,2026-12-31,{PEAK}", f"2.00,1,1,EUR,0.00,2027-01-01,,{PEAK}"],
        ),
        ([row(price="1000,5")], ["not_canonical 2"]),
        ([row(price="1000,5"), row(price="-1")], ["negative_amount 3"]),
        ([], ["no_rows 0"]),
    ],
)
def test_rows_of_one_prefix_are_joined_or_refused(rows: list[str], deck: list[str]) -> None:
    assert read(*rows) == deck


def test_a_duplicate_is_told_with_both_lines() -> None:
    found = next(found for found in read_text(HEADER + row() + row()).findings if found.kind is Problem.DUPLICATE)
    assert (found.place.line, found.fields) == (3, {"prefix": "+32", "first_line": 2})


def test_a_prefix_with_a_hundred_rates_is_refused() -> None:
    days = [row(first=f"{2000 + year}-01-01", last=f"{2000 + year}-12-31") for year in range(ROWS_OF_PREFIX_MAX + 1)]
    assert read(*days) == [f"too_many_rates {len(days) + 1}"]


def test_a_file_that_makes_too_many_rows_is_refused() -> None:
    cell = ",".join(f"33 {number:04d}-{number + 99:04d}" for number in range(0, 10_000, 100))
    imported = read_text(HEADER + "".join(f"{cell};x;1;1;;;\n" for _ in range(canonical.ROWS_MAX // 10_000 + 1)))
    assert [found.kind for found in errors(imported)] == [Problem.TOO_MANY_ROWS]
