"""The header of an AGI run; what Asterisk would not have written is reported and never raised."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_agi import FaultKind
from asterisk_agi.request import read_request


def test_variables_come_by_full_name_and_arguments_in_order() -> None:
    request = read_request(["agi_uniqueid: 1764.1", "agi_accountcode: ", "agi_arg_1: 0142685300", "agi_arg_2:  two  "])
    assert list(request.variables) == ["agi_uniqueid", "agi_accountcode", "agi_arg_1", "agi_arg_2"]
    assert request.variables["agi_accountcode"] == ""
    assert request.arguments == ("0142685300", " two  ")
    assert request.faults == ()


def test_a_request_without_a_network_script_says_so_with_an_empty_one() -> None:
    assert read_request([]).network_script == ""
    assert read_request(["agi_network_script: v1?x=1"]).network_script == "v1?x=1"


def test_the_variables_cannot_be_changed() -> None:
    assert isinstance(read_request([]).variables, MappingProxyType)


@pytest.mark.parametrize(
    ("forged", "faults"),
    [
        ("agi_arg_1: 0611111111", [(4, FaultKind.DUPLICATE), (5, FaultKind.ARGUMENT_ORDER)]),
        ("agi_accountcode: hacked", [(3, FaultKind.DUPLICATE)]),
        ("agi_arg_3: one too many", [(n, FaultKind.ARGUMENT_ORDER) for n in (3, 4, 5)]),
        ("agi_arg_x: no number", [(n, FaultKind.ARGUMENT_ORDER) for n in (3, 4, 5)]),
        ("no colon", [(3, FaultKind.NO_COLON)]),
        ("200 result=1", [(3, FaultKind.NO_COLON)]),
        ("X-Header: yes", [(3, FaultKind.NOT_AGI)]),
        ("AGI_DNID: 0612", [(3, FaultKind.NOT_AGI)]),
        (" agi_dnid: 0612", [(3, FaultKind.NOT_AGI)]),
        ("agi_: no name", [(3, FaultKind.NOT_AGI)]),
    ],
)
def test_a_line_forged_through_the_dialled_number_is_reported(forged: str, faults: list[tuple[int, FaultKind]]) -> None:
    """`INVITE sip:0612%0Aagi_arg_1%3A...` put a forged argument before the true one on a real Asterisk."""
    lines = ["agi_accountcode: clinic", "agi_dnid: 0612", forged, "agi_arg_1: 0142685300", "agi_arg_2: 101"]
    assert [(fault.line_number, fault.kind) for fault in read_request(lines).faults] == faults


def test_of_a_duplicate_the_first_is_kept_and_both_arguments_are_shown() -> None:
    request = read_request(["agi_arg_1: forged", "agi_arg_1: true"])
    assert request.variables["agi_arg_1"] == "forged"
    assert request.arguments == ("forged", "true")
    assert request.faults[0].line == "agi_arg_1: true"


@given(st.lists(st.text()))
def test_any_lines_give_a_request(lines: list[str]) -> None:
    request = read_request(lines)
    assert len(request.variables) + len(request.faults) >= len(set(lines))
