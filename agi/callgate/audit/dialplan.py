"""The dialplan as Asterisk has it in memory: contexts, extensions, priorities, what includes what.

It is made from extensions.conf, or from the events of AMI's ``ShowDialPlan``. Source: pbx/pbx_config.c of Asterisk 22.
Of two that define the same priority the first one counts, which is how PBX distributions let themselves be overridden.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from callgate.audit.arguments import whole
from callgate.audit.lines import Document, Option, Place, Section
from callgate.audit.patterns import fits

RUNNING = Place(file="(running dialplan)")
_NOT_CONTEXTS = frozenset({"general", "globals"})
_PRIORITY = re.compile(r"([ns]|[0-9]{1,9})(?:\+([0-9]{1,9}))?(?:\(([^)]*)\))?", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One priority of an extension: its application with the arguments as they were written."""

    context: str
    extension: str
    priority: int
    label: str
    application: str
    arguments: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """``include => name`` or, in a `switch`, where more extensions come from."""

    name: str
    place: Place


@dataclass(slots=True, kw_only=True)
class Context:
    """One context: its extensions by name, each a table of priorities."""

    name: str
    place: Place
    extensions: dict[str, dict[int, Step]] = field(default_factory=dict)
    includes: list[Include] = field(default_factory=list)
    switches: list[Include] = field(default_factory=list)

    def steps(self) -> Iterator[Step]:
        """Every step, by extension and priority."""
        for extension in self.extensions.values():
            yield from (extension[priority] for priority in sorted(extension))

    def add(self, step: Step) -> None:
        """Add a step, unless its priority is taken."""
        self.extensions.setdefault(step.extension, {}).setdefault(step.priority, step)


@dataclass(slots=True, kw_only=True)
class Dialplan:
    """Every context by its name, and the global variables."""

    contexts: dict[str, Context] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        """Every step of every context."""
        for context in self.contexts.values():
            yield from context.steps()

    def closure(self, name: str) -> list[str]:
        """A context and everything it includes, in the order Asterisk searches."""
        found: dict[str, None] = {}
        waiting = [name]
        while waiting:
            current = waiting.pop(0)
            if current in found or current not in self.contexts:
                continue
            found[current] = None
            # Depth first: what the first include includes is searched before the second one.
            waiting = [include.name for include in self.contexts[current].includes] + waiting
        return list(found)

    def find(self, name: str, dialled: str) -> list[tuple[str, str]]:
        """The extensions of the first context in search order that match what is dialled.

        Returns:
            The literal alone where there is one, else every pattern of that context that fits: (context, extension).
        """
        for context in self.closure(name):
            extensions = self.contexts[context].extensions
            if dialled in extensions:
                return [(context, dialled)]
            matching = [extension for extension in extensions if extension.startswith("_") and fits(extension, dialled)]
            if matching:
                return [(context, extension) for extension in matching]
        return []


def dialplan_of(document: Document) -> Dialplan:
    """Put together what extensions.conf says."""
    dialplan = Dialplan()
    for section in document.sections:
        if section.name == "globals":
            for option in section.options:
                dialplan.variables[option.name] = _substituted(option.value, dialplan.variables)
    for section in document.sections:
        if section.name not in _NOT_CONTEXTS:
            context = dialplan.contexts.setdefault(section.name, Context(name=section.name, place=section.place))
            _add_section(context, section, dialplan.variables)
    return dialplan


def _substituted(text: str, variables: Mapping[str, str]) -> str:
    """Put the global variables in that Asterisk itself puts in when it reads the file."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)


def _add_section(context: Context, section: Section, variables: Mapping[str, str]) -> None:
    last: Step | None = None
    for option in section.options:
        match option.name.lower():
            case "include":
                name = _substituted(re.split(r"[,|]", option.value)[0].strip(), variables)
                context.includes.append(Include(name=name, place=option.place))
            case "switch" | "eswitch" | "lswitch":
                context.switches.append(Include(name=option.value, place=option.place))
            case "exten" | "same":
                step = _step(context.name, option, last, variables)
                if step is not None:
                    context.add(step)
                    last = step
            case _:
                pass


def _step(context: str, option: Option, last: Step | None, variables: Mapping[str, str]) -> Step | None:
    if option.name.lower() == "same":
        if last is None:
            return None
        extension, rest = last.extension, option.value
    else:
        extension, rest = _cut(option.value)
        # `number/caller` matches the number for some callers: for the audit it is the number.
        extension = _substituted(extension, variables).partition("/")[0].strip()
    priority, _, application = rest.partition(",")
    found = _PRIORITY.fullmatch(priority.strip())
    if found is None:
        return None
    name, _, arguments = application.strip().partition("(")
    return Step(
        context=context,
        extension=extension,
        priority=_number(found, last if last is not None and last.extension == extension else None),
        label=found[3] or "",
        application=name.strip().lower(),
        arguments=arguments.rpartition(")")[0] if ")" in arguments else arguments,
        place=option.place,
    )


def _cut(text: str) -> tuple[str, str]:
    """Split at the first comma outside square brackets, as `pbx_strsep` does."""
    in_set = False
    for position, sign in enumerate(text):
        in_set = (in_set or sign == "[") and sign != "]"
        if sign == "," and not in_set:
            return text[:position], text[position + 1 :]
    return text, ""


def _number(found: re.Match[str], last: Step | None) -> int:
    """The number of a priority: `n` is the one after the last, `s` the last again, each with what is added."""
    before = last.priority if last is not None else 0
    match found[1].lower():
        case "n":
            return before + int(found[2] or 1)
        case "s":
            return before + int(found[2] or 0)
        case digits:
            return int(digits)


def running_dialplan(events: Iterable[Mapping[str, str]], files: Dialplan | None = None) -> Dialplan:
    """Put together what the running Asterisk has.

    Args:
        events: `ListDialplan` of AMI's ``ShowDialPlan``, each with `Context` and `Extension`, `Priority`,
            `Application`, `AppData`, or `IncludeContext`, or `Switch` (facts/asterisk.md 8).
        files: what extensions.conf says, if it is there: it knows the lines, and the global variables.
    """
    dialplan = Dialplan(variables=dict(files.variables) if files is not None else {})
    for event in events:
        name = event.get("Context", "")
        known = files.contexts.get(name) if files is not None else None
        place = known.place if known is not None else RUNNING
        context = dialplan.contexts.setdefault(name, Context(name=name, place=place))
        if included := event.get("IncludeContext"):
            context.includes.append(_included(included, known, place))
        elif switch := event.get("Switch"):
            context.switches.append(Include(name=switch, place=place))
        elif (priority := whole(event.get("Priority", ""))) is not None:
            context.add(_running_step(event, priority, known))
    return dialplan


def _included(name: str, known: Context | None, place: Place) -> Include:
    places = (include for include in known.includes if include.name == name) if known is not None else iter(())
    return next(places, Include(name=name, place=place))


def _running_step(event: Mapping[str, str], priority: int, known: Context | None) -> Step:
    extension = event.get("Extension", "")
    written = known.extensions.get(extension, {}).get(priority) if known is not None else None
    return Step(
        context=event.get("Context", ""),
        extension=extension,
        priority=priority,
        label=event.get("ExtensionLabel", ""),
        application=event.get("Application", "").lower(),
        arguments=event.get("AppData", ""),
        place=written.place if written is not None else RUNNING,
    )
