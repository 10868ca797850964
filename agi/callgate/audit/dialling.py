"""Finds every way to a carrier that skips the gate, and everybody who may use one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from callgate.audit.dialplan import Step
from callgate.audit.flow import Dial, Jump
from callgate.audit.lines import Document, Place
from callgate.audit.patterns import shown
from callgate.audit.reach import Graph, Node, Spot, Walk
from callgate.audit.rules import Finding, Rule
from callgate.audit.sources import Caller, Source, members_of
from callgate.audit.targets import Leg, Sort

_HOOKS = {
    "macro-dialout-trunk": "macro-dialout-trunk-predial-hook",
    "macro-dialout-dundi": "macro-dialout-dundi-predial-hook",
}
"""FreePBX and Issabel: where a trunk is dialled, and the hook before it (facts/ecosystem.md 0.3, 0.5)."""
_HOOKLESS = frozenset({"ext-trunk", "macro-dialout-enum"})
_VETO = "func-apply-sipheaders"
"""FreePBX's own pre-dial routine, the only one it lets a trunk's leg have (facts/dialplan.md 5)."""
_BY_SORT = {
    Sort.ADDRESS: Rule.UNGATED_ADDRESS,
    Sort.CHOSEN: Rule.CHOSEN_TARGET,
    Sort.UNKNOWN: Rule.UNPROVEN_TARGET,
}
_BY_CALLER = {
    Caller.ANONYMOUS: Rule.UNGATED_INBOUND,
    Caller.INBOUND: Rule.UNGATED_INBOUND,
    Caller.PHONE: Rule.UNGATED_DIAL,
    Caller.SERVICE: Rule.UNGATED_DIAL,
    Caller.ORIGINATE: Rule.UNGATED_UNUSED,
}
_BY_APPLICATION = {
    "addqueuemember": Rule.UNGATED_QUEUE,
    "originate": Rule.UNGATED_ORIGINATE,
    "page": Rule.UNGATED_PAGE,
}
_BY_SERVICE = {
    "queue": Rule.UNGATED_QUEUE,
    "follow-me": Rule.UNGATED_FOLLOW_ME,
    "feature": Rule.UNGATED_FEATURE,
}
_CALLED_LETTERS = frozenset("tkx")
_CALLING_LETTERS = frozenset("TKX")
SUBJECT_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """A source and everywhere its calls can get to without the gate."""

    source: Source
    walk: Walk


def dialling(graph: Graph, walks: list[Walked], emergency: frozenset[str]) -> Iterator[Finding]:
    """Judge every dial string outside callgate's own contexts; at most one finding a step."""
    unhooked = _unhooked(graph)
    for step in _steps(graph):
        walked = _reached(step, walks)
        if step.context in _HOOKS and (walked is None or step.context in unhooked):
            # Behind a hook that asks, or one that does not and is reported itself.
            continue
        for dial, leg in graph.legs_of_step(step):
            rule = _judged(step, dial, leg, walked=walked, emergency=emergency)
            if rule is not None:
                target = shown(leg.name or dial.target)
                subject = f"[{step.context}] {step.extension}: {step.application.capitalize()} {target}"
                yield Finding(rule=rule, place=step.place, subject=subject[:SUBJECT_MAX], path=_way_to(walked, step))
                break


def _steps(graph: Graph) -> Iterator[Step]:
    return (step for step in graph.dialplan.steps() if step.context not in graph.own)


def _judged(step: Step, dial: Dial, leg: Leg, *, walked: Walked | None, emergency: frozenset[str]) -> Rule | None:
    """Judge one leg of a step; `walked` is who gets there ungated."""
    # Help may be called from anywhere.
    is_harmless = leg.sort in (Sort.PHONE, Sort.LOCAL) or (leg.sort is Sort.TRUNK and leg.number in emergency)
    if is_harmless or (leg.sort is Sort.UNKNOWN and walked is None):
        return None
    if step.context in _HOOKLESS:
        return Rule.HOOKLESS_TRUNK
    if leg.sort is not Sort.TRUNK:
        return _BY_SORT[leg.sort]
    if walked is None:
        return Rule.NUMBER_UNCHECKED if "${EXTEN" in step.arguments else None
    return _BY_APPLICATION.get(dial.application) or _BY_CALLER[walked.source.caller]


def _reached(step: Step, walks: Iterable[Walked]) -> Walked | None:
    """The most dangerous source whose calls get there ungated."""
    found = (walked for walked in walks if walked.walk.reached(step.context, step.extension, step.priority))
    return next(found, None)


def _way_to(walked: Walked | None, step: Step) -> tuple[str, ...]:
    node = walked.walk.reached(step.context, step.extension, step.priority) if walked is not None else None
    return way(walked, node) if walked is not None and node is not None else ()


def way(walked: Walked, node: Node) -> tuple[str, ...]:
    """How a call gets to a node, as words; steps of one extension are one word."""
    words = [walked.source.label]
    for passed in walked.walk.path(node):
        word = f"[{passed.context}]" if passed.spot is not Spot.STEP else f"[{passed.context}] {passed.extension}"
        if words[-1] == f"[{passed.context}]":
            words.pop()
        if words[-1:] != [word]:
            words.append(word)
    return tuple(words)


def services(graph: Graph, documents: Mapping[str, Document]) -> Iterator[Finding]:
    """Members of queues, numbers of follow-me and feature codes that dial a trunk by themselves."""
    for member in members_of(graph, documents):
        if any(leg.sort in (Sort.TRUNK, Sort.ADDRESS) for leg in member.legs):
            rule = _BY_SERVICE[member.service.partition(" ")[0]]
            yield Finding(rule=rule, place=member.place, subject=member.service)


def _unhooked(graph: Graph) -> dict[str, str]:
    """Where a PBX dials its trunks behind a hook that may return without having asked, with the name of the hook."""
    return {
        dialler: hook
        for dialler, hook in _HOOKS.items()
        if dialler in graph.dialplan.contexts and graph.may_return(Jump(context=hook, extension="s"))
    }


def hooks(graph: Graph) -> Iterator[Finding]:
    """FreePBX and Issabel dial trunks in one place, behind a hook that has to ask the gate."""
    contexts = graph.dialplan.contexts
    for dialler, hook in _unhooked(graph).items():
        steps = contexts[hook].extensions.get("s", {}) if hook in contexts else {}
        place = steps[1].place if 1 in steps else contexts[dialler].place
        yield Finding(rule=Rule.HOOK_MISSING, place=place, subject=f"[{hook}]")
    if _VETO in contexts and "macro-dialout-trunk" in contexts:
        steps = contexts[_VETO].extensions.get("s", {})
        if 1 not in steps or not any(f"{name}," in steps[1].arguments for name in graph.own):
            place = steps[1].place if 1 in steps else contexts[_VETO].place
            yield Finding(rule=Rule.NUMBER_UNCHECKED, place=place, subject=f"[{_VETO}]")


def openings(graph: Graph, walks: list[Walked]) -> Iterator[Finding]:
    """Contexts in which a caller from outside dials out as he likes, even if the gate is asked."""
    house = {_spot(node) for walked in walks if walked.source.caller is Caller.PHONE for node in walked.walk.before}
    for walked in walks:
        if not walked.source.caller.is_outside:
            continue
        gates = (node for node in walked.walk.before if node.spot is Spot.GATE and node.chosen)
        # Help may be called by anybody: that way leads nowhere else.
        gate = next((node for node in gates if node.context in graph.asking), None)
        if gate is not None:
            is_anonymous = walked.source.caller is Caller.ANONYMOUS
            yield Finding(
                rule=Rule.OPEN_ANONYMOUS if is_anonymous else Rule.OPEN_INBOUND,
                place=_opening(graph, walked, gate, house),
                subject=walked.source.label,
                path=way(walked, gate),
            )


def _spot(node: Node) -> tuple[str, str, int]:
    """Where a node is, whoever got there."""
    return node.context, node.extension, node.priority


def _opening(graph: Graph, walked: Walked, gate: Node, house: set[tuple[str, str, int]]) -> Place:
    """The line that lets a stranger in: where his way first meets that of the telephones."""
    path = walked.walk.path(gate)
    if _spot(path[0]) in house or len(path) == 1:
        return walked.source.place
    met = next((position for position, node in enumerate(path) if _spot(node) in house), len(path) - 1)
    before, after = path[met - 1], path[met]
    if before.spot is Spot.STEP:
        return graph.step(before).place
    context = graph.dialplan.contexts[before.context]
    return next((include.place for include in context.includes if include.name == after.context), context.place)


def disa(graph: Graph, walks: list[Walked]) -> Iterator[Finding]:
    """DISA gives whoever rings in a dial tone; a PIN typed on a telephone is the only lock it can have."""
    for step in _steps(graph):
        if step.application == "disa":
            is_open = step.arguments.partition(",")[0].strip().lower() in ("", "no-password")
            yield Finding(
                rule=Rule.DISA_OPEN if is_open else Rule.DISA_PIN,
                place=step.place,
                subject=f"[{step.context}] {step.extension}",
                path=_way_to(_reached(step, walks), step),
            )


def transfers(graph: Graph, walks: list[Walked]) -> Iterator[Finding]:
    """Options of Dial and Queue by which somebody outside can transfer the call to a number he chooses."""
    outside = [walked for walked in walks if walked.source.caller.is_outside]
    for step in _steps(graph):
        calling = _CALLING_LETTERS if _reached(step, outside) is not None else frozenset[str]()
        letters: set[str] = set()
        for dial, leg in graph.legs_of_step(step):
            if dial.application in ("dial", "retrydial", "queue"):
                called = _CALLED_LETTERS if leg.sort is Sort.TRUNK else frozenset[str]()
                letters |= (called | calling) & set(dial.options)
        if letters:
            subject = f"[{step.context}] {step.extension}: {''.join(sorted(letters))}"
            yield Finding(rule=Rule.OUTSIDER_TRANSFER, place=step.place, subject=subject)
