"""Ways past the gate that nobody thought of: drawn at random, written into any context, found in every one."""

import random
from pathlib import Path

import pytest

from audit.seeds import SAMPLES, copy_of
from callgate.audit.dialplan import dialplan_of
from callgate.audit.lines import read_document
from callgate.audit.own import DIALPLAN
from callgate.audit.reach import is_own
from callgate.audit.survey import survey

HOLES = 20
"""In each sample."""
TRUNKS = {"plain": "PJSIP/{number}@carrier-b", "issabel": "SIP/operator/{number}"}
OTHERS = "PJSIP/{number}@operator"
NUMBERS = ("0612345678", "${{EXTEN}}", "${{EXTEN:1}}", "${{CALLERID(num)}}", "00${{ODBC_NUMBER()}}", "${{ARG1}}")
EXTENSIONS = ("_*9X.", "_*8!", "*77", "_*6XXX", "i", "s", "t")
DIALLED = (
    "exten => {at},1,Dial({to})",
    "exten => {at},1,Dial(PJSIP/nobody&{to},30,r)",
    "exten => {at},1,TryExec(Dial({to},60))",
    "exten => {at},1,ExecIf($[${{RAND(0,9)}} > 3]?Dial({to}))",
    "exten => {at},1,Set(__HERE={to})\n same => n,Dial(${{HERE}},60)",
    "exten => {at},1,Gosub(drawn-{id},s,1({to}))\n[drawn-{id}]\nexten => s,1,Dial(${{ARG1}})",
    "exten => {at},1,Macro(drawn-{id},{to})\n[macro-drawn-{id}]\nexten => s,1,Dial(${{ARG1}},20)",
    "exten => {at},1,Goto(drawn-{id},s,go)\n[drawn-{id}]\nexten => s,1,Hangup()\n same => n(go),Dial({to})",
    "exten => {at},1,GotoIf($[1]?drawn-{id},1,1:drawn-{id},2,1)\n[drawn-{id}]\nexten => _[12],1,RetryDial(a,1,1,{to})",
    "exten => {at},1,Dial(Local/${{EXTEN}}@drawn-{id}/n)\n[drawn-{id}]\nexten => _!,1,Dial({to})",
    "include => drawn-{id}\n[drawn-{id}]\nexten => {at},1,Originate({to},app,Wait,9)",
    "exten => {at},1,Dial(${{IF($[${{A}}]?{to}:PJSIP/nobody)}})",
    "exten => {at},1,Page({to}&PJSIP/nobody)",
)


@pytest.mark.parametrize("sample", sorted(folder.name for folder in SAMPLES.iterdir()))
def test_every_drawn_hole_is_found_in_the_file_it_was_written_into(sample: str, tmp_path: Path) -> None:
    chance = random.Random(f"holes in {sample}")
    document = read_document(copy_of(sample, tmp_path / "clean"), DIALPLAN)
    assert document is not None
    contexts = sorted(name for name in dialplan_of(document).contexts if not is_own(name))
    for number in range(HOLES):
        to = TRUNKS.get(sample, OTHERS).format(number=chance.choice(NUMBERS))
        to = to.replace("{{", "{").replace("}}", "}")
        hole = chance.choice(DIALLED).format(at=chance.choice(EXTENSIONS), to=to, id=number)
        context = chance.choice(contexts)
        folder = copy_of(sample, tmp_path / str(number))
        # First, as an override is read first: what is drawn may not be hidden by what is there.
        text = (folder / DIALPLAN).read_text(encoding="utf-8")
        (folder / DIALPLAN).write_text(f"[{context}]\n{hole}\n{text}", encoding="utf-8")
        last = hole.count("\n") + 2
        lines = {
            finding.place.line
            for finding in survey(folder).findings
            if finding.place.file == DIALPLAN and finding.rule.value.startswith(("ungated", "hook", "chosen"))
        }
        assert lines & set(range(2, last + 1)), (sample, context, hole)
