"""Every path out, as one table: its name, what is done, who stops it, and what the gate must find out about it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from callgate.core.attempt import Origin
from callgate.journal import JournalRow
from carrier_log import CarrierEvent
from system import ways_by_dialplan as dialplan
from system import ways_by_phone as phone
from system import ways_by_program as program
from system.stage import Stage, happens


class Owner(StrEnum):
    """Who sees to it that nothing ungated stays: no INVITE without a grant, or none that lives to be answered."""

    DIALPLAN = "dialplan"
    GUARD = "guard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way out.

    Fields:
        name: for people.
        how: brings the stage's number on its way.
        origin: what the gate must find; None where it is not asked.
        extension: whom it must charge.
    """

    name: str
    how: Callable[[Stage], Awaitable[None]]
    origin: Origin | None
    extension: str = ""

    @property
    def owner(self) -> Owner:
        """The dialplan, for what asks the gate."""
        return Owner.GUARD if self.origin is None else Owner.DIALPLAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one attempt came to: what the gate decided, and what the carrier saw of the number."""

    decisions: tuple[JournalRow, ...]
    invites: tuple[CarrierEvent, ...]
    answered: int
    lives_ms: tuple[float, ...]


async def try_path(path: Path, stage: Stage, dialled: str, wire: str) -> Tried:
    """Take one way out once, wait until its outcome is known, and end all calls.

    An outcome is a refusal, an answer, or the end of each leg that the carrier saw.
    """
    await stage.begin(dialled, wire)
    await path.how(stage)
    await happens(lambda: _is_over(stage))
    await stage.clear()
    await happens(lambda: len(stage.carrier_events("ended")) == len(stage.carrier_events("invite")))
    ends = {line.call_id: line.at for line in stage.carrier_events("ended")}
    invites = stage.carrier_events("invite")
    return Tried(
        decisions=tuple(stage.decisions()),
        invites=tuple(invites),
        answered=len(stage.carrier_events("answered")),
        lives_ms=tuple(1000 * (ends[line.call_id] - line.at) for line in invites),
    )


def _is_over(stage: Stage) -> bool:
    refused = [row for row in stage.decisions() if row.event == "call.refused"]
    return bool(refused or stage.carrier_events("answered") or stage.carrier_events("ended"))


_FROM_OUTSIDE = Origin.EXTERNAL
PATHS = (
    # A telephone.
    Path(name="direct", how=phone.direct, origin=Origin.EXTENSION, extension="101"),
    Path(name="overlap dialling", how=phone.overlap, origin=Origin.EXTENSION, extension="101"),
    Path(name="phone answers 302", how=phone.phone_302, origin=Origin.PHONE_FORWARDED, extension="102"),
    Path(
        name="phone answers 302, caller outside",
        how=phone.phone_302_of_an_outside_call,
        origin=_FROM_OUTSIDE,
        extension="101",
    ),
    Path(name="carrier answers 302", how=phone.carrier_302, origin=Origin.EXTENSION, extension="101"),
    Path(name="forward all", how=dialplan.inside("7001"), origin=Origin.FORWARDED, extension="101"),
    Path(name="forward all, caller outside", how=dialplan.outside("7001"), origin=_FROM_OUTSIDE),
    Path(name="forward on busy", how=phone.forward_busy, origin=Origin.FORWARDED, extension="101"),
    Path(name="forward on no answer", how=phone.forward_no_answer, origin=Origin.FORWARDED, extension="101"),
    Path(
        name="blind transfer of the called phone",
        how=phone.blind_transfer_of_the_called,
        origin=Origin.TRANSFERRED,
        extension="101",
    ),
    Path(
        name="blind transfer of the calling phone",
        how=phone.blind_transfer_of_the_caller,
        origin=Origin.TRANSFERRED,
        extension="102",
    ),
    Path(
        name="blind transfer of an outside caller",
        how=phone.blind_transfer_of_an_outside_caller,
        origin=_FROM_OUTSIDE,
        extension="101",
    ),
    Path(
        name="blind transfer of a called outsider",
        how=phone.blind_transfer_of_a_called_outsider,
        origin=_FROM_OUTSIDE,
        extension="101",
    ),
    Path(
        name="the same, to a ring group",
        how=phone.blind_transfer_of_a_called_outsider_to_a_ring_group,
        origin=_FROM_OUTSIDE,
    ),
    Path(
        name="blind transfer by the far end",
        how=phone.blind_transfer_by_the_far_end,
        origin=_FROM_OUTSIDE,
        extension="101",
    ),
    Path(
        name="DTMF transfer of a phone",
        how=phone.dtmf_transfer_of_the_caller,
        origin=Origin.TRANSFERRED,
        extension="101",
    ),
    Path(
        name="DTMF transfer of an outside caller",
        how=phone.dtmf_transfer_of_an_outside_caller,
        origin=_FROM_OUTSIDE,
        extension="101",
    ),
    Path(
        name="DTMF transfer by the far end",
        how=phone.dtmf_transfer_by_the_far_end,
        origin=_FROM_OUTSIDE,
        extension="101",
    ),
    Path(
        name="DTMF attended transfer",
        how=phone.dtmf_attended_transfer,
        origin=Origin.TRANSFERRED,
        extension="101",
    ),
    Path(name="attended transfer", how=phone.attended_transfer, origin=Origin.EXTENSION, extension="101"),
    Path(
        name="conference whose clinic member leaves",
        how=phone.conference,
        origin=Origin.EXTENSION,
        extension="101",
    ),
    Path(name="pickup of a call that rings outside", how=phone.pickup, origin=Origin.EXTENSION, extension="101"),
    Path(
        name="parked outside call, taken back",
        how=phone.parked_and_taken_back,
        origin=Origin.EXTENSION,
        extension="101",
    ),
    Path(name="parking timeout", how=phone.parking_timeout, origin=Origin.FORWARDED, extension="102"),
    Path(
        name="parking timeout, caller outside",
        how=phone.parking_timeout_of_an_outside_call,
        origin=_FROM_OUTSIDE,
    ),
    # The dialplan and its applications.
    Path(name="follow-me", how=dialplan.inside("7004"), origin=Origin.FOLLOW_ME, extension="101"),
    Path(name="follow-me, caller outside", how=dialplan.outside("7004"), origin=_FROM_OUTSIDE),
    Path(name="voicemail out-call", how=dialplan.voicemail_out_call, origin=Origin.VOICEMAIL, extension="101"),
    Path(
        name="voicemail out-call, caller outside",
        how=dialplan.voicemail_out_call_of_an_outside_caller,
        origin=_FROM_OUTSIDE,
    ),
    Path(name="voicemail call-back", how=dialplan.voicemail_call_back, origin=Origin.VOICEMAIL, extension="101"),
    Path(
        name="voicemail call-back, caller outside",
        how=dialplan.voicemail_call_back_of_an_outside_caller,
        origin=_FROM_OUTSIDE,
    ),
    Path(name="DISA", how=dialplan.disa, origin=Origin.DISA, extension="101"),
    Path(name="DISA, caller outside", how=dialplan.disa_of_an_outside_call, origin=_FROM_OUTSIDE),
    Path(name="Local", how=dialplan.inside("7007"), origin=Origin.FORWARDED, extension="101"),
    Path(name="Local/n", how=dialplan.inside("7008"), origin=Origin.FORWARDED, extension="101"),
    Path(name="Local in Local (hairpin)", how=dialplan.inside("7009"), origin=Origin.FORWARDED, extension="101"),
    Path(name="Local in Local, caller outside", how=dialplan.outside("7009"), origin=_FROM_OUTSIDE),
    Path(name="queue member", how=dialplan.inside("7010"), origin=Origin.FORWARDED, extension="101"),
    Path(name="queue member, caller outside", how=dialplan.outside("7010"), origin=_FROM_OUTSIDE),
    Path(name="ring group", how=dialplan.inside("7012"), origin=Origin.FORWARDED, extension="101"),
    Path(name="ring group, caller outside", how=dialplan.outside("7012"), origin=_FROM_OUTSIDE),
    Path(name="page", how=dialplan.inside("7013"), origin=Origin.FORWARDED, extension="101"),
    Path(name="after a fax", how=dialplan.inside("7016"), origin=Origin.FAX, extension="101"),
    # Programs.
    Path(name="AMI Originate, Local", how=program.ami_local, origin=Origin.ORIGINATED),
    Path(
        name="AMI Originate, phone to context",
        how=program.ami_phone_to_context,
        origin=Origin.ORIGINATED,
        extension="101",
    ),
    Path(
        name="AMI Originate, phone to application",
        how=program.ami_phone_to_application,
        origin=Origin.ORIGINATED,
        extension="101",
    ),
    Path(name="AMI Originate, Local, forged", how=program.ami_with_a_forged_origin, origin=Origin.ORIGINATED),
    Path(
        name="AMI Originate, phone, forged",
        how=program.ami_phone_with_a_forged_origin,
        origin=Origin.ORIGINATED,
        extension="101",
    ),
    Path(name="ARI, Local", how=program.ari_local, origin=Origin.ORIGINATED),
    Path(name="ARI, phone to context", how=program.ari_phone_to_context, origin=Origin.ORIGINATED, extension="101"),
    Path(name="call file, Local", how=program.call_file, origin=Origin.ORIGINATED),
    Path(name="command line, Local", how=program.command_line, origin=Origin.ORIGINATED),
    Path(name="AMI Redirect of a phone", how=program.redirect_of_a_phone, origin=Origin.FORWARDED, extension="101"),
    Path(
        name="AMI Redirect of a called phone",
        how=program.redirect_of_the_called_phone,
        origin=Origin.ORIGINATED,
        extension="102",
    ),
    Path(name="AMI Redirect of a carrier leg", how=program.redirect_of_a_carrier_leg, origin=_FROM_OUTSIDE),
    # Past the gate: only a guard on live channels can see these.
    Path(name="hand-written Dial of the trunk", how=dialplan.inside("7050"), origin=None),
    Path(name="PJSIP/trunk/sip:number@carrier", how=dialplan.inside("7051"), origin=None),
    Path(name="ring group with the trunk", how=dialplan.inside("7052"), origin=None),
    Path(name="page with the trunk", how=dialplan.inside("7056"), origin=None),
    Path(name="application Originate", how=dialplan.inside("7053"), origin=None),
    Path(name="forged grant in the gate's own b()", how=dialplan.inside("7055"), origin=None),
    Path(name="queue member on the trunk", how=dialplan.queue_member_on_the_trunk, origin=None),
    Path(name="AMI Originate, trunk", how=program.ami_trunk, origin=None),
    Path(name="AMI Originate, trunk, forged grant", how=program.ami_trunk_with_a_forged_grant, origin=None),
    Path(name="AMI Originate, trunk, as emergency", how=program.ami_trunk_as_an_emergency, origin=None),
    Path(name="AMI Originate, application Dial", how=program.ami_dial_the_trunk, origin=None),
    Path(name="ARI, trunk", how=program.ari_trunk, origin=None),
    Path(name="call file, trunk", how=program.call_file_to_the_trunk, origin=None),
    Path(name="command line, trunk", how=program.command_line_to_the_trunk, origin=None),
    Path(name="AMI Redirect past the gate", how=program.redirect_past_the_gate, origin=None),
)

GATED = tuple(path for path in PATHS if path.owner is Owner.DIALPLAN)
PAST = tuple(path for path in PATHS if path.owner is Owner.GUARD)
