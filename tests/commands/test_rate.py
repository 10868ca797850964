"""`callgate rate`: what a call would cost, in parts where the rate changes, and why not where nobody knows."""

import argparse
import json
from pathlib import Path

import pytest

from callgate.commands import Exit
from callgate.commands.rate import SECONDS_MAX, add_rate
from callgate.core.deck import COLUMNS_WITH_HOURS
from callgate.errors import SettingsError
from clinic_samples import CLINIC, PARIS, SETTINGS, policy_text, write_site

Out = pytest.CaptureFixture[str]
TUESDAY = "2026-11-24T18:59"
AT = "valid from 2026-01-01 to 2026-12-31; hours mon-fri 08:00-19:00; sat 08:00-12:30"

RATES = "\n".join(
    (
        ",".join(COLUMNS_WITH_HOURS),
        "+33,France,0,0.02,1,1,EUR,0,,,",
        "+32475,nothing at night,0,0.50,60,60,EUR,0,,,mon-fri 08:00-19:00",
        "+32,peak,0.10,0.30,60,60,EUR,0.20,2026-01-01,2026-12-31,mon-fri 08:00-19:00; sat 08:00-12:30",
        "+32,Belgium,0.05,0.06,30,6,EUR,0,2026-01-01,,",
        "short:3624,SOS Medecins,0,0.15,60,60,EUR,0,,,",
    )
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_site(tmp_path)
    (tmp_path / "rates.csv").write_text(RATES)
    return tmp_path


def run(settings: Path, *words: str, language: str = "en") -> Exit:
    """Run the command as `callgate.cli` would."""
    parser = argparse.ArgumentParser(prog="callgate")
    add_rate(parser.add_subparsers().add_parser)
    arguments = parser.parse_args(["rate", *words])
    arguments.settings, arguments.language = settings, language
    code: Exit = arguments.run(arguments)
    return code


def asked(folder: Path, capsys: Out, *words: str) -> dict[str, object]:
    """The JSON answer."""
    code = run(folder / "callgate.toml", *words, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert isinstance(answer, dict)
    assert code is (Exit.NEGATIVE if answer["price_micros"] is None else Exit.OK)
    return answer


@pytest.mark.parametrize(
    ("words", "micros"),
    [
        (("0142685300",), 20_000),
        (("+33142685300", "--seconds", "90"), 30_000),
        ((PARIS, "--prefix", "0"), 20_000),
        (("3624", "--seconds", "61"), 300_000),
        (("+3225551212", "--at", TUESDAY), 120_000 + 360_000),
        (("+3225551212", "--at", TUESDAY, "--seconds", "61"), 120_000 + 360_000 + 6_000),
        (("+3225551212", "--at", "2026-11-24T19:00"), 50_000 + 60_000),
        # On the clinic's clock it is 18:59, and winter.
        (("+3225551212", "--at", "2026-11-24T17:59Z"), 120_000 + 360_000),
        (("+3225551212", "--at", "2027-01-04T10:00"), 50_000 + 60_000),
    ],
)
def test_a_call_has_the_price_of_the_deck_at_that_time(
    folder: Path, capsys: Out, words: tuple[str, ...], micros: int
) -> None:
    assert asked(folder, capsys, *words)["price_micros"] == micros


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("+4930123456",), "rate_unknown"),
        (("+32475123456", "--at", "2026-11-24T20:00"), "rate_unknown"),
        (("+32475123456", "--at", TUESDAY, "--seconds", "90"), "rate_unknown"),
        (("15",), "emergency"),
        (("112",), "emergency"),
        (("101", "--prefix", "0"), "not_a_public_number"),
        (("0612",), "invalid"),
        (("\x1b[2J",), "invalid"),
    ],
)
def test_what_has_no_price_says_why(folder: Path, capsys: Out, words: tuple[str, ...], reason: str) -> None:
    answer = asked(folder, capsys, *words)
    assert (answer["price_micros"], answer["parts"], answer["reason"]) == (None, [], reason)


def test_an_hour_that_the_clock_jumps_over_is_billed_as_the_one_after_it(folder: Path, capsys: Out) -> None:
    """In the night of 29 March 02:30 does not exist; its hours were looked up all the same."""
    rows = "+32,second hour,0,0.20,1,1,EUR,0,,,sun 02:00-03:00\n+32,third hour,0,0.30,1,1,EUR,0,,,sun 03:00-04:00"
    (folder / "rates.csv").write_text(f"{','.join(COLUMNS_WITH_HOURS)}\n{rows}\n")
    answer = asked(folder, capsys, "+3225551212", "--at", "2026-03-29T02:30")
    assert (answer["at"], answer["price_micros"]) == ("2026-03-29T03:30:00+02:00", 300_000)


def test_the_answer_tells_the_row_and_each_part(folder: Path, capsys: Out) -> None:
    words = ("+3225551212", "--at", TUESDAY, "--seconds", "70")
    assert run(folder / "callgate.toml", *words) is Exit.OK
    assert capsys.readouterr().out.splitlines() == [
        "Destination: +3225551212, BE, foreign fixed line",
        "Answered: 2026-11-24T18:59:00+01:00, for 70 s",
        f"Rate 32: peak: 0.12 a call and 0.36 a minute (EUR), by 60 s, then 60 s; {AT}",
        "  billed from 2026-11-24T18:59:00+01:00: 60 s, 0.36 EUR",
        "Rate 32: Belgium: 0.05 a call and 0.06 a minute (EUR), by 30 s, then 6 s; valid from 2026-01-01 to -; hours -",
        "  billed from 2026-11-24T19:00:00+01:00: 12 s, 0.012 EUR",
        "Price: 0.492 EUR, of which 0.12 for the connection; 72 s billed",
    ]
    parts = asked(folder, capsys, *words)["parts"]
    assert isinstance(parts, list)
    assert [(part["begins_s"], part["billed_s"], part["micros"], part["valid_to"]) for part in parts] == [
        (0, 60, 360_000, "2026-12-31"),
        (60, 12, 12_000, ""),
    ]
    assert [part["hours"] for part in parts] == ["mon-fri 08:00-19:00; sat 08:00-12:30", ""]
    assert parts[0]["rate"]["label"] == "peak"


def test_the_answer_is_french_for_those_who_speak_it(folder: Path, capsys: Out) -> None:
    assert run(folder / "callgate.toml", "+4930123456", language="fr") is Exit.NEGATIVE
    destination, answered, reason = capsys.readouterr().out.splitlines()
    assert destination.startswith("Destination\u00a0: +4930123456, DE")
    assert answered.startswith("Décroché\u00a0: ")
    assert "tarif" in reason


def test_a_rate_that_is_not_from_the_deck_says_so(folder: Path, capsys: Out) -> None:
    (folder / "rates.csv").write_text(",".join(COLUMNS_WITH_HOURS))
    parts = asked(folder, capsys, "0142685300", "--seconds", "30")["parts"]
    assert isinstance(parts, list)
    (part,) = parts
    assert (part["in_deck"], part["billed_s"], part["micros"]) == (False, 60, 150_000)
    assert run(folder / "callgate.toml", "0142685300") is Exit.OK
    assert "Rate -: no rate: held at the cap of its class" in capsys.readouterr().out


def test_what_the_flat_rate_includes_costs_nothing(folder: Path, capsys: Out) -> None:
    (folder / "policy.toml").write_text(policy_text({"included           = []": 'included = ["national_fixed"]'}))
    assert asked(folder, capsys, "0142685300")["price_micros"] == 0


def test_another_deck_can_be_asked_before_it_is_in_force(folder: Path, capsys: Out) -> None:
    other = folder / "other.csv"
    other.write_text(RATES.replace("0.30", "0.40"))
    words = ("+3225551212", "--at", "2026-11-24T10:00")
    assert asked(folder, capsys, *words, "--rates", str(other))["price_micros"] == 120_000 + 480_000
    assert asked(folder, capsys, *words)["price_micros"] == 120_000 + 360_000


def test_a_clinic_is_named_where_there_are_several(folder: Path, capsys: Out) -> None:
    settings = folder / "callgate.toml"
    second = '[[clinic]]\nname = "cabinet-des-roses"\npolicy = "roses.toml"\nrates = "rates.csv"\n'
    settings.write_text(settings.read_text().replace("[[trunk]]", second + "[[trunk]]", 1))
    (folder / "roses.toml").write_text(policy_text({CLINIC: "cabinet-des-roses"}))
    assert asked(folder, capsys, "0142685300", "--clinic", "cabinet-des-roses")["price_micros"] == 20_000
    with pytest.raises(SettingsError, match="several clinics"):
        run(settings, "0142685300")
    assert "cabinet-des-roses" not in SETTINGS


@pytest.mark.parametrize(
    ("home", "number", "currency"),
    [("FR", "0142685300", "EUR"), ("CH", "0442345678", "CHF"), ("GB", "02079460000", "GBP")],
)
def test_a_home_country_alone_is_asked_with_what_ships_for_it(
    tmp_path: Path, capsys: Out, *, home: str, number: str, currency: str
) -> None:
    code = run(tmp_path / "missing.toml", number, "--home", home, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (code, answer["region"], answer["currency"]) == (Exit.OK, home, currency)
    assert answer["price_micros"] > 0


def test_without_settings_it_asks_for_france_and_says_so(capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Path("/nowhere/callgate.toml")
    monkeypatch.setattr("callgate.commands.rate.DEFAULT_SETTINGS", nowhere)
    assert run(nowhere, "0142685300", "--json") is Exit.OK
    assert "factory policy of FR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("15", "--home", "ZZ"), "home"),
        (("15", "--rates", "/nowhere.csv"), "/nowhere.csv"),
        (("15", "--clinic", "nobody"), "clinic"),
    ],
)
def test_what_is_not_there_is_told_with_a_remedy(folder: Path, words: tuple[str, ...], path: str) -> None:
    with pytest.raises(SettingsError) as raised:
        run(folder / "callgate.toml", *words)
    assert (raised.value.path, bool(raised.value.remedy)) == (path, True)


def test_a_country_without_a_factory_policy_is_asked_with_the_settings_of_a_clinic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policies" / "presets").mkdir(parents=True)
    monkeypatch.setattr("callgate.commands.rate.resource", lambda name: tmp_path / name)
    with pytest.raises(SettingsError, match='no factory policy for "FR"'):
        run(tmp_path / "missing.toml", "15", "--home", "FR")


@pytest.mark.parametrize(
    "words",
    [
        ("15", "--seconds", "0"),
        ("15", "--seconds", "-1"),
        ("15", "--seconds", str(SECONDS_MAX + 1)),
        ("15", "--seconds", "1e3"),
        ("15", "--seconds", "²"),
        ("15", "--at", "soon"),
        ("15", "--at", "1999-01-01T00:00"),
        ("15", "--home", "France"),
        ("15", "--prefix", "00"),
        (),
    ],
)
def test_a_slip_on_the_command_line_is_told_at_once(tmp_path: Path, capsys: Out, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path / "callgate.toml", *words)
    assert "usage: callgate rate" in capsys.readouterr().err
