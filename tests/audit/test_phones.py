"""What a telephone says of itself can send calls past the gate: the audit says where it is believed."""

from pathlib import Path

import pytest

from audit.small import EXTENSIONS, PJSIP, report_of
from callgate.audit.rules import Rule

E = "extensions.conf"
"""What a test adds to it begins at line 9."""
HOUSE = "+[house](+)\n"
OPEN = PJSIP.replace("rewrite_contact = yes\n", "")
WIZARD = "[30]\ntype = wizard\naccepts_registrations = yes\naccepts_auth = yes\ninbound_auth/password = Lk9-turm-4Vx\n"


def places(folder: Path, files: dict[str, str], rule: Rule) -> list[str]:
    findings = report_of(folder, files).findings
    assert {finding.rule for finding in findings} <= {rule}
    return [f"{finding.place.file}:{finding.place.line}" for finding in findings]


@pytest.mark.parametrize(
    ("line", "follows"),
    [
        ("exten => 9,1,Dial(PJSIP/21,20)", True),
        ("exten => 9,1,Dial(PJSIP/21&Local/21@house,20,tr)", True),
        ("exten => 9,1,Dial(PJSIP/21,20,I)", True),
        ("exten => 9,1,Dial(PJSIP/21,20,b(house^i^1)r)", True),
        ("exten => 9,1,RetryDial(busy,5,3,PJSIP/21,20)", True),
        ("exten => 9,1,Page(PJSIP/21,d)", True),
        ("exten => 9,1,Queue(q,r,,,120)", True),
        ("exten => 9,1,Dial(PJSIP/21,20,ri)", False),
        ("exten => 9,1,Dial(PJSIP/21,20,${FROM_A_DATABASE})", False),
        ("exten => 9,1,RetryDial(busy,5,3,PJSIP/21,20,i)", False),
        ("exten => 9,1,Page(PJSIP/21,di)", False),
        ("exten => 9,1,Queue(q,ir,,,120)", False),
        ("exten => 9,1,Queue(q,${FROM_A_DATABASE})", False),
        ("exten => 9,1,Dial(Local/21@house,20)", False),
    ],
)
def test_a_telephone_may_forward_where_the_option_i_is_missing(line: str, *, follows: bool, tmp_path: Path) -> None:
    found = places(tmp_path, {E: f"{HOUSE}{line}\n"}, Rule.PHONE_FORWARDS)
    assert found == ([f"{E}:10"] if follows else [])


def test_a_telephone_that_forwards_is_told_without_alarm(tmp_path: Path) -> None:
    report = report_of(tmp_path, {E: EXTENSIONS.replace("21,20,i)", "21,20)")})
    assert [finding.rule for finding in report.findings] == [Rule.PHONE_FORWARDS]
    assert not report.is_bad


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pjsip.conf": OPEN}, ["pjsip.conf:1"]),
        ({"pjsip.conf": PJSIP.replace("rewrite_contact = yes", "rewrite_contact = no")}, ["pjsip.conf:4"]),
        ({"pjsip_wizard.conf": WIZARD}, ["pjsip_wizard.conf:1"]),
        ({"pjsip.conf": OPEN.replace("aors = 21", "aors = 21\ncontact_deny = 0.0.0.0/0")}, []),
        ({"pjsip.conf": OPEN.replace("aors = 21", "aors = 21\ncontact_acl = house")}, []),
        ({"pjsip.conf": OPEN + "[house]\ntype = acl\ncontact_deny = 0.0.0.0/0\n"}, []),
        ({"pjsip.conf": OPEN + "[house]\ntype = acl\ndeny = 0.0.0.0/0\n"}, ["pjsip.conf:1"]),
        ({"pjsip.conf": OPEN.replace("max_contacts = 1", "contact = sip:192.0.2.9")}, []),
        ({"pjsip_wizard.conf": WIZARD + "endpoint/rewrite_contact = yes\n"}, []),
        ({"pjsip_wizard.conf": WIZARD.replace("accepts_registrations = yes\n", "")}, []),
    ],
)
def test_a_telephone_may_register_the_operators_address_as_its_own(
    files: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    """A call to it went to the operator, on no trunk: it was up after 40 s and in no row."""
    assert places(tmp_path, files, Rule.CONTACT_ANYWHERE) == expected
