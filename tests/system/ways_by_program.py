"""Ways out that a program takes: AMI, ARI, call files and the command line; through the gate, and past it."""

import asyncio
from urllib.parse import urlencode

from system.rig import PARIS
from system.stage import Stage

FORGED = (
    "__CALLGATE_ORIGIN=extension,__CALLGATE_EXTENSION=101,FORWARDERNAME=PJSIP/101-00000001,"
    "BLINDTRANSFER=PJSIP/101-00000001,TRANSFERERNAME=PJSIP/101-00000001,ATTENDEDTRANSFER=PJSIP/101-00000001"
)
FORGED_GRANT = (
    "CALLGATE_GRANT=lab_1.00000000-0000-4000-8000-000000000000.1.1,CALLGATE_FOR=101|extension,"
    "CALLGATE_LEG=lab_1.00000000-0000-4000-8000-000000000000.1.1|callgate|+33612345678"
)
_CALL_FILE = "Channel: {channel}\nMaxRetries: 0\nWaitTime: 10\nApplication: Wait\nData: 5\n"


async def ami_local(stage: Stage) -> None:
    await stage.program.originate(_gated(stage), Application="Wait", Data="5")


async def ami_phone_to_context(stage: Stage) -> None:
    await stage.program.originate("PJSIP/101", Context="phones", Exten=stage.dialled, Priority="1")


async def ami_phone_to_application(stage: Stage) -> None:
    await stage.program.originate("PJSIP/101", Application="Dial", Data=_gated(stage))


async def ami_with_a_forged_origin(stage: Stage) -> None:
    await stage.program.originate(_gated(stage), Application="Wait", Data="5", Variable=FORGED)


async def ami_phone_with_a_forged_origin(stage: Stage) -> None:
    forged = FORGED.replace("101", "102")
    await stage.program.originate("PJSIP/101", Context="phones", Exten=stage.dialled, Priority="1", Variable=forged)


async def ari_local(stage: Stage) -> None:
    await _ari(stage, _gated(stage), "102")


async def ari_phone_to_context(stage: Stage) -> None:
    await _ari(stage, "PJSIP/101", stage.dialled)


async def call_file(stage: Stage) -> None:
    stage.drop_call_file(_CALL_FILE.format(channel=_gated(stage)))


async def command_line(stage: Stage) -> None:
    await _command_line(stage, _gated(stage))


async def redirect_of_a_phone(stage: Stage) -> None:
    await stage.meet(stage.phones["101"], stage.phones["102"])
    await _redirect(stage, "PJSIP/101-", "phones", stage.dialled)


async def redirect_of_the_called_phone(stage: Stage) -> None:
    await stage.meet(stage.phones["101"], stage.phones["102"])
    await _redirect(stage, "PJSIP/102-", "phones", stage.dialled)


async def redirect_of_a_carrier_leg(stage: Stage) -> None:
    await stage.connect(stage.phones["101"], PARIS)
    await _redirect(stage, "PJSIP/carrier-a-", "phones", stage.dialled)


# Past the gate.


async def ami_trunk(stage: Stage) -> None:
    await stage.program.originate(_trunk(stage), Application="Wait", Data="5")


async def ami_trunk_with_a_forged_grant(stage: Stage) -> None:
    await stage.program.originate(_trunk(stage), Application="Wait", Data="5", Variable=FORGED_GRANT)


async def ami_trunk_as_an_emergency(stage: Stage) -> None:
    await stage.program.originate(_trunk(stage), Application="Wait", Data="5", Variable="CALLGATE_GRANT=emergency")


async def ami_dial_the_trunk(stage: Stage) -> None:
    await stage.program.originate("PJSIP/101", Application="Dial", Data=_trunk(stage))


async def ari_trunk(stage: Stage) -> None:
    await _ari(stage, _trunk(stage), "102")


async def call_file_to_the_trunk(stage: Stage) -> None:
    stage.drop_call_file(_CALL_FILE.format(channel=_trunk(stage)))


async def command_line_to_the_trunk(stage: Stage) -> None:
    await _command_line(stage, _trunk(stage))


async def redirect_past_the_gate(stage: Stage) -> None:
    await stage.meet(stage.phones["101"], stage.phones["102"])
    await _redirect(stage, "PJSIP/101-", "internal", "7050")


def _gated(stage: Stage) -> str:
    return f"Local/{stage.dialled}@phones"


def _trunk(stage: Stage) -> str:
    return f"PJSIP/{stage.wire}@carrier-a"


async def _ari(stage: Stage, endpoint: str, extension: str) -> None:
    await stage.ari(urlencode({"endpoint": endpoint, "context": "phones", "extension": extension, "priority": "1"}))


async def _command_line(stage: Stage, channel: str) -> None:
    words = ("channel", "originate", channel, "application", "Wait", "5")
    await asyncio.to_thread(stage.lab.asterisk_cli, *words)


async def _redirect(stage: Stage, start: str, context: str, extension: str) -> None:
    channel = await stage.channel(start)
    await stage.program.ask("Redirect", Channel=channel, Context=context, Exten=extension, Priority="1")
