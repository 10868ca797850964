"""The page of the importer says what the code says: its examples are run, its tables compared."""

import re
from pathlib import Path

import pytest

from callgate.rates import cells, cgrates
from callgate.rates.columns import LAYOUTS, Column, Format, of_header
from callgate.rates.findings import WARNINGS, Problem
from callgate.rates.prefixes import habit_of, read_prefixes
from clinic_samples import write_site
from rates.command_line import run
from rates.samples import PLAN, ROOT

PAGE = (ROOT / "docs" / "rates.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """The text under each heading."""
    parts = re.split(r"^#{2,3} (.*)$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def table(heading: str) -> list[list[str]]:
    """The rows of the table under the heading that begins so."""
    (text,) = [text for title, text in sections().items() if title.startswith(heading)]
    lines = [line for line in text.splitlines() if line.startswith("|")]
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
        run(command, settings)
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


@pytest.mark.parametrize("file_format", LAYOUTS)
def test_every_column_of_a_format_is_on_the_page(file_format: Format) -> None:
    told = {name: row[1] for row in table(f"`{file_format}`") for name in re.findall(r"`([^`]+)`", row[0])}
    assert told == {name: column.value for name, column in LAYOUTS[file_format].items()}


def test_the_files_of_a_tariff_plan_are_on_the_page() -> None:
    told = {row[0]: tuple(row[1].split(", ")) for row in table("`cgrates`")}
    assert told == dict(cgrates.COLUMNS)


@pytest.mark.parametrize(("meaning", "names"), table("`simple`"))
def test_every_name_of_a_column_on_the_page_is_understood(meaning: str, names: str) -> None:
    beside = {"prefix": ["Prix"], "price per minute": ["Indicatif"]}.get(meaning, ["Indicatif", "Prix"])
    for name in re.findall(r"`([^`]+)`", names):
        found = of_header([*beside, name], None)
        assert found is not None
        assert Column(meaning) in {heading.column for heading in found.taken}, name


def test_the_cells_on_the_page_are_read_as_it_says() -> None:
    habit = habit_of([], PLAN, None)
    read = {word: read_prefixes(word, habit) for word in ("+33", "0033", "33", '="0033"')}
    assert set(map(tuple, read.values())) == {("+33",)}
    assert read_prefixes("61 38,39", habit) == read_prefixes("6138 / 6139", habit) == ["+6138", "+6139"]
    assert read_prefixes("33 1-5", habit) == read_prefixes("331-335", habit)
    assert read_prefixes("0892, 0262", habit) == ["+33892", "+262262"]
    assert cells.read_tax("20 %") == cells.read_tax("20") == cells.read_tax("0.20")
    words = {word for row in table("How cells are read") for word in re.findall(r"`([^`]+)`", row[0])}
    assert {"+33", "61 38,39", "33 1-5", "0892", "20 %"} <= words


def test_every_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("rates import --help", Path("settings.toml"))
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert {row[0].strip("`") for row in table("The command")} == options
