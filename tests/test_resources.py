"""Shipped files are found beside the source and inside a wheel."""

from pathlib import Path

import pytest

from callgate import resources
from callgate.errors import ResourceError
from callgate.resources import resource


@pytest.mark.parametrize(
    "name", ["policies/plans/FR.toml", "policies/rates/FR-default.csv", "policies/presets", "asterisk-conf/road.conf"]
)
def test_a_checkout_has_it(name: str) -> None:
    assert resource(name).exists()


def test_a_wheel_has_it_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "callgate" / "data" / "policies" / "plans" / "FR.toml"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "callgate")
    assert resource("policies/plans/FR.toml") == file


def test_what_is_nowhere_is_named_with_its_remedy() -> None:
    with pytest.raises(ResourceError, match=r"nothing\.toml is missing .* Remedy: install callgate again") as raised:
        resource("nothing.toml")
    assert raised.value.name == "nothing.toml"
