"""The page on numbers says what the code does: its examples are read, its table is the one the command writes."""

import re
from pathlib import Path

import msgspec
import pytest

from bench.naive import PLANS, read_rows, score, with_table
from bench.naive_readers import READERS, Row
from callgate.core.dialling import read_dialled
from callgate.core.plan import (
    CallerIdCode,
    Family,
    NumberClass,
    NumberPlan,
    ServiceNumber,
    ShortCode,
    Source,
    parse_plan,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "numbers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| `(.+)` \| ([A-Z]{2})(?: ([0-9]))? \| (\S*) ?\| (\w*) ?\| (\w+) \|$", PAGE, re.MULTILINE)
ROWS = list(read_rows())
PLANS_BY_HOME: dict[str, NumberPlan] = {
    home: parse_plan((PLANS / f"{home}.toml").read_text(encoding="utf-8"))
    for home in {row.home for row in ROWS} | {example[1] for example in EXAMPLES}
}


@pytest.mark.parametrize("example", EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_each_example_of_the_page_is_read_as_it_says(example: tuple[str, ...]) -> None:
    dialled, home, prefix, number, region, number_class = example
    found = read_dialled(dialled, plan=PLANS_BY_HOME[home], outside_prefix=prefix)
    assert (found.number, found.region, found.number_class) == (number.strip("`"), region, number_class)


def test_the_page_shows_more_than_thirty_examples() -> None:
    assert len(EXAMPLES) > 30


def test_the_table_of_the_page_is_the_one_that_the_command_writes() -> None:
    assert with_table(PAGE) == PAGE


def test_every_class_is_explained_and_no_other() -> None:
    explained = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", section("What the class says"), re.MULTILINE)
    assert set(NumberClass) == set(explained)


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_field_of_a_plan_is_explained_and_no_other() -> None:
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|.*\|$", section("Adding a country"), re.MULTILINE))))
    kinds = (NumberPlan, ShortCode, Family, ServiceNumber, CallerIdCode, Source)
    assert named == {field.encode_name for kind in kinds for field in msgspec.structs.fields(kind)}


def test_callgate_reads_all_published_rows_and_each_naive_way_fails_in_its_own_manner() -> None:
    scores = {name: score(name, reader, ROWS, PLANS_BY_HOME) for name, reader in READERS.items()}
    own = scores.pop("callgate")
    assert (own.right, own.emergency_lost, own.leaks, own.refused) == (len(ROWS), 0, 0, 0)
    for naive in scores.values():
        assert naive.emergency_lost
        assert naive.leaks
        assert naive.refused


@pytest.mark.parametrize("name", [name for name in READERS if name != "callgate"])
def test_a_naive_way_gets_the_plainest_call_right(name: str) -> None:
    plain = Row(
        home="FR",
        prefix="0",
        dialled="00142685300",
        number="+33142685300",
        classes=("national_fixed",),
        regions=("FR",),
    )
    assert score(name, READERS[name], [plain], PLANS_BY_HOME).right == 1
