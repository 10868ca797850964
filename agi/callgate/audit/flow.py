"""What a step of the dialplan does to a call: where it goes next, what it calls and returns from, whom it dials.

One function per family of applications (Asterisk's documentation, "Asterisk Dialplan Applications"). An application
that is not here does nothing but go on.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from callgate.audit.arguments import at, call, condition, option_arguments, split
from callgate.audit.dialplan import Dialplan, Step
from callgate.audit.patterns import ANYTHING
from callgate.audit.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """Somewhere in the dialplan, its parts possibly only partly known; the priority may be a label."""

    context: str
    extension: str
    priority: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """A dial string that some application acts on.

    Fields:
        application: which, in lower case.
        target: the dial string with its marks.
        options: letters of the application's options; "" for none.
    """

    application: str
    target: str
    options: str = ""


@dataclass(slots=True, kw_only=True)
class Flow:
    """What one step does.

    Fields:
        goes_on: whether the next priority may come.
        jumps: where the call may go for good.
        calls: subroutines, each of which may return.
        chooses: contexts in which the caller may now dial whatever he likes.
        lets_in: the same, by DISA.
        dials: whom it dials.
        returns: whether it ends a subroutine.
    """

    goes_on: bool = True
    jumps: list[Jump] = field(default_factory=list)
    calls: list[Jump] = field(default_factory=list)
    chooses: list[str] = field(default_factory=list)
    lets_in: list[str] = field(default_factory=list)
    dials: list[Dial] = field(default_factory=list)
    returns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the meaning of a step depends on."""

    dialplan: Dialplan
    values: Values


def flow_of(step: Step, scene: Scene) -> Flow:
    """Say what a step does."""
    flow = Flow()
    _act(step.application, step.arguments, _Acting(flow=flow, step=step, scene=scene))
    return flow


@dataclass(frozen=True, slots=True, kw_only=True)
class _Acting:
    """A step at work."""

    flow: Flow
    step: Step
    scene: Scene

    def texts(self, text: str) -> list[str]:
        """Every value of an argument."""
        return sorted(self.scene.values.expand(text, self.step))

    def jumps(self, text: str) -> Iterator[Jump]:
        """Where ``[[context,]extension,]priority`` may lead."""
        for value in self.texts(text):
            parts = split(value)
            match len(parts):
                case 1:
                    yield Jump(context=self.step.context, extension=self.step.extension, priority=parts[0])
                case 2:
                    yield Jump(context=self.step.context, extension=parts[0], priority=parts[1])
                case _:
                    yield Jump(context=parts[0], extension=parts[1], priority=parts[2])

    def dial(self, target: str, options: str = "", application: str = "") -> None:
        """Dial every value of a target."""
        letters = "".join(sorted({letter for value in self.texts(options) for letter in option_arguments(value)}))
        for value in self.texts(target):
            dial = Dial(application=application or self.step.application, target=value, options=letters)
            self.flow.dials.append(dial)


def _act(application: str, arguments: str, acting: _Acting) -> None:
    action = _ACTIONS.get(application)
    if action is not None:
        action(split(arguments), arguments, acting)


def _goto(_parts: list[str], arguments: str, acting: _Acting) -> None:
    acting.flow.jumps += acting.jumps(arguments)
    acting.flow.goes_on = False


def _goto_if(_parts: list[str], arguments: str, acting: _Acting) -> None:
    asked, yes, no = condition(arguments)
    truth = _truth(asked, acting)
    # A branch that is missing goes on with the next priority.
    taken = [branch for branch, holds in ((yes, truth is not False), (no, truth is not True)) if holds]
    for branch in filter(None, taken):
        acting.flow.jumps += acting.jumps(branch)
    acting.flow.goes_on = "" in taken


_EXISTS = re.compile(r"(?:\$\[)?\s*\$\{DIALPLAN_EXISTS\(([^${}]+)\)\}\s*(?:=\s*([01])\s*)?\]?")


def _truth(asked: str, acting: _Acting) -> bool | None:
    """What a condition is whenever it is asked; only whether a place exists can be told from the files."""
    found = _EXISTS.fullmatch(asked.strip())
    parts = split(found[1]) if found is not None else []
    if found is None or len(parts) == 1:
        return None
    return bool(acting.scene.dialplan.find(parts[0], parts[1])) is (found[2] != "0")


def _exec_if(_parts: list[str], arguments: str, acting: _Acting) -> None:
    asked, yes, no = condition(arguments)
    truth = _truth(asked, acting)
    ends = []
    for branch, holds in ((yes, truth is not False), (no, truth is not True)):
        if holds and branch:
            acting.flow.goes_on = True
            _act(*call(branch), acting)
            ends.append(not acting.flow.goes_on)
        elif holds:
            ends.append(False)
    acting.flow.goes_on = not all(ends)
    if truth is None and acting.flow.calls:
        acting.flow.calls.append(_NOWHERE)


def _gosub(_parts: list[str], arguments: str, acting: _Acting) -> None:
    _call_branch(arguments, acting)


def _gosub_if(_parts: list[str], arguments: str, acting: _Acting) -> None:
    asked, yes, no = condition(arguments)
    truth = _truth(asked, acting)
    for branch, holds in ((yes, truth is not False), (no, truth is not True)):
        if holds and branch:
            _call_branch(branch, acting)
    if truth is None and not (yes and no):
        # Nobody knows that it is called: the call may also go past it.
        acting.flow.calls.append(_NOWHERE)


_NOWHERE = Jump(context="", extension="")
"""A subroutine that returns at once."""


def _call_branch(branch: str, acting: _Acting) -> None:
    parts = split(branch)
    parts[-1] = call(parts[-1])[0] if "(" in parts[-1] else parts[-1]
    acting.flow.calls += acting.jumps(",".join(parts))


def _macro(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.flow.calls += [Jump(context=f"macro-{name}", extension="s") for name in acting.texts(parts[0])]


def _macro_if(_parts: list[str], arguments: str, acting: _Acting) -> None:
    asked, yes, no = condition(arguments)
    for branch in filter(None, (yes, no)):
        _macro(split(branch), branch, acting)
    if _truth(asked, acting) is None and not (yes and no):
        acting.flow.calls.append(_NOWHERE)


def _exec(_parts: list[str], arguments: str, acting: _Acting) -> None:
    _act(*call(arguments), acting)


def _dial(parts: list[str], _arguments: str, acting: _Acting) -> None:
    options = at(parts, 2)
    acting.dial(parts[0], options)
    for value in acting.texts(options):
        letters = option_arguments(value)
        # Where the called party, or both, go on once they have answered.
        for letter in ("F", "G"):
            if letters.get(letter):
                acting.flow.jumps += acting.jumps(letters[letter].replace("^", ","))
        acting.flow.jumps += _routines(letters)


def _routines(letters: Mapping[str, str]) -> Iterator[Jump]:
    """What Dial runs on either channel: before the call, or at the answer."""
    for letter in ("b", "B", "U", "M"):
        parts = letters.get(letter, "").split("^")
        if letter in ("b", "B") and len(parts) > 1:
            yield Jump(context=parts[0], extension=parts[1])
        elif letter in ("U", "M") and parts[0]:
            yield Jump(context=f"macro-{parts[0]}" if letter == "M" else parts[0], extension="s")


def _retry_dial(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.dial(at(parts, 3), at(parts, 5))


def _page(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.dial(parts[0], at(parts, 1))


def _originate(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.dial(parts[0])
    if at(parts, 1).lower() == "exten":
        for context in acting.texts(at(parts, 2)):
            for extension in acting.texts(at(parts, 3) or "s"):
                acting.flow.calls += [Jump(context=context, extension=extension), _NOWHERE]


def _queue(parts: list[str], _arguments: str, acting: _Acting) -> None:
    # Its members stand in queues.conf; the options matter here, for they give the caller a transfer.
    for name in acting.texts(parts[0]):
        acting.flow.dials.append(Dial(application="queue", target=f"queue:{name}", options=at(parts, 1)))


def _member(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.dial(at(parts, 1))


def _system(_parts: list[str], arguments: str, acting: _Acting) -> None:
    # A shell can have Asterisk call: by its console, or by a call file.
    if "originate" in arguments or "/outgoing" in arguments:
        acting.flow.dials.append(Dial(application=acting.step.application, target=ANYTHING))


def _disa(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.flow.lets_in += acting.texts(at(parts, 1) or "disa")
    acting.flow.goes_on = False


def _listens(position: int) -> Callable[[list[str], str, _Acting], None]:
    """An application that hears digits, for a context that one of its arguments may name."""

    def act(parts: list[str], _arguments: str, acting: _Acting) -> None:
        acting.flow.chooses += acting.texts(at(parts, position) or acting.step.context)

    return act


def _directory(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.flow.chooses += acting.texts(at(parts, 1) or parts[0])


def _transfer_to(parts: list[str], _arguments: str, acting: _Acting) -> None:
    for extension in acting.texts(parts[0]):
        for context in acting.texts(at(parts, 1) or acting.step.context):
            acting.flow.jumps.append(Jump(context=context, extension=extension))


def _redirect(parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.flow.jumps += acting.jumps(",".join(parts[1:]))


def _end(_parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.flow.goes_on = False


def _return(_parts: list[str], _arguments: str, acting: _Acting) -> None:
    acting.flow.goes_on = False
    acting.flow.returns = True


_Action = Callable[[list[str], str, _Acting], None]
_ACTIONS: Mapping[str, _Action] = {
    "addqueuemember": _member,
    "attendedtransfer": _transfer_to,
    "background": _listens(3),
    "blindtransfer": _transfer_to,
    "busy": _end,
    "channelredirect": _redirect,
    "congestion": _end,
    "dial": _dial,
    "directory": _directory,
    "disa": _disa,
    "exec": _exec,
    "execif": _exec_if,
    "execiftime": _exec_if,
    "gosub": _gosub,
    "gosubif": _gosub_if,
    "goto": _goto,
    "gotoif": _goto_if,
    "gotoiftime": _goto_if,
    "hangup": _end,
    "macro": _macro,
    "macroexclusive": _macro,
    "macroexit": _return,
    "macroif": _macro_if,
    "originate": _originate,
    "page": _page,
    "queue": _queue,
    "readexten": _listens(2),
    "retrydial": _retry_dial,
    "return": _return,
    "system": _system,
    "tryexec": _exec,
    "trysystem": _system,
    "waitexten": _listens(9),
}
