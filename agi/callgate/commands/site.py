"""Whose rules a question without a call is about: a clinic with its entry and trunk, from the settings or by itself."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from callgate.clinic import (
    Clinic,
    check_numbers,
    check_policy,
    closed_days,
    in_document,
    in_force,
    load_deck,
    load_plan,
    load_risks,
    read_text,
    under_policy,
)
from callgate.commands.context import clinic_named, clinics_of, ledger_place, settings_of, warn, with_ledger
from callgate.core.wire import NumberFormat
from callgate.errors import SettingsError
from callgate.replay.run import Site
from callgate.resources import resource
from callgate.settings import DEFAULT_SETTINGS, EntrySettings, Settings, TrunkSettings

FACTORY_POLICY = "policies/presets/cabinet-france-seule.toml"
CHANNELS = 10
"""Of a clinic by itself: nobody says how many lines it has."""


def site_of(arguments: argparse.Namespace) -> Site:
    """Find whose rules are asked.

    Args:
        arguments: `settings`, `clinic`, `policy`, `rates` and `prefix` of the command line. A policy alone is asked by
            itself; with `clinic`, under that clinic of the settings. Without a policy it is the one in force.

    Raises:
        SettingsError: if something that was named cannot be used.
    """
    # Settings that were named must be there; the usual place may be empty.
    is_set_up = arguments.settings != DEFAULT_SETTINGS or arguments.settings.exists()
    if arguments.clinic is not None or (arguments.policy is None and is_set_up):
        site = _of_settings(arguments)
    else:
        if arguments.policy is None:
            warn("callgate: no settings file; asking the factory policy, cabinet France seule")
        site = _alone(arguments.policy or resource(FACTORY_POLICY), arguments.rates)
    if arguments.prefix is None:
        return site
    return replace(site, entry=msgspec.structs.replace(site.entry, outside_prefix=arguments.prefix))


def _of_settings(arguments: argparse.Namespace) -> Site:
    settings, folder = settings_of(arguments)
    name = clinic_named(settings, arguments.clinic)
    entry = next((found for found in settings.entry if found.clinic == name), None)
    if entry is None:
        raise SettingsError("clinic", f'no entry serves "{name}"', "name another with --clinic")
    trunk = settings.trunk_named(entry.trunks[0])
    assert trunk is not None
    clinic = clinics_of(settings, folder)[name]
    if arguments.policy is None:
        clinic = _current(clinic, settings, folder)
    else:
        clinic = under_policy(clinic, read_text(arguments.policy), arguments.policy)
    if arguments.rates is not None:
        clinic = replace(clinic, rates=load_deck(arguments.rates, clinic.policy.currency))
    return Site(
        clinic=clinic, entry=entry, trunk=trunk, endpoints=frozenset(found.endpoint for found in settings.trunk)
    )


def _current(clinic: Clinic, settings: Settings, folder: Path) -> Clinic:
    """The clinic under the policy in force, or, said so, under its file."""
    current = in_force(clinic, with_ledger(settings, folder, lambda ledger: ledger.fetch_policy(clinic.name)))
    if current.revision == 0:
        warn(f"callgate: {ledger_place(settings)} gives no policy in force; asking the policy file of the settings")
    return current


def _alone(policy_file: Path, rates_file: Path | None) -> Site:
    policy = check_policy(document := read_text(policy_file), policy_file)
    with in_document(policy_file):
        plan, days = load_plan(policy.home), closed_days(policy, datetime.now(UTC).year)
        check_numbers(policy, plan)
    clinic = Clinic(
        name=policy.clinic,
        language="fr",
        document=document,
        policy=policy,
        revision=0,
        plan=plan,
        risks=load_risks(),
        rates=load_deck(rates_file or resource(f"policies/rates/{policy.home}-default.csv"), policy.currency),
        closed_days=days,
        channels=CHANNELS,
        ring_timeout_s=60,
    )
    entry = EntrySettings(context="outside", clinic=clinic.name, trunks=("outside",))
    trunk = TrunkSettings(name="outside", endpoint="outside", channels=CHANNELS, number_format=NumberFormat.E164_PLUS)
    return Site(clinic=clinic, entry=entry, trunk=trunk)
