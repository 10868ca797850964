"""After the call: what the spool says is booked once, whatever is repeated, and no line can hold up the others."""

import asyncio
import errno
import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate import bookkeeper as bookkeeper_module
from callgate import repeating
from callgate.bookkeeper import Bookkeeper
from callgate.clinic import load_clinics
from callgate.core.hold import FrozenCause
from callgate.core.money import format_amount
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant
from callgate.errors import JournalError
from callgate.journal import Journal, JournalRow
from callgate.ledger.client import FAILURES_TO_OPEN, OPEN_S, connect
from callgate.ledger.redis import RedisLedger
from callgate.ledger.revisions import PolicyRevision
from callgate.policies import PolicyShelf
from callgate.spool import Spool
from clinic_samples import (
    CLINIC,
    HOLD,
    NONCE,
    PARIS,
    POINTE_A_PITRE,
    TUESDAY_11,
    Site,
    open_site,
    policy_text,
    silent_ledger,
)
from ledger.fake_stores import stores
from redis_server import RedisServer
from waiting import PATIENCE_S, until

NOW_S = int(TUESDAY_11.timestamp())
ANSWERED_A_MINUTE = f"1|settle|{HOLD}|callgate|+590590271212|{NOW_S}.000|{NOW_S + 60}.000|16|end"
UNANSWERED = f"1|settle|{HOLD}|callgate|+590590271212||{NOW_S + 20}.000|19|end"
LOCAL = f"local:{NONCE}.{NOW_S}"


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = open_site(tmp_path)
    await site.shelf.open()
    return site


async def call(site: Site, dialled: str = POINTE_A_PITRE) -> Grant:
    """A call that was granted."""
    verdict = await site.gate.decide(site.passage(dialled), site.now)
    assert isinstance(verdict, Grant), verdict
    return verdict


async def booked(site: Site, purse: str = "costly") -> tuple[int, str]:
    """Live holds, and what is spent."""
    book = await site.purse(purse)
    return book.live, format_amount(book.day_micros)


def settled(site: Site) -> list[tuple[str, int, str]]:
    return [
        (row.grant, row.seconds, format_amount(row.amount_micros)) for row in site.rows if row.event == "call.settled"
    ]


async def test_an_answered_call_is_booked_at_what_it_cost(site: Site) -> None:
    await call(site)
    site.write_spool(ANSWERED_A_MINUTE)
    await site.bookkeeper.read_spool()
    assert await booked(site) == (0, "0.25")
    assert settled(site) == [(HOLD, 60, "0.25")]
    row = site.rows[-1]
    assert (row.number, row.region, row.call) == ("+59059027••••", "GP", HOLD.rsplit(".", 2)[0])


@pytest.mark.parametrize(
    ("dialled", "number", "grants"), [(POINTE_A_PITRE, "+590590271212", [HOLD]), (PARIS, "+33142685300", [])]
)
async def test_a_costly_call_that_cost_more_than_was_held_is_said_loudly_and_booked_in_full(
    site: Site, capsys: pytest.CaptureFixture[str], *, dialled: str, number: str, grants: list[str]
) -> None:
    """Of an ordinary one a slice is held, and no more was meant."""
    held = (await call(site, dialled)).held_micros
    hours_later = f"{NOW_S + 7200}.000|16|end"
    site.write_spool(f"1|settle|{HOLD}|callgate|{number}|{NOW_S}.000|{hours_later}")
    bookkeeper = site.bookkeeper
    await bookkeeper.read_spool()
    (row,) = [row for row in site.rows if row.event == "call.settled"]
    assert row.amount_micros > held
    assert list(bookkeeper.overran) == grants
    assert capsys.readouterr().out.count("call.overran") == len(grants)


async def test_a_call_longer_than_the_flat_rate_includes_is_pointed_out(tmp_path: Path) -> None:
    flat = {"included           = []": 'included = ["national_fixed"]', "max_call_s         = 3600": "max_call_s = 59"}
    site = open_site(tmp_path, policy_text(flat))
    await site.shelf.open()
    await call(site, PARIS)
    site.write_spool(ANSWERED_A_MINUTE.replace("+590590271212", "+33142685300"))
    await site.bookkeeper.read_spool()
    assert [row.reasons for row in site.rows if row.event == "call.settled"] == [(Reason.BUNDLE_OVERRUN,)]


async def test_a_call_nobody_answered_costs_nothing(site: Site) -> None:
    await call(site)
    site.write_spool(UNANSWERED)
    await site.bookkeeper.read_spool()
    assert await booked(site) == (0, "0.00")


async def test_a_grant_that_was_never_dialled_is_given_back(site: Site) -> None:
    await call(site)
    site.write_spool(f"1|void|{HOLD}|callgate|{NOW_S}.5|end")
    await site.bookkeeper.read_spool()
    assert await booked(site) == (0, "0.00")


async def test_a_crash_between_booking_and_remembering_books_nothing_twice(site: Site) -> None:
    await call(site)
    site.write_spool(ANSWERED_A_MINUTE)
    await site.bookkeeper.read_spool()
    (site.folder / "state" / "spool.offset").unlink()
    site.journal.close()
    restarted = open_site(site.folder, ledger=site.ledger)
    restarted.journal.open()
    await restarted.bookkeeper.read_spool()
    assert await booked(site) == (0, "0.25")
    assert settled(site) == [(HOLD, 60, "0.25")], "nor does the journal say it twice"


async def test_what_was_booked_while_the_disk_took_no_row_is_written_down_when_it_does(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await call(site)
    site.write_spool(ANSWERED_A_MINUTE)

    def full(*_words: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(JournalError):
            await site.bookkeeper.read_spool()
    assert settled(site) == []
    await site.bookkeeper.read_spool()
    assert (await booked(site), settled(site)) == ((0, "0.25"), [(HOLD, 60, "0.25")])


# Lines about legs that are up.

STRANGER = "pbx1.11111111-1111-4111-8111-111111111111.1.1795000000"
FORGED = f"1|settle|{HOLD}|callgate|+590590271212|{NOW_S}.000|{NOW_S + 1}.000|16|end"


def watched(site: Site, up: list[set[str] | None]) -> Bookkeeper:
    """A bookkeeper beside whom control looks: it sees this last."""
    return replace(site.bookkeeper, up=lambda: up[-1])


@pytest.mark.parametrize("forged", [FORGED, UNANSWERED, f"1|void|{HOLD}|callgate|{NOW_S}.5|end"])
@pytest.mark.parametrize("is_seen_late", [False, True])
async def test_a_line_about_a_leg_that_is_up_settles_nothing_and_gives_way_to_the_real_one(
    site: Site, forged: str, *, is_seen_late: bool
) -> None:
    """AMI's `originate` alone can write into the spool; a live call of a month's price was once settled as 1 s."""
    await call(site)
    up: list[set[str] | None] = [{HOLD}]
    bookkeeper = watched(site, up)
    site.write_spool(forged)
    for _ in range(3):
        await bookkeeper.read_spool()
    assert (await booked(site), bookkeeper.is_spool_read()) == ((1, "0.00"), True)
    site.write_spool(ANSWERED_A_MINUTE)
    if is_seen_late:
        await bookkeeper.read_spool()
        assert (await booked(site))[0] == 1
    up.append(set())
    assert not bookkeeper.is_spool_read()
    await bookkeeper.read_spool()
    assert (await booked(site), settled(site)) == ((0, "0.25"), [(HOLD, 60, "0.25")])
    assert bookkeeper.is_spool_read()


async def test_a_line_about_another_call_waits_for_nobody(site: Site) -> None:
    await call(site)
    bookkeeper = watched(site, [{"pbx1.another.1.1795370990"}])
    site.write_spool(ANSWERED_A_MINUTE)
    await bookkeeper.read_spool()
    assert await booked(site) == (0, "0.25")


async def test_without_a_link_a_line_is_believed_and_one_that_waited_waits_until_somebody_looks(site: Site) -> None:
    await call(site)
    up: list[set[str] | None] = [{HOLD}]
    bookkeeper = watched(site, up)
    site.write_spool(FORGED)
    await bookkeeper.read_spool()
    up.append(None)
    await bookkeeper.read_spool()
    assert (await booked(site))[0] == 1
    site.write_spool(ANSWERED_A_MINUTE)
    await bookkeeper.read_spool()
    assert (await booked(site), bookkeeper.kept) == ((0, "0.25"), {})


async def test_a_line_that_waited_for_a_leg_and_then_for_the_ledger_is_not_lost(site: Site) -> None:
    await call(site)
    up: list[set[str] | None] = [{HOLD}]
    bookkeeper = watched(site, up)
    site.write_spool(ANSWERED_A_MINUTE)
    await bookkeeper.read_spool()
    up.append(set())
    await replace(bookkeeper, ledger=silent_ledger(site.folder)).read_spool()
    assert not bookkeeper.is_spool_read()
    await bookkeeper.read_spool()
    assert await booked(site) == (0, "0.25")


@pytest.mark.parametrize(
    ("grant", "up", "event", "spent"),
    [
        (STRANGER, [set()], "call.ungated", "0.00"),
        (STRANGER, [{STRANGER}, set()], "call.settled", "0.25"),
        (STRANGER, [None], "call.settled", "0.25"),
        (HOLD, [set()], "call.settled", "0.25"),
    ],
    ids=["of nobody", "of a leg that was seen", "while nobody looks", "of this gate, voided"],
)
async def test_a_call_without_a_hold_costs_nothing_if_nobody_knows_its_grant_or_its_leg(
    site: Site, *, grant: str, up: list[set[str] | None], event: str, spent: str
) -> None:
    """One forged line once booked a call of 3,270 EUR, and the month was used up."""
    await call(site)
    await site.ledger.void(CLINIC, HOLD)
    seen = iter(up)
    last = [next(seen)]
    bookkeeper = watched(site, last)
    await bookkeeper.read_spool()
    last += seen
    site.write_spool(ANSWERED_A_MINUTE.replace(HOLD, grant))
    await bookkeeper.read_spool()
    assert (await booked(site), site.rows[-1].event, site.rows[-1].seconds) == ((0, spent), event, 60)
    assert (site.rows[-1].note == "unknown_grant", bookkeeper.seen) == (event == "call.ungated", set())


# The local allowance and observation.


@pytest.mark.parametrize(
    ("grant", "purse"), [(LOCAL, "national"), (f"observe:{NONCE}", "observed")], ids=["local allowance", "observation"]
)
async def test_a_call_the_ledger_never_held_is_booked_by_what_it_was(site: Site, grant: str, purse: str) -> None:
    site.write_spool(f"1|settle|{grant}|callgate|0142685300|{NOW_S}.0|{NOW_S + 90}.0|16|end")
    await site.bookkeeper.read_spool()
    assert await booked(site, purse) == (0, "0.03")
    assert settled(site) == [(grant, 90, "0.03")]


@pytest.mark.parametrize(
    ("number", "hours", "purses"),
    [
        ("0142685300", 0, {"national"}),
        # What the night cost without the ledger is missing from what it may cost with it.
        ("0142685300", 12, {"national", "national_closed"}),
        ("0556964080", 12, {"national"}),
    ],
    ids=["by day", "at night", "a poison centre at night"],
)
async def test_a_call_on_the_local_allowance_counts_where_the_ledger_would_have_counted_it(
    site: Site, number: str, hours: int, purses: set[str]
) -> None:
    site.now += timedelta(hours=hours)
    answered_s = int(site.now.timestamp())
    site.write_spool(f"1|settle|{LOCAL}|callgate|{number}|{answered_s}.0|{answered_s + 60}.0|16|end")
    await site.bookkeeper.read_spool()
    assert {purse.name for purse in (await site.book()).purses if purse.day_micros} == purses


@pytest.mark.parametrize(
    "number", ["+33142685300", "33142685300", "0033142685300", "0142685300"], ids=lambda number: f"sent as {number}"
)
async def test_a_number_is_priced_in_whatever_form_the_trunk_was_sent(site: Site, number: str) -> None:
    site.write_spool(f"1|settle|{LOCAL}|callgate|{number}|{NOW_S}.0|{NOW_S + 60}.0|16|end")
    await site.bookkeeper.read_spool()
    assert settled(site) == [(LOCAL, 60, "0.02")]


async def test_a_local_call_nobody_answered_is_free_and_one_to_nowhere_known_is_no_fault(site: Site) -> None:
    site.write_spool(
        f"1|settle|{LOCAL}|callgate|0142685300||{NOW_S + 60}.0|19|end",
        f"1|settle|observe:{NONCE}|callgate|xyz|{NOW_S}.0|{NOW_S + 60}.0|16|end",
    )
    await site.bookkeeper.read_spool()
    assert settled(site) == [(LOCAL, 0, "0.00"), (f"observe:{NONCE}", 60, "0.00")]


@pytest.mark.parametrize(
    ("number", "purses"),
    [
        ("0142685300", {"national": "0.02"}),
        ("+590590271212", {"costly": "0.25", "overseas": "0.25"}),
        ("+3225551212", {"costly": "0.30", "international": "0.30"}),
        ("+870773111632", {"costly": "27.9504", "international": "27.9504"}),
        ("+33899701234", {"costly": "3.82"}),
    ],
    ids=["ordinary", "overseas", "abroad", "satellite", "premium at home"],
)
@pytest.mark.parametrize("is_known", [True, False], ids=["its hold was voided", "never held"])
async def test_a_call_that_talked_without_a_hold_is_booked_once_in_the_purses_of_its_kind(
    site: Site, capsys: pytest.CaptureFixture[str], *, number: str, purses: dict[str, str], is_known: bool
) -> None:
    """A hold that was voided in doubt, while the grant had reached the dialplan, left its call free."""
    if is_known:
        await call(site)
        await site.ledger.void(CLINIC, HOLD)
    site.write_spool(*[f"1|settle|{HOLD}|callgate|{number}|{NOW_S}.0|{NOW_S + 60}.0|16|end"] * 2)
    await site.bookkeeper.read_spool()
    spent = {purse.name: format_amount(purse.day_micros) for purse in (await site.book()).purses if purse.day_micros}
    assert spent == purses
    assert "".join(capsys.readouterr()).count("settlement.orphan") == 1


async def test_an_emergency_call_is_booked_nowhere_and_no_orphan(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where the operator's deck has a price for 15."""
    with (site.folder / "rates.csv").open("a") as rates:
        rates.write("short:15,Samu,0.10,0,1,1,EUR,0,,\n")
    site.shelf = PolicyShelf(load_clinics(site.settings, site.folder), site.ledger, site.folder / "state")
    site.write_spool(f"1|settle|emergency|callgate|+3315|{NOW_S}.0|{NOW_S + 60}.0|16|end")
    await site.bookkeeper.read_spool()
    assert (await site.book()).purses == ()
    assert "settlement.orphan" not in "".join(capsys.readouterr())


# A clock that was set back during the call.


async def test_a_held_call_whose_length_nobody_knows_lapses_at_all_that_was_held(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was booked as one second long."""
    grant = await call(site)
    site.write_spool(f"1|settle|{HOLD}|callgate|+590590271212|{NOW_S}.0|{NOW_S - 40}.0|16|end")
    await site.bookkeeper.read_spool()
    assert "settlement.clock_ran_back" in "".join(capsys.readouterr())
    assert (await booked(site))[0] == 1
    site.now += timedelta(hours=1)
    await site.bookkeeper.do_chores()
    assert await booked(site) == (0, format_amount(grant.held_micros))


@pytest.mark.parametrize(("grant", "purse"), [(LOCAL, "national"), (f"observe:{NONCE}", "observed")])
async def test_a_call_without_a_hold_whose_length_nobody_knows_is_booked_at_the_longest(
    site: Site, grant: str, purse: str
) -> None:
    site.write_spool(f"1|settle|{grant}|callgate|0142685300|{NOW_S}.0|{NOW_S - 40}.0|16|end")
    await site.bookkeeper.read_spool()
    assert await booked(site, purse) == (0, "0.30")
    assert settled(site) == [(grant, 900, "0.30")]


async def test_what_the_dialplan_decided_alone_is_written_down_masked(site: Site) -> None:
    site.write_spool(
        f"1|local|{LOCAL}|callgate|0142685300|{NOW_S}.25|101|900|end",
        f"1|refused|callgate|{NOW_S}.5|102|injection|0612345678%40trunk%0A|end",
    )
    await site.bookkeeper.read_spool()
    local, refusal = site.rows
    assert (local.event, local.number, local.seconds, local.extension) == ("call.local", "014268••••", 900, "101")
    assert (refusal.event, refusal.reasons, refusal.dialled) == (
        "call.refused",
        (Reason.INJECTION,),
        "061234••••@trunk\n",
    )


def injected(number: int) -> str:
    return f"1|refused|callgate|{NOW_S}.5|102|injection|06123456{number % 90 + 10}%26x|end"


async def read_all(site: Site) -> int:
    """Read the spool to its end; tells how often it was read."""
    bookkeeper = site.bookkeeper
    for times in range(100):
        if not site.spool.read():
            return times
        await bookkeeper.read_spool()
    pytest.fail("it has no end")


async def test_a_phone_that_dials_no_numbers_all_day_fills_no_disk_and_holds_up_no_bill(site: Site) -> None:
    """Each was a row and a flush of its own, 270 a second: a real bill waited behind them, and the disk filled."""
    await call(site)
    site.write_spool(*map(injected, range(2000)), ANSWERED_A_MINUTE, *map(injected, range(500)))
    assert await read_all(site) < 10
    refusals = [row for row in site.rows if row.event == "call.refused"]
    assert sum(row.count for row in refusals) == 2500
    assert len(refusals) < 40
    assert [row.dialled for row in refusals[:2]] == ["061234••••&x"] * 2
    assert settled(site) == [(HOLD, 60, "0.25")]


async def test_refusals_that_were_written_before_the_journal_was_full_are_not_written_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    bookkeeper, write, written = site.bookkeeper, site.journal.write, list[JournalRow]()

    async def until_full(row: JournalRow, *, durable: bool) -> None:
        if len(written) == 3:
            raise JournalError("journal.cgj", "it is full", "make room")
        await write(row, durable=durable)
        written.append(row)

    site.write_spool(*map(injected, range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(site.journal, "write", until_full)
        for _ in range(2):
            with pytest.raises(JournalError):
                await bookkeeper.read_spool()
    await bookkeeper.read_spool()
    assert [row.dialled for row in site.rows] == ["061234••••&x"] * 5


async def test_counted_refusals_that_were_written_before_the_journal_was_full_are_not_counted_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two extensions in a flood one was counted twice."""
    bookkeeper, write = site.bookkeeper, site.journal.write

    async def until_one_is_counted(row: JournalRow, *, durable: bool) -> None:
        if any(found.count > 1 for found in site.rows):
            raise JournalError("journal.cgj", "it is full", "make room")
        await write(row, durable=durable)

    site.write_spool(*(injected(number).replace("|102|", f"|{number % 2}|") for number in range(100)))
    with monkeypatch.context() as patch:
        patch.setattr(site.journal, "write", until_one_is_counted)
        with pytest.raises(JournalError):
            await bookkeeper.read_spool()
    await bookkeeper.read_spool()
    assert sum(row.count for row in site.rows) == 100


NEVER_DIALLED = f"1|void|{HOLD}|callgate|{NOW_S}.5|end"
LET_GO = f"1|local|{LOCAL}|callgate|0142685300|{NOW_S}.25|101|900|end"


@pytest.mark.parametrize(
    ("stuck", "spent", "behind"),
    [
        ([ANSWERED_A_MINUTE, LET_GO], "0.25", ["call.settled", "call.local"]),
        ([LET_GO, LET_GO, NEVER_DIALLED], "0.00", ["call.local", "call.local"]),
    ],
    ids=["a call that ended", "a call that the dialplan let go"],
)
async def test_a_journal_nearly_full_takes_what_the_dialplan_refused_before_and_behind_what_it_does_not_take(
    site: Site, stuck: list[str], spent: str, behind: list[str]
) -> None:
    """The first of them held it up; and while changes of the ledger waited for room, each reload wrote it again."""
    await call(site)
    site.journal.close()
    site.journal = Journal(site.folder / "state", quota_bytes=64 * 1024)
    with suppress(JournalError):
        while True:
            await site.journal.write(JournalRow(at=site.now, event="", clinic=CLINIC, call=""), durable=False)
    site.journal.freeze("another", FrozenCause.ERASED)
    first, *others = stuck
    site.write_spool(injected(0), injected(1), first, injected(2), *others, injected(3), "nonsense")
    bookkeeper = site.bookkeeper
    for _ in range(2):
        with pytest.raises(JournalError, match="journal_max_mib"):
            await bookkeeper.read_spool()
    assert [row.event for row in site.rows if row.event] == ["call.granted", *["call.refused"] * 4]
    assert await booked(site) == (0, spent)
    assert not bookkeeper.unsynced.is_set()
    site.journal.close()
    restarted = open_site(site.folder, ledger=site.ledger)
    await restarted.bookkeeper.read_spool()
    assert [row.event for row in site.rows if row.event] == ["call.granted", *["call.refused"] * 4, *behind]
    assert restarted.spool.read() == []


@pytest.mark.parametrize("is_hanging", [True, False], ids=["hangs", "fails"])
async def test_a_gate_that_ends_while_the_disk_does_not_answer_leaves_no_row_to_be_written_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, is_hanging: bool
) -> None:
    """With each reload in a flood what the dialplan had refused was counted twice."""
    asked = asyncio.Event()

    async def sync() -> None:
        asked.set()
        await asyncio.sleep(PATIENCE_S if is_hanging else 0)
        raise JournalError("journal.cgj", "the disk does not answer", "look at it")

    monkeypatch.setattr(site.journal, "sync", sync)
    site.write_spool(injected(0))
    background = asyncio.create_task(site.bookkeeper.run())
    await until(asked.is_set)
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background
    assert len(site.rows) == 1
    assert open_site(site.folder).spool.read() == []


async def test_a_gate_that_ends_and_cannot_note_where_it_was_ends_all_the_same(site: Site) -> None:
    site.write_spool(injected(0))
    (site.folder / "state" / "spool.offset").mkdir()
    background = asyncio.create_task(site.bookkeeper.run())
    await until(lambda: site.rows)
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background


async def test_a_refusal_that_could_not_be_written_is_counted_once_when_it_can(site: Site) -> None:
    bookkeeper = site.bookkeeper
    site.journal.file.mkdir()
    site.write_spool(*map(injected, range(30)))
    for _ in range(3):
        with pytest.raises(JournalError):
            await bookkeeper.read_spool()
    site.journal.file.rmdir()
    await bookkeeper.read_spool()
    assert sum(row.count for row in site.rows if row.event == "call.refused") == 30


async def test_what_a_slow_disk_does_not_confirm_is_in_the_journal_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every five seconds of a disk that hung the same lines became rows again, and each refusal counted once more."""
    site.write_spool(injected(0), f"1|local|{LOCAL}|callgate|0142685300|{NOW_S}.5|101|60|end")

    def fails(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    bookkeeper = site.bookkeeper
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        for _ in range(2):
            with pytest.raises(JournalError):
                await bookkeeper.read_spool()
    assert len(Spool(site.folder / "spool" / "calls.log", site.folder / "state").read()) == 2, (
        "the next process would read them again"
    )
    site.write_spool(injected(1))
    await bookkeeper.read_spool()
    assert [row.event for row in site.rows] == ["call.refused", "call.local", "call.refused"]


# Lines that go wrong.


async def test_a_spool_full_of_lines_that_are_none_is_passed_over_in_a_few_turns(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each was a file written anew: for so long calls waited that the worker was killed, and the next, and the next."""
    site.write_spool(*[""] * 200_000, injected(0))
    assert await read_all(site) == 4
    assert capsys.readouterr().out.count("spool.unreadable") == 4
    assert len(site.rows) == 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "1|settle|cut",
        f"1|settle|{HOLD}|no-such-entry|+590590271212|{NOW_S}.0|{NOW_S + 60}.0|16|end",
        f"1|settle|{HOLD}|callgate|+590590271212|5.0|{NOW_S}.0|16|end",
        f"1|settle|{'x' * 300}|callgate|+590590271212|{NOW_S}.0|{NOW_S + 60}.0|16|end",
        f"1|settle|two words|callgate|+590590271212|{NOW_S}.0|{NOW_S + 60}.0|16|end",
        f"1|void|{'x' * 300}|callgate|{NOW_S}.0|end",
        f"1|void|é|callgate|{NOW_S}.0|end",
        f"1|settle|{LOCAL}|callgate|0142685300|0.5|9000000000.0|16|end",
        f"1|local|{LOCAL}|callgate|{chr(0)}|0.001|\ufffd|{10**30}|end",
        "1|refused|callgate|0.001|%00|invalid|%ED%A0%80%FF|end",
    ],
    ids=[
        "empty",
        "not ours",
        "cut short",
        "an entry that was removed",
        "a call of years: the clock was set",
        "a grant too long for the ledger",
        "a grant with a blank",
        "a void of a grant too long for the ledger",
        "a void of no ASCII",
        "a local call of centuries",
        "a local call with nonsense in every field",
        "a refusal with nonsense in every field",
    ],
)
async def test_a_line_that_can_never_be_booked_does_not_hold_up_the_next_one(site: Site, line: str) -> None:
    """The ledger answers an unsound request as unavailable: such a line was once tried again for ever."""
    await call(site)
    site.write_spool(line, ANSWERED_A_MINUTE)
    await site.bookkeeper.read_spool()
    assert await booked(site) == (0, "0.25")
    assert site.spool.read() == []


@given(
    st.sampled_from(["settle", "void", "local", "refused"]),
    st.lists(
        st.sampled_from([HOLD, LOCAL, "callgate", "+33142685300", f"{NOW_S}.5", "0.001", "9999999999", "", "16"])
        | st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12),
        min_size=3,
        max_size=7,
    ),
)
def test_no_line_at_all_makes_the_bookkeeper_fail(
    tmp_path_factory: pytest.TempPathFactory, kind: str, fields: list[str]
) -> None:
    async def handle() -> None:
        site = open_site(tmp_path_factory.mktemp("site"))
        site.write_spool("|".join(("1", kind, *fields, "end")))
        await site.bookkeeper.read_spool()
        assert site.spool.read() == []
        site.journal.close()

    asyncio.run(handle())


async def test_a_line_waits_for_a_journal_that_can_be_written_and_those_behind_it_do_not_try(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try may read the whole journal: many at once would hold up every call."""
    write, tried = site.journal.write, list[str]()

    async def watched(row: JournalRow, *, durable: bool) -> None:
        tried.append(row.event)
        await write(row, durable=durable)

    await call(site)
    site.journal.close()
    site.journal.file.rename(site.folder / "aside")
    site.journal.file.mkdir()
    monkeypatch.setattr(site.journal, "write", watched)
    site.write_spool(*[ANSWERED_A_MINUTE] * 9, *[LET_GO] * 9)
    for _ in range(2):
        with pytest.raises(JournalError):
            await site.bookkeeper.read_spool()
    assert tried == ["call.settled", "call.local"] * 2
    site.journal.file.rmdir()
    await site.bookkeeper.read_spool()
    assert settled(site) == [(HOLD, 60, "0.25")]


@pytest.mark.parametrize("line", [ANSWERED_A_MINUTE, f"1|void|{HOLD}|callgate|{NOW_S}.5|end"])
async def test_without_the_ledger_a_line_is_kept(tmp_path: Path, line: str) -> None:
    site = open_site(tmp_path, ledger=silent_ledger(tmp_path))
    site.write_spool(line, "behind")
    for _ in range(5):
        await site.bookkeeper.read_spool()
    assert [kept for kept, _ in site.spool.read()] == [line, "behind"]


# In the background.


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPOOL_PAUSE_S", "CHORES_PAUSE_S"):
        monkeypatch.setattr(bookkeeper_module, name, 0.001)
    monkeypatch.setattr(repeating, "FAILED_PAUSE_S", 0.001)


@pytest.mark.usefixtures("hurried")
async def test_a_broken_journal_stops_neither_the_lapses_nor_for_ever_the_spool(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chores once shared a turn with the spool: a line that failed each time kept every hold from lapsing."""
    await call(site)
    site.journal.close()
    site.journal.file.rename(site.folder / "aside")
    site.journal.file.mkdir()
    site.write_spool(f"1|refused|callgate|{NOW_S}.5|102|injection|06|end")
    site.now += timedelta(hours=3)
    said = ""

    def heard(event: str) -> bool:
        nonlocal said
        said += "".join(capsys.readouterr())
        return event in said

    background = asyncio.create_task(site.bookkeeper.run())
    await until(lambda: heard("background.failed"))
    await until(lambda: heard("holds.lapsed"))
    assert (await site.purse("costly")).live == 0
    site.journal.file.rmdir()
    await until(lambda: site.journal.file.is_file() and bool(site.rows))
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background
    assert [row.extension for row in site.rows] == ["102"]


@pytest.mark.usefixtures("hurried")
async def test_a_day_after_it_was_booked_no_call_stands_in_the_spool(site: Site) -> None:
    site.write_spool(ANSWERED_A_MINUTE)
    await site.bookkeeper.read_spool()
    site.now += timedelta(days=1, minutes=2)
    background = asyncio.create_task(site.bookkeeper.run())
    await until(lambda: not any((site.folder / "spool").glob("calls.log*")))
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background


@pytest.mark.usefixtures("hurried")
async def test_other_work_goes_on_beside_it_whatever_fails(site: Site) -> None:
    done = asyncio.Event()

    async def fails() -> None:
        raise RuntimeError

    async def other_work() -> None:
        done.set()

    background = asyncio.create_task(replace(site.bookkeeper, others=(fails, other_work)).run())
    async with asyncio.timeout(10):
        await done.wait()
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background


async def test_a_ledger_that_is_silent_is_so_for_what_its_store_said_last_whoever_asked_it(tmp_path: Path) -> None:
    """Calls asked it first, and the journal said "circuit_open" to the end; a busy store is silent now and then."""
    now_s, said, causes = 100.0, b"", []
    async with stores(lambda _: said) as (store,), connect(f"redis://{store.endpoint}") as client:
        site = open_site(tmp_path, ledger=RedisLedger(client))
        assert isinstance(site.ledger, RedisLedger)
        site.ledger._runner._monotonic = lambda: now_s
        bookkeeper = site.bookkeeper
        for said in (b"", b"-BUSY it runs\r\n", b"", b"-LOADING it reads\r\n"):  # noqa: B007  # the store says it
            for _ in range(FAILURES_TO_OPEN):
                await site.ledger.book(CLINIC)
            await bookkeeper.do_chores()
            causes.append(bookkeeper.silent[CLINIC])
            now_s += OPEN_S
    assert causes == ["timeout", "busy", "busy", "busyloading"]


async def test_a_clinic_that_started_without_redis_gets_its_policy_when_it_is_back(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    redis_folder = tmp_path_factory.mktemp("redis")
    async with connect(f"unix://{redis_folder}/redis.sock") as client:
        site = open_site(tmp_path, ledger=RedisLedger(client))
        await site.shelf.open()
        await site.bookkeeper.do_chores()
        assert site.shelf.clinic(CLINIC).revision == 0
        with RedisServer(redis_folder):
            document = policy_text({'allow = ["FR",': 'allow = ["FR", "IT",'})
            fresh = PolicyRevision(
                clinic=CLINIC, revision=4, author="a", at=TUESDAY_11, origin="command", reason="", document=document
            )
            await RedisLedger(client).publish(fresh, 0)
            async with asyncio.timeout(10):
                while site.shelf.clinic(CLINIC).revision != 4:
                    await site.bookkeeper.do_chores()
            await call(site, PARIS)
            assert site.rows[-1].policy_revision == 4
