"""What the server makes of a request: every field checked, and nothing taken on trust."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from asterisk_agi import AgiRequest, AgiSession
from callgate.core.attempt import Origin
from callgate.server import receive
from clinic_samples import HOLD, NONCE, PARIS, Site, header, open_site


def received(site: Site, **changes: str) -> object:
    (request,) = AgiSession().receive(header(**changes))
    assert isinstance(request, AgiRequest)
    return receive(request, site.settings)


@pytest.mark.parametrize(
    ("said", "origin"),
    [*((origin.value, origin) for origin in Origin), ("", Origin.UNKNOWN), ("root", Origin.UNKNOWN)],
)
def test_an_origin_nobody_knows_is_unknown(tmp_path: Path, said: str, origin: Origin) -> None:
    passage = open_site(tmp_path).passage(PARIS)
    expected = replace(passage.attempt, origin=origin, caller_id="0142000000")
    assert received(open_site(tmp_path), origin=said) == replace(passage, attempt=expected)


@pytest.mark.parametrize(
    ("grant", "superseded"),
    [
        (HOLD, HOLD),
        ("", ""),
        (f"local:{NONCE}.1800000000", ""),
        (f"observe:{NONCE}", ""),
        ("emergency", ""),
        ("pbx1.33333333-3333-4333-8333-333333333333.1.1800000000", ""),
        (HOLD.replace("pbx1", "pbx2"), ""),
    ],
    ids=["its own hold", "the first trunk", "allowance", "observation", "emergency", "a stranger's", "another PBX's"],
)
def test_a_second_trunk_supersedes_only_its_own_passages_hold(tmp_path: Path, grant: str, superseded: str) -> None:
    """After a call under observation the second trunk once named no hold, which the ledger called unsound."""
    passage = received(open_site(tmp_path), supersedes=grant, attempt="2")
    assert msgspec.to_builtins(passage, str_keys=True)["attempt"]["supersedes"] == superseded


@pytest.mark.parametrize(
    ("sent", "dialled"),
    [
        ("0612%40trunk%26PJSIP", "0612@trunk&PJSIP"),
        ("%0a", "\n"),
        ("%00", "\0"),
        ("%ff%ED%A0%80", "\ufffd" * 4),
        ("%", "%"),
    ],
)
def test_what_was_dialled_is_decoded_once(tmp_path: Path, sent: str, dialled: str) -> None:
    passage = received(open_site(tmp_path), dialled=sent)
    assert msgspec.to_builtins(passage)["attempt"]["dialled"] == dialled


def test_a_trunk_of_another_entry_is_not_this_ones(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    entry = msgspec.structs.replace(site.settings.entry[0], trunks=("carrier-b",))
    site.settings = msgspec.structs.replace(site.settings, entry=(entry,))
    assert received(site) is None
    assert received(site, trunk="carrier-b") is not None


def test_any_dialled_string_comes_through_as_it_was(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    for dialled in ("0|end", '"', "\\", "é\u0661", "a\nb", " ", "${EXTEN}"):
        passage = received(site, dialled=quote(dialled, safe="-_.!~*'()"))
        assert msgspec.to_builtins(passage)["attempt"]["dialled"] == dialled
