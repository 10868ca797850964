"""The road of one call: what is answered, what is held, and what the journal says of it."""

import asyncio
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.clinic import load_risks
from callgate.core.allowance import LENT_SECONDS
from callgate.core.attempt import Origin
from callgate.core.hold import Window
from callgate.core.reasons import Reason
from callgate.core.risk import Tier
from callgate.core.verdict import Grant, Refusal, token
from callgate.gate import Passage, classify
from callgate.journal import Journal, JournalRow
from callgate.ledger.revisions import PolicyRevision
from clinic_samples import (
    BRUSSELS,
    CLINIC,
    HOLD,
    NONCE,
    OBSERVING,
    PARIS,
    POINTE_A_PITRE,
    TUESDAY_11,
    Site,
    open_site,
    policy_text,
    silent_ledger,
)

TOKEN = re.compile(r"1\|(grant|refuse)\|[0-9a-f-]{36}\|[0-9+]*\|[0-9A-Za-z.:_-]*\|[0-9]{1,4}\|[a-z_]+\|end")


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = open_site(tmp_path)
    await site.shelf.open()
    return site


async def granted(site: Site, passage: Passage) -> Grant:
    verdict = await site.gate.decide(passage, site.now)
    assert isinstance(verdict, Grant), verdict
    return verdict


async def refused(site: Site, passage: Passage) -> tuple[Reason, ...]:
    verdict = await site.gate.decide(passage, site.now)
    assert isinstance(verdict, Refusal), verdict
    return verdict.reasons


async def test_an_ordinary_call_is_granted_held_and_written_down(site: Site) -> None:
    grant = await granted(site, site.passage(PARIS))
    assert (grant.number, grant.grant_id, grant.reasons) == ("+33142685300", HOLD, ())
    (row,) = site.rows
    assert (row.event, row.grant, row.held_micros, row.policy_revision) == ("call.granted", HOLD, grant.held_micros, 1)
    assert (row.dialled, row.number) == ("0014268••••", "+3314268••••")
    assert [hold.hold_id for hold in (await site.book()).holds] == [HOLD]


async def test_a_refused_call_holds_nothing_and_its_row_has_every_reason(site: Site) -> None:
    assert (await refused(site, site.passage(BRUSSELS)))[0] is Reason.COUNTRY_REFUSED
    (row,) = site.rows
    assert (row.event, row.reasons[0], row.observed) == ("call.refused", Reason.COUNTRY_REFUSED, False)
    assert (await site.book()).holds == ()


async def test_a_refusal_for_money_is_written_down_with_each_limit_it_hit(tmp_path: Path) -> None:
    site = open_site(tmp_path, policy_text({'hour           = "10.00"': 'hour = "0.10"'}))
    await site.shelf.open()
    assert await refused(site, site.passage(POINTE_A_PITRE)) == (Reason.CEILING_HOUR,)
    (row,) = site.rows
    (limit,) = row.limits
    assert (limit.name, limit.window, limit.left) == ("costly", Window.HOUR, 100_000)
    assert (row.currency, row.zone) == ("EUR", "Europe/Paris")


@pytest.mark.parametrize(
    ("dialled", "tier", "because"),
    [
        (PARIS, Tier.NORMAL, ""),
        (BRUSSELS, Tier.WATCH, "country:BE"),
        ("00899123456", Tier.SPECIAL, "class:premium"),
        ("00037163123341", Tier.HOTSPOT, "country:LV"),
        # Outside the published plan: nothing is left of the number, and the block it claims to be in is known.
        ("00025241874120", Tier.HOTSPOT, "range:+25241"),
        ("0003712", Tier.HOTSPOT, "outside_plan"),
        ("0014268530", Tier.NORMAL, ""),
    ],
)
async def test_each_row_cites_the_risk_of_its_destination_and_the_version_of_the_list(
    site: Site, dialled: str, tier: Tier, because: str
) -> None:
    await site.gate.decide(site.passage(dialled), site.now)
    (row,) = site.rows
    assert (row.risk, row.risk_because, row.risk_version) == (tier, because, load_risks().version)


async def test_where_fraud_often_ends_one_call_goes_in_twelve_hours_and_one_at_a_time(tmp_path: Path) -> None:
    site = open_site(tmp_path, policy_text({'allow = ["FR",': 'allow = ["FR", "LV", "EE",'}))
    await site.shelf.open()
    grant = await granted(site, site.passage("00037163123341"))
    assert grant.reasons == (Reason.HOTSPOT, Reason.FIRST_COUNTRY)
    site.now += timedelta(minutes=1)
    # Another number, another country: they are counted together.
    other = site.passage("0003723212007")
    assert await refused(site, other) == (Reason.TOO_MANY_LINES, Reason.TOO_MANY_STARTS)
    await site.ledger.void(CLINIC, grant.grant_id)
    assert await refused(site, other) == (Reason.TOO_MANY_STARTS,)
    assert (await refused(site, site.passage(BRUSSELS)))[0] is Reason.COUNTRY_REFUSED
    site.now = TUESDAY_11 + timedelta(hours=24)
    assert (await granted(site, other)).reasons == (Reason.HOTSPOT, Reason.FIRST_COUNTRY)


HEADER = "prefix,label,connect_fee,per_minute,first_increment_s,increment_s,currency,tax,valid_from,valid_to,hours"
BY_DAY = "mon-fri 08:00-19:00"
BY_DAY_ONLY = f"+590,by day,0,0.10,1,1,EUR,0,,,{BY_DAY}"
DEAR_AT_NIGHT = f"+33,by day,0,0.02,1,1,EUR,0,,,{BY_DAY}\n+33,at night,0,0.20,1,1,EUR,0,,,"


async def site_with(folder: Path, *rows: str) -> Site:
    """A practice that is always open, with rates of its own."""
    site = open_site(folder, policy_text({'outside = "national"': 'outside = "as_open"'}))
    (folder / "rates.csv").write_text("\n".join((HEADER, *rows)))
    await site.shelf.open()
    await site.shelf.reload_decks()
    return site


@pytest.mark.parametrize(
    ("hour", "minute", "seconds"),
    # A costly call rings for a minute and lasts half an hour: it ends 31 minutes from now, and the margin of a cut.
    [(16, 30, 1800), (18, 28, 1800), (18, 29, None), (19, 0, None), (7, 59, None), (8, 0, 1800)],
)
async def test_a_costly_call_goes_while_it_ends_before_its_rate_does(
    tmp_path: Path, hour: int, minute: int, seconds: int | None
) -> None:
    """It was refused up to two hours before: the time that an ordinary call may last, which it never does."""
    site = await site_with(tmp_path, BY_DAY_ONLY)
    site.now = TUESDAY_11 + timedelta(hours=hour - 11, minutes=minute)
    verdict = await site.gate.decide(site.passage(POINTE_A_PITRE), site.now)
    match verdict:
        case Grant():
            assert verdict.seconds == seconds
        case Refusal():
            assert (seconds, verdict.reasons) == (None, (Reason.RATE_UNKNOWN,))


@pytest.mark.parametrize(
    ("hour", "minute", "ordinary", "minute_micros", "seconds"),
    [
        (16, 57, True, 20_000, 7200),
        # As an ordinary call it may meet the dear rate, so it is none; as a costly one it ends before that.
        (17, 0, False, 20_000, 1800),
        (18, 29, False, 200_000, 1498),
        (19, 0, False, 200_000, 1498),
    ],
)
async def test_a_call_that_would_grow_dear_is_costly_and_priced_to_the_end_of_one(
    tmp_path: Path, *, hour: int, minute: int, ordinary: bool, minute_micros: int, seconds: int
) -> None:
    site = await site_with(tmp_path, DEAR_AT_NIGHT)
    site.now = TUESDAY_11 + timedelta(hours=hour - 11, minutes=minute)
    priced = classify(site.passage(PARIS), site.shelf.clinic(CLINIC), site.now)
    assert priced.rate is not None
    assert (priced.ordinary, priced.rate.per_minute_micros) == (ordinary, minute_micros)
    assert (await granted(site, site.passage(PARIS))).seconds == seconds


@pytest.mark.parametrize(("trunk", "number"), [("carrier-a", "+33142685300"), ("carrier-b", "0142685300")])
async def test_the_number_is_written_as_the_trunk_wants_it(site: Site, trunk: str, number: str) -> None:
    assert (await granted(site, site.passage(PARIS, trunk=trunk))).number == number


@pytest.mark.parametrize(("trunk", "number"), [("carrier-a", "15"), ("carrier-b", "+3315")])
async def test_an_emergency_number_is_written_in_the_trunks_own_form_for_them(
    site: Site, trunk: str, number: str
) -> None:
    """It was once sent as 15 to a carrier whose settings say that it wants +3315."""
    grant = await granted(site, site.passage("*31#*31#15", trunk=trunk))
    assert (grant.number, grant.grant_id, grant.held_micros) == (number, "emergency", 0)


# The journal.


@pytest.fixture
async def undurable(site: Site) -> Site:
    """A site whose journal cannot be written: a folder stands in its place."""
    site.journal.file.mkdir()
    return site


async def test_a_costly_call_that_cannot_be_written_down_is_refused_and_its_hold_given_back(undurable: Site) -> None:
    assert await refused(undurable, undurable.passage(POINTE_A_PITRE)) == (Reason.GATE_UNAVAILABLE,)
    assert (await undurable.book()).holds == ()
    undurable.journal.file.rmdir()
    await refused(undurable, undurable.passage(BRUSSELS))
    assert undurable.rows[0].reasons == (Reason.GATE_UNAVAILABLE,), "it is kept until it can be written"


async def test_a_refusal_that_cannot_be_written_down_stays_a_refusal(undurable: Site) -> None:
    assert (await refused(undurable, undurable.passage(BRUSSELS)))[0] is Reason.COUNTRY_REFUSED


async def test_an_ordinary_call_goes_when_the_journal_is_broken(undurable: Site) -> None:
    assert (await granted(undurable, undurable.passage(PARIS))).grant_id == HOLD


async def test_an_emergency_call_goes_when_the_journal_is_broken(undurable: Site) -> None:
    """It counted as costly, which it is by its class: a full disk refused 15."""
    assert (await granted(undurable, undurable.passage("*31#*31#15"))).number == "15"
    assert (await undurable.book()).sequence == 1, "nothing but the policy was ever written to the ledger"


class Watched(Journal):
    """A journal that notes which events had to be on the disk before the answer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.durable: list[tuple[str, bool]] = []

    async def write(self, row: JournalRow, *, durable: bool) -> None:
        """See `Journal.write`."""
        self.durable.append((row.event, durable))
        await super().write(row, durable=durable)

    async def refuse(self, row: JournalRow) -> None:
        """See `Journal.refuse`."""
        self.durable.append((row.event, True))
        await super().refuse(row)


@pytest.mark.parametrize(
    ("dialled", "event", "durable"),
    [
        (PARIS, "call.granted", False),
        ("*31#*31#15", "call.granted", False),
        (POINTE_A_PITRE, "call.granted", True),
        (BRUSSELS, "call.refused", True),
        ("0612%40trunk", "call.refused", True),
    ],
    ids=["ordinary", "emergency", "costly", "refused", "an injection"],
)
async def test_refusals_and_costly_grants_wait_for_the_disk_and_nothing_else_does(
    site: Site, *, dialled: str, event: str, durable: bool
) -> None:
    site.journal = watched = Watched(site.folder / "state")
    await site.gate.decide(site.passage(dialled), site.now)
    assert watched.durable == [(event, durable)]
    watched.close()


async def test_an_emergency_call_does_not_wait_for_a_slow_disk(site: Site) -> None:
    thawed, loop = asyncio.Event(), asyncio.get_running_loop()

    def hangs(_descriptor: int) -> None:
        asyncio.run_coroutine_threadsafe(thawed.wait(), loop).result()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", hangs)
        assert (await granted(site, site.passage("*31#*31#15"))).number == "15"
        thawed.set()


# Policies.


def revision(number: int, document: str) -> PolicyRevision:
    return PolicyRevision(
        clinic="cabinet-des-lilas",
        revision=number,
        author="dr.lilas",
        at=TUESDAY_11,
        origin="command",
        reason="",
        document=document,
    )


async def test_a_rule_tightened_elsewhere_binds_the_very_next_call(site: Site) -> None:
    await granted(site, site.passage(POINTE_A_PITRE))
    tightened = policy_text({'allow = ["FR", "GP",': 'allow = ["FR",'})
    await site.ledger.publish(revision(2, tightened), 1)
    site.now += timedelta(seconds=1)
    assert await refused(site, site.passage(POINTE_A_PITRE)) == (Reason.COUNTRY_REFUSED,)
    assert site.rows[-1].policy_revision == 2


async def test_a_permission_given_elsewhere_counts_for_the_very_next_call(site: Site) -> None:
    await refused(site, site.passage(BRUSSELS))
    permitting = policy_text({"always_allow  = []": 'always_allow  = ["+3225551212"]'})
    await site.ledger.publish(revision(2, permitting), 1)
    assert (await granted(site, site.passage(BRUSSELS))).number == "+3225551212"
    assert [row.policy_revision for row in site.rows] == [1, 2]


async def test_a_rule_loosened_elsewhere_is_fetched_once_and_the_call_judged_again(site: Site) -> None:
    loosened = policy_text({"[numbers]\nalways_allow  = []": '[numbers]\nalways_allow  = ["+590690*"]'})
    await site.ledger.publish(revision(2, loosened), 1)
    grant = await granted(site, site.passage(POINTE_A_PITRE))
    assert (grant.grant_id, site.rows[0].policy_revision) == (HOLD, 2)
    assert site.shelf.clinic("cabinet-des-lilas").revision == 2


async def test_under_a_policy_nobody_here_can_read_costly_calls_stop_and_ordinary_ones_are_lent(site: Site) -> None:
    await site.ledger.publish(revision(2, "schema = 2"), 1)
    assert await refused(site, site.passage(POINTE_A_PITRE)) == (Reason.POLICY_UNAVAILABLE,)
    assert (await granted(site, site.passage(PARIS))).grant_id == f"local:{NONCE}.{int(TUESDAY_11.timestamp())}"


async def test_that_also_holds_for_a_gate_that_never_knew_another_policy(tmp_path: Path) -> None:
    """A gate that started after it was published had no revision, so nothing ever told it that its own was old."""
    site = open_site(tmp_path)
    await site.ledger.publish(revision(1, "schema = 2"), 0)
    await site.shelf.open()
    assert await refused(site, site.passage(POINTE_A_PITRE)) == (Reason.POLICY_UNAVAILABLE,)


# Without the ledger.


@pytest.fixture
async def cut_off(tmp_path: Path) -> Site:
    """A site whose Redis nobody started."""
    site = open_site(tmp_path, ledger=silent_ledger(tmp_path))
    await site.shelf.open()
    return site


async def test_without_the_ledger_an_ordinary_call_goes_on_the_allowance(cut_off: Site) -> None:
    grant = await granted(cut_off, cut_off.passage(PARIS))
    assert grant.grant_id == f"local:{NONCE}.{int(TUESDAY_11.timestamp())}"
    assert (grant.seconds, grant.reasons, grant.held_micros) == (LENT_SECONDS, (Reason.LOCAL_ALLOWANCE,), 0)


@pytest.mark.parametrize(
    ("dialled", "origin"),
    [(POINTE_A_PITRE, Origin.EXTENSION), (PARIS, Origin.EXTERNAL)],
    ids=["a costly call", "an ordinary call with both ends outside"],
)
async def test_without_the_ledger_nothing_else_goes(cut_off: Site, dialled: str, origin: Origin) -> None:
    listed = cut_off.passage(dialled, origin=origin)
    assert await refused(cut_off, listed) in ((Reason.LEDGER_UNAVAILABLE,), (Reason.EXTERNAL_TO_EXTERNAL,))


async def test_without_the_ledger_emergency_numbers_go(cut_off: Site) -> None:
    assert (await granted(cut_off, cut_off.passage("*31#*31#15"))).grant_id == "emergency"


# Observation.


@pytest.fixture
async def observing(tmp_path: Path) -> Site:
    site = open_site(tmp_path, policy_text(OBSERVING))
    await site.shelf.open()
    return site


async def test_a_clinic_that_observes_lets_a_refused_call_go_and_its_row_says_so(observing: Site) -> None:
    grant = await granted(observing, observing.passage(BRUSSELS))
    assert (grant.number, grant.grant_id, grant.held_micros) == ("+3225551212", f"observe:{NONCE}", 0)
    (row,) = observing.rows
    assert (row.event, row.reasons[0], row.observed) == ("call.refused", Reason.COUNTRY_REFUSED, True)


@pytest.mark.parametrize("dialled", ["0abc", "00", "", "101", "*72", "0*31#", "#06#", "x" * 300])
async def test_what_is_no_number_goes_nowhere_even_while_the_clinic_observes(observing: Site, dialled: str) -> None:
    """An internal extension and a feature code have digits: they were once granted to the carrier."""
    reasons = await refused(observing, observing.passage(dialled))
    assert reasons in ((Reason.INVALID,), (Reason.NOT_A_PUBLIC_NUMBER,))
    (row,) = observing.rows
    assert (row.event, row.observed) == ("call.refused", False)


async def test_a_clinic_that_observes_still_holds_what_its_rules_allow(observing: Site) -> None:
    assert (await granted(observing, observing.passage(PARIS))).grant_id == HOLD


# The token.


@pytest.mark.parametrize("policy", [policy_text(), policy_text(OBSERVING)], ids=["enforce", "observe"])
@pytest.mark.parametrize("trunk", ["carrier-a", "carrier-b"])
@pytest.mark.parametrize(
    "dialled",
    [
        *(PARIS, POINTE_A_PITRE, BRUSSELS, "015", "*31#*31#15", "0*31#0142685300", "03114", "0118712", "*72", "101"),
        *("0|end", "0612%40trunk", "00870773111632", "0\x000142685300", "0\u0661\u0665", "0+33142685300", "("),
        *("tel:+33142685300", "sip:15@pbx", "0\n", "0142685300|1|grant"),
    ],
)
async def test_a_verdict_token_holds_only_what_the_dialplan_lets_through(
    tmp_path: Path, policy: str, trunk: str, dialled: str
) -> None:
    site = open_site(tmp_path, policy)
    await site.shelf.open()
    verdict = await site.gate.decide(site.passage(dialled, trunk=trunk), site.now)
    assert TOKEN.fullmatch(token(verdict, NONCE))
    if isinstance(verdict, Grant):
        assert verdict.number
