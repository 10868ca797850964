"""How a flood of refusals is counted: none is left out, however many kinds of them there are."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.reasons import Reason
from callgate.journal_rows import JournalRow
from callgate.journal_tally import CLINIC_ROWS_MAX, GROUP_ROWS_MAX, KIND_ROWS_MAX, WINDOW_S, Tally, merged
from journal_samples import AT

ABROAD, NIGHT = (Reason.COUNTRY_REFUSED,), (Reason.CLOSED,)


def refused(
    second: float = 0, *, clinic: str = "c", extension: str = "101", reasons: tuple[Reason, ...] = ABROAD
) -> JournalRow:
    return JournalRow(
        at=AT + timedelta(seconds=second),
        event="call.refused",
        clinic=clinic,
        call=f"call-{second}",
        extension=extension,
        dialled="003225551••••",
        reasons=reasons,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Another refusal after so many of extension 101 for a country, and whether it has a row of its own."""

    name: str
    before: int
    next_one: JournalRow
    has_room: bool


@pytest.mark.parametrize(
    "case",
    [
        Case(name="the first", before=0, next_one=refused(), has_room=True),
        Case(name="the twentieth", before=KIND_ROWS_MAX - 1, next_one=refused(), has_room=True),
        Case(name="the twenty-first", before=KIND_ROWS_MAX, next_one=refused(), has_room=False),
        Case(name="another extension", before=KIND_ROWS_MAX, next_one=refused(extension="102"), has_room=True),
        Case(name="another reason", before=KIND_ROWS_MAX, next_one=refused(reasons=NIGHT), has_room=True),
        Case(
            name="a second reason beside the first",
            before=KIND_ROWS_MAX,
            next_one=refused(reasons=ABROAD + NIGHT),
            has_room=False,
        ),
        Case(name="another clinic", before=KIND_ROWS_MAX, next_one=refused(clinic="d"), has_room=True),
        Case(name="within the minute", before=KIND_ROWS_MAX, next_one=refused(WINDOW_S - 1), has_room=False),
        Case(name="a minute later", before=KIND_ROWS_MAX, next_one=refused(WINDOW_S), has_room=True),
        Case(name="the clock was set back", before=KIND_ROWS_MAX, next_one=refused(-1), has_room=True),
    ],
    ids=lambda case: case.name,
)
def test_the_first_refusals_of_a_kind_have_a_row_each(case: Case) -> None:
    tally = Tally()
    assert all(tally.has_room(refused()) for _ in range(case.before))
    assert tally.has_room(case.next_one) is case.has_room


def test_a_clinic_has_a_bound_of_its_own_however_many_extensions_are_named() -> None:
    tally = Tally()
    rows = [refused(extension=str(number)) for number in range(1000)]
    assert sum(tally.has_room(row) for row in rows) == CLINIC_ROWS_MAX
    assert len(tally.windows["c"].rows) == CLINIC_ROWS_MAX


def test_a_counted_row_says_how_many_from_when_to_when_and_what_they_have_in_common() -> None:
    other = msgspec.structs.replace(refused(2), dialled="0021655••••", reasons=ABROAD + NIGHT, region="TN")
    both = merged(merged(refused(1), other), refused(0))
    assert both == JournalRow(
        at=AT,
        until=AT + timedelta(seconds=2),
        event="call.refused",
        clinic="c",
        call="",
        extension="101",
        reasons=ABROAD,
        count=3,
    )
    assert both.last_at == AT + timedelta(seconds=2)
    assert refused(1).last_at == refused(1).at


def test_a_row_that_was_taken_is_not_taken_again() -> None:
    tally = Tally()
    tally.count(refused())
    tally.count(refused(clinic="d"))
    assert tally.take("c") == (refused(),)
    assert tally.take("c") == ()
    assert tally.take_all() == (refused(clinic="d"),)
    assert tally.take_all() == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from("cd"),
            st.sampled_from([str(number) for number in range(30)]),
            st.sampled_from([ABROAD, NIGHT]),
        ),
        max_size=200,
    )
)
def test_no_refusal_is_left_out_and_the_rows_stay_few(drawn: list[tuple[str, str, tuple[Reason, ...]]]) -> None:
    tally = Tally()
    for second, (clinic, extension, reasons) in enumerate(drawn):
        tally.count(refused(second, clinic=clinic, extension=extension, reasons=reasons), second)
    placed = tally.take_placed()
    rows = [one.row for one in placed]
    assert [len(one.places) for one in placed] == [row.count for row in rows]
    for one in placed:
        assert {(drawn[place][0], drawn[place][2]) for place in one.places} == {(one.row.clinic, one.row.reasons)}
    assert sorted(place for one in placed for place in one.places) == list(range(len(drawn)))
    counted: Counter[tuple[str, Reason]] = Counter()
    for row in rows:
        counted[row.clinic, row.reasons[0]] += row.count
    assert counted == Counter((clinic, reasons[0]) for clinic, _, reasons in drawn)
    assert len(rows) <= 2 * GROUP_ROWS_MAX
    if rows:
        assert max(row.last_at for row in rows) == AT + timedelta(seconds=len(drawn) - 1)
