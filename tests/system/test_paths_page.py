"""The page on paths has every path of the code with what was measured; no lab is needed to see that."""

from pathlib import Path

import pytest

from callgate.core.attempt import Origin
from system.paths import GATED, PAST, PATHS
from system.paths_table import BEGIN, COLUMNS, END

PAGE = (Path(__file__).parents[2] / "docs" / "paths.md").read_text(encoding="utf-8")


def measured() -> dict[str, dict[str, str]]:
    """The rows of the table by path; each cell by its column."""
    lines = PAGE.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows}


def test_the_page_has_every_path_of_the_code_and_no_other() -> None:
    """After a change: ``make paths``."""
    assert {name: row["origin"] for name, row in measured().items()} == {path.name: path.origin or "" for path in PATHS}


def test_no_ungated_call_was_seen_on_a_path_that_the_dialplan_must_stop() -> None:
    assert {measured()[path.name]["ungated"] for path in GATED} == {"0"}


def test_of_a_hundred_calls_past_the_gate_none_was_answered_on_any_path() -> None:
    rows = [measured()[path.name] for path in PAST]
    assert {(row["attempts"], row["ungated and answered"]) for row in rows} == {("100", "0")}


@pytest.mark.parametrize("origin", [origin for origin in Origin if origin is not Origin.CALL_FILE])
def test_the_page_explains_how_each_origin_is_found(origin: Origin) -> None:
    assert any(f"`{origin}`" in line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `"))


def test_every_origin_but_the_unknown_one_is_found_on_some_path() -> None:
    assert {path.origin for path in GATED} == set(Origin) - {Origin.UNKNOWN, Origin.CALL_FILE}
