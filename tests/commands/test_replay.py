"""`callgate replay` says how it read the file, what the policy makes of it, and changes nothing."""

import csv
import json
import os
import re
import stat
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.commands.replayed import without_tag
from clinic_samples import CLINIC, PARIS, POINTE_A_PITRE, policy_text, write_site

Out = pytest.CaptureFixture[str]

CALLS = f"""\
start,extension,dialled,duration_s
2026-11-24T10:00:00,101,{PARIS},60
2026-11-24T12:00:00,101,0003225551212,600
2026-11-24T11:00:00,102,{POINTE_A_PITRE},60
2026-11-24T13:00:00,102,=cmd|'/C calc'!A0,0
"""
CALLER = '"""Accueil"" <101>","PJSIP/101-00000001"'
ENDED = '"2026-11-24 10:02:00","","2026-11-24 10:05:12",192,185,"ANSWERED","DOCUMENTATION"'
MASTER = f"""\
"","101","00142685300","internal",{CALLER},"PJSIP/carrier-a-00000002","Dial","PJSIP/0142685300@carrier-a,60",{ENDED}
"","101","102","internal",{CALLER},"PJSIP/102-00000004","Dial","PJSIP/102,60",{ENDED}
"","101","s","internal",{CALLER},"PJSIP/carrier-a-00000006","AppDial","(Outgoing Line)",{ENDED}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clinic's files, and calls of a day beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    write_site(tmp_path)
    (tmp_path / "calls.csv").write_text(CALLS, encoding="utf-8")
    (tmp_path / "Master.csv").write_text(MASTER, encoding="utf-8")
    return tmp_path


POLICY = ("--policy", "policy.toml", "--prefix", "0")


def test_what_was_granted_refused_and_avoided_is_told_after_how_the_file_was_read(folder: Path, capsys: Out) -> None:
    assert main(["replay", "calls.csv", *POLICY]) == 0
    captured = capsys.readouterr()
    said = captured.out.splitlines()
    assert said[:8] == [
        "Read as a list of attempts.",
        'Fields parted by ","; columns taken: start, extension, dialled, duration_s',
        "Times without a zone are taken for Europe/Paris, the clinic\u2019s; another with --zone.",
        "Rows out of order, sorted by time: 1",
        f"Attempts under the policy of {CLINIC}: 4",
        "From 2026-11-24 10:00 to 2026-11-24 13:00.",
        "Granted: 2, for 0.27 EUR; ended by a limit before their time: 0",
        "Refused: 2; avoided, with the rest of the calls that a limit ends: 3.00 EUR",
    ]
    assert [line.partition(".")[0] for line in said[8:10]] == ["invalid: 1", "country_refused: 1"]
    assert "Extension 101 to +322555••••: 1 refused" in captured.out
    assert (
        "Highest use: calls to the overseas departments, in 24\u00a0hours: 5.00 of 5.00 EUR (100\u00a0%)"
        in captured.out
    )
    assert captured.err == ""
    assert not (folder / "state" / "journal.cgj").exists()


def test_it_is_told_in_french_too(folder: Path, capsys: Out) -> None:
    assert main(["--language", "fr", "replay", str(folder / "calls.csv"), *POLICY]) == 0
    assert "Appels accordés\u00a0: 2, pour 0.27 EUR" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_for_programs_there_is_one_object_and_nothing_else(capsys: Out) -> None:
    assert main(["replay", "calls.csv", *POLICY, "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.out.count("\n") == 1
    uses = found.pop("highest_use")
    assert found == {
        "attempts": 4,
        "granted": 2,
        "refused": 2,
        "cost_micros": 270_000,
        "avoided_micros": 3_000_000,
        "refused_by_reason": {"invalid": 1, "country_refused": 1},
        "noticed_by_reason": {},
    }
    day = {"purse": "overseas", "window": "day", "micros": 5_000_000, "limit_micros": 5_000_000, "percent": 100}
    assert day in uses
    assert captured.err.startswith("Read as a list of attempts.\n")


def test_the_verdicts_are_in_the_order_of_the_file_and_for_their_owner_alone(folder: Path) -> None:
    out = folder / "out.csv"
    assert main(["replay", "calls.csv", *POLICY, "--verdicts", "out.csv"]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(encoding="utf-8", newline="") as stream:
        rows = [(row["start"], row["dialled"], row["number"], row["verdict"]) for row in csv.DictReader(stream)]
    assert rows == [
        ("2026-11-24T10:00:00", PARIS, "+33142685300", "grant"),
        ("2026-11-24T12:00:00", "0003225551212", "+3225551212", "refuse"),
        ("2026-11-24T11:00:00", POINTE_A_PITRE, "+590590271212", "grant"),
        ("2026-11-24T13:00:00", "'=cmd|'/C calc'!A0", "", "refuse"),
    ]


def test_the_verdicts_may_go_into_a_pipe_whose_mode_is_left_alone(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert main(["replay", "calls.csv", *POLICY, "--verdicts", "pipe"]) == 0
        assert b"2026-11-24T10:00:00,101," in os.read(reader, 4096)
    finally:
        os.close(reader)
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o644


def test_what_it_reads_is_never_written_over(folder: Path, capsys: Out) -> None:
    (folder / "link.csv").symlink_to("calls.csv")
    before = {file: file.read_text(encoding="utf-8") for file in folder.glob("*.*")}
    for named in ("calls.csv", "link.csv", "policy.toml", "rates.csv"):
        words = ["replay", "calls.csv", *POLICY, "--rates", "rates.csv", "--verdicts", named, "--force"]
        assert main(words) == 2
        assert f"{named} is one of the inputs" in capsys.readouterr().err
    assert {file: file.read_text(encoding="utf-8") for file in folder.glob("*.*")} == before


@pytest.mark.parametrize("named", ["earlier.csv", "link.csv", "nowhere.csv"])
def test_an_existing_file_is_replaced_only_if_that_is_asked_for(folder: Path, named: str, capsys: Out) -> None:
    """The settings of a clinic were once emptied through a link, before the first call was replayed."""
    earlier = folder / "earlier.csv"
    earlier.write_text("earlier", encoding="utf-8")
    (folder / "link.csv").symlink_to("earlier.csv")
    (folder / "nowhere.csv").symlink_to("nothing.csv")
    assert main(["replay", "calls.csv", *POLICY, "--verdicts", named]) == 2
    assert capsys.readouterr().err.startswith(f"callgate: {named} exists already. Name another file")
    assert main(["replay", "calls.csv", *POLICY, "--verdicts", named, "--force"]) == 0
    written = folder / named
    assert (written.read_bytes()[:15], written.is_symlink()) == (b"start,extension", False)
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    # Where a link led is left alone.
    assert named == "earlier.csv" or earlier.read_text(encoding="utf-8") == "earlier"
    assert not (folder / "nothing.csv").exists()


@pytest.mark.parametrize("named", ["-", "/dev/stdout"])
@pytest.mark.usefixtures("folder")
def test_the_verdicts_may_be_all_that_stands_on_standard_output(named: str, capfd: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--json"]):
        assert main(["replay", "calls.csv", *POLICY, "--verdicts", named, *more]) == 0
        captured = capfd.readouterr()
        assert [row["verdict"] for row in csv.DictReader(captured.out.splitlines())] == [
            "grant",
            "refuse",
            "grant",
            "refuse",
        ]
        assert ('"attempts":4' if more else "Granted: 2") in captured.err


def test_a_call_forwarded_abroad_is_judged_on_the_number_it_was_sent_to(folder: Path, capsys: Out) -> None:
    row = MASTER.splitlines(keepends=True)[0]
    forwarded = row.replace("PJSIP/101-00000001", "PJSIP/carrier-a-00000001").replace(
        "/0142685300@", "/+2250712345678@"
    )
    failed = row.replace("PJSIP/carrier-a-00000002", "PJSIP/carrier-b-00000002").replace("ANSWERED", "FAILED")
    (folder / "Master.csv").write_text(forwarded + failed + row, encoding="utf-8")
    assert main(["replay", "Master.csv", *POLICY]) == 0
    said = capsys.readouterr().out
    assert "Rows whose dst is not the number that was sent to the operator; lastdata gave it: 1\n" in said
    assert "Rows of another trunk, joined to their call: 1\n" in said
    assert "Extension - to +225071234••••: 1 refused\n" in said
    assert f"Attempts under the policy of {CLINIC}: 2\n" in said


def test_times_of_another_zone_are_asked_for_and_not_guessed(folder: Path, capsys: Out) -> None:
    (folder / "Master.csv").write_text(MASTER.replace('"DOCUMENTATION"', '"DOCUMENTATION","1764000000.1"'), "utf-8")
    assert main(["replay", "Master.csv", *POLICY]) == 2
    assert capsys.readouterr().err == (
        "callgate: by their uniqueid, the times in Master.csv fit neither the clinic\u2019s zone nor UTC. "
        "Give their zone with --zone.\n"
    )
    assert main(["replay", "Master.csv", *POLICY, "--zone", "America/New_York"]) == 0


def test_what_a_grant_wants_noticed_is_summed_up(folder: Path, capsys: Out) -> None:
    flat_rate = policy_text({"included           = []": 'included = ["national_fixed"]'})
    (folder / "policy.toml").write_text(flat_rate, encoding="utf-8")
    rows = f"2026-11-24T10:00:00,101,{PARIS},7000\n2026-11-24T15:00:00,101,015,60\n"
    (folder / "calls.csv").write_text(CALLS.partition("\n")[0] + "\n" + rows, encoding="utf-8")
    assert main(["replay", "calls.csv", *POLICY]) == 0
    said = capsys.readouterr().out
    assert "To be noticed among the granted calls, emergency: 1. " in said
    assert "To be noticed among the granted calls, bundle_overrun: 1. " in said
    assert main(["replay", "calls.csv", *POLICY, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["noticed_by_reason"] == {"emergency": 1, "bundle_overrun": 1}


def test_bad_lines_are_told_and_nothing_is_replayed_unless_they_may_be_left_out(folder: Path, capsys: Out) -> None:
    (folder / "calls.csv").write_text(CALLS + "never,101,15,0\n2026-11-24T13:00,101,15,\x1b[2J\n", encoding="utf-8")
    assert main(["replay", "calls.csv", *POLICY]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        (
            "callgate: calls.csv, line 6: never is no instant of the years 2000 to 2099. "
            "Write it such as 2026-11-24T10:30:00+01:00."
        ),
        (
            "callgate: calls.csv, line 7: \\x1b[2J is no duration. Write whole seconds of talk, at most a week, "
            "and 0 for no answer."
        ),
        "callgate: nothing was replayed; bad lines: 2. Correct them, or leave them out with --skip-bad.",
    ]
    assert main(["replay", "calls.csv", *POLICY, "--skip-bad"]) == 0
    captured = capsys.readouterr()
    assert "Bad lines, left out: 2\n" in captured.out
    assert f"Attempts under the policy of {CLINIC}: 4\n" in captured.out


def test_of_many_bad_lines_the_first_are_told_and_the_rest_counted(folder: Path, capsys: Out) -> None:
    (folder / "calls.csv").write_text(CALLS + "never,101,15,0\n" * 100, encoding="utf-8")
    assert main(["replay", "calls.csv", *POLICY]) == 2
    said = capsys.readouterr().err.splitlines()
    assert (len(said), said[-2]) == (22, "callgate: further bad lines: 80")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere.csv", *POLICY), 3, "nowhere.csv: No such file"),
        (("policy.toml", *POLICY), 2, "policy.toml is none of the files that can be replayed"),
        (("calls.csv", "--policy", "nowhere.toml"), 3, "nowhere.toml: cannot be read"),
        (("header.csv", *POLICY), 2, "header.csv is none of the files that can be replayed"),
        (("calls.csv", *POLICY, "--verdicts", "."), 2, ". exists already."),
        (("calls.csv", *POLICY, "--verdicts", ".", "--force"), 2, ". exists already."),
        (("calls.csv", *POLICY, "--verdicts", "pipe"), 3, "pipe: No such device or address"),
        (("calls.csv", "--clinic", "nobody"), 3, ""),
        (("calls.csv", *POLICY, "--verdicts", "nowhere/out.csv"), 3, "nowhere/out.csv: No such file"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    folder: Path, capsys: Out, *, words: tuple[str, ...], code: int, said: str
) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "header.csv").write_text('start,"' + "x" * 200_000, encoding="utf-8")
    assert main(["replay", *words]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "word"), [("--zone", "Nowhere/City"), ("--zone", "../x"), ("--channels", "0"), ("--channels", "10001")]
)
def test_an_option_that_makes_no_sense_is_refused(option: str, word: str, capsys: Out) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", "calls.csv", option, word])
    assert caught.value.code == 2
    assert f"argument {option}" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_zone_can_be_asked_for(capsys: Out) -> None:
    assert main(["replay", "calls.csv", *POLICY, "--zone", "UTC"]) == 0
    said = capsys.readouterr().out
    assert "Times without a zone are taken for UTC, as asked." in said
    assert "From 2026-11-24 11:00 to 2026-11-24 14:00." in said


@pytest.mark.usefixtures("folder")
def test_master_csv_is_read_and_what_it_cannot_tell_is_said(capsys: Out) -> None:
    assert main(["replay", "Master.csv", *POLICY]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Read as Asterisk\u2019s Master.csv, which has no header."
    assert said[3].startswith("Outgoing are the calls whose dstchannel is of an operator. Taken for one, as ")
    assert said[3].endswith(": carrier-a. If that is wrong, name them with --trunk.")
    assert said[4].startswith("Rows: 3; attempts taken: 1; ")
    assert said[4].endswith(": 1")
    assert said[5].startswith("What CDRs cannot tell: calls that were refused")
    assert said[6:9] == [
        "Outgoing rows without a number, left out: 1",
        f"Attempts under the policy of {CLINIC}: 1",
        "From 2026-11-24 10:02 to 2026-11-24 10:02.",
    ]


@pytest.mark.usefixtures("folder")
def test_the_operators_line_can_be_named(capsys: Out) -> None:
    assert main(["replay", "Master.csv", *POLICY, "--trunk", "102"]) == 0
    said = capsys.readouterr().out
    assert "Outgoing are the calls whose dstchannel is of an operator: 102\n" in said
    assert "not_a_public_number: 1." in said


@pytest.mark.usefixtures("folder")
def test_a_clinic_of_the_settings_lends_its_lines_rates_and_prefix(capsys: Out) -> None:
    words = ["--settings", "callgate.toml", "replay", "Master.csv", "--clinic", CLINIC, "--policy", "policy.toml"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "dstchannel is of an operator: carrier-a\n" in said
    assert "Granted: 1, " in said


def test_how_many_lines_the_clinic_has_can_be_said(folder: Path, capsys: Out) -> None:
    rows = "".join(f"2026-11-24T10:00:0{second},101,{PARIS},60\n" for second in range(5))
    (folder / "calls.csv").write_text(CALLS.partition("\n")[0] + "\n" + rows, encoding="utf-8")
    assert main(["replay", "calls.csv", *POLICY, "--channels", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refused_by_reason"] == {"too_many_lines": 3}


def test_an_empty_list_is_no_mistake(folder: Path, capsys: Out) -> None:
    (folder / "calls.csv").write_text(CALLS.partition("\n")[0] + "\n", encoding="utf-8")
    assert main(["replay", "calls.csv", *POLICY]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        f"Attempts under the policy of {CLINIC}: 0",
        "Granted: 0, for 0.00 EUR; ended by a limit before their time: 0",
        "Refused: 0; avoided, with the rest of the calls that a limit ends: 0.00 EUR",
    ]


def test_refused_calls_without_a_rate_are_not_passed_over(folder: Path, capsys: Out) -> None:
    deck = (folder / "rates.csv").read_text(encoding="utf-8")
    (folder / "rates.csv").write_text(re.sub(r"^\+32.*\n", "", deck, flags=re.MULTILINE), encoding="utf-8")
    assert main(["replay", "calls.csv", *POLICY, "--rates", "rates.csv"]) == 0
    assert "Refused calls without a rate, whose cost is not in the sum avoided: 1\n" in capsys.readouterr().out


def test_a_byte_that_is_no_utf_8_spoils_its_own_cell_alone_and_comes_out_as_it_was(folder: Path) -> None:
    raw = CALLS.encode().replace(PARIS.encode(), PARIS.encode() + b"\xe9")
    (folder / "calls.csv").write_bytes(raw)
    assert main(["replay", "calls.csv", *POLICY, "--verdicts", "out.csv"]) == 0
    assert PARIS.encode() + b"\xe9,,,invalid,false,refuse" in (folder / "out.csv").read_bytes()


@pytest.mark.usefixtures("folder")
def test_a_policy_is_asked_at_its_own_rates_and_hours(capsys: Out) -> None:
    Path("policy.toml").write_text(policy_text({'tue = ["08:00-19:00"]': 'tue = ["14:00-19:00"]'}), encoding="utf-8")
    assert main(["replay", "calls.csv", *POLICY, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refused_by_reason"] == {
        "invalid": 1,
        "country_refused": 1,
        "closed": 1,
    }


@pytest.mark.parametrize(
    ("purse", "told"),
    [
        ("number:0123456789abcdef:1796144400", "number"),
        ("external:0123456789abcdef", "external"),
        ("external_to_external", "external_to_external"),
        ("extension:101", "extension:101"),
        ("country:BE", "country:BE"),
    ],
)
def test_a_purse_of_one_number_is_named_without_the_numbers_tag(purse: str, told: str) -> None:
    assert without_tag(purse) == told
