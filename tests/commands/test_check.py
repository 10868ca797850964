"""`callgate check` says what the gate would say, changes nothing, and is safe to read on a terminal."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.clinic import load_risks
from callgate.core.verdict import Grant
from clinic_samples import BRUSSELS, PARIS, POINTE_A_PITRE, ROOT, SETTINGS, open_site, policy_text, write_site
from redis_server import RedisServer

TUESDAY = "2026-11-24T11:00"
NIGHT = "2026-11-24T23:30"


@pytest.fixture
def settings(tmp_path: Path) -> str:
    return str(write_site(tmp_path))


Out = pytest.CaptureFixture[str]


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of its own: the clinic's name is the same in every test."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


def asked(settings: str, capsys: Out, *words: str) -> tuple[int, dict[str, object]]:
    """The exit code and the JSON answer."""
    code = main(["--settings", settings, "check", *words, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert isinstance(answer, dict)
    return code, answer


@pytest.mark.parametrize(
    ("words", "code", "reasons"),
    [
        ((PARIS, "--at", TUESDAY), 0, []),
        ((PARIS, "--at", NIGHT), 0, []),
        ((POINTE_A_PITRE, "--at", TUESDAY), 0, []),
        ((POINTE_A_PITRE, "--at", NIGHT), 1, ["closed"]),
        ((BRUSSELS, "--at", TUESDAY), 1, ["country_refused"]),
        ((BRUSSELS, "--at", NIGHT), 1, ["country_refused", "closed"]),
        (("015", "--at", NIGHT), 0, ["emergency"]),
        (("101",), 1, ["not_a_public_number"]),
        (("0612%40trunk",), 1, ["invalid"]),
        ((PARIS.removeprefix("0"), "--prefix", "", "--at", TUESDAY), 0, []),
    ],
)
def test_the_exit_code_says_whether_the_call_would_go_and_the_reasons_why_not(
    settings: str, capsys: Out, *, words: tuple[str, ...], code: int, reasons: list[str]
) -> None:
    ended, answer = asked(settings, capsys, *words)
    assert (ended, answer["reasons"]) == (code, reasons)
    assert answer["verdict"] == ("refuse" if code else "grant")


def test_another_deck_can_be_asked_before_it_is_in_force(settings: str, capsys: Out, tmp_path: Path) -> None:
    """It was passed over in silence where a clinic's settings were there, and no policy was named."""
    deck = tmp_path / "other.csv"
    header = "prefix,label,connect_fee,per_minute,first_increment_s,increment_s,currency,tax,valid_from,valid_to"
    deck.write_text(f"{header}\n+590,dear,0,0.40,60,60,EUR,0,,\n")
    words = (POINTE_A_PITRE, "--at", TUESDAY)
    code, answer = asked(settings, capsys, *words, "--rates", str(deck))
    assert isinstance(answer["rate"], dict)
    assert (code, answer["rate"]["per_minute_micros"]) == (0, 400_000)
    deck.write_text("no deck\n")
    assert main(["--settings", settings, "check", *words, "--rates", str(deck)]) == 3
    assert "other.csv, line 1: the header is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("at", "utc"),
    [
        ("2026-11-24T11:00", "2026-11-24T10:00:00+00:00"),
        ("2026-07-24T11:00", "2026-07-24T09:00:00+00:00"),
        ("2026-11-24T11:00+05:00", "2026-11-24T06:00:00+00:00"),
        ("2026-11-24T11:00Z", "2026-11-24T11:00:00+00:00"),
    ],
)
def test_an_instant_without_a_zone_is_on_the_clinics_own_clock(settings: str, capsys: Out, at: str, utc: str) -> None:
    _, answer = asked(settings, capsys, PARIS, "--at", at)
    assert answer["at"] == utc


@pytest.mark.parametrize("year", [2019, 2030, 2040])
def test_the_public_holidays_of_any_year_are_known(settings: str, capsys: Out, year: int) -> None:
    """Only this year's and the next two were: Bastille Day of a later year was a day like any other."""
    _, holiday = asked(settings, capsys, POINTE_A_PITRE, "--at", f"{year}-07-14T11:00")
    assert holiday["reasons"] == ["closed"]


def test_the_reasoning_is_told_step_by_step(settings: str, capsys: Out) -> None:
    assert main(["--settings", settings, "--language", "en", "check", POINTE_A_PITRE, "--at", TUESDAY]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Dialled: 00590271212 (extension -)",
        "When: 2026-11-24T11:00:00+01:00, within opening hours",
        "Destination: +590590271212, GP, national fixed line",
        f"Risk: normal (list {load_risks().version})",
        "Rate: assumed: overseas: 0.00 a call and 0.25 a minute (EUR); costly",
        "Counts in: clinic (ceilings: -)",
        "Counts in: costly (ceilings: hour 10.00 EUR, day 15.00 EUR, week 30.00 EUR, month 60.00 EUR)",
        "Counts in: overseas (ceilings: day 5.00 EUR, week 15.00 EUR)",
        "Verdict: grant of +590590271212 for 1198 s at most, 5.00 EUR held (with every purse empty)",
    ]
    assert main(["--settings", settings, "check", BRUSSELS, "--at", NIGHT, "--extension", "101"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Composé\u00a0: 0003225551212 (poste 101)"
    assert [line.split(":")[0] for line in said[-3:]] == ["Verdict\u00a0", "  country_refused", "  closed"]


LATVIA = "0037163123341"


def test_a_risky_destination_is_told_with_the_entry_of_the_list_and_its_sources(settings: str, capsys: Out) -> None:
    code, answer = asked(settings, capsys, "0" + LATVIA, "--at", TUESDAY)
    assert (code, answer["reasons"]) == (1, ["country_refused"])
    risk = {"tier": "hotspot", "because": "country:LV", "sources": ["cfca_2015", "cfca_2011"]}
    assert answer["risk"] == {**risk, "version": load_risks().version}
    assert main(["--settings", settings, "--language", "en", "check", "0" + LATVIA, "--at", TUESDAY]) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("Risk"))
    assert line.startswith(
        f"Risk: hotspot by country:LV (list {load_risks().version}; CFCA Global Fraud Loss Survey 2015"
    )
    assert line.endswith("(2012-08-27))")


def test_an_invalid_number_is_told_to_lie_outside_every_published_plan(settings: str, capsys: Out) -> None:
    """Such a number carries no digits any more: the tier is read from what was dialled."""
    _, answer = asked(settings, capsys, "0003712", "--at", TUESDAY)
    assert answer["risk"] == {
        "tier": "hotspot",
        "because": "outside_plan",
        "sources": ["biaas"],
        "version": load_risks().version,
    }
    _, answer = asked(settings, capsys, "0014268530", "--at", TUESDAY)
    assert answer["risk"] == {"tier": "normal", "because": "", "sources": [], "version": load_risks().version}


def test_what_a_grant_warns_of_is_told_below_it(tmp_path: Path, capsys: Out) -> None:
    file = write_site(tmp_path, policy=policy_text({'allow = ["FR",': 'allow = ["FR", "LV",'}))
    assert main(["--settings", str(file), "--language", "en", "check", "0" + LATVIA, "--at", TUESDAY]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "Counts in: hotspot (ceilings: -)" in said
    assert said[-2].startswith("Verdict: grant of +37163123341 ")
    assert said[-1].startswith("  hotspot: ")


def test_the_example_of_the_page_on_risk_is_what_is_said(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALLGATE_SETTINGS", raising=False)
    for module in ("callgate.cli", "callgate.commands.site"):
        monkeypatch.setattr(f"{module}.DEFAULT_SETTINGS", tmp_path / "callgate.toml")
    page = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
    command, said = re.findall(r"^\$ callgate (.*)\n((?:.+\n)*)```", page, re.MULTILINE).pop()
    assert main(command.split()) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in said.splitlines() if line not in {*printed, "..."}] == []


def test_a_refusal_by_the_ledger_names_the_limit_and_when_it_reopens(tmp_path: Path, capsys: Out) -> None:
    closed = {"[limits.concurrent] ": "[limits.concurrent]\nclinic = 0 "}
    file = write_site(tmp_path, policy=policy_text(closed))
    assert main(["--settings", str(file), "--language", "en", "check", POINTE_A_PITRE, "--at", TUESDAY]) == 1
    verdict, reason, limit = capsys.readouterr().out.splitlines()[-3:]
    assert (verdict, reason.partition(":")[0]) == ("Verdict: refused", "  too_many_lines")
    assert limit == (
        "    calls of the clinic: as many calls at once as are allowed are up; reopens when a call ends at the earliest"
    )
    _, answer = asked(str(file), capsys, POINTE_A_PITRE, "--at", TUESDAY)
    assert answer["limits"] == [{"kind": "lines", "name": "clinic", "window": None, "left": 0, "retry_s": 0}]


def test_an_emergency_number_has_no_rate_to_speak_of(settings: str, capsys: Out) -> None:
    assert main(["--settings", settings, "--language", "en", "check", "015"]) == 0
    assert "Rate" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("dialled", "shown"),
    [
        ("0\x1b[2J\x07", r"0\x1b[2J\x07"),
        ("01\n02", r"01\n02"),
        ("\u202e15", r"\u202e15"),
        ("\x9b31m", r"\x9b31m"),
        ("0\udcff1", r"0\udcff1"),
    ],
)
def test_what_was_dialled_cannot_play_with_the_terminal(settings: str, capsys: Out, dialled: str, shown: str) -> None:
    assert main(["--settings", settings, "check", dialled]) == 1
    assert capsys.readouterr().out.splitlines()[0] == f"Composé\u00a0: {shown} (poste -)"
    _, answer = asked(settings, capsys, dialled)
    assert answer["dialled"] == dialled.encode(errors="backslashreplace").decode()


def test_it_needs_no_settings_to_ask_a_policy(tmp_path: Path, capsys: Out) -> None:
    policy, rates = tmp_path / "policy.toml", tmp_path / "rates.csv"
    policy.write_text(policy_text({'allow = ["FR",': 'allow = ["FR", "BE",'}))
    rates.write_text(
        "prefix,label,connect_fee,per_minute,first_increment_s,increment_s,currency,tax,valid_from,valid_to\n"
        "+32,Belgium,0.00,0.12,60,1,EUR,0,,\n"
    )
    words = ["check", "003225551212", "--policy", str(policy), "--rates", str(rates), "--at", TUESDAY, "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["rate"]["label"] == "Belgium"


def test_without_any_settings_it_asks_the_factory_policy_and_says_so(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALLGATE_SETTINGS", raising=False)
    for module in ("callgate.cli", "callgate.commands.site"):
        monkeypatch.setattr(f"{module}.DEFAULT_SETTINGS", tmp_path / "callgate.toml")
    assert main(["check", "15"]) == 0
    assert capsys.readouterr().err == "callgate: no settings file; asking the factory policy, cabinet France seule\n"


def test_it_asks_the_policy_in_force_and_not_the_file(tmp_path: Path, redis: RedisServer, capsys: Out) -> None:
    file = write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))
    _, answer = asked(str(file), capsys, BRUSSELS, "--at", TUESDAY)
    assert answer["reasons"] == ["country_refused"]

    (tmp_path / "next.toml").write_text(policy_text({'allow = ["FR",': 'allow = ["FR", "BE",'}))
    assert main(["--settings", str(file), "policy", "apply", str(tmp_path / "next.toml")]) == 0
    capsys.readouterr()
    assert main(["--settings", str(file), "check", BRUSSELS, "--at", TUESDAY, "--json"]) == 0
    said = capsys.readouterr()
    assert (json.loads(said.out)["verdict"], said.err) == ("grant", "")


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_without_the_ledger_it_asks_the_file_and_says_so(settings: str, capsys: Out, words: tuple[str, ...]) -> None:
    assert main(["--settings", settings, "check", PARIS, "--at", TUESDAY, *words]) == 0
    assert capsys.readouterr().err == (
        "callgate: the daemon's own Redis gives no policy in force; asking the policy file of the settings\n"
    )


def test_of_several_clinics_one_is_named(tmp_path: Path, capsys: Out) -> None:
    other = SETTINGS.partition("[[clinic]]")[2].partition("[[trunk]]")[0].replace("cabinet-des-lilas", "roses")
    other = other.replace("policy.toml", "roses.toml")
    entry = '[[entry]]\ncontext = "roses"\nclinic = "roses"\ntrunks = ["carrier-b"]\n'
    file = write_site(tmp_path, settings=f"{SETTINGS}\n[[clinic]]{other}{entry}")
    (tmp_path / "roses.toml").write_text(policy_text({"cabinet-des-lilas": "roses"}))
    _, answer = asked(str(file), capsys, "0142685300", "--clinic", "roses", "--at", TUESDAY)
    assert (answer["clinic"], answer["wire_number"]) == ("roses", "0142685300")


def test_it_changes_nothing(tmp_path: Path, settings: str, capsys: Out) -> None:
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    asked(settings, capsys, PARIS)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    "dialled", [PARIS, POINTE_A_PITRE, BRUSSELS, "015", "*31#*31#15", "101", "*72", "0abc", "03114", "00899701234"]
)
def test_it_says_what_the_gate_says(tmp_path: Path, capsys: Out, dialled: str) -> None:
    """In another process and at another time: one function decides."""
    site = open_site(tmp_path)
    code, answer = asked(os.fspath(tmp_path / "callgate.toml"), capsys, dialled, "--at", TUESDAY, "--extension", "101")

    verdict = asyncio.run(site.gate.decide(site.passage(dialled), site.now))
    assert answer["reasons"] == [reason.value for reason in verdict.reasons]
    assert (code == 0) == isinstance(verdict, Grant)
    if isinstance(verdict, Grant):
        assert (answer["wire_number"], answer["seconds"]) == (verdict.number, verdict.seconds)
        assert answer["held_micros"] == verdict.held_micros
