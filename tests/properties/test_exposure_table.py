"""The page on exposure says what the code works out, and names every part and span."""

from pathlib import Path

import pytest

from callgate.core.loss import Span
from callgate.core.ordinary_calls import START_GAP_S
from properties.exposure_table import with_table

PAGE = (Path(__file__).parents[2] / "docs" / "exposure.md").read_text(encoding="utf-8")


def test_the_table_of_the_page_is_the_one_that_the_code_works_out() -> None:
    """After a change: ``PYTHONPATH=tests python -m properties.exposure_table --write docs/exposure.md``."""
    assert with_table(PAGE) == PAGE


@pytest.mark.parametrize("span", Span)
def test_the_page_explains_every_span(span: Span) -> None:
    assert f"| `{span}` |" in PAGE


def test_the_page_tells_how_often_a_line_is_taken_to_begin_a_call() -> None:
    assert START_GAP_S == 60
    assert "at most one call a minute" in PAGE
