"""The header of an AGI run: lines in, one `AgiRequest` out."""

import re
from collections.abc import Iterable
from types import MappingProxyType

from asterisk_agi.events import AgiRequest, Fault, FaultKind

VARIABLE_NAME = re.compile(r"agi_[a-z0-9_]+")
ARGUMENT_PREFIX = "agi_arg_"


def read_request(lines: Iterable[str]) -> AgiRequest:
    """Read the header lines, without the blank one. Anything odd is reported in `AgiRequest.faults`, never raised."""
    variables: dict[str, str] = {}
    arguments: list[str] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ")  # Asterisk writes one space; any other belongs to the value
        kind: FaultKind | None = None
        if not colon:
            kind = FaultKind.NO_COLON
        elif not VARIABLE_NAME.fullmatch(name):
            kind = FaultKind.NOT_AGI
        else:
            if name in variables:
                kind = FaultKind.DUPLICATE
            if name.startswith(ARGUMENT_PREFIX):
                arguments.append(value)
                # A forged argument beyond the last true one is no duplicate, but it comes before the first.
                if kind is None and name != f"{ARGUMENT_PREFIX}{len(arguments)}":
                    kind = FaultKind.ARGUMENT_ORDER
            variables.setdefault(name, value)
        if kind is not None:
            faults.append(Fault(kind=kind, line_number=number, line=line))
    return AgiRequest(variables=MappingProxyType(variables), arguments=tuple(arguments), faults=tuple(faults))
