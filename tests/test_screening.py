"""What nobody else may read is found wherever it stands, and what a machine writes of itself is left alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.wire import mask
from callgate.screening import HIDDEN, Found, Leak, leaks, leaks_in, screened, screened_value

NUMBERS = [
    ("+33142685300", "+3314268••••"),
    ("33142685300", "3314268••••"),
    ("0033142685300", "003314268••••"),
    ("0142685300", "014268••••"),
    ("00142685300", "0014268••••"),
    ("0002250123456615", "000225012345••••"),
    ("1234567", "123••••"),
    ("01 42 68 53 00", "01 42 68 •• ••"),
    ("01.42.68.53.00", "01.42.68.••.••"),
    ("+33 (0)1 42 68 53 00", "+33 (0)1 42 68 •• ••"),
    ("tel:+33-1-42-68-53-00", "tel:+33-1-42-68-••-••"),
    ("sip:0612345678@198.51.100.4", "sip:061234••••@198.51.100.4"),
    ("PJSIP/0612345678@carrier-a", "PJSIP/061234••••@carrier-a"),
    ("https://example.org/?n=0142685300&x=1", "https://example.org/?n=014268••••&x=1"),
    ("0142.685300", "0142.68••••"),
    ("612.34.56.78", "612.34.••.••"),
    ("dialled=%2B33142685300", "dialled=%2B3314268••••"),
    ("%0A0142685300", "%0A014268••••"),
    (r"b'\n0142685300\r'", r"b'\n014268••••\r'"),
    ("2026-11-24 10:00:00 0142685300 rang", "2026-11-24 10:00:00 014268•••• rang"),
    ("fax-33142685300", "fax-3314268••••"),
    ("call_0142685300_end", "call_014268••••_end"),
    ("01/42/68/53/00", "••/••/••/••/••"),
    ("+33 / 1 / 42 / 68 / 53 / 00", "+•• / • / •• / •• / •• / ••"),
    ("01_42_68_53_00", "••_••_••_••_••"),
    ("+33 - 1 - 42 - 68 - 53 - 00", "+33 - 1 - 42 - 68 - •• - ••"),
    ("01 . 42 . 68 . 53 . 00", "01 . 42 . 68 . •• . ••"),
    ("01|42|68|53|00", "01|42|68|••|••"),
    ("01;42;68;53;00", "••;••;••;••;••"),
    ("01   42   68   53   00", "01   42   68   ••   ••"),
    ("n=01%2042%2068%2053%2000", f"n={HIDDEN}"),
    ("tel=%2B33%201%2042%2068%2053%2000", f"tel=%2B{HIDDEN}"),
    ("tel:00%2D33%2D14%2D26%2D85", f"tel:{HIDDEN}"),
    ("01\t42\t68\t53\t00", "01\t42\t68\t••\t••"),
    ("01\u201142\u201168\u201153\u201100", "01\u201142\u201168\u2011••\u2011••"),
    ("01\u200942\u200968\u200953\u200900", "01\u200942\u200968\u2009••\u2009••"),
]
SECRETS = [
    ("redis://callgate:hunter2@host:6379/0", f"redis://{HIDDEN}@host:6379/0"),
    ("rediss+cluster://:hunter2@host:6379", f"rediss+cluster://{HIDDEN}@host:6379"),
    ("secret = hunter2", f"secret = {HIDDEN}"),
    ("secret=hunter2;x", f"secret={HIDDEN};x"),
    ('{"password": "hunter2"}', f'{{"password": "{HIDDEN}"}}'),
    ("requirepass: hunter2", f"requirepass: {HIDDEN}"),
    ("API_KEY=hunter2", f"API_KEY={HIDDEN}"),
    ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", HIDDEN),
]
PEOPLE = [
    ('callerid = "Dr Martin" <101>', HIDDEN),
    ("callerid=Dr Martin <101>", HIDDEN),
    ('From: "Secrétariat" <102>', f"From: {HIDDEN}"),
    (r"{\"Dr Martin\" <0142685300>}", f"{{\\{HIDDEN}}}"),
]
PLAIN = [
    "",
    "+3314268••••",
    "+33 1 42 68 •• ••",
    "15, 112 and 3114",
    "2026-11-22T23:13:14.123456Z",
    "2026-11-24 10:00:00+01:00",
    "08:00-19:00",
    "2026-12-24/2027-01-02",
    "pbx1.11111111-1111-4111-8111-111111111111.1.1732442400",
    "lab_1.12345678-1234-4123-8123-123456789012.2.1732442400",
    "pbx-1.1234a678-1234-4123-8123-123456789012",
    "local:11111111-1111-4111-8111-111111111111.1732442400",
    "ungated:pbx1:1732442400.12.1732442400",
    "PJSIP/carrier-a-00000012",
    "d41d8cd98f00b204e9800998ecf8427e",
    "1.2026-W48.4FQKZ2345672ABCDEFGH",
    "127.0.0.1:4599",
    "0.150000 EUR a minute",
    "redis://callgate@host:6379/0",
    "redis_password_file = /etc/callgate/redis.secret",
    "secret=***",
    "a token bucket; the secret is out",
    "callerid = <101>",
    "23/11/2026 05:32:37",
    "05/11/2026",
    "05:32:37.123456",
    "00:11:22:33:44:55",
    "/proc/1234/fd/12",
    "10/20/30/40/50 ms",
    "10.0.0.0/8, 192.168.100.200/24",
    "fe80::1:2:3:4",
    "then, 2026-11-24 10:00:00, from: 198.51.100.204",
    "callgate 1.12.3, redis 7.0.15",
    "0,15 EUR; 12,345,678 bytes",
    "mon-fri 08:00-19:00, 08:30-12:00",
    "+262,assumed: overseas,0,0.25,60,60,",
]


@pytest.mark.parametrize(("text", "shown"), NUMBERS)
def test_a_number_is_found_however_it_is_written_and_shown_without_its_last_four_digits(text: str, shown: str) -> None:
    assert list(leaks(text)) == [Leak.NUMBER]
    assert screened(text) == shown


@pytest.mark.parametrize(("text", "shown"), SECRETS)
def test_a_secret_is_found_and_hidden_and_its_place_can_still_be_read(text: str, shown: str) -> None:
    assert list(leaks(text)) == [Leak.SECRET]
    assert screened(text) == shown


@pytest.mark.parametrize(("text", "shown"), PEOPLE)
def test_who_sits_at_an_extension_is_found_and_hidden(text: str, shown: str) -> None:
    assert list(leaks(text)) == [Leak.PERSON]
    assert screened(text) == shown


@pytest.mark.parametrize("text", PLAIN)
def test_what_a_machine_writes_of_itself_stays(text: str) -> None:
    assert list(leaks(text)) == []
    assert screened(text) == text


@given(st.text(alphabet="0123456789+ .-()•abcdef\"'<>:=@/\npassword", max_size=60))
def test_nothing_is_found_in_what_was_screened(text: str) -> None:
    assert list(leaks(screened(text))) == []


@given(st.integers(min_value=10**6, max_value=10**15 - 1), st.sampled_from(["", "+", "00", "0", "dialled=", "to: "]))
def test_no_number_of_any_country_passes(number: int, before: str) -> None:
    text = f"{before}{number}"
    assert list(leaks(text)) == [Leak.NUMBER]
    assert str(number)[-4:] not in screened(text)[-4:]


@given(st.integers(min_value=10**6, max_value=10**17))
def test_what_the_gate_masks_is_never_taken_for_a_number(number: int) -> None:
    assert list(leaks(f"dialled {mask(str(number))} {mask(f'+{number}')}")) == []


DOCUMENT = {
    "dialled": "+3314268••••",
    "count": 33142685300,
    "ratio": 1.5,
    "calls": [{"number": "+33142685300"}, {"number": "15"}],
    "0142685300": None,
    "password": "hunter2",
    "secret": "",
    "note": "redis://:hunter2@host",
}


def test_in_a_document_the_place_is_named_and_the_thing_is_not() -> None:
    found = list(leaks_in(DOCUMENT))
    assert found == [
        Found(leak=Leak.NUMBER, path="calls[0].number"),
        Found(leak=Leak.NUMBER, path="014268••••"),
        Found(leak=Leak.SECRET, path="password"),
        Found(leak=Leak.SECRET, path="note"),
    ]
    assert "hunter2" not in str(found)


def test_a_screened_document_gives_nothing_away_and_keeps_its_figures() -> None:
    shown = screened_value(DOCUMENT)
    assert list(leaks_in(shown)) == []
    assert isinstance(shown, dict)
    assert (shown["count"], shown["ratio"], shown["secret"]) == (33142685300, 1.5, "")
    assert json.loads(json.dumps(shown)) == shown
    assert shown["014268••••"] is None


def test_of_what_is_no_document_the_words_for_it_are_screened() -> None:
    class Call:
        def __repr__(self) -> str:
            return "Call(+33142685300)"

    assert screened_value({"call": Call(), "bytes": (b"0142685300",)}) == {
        "call": "Call(+3314268••••)",
        "bytes": ["b'014268••••'"],
    }
