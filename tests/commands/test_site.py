"""Whose rules are asked: the clinic of the settings under the policy in force or another, or a policy by itself."""

import argparse
from pathlib import Path

import pytest

from callgate.cli import main
from callgate.commands import site as site_module
from callgate.commands.site import site_of
from callgate.errors import SettingsError
from callgate.replay.run import Site
from callgate.settings import DEFAULT_SETTINGS
from clinic_samples import CLINIC, SETTINGS, policy_text, write_site
from redis_server import RedisServer

Out = pytest.CaptureFixture[str]


def asked(settings: Path = DEFAULT_SETTINGS, **words: object) -> Site:
    given = {"clinic": None, "policy": None, "rates": None, "prefix": None, **words}
    return site_of(argparse.Namespace(settings=settings, **given))


def test_a_policy_alone_has_ten_lines_and_no_outside_prefix(tmp_path: Path) -> None:
    write_site(tmp_path)
    found = asked(policy=tmp_path / "policy.toml")
    assert (found.clinic.name, found.clinic.channels, found.entry.outside_prefix) == (CLINIC, 10, "")
    assert found.endpoints == frozenset()
    assert asked(policy=tmp_path / "policy.toml", prefix="0").entry.outside_prefix == "0"


def test_without_settings_and_policy_the_factory_policy_is_asked_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(site_module, "DEFAULT_SETTINGS", tmp_path / "none.toml")
    assert asked(settings=tmp_path / "none.toml").clinic.name == "mon-cabinet"
    assert capsys.readouterr().err == "callgate: no settings file; asking the factory policy, cabinet France seule\n"


def test_the_clinic_of_the_settings_is_asked_with_all_its_lines(tmp_path: Path, capsys: Out) -> None:
    found = asked(write_site(tmp_path))
    assert (found.clinic.name, found.clinic.channels, found.entry.outside_prefix) == (CLINIC, 15, "0")
    assert found.endpoints == {"carrier-a", "carrier-b"}
    assert capsys.readouterr().err == (
        "callgate: the daemon's own Redis gives no policy in force; asking the policy file of the settings\n"
    )


def test_the_policy_in_force_is_asked_rather_than_the_file(tmp_path: Path, capsys: Out) -> None:
    with RedisServer(tmp_path) as redis:
        file = write_site(tmp_path, settings=SETTINGS.replace("[gate]", f'[gate]\nredis = "{redis.url}"'))
        (tmp_path / "next.toml").write_text(policy_text({'day            = "15.00"': 'day = "7.00"'}), encoding="utf-8")
        assert main(["--settings", str(file), "policy", "apply", str(tmp_path / "next.toml")]) == 0
        capsys.readouterr()
        assert asked(file).clinic.policy.ceilings.costly.day == 7_000_000
    assert capsys.readouterr().err == ""


def test_another_policy_can_be_asked_for_a_clinic_of_the_settings(tmp_path: Path) -> None:
    file = write_site(tmp_path)
    (tmp_path / "draft.toml").write_text(policy_text({'day            = "15.00"': 'day = "7.00"'}), encoding="utf-8")
    found = asked(file, clinic=CLINIC, policy=tmp_path / "draft.toml", rates=tmp_path / "rates.csv")
    assert (found.clinic.policy.ceilings.costly.day, found.clinic.channels) == (7_000_000, 15)
    assert found.clinic.rates.file == tmp_path / "rates.csv"


def test_a_policy_for_another_clinic_is_not_taken(tmp_path: Path) -> None:
    file = write_site(tmp_path)
    (tmp_path / "other.toml").write_text(policy_text({CLINIC: "cabinet-des-roses"}), encoding="utf-8")
    with pytest.raises(SettingsError, match="cabinet-des-roses"):
        asked(file, clinic=CLINIC, policy=tmp_path / "other.toml")


def test_a_clinic_that_no_phone_reaches_cannot_be_asked_for(tmp_path: Path) -> None:
    second = '[[clinic]]\nname = "cabinet-des-roses"\npolicy = "roses.toml"\nrates = "rates.csv"\n\n[[trunk]]'
    file = write_site(tmp_path, settings=SETTINGS.replace("[[trunk]]", second, 1))
    (tmp_path / "roses.toml").write_text(policy_text({CLINIC: "cabinet-des-roses"}), encoding="utf-8")
    with pytest.raises(SettingsError, match="no entry serves"):
        asked(file, clinic="cabinet-des-roses")
