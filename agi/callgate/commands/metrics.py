"""`callgate status --metrics`: the status as Prometheus reads it, for the textfile collector of node_exporter.

Whoever reads metrics may read who calls whom in none of them: no number, no extension and nothing that a person wrote
is a label. What is not known has no line, so that nobody takes a 0 for an answer. English only: machines read it.
"""

import re
from collections.abc import Callable, Iterator

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from callgate.commands.daemon import ControlStatus, GateState
from callgate.commands.status import ClinicStatus, Status
from callgate.core.hold import Window
from callgate.core.limits import PurseKind
from callgate.core.money import MICROS_PER_UNIT
from callgate.screening import leaks

_CAUSES = {
    "unsafe_store": re.compile(r"^(?!no answer \(|frozen \()."),
    "no_answer": re.compile(r"(?:^|; )no answer \("),
    "frozen": re.compile(r"(?:^|; )frozen \("),
}
"""The kinds of condition, by how its note begins or goes on: `StoreWatch` writes what is unsafe before all else."""

_OF_CLINIC: dict[str, tuple[str, Callable[[ClinicStatus], int]]] = {
    "policy_revision": ("The revision of the policy in force, 0 for none.", lambda clinic: clinic.policy_revision),
    "locks": ("How many locks are in force.", lambda clinic: len(clinic.locks)),
    "live_holds": ("How many holds have not ended.", lambda clinic: clinic.live_holds),
    "frozen": ("Whether the ledger lost entries and refuses costly calls.", lambda clinic: bool(clinic.frozen)),
    "ledger_wall_ahead_seconds": (
        "How far the clock of the ledger's server is ahead of the ledger's own.",
        lambda clinic: clinic.wall_ahead_s,
    ),
}

_WHOLE = frozenset(PurseKind)
"""Purses without a detail: behind the colon of the others stands an extension, a country or a number's tag."""

_ROLLING = (Window.HOUR, Window.DAY, Window.WEEK)


class _StatusCollector:
    """Gives the library a status."""

    def __init__(self, found: Status) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """See the library."""
        yield from _of_gate(self._found)
        if self._found.gate is GateState.UP:
            yield from _declared(self._found)
        if self._found.control is not ControlStatus.NONE:
            yield from _of_control(self._found)
        known = {
            _label(clinic, place): clinic
            for place, clinic in enumerate(self._found.clinics, start=1)
            if clinic.ledger == "up"
        }
        for name, (about, figure) in _OF_CLINIC.items():
            family = GaugeMetricFamily(f"callgate_{name}", about, labels=("clinic",))
            for label, clinic in known.items():
                family.add_metric((label,), figure(clinic))
            yield family
        yield from _money(known)


def metrics_text(found: Status) -> str:
    """Write a status as metrics, without the end of the last line."""
    return generate_latest(_StatusCollector(found)).decode().rstrip("\n")


def _of_gate(found: Status) -> Iterator[Metric]:
    yield _gauge("well", "Whether all that is set up does its work: the exit code is 0.", found.is_well)
    yield _gauge("gate_up", "Whether the gate answers.", found.gate is GateState.UP)
    yield _gauge("ledger_up", "Whether the ledger answers for every clinic.", found.ledger == "up")
    yield _gauge(
        "journal_used_ratio", "How much of the room it may take the journal has taken.", found.journal_percent / 100
    )
    if found.sync_p99_ms:
        about = "How slow the disk was when the gate started, 99th percentile of a write."
        yield _gauge("sync_p99_seconds", about, found.sync_p99_ms / 1000)


def _declared(found: Status) -> Iterator[Metric]:
    about = "Whether the gate declares that its store may not be relied on, by cause."
    degraded = GaugeMetricFamily("callgate_degraded", about, labels=("cause",))
    for cause, pattern in _CAUSES.items():
        degraded.add_metric((cause,), pattern.search(found.condition) is not None)
    yield degraded
    yield _gauge("warning", "Whether the gate declares what stops no call yet.", bool(found.warning))


def _of_control(found: Status) -> Iterator[Metric]:
    yield _gauge("control_up", "Whether control is linked to Asterisk.", found.control is ControlStatus.UP)
    about = "Calls that no grant covered, since the gate started."
    yield CounterMetricFamily("callgate_ungated_calls", about, value=found.ungated)
    about = "Calls that no grant covered and that were answered, also in earlier runs."
    yield CounterMetricFamily("callgate_escaped_calls", about, value=found.escaped)


def _money(known: dict[str, ClinicStatus]) -> Iterator[Metric]:
    labels = ("clinic", "purse", "currency")
    held = GaugeMetricFamily("callgate_held_amount", "What live holds set aside.", labels=labels)
    spent = GaugeMetricFamily("callgate_spent_amount", "What was spent, by rolling window.", labels=(*labels, "window"))
    for label, clinic in known.items():
        for name, micros in clinic.purses.items():
            if name in _WHOLE:
                of = (label, name, clinic.currency)
                held.add_metric(of, micros["held"] / MICROS_PER_UNIT)
                for window in _ROLLING:
                    spent.add_metric((*of, window), micros[window] / MICROS_PER_UNIT)
    yield held
    yield spent


def _gauge(name: str, about: str, figure: float) -> Metric:
    return GaugeMetricFamily(f"callgate_{name}", about, value=figure)


def _label(clinic: ClinicStatus, place: int) -> str:
    """The name of a clinic, or its place in the settings if the name looks like a number; no name has that sign."""
    return f"#{place}" if any(leaks(clinic.clinic)) else clinic.clinic
