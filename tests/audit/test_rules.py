"""Each rule has a configuration that breaks it, and each has one close to it that does not."""

from pathlib import Path

import pytest

from audit.small import EXTENSIONS, GATE, PJSIP, found, report_of
from callgate.audit.dialplan import dialplan_of
from callgate.audit.lines import parse_document
from callgate.audit.rules import SEVERITIES, Note, Rule
from callgate.audit.survey import Known

E = "extensions.conf"
"""What a test adds to it begins at line 9."""

Case = tuple[Rule, dict[str, str], str]

OUT = "[out]\nexten => _X.,1,Dial(PJSIP/06@carrier)\n"
MANAGER = "[general]\nenabled = yes\nbindaddr = 127.0.0.1\n"
BROKEN: list[Case] = [
    (Rule.UNGATED_INBOUND, {E: "+exten => 9,1,Dial(PJSIP/0612@carrier)\n"}, f"{E}:9"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(PJSIP/0612@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(PJSIP/21&PJSIP/0612@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,ExecIf($[1]?Dial(PJSIP/0612@carrier))\n"}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,RetryDial(busy,5,3,PJSIP/06@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(DAHDI/g1/0612)\n"}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(PJSIP/21,,G(out^s^1))\n[out]\nexten => s,1,NoOp\n"
     "exten => s,2,Dial(Dongle/d0/06)\n"}, f"{E}:13"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Goto(out,s,way)\n[out]\nexten => s,1,Hangup()\n"
     " same => n(way),Dial(PJSIP/06@carrier)\n"}, f"{E}:13"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(Local/5@out/n)\n[out]\n"
     "exten => 5,1,Dial(PJSIP/06@carrier)\n"},
     f"{E}:12"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Set(__TRANSFER_CONTEXT=out)\n[out]\n"
     "exten => _X.,1,Dial(PJSIP/${FILTER(0-9,${EXTEN})}@carrier)\n"}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {"voicemail.conf": "[default]\n21 => 7305,A,,,callback=out\n",
     E: "+[out]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => i,1,Dial(PJSIP/0612@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => _5X.,1,Gosub(sub,${EXTEN},1)\n same => n,Dial(PJSIP/06@carrier)\n"
     "[sub]\nexten => _X.,1,Return()\n"}, f"{E}:11"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(PJSIP/21,,U(out))\n[out]\n"
     "exten => s,1,Dial(PJSIP/06@carrier)\n"}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(PJSIP/21,,M(out))\n[macro-out]\n"
     "exten => s,1,Dial(PJSIP/06@carrier)\n"}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Dial(PJSIP/21,,b(out^go^1))\n[out]\n"
     "exten => go,1,Dial(PJSIP/06@carrier)\n"}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,BlindTransfer(5000,out)\n" + OUT}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,ChannelRedirect(${CHANNEL},out,5000,1)\n" + OUT}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,Directory(default,out)\n" + OUT}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {E: "+[house](+)\nexten => 9,1,MacroIf($[1]?out)\n[macro-out]\n"
     "exten => s,1,Dial(PJSIP/06@carrier)\n"}, f"{E}:12"),
    (Rule.UNGATED_DIAL, {"queues.conf": "[q]\ncontext = out\n", E: "+" + OUT}, f"{E}:10"),
    (Rule.UNGATED_DIAL, {"res_parking.conf": "[lot]\ncomebackcontext = out\n", E: "+" + OUT}, f"{E}:10"),
    (Rule.UNGATED_INBOUND, {"sip.conf": "[general]\ncontext = out\n", E: "+" + OUT}, f"{E}:10"),
    (Rule.OPEN_ANONYMOUS, {"sip.conf": "[general]\ncontext = phones\n"}, "sip.conf:1"),
    (Rule.UNGATED_UNUSED, {E: "+[test]\nexten => 9,1,Dial(PJSIP/0612@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_ADDRESS, {E: "+[house](+)\nexten => 9,1,Dial(SIP/me:Geheim99@sip.example/0612)\n"}, f"{E}:10"),
    (Rule.UNGATED_ORIGINATE, {E: "+[house](+)\nexten => 9,1,Originate(PJSIP/06@carrier,app,Echo)\n"}, f"{E}:10"),
    (Rule.UNGATED_QUEUE, {"queues.conf": "[q]\nmember => PJSIP/0612@carrier\n"}, "queues.conf:2"),
    (Rule.UNGATED_QUEUE, {E: "+[house](+)\nexten => 9,1,AddQueueMember(q,PJSIP/0612@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_PAGE, {E: "+[house](+)\nexten => 9,1,Page(PJSIP/21&PJSIP/0612@carrier)\n"}, f"{E}:10"),
    (Rule.UNGATED_FOLLOW_ME, {"followme.conf": "[21]\nnumber => PJSIP/0612@carrier,20\n"}, "followme.conf:2"),
    (Rule.UNGATED_FEATURE, {"features.conf": "[applicationmap]\nx => *7,self,Dial(PJSIP/06@carrier)\n"},
     "features.conf:2"),
    (Rule.CHOSEN_TARGET, {E: "+[house](+)\nexten => _9.,1,Dial(PJSIP/${EXTEN})\n"}, f"{E}:10"),
    (Rule.UNPROVEN_TARGET, {E: "+[house](+)\nexten => 9,1,Dial(${DB(way/out)}/0612)\n"}, f"{E}:10"),
    (Rule.UNPROVEN_TARGET, {E: "+[house](+)\nexten => 9,1,System(asterisk -rx 'channel originate PJSIP/06@carrier')\n"},
     f"{E}:10"),
    (Rule.NUMBER_UNCHECKED, {E: "+[house](+)\nexten => _9.,1,Gosub(callgate-ask,s,1)\n"
     " same => n,Dial(PJSIP/${EXTEN}@carrier)\n"},
     f"{E}:11"),
    (Rule.OPEN_ANONYMOUS, {"pjsip.conf": "+[anonymous]\ntype = endpoint\ncontext = phones\n"}, "pjsip.conf:24"),
    (Rule.OPEN_INBOUND, {E: "+include => gate\n"}, f"{E}:9"),
    (Rule.OPEN_INBOUND, {E: "+exten => _0X.,1,Goto(phones,${EXTEN},1)\n"}, f"{E}:9"),
    (Rule.OPEN_INBOUND, {E: "+exten => 7,1,Read(N)\n same => n,Goto(phones,${N},1)\n"}, f"{E}:10"),
    (Rule.DISA_OPEN, {E: "+exten => 7,1,DISA(no-password,house)\n"}, f"{E}:9"),
    (Rule.DISA_PIN, {E: "+exten => 7,1,DISA(739105,house)\n"}, f"{E}:9"),
    (Rule.OUTSIDER_TRANSFER, {E: "+exten => 7,1,Dial(PJSIP/21,20,rT)\n"}, f"{E}:9"),
    (Rule.OUTSIDER_TRANSFER, {E: "+exten => 7,1,Queue(q,T)\n"}, f"{E}:9"),
    (Rule.VOICEMAIL_PIN, {"voicemail.conf": "[general]\ndialout=house\n[default]\n21 => 1111,A\n"}, "voicemail.conf:4"),
    (Rule.GATE_MISSING, {"callgate.conf": "; callgate: nothing\n"}, f"{E}:0"),
    (Rule.GATE_FOREIGN, {E: "+[callgate-road](+)\nexten => 7,1,NoOp()\n"}, f"{E}:10"),
    (Rule.INCLUDE_UNGUARDED, {E: EXTENSIONS.replace("#tryinclude", "#include")}, f"{E}:1"),
    (Rule.LAST_RESORT_FIRST, {E: "+[more]\ninclude => callgate-last-resort\ninclude => gate\n"}, f"{E}:10"),
    (Rule.EMERGENCY_COLLISION, {E: "+[house](+)\nexten => _1[0-5]X,1,Dial(PJSIP/21)\n"}, f"{E}:10"),
    (Rule.UNREAD_PART, {E: "+[house](+)\nswitch => Realtime/@extensions\n"}, f"{E}:10"),
    (Rule.UNREAD_PART, {E: "+#exec /usr/bin/make-dialplan\n", "asterisk.conf": "+execincludes = yes\n"}, f"{E}:9"),
    (Rule.LOGIN_OPEN, {"pjsip.conf": PJSIP.replace("auth = 21\naors", "aors")}, "pjsip.conf:1"),
    (Rule.LOGIN_WEAK, {"pjsip.conf": PJSIP.replace("Lk9-turm-4Vx", "90817263544")}, "pjsip.conf:10"),
    (Rule.LOGIN_WEAK, {"manager.conf": f"{MANAGER}[me]\nsecret = amp111\nread = call\n"}, "manager.conf:5"),
    (Rule.MANAGER_EXPOSED, {"manager.conf": "[general]\nenabled = yes\n"}, "manager.conf:1"),
    (Rule.HTTP_EXPOSED, {"http.conf": "[general]\nenabled = yes\nbindaddr = ::\n"}, "http.conf:3"),
    (Rule.HTTP_EXPOSED, {"http.conf": "[general]\nenabled = yes\nbindaddr = ::1\ntlsenable = yes\n"
     "tlsbindaddr = 0.0.0.0\n"},
     "http.conf:5"),
    (Rule.LIVE_DANGEROUSLY, {"asterisk.conf": "+live_dangerously = yes\n"}, "asterisk.conf:4"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "files", "place"), BROKEN, ids=lambda part: part if isinstance(part, Rule) else None)
def test_a_broken_rule_is_the_only_finding_and_names_its_line(
    rule: Rule, files: dict[str, str], place: str, tmp_path: Path
) -> None:
    findings = found(report_of(tmp_path, files))
    assert [(finding.rule, f"{finding.place.file}:{finding.place.line}") for finding in findings] == [(rule, place)]


SOUND: list[tuple[str, dict[str, str]]] = [
    ("everything as it should be", {}),
    ("a helper that asks the gate and dials what was granted",
     {E: "+[house](+)\nexten => _9.,1,Gosub(callgate-ask,s,1)\n same => n,Dial(PJSIP/${CALLGATE_NUMBER}@carrier)\n"}),
    ("a question guarded by the gate being there",
     {E: "+[house](+)\nexten => _9.,1,GosubIf(${DIALPLAN_EXISTS(callgate-ask,s,1)}?callgate-ask,s,1)\n"
         " same => n,Dial(PJSIP/${CALLGATE_NUMBER}@carrier)\n"}),
    ("a way that is only taken where the gate is not there",
     {E: "+[house](+)\nexten => 9,1,GotoIf($[${DIALPLAN_EXISTS(callgate-ask,s,1)} = 0]?out,s,1)\n"
         " same => n,Hangup()\n[out]\nexten => s,1,Gosub(callgate-ask,s,1)\n same => n,Dial(PJSIP/06@carrier)\n"}),
    ("emergency numbers by hand", {E: "+[house](+)\nexten => 112,1,Dial(PJSIP/112@carrier)\n"}),
    ("whoever rings in may call for help", {E: "+include => callgate-emergency-gate\n"}),
    ("the last digits of a direct number name a telephone", {E: "+exten => _01420000XX,1,Dial(PJSIP/${EXTEN:-2})\n"}),
    ("a whole direct range", {E: "+exten => _01420000XX,1,Goto(phones,${EXTEN:8},1)\n"}),
    ("a follow-me number that goes by the gate", {"followme.conf": "[21]\ncontext => phones\nnumber => 0612345678\n"}),
    ("a queue of telephones", {"queues.conf": "[q]\nmember => PJSIP/21\nmember => Local/21@house/n\n"}),
    ("a telephone may transfer what comes in", {E: "+exten => 7,1,Dial(PJSIP/21,20,tk)\n"}),
    ("a weak PIN where nobody calls out", {"voicemail.conf": "[default]\n21 => 21,A\n"}),
    ("#exec that Asterisk itself ignores", {E: "+#exec /usr/bin/make-dialplan\n"}),
    ("a trunk's password is the operator's choice",
     {"pjsip.conf": "+[carrier]\ntype = auth\nusername = 0142\npassword = 1234\n"}),
    ("a telephone known by its address", {"pjsip.conf": PJSIP.replace("auth = 21\naors", "aors")
     + "[21]\ntype = identify\nendpoint = 21\nmatch = 192.0.2.9\n"}),
    ("AMI switched off", {"manager.conf": "[general]\nenabled = no\nbindaddr = 0.0.0.0\n[me]\nsecret = 1\n"}),
    ("a line commented out", {E: "+[house](+)\n;exten => 9,1,Dial(PJSIP/0612@carrier)\n"}),
    ("a block commented out", {E: "+[house](+)\n;-- exten => 9,1,NoOp()\nexten => 9,1,Dial(PJSIP/06@carrier)\n--;\n"}),
]  # fmt: skip


@pytest.mark.parametrize(("story", "files"), SOUND, ids=lambda part: part if isinstance(part, str) else None)
def test_what_is_in_order_is_left_alone(story: str, files: dict[str, str], tmp_path: Path) -> None:
    assert found(report_of(tmp_path, files)) == [], story


def test_a_folder_of_call_files_that_anybody_may_write_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "outgoing"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert [finding.rule for finding in found(report_of(tmp_path, {}))] == [Rule.CALL_FILE_FOLDER]
    folder.chmod(0o770)
    assert found(report_of(tmp_path, {})) == []


def test_users_of_this_machine_who_may_start_calls_are_told_without_alarm(tmp_path: Path) -> None:
    manager = (
        f"{MANAGER}[me]\nsecret = Qw7-herbst-2Zt\nwrite = originate\n[you]\nsecret = Qw7-winter-2Zt\nwrite = log\n"
    )
    ari = "[general]\nenabled = yes\n[me]\ntype = user\npassword = Qw7-sommer-2Zt\n"
    http = "[general]\nenabled = yes\nbindaddr = 127.0.0.1\n"
    report = report_of(tmp_path, {"manager.conf": manager, "ari.conf": ari, "http.conf": http})
    assert [finding.rule for finding in report.findings] == [Rule.ARI_ORIGINATE, Rule.MANAGER_ORIGINATE]
    assert not report.is_bad


def known(written: str = GATE, *entries: str) -> Known:
    return Known(
        trunks=("carrier",), entries=entries or ("gate",), written=dialplan_of(parse_document("callgate.conf", written))
    )


def test_the_gate_is_compared_with_what_callgate_writes_today(tmp_path: Path) -> None:
    assert found(report_of(tmp_path, {}, known())) == []
    for change in (("60)", "60,tT)"), ("exten => 112,1", "exten => 113,1")):
        [finding] = found(report_of(tmp_path, {"callgate.conf": GATE.replace(*change)}, known()))
        assert finding.rule is Rule.GATE_OUTDATED
    assert [f.rule for f in found(report_of(tmp_path, {}, known(GATE + "[callgate-new]\nexten => s,1,NoOp()\n")))] == [
        Rule.GATE_OUTDATED
    ]


def test_what_only_bears_a_name_of_callgates_is_not_trusted(tmp_path: Path) -> None:
    """Also in the last resort, which belongs into the installer's own file and dials without a question."""
    resort = "[callgate-last-resort]\nexten => 15,1,Dial(PJSIP/15@carrier,120)\n[callgate-last-resort-leg]\n"
    with_resort = known(GATE + resort)
    assert found(report_of(tmp_path, {}, with_resort)) == []
    assert found(report_of(tmp_path, {E: "+" + resort}, with_resort)) == []
    more = "[callgate-last-resort](+)\nexten => _00.,1,Dial(PJSIP/00@carrier)\n"
    [finding] = found(report_of(tmp_path, {E: f"+{resort}{more}"}, with_resort))
    assert (finding.rule, finding.place.line) == (Rule.GATE_OUTDATED, 13)
    more = "[callgate-mine]\nexten => _00.,1,Dial(PJSIP/00@carrier)\n"
    rules = {finding.rule for finding in found(report_of(tmp_path, {E: f"+{more}"}, known()))}
    assert rules == {Rule.GATE_OUTDATED, Rule.GATE_FOREIGN}


def test_an_entry_of_the_settings_that_is_nowhere_is_a_missing_gate(tmp_path: Path) -> None:
    [finding] = found(report_of(tmp_path, {}, known(GATE, "gate", "other")))
    assert (finding.rule, finding.subject) == (Rule.GATE_MISSING, "other")


def test_the_settings_say_which_lines_are_the_operators(tmp_path: Path) -> None:
    """Without them a trunk that does not log in looks like any device with a fixed address."""
    report = report_of(tmp_path, {"pjsip.conf": PJSIP.replace("outbound_auth = carrier\n", "")}, known())
    assert Note.TRUNKS_GUESSED not in {remark.note for remark in report.remarks}
    assert found(report) == []


def test_the_report_says_what_it_did_not_see(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"extensions.ael": "", "pjsip.conf": ""})
    assert {remark.note for remark in report.remarks} == {
        Note.NO_TRUNK,
        Note.GATE_NOT_COMPARED,
        Note.NOT_READ,
        Note.FOLDER_NOT_SEEN,
    }


def test_every_rule_has_a_severity_and_a_configuration_that_breaks_it() -> None:
    elsewhere = {
        Rule.HOOK_MISSING,
        Rule.HOOKLESS_TRUNK,
        Rule.CALL_FILE_FOLDER,
        Rule.CONTACT_ANYWHERE,
        Rule.MANAGER_ORIGINATE,
        Rule.PHONE_FORWARDS,
        Rule.ARI_ORIGINATE,
        Rule.GATE_OUTDATED,
    }
    assert set(SEVERITIES) == set(Rule)
    assert {rule for rule, _, _ in BROKEN} | elsewhere == set(Rule)
