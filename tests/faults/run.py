"""`make faults`: runs every proof of the fault matrix, prints the table and writes docs/faults.md."""

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import MappingProxyType

import pytest

from faults.elsewhere import NOT_STAGED, PROOFS
from faults.matrix import rows
from faults.stage import ADDED_MS, MEASURED
from practice import WORKERS

ROOT = Path(__file__).resolve().parent.parent.parent
OWN = "tests/faults"
_ABOUT_ALL = re.compile(r"; off Asterisk: rows [0-9, ]+")
"""What only a run of all rows can say; a page keeps it."""
INTRODUCTION = """\
# When things break

`make faults` brings each row of the fault matrix about, and writes this page: on a real Asterisk, with a real Redis and
a carrier that writes down every INVITE. The rows named below as off Asterisk are proven by tests of the part that meets
the fault. Under each fault of the stack emergency calls are placed, and afterwards the phones, the carrier's log, the
journal and the ledger are compared: help was reached; every costly call had a durable grant; every refusal that was
heard is in the journal; what was spent is booked, and within the ceilings.

*Added* is the time from the phone's INVITE to the carrier's, less that of an emergency call, which asks nobody. *Past
callgate* is a call for help by an extension that dials the line itself, right after that through callgate.
"""


@dataclass(kw_only=True)
class Proof:
    """What came of one test: which rows it proves, what it saw, and what callgate added to calls for help."""

    numbers: set[int]
    name: str
    on_asterisk: bool = True
    passed: bool = True
    seen: str = ""
    added_ms: tuple[float, ...] = ()


@dataclass(eq=False)
class Recorder:
    """A plugin of pytest that keeps what each test saw, by node id."""

    proofs: dict[str, Proof] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in one phase of one test."""
        told = {name: str(value) for name, value in report.user_properties}
        numbers = {row for row, places in PROOFS.items() if any(_is_at(report.nodeid, place) for place in places)}
        new = Proof(
            numbers=numbers, name=_sentence(report.nodeid), on_asterisk=report.nodeid.startswith((OWN, "tests/system/"))
        )
        proof = self.proofs.setdefault(report.nodeid, new)
        proof.numbers.update(map(int, told.get("fault", "").split()))
        proof.seen = told.get("seen", proof.seen)
        proof.added_ms = tuple(map(float, told["added"].split())) if "added" in told else proof.added_ms
        proof.passed = proof.passed and report.outcome == "passed"


def _is_at(node: str, place: str) -> bool:
    return node == place or node.startswith((f"{place}::", f"{place}["))


def _sentence(node: str) -> str:
    return node.rpartition("::")[2].partition("[")[0].removeprefix("test_").replace("_", " ")


def seen_of(proofs: list[Proof]) -> str:
    """Say what the tests of one row saw: figures, and how many checks of each other name passed."""
    figures = [proof.seen for proof in proofs if proof.seen]
    others = Counter(proof.name for proof in proofs if not proof.seen)
    return "; ".join(
        [*figures, *(f"{name}{f' ({count} times)' if count > 1 else ''}" for name, count in others.items())]
    )


def verdict_of(proofs: list[Proof]) -> str:
    """Judge one row: as required, not so, or not staged."""
    if not proofs:
        return "not staged"
    return "as required" if all(proof.passed for proof in proofs) else "NOT AS REQUIRED"


def former_rows(page: Path) -> dict[int, str]:
    """The lines that a page has, by row."""
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    return {int(found[1]): line for line in lines if (found := re.match(r"\| ([0-9]+) \|", line))}


def table(proofs: list[Proof], former: Mapping[int, str] = MappingProxyType({})) -> Iterator[str]:
    """Write the rows; of those that were not run now the former line, where there is one."""
    yield "| # | fault | required | seen | verdict |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows():
        own = [proof for proof in proofs if row.number in proof.numbers]
        if not own and row.number in former:
            yield former[row.number]
            continue
        waiting = "not run this time" if row.number in PROOFS else "no test yet"
        seen = seen_of(own) or NOT_STAGED.get(row.number, waiting)
        cells = (str(row.number), row.fault, row.required, seen, verdict_of(own))
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def off_asterisk(proofs: list[Proof]) -> list[int]:
    """Rows that no proof on a real Asterisk has."""
    on = {number for proof in proofs if proof.on_asterisk for number in proof.numbers}
    return sorted({number for proof in proofs for number in proof.numbers} - on)


def main(words: list[str]) -> int:
    """Run them all, or the tests named; gives the exit status of pytest."""
    parser = argparse.ArgumentParser(description="The fault matrix.")
    parser.add_argument("--write", type=Path, help="the page to write")
    parser.add_argument("tests", nargs="*", help="only these; the page keeps its other rows")
    arguments = parser.parse_args(words)
    os.environ[MEASURED] = "yes"
    recorder = Recorder()
    nodes = arguments.tests or [OWN, *sorted({place for places in PROOFS.values() for place in places})]
    status = pytest.main(["-q", "-p", "no:cacheprovider", *nodes], plugins=[recorder])
    former = former_rows(arguments.write) if arguments.tests and arguments.write else {}
    lines = list(table(list(recorder.proofs.values()), former))
    print("\n".join(lines))
    counts = Counter(line.rpartition(" | ")[2].removesuffix(" |") for line in lines[2:])
    summary = ", ".join(f"{count} rows {verdict}" for verdict, count in counts.most_common())
    added = [ms for proof in recorder.proofs.values() for ms in proof.added_ms]
    summary += f"; workers of the gate: {WORKERS}"
    if not arguments.tests:
        summary += f"; off Asterisk: rows {', '.join(map(str, off_asterisk(list(recorder.proofs.values()))))}"
        summary += f"; callgate added {median(added):+.1f} ms to an emergency call (median of {len(added)} pairs)"
    elif arguments.write and (kept := _ABOUT_ALL.search(arguments.write.read_text(encoding="utf-8"))):
        summary += kept[0]
    print(summary)
    if arguments.write:
        arguments.write.write_text("\n".join([INTRODUCTION, summary + ".", "", *lines, ""]), encoding="utf-8")
    return int(status) or int(bool(added) and median(added) > ADDED_MS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
