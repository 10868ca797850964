"""The local allowance: ordinary calls alone, counted, and never for a call with both ends outside."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callgate import lending
from callgate.core.allowance import LENT_SECONDS, Lent
from callgate.core.attempt import Origin
from callgate.gate import classify
from callgate.lending import Lending
from clinic_samples import CLINIC, NONCE, PARIS, POINTE_A_PITRE, TUESDAY_11, Site, open_site, policy_text, shared_by_one

THREE_CALLS_A_MINUTE = policy_text({"calls = 30": "calls = 3"})
ONE_EURO_AN_HOUR = policy_text({'total = "5.00"': 'total = "1.00"'})
OTHER_WORKER = """\
import fcntl, sys
fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)
print("it counts", flush=True)
sys.stdin.read()
"""


@dataclass(kw_only=True)
class Gate:
    """A gate without its ledger."""

    site: Site
    lending: Lending = field(default_factory=lambda: shared_by_one(Lending))

    def lends(
        self, dialled: str, *, at: datetime = TUESDAY_11, origin: Origin = Origin.EXTENSION, to: str = CLINIC
    ) -> str:
        """The grant id, or ""."""
        passage = self.site.passage(dialled, origin=origin)
        clinic = replace(self.site.shelf.clinic(CLINIC), name=to)
        found = self.lending.lend(passage.attempt, classify(passage, clinic, at), clinic, at)
        return found.grant_id if isinstance(found, Lent) else ""


@pytest.mark.parametrize(
    ("dialled", "origin", "goes"),
    [
        (PARIS, Origin.EXTENSION, True),
        (PARIS, Origin.FORWARDED, True),
        (PARIS, Origin.TRANSFERRED, True),
        (PARIS, Origin.UNKNOWN, True),
        (PARIS, Origin.EXTERNAL, False),
        ("03114", Origin.EXTENSION, True),
        (POINTE_A_PITRE, Origin.EXTENSION, False),
        ("00899701234", Origin.EXTENSION, False),
        ("0003225551212", Origin.EXTENSION, False),
        ("0abc", Origin.EXTENSION, False),
        ("101", Origin.EXTENSION, False),
    ],
)
def test_only_ordinary_calls_of_the_house_are_lent_to(
    tmp_path: Path, dialled: str, origin: Origin, *, goes: bool
) -> None:
    grant = Gate(site=open_site(tmp_path)).lends(dialled, origin=origin)
    assert grant == (f"local:{NONCE}.{int(TUESDAY_11.timestamp())}" if goes else "")


def test_calls_are_counted_in_each_span(tmp_path: Path) -> None:
    gate = Gate(site=open_site(tmp_path, THREE_CALLS_A_MINUTE))
    assert [bool(gate.lends(PARIS)) for _ in range(4)] == [True, True, True, False]
    assert gate.lends(PARIS, at=TUESDAY_11 + timedelta(seconds=60))


def test_money_is_counted_in_each_hour_at_the_whole_price_of_the_longest_call(tmp_path: Path) -> None:
    """A quarter of an hour to Paris is 0.30 at the shipped rate: three of them fit into a euro an hour."""
    assert LENT_SECONDS == 15 * 60
    gate = Gate(site=open_site(tmp_path, ONE_EURO_AN_HOUR))
    assert [bool(gate.lends(PARIS)) for _ in range(4)] == [True, True, True, False]
    assert not gate.lends(PARIS, at=TUESDAY_11 + timedelta(minutes=59))
    assert gate.lends(PARIS, at=TUESDAY_11 + timedelta(minutes=60))


def test_one_clinic_does_not_use_up_the_allowance_of_another(tmp_path: Path) -> None:
    gate = Gate(site=open_site(tmp_path, THREE_CALLS_A_MINUTE))
    assert [bool(gate.lends(PARIS)) for _ in range(4)] == [True, True, True, False]
    assert gate.lends(PARIS, to="cabinet-des-roses")


def test_a_clock_that_jumps_back_gives_no_fault(tmp_path: Path) -> None:
    gate = Gate(site=open_site(tmp_path))
    assert gate.lends(PARIS)
    assert gate.lends(PARIS, at=datetime(2020, 1, 1, tzinfo=UTC))


def test_a_must_reach_number_goes_whatever_is_left(tmp_path: Path) -> None:
    gate = Gate(site=open_site(tmp_path, THREE_CALLS_A_MINUTE))
    assert [bool(gate.lends(PARIS)) for _ in range(4)] == [True, True, True, False]
    assert gate.lends("03114")
    assert gate.lends("00140054848")


def test_all_workers_have_one_allowance_also_those_that_come_later(tmp_path: Path) -> None:
    """Each had one of its own, and another after each reload: eight of them lent eight times what the policy says."""
    file, site = os.memfd_create("lent"), open_site(tmp_path, THREE_CALLS_A_MINUTE)
    workers = [Gate(site=site, lending=Lending(file)) for _ in range(4)]
    assert [bool(worker.lends(PARIS)) for worker in workers] == [True, True, True, False]
    assert [bool(worker.lends(PARIS, to="cabinet-des-roses")) for worker in workers] == [True, True, True, False]
    os.close(file)


def test_a_worker_that_stops_while_it_counts_takes_no_other_along(tmp_path: Path) -> None:
    """The others waited for it without an end, and were killed as stuck, like it."""
    file = os.memfd_create("lent")
    gate = Gate(site=open_site(tmp_path), lending=Lending(file))
    words = [sys.executable, "-c", OTHER_WORKER, str(file)]
    with subprocess.Popen(words, pass_fds=(file,), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"it counts\n"
        assert [gate.lends(PARIS), bool(gate.lends("03114"))] == ["", True]
        other.communicate()
    assert gate.lends(PARIS)
    os.close(file)


def test_two_workers_do_not_count_the_same_call_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "LOCK_TRIES", 30_000)
    file = os.memfd_create("lent")
    gate = Gate(site=open_site(tmp_path), lending=Lending(file))
    words = [sys.executable, "-c", OTHER_WORKER, str(file)]
    with (
        subprocess.Popen(words, pass_fds=(file,), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
        ThreadPoolExecutor(1) as one,
    ):
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"it counts\n"
        lent = one.submit(gate.lends, PARIS)
        with pytest.raises(TimeoutError):
            lent.result(0.2)
        other.stdin.close()
        assert lent.result(30)
    os.close(file)
