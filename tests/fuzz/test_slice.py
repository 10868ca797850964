"""A slice of what `make fuzz` does ten million times: both readers, the same strings, what must hold of each."""

from random import Random

import pytest
from hypothesis import given, settings

from callgate.core.plan import parse_plan
from fuzz.grammar import Grammar, Sample
from fuzz.plan_files import FOLDER
from fuzz.run import Report, rounds
from fuzz.strategies import samples, spellings
from fuzz.trial import Fault, Trial, fault_of
from fuzz.truth import INVALID, Answer, Truth

SEED = "slice"
COUNT = 20_000

TRIAL = Trial()
GRAMMAR = Grammar(TRIAL.plan_files)


@pytest.fixture(scope="module")
def report() -> Report:
    """The slice, tried."""
    rng, found = Random(SEED), Report()
    for _ in range(COUNT):
        found.add(TRIAL.run(GRAMMAR.sample(rng)))
    return found


def test_in_twenty_thousand_strings_no_call_is_lost_none_seen_too_cheap_and_none_refused(report: Report) -> None:
    assert not report.faults, report


def test_the_strings_reach_every_home_country_and_every_class(report: Report) -> None:
    homes = {home for home, _ in report.answers}
    classes = {number_class for _, number_class in report.answers}
    assert homes == set(TRIAL.plan_files)
    assert len(classes) == 16


def test_the_strings_are_good_and_bad_in_fair_shares(report: Report) -> None:
    invalid = sum(count for (_, number_class), count in report.answers.items() if number_class == "invalid")
    emergency = sum(count for (_, number_class), count in report.answers.items() if number_class == "emergency")
    assert COUNT * 0.2 < invalid < COUNT * 0.6
    assert emergency > COUNT * 0.05


@given(sample=samples(GRAMMAR))
@settings(max_examples=500)
def test_whatever_is_dialled_the_reader_says_what_the_second_oracle_allows(sample: Sample) -> None:
    outcome = TRIAL.run(sample)
    assert outcome.fault is None, outcome


@given(pair=spellings(GRAMMAR))
@settings(max_examples=500)
def test_a_number_has_one_class_and_one_canonical_form_however_it_is_written(pair: tuple[Sample, Sample]) -> None:
    first, second = (TRIAL.run(sample) for sample in pair)
    assert first.answer == second.answer, pair


@given(sample=samples(GRAMMAR))
@settings(max_examples=500)
def test_the_canonical_number_read_again_means_the_same(sample: Sample) -> None:
    answer = TRIAL.run(sample).answer
    if answer.number.startswith("+"):
        again = Sample(home=sample.home, outside_prefix="", dialled=answer.number)
        assert TRIAL.run(again).answer == answer


EMERGENCY = Answer(number="15", region="FR", number_class="emergency")
FIXED = Answer(number="+33142685300", region="FR", number_class="national_fixed")
PREMIUM = Answer(number="+33899701234", region="FR", number_class="premium")
JAMAICA = Answer(number="+18765551234", region="JM", number_class="international_fixed")
JAMAICA_AS_AMERICA = Answer(number="+18765551234", region="US", number_class="international_fixed")
CHEAP_JAMAICA = Answer(number="+18765551234", region="JM", number_class="national_fixed")
DEAR_JAMAICA = Answer(number="+18765551234", region="JM", number_class="international_premium")
IRIDIUM = Answer(number="+881612345678", region="001", number_class="satellite_global")
CHEAP_IRIDIUM = Answer(number="+881612345678", region="001", number_class="international_premium")


@pytest.mark.parametrize(
    ("answer", "right", "fault"),
    [
        (EMERGENCY, {EMERGENCY}, None),
        (INVALID, {EMERGENCY}, Fault.EMERGENCY_LOST),
        (FIXED, {EMERGENCY}, Fault.EMERGENCY_LOST),
        (EMERGENCY, {INVALID}, Fault.LEAK),
        (FIXED, {PREMIUM}, Fault.LEAK),
        (PREMIUM, {FIXED}, Fault.DISAGREEMENT),
        (INVALID, {FIXED}, Fault.REFUSED),
        (INVALID, {JAMAICA}, Fault.REFUSED),
        (PREMIUM, {INVALID}, Fault.LEAK),
        (PREMIUM, {PREMIUM, INVALID}, None),
        (INVALID, {PREMIUM, INVALID}, None),
        (CHEAP_JAMAICA, {JAMAICA}, Fault.LEAK),
        (JAMAICA_AS_AMERICA, {JAMAICA}, Fault.LEAK),
        (JAMAICA, {DEAR_JAMAICA}, Fault.LEAK),
        (DEAR_JAMAICA, {JAMAICA}, Fault.DISAGREEMENT),
        (CHEAP_IRIDIUM, {IRIDIUM}, Fault.LEAK),
        (CHEAP_IRIDIUM, {IRIDIUM, INVALID}, Fault.LEAK),
    ],
)
def test_an_answer_is_worth_what_the_second_oracle_says(
    answer: Answer, right: set[Answer], fault: Fault | None
) -> None:
    assert fault_of(answer, Truth(answers=frozenset(right))) == fault


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ('class = "premium"', 'class = "national_fixed"', Fault.LEAK),
        ('class = "directory"', 'class = "freephone"', Fault.LEAK),
        ('number = "15"', 'number = "1500"', Fault.EMERGENCY_LOST),
        ('class = "national_mobile"', 'class = "premium"', Fault.DISAGREEMENT),
    ],
)
def test_a_reader_with_a_mistake_in_its_plan_is_found_out(right: str, wrong: str, fault: Fault) -> None:
    text = (FOLDER / "FR.toml").read_text(encoding="utf-8")
    assert right in text
    mistaken = Trial()
    mistaken._plans["FR"] = parse_plan(text.replace(right, wrong))
    rng, grammar, found = Random(SEED), Grammar({"FR": mistaken.plan_files["FR"]}), Report()
    for _ in range(5_000):
        found.add(mistaken.run(grammar.sample(rng)))
    assert found.faults[fault]
    assert str(found).count(f"\n{fault}: ") == 1


def test_ten_million_strings_come_in_rounds_each_with_a_seed_of_its_own() -> None:
    jobs = rounds("any", 10_000_001)
    assert sum(count for _, count in jobs) == 10_000_001
    assert len({seed for seed, _ in jobs}) == len(jobs)
