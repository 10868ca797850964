"""Writes the dialplan of an installation from its settings, number plans and policies: one file for Asterisk.

The road of a call is the same everywhere (asterisk-conf/road.conf). What differs is written here: for each entry its
emergency literals, its caller-id codes, its trunks and the ordinary national patterns that may go without a verdict.
"""

import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from callgate.allowance_files import HOUR_S, LINE_BYTES, MARKS_MAX, NAMES, Marks, place_of_counts
from callgate.clinic import Clinic, emergency_wire
from callgate.core.allowance import LENT_SECONDS
from callgate.core.plan import NumberPlan, Presentation
from callgate.core.spelling import FULL_WIDTH_PLUS, SEPARATORS
from callgate.core.verdict import VERSION
from callgate.core.wire import NumberFormat, e164_to_wire
from callgate.install.ordinary import OrdinaryPattern, ordinary_patterns
from callgate.resources import resource
from callgate.seal import HALF, key_file
from callgate.settings import EntrySettings, GateSettings, Sealing, Settings, TrunkSettings

NOW = "${STRFTIME(,,%s.%3q)}"
NUMBER_CHARACTERS = "0-9+*#"
EMERGENCY_RING_S = 120
_ONE_OF_OURS = '${IF($["${STACK_PEEK(1,c,1)}" = "callgate-judged"]?%s)}'
"""Who begins at one of these steps has no way back from them, and so no extension and no origin."""
QUESTION = ",".join(
    (
        "entry=${CALLGATE_ENTRY}",
        "trunk=${CALLGATE_TRUNK}",
        "passage=${CALLGATE_PASSAGE}",
        "attempt=${CALLGATE_ATTEMPT}",
        "nonce=${CALLGATE_NONCE}",
        "supersedes=${CALLGATE_GIVEN}",
        "extension=" + _ONE_OF_OURS % "${CALLGATE_EXTENSION}",
        "origin=" + _ONE_OF_OURS % "${CALLGATE_ORIGIN}:unknown",
        "caller=${FILTER(0-9+,${CALLERID(num)})}",
        "dialled=${URIENCODE(${CALLGATE_PLAIN})}",
        "asked=${CALLGATE_ASKED}",
    )
)
"""What the gate is asked: the arguments of the AGI line, and what its seal is made of."""
_HEADER = """\
; callgate: the dialplan of this installation. Written by `callgate dialplan`; do not edit, write it again instead.
; In extensions.conf:      #tryinclude "callgate.conf"    (never #include: a missing file would take every context)
; In the phones' context:  include => {entries}           (last, after the internal contexts)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One entry with everything that is written for it."""

    entry: EntrySettings
    clinic: Clinic
    trunks: tuple[TrunkSettings, ...]

    @property
    def plan(self) -> NumberPlan:
        return self.clinic.plan

    @property
    def emergency_numbers(self) -> list[str]:
        return [entry.number for entry in self.plan.emergency]


def write_dialplan(settings: Settings, clinics: dict[str, Clinic]) -> str:
    """Write the file `callgate.conf`.

    Args:
        settings: checked.
        clinics: by name, each entry's among them.
    """
    sites = [_site(settings, clinics, entry) for entry in settings.entry]
    lines = [_HEADER.format(entries=" / ".join(site.entry.context for site in sites))]
    for site in sites:
        lines += [*_entry(site), *_emergency_forms(site), *_codes(site), *_trunks(site), *_ordinary(site)]
    lines += [*_emergency(sites), *_carrier_endpoints(settings), *_clinics(sites), *_fold()]
    return "\n".join(lines) + "\n\n" + _road(settings)


def write_last_resort(settings: Settings, clinics: dict[str, Clinic]) -> str:
    """Write the small context that stays in the installer's own file, for the day `callgate.conf` is missing.

    Emergency numbers and ordinary national ones of the first entry, on its first trunk; nothing else.
    """
    site = _site(settings, clinics, settings.entry[0])
    trunk = site.trunks[0]
    lines = [
        "; Keep this in extensions.conf itself, and in the phones' context, after callgate's:",
        ";   include => callgate-last-resort",
        "; It is reached only while callgate.conf is missing.",
        "[callgate-last-resort]",
    ]
    for number in site.emergency_numbers:
        dial = f"Dial(PJSIP/{emergency_wire(number, trunk, site.plan)}@{trunk.endpoint},{EMERGENCY_RING_S})"
        lines += [f"exten => {form},1,{dial}" for form in (number, *_with_prefix(number, site))]
    for pattern in _patterns(site):
        for prefix in _prefixes(pattern, site):
            number = _ordinary_number(pattern, prefix, trunk, site)
            options = f"S({LENT_SECONDS})ib(callgate-last-resort-leg^s^1)"
            dial = f"Dial(PJSIP/{number}@{trunk.endpoint},{settings.dialplan.ring_timeout_s},{options})"
            lines.append(f"exten => _{prefix}{pattern.pattern},1,{dial}")
    lines += [
        "; The leg of an ordinary call. Nothing of this leaves while callgate.conf is there: what a phone's 302 or a",
        "; program sends here passes the gate or stays. Asked at the last moment, so that no reload comes between.",
        "[callgate-last-resort-leg]",
        "exten => s,1,GotoIf(${DIALPLAN_EXISTS(callgate-road,s,1)}?gate)",
        " same => n,Set(CALLGATE_GRANT=local:last-resort)",
        " same => n,Return()",
        " same => n(gate),Hangup(21)",
    ]
    return "\n".join(lines) + "\n"


def _site(settings: Settings, clinics: dict[str, Clinic], entry: EntrySettings) -> _Site:
    trunks = tuple(trunk for name in entry.trunks if (trunk := settings.trunk_named(name)) is not None)
    return _Site(entry=entry, clinic=clinics[entry.clinic], trunks=trunks)


def _road(settings: Settings) -> str:
    text = resource("asterisk-conf/road.conf").read_text(encoding="utf-8")
    values = {
        "@NOW@": NOW,
        "@VERSION@": VERSION,
        "@AGI@": settings.dialplan.agi,
        "@SEAL@": _seal(settings.gate, QUESTION),
        "@ANSWER_SEAL@": _answer_seal(settings.gate),
        "@QUESTION@": QUESTION,
        "@BOUND_S@": f"{settings.dialplan.bound_s:g}",
        "@RING_TIMEOUT_S@": str(settings.dialplan.ring_timeout_s),
        "@LOCAL_SECONDS@": str(LENT_SECONDS),
        "@SPOOL@": settings.gate.spool,
        "@SOUNDS@": settings.dialplan.sounds,
    }
    for name, value in {**_counts(settings.gate.spool), **values}.items():
        text = text.replace(name, value)
    return text


def _counts(spool: str) -> dict[str, str]:
    """What the dialplan counts in (`callgate.allowance_files`), each a part of one step.

    A program may begin at that step, with any variable set: so the paths and the lines are made there, of what is
    filtered there. ITS files are those of the call whose line stands in a given place, a period and an offset.
    """
    place, digits = place_of_counts(spool), "0-9"

    def hour(instant: str) -> str:
        return f"$[FLOOR({instant} / {HOUR_S}) % {NAMES}]"

    def kept(characters: str, text: str) -> str:
        return f"${{FILTER({characters},{text})}}"

    instant = kept(digits, "${CALLGATE_INSTANT}")
    clinic, its_clinic = (place + kept(r"0-9a-z\-", name) for name in ("${CALLGATE_CLINIC}", "${ARG2}"))
    calls = f"{clinic}-calls-$[FLOOR(0{instant} / ${{CALLGATE_PERIOD_S}}) % {NAMES}]"
    its_calls = f"{its_clinic}-calls-{kept(digits, '${CUT(CALLGATE_FROM,.,1)}')}"
    its_instant = f"0${{FILE({its_calls},$[${{CALLGATE_AT}} + 37],10)}}"
    nonce = r"${FILTER(0-9a-f\-,${CALLGATE_NONCE}" + "-" * 36 + "):0:36}"
    marks = f"${{SPRINTF(%04d,0{kept(digits, '${CALLGATE_ASIDE}')}):0:4}}"
    at = r"${FILTER(0-9,${CALLGATE_INSTANT}" + "0" * 10 + "):0:10}"
    line = f"{nonce}.{at}.{marks}"
    return {
        "@SPENT@": f"{clinic}-spent-{hour('0' + instant)}",
        "@BACK@": f"{clinic}-back-{hour('0' + instant)}",
        "@CALLS@": calls,
        "@EARLIER_INSTANT@": f"0${{FILTER({digits},${{FILE({calls},$[${{CALLGATE_EARLIER}} + 37],10)}})}}",
        "@ITS_CALLS@": its_calls,
        "@ITS_BACK@": f"{its_clinic}-back-{hour(its_instant)}",
        "@CALL_LINE@": line + "." * (LINE_BYTES - len("\n") - 36 - len(".1795370990.0720")),
        "@CLINIC@": kept(r"0-9a-z\-", "${CALLGATE_CLINIC}"),
        "@LINE@": str(LINE_BYTES),
        "@MARKS@": str(MARKS_MAX),
        "@NAMES@": str(NAMES),
    }


def _seal(gate: GateSettings, text: str) -> str:
    """The seal of a text (`callgate.seal.Seal.of`). Asterisk prints its value at a call, never the key."""
    if gate.seal is Sealing.OFF:
        return ""
    outer, inner = (f"${{FILE({key_file(gate)},{start},{HALF})}}" for start in (0, HALF))
    return f"${{SHA1({outer}${{SHA1({inner}{text})}})}}"


def _answer_seal(gate: GateSettings) -> str:
    """What must stand behind the token of the gate's answer (`callgate.seal.Seal.sealed`)."""
    seal = _seal(gate, "${CUT(CALLGATE_VERDICT,|,1-8)}")
    return f"|{seal}" if seal else ""


def _entry(site: _Site) -> Iterator[str]:
    """The context phones include: emergency literals first, then everything that may be a number."""
    context = site.entry.context
    # A set matches single bytes, and an extension has at most 80 of them: one character for each first byte will do.
    starts = "".join({character.encode()[0]: character for character, _ in _unicode_forms()}.values())
    yield f"[{context}]"
    yield f"include => callgate-emergency-{context}"
    yield f"include => callgate-number-{context}"
    yield ""
    yield f"[callgate-number-{context}]"
    # Not `_.`: it would also catch h, i, t and T of the contexts that include this one. An extension that starts with
    # anything else is refused by Asterisk itself. Not `_[0-9+*#]!`: where keys are pressed one by one, as in DISA,
    # Asterisk would take what is there for the whole number as soon as nothing else can match.
    for pattern in ("_[0-9+*#]", "_[0-9+*#].", "_[ .(]!", f"_[{starts}]!"):
        # First of all: from here on the channel's last application is our own.
        yield f"exten => {pattern},1,Set(CALLGATE_BEFORE=after_${{FILTER(A-Za-z0-9,${{CDR(lastapp)}})}})"
        # An internal extension of one step, Dial and no more, goes on here when that fails: Asterisk looks for a second
        # step of the same number in every context that is included.
        yield " same => n,GotoIf($[${LEN(${CALLGATE_BEFORE})} = 0]?callgate-not-dialled,s,1)"
        yield " same => n,Set(CALLGATE_DIALLED=${EXTEN})"
        yield f" same => n,Set(CALLGATE_ENTRY={context})"
        yield f" same => n,Set(CALLGATE_CLINIC={site.clinic.name})"
        yield f" same => n,Set(CALLGATE_LANGUAGE={site.clinic.language})"
        yield " same => n,Goto(callgate-road,s,1)"
    yield ""


def _with_prefix(number: str, site: _Site) -> tuple[str, ...]:
    return (site.entry.outside_prefix + number,) if site.entry.outside_prefix else ()


def emergency_forms(number: str, plan: NumberPlan, outside_prefix: str) -> tuple[str, ...]:
    """Every form in which a person dials an emergency number.

    Caller-id codes before and after the outside prefix, the international form some phones make of it, one trailing
    ``#`` (numbers/RULES.md 2, 3, 5).
    """
    codes = ("", *(code.code for code in plan.caller_id_codes))
    prefixes = ("", outside_prefix) if outside_prefix else ("",)
    international = [
        f"+{plan.dial_code}{number}",
        *(idd + plan.dial_code + number for idd in plan.international_prefixes),
    ]
    forms = dict.fromkeys(
        form
        for base in (number, *international)
        for prefix in prefixes
        for code in codes
        for form in (prefix + code + base, code + prefix + base)
    )
    return tuple(form + end for form in forms for end in ("", "#"))


def _emergency_forms(site: _Site) -> Iterator[str]:
    yield f"[callgate-emergency-{site.entry.context}]"
    for number in site.emergency_numbers:
        for form in emergency_forms(number, site.plan, site.entry.outside_prefix):
            yield f"exten => {form},1,Goto(callgate-emergency-dial-{site.entry.context},{number},1)"
    yield ""


def _emergency(sites: list[_Site]) -> Iterator[str]:
    """Emergency: no AGI, no handler, no limit, no file; the trunks in turn until one carries it."""
    for site in sites:
        yield f"[callgate-emergency-dial-{site.entry.context}]"
        for number in site.emergency_numbers:
            yield f"exten => {number},1,Set(TIMEOUT(absolute)=0)"
            # Only a name, by which the guard knows the leg, which inherits it: a handler of its own costs 1.4 ms.
            yield " same => n,Set(_CALLGATE_GRANT=emergency)"
            for trunk in site.trunks:
                wire = emergency_wire(number, trunk, site.plan)
                yield f" same => n,Dial(PJSIP/{wire}@{trunk.endpoint},{EMERGENCY_RING_S})"
            yield " same => n,Hangup(${HANGUPCAUSE})"
        yield ""


def _codes(site: _Site) -> Iterator[str]:
    """Caller-id codes: what remains is the number; a code that hides the caller's number has the last word."""
    yield f"[callgate-codes-{site.entry.context}]"
    prefix = site.entry.outside_prefix
    for code in site.plan.caller_id_codes:
        for before, kept in dict.fromkeys(((prefix + code.code, prefix), (code.code, ""))):
            yield f"exten => _{before}.,1,Set(CALLGATE_BARE={kept}${{EXTEN:{len(before)}}})"
            if code.presentation is Presentation.WITHHELD:
                yield " same => n,Set(CALLGATE_WITHHELD=yes)"
            yield " same => n,Return()"
    yield ""


def _trunks(site: _Site) -> Iterator[str]:
    yield f"; The trunks of {site.entry.context}, in the order they are tried."
    yield f"[callgate-trunk-{site.entry.context}]"
    for attempt, trunk in enumerate(site.trunks, start=1):
        yield f"exten => {attempt},1,Set(CALLGATE_TRUNK={trunk.name})"
        yield f" same => n,Set(CALLGATE_ENDPOINT={trunk.endpoint})"
        yield " same => n,Return()"
    yield ""


def _carrier_endpoints(settings: Settings) -> Iterator[str]:
    yield "; A call that starts on one of these channels has both ends outside."
    yield "[callgate-carrier-endpoints]"
    for endpoint in dict.fromkeys(trunk.endpoint for trunk in settings.trunk):
        yield f"exten => {endpoint},1,NoOp()"
    yield ""


def _clinics(sites: list[_Site]) -> Iterator[str]:
    """By what a phone's line is known to be of a clinic; or that there is one clinic only, and nothing to know."""
    names = dict.fromkeys(site.clinic.name for site in sites)
    if len(names) == 1:
        yield "; The only clinic here: every line is its own."
        yield "[callgate-alone]"
        yield from (f"exten => {name},1,NoOp()" for name in names)
    else:
        yield "; Clinics share this Asterisk. A line is of the clinic to whose mark the context of its phone leads."
        for site in sites:
            yield f"[callgate-number-{site.entry.context}]"
            yield f"exten => clinic-{site.clinic.name},1,Hangup(1)"
    yield ""


def _patterns(site: _Site) -> list[OrdinaryPattern]:
    return ordinary_patterns(site.plan, site.clinic.deck, datetime.now(UTC).date())


def _prefixes(pattern: OrdinaryPattern, site: _Site) -> tuple[str, ...]:
    """What may stand before a pattern: the outside prefix, which a number with a plus does not need."""
    prefix = site.entry.outside_prefix
    return tuple(dict.fromkeys((prefix, ""))) if pattern.pattern.startswith("+") else (prefix,)


def _ordinary_number(pattern: OrdinaryPattern, prefix: str, trunk: TrunkSettings, site: _Site) -> str:
    """The number to dial, made from ${EXTEN}, which a pattern of digits alone has proven."""
    if pattern.number:
        return e164_to_wire(pattern.number[1:], trunk.number_format, site.plan)
    skip = len(prefix) + pattern.strip
    rest = f"${{EXTEN:{skip}}}" if skip else "${EXTEN}"
    if pattern.trunk is None:
        return rest
    if trunk.number_format is NumberFormat.NATIONAL:
        return pattern.trunk + rest
    return e164_to_wire(site.plan.dial_code, trunk.number_format, site.plan) + rest


def _ordinary(site: _Site) -> Iterator[str]:
    """Ordinary national numbers, which may go without a verdict, and the allowance they share."""
    yield f"[callgate-ordinary-{site.entry.context}]"
    for pattern in _patterns(site):
        for prefix in _prefixes(pattern, site):
            yield f"exten => _{prefix}{pattern.pattern},1,Set(CALLGATE_NUMBER=)"
            for attempt, trunk in enumerate(site.trunks, start=1):
                number = _ordinary_number(pattern, prefix, trunk, site)
                yield f' same => n,ExecIf($["${{CALLGATE_ATTEMPT}}" = "{attempt}"]?Set(CALLGATE_NUMBER={number}))'
            yield f" same => n,Set(CALLGATE_CHARGE={pattern.minute_micros})"
            yield " same => n,Return()"
    allowance = site.clinic.policy.when_the_ledger_is_down.ordinary
    marks = Marks.of(allowance)
    yield f"exten => allowance,1,Set(CALLGATE_CALLS_MAX={allowance.calls})"
    yield f" same => n,Set(CALLGATE_PER_S={allowance.per})"
    # Within a period the calls of every span stand in one file.
    yield f" same => n,Set(CALLGATE_PERIOD_S={max(allowance.per, HOUR_S)})"
    yield f" same => n,Set(CALLGATE_MARK={marks.micros})"
    yield f" same => n,Set(CALLGATE_MARKS_MAX={marks.most})"
    yield " same => n,Return()"
    yield ""


def _unicode_forms() -> Iterator[tuple[str, str]]:
    """Every character beyond ASCII that stands for a digit, a plus or a separator, with its ASCII form."""
    for point in range(0x80, sys.maxunicode + 1):
        digit = unicodedata.decimal(chr(point), -1)
        if digit >= 0:
            yield chr(point), str(digit)
    yield FULL_WIDTH_PLUS, "+"
    yield from ((separator, ".") for separator in SEPARATORS if not separator.isascii())


def _fold() -> Iterator[str]:
    """Takes separators out and turns Unicode digits into ASCII ones; returns "" if anything else remains."""
    # Hexadecimal, because a parenthesis would end the function's arguments.
    plain = f"{NUMBER_CHARACTERS}\\x20.\\x28\\x29\\-"
    only_plain = f"$[${{LEN(${{FILTER({plain},${{CALLGATE_FOLDED}})}})}} = ${{LEN(${{CALLGATE_FOLDED}})}}]"
    yield "; Only for what is not plain digits. Separators go, Unicode digits become ASCII; anything else is no number."
    yield "[callgate-fold]"
    yield "exten => s,1,Set(CALLGATE_FOLDED=${CALLGATE_DIALLED})"
    yield f" same => n,GotoIf({only_plain}?number)"
    for character, ascii_character in _unicode_forms():
        yield f" same => n,Set(CALLGATE_FOLDED=${{STRREPLACE(CALLGATE_FOLDED,{character},{ascii_character})}})"
    yield f" same => n,GotoIf({only_plain}?number)"
    yield " same => n,Return()"
    yield f" same => n(number),Return(${{FILTER({NUMBER_CHARACTERS},${{CALLGATE_FOLDED}})}})"
    yield ""
