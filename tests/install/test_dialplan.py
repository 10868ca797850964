"""The generated dialplan, read as text: emergency first and alone, and nothing a caller types becomes a command."""

import csv
import re
import string
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from callgate.cli import main
from callgate.clinic import Clinic, load_clinics, load_plan
from callgate.core.dialling import Destination, NumberClass, read_dialled
from callgate.core.plan import ORDINARY_CLASSES
from callgate.core.wire import to_wire
from callgate.install.dialplan import write_dialplan, write_last_resort
from callgate.seal import key_file
from callgate.settings import Sealing, Settings, load_settings
from clinic_samples import KEY, ROOT, policy_text, write_site
from install.asterisk_patterns import Context, Step, fits, read, steps_of
from install.entries import ENTRIES

PLAN = load_plan("FR")
EMERGENCY = tuple(sorted(PLAN.emergency_numbers))
PLAIN = re.compile(r"[0-9+*#]+")
SEPARATORS = re.compile(r"[0-9+*#. ()\-\u00a0\u202f\u2009\uff0b]|[^\W\D]")


def rows() -> Iterator[tuple[str, str, Destination, bool]]:
    """The French rows of the truth file: entry, what is dialled, what it is, whether it may go without a verdict."""
    entry_of = {prefix: entry for entry, prefix in ENTRIES.items()}
    with (ROOT / "tests" / "data" / "public.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["home_country"] == "FR":
                found = Destination(
                    number=row["expected_e164_or_short"],
                    region=row["expected_region"],
                    number_class=NumberClass(row["expected_class"]),
                )
                home = found.region == "FR" and found.number_class in ORDINARY_CLASSES
                yield entry_of[row["outside_prefix"]], row["dialled"], found, home


ROWS = list(rows())
EMERGENCY_ROWS = [
    (entry, dialled, found.number) for entry, dialled, found, _ in ROWS if found.number_class is NumberClass.EMERGENCY
]


@pytest.fixture(scope="module")
def last_resort(settings: Settings, clinics: dict[str, Clinic]) -> Context:
    return read(write_last_resort(settings, clinics))["callgate-last-resort"]


# Emergency.


@pytest.mark.parametrize(("entry", "dialled", "number"), [row for row in EMERGENCY_ROWS if PLAIN.fullmatch(row[1])])
def test_every_emergency_form_of_the_truth_file_is_a_literal(
    contexts: dict[str, Context], entry: str, dialled: str, number: str
) -> None:
    (step,) = contexts[f"callgate-emergency-{entry}"].extensions[dialled]
    assert step.application == f"Goto(callgate-emergency-dial-{entry},{number},1)"


def folded(fold: Context, dialled: str) -> str:
    """What the fold makes of a dialled string, by the steps that are written."""
    text = dialled
    for step in fold.extensions["s"]:
        if found := re.fullmatch(
            r"Set\(CALLGATE_FOLDED=\$\{STRREPLACE\(CALLGATE_FOLDED,(.),(.)\)\}\)", step.application
        ):
            text = text.replace(found[1], found[2])
    return "".join(sign for sign in text if sign not in " .()-") if set(text) <= set("0123456789+*# .()-") else ""


@pytest.mark.parametrize(
    ("entry", "dialled", "number"),
    [row for row in EMERGENCY_ROWS if not PLAIN.fullmatch(row[1]) and all(map(SEPARATORS.fullmatch, row[1]))],
)
def test_an_emergency_number_that_separators_or_unicode_digits_hide_is_found(
    contexts: dict[str, Context], entry: str, dialled: str, number: str
) -> None:
    assert contexts[f"callgate-number-{entry}"].find(dialled), "it reaches the road"
    (step,) = contexts[f"callgate-emergency-{entry}"].extensions[folded(contexts["callgate-fold"], dialled)]
    assert step.application == f"Goto(callgate-emergency-dial-{entry},{number},1)"


def test_only_addresses_with_a_scheme_are_left_to_the_gate() -> None:
    """Asterisk itself takes the number out of a SIP address before the dialplan sees it."""
    left = [dialled for _, dialled, _ in EMERGENCY_ROWS if not all(map(SEPARATORS.fullmatch, dialled))]
    assert [dialled.partition(":")[0] for dialled in left] == ["sip", "sip"]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_emergency_form_is_looked_for_before_anything_else_and_is_never_a_pattern(
    contexts: dict[str, Context], entry: str
) -> None:
    assert contexts[entry].includes[0] == f"callgate-emergency-{entry}"
    forms = contexts[f"callgate-emergency-{entry}"].extensions
    assert [form for form in forms if form.startswith("_") or not PLAIN.fullmatch(form)] == []
    read_as = {form: read_dialled(form, plan=PLAN, outside_prefix=ENTRIES[entry]) for form in forms}
    assert {form for form, found in read_as.items() if found.number_class is not NumberClass.EMERGENCY} == set()
    assert [f"Goto(callgate-emergency-dial-{entry},{found.number},1)" for found in read_as.values()] == [
        step.application for (step,) in forms.values()
    ]


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("number", EMERGENCY)
def test_an_emergency_call_waits_for_nothing_has_no_limit_and_tries_each_trunk(
    contexts: dict[str, Context], entry: str, number: str
) -> None:
    steps = [step.application for step in contexts[f"callgate-emergency-dial-{entry}"].extensions[number]]
    assert steps == [
        "Set(TIMEOUT(absolute)=0)",
        "Set(_CALLGATE_GRANT=emergency)",
        f"Dial(PJSIP/{number}@carrier-a,120)",
        f"Dial(PJSIP/+33{number}@carrier-b,120)",
        "Hangup(${HANGUPCAUSE})",
    ]


# What a caller types.


def calls(application: str) -> Iterator[tuple[str, str]]:
    """Every Goto, Gosub, Dial and the like in a step, with the text of its arguments."""
    for found in re.finditer(r"\b(Goto|GotoIf|Gosub|GosubIf|Dial|Exec|ExecIf|Macro|System|Originate)\(", application):
        depth, end = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(application[end], 0)
            end += 1
        yield found[1], application[found.end() : end - 1]


def is_proven(extension: str) -> bool:
    """Whether an extension is a pattern of digits, perhaps with one plus, of one length: nothing else gets through."""
    return re.fullmatch(r"_\+?[0-9]*\+?(?:[0-9X]|\[[0-9-]+\])+", extension) is not None


def test_what_was_dialled_never_stands_where_it_could_be_read_as_dialplan(contexts: dict[str, Context]) -> None:
    for context, extension, step in steps_of(contexts):
        for application, arguments in calls(step.application):
            if application == "ExecIf" and is_proven(extension) and "?Set(CALLGATE_NUMBER=" in arguments:
                continue
            assert "EXTEN}" not in arguments, (context, extension, step)
            assert "EXTEN:" not in arguments, (context, extension, step)
            if "CALLGATE_DIALLED" in arguments:
                assert re.search(
                    r"(LEN|FILTER|URIENCODE)\([^,]*\$\{CALLGATE_DIALLED\}|FILTER\(.*CALLGATE_DIALLED", arguments
                )


def test_the_extension_is_read_in_four_places_only(contexts: dict[str, Context]) -> None:
    """Kept untouched for the record; cut behind a code; and made into an ordinary number that a pattern has proven."""
    for context, extension, step in steps_of(contexts):
        if "${EXTEN" not in step.application:
            continue
        kept = context.startswith("callgate-number-") and step.application == "Set(CALLGATE_DIALLED=${EXTEN})"
        cut = context.startswith("callgate-codes-") and re.fullmatch(
            r"Set\(CALLGATE_BARE=[09]?\$\{EXTEN:\d\}\)", step.application
        )
        proven = context.startswith("callgate-ordinary-") and is_proven(extension)
        assert kept or cut or proven, (context, extension, step)


def test_an_agi_argument_holds_nothing_that_could_end_it(contexts: dict[str, Context]) -> None:
    (step,) = (step for _, _, step in steps_of(contexts) if step.application.startswith("AGI("))
    _, *arguments = step.application.removeprefix("AGI(").removesuffix(")").split(",", 1)
    assert "dialled=${URIENCODE(${CALLGATE_PLAIN})}" in arguments[0]
    assert "caller=${FILTER(0-9+,${CALLERID(num)})}" in arguments[0]
    assert "CALLGATE_DIALLED" not in arguments[0]


def test_what_is_asked_is_what_is_sealed_and_the_key_stands_nowhere(
    contexts: dict[str, Context], settings: Settings, written: str
) -> None:
    key = key_file(settings.gate)
    (agi,) = (step.application for _, _, step in steps_of(contexts) if step.application.startswith("AGI("))
    (seal,) = (
        step.application for _, _, step in steps_of(contexts) if step.application.startswith("Set(CALLGATE_SEAL")
    )
    question = agi.removeprefix("AGI(agi://127.0.0.1:4599/v1,").removesuffix(",seal=${CALLGATE_SEAL})")
    inner = f"${{SHA1(${{FILE({key},32,32)}}{question})}}"
    assert seal == f"Set(CALLGATE_SEAL=${{SHA1(${{FILE({key},0,32)}}{inner})}})"
    assert key.read_text() == KEY
    assert KEY[:16] not in written


def test_where_the_settings_want_no_seal_the_dialplan_reads_no_key(
    settings: Settings, clinics: dict[str, Clinic]
) -> None:
    gate = msgspec.structs.replace(settings.gate, seal=Sealing.OFF)
    written = write_dialplan(msgspec.structs.replace(settings, gate=gate), clinics)
    assert "Set(CALLGATE_SEAL=)" in written
    assert "seal.key" not in written


def test_no_extension_is_longer_than_asterisk_can_hold(contexts: dict[str, Context]) -> None:
    assert [extension for _, extension, _ in steps_of(contexts) if len(extension.encode()) > 79] == []


# Every way leads somewhere.

TARGET = re.compile(
    r"(?:Goto|Gosub|GotoIf|callgate-[a-z-]+)?"
    r"(?P<context>callgate-[a-z-]+(?:-?\$\{CALLGATE_ENTRY\}|-?\$\{ARG\d\})?[a-z0-9-]*)[,^](?P<extension>[^,^?:()]+)[,^](?P<priority>\w+)"
)


def targets(application: str) -> Iterator[tuple[str, str]]:
    """Context and extension of everything a step names: Goto, Gosub, b(), handlers, DIALPLAN_EXISTS."""
    for found in TARGET.finditer(application):
        yield found["context"], found["extension"]
    for found in re.finditer(r"U\((callgate-[a-z-]+)", application):
        yield found[1], "s"


def test_every_context_and_extension_that_is_named_exists(contexts: dict[str, Context]) -> None:
    seen = set()
    for context, extension, step in steps_of(contexts):
        for name, target in targets(step.application):
            for entry in ENTRIES:
                found = contexts.get(name.replace("${CALLGATE_ENTRY}", entry))
                assert found is not None, (context, extension, step, name)
                assert target.startswith("$") or found.find(target) is not None, (context, extension, step)
            seen.add(name)
    assert len(seen) > 15, "the reader of targets has gone blind"
    assert seen >= {"callgate-leg", "callgate-answered", "callgate-settle", "callgate-abandoned", "callgate-road"}


def test_every_label_that_is_jumped_to_exists(contexts: dict[str, Context]) -> None:
    jumps = 0
    for context, extension, step in steps_of(contexts):
        labels = {other.label for other in contexts[context].extensions[extension]}
        for application, arguments in calls(step.application):
            if application == "GotoIf":
                branches = arguments[arguments.rindex("?") + 1 :].split(":")
                for branch in branches:
                    if "," not in branch:
                        jumps += 1
                        assert branch in labels, (context, extension, step)
            elif application == "Goto" and "," not in arguments:
                jumps += 1
                assert arguments in labels, (context, extension, step)
    assert jumps > 20


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_context_that_is_included_exists(contexts: dict[str, Context], entry: str) -> None:
    assert contexts[entry].includes == [f"callgate-emergency-{entry}", f"callgate-number-{entry}"]
    assert all(name in contexts for name in contexts[entry].includes)


def test_every_value_of_the_road_is_filled_in(written: str) -> None:
    lines = [line for line in written.splitlines() if not line.startswith(";")]
    assert [line for line in lines if re.search(r"@[A-Z_]+@", line)] == []


# Without a verdict.


def bare(contexts: dict[str, Context], entry: str, dialled: str) -> str:
    """What remains behind the caller-id codes, by the steps that are written."""
    if not PLAIN.fullmatch(dialled):
        return folded(contexts["callgate-fold"], dialled)
    steps = contexts[f"callgate-codes-{entry}"].find(dialled)
    if steps is None:
        return dialled
    found = re.fullmatch(r"Set\(CALLGATE_BARE=(\d?)\$\{EXTEN:(\d)\}\)", steps[0].application)
    assert found
    return found[1] + dialled[int(found[2]) :]


def evaluated(value: str, dialled: str) -> str:
    """What Asterisk makes of ``${EXTEN}`` and ``${EXTEN:3}``."""
    return re.sub(r"\$\{EXTEN(?::(\d+))?\}", lambda cut: dialled[int(cut[1] or 0) :], value)


def number_for(steps: list[Step], attempt: int, dialled: str) -> str:
    """The number the dialplan would dial by itself on one trunk."""
    condition = f'ExecIf($["${{CALLGATE_ATTEMPT}}" = "{attempt}"]?Set(CALLGATE_NUMBER='
    (step,) = (step for step in steps if step.application.startswith(condition))
    return evaluated(step.application.removeprefix(condition)[:-2], dialled)


def meant(settings: Settings, attempt: int, found: Destination) -> str:
    """A number as the trunk of this attempt wants it."""
    trunk = settings.trunk_named(settings.entry[0].trunks[attempt - 1])
    assert trunk is not None
    return to_wire(found, trunk.number_format, PLAN)


def test_no_number_but_an_ordinary_one_goes_without_a_verdict_and_it_is_dialled_as_it_is_meant(
    contexts: dict[str, Context], settings: Settings
) -> None:
    went = set()
    for name, dialled, found, home in ROWS:
        remains = bare(contexts, name, dialled)
        steps = contexts[f"callgate-ordinary-{name}"].find(remains) if remains != "allowance" else None
        if steps is None or found.number_class is NumberClass.EMERGENCY:
            continue
        assert home or found.number in PLAN.must_reach_numbers, (name, dialled, found)
        for attempt in (1, 2):
            assert number_for(steps, attempt, remains) == meant(settings, attempt, found)
        went.add((name, dialled))
    usual = {
        (name, dialled)
        for name, dialled, found, home in ROWS
        if home and re.fullmatch(rf"{ENTRIES[name]}(0[1-9]|\+33|0033)[0-9]{{8,9}}", dialled) and "+330" not in dialled
    }
    assert usual - went == set(), "an ordinary number as people dial it goes"
    assert len(went) > 50


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_ordinary_pattern_is_of_digits_alone_and_never_an_emergency_form(
    contexts: dict[str, Context], entry: str
) -> None:
    patterns = [name for name in contexts[f"callgate-ordinary-{entry}"].extensions if name != "allowance"]
    assert [name for name in patterns if not is_proven(name)] == []
    emergency = contexts[f"callgate-emergency-{entry}"].extensions
    assert [(name, form) for name in patterns for form in emergency if fits(name, form)] == []


def test_the_allowance_is_that_of_the_clinics_policy(contexts: dict[str, Context]) -> None:
    steps = [step.application for step in contexts["callgate-ordinary-callgate"].extensions["allowance"]]
    assert steps == [
        "Set(CALLGATE_CALLS_MAX=30)",
        "Set(CALLGATE_PER_S=60)",
        "Set(CALLGATE_PERIOD_S=3600)",
        "Set(CALLGATE_MARK=1250)",
        "Set(CALLGATE_MARKS_MAX=4000)",
        "Return()",
    ]


def steps_that_name_the_counts(contexts: dict[str, Context]) -> list[str]:
    return [
        step.application
        for context in contexts.values()
        for steps in context.extensions.values()
        for step in steps
        if "/allowance-" in step.application
    ]


def test_no_variable_of_a_program_leads_what_is_counted_to_another_folder(contexts: dict[str, Context]) -> None:
    """A program may begin at any step with any variable set, and Asterisk may write its own settings."""
    found = steps_that_name_the_counts(contexts)
    assert len(found) > 10
    for step in found:
        paths = re.findall(r"/allowance-(.*?)-(?:calls|spent|back)-(\$[{[][A-Z]+\()", step)
        assert paths
        assert set(paths) <= {
            (f"${{FILTER(0-9a-z\\-,${{{name}}})}}", start)
            for name in ("CALLGATE_CLINIC", "ARG2")
            for start in ("$[FLOOR(", "${FILTER(")
        }


def counting_steps(contexts: dict[str, Context]) -> list[str]:
    return [step.application for step in contexts["callgate-allowance"].extensions["s"]]


def test_a_call_that_comes_as_the_hour_ends_is_counted_in_one_hour(contexts: dict[str, Context]) -> None:
    """It was written into the hour that ended and looked for in the next one, where nothing stood: so it went."""
    assert [step for step in counting_steps(contexts) if "EPOCH" in step] == ["Set(CALLGATE_INSTANT=${EPOCH})"]


def test_what_other_calls_give_back_meanwhile_makes_no_room(contexts: dict[str, Context]) -> None:
    """Read last, it held what was set aside only after the rest had been read: a call too much went."""
    (step,) = (step for step in counting_steps(contexts) if "-back-" in step and step.endswith("?over)"))
    assert step.index("-back-") < step.index("-spent-")


def test_no_call_that_leaves_by_its_first_trunk_waits_for_a_lock_of_asterisks(contexts: dict[str, Context]) -> None:
    """Measured: LOCK() costs a call 8 to 11 ms, for it lets the channel be served by another thread meanwhile."""
    locking = [
        name
        for name, context in contexts.items()
        if any("LOCK(" in step.application for steps in context.extensions.values() for step in steps)
    ]
    assert locking == ["callgate-allowance-back"], "a call that is over, or refused, or whose trunk is not there"


# When our file is missing.


def test_the_last_resort_names_nothing_of_the_missing_file(last_resort: Context) -> None:
    applications = [step.application for steps in last_resort.extensions.values() for step in steps]
    assert all(
        re.fullmatch(r"Dial\(PJSIP/[^,]+@carrier-a,\d+(,S\(900\)ib\(callgate-last-resort-leg\^s\^1\))?\)", found)
        for found in applications
    )
    assert last_resort.includes == []


@pytest.mark.parametrize("number", EMERGENCY)
def test_the_last_resort_dials_emergency_numbers_with_and_without_the_outside_digit(
    last_resort: Context, number: str
) -> None:
    for form in (number, f"0{number}"):
        assert last_resort.extensions[form] == [Step(label="", application=f"Dial(PJSIP/{number}@carrier-a,120)")]


def test_an_ordinary_call_of_the_last_resort_is_vetoed_while_the_road_is_there(
    settings: Settings, clinics: dict[str, Clinic], contexts: dict[str, Context]
) -> None:
    leg = read(write_last_resort(settings, clinics))["callgate-last-resort-leg"].extensions["s"]
    assert [step.application for step in leg] == [
        "GotoIf(${DIALPLAN_EXISTS(callgate-road,s,1)}?gate)",
        "Set(CALLGATE_GRANT=local:last-resort)",
        "Return()",
        "Hangup(21)",
    ]
    assert contexts["callgate-road"].find("s")


def test_the_last_resort_lets_only_ordinary_numbers_go_and_dials_what_is_meant(
    last_resort: Context, settings: Settings
) -> None:
    went = 0
    for name, dialled, found, home in ROWS:
        steps = last_resort.find(dialled) if name == "callgate" else None
        if steps is None or found.number_class is NumberClass.EMERGENCY:
            continue
        assert home or found.number in PLAN.must_reach_numbers, (dialled, found)
        value = steps[0].application.removeprefix("Dial(PJSIP/").partition("@")[0]
        assert evaluated(value, dialled) == meant(settings, 1, found)
        went += 1
    assert went > 10


def test_in_the_last_resort_the_extension_is_dialled_only_under_a_pattern_that_proves_it(last_resort: Context) -> None:
    for extension, steps in last_resort.extensions.items():
        assert is_proven(extension) or all("${" not in step.application for step in steps), extension


# The samples.


def test_a_code_that_shows_the_number_does_not_withhold_it(tmp_path: Path) -> None:
    american = policy_text(
        {
            'home     = "FR"': 'home = "US"',
            'allow = ["FR"': 'allow = ["US", "FR"',
            'timezone = "Europe/Paris"': 'timezone = "America/New_York"',
        }
    )
    settings = load_settings(write_site(tmp_path, policy=american))
    codes = read(write_dialplan(settings, load_clinics(settings, tmp_path)))["callgate-codes-callgate"]
    hides = {
        code: any("CALLGATE_WITHHELD" in step.application for step in codes.find(code + "2125550147") or [])
        for code in ("*67", "*82", "0*67", "0*82", "*31#")
    }
    assert hides == {"*67": True, "*82": False, "0*67": True, "0*82": False, "*31#": True}


@pytest.mark.parametrize(
    ("name", "words"),
    [("callgate.conf", []), ("callgate-last-resort.conf", ["--last-resort"])],
    ids=["main", "last resort"],
)
def test_the_sample_is_what_the_command_writes(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """After a change: ``make dialplan``."""
    assert main(["--settings", str(ROOT / "policies" / "callgate.toml"), "dialplan", *words]) == 0
    assert capsys.readouterr().out == (ROOT / "asterisk-conf" / name).read_text(encoding="utf-8")


def test_every_start_of_a_number_reaches_the_road_and_letters_do_not(contexts: dict[str, Context]) -> None:
    number = contexts["callgate-number-callgate"]
    assert all(number.find(f"{start}1") for start in "0123456789+*# .(\u0660\uff11\uff0b\u00a0")
    assert not any(number.find(f"{start}1") for start in string.ascii_letters)
