"""A clinic is loaded from files an installer wrote: each mistake is named with its file, its place and its remedy."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from callgate.clinic import (
    UNKNOWN_REVISION,
    Clinic,
    emergency_wire,
    in_force,
    load_clinics,
    load_plan,
    read_risks,
    under_policy,
)
from callgate.core.hold import Unavailable
from callgate.core.policy import Mode
from callgate.core.wire import NumberFormat
from callgate.errors import SettingsError
from callgate.ledger.revisions import NoPolicy, PolicyRevision
from callgate.settings import TrunkSettings, load_settings
from clinic_samples import CLINIC, OBSERVING, TUESDAY_11, policy_text, write_site


def load(folder: Path) -> Clinic:
    return load_clinics(load_settings(folder / "callgate.toml"), folder)[CLINIC]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_site(tmp_path)
    return tmp_path


def test_a_clinic_has_what_its_files_say(folder: Path) -> None:
    clinic = load(folder)
    assert (clinic.name, clinic.language, clinic.revision, clinic.ring_timeout_s) == (CLINIC, "fr", 0, 60)
    assert clinic.document == policy_text()
    assert clinic.channels == 15, "of its two trunks together"
    first = min(clinic.closed_days).year
    assert {day.year for day in clinic.closed_days} == {first, first + 1, first + 2}


def test_a_call_goes_on_no_longer_than_its_own_kind_may(folder: Path) -> None:
    clinic = load(folder)
    ring_and_margin_s = 62
    assert clinic.reach_s(ordinary=True) == ring_and_margin_s + 7200
    assert clinic.reach_s(ordinary=False) == ring_and_margin_s + 1800


def test_clinics_that_name_the_same_deck_share_it(folder: Path) -> None:
    """Each of a hundred clinics had the operator's 40,000 rows in memory for itself, 18 MB, and read them for 0.4 s."""
    settings = folder / "callgate.toml"
    more = "".join(
        f'[[clinic]]\nname = "{name}"\npolicy = "{name}.toml"\nrates = "{rates}"\n\n'
        for name, rates in (("roses", "./rates.csv"), ("iris", "other.csv"))
    )
    settings.write_text(settings.read_text().replace("[[trunk]]", more + "[[trunk]]", 1))
    for name in ("roses", "iris"):
        (folder / f"{name}.toml").write_text(policy_text({CLINIC: name}))
    (folder / "other.csv").write_text((folder / "rates.csv").read_text())
    clinics = load_clinics(load_settings(settings), folder)
    assert clinics["roses"].rates is clinics[CLINIC].rates
    assert clinics["iris"].rates is not clinics[CLINIC].rates


def test_a_clinic_that_does_not_know_its_revision_never_passes_for_one_that_does(folder: Path) -> None:
    clinic = load(folder)
    assert clinic.rulebook.revision == UNKNOWN_REVISION
    assert replace(clinic, revision=7).rulebook.revision == 7


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("spoil", "where", "problem"),
    [
        (lambda folder: (folder / "policy.toml").unlink(), "policy.toml", "cannot be read"),
        (lambda folder: (folder / "rates.csv").unlink(), "rates.csv", "cannot be read"),
        (lambda folder: (folder / "policy.toml").write_bytes(b"\xff\xfe\0"), "policy.toml", "cannot be read"),
        (lambda folder: (folder / "policy.toml").write_text("x =\n"), "policy.toml: line 1", "not TOML"),
        (
            lambda folder: (folder / "policy.toml").write_text(policy_text() + "[nonsense]\n"),
            "policy.toml: nonsense",
            "is not a field",
        ),
        (
            lambda folder: (folder / "policy.toml").write_text(policy_text({CLINIC: "another"})),
            "policy.toml: clinic",
            'says "another", the settings say',
        ),
        (
            lambda folder: (folder / "policy.toml").write_text(policy_text({'holidays = "FR"': 'holidays = "XX"'})),
            "policy.toml: holidays",
            '"XX" is no country',
        ),
        (
            lambda folder: (folder / "policy.toml").write_text(
                policy_text({'home     = "FR"': 'home = "NZ"', 'allow = ["FR"': 'allow = ["FR", "NZ"'})
            ),
            "policy.toml: home",
            'no number plan for "NZ"',
        ),
        (
            lambda folder: (folder / "policy.toml").write_text(policy_text({'currency = "EUR"': 'currency = "CHF"'})),
            "rates.csv, line ",
            "CHF",
        ),
        (
            lambda folder: (folder / "rates.csv").write_text(
                (folder / "rates.csv").read_text() + "+999,dear,0,-1,1,1,EUR,0,,\n"
            ),
            "rates.csv, line ",
            "",
        ),
    ],
    ids=[
        "no policy file",
        "no rates file",
        "a binary policy",
        "no TOML",
        "an unknown table",
        "another clinic's policy",
        "holidays nobody knows",
        "a home country without a plan",
        "another currency than the rates",
        "a bad line in the rates",
    ],
)
def test_a_mistake_is_named_with_its_file_its_place_and_its_remedy(
    folder: Path, spoil: Spoil, where: str, problem: str
) -> None:
    spoil(folder)
    with pytest.raises(SettingsError) as raised:
        load(folder)
    assert str(folder) in raised.value.path
    assert where in raised.value.path
    assert problem in raised.value.problem
    assert raised.value.remedy


def test_every_mistake_of_a_policy_is_named_at_once(folder: Path) -> None:
    (folder / "policy.toml").write_text(
        policy_text({'day            = "15.00"': "day = 15", "calls = 30": 'calls = "x"'})
    )
    with pytest.raises(SettingsError) as raised:
        load(folder)
    assert "ceilings.costly.day" in raised.value.path
    assert "when_the_ledger_is_down.ordinary.calls" in raised.value.remedy


def test_another_policy_keeps_the_plan_and_the_rates(folder: Path) -> None:
    clinic = load(folder)
    bound = under_policy(clinic, policy_text({'holidays = "FR"': 'holidays = "FR-57"'}), "revision 2")
    assert bound.policy.holidays == "FR-57"
    assert date(min(clinic.closed_days).year, 12, 26) in bound.closed_days - clinic.closed_days
    assert (bound.deck, bound.plan, bound.revision) == (clinic.deck, clinic.plan, 0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({CLINIC: "another"}, "clinic"),
        ({'home     = "FR"': 'home = "RE"'}, "home"),
        ({'currency = "EUR"': 'currency = "CHF"'}, "currency"),
    ],
)
def test_a_policy_for_other_rates_or_another_plan_is_not_put_over_these(
    folder: Path, changes: dict[str, str], field: str
) -> None:
    with pytest.raises(SettingsError, match=f"revision 2: {field}: says"):
        under_policy(load(folder), policy_text(changes), "revision 2")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        ("+330612345678", "write +33612345678"),
        ("+3306123456", "correct it"),
        ("9999", "correct it"),
        ("+999123456", "correct it"),
        ("15", "take it out"),
        ("112", "take it out"),
        ("+3315", "take it out"),
    ],
)
@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("numbers.always_allow[1]", {"always_allow  = []": 'always_allow = ["+3225551212", "%s", "+225070*"]'}),
        ("numbers.always_refuse[0]", {"always_refuse = []": 'always_refuse = ["%s", "+33899*", "3646"]'}),
        (
            "numbers.exception[0].number",
            {"[numbers]\n": "[numbers]\nexception = [{number = '%s', until = 2026-12-01T18:00:00+01:00}]\n"},
        ),
        (
            "external_to_external.number[0].number",
            {"[numbers]\n": "[external_to_external]\nnumber = [{number = '%s'}]\n\n[numbers]\n"},
        ),
    ],
    ids=["always allowed", "always refused", "excepted", "reached from outside"],
)
def test_a_rule_for_a_number_that_no_call_ever_has_is_a_mistake(
    folder: Path, *, path: str, changes: dict[str, str], number: str, remedy: str
) -> None:
    """A refusal of +330612345678 was taken for a valid rule, and the mobile it meant went on being called."""
    named = policy_text({old: new.replace("%s", number) for old, new in changes.items()})
    with pytest.raises(SettingsError) as raised:
        under_policy(load(folder), named, "revision 2")
    assert raised.value.path == f"revision 2: {path}"
    assert number in raised.value.problem
    assert remedy in raised.value.remedy
    (folder / "policy.toml").write_text(named)
    with pytest.raises(SettingsError, match=re.escape(f"policy.toml: {path}: ")):
        load(folder)


def test_every_number_that_no_call_ever_has_is_named_at_once(folder: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        under_policy(load(folder), policy_text({"always_refuse = []": 'always_refuse = ["15", "9999"]'}), "revision 2")
    assert "\nnumbers.always_refuse[1]: 9999 is no number that can be called" in raised.value.remedy


def test_numbers_as_the_gate_reads_them_are_sound(folder: Path) -> None:
    listed = '["+33612345678", "3646", "3114", "+3225551212", "+870773111632", "+33899*", "+22507*"]'
    bound = under_policy(load(folder), policy_text({"always_refuse = []": f"always_refuse = {listed}"}), "revision 2")
    assert len(bound.policy.numbers.always_refuse) == 7


@pytest.mark.parametrize("found", [NoPolicy(), Unavailable(cause="connection")])
def test_without_a_policy_in_force_a_clinic_stays_under_its_file(folder: Path, found: NoPolicy | Unavailable) -> None:
    clinic = load(folder)
    assert in_force(clinic, found) is clinic


def test_a_clinic_is_put_under_the_policy_in_force_with_its_revision(folder: Path) -> None:
    revision = PolicyRevision(
        clinic=CLINIC, revision=7, author="a", at=TUESDAY_11, origin="", reason="", document=policy_text(OBSERVING)
    )
    bound = in_force(load(folder), revision)
    assert (bound.policy.mode, bound.revision) == (Mode.OBSERVE, 7)


@pytest.mark.parametrize(
    ("emergency_format", "prefix", "sent"),
    [
        ("short", "", "15"),
        ("short", "0", "015"),
        ("e164_plus", "", "+3315"),
        ("e164", "", "3315"),
        ("00", "", "003315"),
    ],
)
def test_a_trunk_gets_emergency_numbers_in_its_own_form(emergency_format: str, prefix: str, sent: str) -> None:
    trunk = TrunkSettings(
        name="a",
        endpoint="a",
        channels=1,
        number_format=NumberFormat.NATIONAL,
        emergency_format=emergency_format,
        emergency_prefix=prefix,
    )
    assert emergency_wire("15", trunk, load_plan("FR")) == sent


def test_a_damaged_list_of_risk_tiers_is_said(tmp_path: Path) -> None:
    file = tmp_path / "risk.toml"
    file.write_text("version = \n")
    with pytest.raises(SettingsError, match=r"risk\.toml: line 1: this is not TOML"):
        read_risks(file)


def test_a_damaged_plan_of_this_installation_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = tmp_path / "data" / "policies" / "plans"
    plans.mkdir(parents=True)
    (plans / "FR.toml").write_text("country = \n")
    monkeypatch.setattr("callgate.resources._PACKAGE", tmp_path)
    with pytest.raises(SettingsError, match=r"policies/plans/FR\.toml: line 1: this is not TOML"):
        load_plan("FR")
