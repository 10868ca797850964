"""A dial string is followed through variables, subroutines and functions to what it may be."""

import pytest

from callgate.audit.dialplan import dialplan_of
from callgate.audit.lines import parse_document
from callgate.audit.patterns import ANYTHING, CHOSEN, DEVICE, DIGIT, DIGITS, TRUNK
from callgate.audit.values import values_of

DIALPLAN = """\
[globals]
OUT_1 = PJSIP
OUT_1_SUFFIX = @carrier
OUT_2 = AMP:Dongle/d0/$OUTNUM$
[c]
exten => _0X.,1,Set(__A=one)
 same => n,Set(A=two)
 same => n,Set(GLOBAL(G)=three)
 same => n,Set(LOOP=${LOOP}&${A})
 same => n,MSet(M=1,N=2)
 same => n,ExecIf($[1]?Set(E=four):Set(E=five))
 same => n,Gosub(sub,s,1(PJSIP/x,${EXTEN:1}))
 same => n,GosubIf($[1]?sub,s,1(PJSIP/y):sub,s,1(PJSIP/z))
 same => n,Macro(old,first)
 same => n,Read(R,beep)
 same => n,Set(TRUNKNO=${ARG9})
 same => n,Set(C=$[1 + 1])
[sub]
exten => s,1,NoOp()
[macro-old]
exten => s,1,NoOp()
[short]
exten => _2XX,1,NoOp()
"""


@pytest.mark.parametrize(
    ("context", "text", "values"),
    [
        ("c", "plain", {"plain"}),
        ("c", "${A}", {"one", "two"}),
        ("c", "${A}/${EXTEN}", {f"one/{CHOSEN}", f"two/{CHOSEN}"}),
        ("c", "${G}${GLOBAL(G)}", {"threethree"}),
        ("c", "${M}${N}", {"12"}),
        ("c", "${E}", {"four", "five"}),
        ("c", "${R}", {CHOSEN}),
        ("c", "${UNSET}", {ANYTHING}),
        ("c", "${C}", {ANYTHING}),
        ("c", "${LOOP}", {"&one", "&two"}),
        ("c", "${OUT_${M}}/1${OUT_${M}_SUFFIX}", {"PJSIP/1@carrier"}),
        ("c", "${OUT_${UNSET}}", {"PJSIP", "@carrier", "AMP:Dongle/d0/$OUTNUM$"}),
        ("c", "${CUT(OUT_2,$,1):4}", {"Dongle/d0/"}),
        ("c", "${CUT(OUT_2,$,${UNSET})}", {ANYTHING}),
        ("c", "${EXTEN:1}", {CHOSEN}),
        ("c", "${EXTEN:-2}", {DIGIT * 2}),
        ("c", "${FILTER(0-9,${EXTEN})}", {DIGITS}),
        ("c", "${FILTER(0-9&,${EXTEN})}", {ANYTHING}),
        ("c", "${IF($[1]?PJSIP/a:PJSIP/b)}", {"PJSIP/a", "PJSIP/b"}),
        ("c", "${CALLERID(num)}", {CHOSEN}),
        ("c", "${EPOCH}", {DIGITS}),
        ("c", "${DB(DEVICE/21/dial)}", {DEVICE}),
        ("c", "${DB(anything/else)}", {ANYTHING}),
        ("c", "${PJSIP_DIAL_CONTACTS(21)}", {"PJSIP/21"}),
        ("c", "${WAZO_INTERFACE${TRUNKNO}}", {TRUNK}),
        ("c", "${WAZO_INTERFACE}", {DEVICE}),
        ("c", "${CONTEXT}", {"c"}),
        ("c", "${", {ANYTHING}),
        ("sub", "${ARG1}", {"PJSIP/x", "PJSIP/y", "PJSIP/z"}),
        ("sub", "${ARG2}", {CHOSEN}),
        ("macro-old", "${ARG1}", {"first"}),
        ("short", "${EXTEN}", {f"2{DIGIT * 2}"}),
        ("short", "${EXTEN:1}", {DIGIT * 2}),
        ("short", "${EXTEN:0:1}", {"2"}),
        ("short", "${EXTEN:1:0}", {""}),
    ],
)
def test_a_text_becomes_everything_it_may_be(context: str, text: str, values: set[str]) -> None:
    dialplan = dialplan_of(parse_document("extensions.conf", DIALPLAN))
    step = next(iter(dialplan.contexts[context].steps()))
    assert values_of(dialplan).expand(text, step) == values


def test_too_many_values_count_as_anything() -> None:
    lines = "".join(f"exten => {number},1,Set(A={number})\n" for number in range(100))
    dialplan = dialplan_of(parse_document("extensions.conf", f"[c]\n{lines}"))
    assert values_of(dialplan).expand("${A}", None) == {ANYTHING}
    few = "".join(f"exten => {number},1,Set(A={number})\n" for number in range(20))
    dialplan = dialplan_of(parse_document("extensions.conf", f"[c]\n{few}"))
    assert values_of(dialplan).expand("PJSIP/${A}@${A}", None) == {f"PJSIP/{ANYTHING}@{ANYTHING}"}


def test_a_telephone_brings_its_variables_along() -> None:
    dialplan = dialplan_of(parse_document("extensions.conf", "[c]\n"))
    assert values_of(dialplan, [("__WAY", "PJSIP/carrier")]).expand("${WAY}", None) == {"PJSIP/carrier"}
