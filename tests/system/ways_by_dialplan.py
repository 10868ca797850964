"""Ways out that the installer's own dialplan and Asterisk's applications take (`path_lab` has the extensions)."""

import asyncio
from collections.abc import Awaitable, Callable

from sip_call import Call
from system.stage import Stage, happens
from system.ways_by_phone import TONE_S

MENU_S = 0.2
_NO_PROMPT = "#"
"""Pressed while the mailbox says that it dials: two seconds less."""


def inside(extension: str) -> Callable[[Stage], Awaitable[None]]:
    """A phone of the clinic calls this extension, which leads out."""

    async def way(stage: Stage) -> None:
        stage.phones["101"].call(extension)

    return way


def outside(extension: str) -> Callable[[Stage], Awaitable[None]]:
    """So does somebody from outside."""

    async def way(stage: Stage) -> None:
        stage.outside.call(extension)

    return way


async def disa(stage: Stage) -> None:
    await _press(await stage.connect(stage.phones["101"], "7006"), f"{stage.dialled}#", after_s=TONE_S)


async def disa_of_an_outside_call(stage: Stage) -> None:
    await _press(await stage.connect(stage.outside, "7006"), f"{stage.dialled}#", after_s=TONE_S)


async def voicemail_out_call(stage: Stage) -> None:
    """Advanced options, place a call, to this number."""
    await _press(await stage.connect(stage.phones["101"], "7005"), "3", "4", f"{stage.dialled}#", _NO_PROMPT)


async def voicemail_out_call_of_an_outside_caller(stage: Stage) -> None:
    await _press(await stage.connect(stage.outside, "7005"), "3", "4", f"{stage.dialled}#", _NO_PROMPT)


async def voicemail_call_back(stage: Stage) -> None:
    """First message, advanced options, call back, yes."""
    stage.leave_message()
    await _press(await stage.connect(stage.phones["101"], "7005"), "1", "3", "2", "1", _NO_PROMPT)


async def voicemail_call_back_of_an_outside_caller(stage: Stage) -> None:
    stage.leave_message()
    await _press(await stage.connect(stage.outside, "7005"), "1", "3", "2", "1", _NO_PROMPT)


async def queue_member_on_the_trunk(stage: Stage) -> None:
    interface = f"PJSIP/{stage.wire}@carrier-a"
    # With the state of a phone the member counts as free; without one, Asterisk takes it for invalid.
    await stage.program.ask("QueueAdd", Queue="trunk", Interface=interface, StateInterface="PJSIP/104")
    stage.phones["101"].call("7054")
    await happens(lambda: stage.carrier_events("invite"))
    await stage.program.ask("QueueRemove", Queue="trunk", Interface=interface)


async def _press(call: Call, *keys: str, after_s: float = MENU_S) -> None:
    for pressed in keys:
        await asyncio.sleep(after_s)
        await call.press(pressed)
