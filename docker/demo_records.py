"""What the lab wrote down about one call: the gate's journal, and, while no gate answers, Asterisk's spool."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from callgate.core.reasons import Reason
from callgate.core.wire import mask
from callgate.journal import JOURNAL_FILE, JournalRow, rows_in
from callgate.spool import LocalGrant, LocalRefusal, parse_line
from demo_call import Verdict
from lab import Lab

_JOURNAL = f"/var/lib/callgate/{JOURNAL_FILE}"
_VERDICTS = {"call.granted": Verdict.GRANTED, "call.refused": Verdict.REFUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The verdict on one call as it was written down."""

    verdict: Verdict
    reason: Reason | None = None
    grant: str = ""
    held_micros: int | None = None


def journal(lab: Lab) -> list[JournalRow]:
    """Every row of the gate's journal; its container must run, the gate may be frozen."""
    # Its bytes are none for a terminal, and only the gate's user may read it. No journal yet is no row.
    encoded = lab.gate_exec("sh", "-c", f"test ! -e {_JOURNAL} || base64 {_JOURNAL}")
    return [row for row, _ in rows_in(io.BytesIO(base64.b64decode(encoded)))]


def spool(lab: Lab) -> list[str]:
    """Every line that Asterisk has written for the gate."""
    file = lab.folder / "spool" / "calls.log"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def in_journal(rows: Sequence[JournalRow], extension: str, dialled: str) -> Record | None:
    """Find the last verdict on what a phone dialled: the one on the trunk that was tried last."""
    for row in reversed(rows):
        verdict = _VERDICTS.get(row.event)
        if verdict is not None and (row.extension, row.dialled) == (extension, mask(unquote(dialled))):
            reason = row.reasons[0] if verdict is Verdict.REFUSED else None
            held_micros = row.held_micros if verdict is Verdict.GRANTED else None
            return Record(verdict=verdict, reason=reason, grant=row.grant, held_micros=held_micros)
    return None


def in_spool(lines: Sequence[str], extension: str) -> Record | None:
    """Find the last verdict that the dialplan gave a phone by itself."""
    for line in reversed(lines):
        match parse_line(line):
            case LocalGrant(extension=found, grant=grant) if found == extension:
                return Record(verdict=Verdict.ALLOWANCE, grant=grant)
            case LocalRefusal(extension=found, reason=reason) if found == extension:
                return Record(verdict=Verdict.REFUSED, reason=reason)
            case _:
                pass
    return None


def settlement(rows: Sequence[JournalRow], grant: str) -> JournalRow | None:
    """Find how a call was booked, once it was."""
    return next((row for row in rows if (row.event, row.grant) == ("call.settled", grant)), None)
