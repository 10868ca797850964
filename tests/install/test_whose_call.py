"""The generated dialplan, read as text: who calls is asked of Asterisk, and of nobody else."""

from dataclasses import replace

import msgspec
import pytest

from callgate.clinic import Clinic
from callgate.install.dialplan import write_dialplan
from callgate.settings import Settings
from install.asterisk_patterns import Context, read, steps_of
from install.entries import ENTRIES


def test_a_clinic_alone_asks_no_phone_whose_it_is(contexts: dict[str, Context]) -> None:
    assert list(contexts["callgate-alone"].extensions) == ["cabinet-des-lilas"]
    assert contexts["callgate-number-callgate"].find("clinic-cabinet-des-lilas") is None


def test_where_clinics_share_an_asterisk_each_entry_bears_its_clinics_mark(
    settings: Settings, clinics: dict[str, Clinic]
) -> None:
    """A phone whose own context leads to a mark is that clinic's."""
    (clinic,) = clinics.values()
    entries = (*settings.entry[:-1], msgspec.structs.replace(settings.entry[-1], clinic="voisin"))
    shared = msgspec.structs.replace(settings, entry=entries)
    found = read(write_dialplan(shared, {**clinics, "voisin": replace(clinic, name="voisin")}))
    assert "callgate-alone" not in found
    marks = {
        context: [name for name in found[f"callgate-number-{context}"].extensions if name.startswith("clinic-")]
        for context in ENTRIES
    }
    own = ["clinic-cabinet-des-lilas"]
    assert marks == {"callgate": own, "nine": own, "direct": ["clinic-voisin"]}


@pytest.mark.parametrize("question", ["callgate-ask", "callgate-judged"])
def test_nothing_stands_between_who_calls_and_the_question(contexts: dict[str, Context], question: str) -> None:
    """A program may begin at any step, with any variable: the first thing of the question is who calls."""
    first = contexts[question].extensions["s"][0].application
    assert (
        first == {"callgate-ask": "Gosub(callgate-caller,s,1)", "callgate-judged": "Gosub(callgate-ask,s,1)"}[question]
    )
    asking = [name for name, _, step in steps_of(contexts) if "callgate-ask,s,1" in step.application]
    assert asking == ["callgate-judged"]
    (agi,) = (step.application for _, _, step in steps_of(contexts) if step.application.startswith("AGI("))
    for name in ("extension", "origin"):
        assert f'{name}=${{IF($["${{STACK_PEEK(1,c,1)}}" = "callgate-judged"]?' in agi
