"""The seal: only who knows the key is answered, each question once, and the key is shown to nobody."""

import os
import stat
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from callgate.errors import SettingsError
from callgate.seal import KEY_NAME, Questions, Seal, load_seal
from callgate.settings import GateSettings, Sealing
from callgate.shared_nonces import SharedNonces
from clinic_samples import KEY, TUESDAY_11, shared_by_one

QUESTION = ["entry=callgate", "dialled=0142685300"]
NOW_S = TUESDAY_11.timestamp()


def gate(folder: Path) -> GateSettings:
    return GateSettings(spool=str(folder / "calls.log"))


def test_a_seal_is_what_the_dialplan_makes_of_the_key_and_the_question() -> None:
    """As `sha1sum` has it: of the key's second half and the question, then of its first half and that."""
    assert Seal(KEY).of(QUESTION) == "5832ec8d2543559175947c2c892f3f88b55c654a"


def test_an_answer_bears_its_seal_at_its_end() -> None:
    """As `sha1sum` has it; a question, which begins with its entry, is never an answer."""
    answer = "1|grant|n|+33142685300|g|120|ok|end"
    assert Seal(KEY).sealed(answer) == f"{answer}|ef6e6c79c8ce747c4ada04eb70ed20dfef0ae7fe"


@pytest.mark.parametrize(
    ("arguments", "is_ours"),
    [
        ([*QUESTION, f"seal={Seal(KEY).of(QUESTION)}"], True),
        ([*QUESTION, f"seal={Seal('f' * 64).of(QUESTION)}"], False),
        ([*QUESTION, f"seal={Seal('').of(QUESTION)}"], False),
        ([QUESTION[0], "dialled=15", f"seal={Seal(KEY).of(QUESTION)}"], False),
        ([*QUESTION, Seal(KEY).of(QUESTION)], False),
        ([*QUESTION, "seal="], False),
        ([*QUESTION, "seal=\udcff\u0661"], False),
        ([*QUESTION], False),
        ([], False),
    ],
    ids=["ours", "another key", "no key", "another number", "no name", "empty", "no text", "none", "no arguments"],
)
def test_a_question_counts_only_under_its_own_seal(arguments: list[str], *, is_ours: bool) -> None:
    assert Seal(KEY).is_on(arguments) is is_ours


def test_a_question_is_asked_once_and_at_once() -> None:
    questions = Questions(shared_by_one(SharedNonces))
    one, two, three = (str(uuid4()) for _ in range(3))
    assert questions.is_new(one, NOW_S, TUESDAY_11)
    assert not questions.is_new(one, NOW_S, TUESDAY_11)
    assert questions.is_new(two, NOW_S + 3, TUESDAY_11)
    assert not questions.is_new(three, NOW_S - 3.1, TUESDAY_11)
    assert not questions.is_new(three, NOW_S + 3.1, TUESDAY_11)
    assert questions.is_new(three, NOW_S, TUESDAY_11)


def test_a_question_is_not_new_again_after_the_clock_was_set_back() -> None:
    questions, nonce = Questions(shared_by_one(SharedNonces)), str(uuid4())
    assert questions.is_new(nonce, NOW_S, TUESDAY_11)
    assert not questions.is_new(str(uuid4()), NOW_S, TUESDAY_11 - timedelta(minutes=1))
    assert not questions.is_new(nonce, NOW_S, TUESDAY_11), "a minute later"


def test_the_key_is_made_once_and_only_its_owner_and_its_group_may_read_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    seal = load_seal(gate(tmp_path))
    assert seal is not None
    found = (tmp_path / KEY_NAME).stat()
    assert (stat.S_IMODE(found.st_mode), found.st_size) == (0o640, 64)
    again = load_seal(gate(tmp_path))
    assert again is not None
    assert again.of(QUESTION) == seal.of(QUESTION)
    assert [file.name for file in tmp_path.iterdir()] == [KEY_NAME]


def test_the_key_belongs_to_the_group_of_the_folder_that_asterisk_shares(tmp_path: Path) -> None:
    """The README's folder has the set-group-ID bit; another group than our own needs root, as the tests have it."""
    group = 990 if os.geteuid() == 0 else os.getegid()
    os.chown(tmp_path, -1, group)
    tmp_path.chmod(0o2770)
    load_seal(gate(tmp_path))
    assert (tmp_path / KEY_NAME).stat().st_gid == group


def test_a_worker_that_comes_second_takes_the_key_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen that there is none."""
    (tmp_path / KEY_NAME).write_text(KEY)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    seal = load_seal(gate(tmp_path))
    assert seal is not None
    assert seal.of(QUESTION) == Seal(KEY).of(QUESTION)


@pytest.mark.parametrize("content", ["", KEY[:-1], KEY + "0", KEY.upper(), KEY + "\n", "\u00e9" * 64])
def test_a_damaged_key_is_an_error_with_a_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / KEY_NAME).write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match="is no key of 64 digits"):
        load_seal(gate(tmp_path))


def test_a_folder_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_seal(gate(tmp_path / "nowhere"))


def test_no_key_is_made_where_the_settings_want_no_seal(tmp_path: Path) -> None:
    assert load_seal(msgspec.structs.replace(gate(tmp_path), seal=Sealing.OFF)) is None
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_never_printed() -> None:
    assert KEY[:8] not in repr(Seal(KEY))


def test_a_pipe_in_the_place_of_the_key_is_an_error_and_holds_up_no_start(tmp_path: Path) -> None:
    """Asterisk's user shares the folder."""
    os.mkfifo(tmp_path / KEY_NAME)
    with pytest.raises(SettingsError, match="no plain file"):
        load_seal(gate(tmp_path))
