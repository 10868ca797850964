"""Finds whether the gate is there whole: its contexts, their order, and what Asterisk could not tell us."""

from collections.abc import Iterable, Iterator, Mapping

from callgate.audit.devices import is_yes
from callgate.audit.dialplan import Context, Dialplan
from callgate.audit.lines import Document, Inclusion, Place
from callgate.audit.reach import Graph, is_own
from callgate.audit.rules import Finding, Note, Remark, Rule

LAST_RESORT = "callgate-last-resort"
_LAST_RESORTS = frozenset({LAST_RESORT, f"{LAST_RESORT}-leg"})
_OWN_FILE = "callgate"
DIALPLAN = "extensions.conf"
_FOREIGN = ("extensions.ael", "extensions.lua")


def gate(graph: Graph, document: Document, entries: Iterable[str]) -> Iterator[Finding]:
    """Judge callgate's own contexts as they stand in the configuration."""
    absent = sorted(set(entries) - graph.dialplan.contexts.keys())
    if absent or not graph.asking:
        yield Finding(rule=Rule.GATE_MISSING, place=Place(file=document.name), subject=", ".join(absent) or "callgate")
    yield from _foreign(graph, document)
    yield from _inclusions(document)
    for context in graph.dialplan.contexts.values():
        yield from _order(graph, context)


def _foreign(graph: Graph, document: Document) -> Iterator[Finding]:
    """What stands in our contexts but not in our files; one finding for each context and file."""
    if not document.own_files:
        return
    seen: set[tuple[str, str]] = set()
    # The last resort belongs into the installer's own file: it is for when ours are missing.
    for name in sorted(graph.own - _LAST_RESORTS):
        context = graph.dialplan.contexts[name]
        parts = (*(step.place for step in context.steps()), *_sources(context))
        for place in parts:
            if place.file not in document.own_files and (name, place.file) not in seen:
                seen.add((name, place.file))
                yield Finding(rule=Rule.GATE_FOREIGN, place=place, subject=f"[{name}]")


def _sources(context: Context) -> Iterator[Place]:
    yield from (include.place for include in (*context.includes, *context.switches))


def _inclusions(document: Document) -> Iterator[Finding]:
    for inclusion in document.inclusions:
        if inclusion.directive == "include" and _OWN_FILE in inclusion.word.rpartition("/")[2].lower():
            yield Finding(rule=Rule.INCLUDE_UNGUARDED, place=inclusion.place, subject=inclusion.word)


def _order(graph: Graph, context: Context) -> Iterator[Finding]:
    """The last resort dials ordinary numbers without asking: it must come after the gate."""
    names = [include.name for include in context.includes]
    if LAST_RESORT in names:
        position = names.index(LAST_RESORT)
        if not any(name in graph.asking for name in names[:position]):
            place = context.includes[position].place
            yield Finding(rule=Rule.LAST_RESORT_FIRST, place=place, subject=f"[{context.name}]")


def compared(dialplan: Dialplan, written: Dialplan) -> Iterator[Finding]:
    """Compare what Asterisk reads with what callgate writes today for its settings; one finding at most.

    The last resort need not be there; if it is, it is compared, for whatever stands in it dials without a question.
    """
    for name, expected in written.contexts.items():
        found = dialplan.contexts.get(name)
        if name in _LAST_RESORTS and LAST_RESORT not in dialplan.contexts:
            continue
        if found is None:
            yield Finding(rule=Rule.GATE_OUTDATED, place=_file_of(dialplan), subject=f"[{name}]")
            return
        place = _difference(found, expected)
        if place is not None:
            yield Finding(rule=Rule.GATE_OUTDATED, place=place, subject=f"[{name}]")
            return
    for name, unknown in dialplan.contexts.items():
        # Its name alone would have it trusted.
        if is_own(name) and name not in written.contexts:
            yield Finding(rule=Rule.GATE_OUTDATED, place=unknown.place, subject=f"[{name}]")
            return


def _difference(found: Context, expected: Context) -> Place | None:
    """Where a context stops being what it should be."""
    said = {(step.extension, step.priority): (step.application, step.arguments) for step in expected.steps()}
    for step in found.steps():
        if said.pop((step.extension, step.priority), None) != (step.application, step.arguments):
            return step.place
    if said or [include.name for include in found.includes] != [include.name for include in expected.includes]:
        return found.place
    return None


def _file_of(dialplan: Dialplan) -> Place:
    places = (context.place for name, context in dialplan.contexts.items() if is_own(name))
    return next(places, Place(file=DIALPLAN))


def unread(documents: Mapping[str, Document], dialplan: Dialplan, *, is_running: bool) -> Iterator[Finding]:
    """Parts of the configuration that nobody has looked at; a running dialplan holds what its file has executed."""
    asterisk = documents.get("asterisk.conf")
    options = asterisk.section("options") if asterisk is not None else None
    # Without this option Asterisk itself ignores the line.
    runs = options is not None and is_yes(options.get("execincludes", "no"))
    for document in documents.values():
        if is_running and document.name == DIALPLAN:
            continue
        for inclusion in document.inclusions:
            if inclusion.directive == "exec" and runs:
                yield Finding(rule=Rule.UNREAD_PART, place=inclusion.place, subject=f"#exec {_first(inclusion)}")
    for context in dialplan.contexts.values():
        for switch in context.switches:
            subject = f"[{context.name}] switch {switch.name.partition('/')[0]}"
            yield Finding(rule=Rule.UNREAD_PART, place=switch.place, subject=subject)


def _first(inclusion: Inclusion) -> str:
    """The program alone: what it is told may hold a secret."""
    return inclusion.word.split()[0] if inclusion.word.split() else ""


def unread_files(names: Iterable[str]) -> Iterator[Remark]:
    """Files of the folder that may add to the dialplan and that the audit cannot read."""
    for name in sorted(set(names) & set(_FOREIGN)):
        yield Remark(note=Note.NOT_READ, subject=name)
