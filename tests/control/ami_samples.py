"""Events as Asterisk 22.10 writes them, for the tests of control."""

from callgate.control.ami import AmiDecoder, Message
from callgate.control.board import WANTED

LEG = "PJSIP/carrier-a-00000001"
OTHER = "PJSIP/carrier-b-00000002"
PHONE = "PJSIP/101-00000003"
INCOMING = "PJSIP/carrier-a-00000004"


def channel_lines(channel: str, state: int, prefix: str = "", **changes: str) -> list[str]:
    """The lines of one channel."""
    values = {
        "Channel": channel,
        "ChannelState": str(state),
        "ChannelStateDesc": "Up" if state == 6 else "Down",
        "CallerIDNum": "101",
        "CallerIDName": "<unknown>",
        "ConnectedLineNum": "101",
        "ConnectedLineName": "<unknown>",
        "Language": "fr",
        "AccountCode": "",
        "Context": "from-carrier",
        "Exten": "s",
        "Priority": "1",
        "Uniqueid": f"1795370990.{int(channel[-8:], 16)}" if channel[-8:].isalnum() else "1795370990.0",
        "Linkedid": "1795370990.0",
        **changes,
    }
    return [f"{prefix}{name}: {value}" for name, value in values.items()]


def event(name: str, *lines: str) -> str:
    return "\r\n".join([f"Event: {name}", "Privilege: call,all", *lines, "", ""])


def new(channel: str, state: int = 0, **changes: str) -> str:
    return event("Newchannel", *channel_lines(channel, state, **changes))


def newstate(channel: str, state: int, **changes: str) -> str:
    return event("Newstate", *channel_lines(channel, state, **changes))


def varset(channel: str, variable: str, value: str, **changes: str) -> str:
    return event("VarSet", *channel_lines(channel, 0, **changes), f"Variable: {variable}", f"Value: {value}")


def dial_begin(channel: str, caller: str = "", **changes: str) -> str:
    calling = channel_lines(caller, 4, **changes) if caller else []
    return event("DialBegin", *calling, *channel_lines(channel, 0, "Dest"), "DialString: 0142@carrier-a")


def bridge(name: str, channel: str, number: str, technology: str = "simple_bridge") -> str:
    lines = [f"BridgeUniqueid: {number}", "BridgeType: basic", f"BridgeTechnology: {technology}"]
    lines += [
        "BridgeCreator: <unknown>",
        "BridgeName: <unknown>",
        "BridgeNumChannels: 1",
        "BridgeVideoSourceMode: none",
    ]
    return event(name, *lines, *channel_lines(channel, 6))


def enter(channel: str, number: str, technology: str = "simple_bridge") -> str:
    return bridge("BridgeEnter", channel, number, technology)


def leave(channel: str, number: str) -> str:
    return bridge("BridgeLeave", channel, number)


def rename(old: str, name: str) -> str:
    return event("Rename", f"Channel: {old}", f"Newname: {name}", "Uniqueid: 1795370990.7")


def hangup(channel: str, **changes: str) -> str:
    return event("Hangup", *channel_lines(channel, 6, **changes), "Cause: 16", "Cause-txt: Normal Clearing")


def messages(*texts: str) -> list[Message]:
    """What arrives when Asterisk writes these."""
    decoder = AmiDecoder(WANTED)
    return decoder.receive("".join(["Asterisk Call Manager/11.0.0\r\n", *texts]).encode())
