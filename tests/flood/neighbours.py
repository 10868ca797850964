"""What a flood of calls costs the others: the answers to another clinic and to national calls, without it and in it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from uuid import uuid4

from callgate.journal import read_rows
from clinic_samples import BRUSSELS, CLINIC, PARIS, SETTINGS
from flood.real_gate import ALWAYS_OPEN, RealGate

OTHER = "cabinet-du-port"
_CLINIC = f"""
[[clinic]]
name   = "{OTHER}"
policy = "other.toml"
rates  = "rates.csv"
"""
_ENTRY = """
[[entry]]
context        = "other"
clinic         = "cabinet-du-port"
outside_prefix = "0"
trunks         = ["carrier-a"]
"""
BOTH = f"{SETTINGS}{_CLINIC}{_ENTRY}"
OTHER_POLICY = ALWAYS_OPEN.replace(CLINIC, OTHER)
FLOODED = ("call.refused", "101")
PER_MINUTE = 10_000
PROBE_PAUSE_S = 0.1


@dataclass(slots=True, kw_only=True)
class FloodReport:
    """What came of a flood.

    Fields:
        verdicts: how often the flood was granted or refused, by the first reason.
        quiet_ms, flooded_ms: how long the neighbours' answers took, by who asked, without the flood and in it.
        counted: refusals that the journal's rows stand for. journal_bytes: by how much it grew in the flood.
        log_bytes: by how much the text log grew.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    quiet_ms: dict[str, list[float]] = field(default_factory=dict)
    flooded_ms: dict[str, list[float]] = field(default_factory=dict)
    counted: int = 0
    journal_bytes: int = 0
    log_bytes: int = 0

    @property
    def refused(self) -> int:
        """How many calls of the flood were refused."""
        return sum(number for verdict, number in self.verdicts.items() if not verdict.startswith("grant"))

    def lines(self) -> list[str]:
        """Write it."""
        told = [f"  {number:>7,} {verdict}" for verdict, number in sorted(self.verdicts.items())]
        told.append(f"  refused {self.refused:,}, counted in the journal {self.counted:,}")
        if self.refused:
            journal, log = self.journal_bytes / self.refused, self.log_bytes / self.refused
            told.append(f"  for each refusal {journal:.0f} bytes of journal, {log:.0f} of text log")
        for name, quiet in self.quiet_ms.items():
            before, after = _p99(quiet), _p99(self.flooded_ms[name])
            told.append(
                f"  {name}: p99 {before:.1f} ms without, {after:.1f} ms in the flood: ratio {after / before:.2f}"
            )
        return told


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


async def flood(gate: RealGate, *, dialled: str, seconds: int) -> FloodReport:
    """Ask for the neighbours for so long without a flood, then as long with one of `PER_MINUTE` calls."""
    report = FloodReport()
    report.quiet_ms = await _neighbours(gate, seconds)
    log_bytes, journal = gate.log.stat().st_size, list(read_rows(gate.journal))
    flooding = asyncio.create_task(_flood(gate, dialled, seconds, report))
    report.flooded_ms = await _neighbours(gate, seconds)
    await flooding
    rows = list(read_rows(gate.journal))
    report.counted = sum(row.count for row, _ in rows if (row.event, row.extension) == FLOODED)
    report.journal_bytes = rows[-1][1] - (journal[-1][1] if journal else 0)
    report.log_bytes = gate.log.stat().st_size - log_bytes
    return report


async def _neighbours(gate: RealGate, seconds: int) -> dict[str, list[float]]:
    asked = {"another clinic": {"entry": "other", "dialled": PARIS}, "its own national calls": {"dialled": PARIS}}
    taken: dict[str, list[float]] = {name: [] for name in asked}
    until = monotonic() + seconds
    while monotonic() < until:
        for name, question in asked.items():
            began = monotonic()
            await gate.ask(is_confirmed=False, passage=str(uuid4()), extension="190", **question)
            taken[name].append((monotonic() - began) * 1000)
        await asyncio.sleep(PROBE_PAUSE_S)
    return taken


async def _flood(gate: RealGate, dialled: str, seconds: int, report: FloodReport) -> None:
    began, asking = monotonic(), set()
    for number in range(PER_MINUTE * seconds // 60):
        await asyncio.sleep(max(began + number * 60 / PER_MINUTE - monotonic(), 0))
        task = asyncio.create_task(_one(gate, dialled, report))
        asking.add(task)
        task.add_done_callback(asking.discard)
    await asyncio.gather(*asking)


async def _one(gate: RealGate, dialled: str, report: FloodReport) -> None:
    verdict = await gate.ask(passage=str(uuid4()), dialled=dialled)
    report.verdicts[f"{verdict[1]} {verdict[6]}" if verdict else "no verdict"] += 1


FLOODS = {"refused calls abroad": BRUSSELS, "ordinary calls": PARIS}
"""What floods are made of."""
