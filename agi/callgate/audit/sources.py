"""Where calls begin that may want out: telephones, the carrier's own calls, strangers, and the PBX's services."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from callgate.audit.arguments import at, call, split
from callgate.audit.devices import Kind
from callgate.audit.dialplan import Step
from callgate.audit.flow import Flow, Jump, flow_of
from callgate.audit.lines import Document, Option, Place, Section
from callgate.audit.reach import Graph, Node, Spot
from callgate.audit.targets import Leg, Sort, legs_of


class Caller(StrEnum):
    """Who starts a call, the most dangerous first."""

    ANONYMOUS = "anonymous"
    INBOUND = "inbound"
    PHONE = "phone"
    SERVICE = "service"
    ORIGINATE = "originate"

    @property
    def is_outside(self) -> bool:
        """Whether he belongs to nobody in the house."""
        return self in (Caller.ANONYMOUS, Caller.INBOUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Calls that begin at the same places.

    Fields:
        label: who, for a person.
        starts: where in the dialplan.
        place: where the configuration says so.
    """

    caller: Caller
    label: str
    starts: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What a service dials by itself: a member of a queue, a number of follow-me, a feature code's target."""

    service: str
    legs: tuple[Leg, ...]
    place: Place


_CALLERS = {Kind.ANONYMOUS: Caller.ANONYMOUS, Kind.CARRIER: Caller.INBOUND, Kind.PHONE: Caller.PHONE}
_DOORS = frozenset({"transfer_context", "forward_context", "goto_on_blindxfr"})
"""Variables that say in which context a transfer or a forward is dialled."""


def sources_of(graph: Graph, documents: Mapping[str, Document]) -> list[Source]:
    """Every source, in the order of `Caller`; telephones that share a context are one."""
    found = [
        *_devices(graph),
        *_services(graph, documents),
        *_once(graph, _doors(graph)),
        _anybody(graph),
    ]
    order = list(Caller)
    return sorted(found, key=lambda source: order.index(source.caller))


def _devices(graph: Graph) -> Iterator[Source]:
    for kind, caller in _CALLERS.items():
        by_context: dict[str, list[str]] = {}
        places: dict[str, Place] = {}
        for device in graph.devices.of(kind):
            by_context.setdefault(device.context, []).append(device.name)
            places.setdefault(device.context, device.place)
        for context, names in by_context.items():
            start = graph.entry(context, chosen=caller.is_outside)
            yield Source(caller=caller, label=", ".join(names), starts=(start,), place=places[context])


def _services(graph: Graph, documents: Mapping[str, Document]) -> Iterator[Source]:
    """Services by name and, where they let somebody dial, by context: there may be hundreds of members."""
    found: dict[str, Source] = {}
    for member in members_of(graph, documents):
        jumps = (Jump(context=leg.name, extension=leg.number) for leg in member.legs if leg.sort is Sort.LOCAL)
        starts = tuple(node for jump in jumps for node in graph.places(jump))
        known = found.get(member.service)
        before = known.starts if known is not None else ()
        place = known.place if known is not None else member.place
        found[member.service] = Source(
            caller=Caller.SERVICE, label=member.service, starts=(*before, *starts), place=place
        )
    yield from (source for source in found.values() if source.starts)
    yield from _once(graph, _contexts(documents))


def _once(graph: Graph, named: Iterable[tuple[str, str, Place]]) -> Iterator[Source]:
    """A source for each context, named after the first who may dial there."""
    seen: set[str] = set()
    for label, context, place in named:
        if context not in seen:
            seen.add(context)
            yield Source(caller=Caller.SERVICE, label=label, starts=(graph.entry(context, chosen=False),), place=place)


def _contexts(documents: Mapping[str, Document]) -> Iterator[tuple[str, str, Place]]:
    """Contexts in which a service lets somebody dial: (service, context, place)."""
    for section in _sections(documents, "queues.conf"):
        if section.get("context"):
            yield f"queue {section.name}", section.get("context"), section.place_of("context")
    for option, settings in mailboxes(documents):
        for name in ("dialout", "callback", "exitcontext"):
            if settings.get(name):
                yield f"voicemail {option.name}", settings[name], option.place
    for name in ("res_parking.conf", "features.conf"):
        for section in _sections(documents, name):
            if section.get("comebackcontext"):
                yield "parking", section.get("comebackcontext"), section.place_of("comebackcontext")


def mailboxes(documents: Mapping[str, Document]) -> Iterator[tuple[Option, dict[str, str]]]:
    """Every mailbox of voicemail.conf with the options in force for it, those of `[general]` included."""
    general = next((section for section in _sections(documents, "voicemail.conf") if section.name == "general"), None)
    common = {option.name.lower(): option.value for option in general.options} if general is not None else {}
    for section in _sections(documents, "voicemail.conf"):
        if section.name in ("general", "zonemessages"):
            continue
        for option in section.options:
            given = at(split(option.value), 4)
            own = dict(part.partition("=")[::2] for part in given.split("|") if "=" in part)
            yield option, {**common, **own}


def _doors(graph: Graph) -> Iterator[tuple[str, str, Place]]:
    """Contexts to which the dialplan sends transfers and forwards: (variable, context, place)."""
    for step in graph.dialplan.steps():
        name, _, value = step.arguments.partition("=")
        plain = name.strip().lstrip("_").lower()
        if step.application == "set" and plain in _DOORS and step.context not in graph.own:
            for written in sorted(graph.scene.values.expand(value, step)):
                yield plain, written.partition(",")[0], step.place


def _anybody(graph: Graph) -> Source:
    """Originate, call files and the console start wherever they like."""
    starts = [
        Node(spot=Spot.STEP, context=name, extension=extension, priority=1)
        for name, context in graph.dialplan.contexts.items()
        if name not in graph.own
        for extension, steps in context.extensions.items()
        if 1 in steps
    ]
    return Source(caller=Caller.ORIGINATE, label="AMI, ARI, call file", starts=tuple(starts), place=Place(file=""))


def members_of(graph: Graph, documents: Mapping[str, Document]) -> Iterator[Member]:
    """What queues, follow-me and feature codes dial by themselves."""
    for section in _sections(documents, "queues.conf"):
        for option in _named(section, "member"):
            yield _member(graph, f"queue {section.name}", at(split(option.value), 0), option.place)
    for section in _sections(documents, "followme.conf"):
        context = section.get("context", "default")
        for option in _named(section, "number"):
            for number in at(split(option.value), 0).split("&"):
                target = number if "/" in number else f"Local/{number}@{context}"
                yield _member(graph, f"follow-me {section.name}", target, option.place)
    for section in _sections(documents, "features.conf"):
        for option in section.options if section.name == "applicationmap" else ():
            yield _feature(graph, option)


def _sections(documents: Mapping[str, Document], name: str) -> list[Section]:
    return documents[name].sections if name in documents else []


def _named(section: Section, name: str) -> Iterable[Option]:
    return (option for option in section.options if option.name.lower() == name)


def _member(graph: Graph, service: str, target: str, place: Place) -> Member:
    return Member(service=service, legs=tuple(legs_of(target, graph.devices)), place=place)


def _feature(graph: Graph, option: Option) -> Member:
    """``name => digits,activated by,application[(arguments) | ,arguments]``."""
    parts = split(option.value)
    name, arguments = call(at(parts, 2))
    step = Step(
        context="",
        extension="",
        priority=1,
        label="",
        application=name,
        arguments=(arguments or ",".join(parts[3:]).strip('"')).replace("^", ","),
        place=option.place,
    )
    flow = flow_of(step, graph.scene)
    dialled = [leg for dial in flow.dials for leg in legs_of(dial.target, graph.devices)]
    return Member(service=f"feature {option.name}", legs=(*dialled, *_jumped(flow)), place=option.place)


def _jumped(flow: Flow) -> Iterator[Leg]:
    """Where a feature's Gosub or Goto leads, as the leg of a Local channel: a walk may begin there."""
    for jump in (*flow.jumps, *flow.calls):
        yield Leg(sort=Sort.LOCAL, name=jump.context, number=jump.extension)
