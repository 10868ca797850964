"""What the gate works by is missing, old or damaged: its rates, its policy, its journal, its store's certificate."""

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import practice
from callgate.commands.journal import verification
from callgate.core.reasons import Reason
from callgate.journal import JOURNAL_FILE
from callgate.store_watch import DECK_OLD, WARNED_BEFORE, WARNING
from certificate_samples import AUTHORITY, Authority
from faults.matrix import proves
from faults.stage import Stage
from faults.store import FaultyStore
from faults.wire import StoreWire, bridge_address
from store_servers import HOST, free_port
from system.rig import PARIS, wait_for

pytestmark = pytest.mark.system

FORBIDDEN = "+33142685300"
MARTINIQUE, MARTINIQUE_ROW = "00596501234", "+596,"
RELOADED_WITHIN_S = 20


def status(stage: Stage) -> str:
    """What `callgate status` says."""
    return stage.rig.lab.gate_exec("callgate", "--language", "en", "status")


async def warned(stage: Stage) -> str:
    """Wait until a warning is in the journal, and find it in the status, too."""
    rows = await asyncio.to_thread(wait_for, lambda: [row for row in stage.rig.rows(WARNING) if row.note])
    assert rows[-1].note in status(stage)
    return rows[-1].note


async def no_more_warned(stage: Stage) -> None:
    """Wait until the journal says that it is over."""
    await asyncio.to_thread(wait_for, lambda: stage.rig.rows(WARNING)[-1].note == "")
    assert "stopped by this yet" not in status(stage)


def restart(stage: Stage) -> None:
    stage.rig.lab.gate_stop()
    stage.rig.lab.gate_start()


def config(stage: Stage, name: str) -> Path:
    """A file of the installer's."""
    return stage.rig.lab.folder / "config" / name


@proves(19)
async def test_without_a_rate_table_what_costs_is_refused_and_said_and_home_is_called_at_its_cap(stage: Stage) -> None:
    await stage.costly_goes()
    deck, away = config(stage, "rates.csv"), config(stage, "away.csv")

    def take_away() -> None:
        deck.rename(away)
        restart(stage)

    def put_back() -> None:
        away.rename(deck)
        restart(stage)

    async with stage.during(take_away, put_back):
        await stage.contract(Reason.RATE_UNKNOWN)
        assert "The rate deck cannot be used" in status(stage)
        assert "rates.unusable" in stage.rig.lab.gate_output()
    await stage.recovers()


@proves(19)
async def test_a_rate_table_of_last_year_is_said_to_be_old_and_unknown_ranges_are_refused(stage: Stage) -> None:
    """It lacks a department that today's has: the number is sound and allowed, and nobody knows what it costs."""
    deck = config(stage, "rates.csv")
    whole = deck.read_text("utf-8")
    lacking = "".join(line for line in whole.splitlines(keepends=True) if not line.startswith(MARTINIQUE_ROW))
    old = time.time() - (DECK_OLD + timedelta(days=1)).total_seconds()

    def grow_old() -> None:
        deck.write_text(lacking, encoding="utf-8")
        os.utime(deck, (old, old))
        restart(stage)

    def renew() -> None:
        deck.write_text(whole, encoding="utf-8")
        restart(stage)

    assert not (await stage.dial(MARTINIQUE)).refused
    async with stage.during(grow_old, renew):
        warning = await warned(stage)
        assert f"rates.csv is as it was on {datetime.fromtimestamp(old, UTC):%Y-%m-%d}" in warning
        stage.saw(warning)
        await stage.costly_goes()
        assert (await stage.dial(MARTINIQUE)).refused
        assert stage.rig.last_row("call.refused").reasons == (Reason.RATE_UNKNOWN,)
    await no_more_warned(stage)
    assert not (await stage.dial(MARTINIQUE)).refused


@proves(68)
async def test_a_journal_that_somebody_changed_is_an_alarm_and_calls_and_the_journal_go_on(stage: Stage) -> None:
    file = stage.rig.lab.folder / "state" / JOURNAL_FILE
    await stage.costly_goes()
    await stage.books_at_rest()
    granted = len(stage.rig.rows("call.granted"))

    def change_a_byte() -> None:
        stage.rig.lab.gate_stop()
        place = file.read_bytes().index(b'"event":"gate.started"') + 10
        with file.open("r+b") as stream:
            stream.seek(place)
            stream.write(b"!")
        stage.rig.lab.gate_start()

    async with stage.during(change_a_byte, lambda: None):
        stage.saw(await warned(stage))
        await stage.costly_goes()
        (damage,) = verification(file).damages
        said = stage.rig.lab.gate_exec("callgate", "--language", "en", "journal", "verify")
        assert f"record {damage.number}," in said
    assert len(stage.rig.rows("call.granted")) == granted + 1
    assert verification(file).damages == (damage,), "behind it the chain is whole"


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        """Who vouches for the store; the gate finds its certificate beside the settings."""
        (tmp_path / "config").mkdir()
        return Authority(tmp_path / "config")

    @pytest.fixture
    def wire(self, store: FaultyStore, authority: Authority) -> Iterator[StoreWire]:
        """The road to the store's port for TLS; its certificate ends in 20 days."""
        port = free_port()
        show(store, authority, datetime.now(UTC) + WARNED_BEFORE - timedelta(days=10))
        store.ask("CONFIG", "SET", "tls-port", port)
        with StoreWire((HOST, port)) as wire:
            yield wire

    @pytest.fixture
    def extra(self, wire: StoreWire) -> practice.Practice:
        """The gate speaks TLS with it."""
        return practice.Practice(redis=f"{wire.url.replace('redis', 'rediss')}?ssl_ca_certs=/etc/callgate/{AUTHORITY}")

    @proves(74)
    async def test_a_certificate_is_warned_of_a_month_before_and_ended_it_costs_nothing_but_the_costly_calls(
        self, stage: Stage, authority: Authority
    ) -> None:
        def end() -> None:
            show(stage.store, authority, datetime.now(UTC) - timedelta(days=1))
            stage.wire.cut()  # connections that are up outlive it

        def renew() -> None:
            show(stage.store, authority, datetime.now(UTC) + timedelta(days=90))

        await stage.costly_goes()
        stage.saw(await warned(stage))
        async with stage.during(end, renew):
            await stage.contract(Reason.LEDGER_UNAVAILABLE)
            stage.rig.lab.gate_reload()  # the next worker looks at once, and not within a minute
            said = "not taken: certificate has expired"
            await asyncio.to_thread(wait_for, lambda: said in stage.rig.rows(WARNING)[-1].note, RELOADED_WITHIN_S)
            assert said in status(stage)
        await stage.recovers()


def show(store: FaultyStore, authority: Authority, ends: datetime) -> None:
    """Have the store show a certificate that ends then."""
    issued = authority.issue("server", bridge_address(), ends)
    store.ask("CONFIG", "SET", *(word for setting in issued.items() for word in setting))


DAMAGED = {
    "a syntax error": "[countries\n",
    "an unknown country": practice.preset().replace('"FR"', '"XX"', 1),
    "a negative limit": practice.with_table(practice.preset(), "ceilings.costly", 'day = "-1.00"'),
}


@proves(15)
@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
async def test_a_policy_with_a_mistake_is_refused_and_the_last_good_one_stays(stage: Stage, text: str) -> None:
    """By whoever checks or applies it, by the gate that starts over it, and by one that finds it in the store."""
    lab, file = stage.rig.lab, config(stage, "policy.toml")
    good = stage.rig.config.policy
    stage.rig.apply_policy(practice.with_table(good, "numbers", f'always_refuse = ["{FORBIDDEN}"]'))

    def damage() -> None:
        file.write_text(text)

    def say(words: str) -> str:
        return lab.gate_exec("sh", "-c", f"callgate --language en policy {words}; echo exit $?")

    async with stage.during(damage, lambda: file.write_text(good)):
        checked = say("validate /etc/callgate/policy.toml")
        for said in (checked, say("apply /etc/callgate/policy.toml --reason test")):
            assert "exit 0" not in said
            assert "policy.toml" in said, said
        assert (await stage.dial(PARIS)).refused
        assert stage.rig.last_row("call.refused").reasons == (Reason.NUMBER_REFUSED,)
        await stage.costly_goes()
    stage.saw(checked.splitlines()[0])


@proves(16)
async def test_a_policy_of_which_the_gate_has_kept_half_is_whole_again_as_soon_as_the_store_tells_it(
    stage: Stage,
) -> None:
    kept = stage.rig.lab.folder / "state" / f"policy-{practice.CLINIC}.json"
    stage.rig.apply_policy(practice.with_table(stage.rig.config.policy, "numbers", f'always_refuse = ["{FORBIDDEN}"]'))
    assert (await stage.dial(PARIS)).refused
    await asyncio.to_thread(wait_for, lambda: FORBIDDEN in kept.read_text("utf-8"))
    whole = kept.read_bytes()

    def cut_off() -> None:
        stage.rig.lab.gate_stop()
        kept.write_bytes(whole[: len(whole) // 2])
        stage.rig.lab.gate_start()

    async with stage.during(cut_off, lambda: None):
        assert (await stage.dial(PARIS)).refused
        assert stage.rig.last_row("call.refused").reasons == (Reason.NUMBER_REFUSED,)
        await stage.costly_goes()
    await asyncio.to_thread(wait_for, lambda: kept.read_bytes() == whole)
    stage.saw(f"{len(whole)} bytes, of which half were left")
