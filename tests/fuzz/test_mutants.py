"""The second oracle must be able to fail: readers with one mistake each, which the slice has to find.

A hostile review had planted the first four, and twenty thousand strings found nothing.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

import phonenumbers
import pytest

from callgate.core import abroad, dialling
from callgate.core.destination import INVALID, Destination
from callgate.core.plan import NumberClass, NumberPlan
from fuzz.grammar import Grammar
from fuzz.trial import Fault, Outcome, Trial

SEED = "slice"
COUNT = 20_000
Change = Callable[[Destination, NumberPlan], Destination]


def dear_read_as_fixed(found: Destination, plan: NumberPlan) -> Destination:
    dear = {NumberClass.INTERNATIONAL_PREMIUM, NumberClass.SATELLITE_GLOBAL, NumberClass.PERSONAL_NUMBER}
    is_dear = found.region != plan.country and found.number_class in dear
    return replace(found, number_class=NumberClass.INTERNATIONAL_FIXED) if is_dear else found


def main_region_of_the_code(found: Destination, plan: NumberPlan) -> Destination:
    if found.region in {"", "001", plan.country, *plan.overseas} or not found.number.startswith("+"):
        return found
    code = phonenumbers.parse(found.number).country_code or 0
    return replace(found, region=phonenumbers.region_code_for_country_code(code))


def foreign_numbers_refused(found: Destination, plan: NumberPlan) -> Destination:
    return INVALID if found.region not in {"", plan.country, *plan.overseas} else found


def satellite_read_as_premium(found: Destination, _: NumberPlan) -> Destination:
    is_satellite = found.number_class is NumberClass.SATELLITE_GLOBAL
    return replace(found, number_class=NumberClass.INTERNATIONAL_PREMIUM) if is_satellite else found


def none_in_service(_number: str, _region: str) -> bool:
    return False


def all_in_service(_number: str, _region: str) -> bool:
    return True


@pytest.fixture(scope="module")
def honest() -> list[Outcome]:
    """The slice, read by the gate's reader as it is."""
    trial, rng = Trial(), Random(SEED)
    grammar = Grammar(trial.plan_files)
    return [trial.run(grammar.sample(rng)) for _ in range(COUNT)]


def finds(fault: Fault, honest: list[Outcome]) -> bool:
    """Whether a string of the slice shows this fault in a reader, where the reader as it is says something else."""
    trial = Trial()
    pairs = ((outcome, trial.run(outcome.sample)) for outcome in honest)
    return any(found.fault is fault and found.answer != outcome.answer for outcome, found in pairs)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (dear_read_as_fixed, Fault.LEAK),
        (main_region_of_the_code, Fault.LEAK),
        (foreign_numbers_refused, Fault.REFUSED),
        (satellite_read_as_premium, Fault.LEAK),
    ],
)
def test_a_reader_that_mistakes_foreign_numbers_is_found_out(
    change: Change, fault: Fault, honest: list[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(dialled: str, *, plan: NumberPlan, outside_prefix: str) -> Destination:
        return change(dialling.read_dialled(dialled, plan=plan, outside_prefix=outside_prefix), plan)

    monkeypatch.setattr("fuzz.trial.read_dialled", mistaken)
    assert finds(fault, honest)


@pytest.mark.parametrize(("in_service", "fault"), [(none_in_service, Fault.REFUSED), (all_in_service, Fault.LEAK)])
def test_a_reader_that_takes_all_home_numbers_or_none_for_connected_is_found_out(
    in_service: Callable[[str, str], bool], fault: Fault, honest: list[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "is_in_service", in_service)
    assert finds(fault, honest)


def test_a_reader_that_asks_libphonenumber_alone_what_is_dear_abroad_is_found_out(
    honest: list[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abroad, "_DEAR", re.compile(r"(?!)"))
    assert finds(Fault.LEAK, honest)


def test_a_reader_that_loses_helplines_behind_the_country_code_is_found_out(
    honest: list[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "_read_lifeline", lambda _digits, _plan: None)
    assert finds(Fault.REFUSED, honest)
