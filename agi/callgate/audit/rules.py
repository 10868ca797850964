"""Every rule of the audit with its severity: the one table. Its texts are `audit.what_...`, `why_...`, `remedy_...`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from callgate.audit.lines import Place


class Severity(StrEnum):
    """How bad it is, worst first. High and critical make the exit code 1."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Rule(StrEnum):
    """What can be wrong, in the order of the documentation."""

    # A way to the carrier past the gate.
    UNGATED_INBOUND = "ungated_inbound"
    UNGATED_DIAL = "ungated_dial"
    UNGATED_UNUSED = "ungated_unused"
    UNGATED_ADDRESS = "ungated_address"
    UNGATED_ORIGINATE = "ungated_originate"
    UNGATED_QUEUE = "ungated_queue"
    UNGATED_PAGE = "ungated_page"
    UNGATED_FOLLOW_ME = "ungated_follow_me"
    UNGATED_FEATURE = "ungated_feature"
    CHOSEN_TARGET = "chosen_target"
    UNPROVEN_TARGET = "unproven_target"
    NUMBER_UNCHECKED = "number_unchecked"
    HOOK_MISSING = "hook_missing"
    HOOKLESS_TRUNK = "hookless_trunk"
    # Who may use the way out.
    OPEN_ANONYMOUS = "open_anonymous"
    OPEN_INBOUND = "open_inbound"
    DISA_OPEN = "disa_open"
    DISA_PIN = "disa_pin"
    OUTSIDER_TRANSFER = "outsider_transfer"
    VOICEMAIL_PIN = "voicemail_pin"
    PHONE_FORWARDS = "phone_forwards"
    CONTACT_ANYWHERE = "contact_anywhere"
    # The gate itself, and help.
    GATE_MISSING = "gate_missing"
    GATE_FOREIGN = "gate_foreign"
    GATE_OUTDATED = "gate_outdated"
    INCLUDE_UNGUARDED = "include_unguarded"
    LAST_RESORT_FIRST = "last_resort_first"
    EMERGENCY_COLLISION = "emergency_collision"
    UNREAD_PART = "unread_part"
    # The machine.
    LOGIN_OPEN = "login_open"
    LOGIN_WEAK = "login_weak"
    MANAGER_EXPOSED = "manager_exposed"
    MANAGER_ORIGINATE = "manager_originate"
    HTTP_EXPOSED = "http_exposed"
    ARI_ORIGINATE = "ari_originate"
    CALL_FILE_FOLDER = "call_file_folder"
    LIVE_DANGEROUSLY = "live_dangerously"


SEVERITIES: Mapping[Rule, Severity] = {
    Rule.UNGATED_INBOUND: Severity.CRITICAL,
    Rule.UNGATED_DIAL: Severity.HIGH,
    Rule.UNGATED_UNUSED: Severity.MEDIUM,
    Rule.UNGATED_ADDRESS: Severity.HIGH,
    Rule.UNGATED_ORIGINATE: Severity.HIGH,
    Rule.UNGATED_QUEUE: Severity.HIGH,
    Rule.UNGATED_PAGE: Severity.HIGH,
    Rule.UNGATED_FOLLOW_ME: Severity.HIGH,
    Rule.UNGATED_FEATURE: Severity.HIGH,
    Rule.CHOSEN_TARGET: Severity.HIGH,
    Rule.UNPROVEN_TARGET: Severity.MEDIUM,
    Rule.NUMBER_UNCHECKED: Severity.HIGH,
    Rule.HOOK_MISSING: Severity.HIGH,
    Rule.HOOKLESS_TRUNK: Severity.HIGH,
    Rule.OPEN_ANONYMOUS: Severity.CRITICAL,
    Rule.OPEN_INBOUND: Severity.CRITICAL,
    Rule.DISA_OPEN: Severity.CRITICAL,
    Rule.DISA_PIN: Severity.MEDIUM,
    Rule.OUTSIDER_TRANSFER: Severity.HIGH,
    Rule.VOICEMAIL_PIN: Severity.HIGH,
    Rule.PHONE_FORWARDS: Severity.LOW,
    Rule.CONTACT_ANYWHERE: Severity.HIGH,
    Rule.GATE_MISSING: Severity.CRITICAL,
    Rule.GATE_FOREIGN: Severity.HIGH,
    Rule.GATE_OUTDATED: Severity.HIGH,
    Rule.INCLUDE_UNGUARDED: Severity.MEDIUM,
    Rule.LAST_RESORT_FIRST: Severity.HIGH,
    Rule.EMERGENCY_COLLISION: Severity.CRITICAL,
    Rule.UNREAD_PART: Severity.MEDIUM,
    Rule.LOGIN_OPEN: Severity.CRITICAL,
    Rule.LOGIN_WEAK: Severity.HIGH,
    Rule.MANAGER_EXPOSED: Severity.HIGH,
    Rule.MANAGER_ORIGINATE: Severity.LOW,
    Rule.HTTP_EXPOSED: Severity.HIGH,
    Rule.ARI_ORIGINATE: Severity.LOW,
    Rule.CALL_FILE_FOLDER: Severity.HIGH,
    Rule.LIVE_DANGEROUSLY: Severity.HIGH,
}


class Note(StrEnum):
    """What a reader must know of the audit itself: it lowers nothing and is no fault."""

    TRUNKS_GUESSED = "trunks_guessed"
    NO_TRUNK = "no_trunk"
    GATE_NOT_COMPARED = "gate_not_compared"
    NOT_READ = "not_read"
    FOLDER_NOT_SEEN = "folder_not_seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Fields:
        subject: what its text names; never a secret.
        path: how a call gets there, from who starts it; empty where no path is meant.
    """

    rule: Rule
    place: Place
    subject: str
    path: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITIES[self.rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One note with what it names."""

    note: Note
    subject: str = ""
