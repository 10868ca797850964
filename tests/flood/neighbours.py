"""What a flood of calls costs the others: the answers to another clinic and to national calls, without it and in it.

On a machine that others use the same gate differs from itself. So each stretch of the flood has a quiet one before it
and one behind it, and the two are shown side by side: what they differ by is no flood's doing.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import msgspec

from callgate.journal import JournalRow, read_rows
from callgate.journal_files import journal_bytes
from callgate.log_lines import KIND_LINES_MAX, WINDOW_S
from clinic_samples import BRUSSELS, CLINIC, PARIS, SETTINGS
from flood.caller import NO_VERDICT, PER_MINUTE, flooded_by, ready_caller
from flood.real_gate import ALWAYS_OPEN, RealGate, real_gate

OTHER = "cabinet-du-port"
OTHER_ENTRY = "other"
_CLINIC = f"""
[[clinic]]
name   = "{OTHER}"
policy = "other.toml"
rates  = "rates.csv"
"""
_ENTRY = f"""
[[entry]]
context        = "{OTHER_ENTRY}"
clinic         = "{OTHER}"
outside_prefix = "0"
trunks         = ["carrier-a"]
"""
JOURNAL_MAX_MIB = 16
"""As little as the settings allow; the neighbours' own rows fill most of it in floods of a minute and a half."""
_BOTH = f"{SETTINGS}{_CLINIC}{_ENTRY}".replace("[gate]", f"[gate]\njournal_max_mib = {JOURNAL_MAX_MIB}")
_OTHER_POLICY = ALWAYS_OPEN.replace(CLINIC, OTHER)
FLOODED = ("call.refused", "101")
STRETCH_S = 10
PROBES_A_SECOND = 20
WRITTEN_WITHIN_S = 30.0
POLL_S = 0.1
MIB = 1024 * 1024
NEIGHBOURS = {"another clinic": {"entry": OTHER_ENTRY, "dialled": PARIS}, "its own national calls": {"dialled": PARIS}}

Waits = dict[str, list[float]]
"""Milliseconds that answers took, by who asked."""


@contextmanager
def gate_of_two(folder: Path, *, workers: int = 1) -> Iterator[RealGate]:
    """A daemon that takes the calls of both clinics; it is ended when this is left."""
    (folder / "other.toml").write_text(_OTHER_POLICY, encoding="utf-8")
    with real_gate(folder, settings=_BOTH, workers=workers) as gate:
        yield gate


@dataclass(slots=True, kw_only=True)
class FloodReport:
    """What came of a flood.

    Fields:
        verdicts: how often the flood was granted or refused, by the first reason.
        before_ms, flooded_ms, behind_ms: how long the neighbours' answers took, in the flood and on both sides of it.
        cost_ms: processor time that the flood took, by whose, beyond what the neighbours take without it.
        counted: refusals that the journal's rows stand for. journal_bytes: how long those are.
        log_bytes: by how much the text log grew.
        disk_bytes: what all files of the journal take.
        log_lines, log_lines_max: of the event and clinic with the most lines in the text log, and how many it may have.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    before_ms: Waits = field(default_factory=lambda: {name: [] for name in NEIGHBOURS})
    flooded_ms: Waits = field(default_factory=lambda: {name: [] for name in NEIGHBOURS})
    behind_ms: Waits = field(default_factory=lambda: {name: [] for name in NEIGHBOURS})
    cost_ms: Counter[str] = field(default_factory=Counter)
    counted: int = 0
    journal_bytes: int = 0
    log_bytes: int = 0
    disk_bytes: int = 0
    log_lines: int = 0
    log_lines_max: int = 0

    @property
    def refused(self) -> int:
        """How many calls of the flood were refused."""
        return sum(number for verdict, number in self.verdicts.items() if verdict.startswith("refuse"))

    def wrong(self, ratio_max: float = math.inf) -> Iterator[str]:
        """What is not as it must be; the neighbours' waits are judged where there is a limit to their ratio."""
        if not 0 < self.refused <= self.counted <= self.refused + self.verdicts[NO_VERDICT]:
            yield "the journal does not count each refusal that was answered, and none that nobody asked for"
        if self.disk_bytes > JOURNAL_MAX_MIB * MIB:
            yield "the journal takes more than its quota"
        if self.log_lines > self.log_lines_max:
            yield "the text log has more lines of one kind than it may"
        for name in NEIGHBOURS:
            if (ratio := self.ratio(name)) > ratio_max:
                yield f"{name}: ratio {ratio:.2f}, and {ratio_max:.2f} is the limit"

    def ratio(self, name: str) -> float:
        """A neighbour's p99 in the flood as a multiple of that without it; infinite where nothing was measured."""
        quiet, flooded = self.before_ms[name] + self.behind_ms[name], self.flooded_ms[name]
        return of(0.99, flooded) / of(0.99, quiet) if quiet and flooded else math.inf

    def lines(self) -> list[str]:
        """Write it."""
        told = [f"  {number:>7,} {verdict}" for verdict, number in sorted(self.verdicts.items())]
        told.append(f"  refused {self.refused:,}, counted in the journal {self.counted:,}")
        if self.refused:
            journal, log = self.journal_bytes / self.refused, self.log_bytes / self.refused
            told.append(f"  for each refusal {journal:.0f} bytes of journal, {log:.0f} of text log")
        told.append(f"  the journal takes {self.disk_bytes / MIB:.1f} of {JOURNAL_MAX_MIB} MiB")
        told.append(f"  lines of one kind in the text log: {self.log_lines}, of at most {self.log_lines_max}")
        each = ", ".join(f"{whose} {ms / self.verdicts.total():.2f}" for whose, ms in self.cost_ms.items())
        told.append(f"  processor time for each call of the flood, ms: {each}")
        return [*told, *(f"  {name}: {self._waits(name)}" for name in NEIGHBOURS)]

    def _waits(self, name: str) -> str:
        before, flooded, behind = self.before_ms[name], self.flooded_ms[name], self.behind_ms[name]
        if not before or not flooded or not behind:
            return "no line was free for it, so nothing was measured"
        return (
            f"median {of(0.5, before + behind):.1f} ms without, {of(0.5, flooded):.1f} in the flood; "
            f"p99 {of(0.99, before):.1f} and {of(0.99, behind):.1f} ms without, {of(0.99, flooded):.1f} in the flood: "
            f"ratio {self.ratio(name):.2f}"
        )


def of(share: float, waits: list[float]) -> float:
    """The wait that this share of them did not exceed."""
    return sorted(waits)[int(len(waits) * share)]


async def flood(gate: RealGate, *, dialled: str, seconds: int) -> FloodReport:
    """Ask for the neighbours for three times so long; in the middle third of each stretch there is a flood."""
    report, began_s = FloodReport(), monotonic()
    log_bytes = gate.log.stat().st_size
    for began in range(0, seconds, STRETCH_S):
        length_s = min(STRETCH_S, seconds - began)
        caller = await ready_caller(gate, dialled, PER_MINUTE * length_s // 60)
        report.cost_ms.subtract(await _neighbours(gate, length_s, report.before_ms))
        flooding = asyncio.create_task(flooded_by(caller))
        report.cost_ms.update(await _neighbours(gate, length_s, report.flooded_ms))
        flooded = await flooding
        report.cost_ms["its caller"] += round(flooded.caller_ms)
        report.verdicts.update(flooded.verdicts)
        await _neighbours(gate, length_s, report.behind_ms)
    rows = await asyncio.to_thread(_written, gate, report.refused)
    report.counted = sum(row.count for row in rows)
    report.journal_bytes = sum(len(msgspec.json.encode(row)) for row in rows)
    report.log_bytes = gate.log.stat().st_size - log_bytes
    report.disk_bytes = journal_bytes(gate.journal)
    report.log_lines = _most_lines(gate)
    # The first window, and the last, need not be whole; each worker has windows of its own.
    report.log_lines_max = gate.workers * KIND_LINES_MAX * (int((monotonic() - began_s) // WINDOW_S) + 2)
    return report


def _most_lines(gate: RealGate) -> int:
    """How often the most frequent event of one clinic stands in the text log."""
    lines = (msgspec.json.decode(line) for line in gate.log.read_bytes().splitlines() if line.startswith(b"{"))
    return max(Counter((line["event"], line.get("clinic", "")) for line in lines).values())


def _written(gate: RealGate, refused: int) -> list[JournalRow]:
    """The rows of so many refusals, or what there is: a further worker's are in the journal a little later."""
    until = monotonic() + WRITTEN_WITHIN_S
    while True:
        rows = [row for row, _ in read_rows(gate.journal) if (row.event, row.extension) == FLOODED]
        if sum(row.count for row in rows) >= refused or monotonic() > until:
            return rows
        sleep(POLL_S)


async def _neighbours(gate: RealGate, seconds: int, waits: Waits) -> Counter[str]:
    """Ask for so long; returns what processor time the gate and its store took meanwhile, in ms.

    A call that finds its clinic's lines full waits as the flood does, and is none of those that are to wait no longer.
    """
    spent_ms, until = gate.spent_ms(), monotonic() + seconds

    async def ask(name: str, question: dict[str, str]) -> None:
        while (asked := monotonic()) < until:
            verdict: list[str] = []
            with suppress(OSError):
                verdict = await gate.ask(is_confirmed=False, passage=str(uuid4()), extension="190", **question)
            if verdict[1:2] == ["grant"]:
                waits[name].append((monotonic() - asked) * 1000)
            await asyncio.sleep(max(asked + 1 / PROBES_A_SECOND - monotonic(), 0))

    await asyncio.gather(*(ask(name, question) for name, question in NEIGHBOURS.items()))
    return gate.spent_ms() - spent_ms


FLOODS = {"refused calls abroad": BRUSSELS, "ordinary calls": PARIS}
"""What floods are made of."""
RATIO_MAX = {"refused calls abroad": 1.20}
"""What the neighbours' p99 may become, as a multiple; in other floods it is shown and not judged."""
