"""Where a call can get to without having asked the gate: a walk over contexts, extensions and priorities.

A walk ends at callgate's own contexts. A subroutine that always asks the gate lets nothing past it ungated; one that
may return without having asked does. So whatever the walk finds is a way round the gate, and its steps are the proof.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from callgate.audit.arguments import whole
from callgate.audit.devices import Devices
from callgate.audit.dialplan import Dialplan, Step
from callgate.audit.flow import Dial, Flow, Jump, Scene, flow_of
from callgate.audit.patterns import ANYTHING, CHOSEN, dialled_as, is_choice, is_known, may_meet
from callgate.audit.targets import Leg, Sort, legs_of


class Spot(StrEnum):
    """What a node of the walk is."""

    ENTRY = "entry"
    STEP = "step"
    GATE = "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Somewhere a call can be.

    Fields:
        spot: an ENTRY is a context in which the caller dials, a STEP one priority, the GATE the end of a walk.
        chosen: whether the number that is dialled there is the caller's choice.
    """

    spot: Spot
    context: str
    extension: str = ""
    priority: int = 0
    chosen: bool = False


@dataclass(slots=True)
class Walk:
    """Every node that was reached, each with the one before it; None for where it began."""

    before: dict[Node, Node | None] = field(default_factory=dict)

    def reached(self, context: str, extension: str, priority: int) -> Node | None:
        """The node of a step, if the walk got there."""
        steps = (
            Node(spot=Spot.STEP, context=context, extension=extension, priority=priority, chosen=chosen)
            for chosen in (True, False)
        )
        return next((node for node in steps if node in self.before), None)

    def path(self, node: Node) -> tuple[Node, ...]:
        """The way to a node, its beginning first."""
        found: list[Node] = []
        current: Node | None = node
        while current is not None:
            found.append(current)
            current = self.before[current]
        return tuple(reversed(found))


@dataclass(slots=True, kw_only=True)
class Graph:
    """The dialplan as a graph; what was worked out once is kept.

    Fields:
        own: callgate's own contexts.
        asking: those of them from which the gate is asked.
    """

    scene: Scene
    devices: Devices
    own: frozenset[str]
    asking: frozenset[str]
    flows: dict[tuple[str, str, int], Flow] = field(default_factory=dict)
    returning: dict[Jump, bool] = field(default_factory=dict)

    @property
    def dialplan(self) -> Dialplan:
        """The dialplan itself."""
        return self.scene.dialplan

    def step(self, node: Node) -> Step:
        """The step of a node."""
        return self.dialplan.contexts[node.context].extensions[node.extension][node.priority]

    def flow(self, node: Node) -> Flow:
        """What the step of a node does."""
        key = node.context, node.extension, node.priority
        if key not in self.flows:
            self.flows[key] = flow_of(self.step(node), self.scene)
        return self.flows[key]

    def legs(self, node: Node) -> Iterator[tuple[Dial, Leg]]:
        """Whom the step of a node dials."""
        for dial in self.flow(node).dials:
            for leg in legs_of(dial.target, self.devices):
                yield dial, leg

    def legs_of_step(self, step: Step) -> Iterator[tuple[Dial, Leg]]:
        """Whom a step dials."""
        return self.legs(Node(spot=Spot.STEP, context=step.context, extension=step.extension, priority=step.priority))

    def walk(self, starts: Iterable[Node]) -> Walk:
        """Go everywhere a call can get to from here without having asked the gate."""
        walk = Walk(before=dict.fromkeys(starts))
        waiting = deque(walk.before)
        while waiting:
            node = waiting.popleft()
            for following in self.after(node):
                if following not in walk.before:
                    walk.before[following] = node
                    waiting.append(following)
        return walk

    def after(self, node: Node) -> Iterator[Node]:
        """Where a call may be next, ungated."""
        match node.spot:
            case Spot.ENTRY:
                yield from self._within(node)
            case Spot.STEP:
                yield from self._from_step(node)
            case Spot.GATE:
                pass

    def _within(self, node: Node) -> Iterator[Node]:
        """Everything that can be dialled in a context."""
        context = self.dialplan.contexts.get(node.context)
        if context is None:
            return
        for include in context.includes:
            yield self.entry(include.name, chosen=node.chosen)
        for extension, steps in context.extensions.items():
            # Also `i`, `t`, `h` and their like: Asterisk goes there by itself.
            if 1 in steps:
                chosen = node.chosen and extension.startswith("_") and is_choice(dialled_as(extension))
                yield Node(spot=Spot.STEP, context=node.context, extension=extension, priority=1, chosen=chosen)

    def _from_step(self, node: Node) -> Iterator[Node]:
        flow = self.flow(node)
        for jump in flow.jumps:
            # Within an extension the number stays the caller's; another extension is another number.
            stays = (jump.context, jump.extension) == (node.context, node.extension)
            yield from self.places(jump, chosen=node.chosen and stays)
        for called in flow.calls:
            # What belongs to callgate and asks nothing is no place of its own.
            if called.context not in self.own or called.context in self.asking:
                yield from self.places(called, chosen=node.chosen)
        for _, leg in self.legs(node):
            if leg.sort is Sort.LOCAL:
                yield from self.places(Jump(context=leg.name, extension=leg.number))
        for context in flow.chooses:
            yield self.entry(context, chosen=True)
        for context in flow.lets_in:
            yield self.entry(context, chosen=False)
        if flow.goes_on and (not flow.calls or any(map(self.may_return, flow.calls))):
            yield from self._next(node)

    def _next(self, node: Node) -> Iterator[Node]:
        steps = self.dialplan.contexts[node.context].extensions[node.extension]
        if node.priority + 1 in steps:
            yield replace(node, priority=node.priority + 1)

    def entry(self, context: str, *, chosen: bool) -> Node:
        """Where a caller dials in a context: the gate, if the context is its own."""
        spot = Spot.GATE if context in self.own else Spot.ENTRY
        return Node(spot=spot, context=context, chosen=chosen)

    def places(self, jump: Jump, *, chosen: bool = False) -> Iterator[Node]:
        """The nodes a jump may lead to; none where nobody can say.

        Args:
            jump: where it leads.
            chosen: whether the number is the caller's choice even if the extension is not.
        """
        chosen = chosen or is_choice(jump.extension)
        for context in self._contexts(jump.context):
            if context in self.own:
                yield Node(spot=Spot.GATE, context=context, chosen=chosen)
            elif CHOSEN in jump.extension:
                yield self.entry(context, chosen=True)
            elif is_known(jump.extension):
                found = self.dialplan.find(context, jump.extension)
                yield from self._at(found, jump.priority, chosen=chosen)
            else:
                yield from self._at(self._possible(context, jump.extension), jump.priority, chosen=chosen)

    def _contexts(self, name: str) -> list[str]:
        if is_known(name):
            return [name] if name in self.dialplan.contexts else []
        if not name.strip(ANYTHING + CHOSEN):
            return []
        return [known for known in self.dialplan.contexts if may_meet(known, name)]

    def _possible(self, context: str, extension: str) -> list[tuple[str, str]]:
        return [
            (name, known)
            for name in self.dialplan.closure(context)
            for known in self.dialplan.contexts[name].extensions
            if may_meet(known, extension)
        ]

    def _at(self, found: Iterable[tuple[str, str]], priority: str, *, chosen: bool) -> Iterator[Node]:
        for context, extension in found:
            if context in self.own:
                yield Node(spot=Spot.GATE, context=context, chosen=chosen)
                continue
            steps = self.dialplan.contexts[context].extensions[extension]
            labels = {step.label: number for number, step in steps.items() if step.label}
            number = labels.get(priority, 1) if (given := whole(priority)) is None else given
            if number in steps:
                yield Node(spot=Spot.STEP, context=context, extension=extension, priority=number, chosen=chosen)

    def may_return(self, called: Jump) -> bool:
        """Whether a subroutine may come back without having asked the gate."""
        if called not in self.returning:
            # While it is looked at, a subroutine that calls itself does not return by that call.
            self.returning[called] = False
            self.returning[called] = self._may_return(called)
        return self.returning[called]

    def _may_return(self, called: Jump) -> bool:
        if called.context in self.own:
            return called.context not in self.asking
        starts = list(self.places(called))
        is_macro = called.context.startswith("macro-")
        if not starts:
            # Asterisk would end the call; but what is not in the files may be elsewhere.
            return True
        return any(self._ends_here(node, is_macro=is_macro) for node in self._inside(starts))

    def _ends_here(self, node: Node, *, is_macro: bool) -> bool:
        if node.spot is not Spot.STEP:
            # Which extension it is the caller chooses: one may return.
            return node.spot is Spot.ENTRY
        flow = self.flow(node)
        # A macro returns when its priorities run out; what Gosub calls ends the call there.
        return flow.returns or (is_macro and flow.goes_on and not list(self._next(node)) and self._is_passed(flow))

    def _is_passed(self, flow: Flow) -> bool:
        return not flow.calls or any(map(self.may_return, flow.calls))

    def _inside(self, starts: Iterable[Node]) -> Iterable[Node]:
        """The steps of a subroutine itself: what it calls in turn is its own affair."""
        seen = dict.fromkeys(starts)
        waiting = deque(seen)
        while waiting:
            node = waiting.popleft()
            if node.spot is not Spot.STEP:
                continue
            flow = self.flow(node)
            following = [place for jump in flow.jumps for place in self.places(jump)]
            if flow.goes_on and self._is_passed(flow):
                following += self._next(node)
            for place in following:
                if place not in seen:
                    seen[place] = None
                    waiting.append(place)
        return seen


def own_contexts(dialplan: Dialplan, entries: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Find callgate's own contexts, and those of them from which the gate is asked.

    Args:
        dialplan: all of it.
        entries: contexts of callgate's settings; those that include the gate's numbers count without them.
    """
    named = {name for name in dialplan.contexts if is_own(name)}
    including = {
        name
        for name, context in dialplan.contexts.items()
        if any(include.name == f"callgate-number-{name}" for include in context.includes)
    }
    own = frozenset(named | including | (set(entries) & dialplan.contexts.keys()))
    asking = {step.context for step in dialplan.steps() if step.application == "agi"} & own
    leading = _leading(dialplan, own)
    while more := {name for name in own - asking if leading[name] & asking}:
        asking |= more
    return own, frozenset(asking)


def is_own(context: str) -> bool:
    """Whether a context bears a name that callgate keeps for itself."""
    return context.lower() == "callgate" or context.lower().startswith("callgate-")


def _leading(dialplan: Dialplan, own: frozenset[str]) -> Mapping[str, set[str]]:
    """What each of the own contexts names or includes among the others."""
    leading: dict[str, set[str]] = {}
    for name in own:
        context = dialplan.contexts[name]
        words = {include.name for include in context.includes}
        for step in context.steps():
            if step.application in ("goto", "gosub", "gotoif", "gosubif", "macro"):
                words |= set(step.arguments.replace("?", ",").replace(":", ",").split(","))
        leading[name] = words & own
    return leading
