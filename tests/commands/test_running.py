"""The running Asterisk tells its dialplan, or the audit says why it did not: never a clean report of nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from audit.seeds import copy_of
from callgate.cli import main
from callgate.commands import running
from callgate.commands.running import Event, Unheard, ask_dialplan
from callgate.control.link import Account
from callgate.errors import SettingsError
from clinic_samples import SETTINGS, write_site
from control.manager_sample import Manager
from waiting import until

INVALID, UNREACHABLE = 3, 4
STARTED = "Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n"
ITEM = "Event: ListDialplan\r\nActionID: {id}\r\nContext: house\r\nExtension: 9\r\nAppData: {data}\r\n\r\n"
END = "Event: ShowDialPlanComplete\r\nActionID: {id}\r\nEventList: Complete\r\n\r\n"
DATA = "PJSIP/21,20,b(a^s^1(x: y))"


def manager(*, login: str = "Success", after: str = STARTED, listing: str = "Success", items: str = END) -> Manager:
    """One that answers so; what it says after the login comes with it."""

    def answers(asked: dict[str, str]) -> str:
        is_login = asked["Action"] == "Login"
        outcome, more = (login, after) if is_login else (listing, items)
        told = f"Response: {outcome}\r\nActionID: {{id}}\r\n\r\n{more}" if outcome else ""
        return told.replace("{id}", asked["ActionID"])

    return Manager(answers=answers)


@asynccontextmanager
async def account_at(manager: Manager, folder: Path, secret: bytes = b"s3cret\n") -> AsyncIterator[Account]:
    (folder / "secret").write_bytes(secret)
    server = await asyncio.start_server(manager.serve, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    try:
        yield Account(host="127.0.0.1", port=port, user="callgate-control", secret_file=folder / "secret")
    finally:
        server.close()
        for writer in manager.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def asked(manager: Manager, folder: Path) -> list[Event] | Unheard:
    async with account_at(manager, folder) as account:
        return await ask_dialplan(account)


async def test_the_dialplan_comes_whole_whatever_somebody_writes_between(tmp_path: Path) -> None:
    forged = END.replace("{id}", "1")
    items = forged + "".join(ITEM.replace("{data}", DATA if number == 3 else "x" * 5000) for number in range(100)) + END
    talking = manager(items=items)
    events = await asked(talking, tmp_path)
    assert isinstance(events, list)
    assert len(events) == 100
    assert (events[3]["Extension"], events[3]["AppData"]) == ("9", DATA)
    login, listing = talking.asked
    assert (login["Username"], login["Secret"], login["Events"]) == ("callgate-control", "s3cret", "system")
    assert listing["Action"] == "ShowDialPlan"


async def test_an_asterisk_that_is_still_starting_is_waited_for(tmp_path: Path) -> None:
    talking = manager(after="")
    async with account_at(talking, tmp_path) as account, asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(ask_dialplan(account))
        await until(lambda: talking.asked)
        talking.say("Event: Reload\r\nModule: All\r\n\r\n")
        await asyncio.sleep(0.1)
        assert [asked["Action"] for asked in talking.asked] == ["Login"]
        talking.say(STARTED)
        assert await asking == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: manager(login="Error"), Unheard.REFUSED),
        (lambda: manager(login=""), Unheard.SILENT),
        (lambda: manager(after=""), Unheard.STARTING),
        (lambda: manager(listing="Error"), Unheard.FORBIDDEN),
        (lambda: manager(items=ITEM), Unheard.SILENT),
        (lambda: Manager(banner=b"220 mail.example\r\n"), Unheard.NOT_AMI),
    ],
    ids=["wrong secret", "frozen", "starting", "no right", "stuck in its list", "a mail server"],
)
async def test_what_went_wrong_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Manager], said: Unheard
) -> None:
    for limit in ("ANSWER_S", "START_S", "LIST_S"):
        monkeypatch.setattr(running, limit, 0.3)
    assert await asked(make(), tmp_path) is said


async def test_half_a_dialplan_is_none(tmp_path: Path) -> None:
    """Asterisk ends in the middle of its list."""
    talking = manager(items=ITEM)
    async with account_at(talking, tmp_path) as account, asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(ask_dialplan(account))
        await until(lambda: len(talking.asked) == 2)
        talking.drop()
        assert await asking is Unheard.AWAY


async def test_a_secret_of_several_lines_is_none(tmp_path: Path) -> None:
    async with account_at(manager(), tmp_path, b"one\r\nAction: Command\n") as account:
        with pytest.raises(SettingsError, match="several lines"):
            await ask_dialplan(account)


def test_who_listens_to_nobody_has_audited_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control = '\n[control]\nami = "127.0.0.1:1"\nsecret_file = "manager.secret"\n'
    write_site(tmp_path, settings=SETTINGS)
    settings = tmp_path / "callgate.toml"
    folder = copy_of("plain", tmp_path)
    words = ["--settings", str(settings), "--language", "en", "audit", "--config", str(folder), "--ami"]
    assert main(words) == INVALID
    assert "control.ami: names no Asterisk to ask. Remedy: fill in [control]" in capsys.readouterr().err
    settings.write_text(settings.read_text(encoding="utf-8") + control, encoding="utf-8")
    assert main(words) == INVALID
    assert "manager.secret: No such file" in capsys.readouterr().err
    (tmp_path / "manager.secret").write_bytes(b"\xff\n")
    assert main(words) == UNREACHABLE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("callgate: NOT DONE: the running Asterisk was not heard: nobody answers where control")
