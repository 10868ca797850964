"""The final answer to one attempt: one row, what the rules and the ledger said, and what the dialplan is told."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.allowance import Lent, Spent
from callgate.core.hold import (
    SECONDS_MAX,
    Denial,
    DenialKind,
    Denied,
    Frozen,
    FrozenCause,
    Gone,
    Held,
    HoldOutcome,
    Stale,
    Unavailable,
    Window,
)
from callgate.core.judge import Pass, Refuse, Reserve, Ruling
from callgate.core.reasons import Reason
from callgate.core.verdict import EMERGENCY_GRANT, Grant, Refusal, Verdict, conclude, in_observation, token
from core.samples import CENT, EURO, FACTORY, PARIS, Call, clinic_rules

NUMBER = "+33142685300"
HOLD_ID = "pbx1.9b2f.1.1795510800"
NONCE = "3d0c6e0a-9d0e-4f6f-8f44-0d6c2f0b9a11"
RESERVE = Reserve(request=Call(dialled=PARIS).request)
HELD = Held(hold_id=HOLD_ID, seconds=7200, amount_micros=2 * CENT)
GRANT = Grant(number=NUMBER, seconds=7200, grant_id=HOLD_ID, held_micros=2 * CENT)
OBSERVING = clinic_rules('mode = "observe"')


def money(window: Window, *, name: str = "costly", retry_s: int = 0) -> Denial:
    return Denial(kind=DenialKind.MONEY, name=name, window=window, left=EURO, retry_s=retry_s)


def lines(name: str) -> Denial:
    return Denial(kind=DenialKind.LINES, name=name, window=None, left=0, retry_s=0)


def starts(name: str, *, retry_s: int = 0) -> Denial:
    return Denial(kind=DenialKind.STARTS, name=name, window=None, left=0, retry_s=retry_s)


NEW_COUNTRY = Denial(kind=DenialKind.NOVELTY, name="country:BE", window=None, left=0, retry_s=0)


@pytest.mark.parametrize(
    ("ruling", "outcome", "verdict"),
    [
        (Pass(), None, Grant(number=NUMBER, seconds=7200, grant_id="emergency", reasons=(Reason.EMERGENCY,))),
        # Nothing the ledger says touches an emergency call.
        (
            Pass(),
            Unavailable(cause="timeout"),
            Grant(number=NUMBER, seconds=7200, grant_id="emergency", reasons=(Reason.EMERGENCY,)),
        ),
        (
            Refuse(reasons=(Reason.COUNTRY_REFUSED, Reason.CLOSED)),
            None,
            Refusal(reasons=(Reason.COUNTRY_REFUSED, Reason.CLOSED)),
        ),
        # A refused call goes on no allowance, and on no hold.
        (Refuse(reasons=(Reason.CLOSED,)), HELD, Refusal(reasons=(Reason.CLOSED,))),
        (
            Refuse(reasons=(Reason.CLOSED,)),
            Lent(grant_id="local:n.1", seconds=900),
            Refusal(reasons=(Reason.CLOSED,)),
        ),
        (RESERVE, HELD, GRANT),
        (RESERVE, replace(HELD, seconds=58), replace(GRANT, seconds=58)),
        # A first slice: the caller is not to be warned of its end.
        (RESERVE, replace(HELD, seconds=60, is_final=False), replace(GRANT, seconds=60, is_final=False)),
        (
            RESERVE,
            Lent(grant_id="local:n.1", seconds=900),
            Grant(number=NUMBER, seconds=900, grant_id="local:n.1", reasons=(Reason.LOCAL_ALLOWANCE,)),
        ),
        (RESERVE, Spent(), Refusal(reasons=(Reason.ALLOWANCE_SPENT,))),
        (RESERVE, None, Refusal(reasons=(Reason.LEDGER_UNAVAILABLE,))),
        (RESERVE, Gone(), Refusal(reasons=(Reason.LEDGER_UNAVAILABLE,))),
        (RESERVE, Unavailable(cause="timeout"), Refusal(reasons=(Reason.LEDGER_UNAVAILABLE,))),
        *((RESERVE, Frozen(cause=cause), Refusal(reasons=(Reason.LEDGER_FROZEN,))) for cause in FrozenCause),
        (RESERVE, Stale(revision=8), Refusal(reasons=(Reason.POLICY_UNAVAILABLE,))),
    ],
)
def test_a_call_goes_only_if_it_is_an_emergency_or_is_held_or_lent(
    ruling: Ruling, outcome: HoldOutcome | Lent | None, verdict: Verdict
) -> None:
    assert conclude(ruling, outcome, NUMBER) == verdict


@pytest.mark.parametrize(
    ("denials", "reasons", "retry_s"),
    [
        ((money(Window.HOUR, retry_s=60),), (Reason.CEILING_HOUR,), 60),
        ((money(Window.DAY),), (Reason.CEILING_DAY,), 0),
        ((money(Window.WEEK),), (Reason.CEILING_WEEK,), 0),
        ((money(Window.MONTH),), (Reason.CEILING_MONTH,), 0),
        ((money(Window.TOTAL),), (Reason.CEILING_TOTAL,), 0),
        ((lines("international"),), (Reason.TOO_MANY_LINES,), 0),
        ((starts("international", retry_s=9),), (Reason.TOO_MANY_STARTS,), 9),
        ((starts("overseas"),), (Reason.TOO_MANY_STARTS,), 0),
        (
            (starts("hotspot", retry_s=43_200), lines("hotspot")),
            (Reason.TOO_MANY_LINES, Reason.TOO_MANY_STARTS),
            43_200,
        ),
        ((starts("same_number:0123456789abcdef"),), (Reason.SAME_NUMBER,), 0),
        ((starts("distinct_foreign"),), (Reason.DISTINCT_NUMBERS,), 0),
        # That something is new refuses nothing: such an answer is none.
        ((NEW_COUNTRY,), (Reason.LEDGER_UNAVAILABLE,), 0),
        # Every limit that was hit is told, heaviest first and each once; the last to reopen says when.
        (
            (
                starts("international", retry_s=900),
                lines("clinic"),
                money(Window.WEEK, retry_s=86_400),
                money(Window.DAY, retry_s=3600),
                money(Window.DAY, name="international", retry_s=7200),
            ),
            (Reason.CEILING_DAY, Reason.CEILING_WEEK, Reason.TOO_MANY_LINES, Reason.TOO_MANY_STARTS),
            86_400,
        ),
    ],
)
def test_a_denied_hold_tells_every_limit_that_was_hit_and_when_to_try_again(
    denials: tuple[Denial, ...], reasons: tuple[Reason, ...], retry_s: int
) -> None:
    expected = Refusal(reasons=reasons, retry_s=retry_s, denials=denials)
    assert conclude(RESERVE, Denied(denials=denials), NUMBER) == expected


@pytest.mark.parametrize(
    ("alarms", "reasons"),
    [
        ((money(Window.DAY, name="national"),), (Reason.NATIONAL_ALARM,)),
        ((starts("bundle"),), (Reason.BUNDLE_OVERRUN,)),
        ((NEW_COUNTRY,), (Reason.FIRST_COUNTRY,)),
        (
            (starts("bundle"), money(Window.WEEK, name="national"), money(Window.DAY, name="national")),
            (Reason.NATIONAL_ALARM, Reason.BUNDLE_OVERRUN),
        ),
    ],
)
def test_an_alarm_lets_the_call_go_and_is_told(alarms: tuple[Denial, ...], reasons: tuple[Reason, ...]) -> None:
    assert conclude(RESERVE, replace(HELD, alarms=alarms), NUMBER) == replace(GRANT, reasons=reasons)


@pytest.mark.parametrize(
    ("alarms", "reasons"),
    [((), (Reason.HOTSPOT,)), ((starts("bundle"),), (Reason.HOTSPOT, Reason.BUNDLE_OVERRUN))],
)
def test_what_the_rules_warn_of_is_told_with_the_grant(alarms: tuple[Denial, ...], reasons: tuple[Reason, ...]) -> None:
    warned = replace(RESERVE, warnings=(Reason.HOTSPOT,))
    assert conclude(warned, replace(HELD, alarms=alarms), NUMBER) == replace(GRANT, reasons=reasons)


REFUSED = Refusal(reasons=(Reason.COUNTRY_REFUSED, Reason.CLOSED), retry_s=60)


@pytest.mark.parametrize("verdict", [GRANT, REFUSED])
def test_a_clinic_that_enforces_its_policy_gets_the_verdict_itself(verdict: Verdict) -> None:
    assert in_observation(verdict, FACTORY, NUMBER, NONCE) == verdict


def test_a_clinic_that_observes_has_its_refused_calls_go_with_the_reasons_told() -> None:
    assert in_observation(REFUSED, OBSERVING, NUMBER, NONCE) == Grant(
        number=NUMBER, seconds=1800, grant_id=f"observe:{NONCE}", reasons=REFUSED.reasons
    )


@pytest.mark.parametrize("reason", [Reason.INVALID, Reason.NOT_A_PUBLIC_NUMBER])
def test_what_no_trunk_can_dial_stays_refused_even_where_a_clinic_observes(reason: Reason) -> None:
    refusal = Refusal(reasons=(reason,))
    assert in_observation(refusal, OBSERVING, "", NONCE) == refusal


@pytest.mark.parametrize("reasons", [(Reason.LOCKED,), (Reason.LOCKED, Reason.COUNTRY_REFUSED)])
def test_what_is_locked_stays_refused_even_where_a_clinic_observes(reasons: tuple[Reason, ...]) -> None:
    """A lock is somebody's order. Under observation it would have let an attack go on."""
    refusal = Refusal(reasons=reasons)
    assert in_observation(refusal, OBSERVING, NUMBER, NONCE) == refusal


@pytest.mark.parametrize(("granted_s", "seconds"), [(58, 1800), (900, 1800), (1800, 1800), (7200, 7200)])
def test_a_call_is_not_cut_short_for_want_of_money_where_a_clinic_observes(granted_s: int, seconds: int) -> None:
    """A refused call went for half an hour, and one that was granted 58 seconds was cut."""
    grant = replace(GRANT, seconds=granted_s)
    assert in_observation(grant, OBSERVING, NUMBER, NONCE) == replace(grant, seconds=seconds)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (GRANT, f"1|grant|{NONCE}|+33142685300|{HOLD_ID}|7200|ok|end"),
        (
            replace(GRANT, seconds=1, reasons=(Reason.NATIONAL_ALARM, Reason.BUNDLE_OVERRUN)),
            f"1|grant|{NONCE}|+33142685300|{HOLD_ID}|1|national_alarm|end",
        ),
        (
            Grant(number="15", seconds=SECONDS_MAX, grant_id=EMERGENCY_GRANT, reasons=(Reason.EMERGENCY,)),
            f"1|grant|{NONCE}|15|emergency|7200|emergency|end",
        ),
        (REFUSED, f"1|refuse|{NONCE}|||0|country_refused|end"),
    ],
)
def test_the_dialplan_is_told_in_eight_fields_the_last_of_which_marks_the_end(verdict: Verdict, text: str) -> None:
    assert token(verdict, NONCE) == text
    assert text.count("|") == 7


@pytest.mark.parametrize("grant", [replace(GRANT, seconds=0), replace(GRANT, seconds=7201), replace(GRANT, number="")])
def test_no_grant_without_a_number_or_of_another_length_is_ever_written(grant: Grant) -> None:
    with pytest.raises(AssertionError):
        token(grant, NONCE)


VERDICTS = st.one_of(
    st.builds(
        Grant,
        number=st.from_regex(r"\+?[0-9]{2,15}", fullmatch=True),
        seconds=st.integers(1, SECONDS_MAX),
        grant_id=st.sampled_from((HOLD_ID, EMERGENCY_GRANT, f"local:{NONCE}.1", f"observe:{NONCE}")),
        held_micros=st.integers(0, EURO),
        reasons=st.lists(st.sampled_from(Reason), max_size=3).map(tuple),
    ),
    st.builds(Refusal, reasons=st.lists(st.sampled_from(Reason), min_size=1, max_size=3).map(tuple)),
)


@given(VERDICTS)
def test_a_token_holds_only_what_the_dialplan_lets_through(verdict: Verdict) -> None:
    """The dialplan takes letters, digits and ``|+.:_-`` alone (asterisk-conf/road.conf), and cuts at the bars."""
    text = token(verdict, NONCE)
    assert re.fullmatch(r"[0-9A-Za-z|+.:_-]+", text)
    fields = text.split("|")
    assert (len(fields), fields[0], fields[2], fields[-1]) == (8, "1", NONCE, "end")
