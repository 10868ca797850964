"""The words for people: complete in both languages, tied to the codes, and written as French and English are."""

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from callgate.audit.rules import Note, Rule, Severity
from callgate.commands.running import Unheard
from callgate.control.guard import Cause
from callgate.core.hold import DenialKind, Window
from callgate.core.limits import PurseKind, VelocityKind
from callgate.core.locks import LockedCalls
from callgate.core.plan import NumberClass
from callgate.core.plan_lint import Flaw
from callgate.core.reasons import Reason
from callgate.rates.columns import Column, Taxed
from callgate.rates.findings import Problem
from callgate.rates.preview import SampleKind
from callgate.rates.shelf import Origin
from callgate.screening import Leak
from callgate.supervisor import Status
from callgate.texts.catalog import Language, catalog, text
from callgate.texts.reasons_page import reasons_page

DOCS = Path(__file__).parent.parent / "docs"
CODED = {
    *(f"reason.{reason}" for reason in Reason),
    *(f"prompt.{reason}" for reason in Reason if reason.refuses),
    "prompt.refused",
    *(f"class.{number_class}" for number_class in NumberClass),
    *(f"limit.{kind}" for kind in DenialKind),
    *(f"window.{window}" for window in Window),
    *(f"scope.{kind}" for kind in (*PurseKind, *VelocityKind)),
    "verdict.grant",
    "verdict.refuse",
    *(f"flaw.{flaw}" for flaw in Flaw),
    *(f"finding.{problem}" for problem in Problem),
    *(f"column.{column}" for column in Column),
    *(f"taxed.{taxed}" for taxed in Taxed),
    *(f"sample.{kind}" for kind in SampleKind),
    *(f"origin.{origin}" for origin in Origin),
    *(f"audit.{part}_{rule}" for part in ("what", "why", "remedy") for rule in Rule),
    *(f"audit.severity_{severity}" for severity in Severity),
    *(f"audit.note_{note}" for note in Note),
    *(f"audit.unheard_{cause}" for cause in Unheard),
    *(f"ungated.{cause}" for cause in Cause),
    *(f"leak.{leak}" for leak in Leak),
    *(f"lock.{calls}" for calls in LockedCalls),
    *(f"service.{status}" for status in Status),
}


def placeholders(sentence: str) -> set[tuple[str, str | None, str | None]]:
    parts = Formatter().parse(sentence)
    return {(name, form, conversion) for _, name, form, conversion in parts if name is not None}


def test_both_languages_say_the_same_things() -> None:
    assert catalog(Language.FR).keys() == catalog(Language.EN).keys()


@pytest.mark.parametrize("key", catalog(Language.FR))
def test_a_text_has_the_same_plain_placeholders_in_both_languages(key: str) -> None:
    french, english = (placeholders(catalog(language)[key]) for language in Language)
    assert french == english
    assert all(name.isidentifier() and not form and not conversion for name, form, conversion in french)


@pytest.mark.parametrize("language", Language)
def test_every_code_has_its_text_and_no_text_is_left_without_its_code(language: Language) -> None:
    free = {key for key in catalog(language) if key.startswith("cli.")}
    assert catalog(language).keys() - free == CODED


@pytest.mark.parametrize("language", Language)
def test_no_text_is_empty_or_padded(language: Language) -> None:
    assert [key for key, value in catalog(language).items() if re.search(r"^$|^\s|\s$|\s\s", value)] == []


@pytest.mark.parametrize("language", Language)
def test_a_text_file_is_sorted_by_key_and_says_each_thing_once(language: Language) -> None:
    document = files("callgate.texts").joinpath(f"{language}.json").read_text(encoding="utf-8")
    assert document == json.dumps(json.loads(document), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_one_sentence_that_says_what_happened_and_what_to_do(reason: Reason, language: Language) -> None:
    assert re.fullmatch(r"[A-ZÀ-Ý][^.:]+: [^.:]+\.", text(f"reason.{reason}", language).replace("\u00a0:", ":"))


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("problem", Problem)
def test_a_finding_says_what_is_wrong_and_then_what_to_do(problem: Problem, language: Language) -> None:
    assert re.fullmatch(r"[A-ZÀ-Ý{].+\. [A-ZÀ-Ý].+\.", catalog(language)[f"finding.{problem}"])


@pytest.mark.parametrize("key", sorted(key for key in CODED if key.startswith("prompt.")))
@pytest.mark.parametrize("language", Language)
def test_a_prompt_is_two_sentences_whose_numbers_are_spelled_for_the_voice(key: str, language: Language) -> None:
    assert re.fullmatch(r"[A-ZÀ-Ý][^.\d]+\. [A-ZÀ-Ý][^.\d]+\.", text(key, language))


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("an ordinary space before ; ! or ?", r"(?<!\u202f)[;!?]"),
        ("an ordinary space before a colon, which parts no digits of a code", r"(?<!\u00a0):(?!\d)"),
        ("an ordinary space inside guillemets", r"«(?!\u00a0)|(?<!\u00a0)»"),
        ("a typewriter's apostrophe or quote", r"['\"]"),
        ("three dots for an ellipsis", r"\.\.\."),
        ("a number parted from its unit", r"\d (?=heures|jours|s\b)|} (?=s\b)"),
    ],
)
def test_french_is_set_as_french(fault: str, pattern: str) -> None:
    assert [key for key, value in catalog(Language.FR).items() if re.search(pattern, value)] == [], fault


def test_french_is_spoken_unless_another_language_is_asked_for() -> None:
    assert text("verdict.grant") == "accordé"
    assert text("verdict.grant", Language.EN) == "granted"


def test_a_placeholder_is_filled() -> None:
    assert text("cli.retry", Language.EN, seconds=90) == "Worth trying again in 90\u00a0s at the earliest."


@pytest.mark.parametrize("key", ["reason.unheard_of", "cli.retry"])
def test_a_missing_text_or_field_is_an_error_and_never_an_empty_sentence(key: str) -> None:
    with pytest.raises(KeyError):
        text(key)


def test_the_page_of_reasons_says_what_the_code_says() -> None:
    """After a change: ``python -m callgate.texts.reasons_page > docs/reasons.md``."""
    assert (DOCS / "reasons.md").read_text(encoding="utf-8") == reasons_page()


def test_the_page_of_reasons_is_written_by_the_command_it_names() -> None:
    command = [sys.executable, "-m", "callgate.texts.reasons_page"]
    assert subprocess.run(command, capture_output=True, check=True).stdout.decode() == reasons_page()


def test_the_glossary_explains_each_word_once_in_both_languages() -> None:
    lines = (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line.startswith("|")][2:]
    assert [row for row in rows if len(row) != 4 or not all(row[:3])] == []
    words = [row[0].casefold() for row in rows]
    assert words == sorted(set(words))
