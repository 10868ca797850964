"""A slice of what `make fuzz` does ten million times: byte streams before the AGI session, and before a real daemon."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_agi import AgiSession
from fuzz import agi_run
from fuzz.agi_run import StreamReport
from fuzz.agi_trial import StreamFault, StreamOutcome, StreamTrial
from fuzz.conversations import conversation, pieces, stream
from fuzz.daemon_trial import DaemonReport, fuzz_daemon
from fuzz.fuzz_agi import FaultyStreamError, parts_of, try_bytes, write_corpus
from fuzz.memory import GROWTH_MAX_BYTES

SEED = "slice"
COUNT = 5_000
OVER_TCP = 400
TRIAL = StreamTrial()


@pytest.fixture(scope="module")
def report() -> StreamReport:
    """The slice, tried in process."""
    rng, found = Random(SEED), StreamReport()
    for _ in range(COUNT):
        data = stream(rng)
        found.add(TRIAL.run(pieces(rng, data)), data)
    return found


def test_five_thousand_spoiled_conversations_give_events_or_a_protocol_error_and_nothing_else(
    report: StreamReport,
) -> None:
    faults = {fault: count for fault, count in report.faults.items() if fault is not StreamFault.SLOW}
    assert not faults, report.examples


def test_the_streams_reach_whole_questions_and_every_kind_of_end(report: StreamReport) -> None:
    assert {"passage", "request", "no request", "LimitExceededError", "request, MalformedReplyError"} <= {*report.kinds}
    assert report.kinds["passage"] > COUNT * 0.1


def test_what_asterisk_itself_says_is_a_question_of_our_dialplan() -> None:
    rng = Random(SEED)
    kinds = {TRIAL.run([conversation(rng)]).kind for _ in range(100)}
    assert kinds == {"passage"}


def test_a_real_gate_lets_each_stream_go_and_serves_the_next_call() -> None:
    found = fuzz_daemon(SEED, OVER_TCP)
    assert found.kinds.total() == OVER_TCP
    assert found.kinds["never ended"] == found.crashes == 0, found
    assert found.kinds["answered"]
    assert found.is_alive


@given(data=st.binary(max_size=300))
def test_whatever_bytes_come_and_however_they_are_cut_the_session_stands_it(data: bytes) -> None:
    try_bytes(data, TRIAL)
    assert b"".join(parts_of(data)) == data[1:]


def test_the_corpus_begins_with_conversations(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    kinds = {TRIAL.run(parts_of(path.read_bytes())).kind for path in tmp_path.iterdir()}
    assert "passage" in kinds


# What finds faults must find them.


def _raising(_session: AgiSession, _data: bytes) -> None:
    raise ValueError("x")


@pytest.mark.parametrize(
    ("method", "broken", "fault"),
    [("receive", _raising, StreamFault.EXCEPTION), ("_close", lambda _session: None, StreamFault.EXCEPTION)],
)
def test_a_session_that_raises_or_never_closes_is_found_out(
    method: str, broken: object, fault: StreamFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AgiSession, method, broken)
    outcome = TRIAL.run([conversation(Random(SEED))])
    assert outcome.fault is fault
    with pytest.raises(FaultyStreamError):
        try_bytes(b"\0x", TRIAL)


def test_a_session_that_hears_otherwise_when_cut_otherwise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = AgiSession.receive
    monkeypatch.setattr(AgiSession, "receive", lambda session, data: whole(session, data[:50]))
    single = [bytes([byte]) for byte in conversation(Random(SEED))]
    assert TRIAL.run(single).fault is StreamFault.CUT


def test_a_session_that_keeps_what_it_heard_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = AgiSession._close

    def keeps(session: AgiSession) -> None:
        closed(session)
        session._block.append("kept")

    monkeypatch.setattr(AgiSession, "_close", keeps)
    assert TRIAL.run([b"x"]).fault is StreamFault.KEPT


WELL = DaemonReport(is_alive=True)


@pytest.mark.parametrize(
    ("fault", "growth_bytes", "daemon", "is_well"),
    [
        (None, 4_999_999, WELL, True),
        *((fault, 0, WELL, False) for fault in StreamFault),
        (None, 5_000_000, WELL, False),
        (None, 0, DaemonReport(is_alive=False), False),
        (None, 0, DaemonReport(is_alive=True, late=1), False),
        (None, 0, DaemonReport(is_alive=True, latest_ping_s=1.0), False),
        (None, 0, DaemonReport(is_alive=True, crashes=1), False),
        (None, 0, DaemonReport(is_alive=True, growth_bytes=5_000_000), False),
    ],
)
def test_one_fault_of_any_kind_fails_the_run(
    fault: StreamFault | None, growth_bytes: int, daemon: DaemonReport, *, is_well: bool
) -> None:
    report = StreamReport()
    report.add(StreamOutcome(kind="any", seconds=0.0, fault=fault), b"x")
    assert agi_run.is_well(report, growth_bytes, daemon) is is_well
    assert str(fault) in "\n".join(agi_run.told(report, growth_bytes)) or fault is None


def test_the_runner_tries_each_stream_once_in_process_and_some_over_tcp(capsys: pytest.CaptureFixture[str]) -> None:
    report, growth_bytes = agi_run.fuzz_sessions(SEED, 300)
    assert report.kinds.total() == 300
    assert not report.faults
    assert growth_bytes < GROWTH_MAX_BYTES
    assert "300 of 300" in capsys.readouterr().err
