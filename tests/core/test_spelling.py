"""What people, phones and pages write around digits comes off; anything that is not accepted makes no number at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.spelling import SEPARATORS, Spelled, spell


def plain(body: str) -> Spelled:
    return Spelled(body=body, is_uri=False, has_more=False)


@pytest.mark.parametrize(
    ("dialled", "body"),
    [
        ("0142685300", "0142685300"),
        (f"0{SEPARATORS}1", "01"),
        ("\uff0b33", "+33"),
        ("\u0661\u0665", "15"),
        ("*31#15#", "*31#15#"),
    ],
)
def test_digits_are_read_in_every_accepted_spelling(dialled: str, body: str) -> None:
    assert spell(dialled) == plain(body)


@pytest.mark.parametrize(
    ("dialled", "body"),
    [
        ("tel:+33142685300", "+33142685300"),
        ("TEL:142685300;phone-context=+33", "+33142685300"),
        (" sip:15@pbx.local;transport=tcp ", "15"),
        ("sips:0142685300@[2001:db8::1]", "0142685300"),
    ],
)
def test_an_address_is_read_as_the_number_in_it(dialled: str, body: str) -> None:
    assert spell(dialled) == Spelled(body=body, is_uri=True, has_more=False)


@pytest.mark.parametrize("after", [";ext=12", "x12", "p1", "w", "w12#3p"])
def test_digits_for_after_the_answer_are_cut_off(after: str) -> None:
    assert spell("0142685300" + after) == Spelled(body="0142685300", is_uri=False, has_more=True)
    assert spell("tel:+33142685300;EXT=12") == Spelled(body="+33142685300", is_uri=True, has_more=True)


@pytest.mark.parametrize(
    "dialled",
    [
        "",
        "0142&0143",
        "01@pbx",
        "01,1",
        "0142685300?a=b",
        "tel:0142685300?a=b",
        "tel:0142685300;phone-context=example.org",
        "tel:0142685300;phone-context=+61x7",
        "tel:0142685300;isub=1",
        "sip:0142685300",
        "sip:@pbx.local",
        "15\u202e",
        "1\t5",
        "15\n",
        "x12",
    ],
)
def test_what_is_not_accepted_makes_no_number(dialled: str) -> None:
    assert spell(dialled) is None


@given(st.text())
def test_any_text_is_plain_or_nothing(dialled: str) -> None:
    read = spell(dialled)
    assert read is None or set(read.body) <= set("0123456789+*#")
