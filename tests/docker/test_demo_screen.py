"""What a person at the terminal sees of the demo."""

import io

import pytest

from callgate.core.reasons import Reason
from carrier_log import CarrierEvent
from demo_call import Outcome, Step, Verdict
from demo_screen import HEADER, WIDTH, Screen, call_line

BELGIUM = Step(what="Belgium", dialled="0003223456789", verdict=Verdict.GRANTED, note="allowed until 02 Dec 18:00")
GRANTED = Outcome(
    extension="104",
    verdict=Verdict.GRANTED,
    invites=(CarrierEvent(at=1.0, event="invite", trunk="carrier-a", user="+3223456789"),),
    delay_ms=16,
    held_micros=300_000,
    settled_micros=300_000,
)
AGAIN = Step(what="Belgium again", dialled="0003223456790", verdict=Verdict.REFUSED, reason=Reason.CEILING_DAY)
REFUSED = Outcome(extension="105", verdict=Verdict.REFUSED, reason=Reason.CEILING_DAY, delay_ms=1254)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_granted_call_shows_its_invite_its_delay_and_its_money() -> None:
    line = "104  Belgium       0003223456789    granted   yes a   16  0.30     0.30  allowed until 02 Dec 18:00"
    assert call_line(BELGIUM, GRANTED) == line


def test_a_refused_call_shows_what_the_phone_says_and_no_money() -> None:
    line = call_line(AGAIN, REFUSED)
    assert line == (
        "105  Belgium again 0003223456790    refused   no    1254     -        -  "
        "Le plafond du cabinet pour vingt-quatre heures est atteint"
    )


def test_the_columns_stand_under_their_names() -> None:
    line = call_line(AGAIN, REFUSED)
    for name, cell in (("called", "Belgium"), ("dialled", "000322"), ("verdict", "refused"), ("why", "Le plafond")):
        assert HEADER.index(name) == line.index(cell)
    for name, end in (("ms", "1254"), ("held", "1254     -"), ("settled", "-        -")):
        assert HEADER.index(name) + len(name) == line.index(end) + len(end)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.refuses])
def test_every_reason_fits_the_line(reason: Reason) -> None:
    line = call_line(AGAIN, Outcome(extension="105", verdict=Verdict.REFUSED, reason=reason))
    assert len(line) <= WIDTH


def test_a_long_injection_does_not_break_the_columns() -> None:
    step = Step(what="injection", dialled="0612%40trunk%26PJSIP%2F0088216001", verdict=Verdict.REFUSED)
    assert "0612%40trunk%26… refused" in call_line(step, REFUSED)


@pytest.mark.parametrize(
    ("stream", "no_colour", "coloured"),
    [(io.StringIO(), "", False), (Terminal(), "", True), (Terminal(), "1", False)],
    ids=["a file", "a terminal", "a terminal with NO_COLOR"],
)
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, no_colour: str, *, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    screen = Screen(stream)
    screen.head("The practice is open")
    screen.show(AGAIN, REFUSED)
    assert ("\x1b[31mrefused  \x1b[0m" in stream.getvalue()) is coloured
    assert ("\x1b" in stream.getvalue()) is coloured
