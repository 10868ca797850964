"""Secrets that are tried first are found, and none is ever shown."""

from pathlib import Path

import pytest

from audit.small import PJSIP, report_of
from callgate.audit.credentials import is_guessable
from callgate.audit.picture import picture
from callgate.audit.rules import Rule
from callgate.audit.sarif import sarif
from callgate.commands.audit import as_json, told
from callgate.texts.catalog import Language


@pytest.mark.parametrize(
    ("pin", "guessable"),
    [
        ("", True),
        ("123", True),
        ("21", True),
        ("2121", True),
        ("0000", True),
        ("4567", True),
        ("9876", True),
        ("8901", True),
        ("1984", True),
        ("4747", True),
        ("739105", False),
        ("8306", False),
    ],
)
def test_a_pin_that_is_tried_first_is_guessable(pin: str, *, guessable: bool) -> None:
    assert is_guessable(pin, "21") is guessable


@pytest.mark.parametrize(
    "secret",
    ["21", "2121", "short1", "847261930582", "changeme", "Password123", "unsecurepassword", "aaaaaaaaaaaaaaaa"],
)
def test_a_password_that_is_tried_first_is_weak(secret: str, tmp_path: Path) -> None:
    report = report_of(tmp_path, {"pjsip.conf": PJSIP.replace("Lk9-turm-4Vx", secret)})
    assert [finding.rule for finding in report.findings] == [Rule.LOGIN_WEAK]


def test_telephones_of_every_kind_are_looked_at(tmp_path: Path) -> None:
    files = {
        "sip.conf": "[general]\nallowguest = no\n[30]\ntype = friend\nhost = dynamic\nsecret = 30\n"
        "[31]\ntype = friend\nhost = dynamic\n[32]\ntype = peer\nhost = 192.0.2.7\n"
        "[33]\ntype = friend\nhost = dynamic\nmd5secret = abcdef\n",
        "iax.conf": "[40]\ntype = user\nsecret = test\n",
        "pjsip_wizard.conf": "[50]\ntype = wizard\naccepts_registrations = yes\naccepts_auth = yes\n"
        "inbound_auth/username = 50\ninbound_auth/password = 5050\nendpoint/context = house\n"
        "endpoint/rewrite_contact = yes\n"
        "[op]\ntype = wizard\nsends_auth = yes\nremote_hosts = sip.example\noutbound_auth/password = 1\n",
    }
    report = report_of(tmp_path, files)
    assert {(finding.rule, finding.subject) for finding in report.findings} == {
        (Rule.LOGIN_WEAK, "30"),
        (Rule.LOGIN_OPEN, "31"),
        (Rule.LOGIN_WEAK, "40"),
        (Rule.LOGIN_WEAK, "50"),
    }


SECRETS = ("Geheim-eins-7", "Geheim-zwei-8", "Geheim-drei-9", "730561", "Geheim-vier-1", "Geheim-funf-2")


def test_no_form_of_the_report_shows_a_secret(tmp_path: Path) -> None:
    one, two, three, pin, four, five = SECRETS
    files = {
        "pjsip.conf": PJSIP.replace("Lk9-turm-4Vx", one),
        "manager.conf": f"[general]\nenabled = yes\n[me]\nsecret = {two}\nwrite = all\n",
        "ari.conf": f"[general]\nenabled = yes\n[me]\ntype = user\npassword = {three}\n",
        "http.conf": "[general]\nenabled = yes\n",
        "voicemail.conf": "[general]\ndialout = house\n[default]\n21 => 730561,A\n22 => 22,B\n",
        "asterisk.conf": f"[options]\nexecincludes = yes\n#exec /bin/made --password={five}\n",
        "extensions.conf": f"+exten => 7,1,DISA({pin},house)\n[house](+)\n"
        f"exten => 9,1,Dial(SIP/me:{four}@192.0.2.8/06)\n"
        f"exten => 8,1,Dial(IAX2/me:{four}@192.0.2.8/06&PJSIP/06@carrier)\n",
    }
    report = report_of(tmp_path, files)
    assert len(report.findings) >= 8
    for language in Language:
        said = "\n".join(told(report, language)) + str(as_json(report, language)) + picture(report, language)
        said += str(sarif(report.findings, "1", language))
        assert [secret for secret in SECRETS if secret in said] == []
