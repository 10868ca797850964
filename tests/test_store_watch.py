"""A store that may lose what it acknowledged, is away or is frozen: costly calls stop, and it is said once."""

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from callgate.core.hold import FrozenCause
from callgate.core.reasons import Reason
from callgate.core.sighting import Seen
from callgate.core.verdict import Grant, Refusal
from callgate.journal import Journal, JournalRow
from callgate.ledger.address import StoreKind
from callgate.ledger.client import Access, connect
from callgate.ledger.permissions import store_rules
from callgate.store_watch import CHECK_PAUSE_S, CONDITION, DECK_OLD, WARNED_BEFORE, WARNING, StoreWatch
from certificate_samples import Authority
from clinic_samples import PARIS, POINTE_A_PITRE, Site, open_site, policy_text
from redis_server import RedisServer
from store_servers import HOST, StoreServer, free_port

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
OPEN = policy_text({'outside = "national"': 'outside = "as_open"'})


@dataclass(kw_only=True)
class Watched:
    """A site, the watch over its store, and a clock that goes forward when told to."""

    site: Site
    client: Redis
    watch: StoreWatch = field(init=False)
    now_s: float = 100.0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin with nothing in mind, as a gate that is started."""
        bookkeeper = self.site.bookkeeper
        self.watch = StoreWatch(
            client=self.client, bookkeeper=bookkeeper, clock=lambda: self.site.now, monotonic=lambda: self.now_s
        )

    @property
    def notes(self) -> list[str]:
        """What the journal says was wrong, one row after the other."""
        return self.told(CONDITION)

    def told(self, event: str) -> list[str]:
        """The notes of one event, one row after the other."""
        return [row.note for row in self.site.rows if row.event == event]


async def test_a_sound_store_is_trusted_and_nothing_is_written(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=site, client=client)
            assert not watched.watch.is_trusted(), "nobody has looked yet"
            await watched.watch.look()
            assert watched.watch.is_trusted()
    assert watched.notes == []


async def test_a_setting_that_is_weakened_while_the_gate_runs_is_found_within_a_minute_and_its_mending_in_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=open_site(tmp_path), client=client)
            await watched.watch.look()
            await client.config_set("appendfsync", "everysec")
            watched.now_s += CHECK_PAUSE_S - 1
            await watched.watch.look()
            assert watched.watch.is_trusted()
            watched.now_s += 1
            await watched.watch.look()
            await watched.watch.look()
            assert not watched.watch.is_trusted()
            await client.config_set("appendfsync", "always")
            await watched.watch.look()
            assert watched.watch.is_trusted()
    remedy = "CONFIG SET appendfsync always; CONFIG REWRITE"
    assert watched.notes == [f"appendfsync is everysec, not always: {remedy}", ""]
    assert capsys.readouterr().out.count("store.unsafe") == 1


async def test_over_a_network_nothing_is_held_by_a_user_who_may_do_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StoreServer(tmp_path / "store", *DURABLE) as server:
        server.ask("ACL", "SETUSER", "callgate", "on", "nopass", "~*", "+@all")
        # Linux connects it to this machine, and yet it is no address of the loopback.
        async with connect(f"redis://callgate@0.0.0.0:{server.port}") as client:
            watched = Watched(site=open_site(tmp_path), client=client)
            await watched.watch.look()
            await watched.watch.look()
            assert not watched.watch.is_trusted()
            server.ask("ACL", "SETUSER", "callgate", *store_rules(StoreKind.ONE))
            await watched.watch.look()
            assert watched.watch.is_trusted()
            server.ask("ACL", "SETUSER", "callgate", "-zadd")
            watched.now_s += CHECK_PAUSE_S
            await watched.watch.look()
            assert not watched.watch.is_trusted()
    told = [note.partition(":")[0] for note in watched.notes]
    excess = "allowed FLUSHALL, CONFIG SET, keys that are not cg"
    assert told == [f"user is {excess}", "", "user is refused zadd, not allowed what the gate needs"]
    assert capsys.readouterr().out.count("store.unsafe") == 2


async def test_over_an_unsafe_store_costly_calls_are_refused_and_ordinary_ones_go_by_their_allowance(
    tmp_path: Path,
) -> None:
    site = open_site(tmp_path, OPEN)
    await site.shelf.open()
    with RedisServer(tmp_path) as server:
        async with connect(server.url) as client:
            watched = Watched(site=site, client=client)
            await watched.watch.look()
            road = replace(site.gate, is_store_trusted=watched.watch.is_trusted)
            costly = await road.decide(site.passage(POINTE_A_PITRE), site.now)
            ordinary = await road.decide(site.passage(PARIS), site.now)
    assert isinstance(costly, Refusal)
    assert costly.reasons == (Reason.LEDGER_UNAVAILABLE,)
    assert isinstance(ordinary, Grant)
    assert ordinary.reasons == (Reason.LOCAL_ALLOWANCE,)


async def test_whoever_accepts_the_risk_has_calls_held_and_it_is_said_all_the_same(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    gate = msgspec.structs.replace(site.settings.gate, unsafe_store="accept")
    site.settings = msgspec.structs.replace(site.settings, gate=gate)
    with RedisServer(tmp_path) as server:
        async with connect(server.url) as client:
            watched = Watched(site=site, client=client)
            await watched.watch.look()
            assert watched.watch.is_trusted()
    assert "appendonly is no, not yes" in watched.notes[0]


async def test_a_store_that_stops_answering_stays_what_it_was_and_is_said_to_be_away(tmp_path: Path) -> None:
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=open_site(tmp_path), client=client)
            await watched.watch.look()
            bookkeeper = watched.watch.bookkeeper
            server.freeze()
            watched.now_s += CHECK_PAUSE_S
            bookkeeper.silent.update({f"clinic-{number}": "timeout" for number in range(5)})
            await watched.watch.look()
            assert watched.watch.is_trusted()
            server.thaw()
            bookkeeper.silent.clear()
            await watched.watch.look()
    assert watched.notes == ["no answer (timeout): clinic-0, clinic-1, clinic-2 and 2 more", ""]


async def test_what_an_earlier_run_left_declared_is_taken_back_when_it_is_over(tmp_path: Path) -> None:
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=open_site(tmp_path), client=client)
            watched.watch.bookkeeper.silent["a"] = "connection"
            await watched.watch.look()
            watched.start()
            await watched.watch.look()
    assert watched.notes == ["no answer (connection): a", ""]


async def test_a_ledger_that_is_frozen_is_said_to_be(tmp_path: Path) -> None:
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=open_site(tmp_path), client=client)
            journal = watched.site.journal
            journal.witness("a", Seen(epoch="e", mine=3), None)
            journal.freeze("a", FrozenCause.REGRESSED)
            await watched.watch.look()
    assert watched.notes == [f"frozen ({FrozenCause.REGRESSED.value}): a"]


async def test_a_store_that_was_never_there_is_not_trusted_and_told_apart_from_a_weak_one(tmp_path: Path) -> None:
    async with connect(f"unix://{tmp_path}/nobody.sock") as client:
        watched = Watched(site=open_site(tmp_path), client=client)
        await watched.watch.look()
        assert not watched.watch.is_trusted()
        assert "check address" in watched.notes[0]
        watched.watch.bookkeeper.silent["a"] = "connection"
        await watched.watch.look()
    assert watched.notes[1:] == ["no answer (connection): a"]


async def test_from_thirty_days_before_its_end_a_certificate_is_warned_of_and_no_more_once_it_was_renewed(
    tmp_path: Path,
) -> None:
    site, port, authority = open_site(tmp_path), free_port(), Authority(tmp_path)
    ends = (site.now + WARNED_BEFORE).replace(microsecond=0)

    def show(server: StoreServer, last: timedelta) -> None:
        issued = [word for setting in authority.issue("server", HOST, ends + last).items() for word in setting]
        server.ask("CONFIG", "SET", *issued, "tls-port", port)

    with StoreServer(tmp_path / "store", *DURABLE) as server:
        show(server, timedelta())
        async with connect(f"rediss://{HOST}:{port}", access=Access(ca=authority.file)) as client:
            watched = Watched(site=site, client=client)
            for later in (timedelta(), timedelta(minutes=1), WARNED_BEFORE):
                watched.site.now = site.now + later
                watched.now_s += CHECK_PAUSE_S
                await watched.watch.look()
            show(server, timedelta(days=90))
            watched.now_s += CHECK_PAUSE_S
            await watched.watch.look()
    certificate, day = f"the certificate of {HOST}:{port}", f"on {ends:%Y-%m-%d %H:%M} UTC: renew it"
    assert watched.told(WARNING) == [f"{certificate} ends {day}", f"{certificate} has ended {day}", ""]


async def test_a_certificate_that_is_not_taken_is_named_beside_the_silence_it_brings(tmp_path: Path) -> None:
    site, port, authority = open_site(tmp_path), free_port(), Authority(tmp_path)
    issued = authority.issue("server", HOST, site.now - timedelta(days=300))
    with StoreServer(tmp_path / "store", *DURABLE) as server:
        server.ask("CONFIG", "SET", *(word for setting in issued.items() for word in setting), "tls-port", port)
        async with connect(f"rediss://{HOST}:{port}", access=Access(ca=authority.file)) as client:
            watched = Watched(site=site, client=client)
            await watched.watch.look()
    said = f"the certificate of {HOST}:{port} is not taken: certificate has expired; give it another"
    assert watched.told(WARNING) == [said]


async def test_a_journal_that_was_damaged_is_an_alarm_that_says_where_and_new_rows_go_on_behind_it(
    tmp_path: Path,
) -> None:
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=open_site(tmp_path), client=client)
            journal = watched.site.journal
            refused = JournalRow(at=watched.site.now, event="call.refused", clinic="", call="")
            for call in "abc":
                await journal.write(msgspec.structs.replace(refused, call=call), durable=True)
            journal.close()
            damage_a_row(journal)
            await journal.write(msgspec.structs.replace(refused, call="d"), durable=True)
            await watched.watch.look()
    (said,) = watched.told(WARNING)
    assert said.startswith("the journal was damaged at record ")
    assert said.endswith("(damaged): callgate journal verify")
    assert [row.call for row in watched.site.rows if row.event == "call.refused"] == ["a", "c", "d"]


def damage_a_row(journal: Journal) -> None:
    """Change one letter of the row of call b."""
    content = journal.file.read_bytes()
    place = content.index(b'"call":"b"')
    with journal.file.open("r+b") as stream:
        stream.seek(place)
        stream.write(b"!")


@pytest.mark.parametrize(("older", "is_said"), [(timedelta(), False), (timedelta(days=1), True)])
async def test_a_rate_deck_that_nobody_has_touched_for_half_a_year_is_to_be_compared_with_the_operators_prices(
    tmp_path: Path, older: timedelta, *, is_said: bool
) -> None:
    site, deck = open_site(tmp_path), tmp_path / "rates.csv"
    written = site.now - DECK_OLD - older
    os.utime(deck, (written.timestamp(), written.timestamp()))
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=site, client=client)
            await watched.watch.look()
            deck.unlink()
            watched.now_s += CHECK_PAUSE_S
            await watched.watch.look()
    said = f"the rate deck {deck} is as it was on {written:%Y-%m-%d}: compare it with the operator's prices"
    assert watched.told(WARNING) == [said, ""] * is_said


async def test_a_call_that_cost_more_than_was_held_is_an_alarm_that_names_its_grant(tmp_path: Path) -> None:
    with RedisServer(tmp_path, *DURABLE) as server:
        async with connect(server.url) as client:
            watched = Watched(site=open_site(tmp_path), client=client)
            watched.watch.bookkeeper.overran.extend(("first", "second"))
            await watched.watch.look()
    assert watched.told(WARNING) == ["more was spent than was held, so Asterisk cut too late: first, second"]
