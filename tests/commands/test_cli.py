"""The command line: whatever a person does wrong, one clear line says what, where and how to mend it."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from callgate.cli import main
from callgate.commands import Exit
from clinic_samples import SETTINGS, policy_text, write_site

OK, NEGATIVE, USAGE, INVALID, UNREACHABLE, PERMISSION = 0, 1, 2, 3, 4, 5
COMMAND = [sys.executable, "-m", "callgate.cli"]
AS_A_STRANGER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clinic's files, and beside them everything that can be wrong with a file."""
    monkeypatch.chdir(tmp_path)
    write_site(tmp_path)
    spoil(tmp_path)
    return tmp_path


def spoil(folder: Path) -> None:
    (folder / "folder").mkdir()
    (folder / "binary").write_bytes(b"\x7fELF\xff\xfe\0")
    (folder / "not.toml").write_text("[countries\nallow = 1\n")
    (folder / "unknown.toml").write_text(policy_text() + "[contries]\nallow = []\n")
    (folder / "empty").write_text("")
    (folder / "holidays.toml").write_text(policy_text({'holidays = "FR"': 'holidays = "XX"'}))
    (folder / "part.toml").write_text(policy_text({'holidays = "FR"': 'holidays = "FR-99"'}))
    distant = policy_text({'home     = "FR"': 'home = "NZ"', 'allow = ["FR"': 'allow = ["FR", "NZ"'})
    (folder / "distant.toml").write_text(distant)
    (folder / "stranger.toml").write_text(policy_text({"cabinet-des-lilas": "cabinet-des-roses"}))
    (folder / "rates-bad.csv").write_text((folder / "rates.csv").read_text() + "+999,x,0,-1,1,1,EUR,0,,\n")
    (folder / "rates-hostile.csv").write_text((folder / "rates.csv").read_text() + "+999,x,0,\x1b[2J,1,1,EUR,0,,\n")
    (folder / "numbers.toml").write_text(policy_text({"always_refuse = []": 'always_refuse = ["+330612345678"]'}))
    (folder / "settings-bad.toml").write_text(SETTINGS.replace("channels      = 10", "channels = 0"))
    (folder / "settings-redis.toml").write_text(
        SETTINGS.replace("[gate]", '[gate]\nredis = "redis://user@127.0.0.1:99999/0"')
    )
    (folder / "settings-secret.toml").write_text(
        SETTINGS.replace("[gate]", '[gate]\nredis = "redis://user:s3cret@127.0.0.1:1/0"')
    )
    (folder / "rows.csv").write_text("home_country,outside_prefix\nFR,0\n")
    (folder / "rows-latin1.csv").write_bytes(b"home_country,outside_prefix,dialled\nFR,0,\xe9\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("", USAGE, "the following arguments are required"),
        ("dance", USAGE, "invalid choice: 'dance'"),
        ("--language de status", USAGE, "invalid choice: 'de'"),
        ("status --json --metrics", USAGE, "not allowed with argument --json"),
        ("check", USAGE, "NUMBER"),
        ("check 15 --at yesterday", USAGE, '"yesterday" is not an ISO instant'),
        ("check 15 --at 0001-01-01T00:00", USAGE, "is not an ISO instant of these decades"),
        ("check 15 --at 9999-12-31T23:59:59", USAGE, "is not an ISO instant of these decades"),
        ("check 15 --extension 1;0", USAGE, "is not an extension"),
        ("check 15 --prefix 00", USAGE, "is not one digit"),
        ("blocked --since soon", USAGE, '"soon" is neither a span'),
        ("blocked --since 0001-01-01", USAGE, "is neither a span"),
        ("policy", USAGE, "validate|apply|show|history"),
        ("policy show --revision 0", USAGE, "is not the number of a revision"),
        ("policy show --revision -1", USAGE, "is not the number of a revision"),
        ("policy show --revision 99999999999", USAGE, "is not the number of a revision"),
        ("policy apply policy.toml --reason \x1b[2J", USAGE, "cannot be printed"),
        ("classify missing.csv", USAGE, "missing.csv cannot be read: No such file"),
        ("classify folder", USAGE, "folder cannot be read: Is a directory"),
        ("--settings missing.toml serve", INVALID, "missing.toml: cannot be read"),
        ("--settings missing.toml status", INVALID, "missing.toml: cannot be read"),
        ("--settings missing.toml blocked", INVALID, "missing.toml: cannot be read"),
        ("--settings missing.toml check 15", INVALID, "missing.toml: cannot be read"),
        ("--settings missing.toml dialplan", INVALID, "missing.toml: cannot be read"),
        ("--settings folder status", INVALID, "folder: cannot be read"),
        ("--settings binary status", INVALID, "binary: cannot be read"),
        ("--settings not.toml serve", INVALID, "not.toml: settings: not TOML"),
        ("--settings settings-bad.toml serve", INVALID, "settings-bad.toml: $.trunk[0].channels: Expected `int` >= 1"),
        ("--settings settings-redis.toml policy show", INVALID, "gate.redis: is no address"),
        ("--settings settings-redis.toml status", INVALID, "gate.redis: is no address"),
        ("--settings settings-redis.toml serve", INVALID, "gate.redis: is no address"),
        ("--settings settings-secret.toml status", INVALID, "gate.redis: a password stands in the address"),
        ("--settings settings-secret.toml serve", INVALID, "gate.redis: a password stands in the address"),
        ("policy validate missing.toml", INVALID, "missing.toml: cannot be read"),
        ("policy validate folder", INVALID, "folder: cannot be read"),
        ("policy validate binary", INVALID, "binary: cannot be read"),
        ("policy validate not.toml", INVALID, "not.toml: line 1: this is not TOML"),
        (
            "policy validate unknown.toml",
            INVALID,
            'unknown.toml: contries: is not a field of a policy. Remedy: write "',
        ),
        ("policy validate holidays.toml", INVALID, 'holidays.toml: holidays: "XX" is no country'),
        ("policy validate part.toml", INVALID, 'part.toml: holidays: "FR-99" is no country'),
        ("policy validate distant.toml", INVALID, 'distant.toml: home: no number plan for "NZ"'),
        ("policy apply holidays.toml", INVALID, 'holidays.toml: holidays: "XX" is no country'),
        (
            "policy validate numbers.toml",
            INVALID,
            "numbers.toml: numbers.always_refuse[0]: no call ever has the number",
        ),
        ("policy apply numbers.toml", INVALID, "Remedy: write +33612345678"),
        ("check 15 --policy numbers.toml", INVALID, "Remedy: write +33612345678"),
        ("check 15 --policy missing\x1b[2J", INVALID, r"missing\x1b[2J: cannot be read"),
        ("check 15 --policy policy.toml --rates rates-hostile.csv", INVALID, r"per_minute: '\x1b[2J' is not an amount"),
        ("policy apply stranger.toml", INVALID, 'no clinic is named "cabinet-des-roses"'),
        ("policy show --clinic roses", INVALID, 'no clinic is named "roses"'),
        ("check 15 --policy missing.toml", INVALID, "missing.toml: cannot be read"),
        ("check 15 --policy holidays.toml", INVALID, 'holidays.toml: holidays: "XX" is no country'),
        ("check 15 --policy distant.toml", INVALID, 'distant.toml: home: no number plan for "NZ"'),
        ("check 15 --policy policy.toml --rates rates-bad.csv", INVALID, "rates-bad.csv, line "),
        ("check 15 --policy policy.toml --rates missing.csv", INVALID, "missing.csv: cannot be read"),
        ("check 15 --clinic roses", INVALID, 'no clinic is named "roses"'),
        ("classify rows.csv", INVALID, "rows.csv, line 1: the column dialled is missing"),
        ("classify rows-latin1.csv", INVALID, "this is not UTF-8: byte 0xe9"),
        ("policy show", UNREACHABLE, "the daemon's own Redis does not answer"),
        ("policy history", UNREACHABLE, "the daemon's own Redis does not answer"),
        ("policy apply policy.toml", UNREACHABLE, "the daemon's own Redis does not answer"),
    ],
)
def test_a_mistake_costs_one_clear_line_and_its_own_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str], *, words: str, code: int, said: str
) -> None:
    arguments = words.split(" ") if words else []
    if "--settings" not in arguments:
        arguments = ["--settings", str(folder / "callgate.toml"), *arguments]
    try:
        ended = main(arguments)
    except SystemExit as stopped:
        ended = int(stopped.code or 0)
    captured = capsys.readouterr()
    assert said in captured.err
    assert ended == code
    assert "Traceback" not in captured.err
    assert "s3cret" not in captured.err
    if code != USAGE:
        assert captured.err.count("\n") == 1
    if "usage: " not in captured.err:
        assert captured.err.startswith("callgate: ")
        assert "Remedy: " in captured.err
    assert "\x1b" not in captured.err


@pytest.mark.parametrize(
    ("closed", "words"),
    [
        ("callgate.toml", ("status",)),
        ("policy.toml", ("check", "15")),
        ("rates.csv", ("check", "15")),
        ("policy.toml", ("policy", "validate", "policy.toml")),
        ("rows.csv", ("classify", "rows.csv")),
        ("state", ("blocked",)),
        ("state", ("status",)),
        ("state", ("serve",)),
        ("state", ("lock",)),
        ("state", ("lock", "--cut")),
        ("state", ("unlock",)),
        ("state", ("policy", "show")),
        ("state", ("policy", "history")),
        ("state", ("policy", "apply", "policy.toml")),
    ],
)
def test_what_may_not_be_read_is_said_with_exit_code_5(closed: str, words: tuple[str, ...]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_site(folder)
        spoil(folder)
        folder.chmod(0o755)
        (folder / closed).chmod(0)
        ended = subprocess.run(
            [*AS_A_STRANGER, *COMMAND, "--settings", str(folder / "callgate.toml"), *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
        (folder / closed).chmod(0o700)
    assert (ended.returncode, ended.stderr.count("\n")) == (PERMISSION, 1)
    assert closed in ended.stderr
    assert "permission denied. Remedy: run as the daemon's user, or root" in ended.stderr


def test_every_mistake_of_a_policy_is_named_each_on_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "validate", str(folder / "empty")]) == INVALID
    said = capsys.readouterr().err
    assert said.startswith(f"callgate: {folder / 'empty'}: schema: is missing")
    assert len(said.splitlines()) == said.count("Remedy: ") > 3


def test_whoever_reads_the_answer_may_stop_early(folder: Path) -> None:
    """`classify` said that its file could not be read: "Broken pipe"; a short answer said it after the end."""
    rows = folder / "many.csv"
    rows.write_text("home_country,outside_prefix,dialled\n" + "FR,0,0142685300\n" * 20_000)
    for words in (f"classify {rows}", "check 15 --policy policy.toml"):
        line = f"{' '.join(COMMAND)} --settings {folder / 'callgate.toml'} {words} | :"
        ended = subprocess.run(
            ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, "")


def test_an_answer_that_cannot_be_written_is_said(folder: Path) -> None:
    line = f"{' '.join(COMMAND)} --settings {folder / 'callgate.toml'} check 15 --policy policy.toml >/dev/full"
    ended = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert ended.returncode == INVALID
    assert ended.stderr.splitlines()[0] == (
        "callgate: input or output: No space left on device. Remedy: see to that file, and try again"
    )


def test_a_terminal_without_the_letters_gets_their_codes(folder: Path) -> None:
    words = [*COMMAND, "--settings", str(folder / "callgate.toml"), "check", "00142685300"]
    ended = subprocess.run(
        words, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    )
    assert "Compos\\xe9" in ended.stdout


def test_a_journal_that_is_a_folder_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "state" / "journal.cgj").mkdir()
    assert main(["--settings", str(folder / "callgate.toml"), "blocked"]) == INVALID
    assert "journal.cgj: it is no plain file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"LANG": "fr_FR.UTF-8"}, "Composé"),
        ({"LANG": "en_GB.UTF-8"}, "Dialled"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "fr_FR.UTF-8"}, "Dialled"),
        ({"LC_ALL": "", "LANG": "en_US.UTF-8"}, "Dialled"),
        ({"LANG": "C.UTF-8"}, "Composé"),
        ({}, "Composé"),
    ],
)
def test_the_answer_is_in_the_language_of_the_terminal(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    environment: dict[str, str],
    word: str,
) -> None:
    for name in ("LC_ALL", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    main(["--settings", str(folder / "callgate.toml"), "check", "15"])
    assert word in capsys.readouterr().out


def test_a_named_language_wins(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--settings", str(folder / "callgate.toml"), "--language", "en", "check", "15"])
    assert "Dialled: 15" in capsys.readouterr().out


def test_the_settings_may_be_named_by_the_environment(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLGATE_SETTINGS", str(folder / "distant.toml"))
    assert main(["status"]) == INVALID
    assert "distant.toml" in capsys.readouterr().err


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("callgate ")


def test_the_exit_codes_are_those_scripts_rely_on() -> None:
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "NEGATIVE": 1,
        "USAGE": 2,
        "INVALID": 3,
        "UNREACHABLE": 4,
        "PERMISSION": 5,
        "INTERRUPTED": 130,
    }
