"""The number as a trunk wants it, and the masks under which it may be shown."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialling import read_dialled
from callgate.core.wire import NumberFormat, e164_to_wire, from_wire, mask, to_wire
from core.samples import (
    BRUSSELS,
    HEALTH_INSURANCE,
    MOBILE,
    PARIS,
    PLAN,
    PREMIUM,
    REUNION,
    SAINT_PIERRE,
    SUICIDE_HELPLINE,
    destination,
)


@pytest.mark.parametrize(
    ("dialled", "as_sent"),
    [
        (PARIS, ("+33142685300", "33142685300", "0033142685300", "0142685300")),
        ("+33142685300", ("+33142685300", "33142685300", "0033142685300", "0142685300")),
        (MOBILE, ("+33612345678", "33612345678", "0033612345678", "0612345678")),
        (PREMIUM, ("+33899123456", "33899123456", "0033899123456", "0899123456")),
        ("07001234567890", ("+337001234567890", "337001234567890", "00337001234567890", "07001234567890")),
        # The departments have country codes of their own: no trunk is asked to know them as national.
        (REUNION, ("+262262301234", "262262301234", "00262262301234", "00262262301234")),
        ("0692301234", ("+262692301234", "262692301234", "00262692301234", "00262692301234")),
        (SAINT_PIERRE, ("+508412345", "508412345", "00508412345", "00508412345")),
        (BRUSSELS, ("+3225551212", "3225551212", "003225551212", "003225551212")),
        ("+80012345678", ("+80012345678", "80012345678", "0080012345678", "0080012345678")),
        ("15", ("15", "15", "15", "15")),
        ("112", ("112", "112", "112", "112")),
        (SUICIDE_HELPLINE, ("3114", "3114", "3114", "3114")),
        (HEALTH_INSURANCE, ("3646", "3646", "3646", "3646")),
        ("118218", ("118218", "118218", "118218", "118218")),
        ("116117", ("116117", "116117", "116117", "116117")),
    ],
)
def test_a_trunk_is_sent_the_number_in_its_own_format(dialled: str, as_sent: tuple[str, ...]) -> None:
    """A row is one number: for ``e164_plus``, ``e164``, ``00`` and ``national``."""
    asked = destination(dialled)
    assert tuple(to_wire(asked, number_format, PLAN) for number_format in NumberFormat) == as_sent
    assert [from_wire(sent, how, PLAN) for sent, how in zip(as_sent, NumberFormat, strict=True)] == [asked] * 4


def test_a_foreign_number_in_national_format_has_the_home_country_s_own_prefix() -> None:
    plan = msgspec.structs.replace(PLAN, international_prefixes=("011", "00"), trunk_prefix="")
    assert e164_to_wire("3225551212", NumberFormat.NATIONAL, plan) == "0113225551212"
    assert e164_to_wire("33142685300", NumberFormat.NATIONAL, plan) == "142685300"
    # The format is called 00 and writes 00, wherever the trunk is.
    assert e164_to_wire("3225551212", NumberFormat.INTERNATIONAL, plan) == "003225551212"


@pytest.mark.parametrize(
    ("dialled", "number_format"),
    [
        (dialled, number_format)
        for dialled in (PARIS, MOBILE, REUNION, SAINT_PIERRE, BRUSSELS, HEALTH_INSURANCE)
        for number_format in (NumberFormat.E164_PLUS, NumberFormat.INTERNATIONAL, NumberFormat.NATIONAL)
    ],
)
def test_what_a_trunk_is_sent_reads_back_as_the_number_that_was_checked(
    dialled: str, number_format: NumberFormat
) -> None:
    checked = destination(dialled)
    assert read_dialled(to_wire(checked, number_format, PLAN), plan=PLAN, outside_prefix="") == checked


@pytest.mark.parametrize(
    ("dialled", "shown"),
    [
        ("0142685300", "014268••••"),
        ("+33142685300", "+3314268••••"),
        ("01 42 68 53 00", "01 42 68 •• ••"),
        ("01.42.68.53.00", "01.42.68.••.••"),
        ("01\u00a042\u202f68 53 00", "01\u00a042\u202f68 •• ••"),
        ("٠١٤٢٦٨٥٣٠٠", "٠١٤٢٦٨••••"),
        ("*31#0612345678", "*31#061234••••"),
        ("36510612345678", "3651061234••••"),
        ("0612345678#", "061234••••#"),
        ("0612345", "061••••"),
        # Short codes say nothing about a person.
        ("15", "15"),
        ("116117", "116117"),
        ("*21#", "*21#"),
        ("", ""),
        ("callgate", "callgate"),
        # A number may stand before or after others in what was dialled: none of them is shown.
        ("*21*0612345678*11#", "*••*061234••••*••#"),
        ("0612345678;ext=1234", "061234••••;ext=••••"),
        ("0612345678p1234", "061234••••p••••"),
        ("sip:0612345678@10.0.0.1", "sip:061234••••@1•.•.•.•"),
        ("0612345678@trunk&PJSIP/0088", "061234••••@trunk&PJSIP/••••"),
        ("06\u201112\u201134\u201156\u201178", "06\u201112\u201134\u2011••\u2011••"),
    ],
)
def test_a_number_is_shown_without_its_last_four_digits(dialled: str, shown: str) -> None:
    """Only the last four digits of all that was dialled were hidden: of a number with an extension, nothing was."""
    assert mask(dialled) == shown


@given(st.text())
def test_a_mask_hides_digits_and_nothing_else(dialled: str) -> None:
    shown = mask(dialled)
    assert len(shown) == len(dialled)
    assert all(after in (before, "•") for before, after in zip(dialled, shown, strict=True))
    assert all(before.isdecimal() for before, after in zip(dialled, shown, strict=True) if before != after)


@given(st.from_regex(r"[0-9 .()+-]{0,4}[0-9]{7,15}", fullmatch=True), st.sampled_from(("", "#", ";ext=12", "p12345")))
def test_no_full_number_is_ever_shown(number: str, after: str) -> None:
    assert mask(number + after)[: len(number)].count("•") == 4
