"""A file for its owner alone is there whole or not at all, and takes no other one's place unasked."""

import os
import stat
from pathlib import Path

import pytest

from callgate.commands.private_file import is_taken, private_file


def test_it_is_there_when_all_is_written_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    with private_file(file, may_replace=False) as stream:
        stream.write("one\n")
        assert not file.exists()
    assert file.read_text(encoding="utf-8") == "one\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["out.csv"]


def test_an_earlier_one_stays_if_the_new_one_fails(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("earlier", encoding="utf-8")

    def fail() -> None:
        with private_file(file, may_replace=True) as stream:
            stream.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_text(encoding="utf-8") == "earlier"
    assert [found.name for found in tmp_path.iterdir()] == ["out.csv"]


def test_one_that_appears_in_the_meantime_stays(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"

    def too_late() -> None:
        with private_file(file, may_replace=False):
            file.write_text("another's", encoding="utf-8")

    with pytest.raises(FileExistsError, match="exists"):
        too_late()
    assert file.read_text(encoding="utf-8") == "another's"
    assert [found.name for found in tmp_path.iterdir()] == ["out.csv"]


def test_a_folder_that_is_not_there_is_said_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, private_file(tmp_path / "no" / "out.csv", may_replace=False):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "out.csv")


def test_a_pipe_is_written_to_and_one_without_a_reader_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert not is_taken(pipe, may_replace=False)
    with pytest.raises(OSError, match="pipe"), private_file(pipe, may_replace=False):
        pass
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with private_file(pipe, may_replace=False) as stream:
            stream.write("one\n")
        assert os.read(reader, 10) == b"one\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_standard_output_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    with private_file(Path("-"), may_replace=False) as stream:
        stream.write("one\n")
    with private_file(Path("/dev/stdout"), may_replace=False) as stream:
        stream.write("two\n")
    assert capfd.readouterr().out == "one\ntwo\n"


@pytest.mark.parametrize(
    ("name", "taken", "taken_by_force"),
    [
        ("new", False, False),
        ("-", False, False),
        ("/dev/stdout", False, False),
        ("/dev/null", False, False),
        ("file", True, False),
        ("link", True, False),
        ("broken", True, False),
        ("folder", True, True),
    ],
)
def test_a_file_or_link_is_replaced_by_force_a_folder_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, taken: bool, taken_by_force: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nothing")
    (tmp_path / "folder").mkdir()
    assert is_taken(Path(name), may_replace=False) is taken
    assert is_taken(Path(name), may_replace=True) is taken_by_force
