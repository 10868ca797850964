"""Who called what over which line, told from Asterisk's CDRs: channels have names such as ``PJSIP/101-0000002f``.

Only what leaves by an operator's line is a call that the gate would have been asked about. Which lines are the
operator's is known from the settings or from the installer; else every name is taken for one that is not 2 to 6 digits,
as extensions are.
"""

import re
from dataclasses import dataclass, field

from callgate.core.attempt import Origin
from callgate.core.dialling import read_dialled
from callgate.core.plan import NumberPlan
from callgate.core.wire import NumberFormat

_CHANNEL = re.compile(r"(?P<technology>[A-Za-z0-9_]+)/(?P<peer>[^@/]+)(?:[@/].*)?-[0-9A-Za-z]+(?:;[12])?")
_LOCAL = "Local"
_EXTENSION = re.compile(r"[0-9]{2,6}")
_CHARGEABLE = re.compile(r"[0-9A-Za-z_-]{1,64}")
_NAMES_KEPT = 100
_SHORT_DIGITS_MAX = 6
# PJSIP/0612345678@carrier, SIP/carrier/0612345678, PJSIP/carrier/sip:0612345678@host. What has no peer is a phone.
_LEG = re.compile(
    r"(?P<technology>[A-Za-z0-9_]+)/"
    r"(?:(?P<peer>[^/@]+)/(?:sip:)?(?P<number>\+?[0-9]{2,})(?:@.*)?"
    r"|(?P<number_first>\+?[0-9]{2,})@(?P<peer_last>[^/]+)(?:/.*)?)"
)


@dataclass(slots=True, kw_only=True)
class Lines:
    """The operator's lines: those named, or, if none is, those met that look like one.

    Fields:
        named: peers of the trunks, as in ``PJSIP/peer-0000002f``.
        number_format: how they are sent numbers.
        outside_prefix: what is dialled before an outside number.
        plan: of the home country, to tell whether two strings are one number; None compares them as they stand.
        met: the operator's lines that calls left by, at most `_NAMES_KEPT` of them.
    """

    named: frozenset[str] = frozenset()
    number_format: NumberFormat = NumberFormat.E164_PLUS
    outside_prefix: str = ""
    plan: NumberPlan | None = None
    met: set[str] = field(default_factory=set)

    def leaves_by(self, channel: str) -> bool:
        """Tell whether a call that was connected to this channel left by an operator's line; keeps its name."""
        peer = self._operator(channel)
        if peer and len(self.met) < _NAMES_KEPT:
            self.met.add(peer)
        return bool(peer)

    def caller(self, channel: str) -> tuple[str, Origin]:
        """Say which extension called, "" if none did, and the origin, as the gate's dialplan would have put it."""
        found = _CHANNEL.fullmatch(channel)
        if found is None:
            return "", Origin.UNKNOWN
        if found["technology"] == _LOCAL:
            return "", Origin.FORWARDED
        if self._operator(channel):
            return "", Origin.EXTERNAL
        return found["peer"] if _CHARGEABLE.fullmatch(found["peer"]) else "", Origin.EXTENSION

    def dialled(self, dst: str, lastdata: str, *, channel: str = "", dstchannel: str = "") -> str:
        """Say what was dialled; "" if no number stands in a CDR.

        `dst` may be something else: the number that an outside caller dialled, whose call was forwarded, a short form,
        or, where the dialplan goes on in another extension, its ``s``. So where Dial was told to send another number,
        it is that one, as if an extension had dialled it.

        Args:
            dst: the extension that was called.
            lastdata: what Dial was told; of several legs that of `dstchannel`, else the first.
            channel: the caller's.
            dstchannel: the one that the call left by.
        """
        sent = self._sent(lastdata, dstchannel)
        if not any(sign.isdecimal() for sign in dst):
            return sent
        # What cannot be read, such as 15 in a trunk's own form, is no other number; a forwarded call's always is.
        is_other = self.number(sent) != self.number(dst) and (self._read(sent) or self._operator(channel))
        return sent if sent and is_other else dst

    def number(self, dialled: str) -> str:
        """Say which number a string means; itself where that is not known."""
        return self._read(dialled) or dialled

    def _read(self, dialled: str) -> str:
        if self.plan is None:
            return dialled
        return read_dialled(dialled, plan=self.plan, outside_prefix=self.outside_prefix).number

    def _sent(self, lastdata: str, dstchannel: str) -> str:
        """Find what Dial was told to send, as an extension would have dialled it; "" for nothing."""
        legs = [found for leg in lastdata.partition(",")[0].split("&") if (found := _LEG.fullmatch(leg))]
        peer = self._operator(dstchannel)
        leg = next((leg for leg in legs if peer in {leg["peer"], leg["peer_last"]}), legs[0] if legs else None)
        if leg is None:
            return ""
        number: str = leg["number"] or leg["number_first"]
        if self.number_format is NumberFormat.E164 and len(number.lstrip("+")) > _SHORT_DIGITS_MAX:
            number = f"+{number.lstrip('+')}"
        # A Local channel goes on in the dialplan, where numbers stand as they are dialled.
        return number if number.startswith("+") or leg["technology"] == _LOCAL else self.outside_prefix + number

    def _operator(self, channel: str) -> str:
        """The operator's line that a channel is of; "" for any other."""
        found = _CHANNEL.fullmatch(channel)
        if found is None or found["technology"] == _LOCAL:
            return ""
        peer = found["peer"]
        is_operator = peer in self.named if self.named else not _EXTENSION.fullmatch(peer)
        return peer if is_operator else ""
