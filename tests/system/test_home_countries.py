"""Every home country on a real Asterisk without a gate: emergency rings, home calls go, dear ones do not."""

import csv
from pathlib import Path

import pytest

import practice
from asterisk_conf import PHONES
from callgate.clinic import load_clinics, load_plan, plan_countries
from callgate.core.dialling import read_dialled
from callgate.install.dialplan import write_dialplan
from callgate.settings import load_settings
from system.rig import Rig, assert_emergency, assert_refused

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent.parent
PREFIXES = {"AU": "0", "CA": "9", "GB": "9", "US": "9"}


def dialplan_of(country: str, prefix: str, folder: Path) -> str:
    """Write the dialplan of a clinic that starts from the country's factory policy, without a rate."""
    name = practice.PRESET.name if country == "FR" else f"practice-{country}.toml"
    policy = (practice.PRESET.parent / name).read_text(encoding="utf-8")
    own = "mon-cabinet" if country == "FR" else "my-practice"
    (folder / "policy.toml").write_text(policy.replace(own, practice.CLINIC), encoding="utf-8")
    (folder / "rates.csv").write_text((ROOT / "policies" / "rates" / "none.csv").read_text(encoding="utf-8"))
    settings = practice.settings().replace('outside_prefix = "0"', f'outside_prefix = "{prefix}"')
    settings = settings.replace('number_format = "e164_plus"', 'number_format = "national"')
    (folder / "callgate.toml").write_text(settings, encoding="utf-8")
    loaded = load_settings(folder / "callgate.toml")
    return write_dialplan(loaded, load_clinics(loaded, folder))


def dialled(country: str, *classes: str) -> tuple[str, str]:
    """Take a number of these classes from the rows of the country: as dialled without a prefix, and in E.164."""
    with (ROOT / "tests" / "data" / "numbers" / f"{country}.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            plain = row["outside_prefix"] == "" and row["dialled"].isascii() and row["dialled"].isdecimal()
            if plain and row["expected_class"] in classes and row["expected_e164_or_short"].startswith("+"):
                return row["dialled"], row["expected_e164_or_short"]
    raise AssertionError(country, classes)


@pytest.mark.parametrize("country", plan_countries())
async def test_a_home_country_without_a_gate(rig: Rig, country: str, tmp_path: Path) -> None:
    prefix = PREFIXES.get(country, "0")
    rig.load_dialplan(dialplan_of(country, prefix, tmp_path))
    rig.lab.gate_stop()
    for number in sorted(load_plan(country).emergency_numbers):
        assert_emergency(await rig.dial(prefix + number), number)
        if number not in PHONES:
            assert_emergency(await rig.dial(number), number)
    home, wire = dialled(country, "national_fixed")
    outcome = await rig.dial(prefix + home)
    (sent,) = outcome.users
    assert sent.isdecimal()
    assert read_dialled(sent, plan=load_plan(country), outside_prefix="").number == wire
    assert outcome.final.code == 200
    dear, _ = dialled(country, "premium", "international_mobile")
    assert_refused(await rig.dial(prefix + dear))
