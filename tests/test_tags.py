"""Number tags: the same number has the same tag, and nobody without the gate's secret can tell which number it is."""

import hashlib
import stat
from pathlib import Path

import pytest

from callgate.core.dialling import Destination
from callgate.core.plan import NumberClass
from callgate.core.pricing import PricedDestination
from callgate.errors import SettingsError
from callgate.tags import KEY_FILE, Tagger, load_tagger

NUMBER = "+33142685300"


def tag(tagger: Tagger, number: str = NUMBER, clinic: str = "c") -> str:
    destination = Destination(number=number, region="FR", number_class=NumberClass.NATIONAL_FIXED)
    return tagger.tagged(PricedDestination(destination=destination, rate=None, ordinary=True), clinic).tag


def test_a_tag_is_the_same_after_a_restart_and_another_for_another_number(tmp_path: Path) -> None:
    first, second = load_tagger(tmp_path), load_tagger(tmp_path)
    assert tag(first) == tag(second)
    assert tag(first) != tag(first, "+33142685301")
    assert len(tag(first)) == 16


def test_the_same_number_has_another_tag_at_another_clinic(tmp_path: Path) -> None:
    tagger = load_tagger(tmp_path)
    assert tag(tagger, clinic="c") != tag(tagger, clinic="d")


def test_a_tag_is_no_plain_hash_and_differs_from_gate_to_gate(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    plain = hashlib.blake2b(NUMBER.encode(), digest_size=8).hexdigest()
    assert len({plain, tag(load_tagger(tmp_path)), tag(load_tagger(tmp_path / "other"))}) == 3


def test_the_secret_is_readable_by_its_owner_alone_and_never_printed(tmp_path: Path) -> None:
    tagger = load_tagger(tmp_path)
    file = tmp_path / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert repr(tagger) == "Tagger(***)"


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 100])
def test_a_damaged_secret_is_said_at_the_start_and_not_at_each_call(tmp_path: Path, damage: bytes) -> None:
    """An empty one left tags without a secret; one that is too long failed at every call."""
    (tmp_path / KEY_FILE).write_bytes(damage)
    with pytest.raises(SettingsError, match=r"tags\.key: is no secret of 32 bytes\. Remedy: remove it"):
        load_tagger(tmp_path)
