"""Nothing that cannot be taken back is done without a yes."""

import io
import sys

import pytest

from callgate.commands.consent import consents


@pytest.mark.parametrize(
    ("answer", "consent"),
    [("y\n", True), (" Oui \n", True), ("o", True), ("n\n", False), ("\n", False), ("", False), ("yesterday\n", False)],
)
def test_only_a_yes_is_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, answer: str, consent: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert consents("Go on? [y/N]", is_given=False) is consent
    assert capsys.readouterr().err == "Go on? [y/N] "


def test_whoever_said_yes_beforehand_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert consents("Go on? [y/N]", is_given=True)
    assert capsys.readouterr().err == ""
