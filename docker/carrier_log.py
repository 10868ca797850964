"""The carrier's log as values: written by `fake_carrier`, read by the lab, one JSON object a line."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierEvent:
    """One line of the log.

    Fields:
        at: seconds since 1970.
        event: ready, invite, ringing, answered, ack, reinvite, cancel, bye, ended or rules_unreadable.
        trunk: such as ``carrier-a``.
        call_id: names the call on its trunk; the lines of one call share it.
        user: the called user part, percent escapes undone.
        request_uri: as it came, escapes and all.
        headers: of the INVITE, on its own line only; a header that came twice shows its last value.
        by: on ``ended``: "asterisk" or "carrier".
        code: on ``ended``: 200 for a BYE, 487 for a CANCEL, else the status of the refusal.
        duration_s: on ``ended``: from our 200 to the BYE, received or sent; 0 if never answered.
        note: for a person.
    """

    at: float
    event: str
    trunk: str = ""
    call_id: str = ""
    user: str = ""
    request_uri: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    by: str = ""
    code: int = 0
    duration_s: float = 0.0
    note: str = ""

    def line(self) -> str:
        """The event as a line of the log; fields that say nothing are left out."""
        fields = {name: value for name, value in asdict(self).items() if value or name == "at"}
        if self.event == "ended":
            fields["duration_s"] = self.duration_s
        return json.dumps(fields, ensure_ascii=True) + "\n"


def read_log(path: Path, start: int = 0) -> list[CarrierEvent]:
    """Read a log that may still be written to; none yet is an empty one, and a line without its end does not count.

    Args:
        path: the log.
        start: the byte to begin at, where a line begins.
    """
    if not path.exists():
        return []
    with path.open("rb") as stream:
        stream.seek(start)
        whole, _, _ = stream.read().decode().rpartition("\n")
    return [CarrierEvent(**json.loads(line)) for line in whole.splitlines()]
