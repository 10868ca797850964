"""Events are values: equal when they say the same, and never changed."""

import dataclasses

import pytest

from asterisk_agi import AgiRequest, EndOfInput, EndPoint, Event, Fault, FaultKind, Hangup, Reply, ReplyCode

FAULT = Fault(kind=FaultKind.NO_COLON, line_number=1, line="x")
REQUEST = AgiRequest(variables={"agi_network_script": "v1"}, arguments=("1",), faults=(FAULT,))
REPLY = Reply(code=ReplyCode.OK, result=1, result_text="1", text="", attributes={}, line="200 result=1")


@pytest.mark.parametrize("event", [REQUEST, REPLY, Hangup(), EndOfInput(at=EndPoint.CLEAN)])
def test_an_event_is_a_value(event: Event) -> None:
    assert dataclasses.replace(event) == event
    for field in dataclasses.fields(event):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, field.name, None)


def test_the_request_names_its_network_script() -> None:
    assert REQUEST.network_script == "v1"
