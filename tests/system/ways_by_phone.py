"""Ways out that a telephone takes: dialling, forwarding, transferring, parking, picking up.

Each brings the stage's number as far as the gate, or past it, and returns; what becomes of it is not its business.
"""

import asyncio

from call_behaviour import Behaviour, Reaction
from sip_call import Call
from system.rig import PARIS, WITHIN_S
from system.stage import BUSY, OUR_NUMBER, RINGS, Stage, happens

TONE_S = 0.3
"""So long Asterisk needs for a feature code, a tone or a prompt before it listens to the next keys."""


async def direct(stage: Stage) -> None:
    stage.phones["101"].call(stage.dialled)


async def overlap(stage: Stage) -> None:
    """Digit by digit, each with all before it, as a phone does that does not know where a number ends."""
    for length in range(1, len(stage.dialled)):
        call = stage.phones["101"].call(stage.dialled[:length])
        await call.wait_for_code(183, WITHIN_S)
        call.cancel()
    stage.phones["101"].call(stage.dialled)


async def phone_302(stage: Stage) -> None:
    stage.phones["102"].behaviour = _sent_on(stage)
    stage.phones["101"].call("102")


async def phone_302_of_an_outside_call(stage: Stage) -> None:
    stage.phones["101"].behaviour = _sent_on(stage)
    stage.outside.call(OUR_NUMBER)


async def carrier_302(stage: Stage) -> None:
    elsewhere = Behaviour(reaction=Reaction.REDIRECT, contact="sip:+2250123456699@192.0.2.1")
    stage.lab.set_rules({stage.wire: elsewhere})
    stage.phones["101"].call(stage.dialled)


async def forward_busy(stage: Stage) -> None:
    stage.phones["105"].behaviour = BUSY
    stage.phones["101"].call("7002")


async def forward_no_answer(stage: Stage) -> None:
    stage.phones["105"].behaviour = RINGS
    stage.phones["101"].call("7003")


async def blind_transfer_of_the_called(stage: Stage) -> None:
    call, _ = await stage.meet(stage.phones["101"], stage.phones["102"])
    _refer(stage, call)


async def blind_transfer_of_the_caller(stage: Stage) -> None:
    _, call = await stage.meet(stage.phones["101"], stage.phones["102"])
    _refer(stage, call)


async def blind_transfer_of_an_outside_caller(stage: Stage) -> None:
    _, call = await stage.meet(stage.outside, stage.phones["101"], OUR_NUMBER)
    _refer(stage, call)


async def blind_transfer_of_a_called_outsider(stage: Stage) -> None:
    _refer(stage, await stage.connect(stage.phones["101"], PARIS))


async def blind_transfer_of_a_called_outsider_to_a_ring_group(stage: Stage) -> None:
    """The ring group's Local channel belongs to a call that a phone began, and dials for an outsider."""
    call = await stage.connect(stage.phones["101"], PARIS)
    call.refer(stage.outside.uri("7007"))


async def blind_transfer_by_the_far_end(stage: Stage) -> None:
    call, _ = await stage.meet(stage.outside, stage.phones["101"], "7099")
    _refer(stage, call)


async def dtmf_transfer_of_the_caller(stage: Stage) -> None:
    _, call = await stage.meet(stage.phones["102"], stage.phones["101"], "7017")
    await _press(stage, call, "#1")


async def dtmf_transfer_of_an_outside_caller(stage: Stage) -> None:
    _, call = await stage.meet(stage.outside, stage.phones["101"], "7017")
    await _press(stage, call, "#1")


async def dtmf_transfer_by_the_far_end(stage: Stage) -> None:
    call, _ = await stage.meet(stage.outside, stage.phones["101"], "7099")
    await _press(stage, call, "#1")


async def dtmf_attended_transfer(stage: Stage) -> None:
    """The phone speaks to the number first; the caller waits."""
    _, call = await stage.meet(stage.outside, stage.phones["101"], "7017")
    await _press(stage, call, "*2")


async def attended_transfer(stage: Stage) -> None:
    phone = stage.phones["101"]
    _, first = await stage.meet(stage.outside, phone, OUR_NUMBER)
    second = phone.call(stage.dialled)
    if await _is_answered(stage):
        await second.wait_joined(WITHIN_S)
        await phone.join(first, second, WITHIN_S)


async def conference(stage: Stage) -> None:
    """The clinic's member brings two outsiders together and leaves."""
    phone = stage.phones["101"]
    await stage.connect(stage.outside, "7014")
    member = await stage.connect(phone, "7014")
    call = phone.call(stage.dialled)
    if await _is_answered(stage):
        await call.wait_joined(WITHIN_S)
        await call.transfer(stage.outside.uri("7014"), WITHIN_S)
        member.hang_up()


async def pickup(stage: Stage) -> None:
    """Another phone takes over a call that rings outside: the carrier's leg ends, and none is added."""
    stage.lab.set_rules({stage.wire: RINGS})
    stage.phones["101"].call(stage.dialled)
    (decision,) = await happens(stage.decisions)
    if decision.event == "call.granted":
        await happens(lambda: stage.carrier_events("ringing"))
        await stage.connect(stage.phones["103"], "7015")


async def parked_and_taken_back(stage: Stage) -> None:
    """Another phone takes the carrier's leg from where it is parked: no leg is added."""
    call = stage.phones["101"].call(stage.dialled)
    if await _is_answered(stage):
        await call.wait_joined(WITHIN_S)
        call.refer(stage.outside.uri("7019"))
        await asyncio.sleep(TONE_S)
        await stage.connect(stage.phones["103"], "7018")


async def parking_timeout(stage: Stage) -> None:
    _, call = await stage.meet(stage.phones["102"], stage.phones["101"])
    call.refer(stage.outside.uri("700"))


async def parking_timeout_of_an_outside_call(stage: Stage) -> None:
    _, call = await stage.meet(stage.outside, stage.phones["101"], OUR_NUMBER)
    call.refer(stage.outside.uri("700"))


def _sent_on(stage: Stage) -> Behaviour:
    return Behaviour(reaction=Reaction.REDIRECT, contact=stage.outside.uri(stage.dialled))


def _refer(stage: Stage, call: Call) -> None:
    call.refer(stage.outside.uri(stage.dialled))


async def _press(stage: Stage, call: Call, code: str) -> None:
    await call.press(code)
    await asyncio.sleep(TONE_S)
    await call.press(f"{stage.dialled}#")


async def _is_answered(stage: Stage) -> bool:
    (decision,) = await happens(stage.decisions)
    return decision.event == "call.granted"
