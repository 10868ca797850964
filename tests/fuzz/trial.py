"""One dialled string before both readers, and what their answers are worth."""

from dataclasses import dataclass
from enum import StrEnum

from callgate.core.dialling import preload, read_dialled
from callgate.core.plan import parse_plan
from fuzz.automaton import Automaton
from fuzz.foreign import ForeignNumbers
from fuzz.grammar import Sample
from fuzz.plan_files import FOLDER, PlanFile, read_plan_files
from fuzz.truth import INVALID, Answer, Truth


class Fault(StrEnum):
    """What is wrong with an answer, gravest first."""

    EXCEPTION = "exception"
    EMERGENCY_LOST = "emergency lost"
    LEAK = "leak"
    REFUSED = "refused"
    DISAGREEMENT = "other disagreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the gate's reader said of a sample, and what is wrong with that: nothing, or one fault."""

    sample: Sample
    answer: Answer
    fault: Fault | None
    detail: str = ""

    def __str__(self) -> str:
        sample, answer = self.sample, self.answer
        return (
            f"{sample.dialled[:80]!a} from {sample.home}, outside prefix {sample.outside_prefix!r}: "
            f"{answer.number or '-'} {answer.region or '-'} {answer.number_class}; {self.detail}"
        )


class Trial:
    """Both readers, for every home country."""

    def __init__(self) -> None:
        self.plan_files: dict[str, PlanFile] = read_plan_files()
        foreign = ForeignNumbers(self.plan_files.values())
        self._automata = {country: Automaton(plan, foreign) for country, plan in self.plan_files.items()}
        self._plans = {
            country: parse_plan((FOLDER / f"{country}.toml").read_text(encoding="utf-8")) for country in self.plan_files
        }
        preload()

    def truth(self, sample: Sample) -> Truth:
        """What the second oracle allows."""
        return self._automata[sample.home].truth(sample.dialled, sample.outside_prefix)

    def run(self, sample: Sample) -> Outcome:
        """Let both read the sample."""
        plan = self._plans[sample.home]
        try:
            found = read_dialled(sample.dialled, plan=plan, outside_prefix=sample.outside_prefix)
        except Exception as error:  # noqa: BLE001  any exception at all is what is looked for
            return Outcome(sample=sample, answer=INVALID, fault=Fault.EXCEPTION, detail=repr(error))
        answer = Answer(number=found.number, region=found.region, number_class=found.number_class.value)
        truth = self.truth(sample)
        fault = fault_of(answer, truth)
        must_reach = found.number in self.plan_files[sample.home].must_reach and found.region != ""
        if fault is None and found.must_reach != must_reach:
            # A number that only the gate holds for a must-reach number escapes every rule.
            fault = Fault.LEAK if found.must_reach else Fault.DISAGREEMENT
        return Outcome(sample=sample, answer=answer, fault=fault, detail="" if fault is None else _wanted(truth))


def fault_of(answer: Answer, truth: Truth) -> Fault | None:
    """Say what is wrong with an answer: one that leads the money astray is a leak, whatever else would be right."""
    if answer in truth.answers:
        return None
    if truth.is_emergency:
        return Fault.EMERGENCY_LOST
    if answer == INVALID:
        return Fault.REFUSED
    return Fault.LEAK if truth.is_too_cheap(answer) else Fault.DISAGREEMENT


def _wanted(truth: Truth) -> str:
    wanted = sorted(f"{answer.number} {answer.region} {answer.number_class}".strip() for answer in truth.answers)
    return f"may be {', or '.join(wanted)}"
