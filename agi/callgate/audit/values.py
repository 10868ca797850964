"""What a text of the dialplan may be when a call gets there, as far as the files tell.

It forgets the order of steps: a variable may have every value that any step gives it. That is enough to see which trunk
a Dial means, and errs towards "may reach the trunk". What only a call shows is a mark of `callgate.audit.patterns`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

from callgate.audit.arguments import at, call, condition, pieces, split, whole
from callgate.audit.dialplan import Dialplan, Step
from callgate.audit.patterns import (
    ANYTHING,
    CHOSEN,
    DEVICE,
    DIGIT,
    DIGITS,
    HOUSE_DIGITS_MAX,
    TRUNK,
    dialled_as,
    has_known_length,
    is_known,
    may_meet,
)

VALUES_MAX = 64
"""More values than this of one text count as anything."""
DEPTH_MAX = 12
_SAFE = frozenset(
    {"base64_encode", "count", "epoch", "group_count", "keypadhash", "len", "math", "md5", "rand", "sha1", "strftime"}
    | {"uuid", "uriencode", "uniqueid", "db_exists", "dialplan_exists", "exists", "isnull", "timeout"}
)
"""Functions whose result holds nothing that a dial string would act upon."""
_CALLERS = frozenset({"callerid", "macro_exten", "read", "dnid", "sipcallid", "pjsip_header", "sip_header"})
"""Functions and variables that say what the caller wrote."""
# Names that PBX distributions give to what they keep in their database (facts/ecosystem.md 0 and 2.1).
_KEPT = (
    (re.compile(r"(?:WAZO|XIVO)_INTERFACE(?:\d|.*[\ue000-\ue005])"), TRUNK),
    (re.compile(r"(?:WAZO|XIVO)_INTERFACE|ds|DSTRING"), DEVICE),
)
_HARMLESS_SET = re.compile(r"[0-9A-Za-z+*#_\\-]+")
_DEVICE_KEYS = re.compile(r"DEVICE/.*/dial")
_NAME = re.compile(r"_{0,2}([^:(]+)((?:\(.*\))?)(?::(-?[0-9]{1,9}))?(?::(-?[0-9]{1,9}))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A text that a step gives to a variable; None as the step for a setting outside the dialplan."""

    text: str
    step: Step | None


@dataclass(slots=True)
class Values:
    """Every value each variable is given anywhere; `arguments` are those of subroutines, by context and number."""

    variables: dict[str, list[_Written]] = field(default_factory=lambda: defaultdict(list))
    arguments: dict[tuple[str, str], list[_Written]] = field(default_factory=lambda: defaultdict(list))
    busy: set[tuple[str, str, str]] = field(default_factory=set)

    def expand(self, text: str, step: Step | None, depth: int = 0) -> frozenset[str]:
        """Every text this one may become, where `step` stands."""
        if depth > DEPTH_MAX:
            return frozenset({ANYTHING})
        parts: list[frozenset[str]] = []
        for kind, inside in pieces(text):
            match kind:
                case "{":
                    parts.append(self._variable(inside, step, depth + 1))
                case "[":
                    parts.append(frozenset({ANYTHING}))
                case _:
                    parts.append(frozenset({inside}))
        return _joined(parts)

    def _variable(self, inside: str, step: Step | None, depth: int) -> frozenset[str]:
        found: set[str] = set()
        for name in self.expand(inside, step, depth):
            taken = _NAME.fullmatch(name)
            if taken is None:
                found.add(ANYTHING)
                continue
            if taken[2]:
                values = self._function(taken[1].lower(), taken[2][1:-1], step, depth)
            else:
                values = self._named(taken[1], step, depth)
            found |= {_substring(value, taken[3], taken[4]) for value in values}
        return _bounded(found)

    def _named(self, name: str, step: Step | None, depth: int) -> Iterable[str]:
        match name.upper():
            case "EXTEN" if step is not None:
                return {dialled_as(step.extension)}
            case "CONTEXT" if step is not None:
                return {step.context}
            case "PRIORITY":
                return {DIGITS}
            case upper if upper.lower() in _CALLERS:
                return {CHOSEN}
            case upper if upper.lower() in _SAFE:
                return {DIGITS}
            case _:
                return self._given(name, step, depth)

    def _given(self, name: str, step: Step | None, depth: int) -> Iterable[str]:
        """What the dialplan gives a variable: an argument of its subroutine, or any step's `Set`."""
        context = step.context if step is not None else ""
        argument = re.fullmatch(r"ARG\d+", name) is not None
        written = self.arguments.get((context, name), []) if argument else self._matching(name)
        kept = next((mark for known, mark in _KEPT if known.fullmatch(name)), None)
        if kept is not None and not any(entry.step is None for entry in written):
            return {kept}
        if not written:
            return {ANYTHING}
        key = (context if argument else "", name, "")
        if key in self.busy:
            # `Set(A=${A}&more)`: what is added is seen where it stands.
            return {""}
        self.busy.add(key)
        try:
            return _bounded({value for entry in written for value in self.expand(entry.text, entry.step, depth)})
        finally:
            self.busy.discard(key)

    def _matching(self, name: str) -> list[_Written]:
        """What is written to a variable, or to any whose name this partly known one may be."""
        if is_known(name):
            return self.variables.get(name, [])
        return [entry for known, entries in self.variables.items() if may_meet(known, name) for entry in entries]

    def _function(self, name: str, inside: str, step: Step | None, depth: int) -> Iterable[str]:
        parts = split(inside)
        found: Iterable[str] = {ANYTHING}
        match name:
            case "global" | "shared":
                found = self._given(at(parts, 0), step, depth)
            case "if" | "iftime":
                _, yes, no = condition(inside)
                found = {branch.strip('"') for branch in (yes, no)}
            case "filter" if _HARMLESS_SET.fullmatch(at(parts, 0)):
                found = {DIGITS}
            case "db" if _DEVICE_KEYS.fullmatch(inside):
                found = {DEVICE}
            case "pjsip_dial_contacts":
                found = {f"PJSIP/{at(parts, 0)}"}
            case "cut":
                found = {_cut(value, parts) for value in self._given(at(parts, 0), step, depth)}
            case _ if name in _SAFE:
                found = {DIGITS}
            case _ if name in _CALLERS:
                found = {CHOSEN}
            case _:
                pass
        return found


def _joined(parts: list[frozenset[str]]) -> frozenset[str]:
    total = 1
    for part in parts:
        total *= max(1, len(part))
    if total > VALUES_MAX:
        parts = [part if len(part) == 1 else frozenset({ANYTHING}) for part in parts]
    return frozenset("".join(chosen) for chosen in product(*parts))


def _bounded(found: set[str]) -> frozenset[str]:
    return frozenset(found) if len(found) <= VALUES_MAX else frozenset({ANYTHING})


def _substring(value: str, offset: str | None, length: str | None) -> str:
    if offset is None:
        return value
    if value == CHOSEN and -HOUSE_DIGITS_MAX <= int(offset) < 0:
        # The last few signs of a number name an extension of the house, and no trunk.
        return DIGIT * -int(offset)
    if not has_known_length(value):
        # Which part of what is dialled is cut off does not make it known.
        return value if value in (CHOSEN, DIGITS) else ANYTHING
    rest = value[int(offset) :]
    if length is None:
        return rest
    return rest[: int(length)] if int(length) else ""


def _cut(value: str, parts: list[str]) -> str:
    number = whole(at(parts, 2))
    if not is_known(value) or not number or not at(parts, 1):
        return value if value in (CHOSEN, DIGITS) else ANYTHING
    return at(value.split(at(parts, 1)), number - 1)


def values_of(dialplan: Dialplan, settings: Iterable[tuple[str, str]] = ()) -> Values:
    """Collect what every step gives to every variable.

    Args:
        dialplan: all of it.
        settings: variables that devices bring along (`set_var` of pjsip.conf), as (name, value).
    """
    values = Values()
    for name, value in (*dialplan.variables.items(), *settings):
        values.variables[name.lstrip("_")].append(_Written(text=value, step=None))
    for step in dialplan.steps():
        _collect(values, step, step.application, step.arguments)
    return values


def _collect(values: Values, step: Step, application: str, arguments: str) -> None:
    parts = split(arguments)
    match application:
        case "set":
            _assign(values, step, arguments)
        case "mset":
            for part in parts:
                _assign(values, step, part)
        case "read" | "readexten":
            values.variables[at(parts, 0)].append(_Written(text="${DNID}", step=step))
        case "execif" | "execiftime" | "gosubif" | "macroif":
            for branch in condition(arguments)[1:]:
                _collect_branch(values, step, application, branch)
        case "exec" | "tryexec":
            _collect(values, step, *call(arguments))
        case "gosub" | "macro" | "macroexclusive":
            _collect_branch(values, step, application, arguments)
        case _:
            pass


def _collect_branch(values: Values, step: Step, application: str, branch: str) -> None:
    """One branch of a condition, or the arguments of a subroutine."""
    if not branch:
        return
    parts = split(branch)
    if application.startswith("exec"):
        _collect(values, step, *call(branch))
    elif application.startswith("macro"):
        _give(values, step, f"macro-{parts[0]}", parts[1:])
    else:
        context = parts[0] if len(parts) > len(("extension", "priority")) else step.context
        _give(values, step, context, split(call(parts[-1])[1]))


def _give(values: Values, step: Step, context: str, given: list[str]) -> None:
    for number, text in enumerate(given, start=1):
        values.arguments[context, f"ARG{number}"].append(_Written(text=text, step=step))


def _assign(values: Values, step: Step, text: str) -> None:
    name, _, value = text.partition("=")
    function, inside = call(name)
    plain = inside if function in ("global", "shared") and "(" in name else name
    if "(" not in plain:
        values.variables[plain.strip().lstrip("_")].append(_Written(text=value, step=step))
