"""Finds where a telephone is believed that sends calls past the gate: by a 302, or by an address not its own."""

from collections.abc import Iterator, Mapping

from callgate.audit.arguments import whole
from callgate.audit.devices import Devices, Kind, is_yes
from callgate.audit.flow import Dial
from callgate.audit.lines import Document, Section
from callgate.audit.patterns import ANYTHING
from callgate.audit.reach import Graph
from callgate.audit.rules import Finding, Rule
from callgate.audit.targets import Leg, Sort

_RINGING = frozenset({"dial", "page", "queue", "retrydial"})
"""Each of them follows a 302, a technology in it included, unless its options have `i`."""
_CONTACT_RULES = ("contact_acl", "contact_deny")


def forwards(graph: Graph) -> Iterator[Finding]:
    """Applications that ring telephones and do as these say; at most one finding a step."""
    for step in graph.dialplan.steps():
        if step.context not in graph.own and any(_follows(dial, leg) for dial, leg in graph.legs_of_step(step)):
            subject = f"[{step.context}] {step.extension}: {step.application.capitalize()}"
            yield Finding(rule=Rule.PHONE_FORWARDS, place=step.place, subject=subject)


def _follows(dial: Dial, leg: Leg) -> bool:
    # What options a call will show only is not said to be wrong.
    is_open = "i" not in dial.options and ANYTHING not in dial.options and "$" not in dial.options
    rings = dial.application == "queue" or leg.sort is Sort.PHONE
    return dial.application in _RINGING and rings and is_open


def contacts(documents: Mapping[str, Document], devices: Devices) -> Iterator[Finding]:
    """Telephones that register whatever address they like, and are called there (pjsip.conf, pjsip_wizard.conf)."""
    sections = documents["pjsip.conf"].sections if "pjsip.conf" in documents else []
    if any(section.get("type") == "acl" and _is_bound(section) for section in sections):
        return
    registering = {
        section.name for section in sections if section.get("type") == "aor" and whole(section.get("max_contacts"))
    }
    for section in sections:
        aors = {name.strip() for name in section.get("aors").split(",")}
        if section.get("type") == "endpoint" and aors & registering:
            yield from _judged(section, devices)
    for section in documents["pjsip_wizard.conf"].sections if "pjsip_wizard.conf" in documents else []:
        if section.get("type") == "wizard" and is_yes(section.get("accepts_registrations")):
            yield from _judged(section, devices, "endpoint/")


def _judged(section: Section, devices: Devices, prefix: str = "") -> Iterator[Finding]:
    device = devices.known.get(("PJSIP", section.name))
    is_phone = device is not None and device.kind is Kind.PHONE
    option = f"{prefix}rewrite_contact"
    if is_phone and not is_yes(section.get(option)) and not _is_bound(section, prefix):
        yield Finding(rule=Rule.CONTACT_ANYWHERE, place=section.place_of(option), subject=section.name)


def _is_bound(section: Section, prefix: str = "") -> bool:
    return any(section.get(f"{prefix}{name}") for name in _CONTACT_RULES)
