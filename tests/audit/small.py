"""A small Asterisk with two telephones and a trunk, its gate in order; a test changes what it is about."""

from collections.abc import Mapping
from pathlib import Path

from callgate.audit.rules import Finding, Severity
from callgate.audit.survey import Known, Report, survey

GATE = """\
; callgate: a short stand-in
[gate]
include => callgate-emergency-gate
include => callgate-number-gate
[callgate-number-gate]
exten => _[0-9+*#]!,1,Goto(callgate-road,s,1)
[callgate-emergency-gate]
exten => 15,1,Goto(callgate-emergency-dial-gate,15,1)
exten => 112,1,Goto(callgate-emergency-dial-gate,112,1)
[callgate-emergency-dial-gate]
exten => _1X!,1,Dial(PJSIP/${EXTEN}@carrier,120)
[callgate-road]
exten => s,1,Gosub(callgate-ask,s,1)
 same => n,Dial(PJSIP/${CALLGATE_NUMBER}@carrier,60)
[callgate-ask]
exten => s,1,AGI(agi://127.0.0.1:4599/v1)
 same => n,Return()
"""
PJSIP = """\
[21]
type = endpoint
context = phones
rewrite_contact = yes
auth = 21
aors = 21
[21]
type = auth
username = 21
password = Lk9-turm-4Vx
[21]
type = aor
max_contacts = 1
[carrier]
type = endpoint
context = incoming
outbound_auth = carrier
aors = carrier
[carrier]
type = aor
contact = sip:192.0.2.1
"""
EXTENSIONS = """\
#tryinclude "callgate.conf"
[phones]
include => house
include => gate
[house]
exten => 21,1,Dial(PJSIP/21,20,i)
[incoming]
exten => 0142000000,1,Goto(house,21,1)
"""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the small Asterisk with these files over it; a text that begins with + is added to the file."""
    quiet = f"[directories]\nastspooldir => {folder}/spool\n[options]\n"
    base = {"asterisk.conf": quiet, "callgate.conf": GATE, "extensions.conf": EXTENSIONS, "pjsip.conf": PJSIP}
    for name, text in {**base, **files}.items():
        added = text.startswith("+")
        (folder / name).write_text(base.get(name, "") + text[1:] if added else text, encoding="utf-8")
    return folder


def report_of(folder: Path, files: Mapping[str, str], known: Known | None = None) -> Report:
    """Audit the small Asterisk with these files over it."""
    return survey(write(folder, files), known)


def found(report: Report) -> list[Finding]:
    """What a reader would act upon: everything but the low."""
    return [finding for finding in report.findings if finding.severity is not Severity.LOW]
