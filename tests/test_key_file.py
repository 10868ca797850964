"""A key file is whole, its owner's alone, and the same for everybody who asks for it at once."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callgate.errors import SettingsError
from callgate.key_file import KEY_BYTES, make_key, read_key


def test_a_key_is_made_once_for_its_owner_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "a.key"
    key = make_key(file, "")
    assert (len(key), make_key(file, ""), read_key(file, "")) == (KEY_BYTES, key, key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_all_who_ask_at_once_get_the_same_key(tmp_path: Path) -> None:
    """Two workers that start together once might each have made one, and read the other's half."""
    for number in range(20):
        with ThreadPoolExecutor(8) as workers:
            keys = set(workers.map(lambda file: make_key(file, ""), [tmp_path / str(number)] * 8))
        assert len(keys) == 1


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 100])
def test_what_is_no_key_is_said_to_be_none_with_the_remedy(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "a.key"
    file.write_bytes(damage)
    with pytest.raises(SettingsError, match=r"a\.key: is no secret of 32 bytes\. Remedy: do this"):
        make_key(file, "do this")
    assert file.read_bytes() == damage


def test_where_there_is_none_to_read_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_key(tmp_path / "a.key", "")
    assert list(tmp_path.iterdir()) == []
