"""The notebook of an import."""

import pytest

from callgate.rates.findings import ERRORS_MAX, WARNINGS, Finding, Notebook, Place, Problem, TooManyErrorsError


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place(), "the file"),
        (Place(line=3), "line 3"),
        (Place(file="Rates.csv"), "Rates.csv"),
        (Place(file="Rates.csv", line=3), "Rates.csv, line 3"),
    ],
)
def test_a_place_is_named_as_far_as_it_is_known(place: Place, words: str) -> None:
    finding = Finding(kind=Problem.GAP, place=place, problem="a gap", remedy="none")
    assert str(finding) == f"{words}: a gap. Remedy: none"


@pytest.mark.parametrize("kind", Problem)
def test_every_kind_that_is_no_warning_refuses_the_file(kind: Problem) -> None:
    assert Finding(kind=kind, place=Place(), problem="x", remedy="y").refuses is (kind not in WARNINGS)


def test_the_hundredth_error_ends_the_reading() -> None:
    notebook = Notebook()
    error = Finding(kind=Problem.BAD_PREFIX, place=Place(), problem="x", remedy="y")
    for _ in range(ERRORS_MAX - 1):
        notebook.add(error)
    with pytest.raises(TooManyErrorsError):
        notebook.add(error)
    assert len(notebook.findings()) == ERRORS_MAX
