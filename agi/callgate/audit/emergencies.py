"""Finds extensions that catch an emergency number before callgate's own literals do."""

from collections.abc import Iterable, Iterator

from callgate.audit.dialplan import Dialplan
from callgate.audit.lines import Place
from callgate.audit.reach import Graph
from callgate.audit.rules import Finding, Rule
from callgate.audit.sources import Caller, Source

OWN_LITERALS = "callgate-emergency-"


def emergency_numbers(dialplan: Dialplan, own: Iterable[str]) -> frozenset[str]:
    """Every form of an emergency number that callgate's dialplan has as a literal, of digits alone."""
    contexts = (dialplan.contexts[name] for name in own if name.lower().startswith(OWN_LITERALS))
    return frozenset(extension for context in contexts for extension in context.extensions if extension.isdecimal())


def collisions(graph: Graph, sources: Iterable[Source], numbers: frozenset[str]) -> Iterator[Finding]:
    """Dial every emergency number from every telephone's context, as Asterisk would search it."""
    caught: dict[tuple[str, str], list[str]] = {}
    contexts = {
        start.context for source in sources if source.caller is Caller.PHONE for start in source.starts
    } - graph.own
    for context in sorted(contexts):
        for number in sorted(numbers, key=lambda number: (len(number), number)):
            for found in graph.dialplan.find(context, number):
                if not _helps(graph, found, numbers) and number not in caught.setdefault(found, []):
                    caught[found].append(number)
    for (context, extension), taken in caught.items():
        if taken:
            place = _place(graph, context, extension)
            yield Finding(
                rule=Rule.EMERGENCY_COLLISION, place=place, subject=f"[{context}] {extension}: {', '.join(taken[:8])}"
            )


def _helps(graph: Graph, found: tuple[str, str], numbers: frozenset[str]) -> bool:
    """Whether what catches the number is callgate's, or dials an emergency number itself."""
    context, extension = found
    if context in graph.own:
        return True
    steps = graph.dialplan.contexts[context].extensions[extension]
    return any(leg.number in numbers for step in steps.values() for _, leg in graph.legs_of_step(step))


def _place(graph: Graph, context: str, extension: str) -> Place:
    steps = graph.dialplan.contexts[context].extensions[extension]
    return steps[min(steps)].place
