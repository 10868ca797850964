"""The link to a manager interface: a server of our own answers, refuses, floods, stalls and dies."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from callgate.control import link as link_module
from callgate.control.ami import Message
from callgate.control.board import WANTED
from callgate.control.link import Account, Link, Listener
from control.ami_samples import LEG, dial_begin, enter, hangup, new
from control.manager_sample import Manager, answered
from waiting import until

LISTS = {"CoreShowChannel": "", "CoreShowChannelsComplete": ""}
FLOOD_A_SECOND = 10_000


@dataclass
class Ear(Listener):
    """Remembers what it heard."""

    heard_messages: list[Message] = field(default_factory=list)
    ups: int = 0
    downs: int = 0
    fails: bool = False

    async def opened(self) -> None:
        self.ups += 1
        if self.fails:
            raise OSError("cannot be read")

    def heard(self, message: Message) -> None:
        self.heard_messages.append(message)

    def lost(self) -> None:
        self.downs += 1


@dataclass(kw_only=True)
class Line:
    """A link that runs, and its two ends."""

    link: Link
    ear: Ear
    manager: Manager
    account: Account


@asynccontextmanager
async def line(folder: Path, manager: Manager | None = None, *, is_up: bool = True) -> AsyncIterator[Line]:
    """Start both ends."""
    manager, ear = manager or Manager(), Ear()
    server = await asyncio.start_server(manager.serve, "127.0.0.1", 0)
    (folder / "secret").write_text("s3cret\n")
    port = server.sockets[0].getsockname()[1]
    account = Account(host="127.0.0.1", port=port, user="callgate-control", secret_file=folder / "secret")
    link = Link(account, {**WANTED, **LISTS}, ear)
    running = asyncio.create_task(link.run())
    try:
        if is_up:
            await until(lambda: ear.ups)
        yield Line(link=link, ear=ear, manager=manager, account=account)
    finally:
        running.cancel()
        await asyncio.wait({running})
        server.close()
        for writer in manager.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_it_logs_in_asks_and_hears(tmp_path: Path) -> None:
    async with line(tmp_path) as found:
        login = found.manager.asked[0]
        assert (login["Action"], login["Username"], login["Secret"]) == ("Login", "callgate-control", "s3cret")
        answer = await found.link.ask("Hangup", Channel=LEG)
        assert answer is not None
        assert answer.is_success
        assert found.manager.asked[-1]["Channel"] == LEG
        found.manager.say(new(LEG) + dial_begin(LEG) + "Event: Newexten\r\nChannel: x\r\n\r\n" + hangup(LEG))
        await until(lambda: len(found.ear.heard_messages) == 3)
        assert [message.event for message in found.ear.heard_messages] == ["Newchannel", "DialBegin", "Hangup"]


async def test_a_list_is_whole_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(asked: dict[str, str]) -> str:
        item = f"Event: CoreShowChannel\r\nActionID: {asked['ActionID']}\r\nChannel: x\r\n\r\n"
        end = item.replace("CoreShowChannel", "CoreShowChannelsComplete").replace("Channel: x", "EventList: Complete")
        match asked["Action"]:
            case "Short":
                return answered(asked) + item
            case "Refused":
                return answered(asked).replace("Success", "Error")
            case _:
                return answered(asked) + item + item + end

    async with line(tmp_path, Manager(answers=answers)) as found:
        items = await found.link.ask_list("CoreShowChannels")
        assert items is not None
        assert [item.last("Channel") for item in items] == ["x", "x", ""]
        assert await found.link.ask_list("Refused") is None
        monkeypatch.setattr(link_module, "LIST_S", 0.05)
        assert await found.link.ask_list("Short") is None
        assert found.ear.heard_messages == []


@pytest.mark.parametrize(
    "forged", ["Response: Success\r\nActionID: 1\r\nMessage: forged\r\n\r\n", "Response: Success\r\n\r\n"]
)
async def test_an_answer_that_nobody_asked_for_is_none(tmp_path: Path, forged: str) -> None:
    async with line(tmp_path, Manager(answers=lambda asked: forged + answered(asked))) as found:
        answer = await found.link.ask("Getvar", Channel=LEG)
        assert answer is not None
        assert answer.last("Message") == "done"
        assert len({asked["ActionID"].partition(".")[0] for asked in found.manager.asked}) == 1
        assert found.ear.heard_messages == []


async def test_without_an_answer_it_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "ANSWER_S", 0.05)
    silent = Manager(answers=lambda asked: answered(asked) if asked["Action"] == "Login" else "")
    async with line(tmp_path, silent) as found:
        assert await found.link.ask("Hangup", Channel=LEG) is None
        asking = asyncio.create_task(found.link.ask("Hangup", Channel=LEG))
        listing = asyncio.create_task(found.link.ask_list("CoreShowChannels"))
        await asyncio.sleep(0)
        found.manager.drop()
        assert (await asking, await listing) == (None, None)


def is_up_again(ear: Ear, ups: int) -> bool:
    return ear.ups > ups


async def test_it_comes_back_whenever_it_is_lost(tmp_path: Path) -> None:
    async with line(tmp_path) as found:
        for _ in range(3):
            ups = found.ear.ups
            found.manager.drop()
            await until(partial(is_up_again, found.ear, ups))
        assert found.ear.downs == 3
        assert await found.link.ask("Ping") is not None


async def test_a_manager_that_does_not_answer_a_ping_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "PING_PAUSE_S", 0.02)
    monkeypatch.setattr(link_module, "PING_ANSWER_S", 0.05)
    pings = 0

    def answers(asked: dict[str, str]) -> str:
        nonlocal pings
        is_ping = asked["Action"] == "Ping"
        pings += is_ping
        return "" if is_ping and pings == 3 else answered(asked)

    async with line(tmp_path, Manager(answers=answers)) as found:
        await until(lambda: found.ear.ups == 2)
        assert found.ear.downs == 1


async def test_nobody_there_is_no_answer_and_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with line(tmp_path) as found:
        pass
    link = Link(replace(found.account, host="127.0.0.1"), WANTED, Ear())
    running = asyncio.create_task(link.run())
    assert await link.ask("Ping") is None
    assert await link.ask_list("CoreShowChannels") is None
    await asyncio.sleep(0.5)
    assert not running.done()
    running.cancel()
    assert "".join(capsys.readouterr()).count("control.unlinked") == 1, "said once, not at each try"


@pytest.mark.parametrize(
    ("manager", "said"),
    [
        (Manager(answers=lambda asked: answered(asked).replace("Success", "Error")), "control.refused"),
        (Manager(banner=b"SSH-2.0-OpenSSH_9.2\r\n"), "control.unlinked"),
        (Manager(answers=lambda _: ""), "no answer to the login"),
    ],
    ids=["a wrong secret", "another program", "silence"],
)
async def test_whatever_keeps_it_out_is_said_and_never_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, manager: Manager, said: str
) -> None:
    monkeypatch.setattr(link_module, "LOGIN_S", 0.1)
    output = ""

    def is_said() -> bool:
        nonlocal output
        output += "".join(capsys.readouterr())
        return said in output

    async with line(tmp_path, manager, is_up=False) as found:
        await until(is_said)
        assert found.ear.ups == 0
    assert "s3cret" not in output


@pytest.mark.parametrize("secret", [None, b"\xff\xfe", b"a\r\nAction: Originate"])
async def test_a_secret_that_cannot_be_used_is_no_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], secret: bytes | None
) -> None:
    async with line(tmp_path) as found:
        (tmp_path / "secret").unlink()
        if secret is not None:
            (tmp_path / "secret").write_bytes(secret)
        found.manager.drop()
        await until(lambda: found.ear.downs >= 2)
        (tmp_path / "secret").write_text("s3cret")
        await until(lambda: found.ear.ups == 2)
    assert "Originate" not in "".join(capsys.readouterr())


async def test_a_reading_that_fails_makes_the_link_anew(tmp_path: Path) -> None:
    async with line(tmp_path, is_up=False) as found:
        found.ear.fails = True
        await until(lambda: found.ear.downs >= 2)
        found.ear.fails = False
        ups = found.ear.ups
        await until(lambda: found.ear.ups > ups)
        downs = found.ear.downs
        await asyncio.sleep(0.2)
        assert found.ear.downs == downs


async def test_a_manager_that_reads_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "UNSENT_MAX_BYTES", 100)
    async with line(tmp_path) as found:
        found.manager.writers[-1].transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it
        await asyncio.gather(*(found.link.ask("Getvar", Channel="x" * 60_000) for _ in range(200)))
        await until(lambda: found.ear.downs == 1)


async def test_ten_thousand_events_a_second_leave_time_for_calls(tmp_path: Path) -> None:
    """Half of them wanted ones of other channels; the loop is the one that answers calls."""
    second = (enter("PJSIP/101-0000abcd", "b") + "Event: Newexten\r\nChannel: x\r\nAppData: y\r\n\r\n") * 50
    async with line(tmp_path) as found:
        waits = []
        used = time.process_time()
        for _ in range(FLOOD_A_SECOND // 100):
            found.manager.say(second)
            began = time.perf_counter()
            assert await found.link.ask("Ping") is not None
            waits.append(time.perf_counter() - began)
        used = time.process_time() - used
        await until(lambda: len(found.ear.heard_messages) == FLOOD_A_SECOND // 2)
        waits.sort()
        print(f"\n{FLOOD_A_SECOND} events took {used:.2f} s of one core, both ends together; a ping {waits[-2]:.4f} s")
        assert used < 2.0
