"""The account that is shipped lets control do what it does, and hear what it listens to, and nothing more."""

import re
from pathlib import Path

from callgate.control.board import WANTED
from callgate.settings import ControlSettings

SAMPLE = (Path(__file__).parent.parent.parent / "asterisk-conf" / "manager-callgate.conf").read_text(encoding="utf-8")
LINES = [line for line in SAMPLE.splitlines() if line and not line.startswith(";")]


def test_the_account_is_the_one_the_settings_name_and_only_this_machine_may_use_it() -> None:
    assert LINES[0] == f"[{ControlSettings().user}]"
    assert LINES[1:6] == [
        "secret = CHANGE-THIS",
        "deny = 0.0.0.0/0.0.0.0",
        "permit = 127.0.0.1/255.255.255.255",
        "read = call,dialplan,system",
        "write = call,reporting,originate",
    ]


def test_every_event_that_control_or_the_audit_listens_to_comes_and_no_other() -> None:
    names = re.findall(r"^eventfilter\(action\(include\),name\((\w+)\)", SAMPLE, re.MULTILINE)
    assert sorted(names) == sorted([*WANTED, "DialBegin", "FullyBooted"])
    older = re.search(r"\^Event: \(([\w|]+)\)", SAMPLE)
    assert older is not None
    assert sorted([*older[1].split("|"), "VarSet"]) == sorted(names)
