"""The port and the road on a real Asterisk, attacked from the same machine: by who knows no key, and who listens."""

import json
import re

import pytest

from ami_client import AmiClient
from callgate.seal import KEY_NAME
from callgate.store_watch import CONDITION
from sip_digest import Credentials
from sip_phone import Phone
from system.rig import IVORY_COAST, MOBILE, PARIS, PARIS_WIRE, WITHIN_S, Rig, wait_for

pytestmark = pytest.mark.system

COSTLY, COSTLY_WIRE = "00590271212", "+590590271212"
_ASKED = re.compile(r'AGI\("[^"]+", "agi://127\.0\.0\.1:4599/v1,([^"]+)"\)')
_STRANGER = """\
import json, socket, sys
question = json.loads(sys.argv[1])
lines = ["agi_network: yes", "agi_network_script: v1"]
lines += ["agi_arg_%d: %s" % (number, word) for number, word in enumerate(question, 1)]
with socket.create_connection(("127.0.0.1", 4599), 5) as link:
    link.sendall(("\\n".join(lines) + "\\n\\n").encode())
    print(link.makefile("rb").read())
"""
"""Another process of the machine: it asks, and never confirms."""


def ask_as_a_stranger(rig: Rig, question: list[str]) -> str:
    return rig.in_asterisk("python3", "-c", _STRANGER, json.dumps(question))


def said_by_asterisk(rig: Rig) -> str:
    return (rig.lab.folder / "log" / "messages").read_text(encoding="utf-8", errors="replace")


def overheard(rig: Rig, dialled: str) -> list[str]:
    """The last question about a number, as Asterisk's verbose log shows it to whoever may read that."""

    def found() -> list[str]:
        questions = [question.split(",") for question in _ASKED.findall(said_by_asterisk(rig))]
        return next((question for question in reversed(questions) if f"dialled={dialled}" in question), [])

    return wait_for(found)


@pytest.fixture
def listening(rig: Rig) -> Rig:
    """Asterisk tells its log every step it takes."""
    rig.lab.asterisk_cli("core", "set", "verbose", "5")
    return rig


async def test_asterisk_shows_the_seal_of_a_call_and_never_the_key(listening: Rig) -> None:
    await listening.dial(PARIS)
    question = overheard(listening, PARIS)
    assert re.fullmatch(r"seal=[0-9a-f]{40}", question[-1])
    key = (listening.lab.folder / "spool" / KEY_NAME).read_text(encoding="ascii")
    shown = [
        said_by_asterisk(listening),
        listening.lab.asterisk_cli("dialplan", "show"),
        listening.lab.asterisk_cli("dialplan", "show", "globals"),
        listening.lab.gate_output(),
        listening.lab.gate_exec("callgate", "audit", "/etc/callgate"),
        (listening.lab.folder / "etc" / "callgate.conf").read_text(encoding="utf-8"),
    ]
    assert [half for half in (key[:32], key[32:]) for text in shown if half in text] == []


async def test_a_process_that_does_not_know_the_key_gets_no_word_and_holds_no_money(listening: Rig) -> None:
    await listening.dial(IVORY_COAST)
    *question, seal = overheard(listening, IVORY_COAST)
    rows, sequence = len(listening.rows()), (await listening.book()).sequence
    probes = [[*question, "seal="], [*question, f"seal={'0' * 40}"], question, [*question[1:], seal], []]
    probes += [
        [*question[:place], f"{question[place]}1", *question[place + 1 :], seal] for place in range(len(question))
    ]
    assert [ask_as_a_stranger(listening, probe) for probe in probes] == ["b''"] * len(probes)
    assert len(listening.rows()) == rows
    assert (await listening.book()).sequence == sequence


async def test_who_overhears_a_question_cannot_give_the_money_of_the_call_back(listening: Rig) -> None:
    """The gate gives back what nobody confirms: asked again in the same second, that is a live call."""
    async with listening.phones("101") as (phone,):
        call = phone.call(COSTLY)
        assert (await call.wait_for_final(WITHIN_S)).code == 200
        question = overheard(listening, COSTLY)
        (hold,) = (await listening.book()).holds
        assert ask_as_a_stranger(listening, question) == "b''"
        assert (await listening.book()).holds == (hold,)
        call.hang_up()
        await call.wait_ended(WITHIN_S)


async def test_without_the_key_the_contract_holds_and_with_it_calls_are_judged_again(rig: Rig) -> None:
    """As after an update, until the dialplan is written again: ordinary calls go, costly ones do not."""
    key = rig.lab.folder / "spool" / KEY_NAME
    text = key.read_text(encoding="ascii")
    key.write_text("0" * 64, encoding="ascii")
    try:
        assert (await rig.dial(MOBILE)).users == ["+33612345678"]
        assert rig.last_row("call.local").number
        assert (await rig.dial(COSTLY)).users == []
        assert (await rig.dial("15")).users == ["15"]
        assert "no seal" in rig.lab.gate_output()
    finally:
        key.write_text(text, encoding="ascii")
    assert (await rig.dial(COSTLY)).users == [COSTLY_WIRE]


async def test_no_costly_call_goes_over_a_store_that_the_gates_user_could_wipe(rig: Rig) -> None:
    """Its password would give every ceiling back to whoever has it."""
    before = len(rig.rows(CONDITION))
    rig.lab.redis_cli("ACL", "SETUSER", "callgate", "+flushall")
    try:
        rig.lab.gate_reload()  # the next worker looks at once, and not within a minute
        wait_for(lambda: any("user is allowed FLUSHALL" in row.note for row in rig.rows(CONDITION)[before:]), 30)
        assert (await rig.dial(COSTLY)).users == []
        assert (await rig.dial(PARIS)).users == [PARIS_WIRE]
        assert (await rig.dial("15")).users == ["15"]
    finally:
        rig.lab.redis_cli("ACL", "SETUSER", "callgate", "-flushall")
    wait_for(lambda: rig.rows(CONDITION)[-1].note == "", 30)
    assert (await rig.dial(COSTLY)).users == [COSTLY_WIRE]


FORGED_VERDICT = {
    "CALLGATE_VERDICT": "1|grant||+2250123456615|local:x.1800000000|600|ok|end",
    "CALLGATE_NONCE": "",
    "CALLGATE_GIVEN": "local:x.1800000000",
    "CALLGATE_STAGE": "granted",
    "CALLGATE_SECONDS": "600",
    "CALLGATE_NUMBER": "+2250123456615",
}


@pytest.mark.parametrize("prefix", ["", "_", "__"])
async def test_a_verdict_that_a_program_has_put_on_the_channel_before_is_none(rig: Rig, prefix: str) -> None:
    """With the gate away, so that nothing overwrites what was forged but the dialplan itself."""
    before = len(rig.lab.invites())
    variables = ",".join(f"{prefix}{name}={value}" for name, value in FORGED_VERDICT.items())
    rig.lab.gate_stop()
    spool = rig.lab.folder / "spool" / "calls.log"
    refused = spool.read_text(encoding="utf-8").count("gate_unavailable") if spool.exists() else 0
    async with AmiClient(rig.lab.asterisk_host, rig.lab.secrets.manager) as program:
        channel = f"Local/{IVORY_COAST}@phones/n"
        await program.originate(channel, Application="Wait", Data="2", Variable=variables)
        wait_for(lambda: spool.read_text(encoding="utf-8").count("gate_unavailable") > refused)
    assert rig.lab.invites()[before:] == []


@pytest.mark.parametrize("username", ["101", "nobody", "anonymous"])
async def test_who_knows_no_password_of_a_phone_reaches_no_trunk(rig: Rig, username: str) -> None:
    before = len(rig.lab.invites())
    async with Phone(Credentials(username=username, password="guessed"), rig.lab.sip) as phone:  # noqa: S106
        for dialled in (PARIS, IVORY_COAST):
            assert (await phone.call(dialled).wait_for_final(WITHIN_S)).code in {401, 403}
    assert rig.lab.invites()[before:] == []


async def test_the_gate_decides_calls_as_nobody_special_in_a_container_that_it_cannot_write(rig: Rig) -> None:
    assert [(await rig.dial(number)).users for number in (PARIS, IVORY_COAST)] == [[PARIS_WIRE], []]
    rights = rig.lab.gate_exec("grep", "-hE", "^(Uid|CapEff|CapBnd|NoNewPrivs):", "/proc/self/status").split()
    root = next(line for line in rig.lab.gate_exec("cat", "/proc/mounts").splitlines() if line.split()[1] == "/")
    assert rights == ["Uid:", *["990"] * 4, "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]
    assert root.split()[3].startswith("ro,")
