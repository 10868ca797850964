"""The dialplan as we read it from files is the one that a real Asterisk has in memory, step by step."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import practice
from asterisk_conf import AMI_PORT
from audit.seeds import SAMPLES, SEEDS, Seed, copy_of, plant
from audit.small import write
from callgate.audit.dialplan import Dialplan, dialplan_of, running_dialplan
from callgate.audit.lines import read_document
from callgate.audit.own import DIALPLAN
from callgate.audit.survey import survey
from callgate.errors import ConfigurationError
from lab import Lab
from lab_containers import wait_until

Event = dict[str, str]
Place = tuple[str, str, int]


def read_dialplan(folder: Path) -> Dialplan:
    document = read_document(folder, DIALPLAN)
    assert document is not None
    return dialplan_of(document)


def events_of(dialplan: Dialplan) -> Iterator[Event]:
    """What AMI's ShowDialPlan would say of a dialplan."""
    for step in dialplan.steps():
        told = {"ExtensionLabel": step.label} if step.label else {}
        yield {
            "Event": "ListDialplan",
            "Context": step.context,
            "Extension": step.extension,
            "Priority": str(step.priority),
            "Application": step.application,
            "AppData": step.arguments,
            **told,
        }
    for context in dialplan.contexts.values():
        yield from ({"Context": context.name, "IncludeContext": include.name} for include in context.includes)
        yield from ({"Context": context.name, "Switch": switch.name} for switch in context.switches)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.sample}: {seed.story}")
def test_the_running_dialplan_gives_the_same_findings_at_the_same_lines(seed: Seed, tmp_path: Path) -> None:
    folder = plant(seed, tmp_path)
    found = survey(folder, events=events_of(read_dialplan(folder))).findings
    assert found == survey(folder).findings


def test_a_hole_that_only_the_running_asterisk_has_is_found(tmp_path: Path) -> None:
    """Somebody added it on the console, or from a database."""
    event = {"Context": "house", "Extension": "9", "Priority": "1", "Application": "Dial", "AppData": "PJSIP/6@carrier"}
    switch = {"Context": "house", "Switch": "Realtime/@x"}
    folder = write(tmp_path, {})
    report = survey(folder, events=[*events_of(read_dialplan(folder)), event, switch])
    places = {(finding.rule.value, finding.place.file, finding.place.line) for finding in report.findings}
    assert places == {
        ("ungated_dial", "(running dialplan)", 0),
        ("unread_part", "extensions.conf", 5),
    }


def test_an_asterisk_without_any_dialplan_is_no_clean_one(tmp_path: Path) -> None:
    """It could not load its file, or is still starting: both times it answers without an error."""
    with pytest.raises(ConfigurationError, match="has no dialplan at all"):
        survey(write(tmp_path, {}), events=[])


@pytest.fixture(scope="module")
def bare_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(f"audit-{os.getpid()}", tmp_path_factory.mktemp("audit"))
    lab.start()
    yield lab
    lab.stop()


def show_dialplan(lab: Lab) -> list[Event]:
    """Ask the running Asterisk by AMI."""
    asked = f"Action: Login\r\nUsername: callgate\r\nSecret: {lab.secrets.manager}\r\nEvents: off\r\n\r\n"
    events: list[Event] = []
    with socket.create_connection((lab.asterisk_host, AMI_PORT), timeout=20) as link, link.makefile("rwb") as stream:
        stream.write(f"{asked}Action: ShowDialPlan\r\n\r\n".encode())
        stream.flush()
        event: Event = {}
        while event.get("Event") != "ShowDialPlanComplete":
            event = {}
            while line := stream.readline().decode().rstrip("\r\n"):
                name, _, value = line.partition(": ")
                event[name] = value
            events += [event] if event.get("Event") == "ListDialplan" else []
    return events


@pytest.mark.system
@pytest.mark.parametrize("sample", sorted(folder.name for folder in SAMPLES.iterdir()))
def test_asterisk_reads_a_configuration_as_we_do(sample: str, tmp_path: Path, bare_lab: Lab) -> None:
    folder = copy_of(sample, tmp_path)
    files = read_dialplan(folder)
    for file in folder.rglob("*.conf"):
        if "extensions" in str(file.relative_to(folder)) or file.name == "callgate.conf":
            bare_lab.copy_to_asterisk(str(file.relative_to(folder)), file.read_bytes())
    bare_lab.asterisk_cli("dialplan", "reload")
    events = show_dialplan(bare_lab)
    running = running_dialplan(events)
    assert steps(running, files) == steps(files, files)
    assert {name: includes(running, name) for name in files.contexts} == {
        name: includes(files, name) for name in files.contexts
    }
    labels = labels_of(running)
    assert labels == {place: label for place, label in labels_of(files).items() if place in labels}
    assert survey(folder, events=events).findings == survey(folder).findings


def steps(dialplan: Dialplan, among: Dialplan) -> dict[Place, tuple[str, str]]:
    """Every step of contexts that the files have; Asterisk's modules add some of their own."""
    return {
        (step.context, step.extension, step.priority): (step.application, step.arguments)
        for step in dialplan.steps()
        if step.context in among.contexts and step.application
    }


def includes(dialplan: Dialplan, name: str) -> list[str]:
    return [include.name for include in dialplan.contexts[name].includes] if name in dialplan.contexts else []


def labels_of(dialplan: Dialplan) -> dict[Place, str]:
    return {(step.context, step.extension, step.priority): step.label for step in dialplan.steps() if step.label}


@pytest.fixture(scope="module")
def practice_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The practice with its link to Asterisk, its dialplan written by the callgate that audits it."""
    folder = tmp_path_factory.mktemp("audited")
    lab = practice.lab(f"audited-{os.getpid()}", folder, practice.Practice(control=True))
    lab.start()
    lab.copy_to_asterisk("callgate.conf", lab.gate_exec("callgate", "dialplan") + "\n")
    lab.asterisk_cli("dialplan", "reload")
    yield lab
    lab.stop()


def audited(lab: Lab, *words: str) -> set[tuple[str, str, str]]:
    """What an installer finds who audits a copy of the configuration, beside the gate and as its user."""
    shutil.copytree(lab.folder / "etc", lab.folder / "state" / "asterisk", dirs_exist_ok=True)
    told = lab.gate_exec("callgate", "--language", "en", "audit", "--config", "asterisk", "--json", *words)
    assert told.startswith("{"), told
    findings = msgspec.json.decode(told)["findings"]
    return {(found["rule"], found["file"], found["subject"]) for found in findings}


OF_THE_LAB = {
    ("manager_exposed", "manager.conf", "0.0.0.0"),
    ("manager_originate", "manager.conf", "callgate"),
    ("manager_originate", "manager.conf", "callgate-control"),
}
"""Its manager interface is open to the tests, and may do everything."""


@pytest.mark.system
def test_what_was_typed_into_a_running_asterisk_is_found_and_nothing_else(practice_lab: Lab) -> None:
    """With the account of asterisk-conf/manager-callgate.conf, which has no right for more."""
    assert audited(practice_lab) == audited(practice_lab, "--ami") == OF_THE_LAB
    holes = {
        "0800,1,Dial,PJSIP/0612345678@carrier-a": "internal",
        "0800,2,Hangup": "internal",
        "9,1,Dial,PJSIP/0612345678@carrier-a": "callgate-mine",
    }
    for hole, context in holes.items():
        practice_lab.asterisk_cli("dialplan", "add", "extension", hole, "into", context)
    assert audited(practice_lab) == OF_THE_LAB
    running = "(running dialplan)"
    assert audited(practice_lab, "--ami") - OF_THE_LAB == {
        ("ungated_dial", running, "[internal] 0800: Dial PJSIP/carrier-a"),
        ("gate_outdated", running, "[callgate-mine]"),
        ("gate_foreign", running, "[callgate-mine]"),
    }
    practice_lab.asterisk_cli("dialplan", "remove", "context", "callgate-mine")
    practice_lab.asterisk_cli("dialplan", "remove", "extension", "0800@internal")


def listens(lab: Lab) -> bool:
    """Whether the manager interface takes connections."""
    try:
        socket.create_connection((lab.asterisk_host, AMI_PORT), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.system
def test_an_asterisk_that_is_still_starting_is_waited_for(practice_lab: Lab) -> None:
    """It answers before it has read its dialplan; what it executes for it is in the running one."""
    etc = practice_lab.folder / "etc"
    script = "sleep 4\necho [slow]\necho 'exten = 1,1,Dial(PJSIP/06@carrier-a)'\n"
    practice_lab.copy_to_asterisk("slow.sh", script)
    slow = "#exec /bin/sh /etc/asterisk/slow.sh\n"
    for name, text in {"asterisk.conf": "execincludes = yes\n", "extensions.conf": slow}.items():
        practice_lab.copy_to_asterisk(name, (etc / name).read_text(encoding="utf-8") + text)
    practice_lab.asterisk_exec("sh", "-c", "kill $(cat /run/asterisk/asterisk.pid)")
    wait_until(lambda: not listens(practice_lab), 10)
    wait_until(lambda: listens(practice_lab), 10)
    assert audited(practice_lab, "--ami") - OF_THE_LAB == {
        ("ungated_unused", "(running dialplan)", "[slow] 1: Dial PJSIP/carrier-a")
    }
