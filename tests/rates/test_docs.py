"""The page of the importer says what the code says: its examples are run, its tables compared."""

import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.rates import cells, cgrates, row_terms
from callgate.rates.columns import LAYOUTS, Column, Format
from callgate.rates.currencies import read_currency
from callgate.rates.findings import WARNINGS, Problem, UnusableError
from callgate.rates.header import of_header
from callgate.rates.prefixes import habit_of, read_prefixes
from callgate.rates.week import read_hours, write_hours
from callgate.texts.catalog import Language, text
from clinic_samples import write_site
from rates.samples import PLAN, ROOT

PAGE = (ROOT / "docs" / "rates.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """The text under each heading."""
    parts = re.split(r"^#{2,3} (.*)$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def table(heading: str) -> list[list[str]]:
    """The rows of the table under the heading that begins so."""
    (section,) = [section for title, section in sections().items() if title.startswith(heading)]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1])] for line in lines[2:]]


def examples() -> list[tuple[str, str]]:
    """Each command of the console blocks with the output shown, in the order of the page."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    shown = [part.partition("\n") for block in blocks for part in block.split("$ callgate ")[1:]]
    return [(command, output) for command, _, output in shown]


def test_the_examples_say_what_the_commands_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = write_site(tmp_path)
    ((name, content),) = re.findall(r"^```csv (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert len(examples()) == 5
    for command, output in examples():
        main(["--settings", str(settings), *shlex.split(command)])
        told, shown = (_WHEN.sub("WHEN", words) for words in (capsys.readouterr().out, output))
        expected = "(?s:.*)".join(map(re.escape, shown.split("...\n")))
        assert re.fullmatch(expected, told), command


_WHEN = re.compile(r"\d{4}-\d\d-\d\d [\d:]+Z  \S+|\d+ rows")
"""Who did it and when, and how many rows ship, are not the page's to know."""


def test_every_finding_is_on_the_page_with_what_it_does() -> None:
    rows = table("Findings")
    assert {row[0].strip("`"): row[1] for row in rows} == {
        problem.value: "warning" if problem in WARNINGS else "error" for problem in Problem
    }
    assert all(row[2] for row in rows)


@pytest.mark.parametrize("file_format", Format)
def test_every_format_has_its_place_on_the_page(file_format: Format) -> None:
    assert [title for title in sections() if title.startswith(f"`{file_format}`")]


def meaning(column: Column) -> str:
    return text(f"column.{column}", Language.EN)


@pytest.mark.parametrize("file_format", LAYOUTS)
def test_every_column_of_a_format_is_on_the_page(file_format: Format) -> None:
    told = {name: row[1] for row in table(f"`{file_format}`") for name in re.findall(r"`([^`]+)`", row[0])}
    assert told == {name: meaning(column) for name, column in LAYOUTS[file_format].items()}


def test_the_files_of_a_tariff_plan_are_on_the_page() -> None:
    told = {row[0]: tuple(row[1].split(", ")) for row in table("`cgrates`")}
    assert told == dict(cgrates.COLUMNS)


@pytest.mark.parametrize(("told", "names"), table("`simple`"))
def test_every_name_of_a_column_on_the_page_is_understood(told: str, names: str) -> None:
    beside = ["Prix"] if told == "prefix" else ["Indicatif", "Prix/min"]
    if told.startswith("price per"):
        beside.remove("Prix/min")
    for name in re.findall(r"`([^`]+)`", names):
        found = of_header([*beside, name], None)
        assert found is not None
        assert told in {meaning(heading.column) for heading in found.taken}, name


def read_increments(cell: str) -> str:
    increments = row_terms.read_increments(cell)
    return f"{increments.first_s}/{increments.next_s}"


def read_day(cell: str, *, is_end: bool) -> str:
    return cells.read_day(cell, is_end=is_end, day_first=True).isoformat()


READ: Mapping[str, Callable[[str], str]] = {
    "prefix": lambda cell: " ".join(read_prefixes(cell, habit_of([], PLAN, None)).found),
    "amount": lambda cell: f"{float(cells.read_amount(cell, '')):.2f}",
    "currency": read_currency,
    "tax": lambda cell: f"{float(cells.read_tax(cell)):.2f}",
    "seconds": lambda cell: str(cells.read_seconds(cell)),
    "increments": read_increments,
    "day": partial(read_day, is_end=False),
    "last day": partial(read_day, is_end=True),
    "hours": lambda cell: write_hours(read_hours(cell)),
}
"""What the importer reads in a cell, written as the page does."""


@pytest.mark.parametrize(("what", "told", "expected", "_note"), table("How cells are read"))
def test_the_cells_on_the_page_are_read_as_it_says(what: str, told: str, expected: str, _note: str) -> None:
    found = re.findall(r"`([^`]+)`", told)
    assert found
    for cell in found:
        if expected == "refused":
            with pytest.raises(UnusableError):
                READ[what](cell)
        else:
            assert READ[what](cell) == expected.strip("`"), cell


def test_every_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["rates", "import", "--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert {row[0].strip("`") for row in table("The command")} == options
