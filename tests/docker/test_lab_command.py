"""What `make lab` prints can be done: the commands it names are run as printed."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import practice
from asterisk_conf import SIP_PORT
from call_behaviour import read_rules
from carrier_log import read_log
from lab import TRUNKS, Lab
from lab_command import guide, main
from lab_images import ROOT
from sip_digest import Credentials
from sip_phone import Phone

WITHIN_S = 10.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = practice.lab(f"test-lab-command-{os.getpid()}", tmp_path_factory.mktemp("lab"))
    made.start()
    yield made
    made.stop()


def printed(lab: Lab, command: str) -> str:
    """The `docker exec` line of the guide that runs this command, and what it says."""
    (line,) = re.findall(rf"docker exec [0-9a-f]+ {command}[^(\n]*", guide(lab))
    return subprocess.check_output(shlex.split(line), text=True)


@pytest.fixture
def paused_gate(lab: Lab) -> Iterator[None]:
    (gate,) = re.findall(r"docker exec (\w+) callgate blocked", guide(lab))
    subprocess.check_call(["docker", "pause", gate], stdout=subprocess.DEVNULL)
    yield
    subprocess.check_call(["docker", "unpause", gate], stdout=subprocess.DEVNULL)


async def codes(said: str, *numbers: str) -> list[int]:
    """Call each number from 101 with what the guide says, and return the final codes."""
    host = re.findall(r"^Asterisk   (\S+)", said)[0]
    password = re.findall(r"password (\w+);", said)[0]
    found = []
    async with Phone(Credentials(username="101", password=password), (host, SIP_PORT)) as phone:
        await phone.register()
        for number in numbers:
            call = phone.call(number)
            found.append((await call.wait_for_final(WITHIN_S)).code)
            call.hang_up()
    return found


@pytest.mark.system
async def test_a_phone_with_the_printed_password_at_the_printed_address_calls_the_carrier(lab: Lab) -> None:
    assert await codes(guide(lab), "00142685300") == [200]


@pytest.mark.system
def test_the_printed_log_is_the_carriers(lab: Lab) -> None:
    (log,) = re.findall(r"its log.*: (\S+)$", guide(lab), re.MULTILINE)
    assert [line.event for line in read_log(Path(log))][: len(TRUNKS)] == ["ready", "ready"]


@pytest.mark.system
def test_the_printed_commands_show_the_refusals_and_put_other_rules_in_force(lab: Lab) -> None:
    assert printed(lab, "callgate blocked") == "Aucun appel refusé.\n"
    assert printed(lab, "callgate policy apply") == "cabinet-des-lilas: revision 2 is in force\n"


@pytest.mark.system
@pytest.mark.usefixtures("paused_gate")
async def test_a_gate_paused_as_the_lab_page_says_lets_emergency_and_national_calls_go(lab: Lab) -> None:
    assert await codes(guide(lab), "15", "00142685300", "0002250123456615") == [200, 200, 403]


def test_the_rules_of_the_lab_page_are_rules_of_the_carrier(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "lab.md").read_text("utf-8")
    shown = re.findall(r"`(\{.*?\}\})`", page)
    assert len(shown) == 2
    for number, rules in enumerate(shown):
        file = tmp_path / f"{number}.json"
        file.write_text(rules, "utf-8")
        assert read_rules(file)


def test_an_unknown_word_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sideways"]) == 2
    assert "lab_command.py" in capsys.readouterr().out


def test_ending_a_lab_where_no_docker_answers_takes_one_line(tmp_path: Path) -> None:
    nowhere = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    command = [sys.executable, str(ROOT / "docker" / "lab_command.py"), "down"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=nowhere, timeout=30)
    assert ended.returncode == 4
    assert ended.stderr.startswith("callgate: ")
