"""What each dialled string means. The published rows are the truth; the tables show the rules behind them."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callgate.core.dialling import (
    DIALLED_MAX_CHARACTERS,
    KEPT_MAX_CHARACTERS,
    READINGS_KEPT,
    Destination,
    NumberClass,
    _remembered,
    foreign_claim,
    preload,
    read_dialled,
)
from callgate.core.plan import Family, ShortCode, parse_plan
from callgate.core.ranges import regex_of

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data"
PLAN_TEXT = (ROOT / "policies" / "plans" / "FR.toml").read_text(encoding="utf-8")
PLAN = parse_plan(PLAN_TEXT)
CHEAP = {"national_fixed", "national_mobile", "freephone", "emergency", "internal_feature", "special_short"}
"""What numbers/score.py calls a leak when a dear or invalid number is given one of these classes."""


def read(dialled: str, outside_prefix: str = "") -> Destination:
    return read_dialled(dialled, plan=PLAN, outside_prefix=outside_prefix)


def _french_rows() -> list[dict[str, str]]:
    with (DATA / "public.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["home_country"] == "FR"]


def _passes(row: dict[str, str], got: Destination) -> bool:
    """The scoring rule of numbers/RULES.md."""
    expected = row["expected_class"]
    classes = {expected, *re.findall(r"\[alt:(\w+)\]", row["why"])}
    regions = {row["expected_region"], *re.findall(r"\[region:([^\]]+)\]", row["why"])}
    if got.number_class not in classes:
        return False
    if got.number_class is NumberClass.INVALID:
        return (got.number, got.region) == ("", "")
    return expected == "invalid" or (got.number == row["expected_e164_or_short"] and got.region in regions)


def test_every_published_french_row_is_read_right_with_no_emergency_lost_and_no_leak() -> None:
    figures: Counter[str] = Counter()
    wrong = []
    for row in _french_rows():
        got = read(row["dialled"], row["outside_prefix"])
        expected = row["expected_class"]
        figures["rows"] += 1
        if not _passes(row, got):
            wrong.append((row["dialled"], row["outside_prefix"], expected, got))
            figures["emergency lost"] += expected == "emergency"
            figures["leaks"] += got.number_class in CHEAP and expected not in CHEAP
    lost, leaks = figures["emergency lost"], figures["leaks"]
    print(f"{figures['rows']} rows, {len(wrong)} wrong, {lost} emergency lost, {leaks} leaks")
    assert wrong == []
    assert figures["rows"] == 549


def test_every_line_that_must_be_reached_is_recognised_however_it_is_dialled() -> None:
    with (DATA / "must_reach.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["country"] == "FR"]
    for row in rows:
        for got in (read(row["number"]), read("0" + row["number"], "0"), read("*31#" + row["number"])):
            emergency = row["level"] == "emergency"
            assert (got.number_class is NumberClass.EMERGENCY, got.must_reach) == (emergency, not emergency), row
    assert len(rows) == 20


@pytest.mark.parametrize(
    ("dialled", "outside_prefix"),
    [
        ("+3315", ""),
        ("0033112", ""),
        ("00033112", "0"),
        ("0033 116 117", "9"),
        ("15#", ""),
        ("*31#015", "0"),
        ("0*31#15", "0"),
        ("*31##31#15", ""),
        ("9365115", "9"),
        ("tel:15", "0"),
        ("tel:112;phone-context=+33", ""),
        ("SIP:015@pbx.local", "0"),
        ("1\u20111\u20132", ""),
    ],
)
def test_an_emergency_number_is_found_in_every_form_a_phone_sends(dialled: str, outside_prefix: str) -> None:
    assert read(dialled, outside_prefix).number_class is NumberClass.EMERGENCY


@pytest.mark.parametrize(
    ("dialled", "number", "region", "number_class"),
    [
        # Numbers of the overseas departments: their own country code, whatever was dialled.
        ("0976012345", "+590976012345", "GP", "national_fixed"),
        ("0976212345", "+262976212345", "RE", "national_fixed"),
        ("0976912345", "+262976912345", "YT", "national_fixed"),
        ("0709012345", "+590709012345", "GP", "national_mobile"),
        ("0709312345", "+594709312345", "GF", "national_mobile"),
        ("0709351234", "+262709351234", "YT", "national_mobile"),
        ("0596123456", "+596596123456", "MQ", "national_fixed"),
        ("0598712345", "+590598712345", "GP", "national_fixed"),
        ("0268812345", "+262268812345", "RE", "national_fixed"),
        ("0590271234", "+590590271234", "GP", "national_fixed"),
        ("+262 (0)692 85 12 34", "+262692851234", "RE", "national_mobile"),
        # Saint-Pierre-et-Miquelon: six digits behind 508 for 0508 numbers, nine for its newer mobiles.
        ("0508551234", "+508551234", "PM", "national_mobile"),
        ("+508 41 20 00", "+508412000", "PM", "national_fixed"),
        ("0708412345", "+508708412345", "PM", "national_mobile"),
        ("+508708412345", "+508708412345", "PM", "national_mobile"),
        # Ranges beside those.
        ("0939812345", "+262939812345", "YT", "national_fixed"),
        ("0938123456", "+33938123456", "FR", "national_fixed"),
        ("0591123456", "+33591123456", "FR", "national_fixed"),
        ("0700 12 34 56 78 90", "+337001234567890", "FR", "m2m_pager"),
        ("3179", "3179", "FR", "special_short"),
        ("3008", "3008", "FR", "special_short"),
        ("116123", "116123", "FR", "freephone"),
        # Digits for after the answer are cut off and not dialled.
        ("0142685300p12#", "+33142685300", "FR", "national_fixed"),
        ("tel:142685300;ext=4;phone-context=+33", "+33142685300", "FR", "national_fixed"),
    ],
)
def test_a_number_of_the_french_plan_is_billed_where_its_range_belongs(
    dialled: str, number: str, region: str, number_class: str
) -> None:
    got = read(dialled)
    assert (got.number, got.region, got.number_class) == (number, region, number_class)


@pytest.mark.parametrize(
    "dialled",
    [
        "0262", "0400123456", "0701234567", "0720123456", "0830123456", "0836123456", "0901234567", "0947012345",
        "0598512345", "0939012345", "0598012345", "0508123456", "0700123456", "0708461234", "116999", "3651", "1600",
        "3200 1", "+33 262 90 50 00", "+590 892 12 34 56",
    ],
)  # fmt: skip
def test_a_range_that_the_plan_does_not_name_does_not_exist(dialled: str) -> None:
    assert read(dialled) == Destination(number="", region="", number_class=NumberClass.INVALID)


@pytest.mark.parametrize("carrier", ["1656", "1600", "1699"])
def test_a_number_behind_a_carrier_selection_code_is_invalid(carrier: str) -> None:
    assert read(carrier + "0142685300").number_class is NumberClass.INVALID
    assert read(f"3651{carrier}00881612345678").number_class is NumberClass.INVALID


@pytest.mark.parametrize("digit", "2456789")
def test_a_number_with_one_digit_of_carrier_selection_is_invalid(digit: str) -> None:
    assert read(digit + "142685300").number_class is NumberClass.INVALID


@pytest.mark.parametrize(
    ("dialled", "outside_prefix", "number", "number_class"),
    [
        ("3114", "0", "3114", "internal_feature"),
        ("03114", "0", "3114", "freephone"),
        ("36512", "0", "36512", "internal_feature"),
        ("3651", "0", "3651", "internal_feature"),
        ("*31#201", "0", "201", "internal_feature"),
        ("201#", "9", "201", "internal_feature"),
        ("*31#*98", "", "*31#*98", "internal_feature"),
        ("*9 8", "0", "*98", "internal_feature"),
        ("116006", "0", "", "invalid"),
        ("9*98", "9", "", "invalid"),
        ("0142*53", "", "", "invalid"),
        ("0142685300##", "", "", "invalid"),
        ("201x5", "0", "", "invalid"),
        ("sip:201@pbx.local", "0", "", "invalid"),
    ],
)
def test_an_extension_or_feature_code_stays_in_the_house(
    dialled: str, outside_prefix: str, number: str, number_class: str
) -> None:
    got = read(dialled, outside_prefix)
    assert (got.number, got.region, got.number_class, got.must_reach) == (
        number,
        "FR" if number_class == "freephone" else "",
        number_class,
        number_class == "freephone",
    )


@pytest.mark.parametrize(
    ("dialled", "number", "region", "number_class"),
    [
        ("+1 212 555 0123", "+12125550123", "US", "international_fixed"),
        ("+1 876 922 1234", "+18769221234", "JM", "international_fixed"),
        ("+44 (0)20 7946 0958", "+442079460958", "GB", "international_fixed"),
        ("+39 02 3012 3456", "+390230123456", "IT", "international_fixed"),
        ("+32 800 12345", "+3280012345", "BE", "international_premium"),
        ("+377 93 15 20 00", "+37793152000", "MC", "international_fixed"),
        ("+687 24 12 34", "+687241234", "NC", "international_fixed"),
        ("+44 1481 256 964", "+441481256964", "GG", "international_fixed"),
        ("+888 12345678901", "", "", "invalid"),
        ("+1 1 212 555 0123", "", "", "invalid"),
        ("+7 8 495 123 4567", "", "", "invalid"),
        ("+39 2 3012 3456", "", "", "invalid"),
        ("+44 20 7946 09581", "", "", "invalid"),
        ("+1 212 555 0123 4567890", "", "", "invalid"),
        ("+32112", "", "", "invalid"),
        ("+112", "", "", "invalid"),
        ("00 00 44 20 7946 0958", "", "", "invalid"),
        ("+44", "", "", "invalid"),
        ("+1 212 000 0123", "", "", "invalid"),
    ],
)
def test_a_foreign_number_belongs_to_the_country_that_is_paid(
    dialled: str, number: str, region: str, number_class: str
) -> None:
    got = read(dialled)
    assert (got.number, got.region, got.number_class) == (number, region, number_class)


@pytest.mark.parametrize(
    "dialled",
    [
        "15w1", "15;ext=3", "tel:15;ext=3", "112p00881612345678", "118712x1", "0142685300,1", "0142685300x12&PJSIP/x",
        "tel:+33142685300;rn=+441481256964", "tel:+33142685300;phone-context=+33", "tel:142685300;phone-context=x.org",
        "tel:0142685300?a=b",
        "sip:112", "sip:15:secret@pbx.local", "sip:15@pbx.local?Replaces=x", "sip:15%40@pbx.local",
        "\u0661\u0665\u202e", "1\t5", "15\n", "", "+", "#" * (DIALLED_MAX_CHARACTERS + 1),
    ],
)  # fmt: skip
def test_a_string_that_carries_more_than_a_number_is_invalid(dialled: str) -> None:
    assert read(dialled) == Destination(number="", region="", number_class=NumberClass.INVALID)


@pytest.mark.parametrize(
    ("dialled", "outside_prefix"),
    [
        ("0142685300", ""),
        ("*31#0142685300", ""),
        ("#31#0142685300", ""),
        ("36510142685300", ""),
        ("0*31#0142685300", "0"),
        ("*31#00142685300", "0"),
    ],
)
def test_a_caller_id_code_changes_nothing_of_where_a_call_goes(dialled: str, outside_prefix: str) -> None:
    got = read(dialled, outside_prefix)
    assert (got.number, got.number_class) == ("+33142685300", NumberClass.NATIONAL_FIXED)


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("+333114", "3114"),
        ("00333919", "3919"),
        ("00033116006", "116006"),
        ("+33116111", "116111"),
        ("+33 31 14", "3114"),
        ("+333113", ""),
        ("+3331141", ""),
        ("+323114", ""),
        ("+33033114", ""),
    ],
)
def test_a_helpline_kept_in_a_phone_behind_the_countrys_code_is_the_helpline(dialled: str, number: str) -> None:
    got = read(dialled, "0") if dialled.startswith("000") else read(dialled)
    assert (got.number, got.must_reach) == (number, bool(number))


@pytest.mark.parametrize(
    ("dialled", "claim"),
    [
        ("0037100000000", "+37100000000"),
        ("+371 0000 0000", "+37100000000"),
        ("*31#0037100000000", "+37100000000"),
        ("tel:+37100000000", "+37100000000"),
        ("sip:+37100000000@pbx.local", "+37100000000"),
        ("+37100000000#", "+37100000000"),
        ("+37100000000w1", "+37100000000"),
        ("+33900000000", ""),
        ("00262900000", ""),
        ("0142685300", ""),
        ("12345678", ""),
        ("*21*0037100000000#", ""),
        ("+371*00", ""),
        ("00", ""),
        ("371&00", ""),
        ("0" * (DIALLED_MAX_CHARACTERS + 1), ""),
    ],
)
def test_what_a_string_claims_abroad_is_seen_through_its_dress(dialled: str, claim: str) -> None:
    assert foreign_claim(dialled, plan=PLAN, outside_prefix="") == claim


def test_readings_are_remembered_up_to_their_limit_and_only_of_strings_a_phone_can_send() -> None:
    _remembered.cache_clear()
    for place in range(3):
        read(f"014268530{place}")
        read(f"014268530{place}")
        read(f"014268530{place}" + " " * KEPT_MAX_CHARACTERS)
    found = _remembered.cache_info()
    assert (found.hits, found.currsize, found.maxsize) == (3, 3, READINGS_KEPT)


def test_every_region_can_be_warmed_before_the_first_call() -> None:
    preload()
    assert read("+18769221234").region == "JM"


# No deadline: on a loaded machine a slow example is not a wrong one.
PROPERTY = settings(max_examples=300, deadline=None)
WRITTEN = st.sampled_from([row for row in _french_rows() if re.fullmatch(r"\+?[0-9]+", row["dialled"])])
SEPARATORS = st.text(" .-()\u00a0\u2011", max_size=2)
ZEROS = ["0", "\u0660", "\u06f0", "\u0966", "\uff10"]
"""The digit nought in several scripts; the other nine follow it in Unicode."""


@PROPERTY
@given(row=WRITTEN, zero=st.sampled_from(ZEROS), data=st.data())
def test_spelling_changes_nothing(row: dict[str, str], zero: str, data: st.DataObject) -> None:
    script = {digit: chr(ord(zero) + int(digit)) for digit in "0123456789"} | {
        "+": data.draw(st.sampled_from("+\uff0b"))
    }
    spelled = "".join(script[sign] + data.draw(SEPARATORS) for sign in row["dialled"])
    assert read(spelled, row["outside_prefix"]) == read(row["dialled"], row["outside_prefix"])


@PROPERTY
@given(row=WRITTEN, codes=st.lists(st.sampled_from(["*31#", "#31#", "3651"]), max_size=3))
def test_a_caller_id_code_never_changes_the_class(row: dict[str, str], codes: list[str]) -> None:
    assume(len(row["dialled"]) > 1)
    plain = read(row["dialled"], row["outside_prefix"])
    coded = read("".join(codes) + row["dialled"], row["outside_prefix"])
    assert (coded.number, coded.region, coded.number_class) == (plain.number, plain.region, plain.number_class)


@PROPERTY
@given(
    emergency=st.sampled_from(sorted(PLAN.emergency_numbers)),
    more=st.text("0123456789+*#,;&@pwx", min_size=1, max_size=16),
    outside_prefix=st.sampled_from(["", "0", "9"]),
)
def test_nothing_longer_than_an_emergency_number_is_one(emergency: str, more: str, outside_prefix: str) -> None:
    assume(more != "#")  # the send key
    assume(emergency + more.removesuffix("#") not in PLAN.emergency_numbers)
    assert read(emergency + more, outside_prefix).number_class is not NumberClass.EMERGENCY
    assert read(outside_prefix + emergency + more, outside_prefix).number_class is not NumberClass.EMERGENCY


@PROPERTY
@given(
    dialled=st.text() | st.text("0123456789+*#()-. ;=extpwsi:@l"), outside_prefix=st.sampled_from(["", "0", "9", "00"])
)
def test_any_text_has_a_meaning_and_a_number_only_where_it_is_one(dialled: str, outside_prefix: str) -> None:
    got = read(dialled, outside_prefix)
    inside = {NumberClass.INVALID, NumberClass.INTERNAL_FEATURE}
    assert (got.number == "") == (got.number_class is NumberClass.INVALID)
    assert (got.region == "") == (got.number_class in inside)


RANGES = st.sampled_from(PLAN.disjoint).flatmap(
    lambda found: st.tuples(st.just(found[0]), st.from_regex(regex_of(found[1]), fullmatch=True))
)


@PROPERTY
@given(drawn=RANGES)
def test_every_number_of_a_range_has_the_class_of_the_range_and_means_the_same_when_read_again(
    drawn: tuple[ShortCode, str],
) -> None:
    entry, dialled = drawn
    got = read(dialled)
    assert got.number_class is entry.number_class
    assert got.region == (entry.region if isinstance(entry, Family) else "FR")
    assert read("9" + dialled, "9") == got
    assert read(got.number) == got


@PROPERTY
@given(row=WRITTEN)
def test_a_published_number_means_the_same_when_read_again(row: dict[str, str]) -> None:
    got = read(row["dialled"], row["outside_prefix"])
    assume(got.region != "")
    assert read(got.number) == got
