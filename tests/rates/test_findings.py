"""The notebook of an import."""

import pytest

from callgate.rates.findings import (
    ERRORS_MAX,
    SHOWN_MAX,
    WARNINGS,
    Finding,
    Notebook,
    Place,
    Problem,
    TooManyErrorsError,
    UnusableError,
    reading,
)


@pytest.mark.parametrize(
    ("on_line", "caller", "found"),
    [
        (0, Place(), Place()),
        (0, Place(line=3), Place(line=3)),
        (5, Place(), Place(line=5)),
        (5, Place(file="Rates.csv", line=3), Place(file="Rates.csv", line=5)),
    ],
)
def test_whoever_is_nearer_to_a_mistake_knows_better_where_it_is(on_line: int, caller: Place, found: Place) -> None:
    assert UnusableError(Problem.BAD_TAX, on_line=on_line, cell="x").at(caller).place == found


def test_a_mistake_in_one_of_several_files_names_its_file() -> None:
    with pytest.raises(UnusableError) as caught, reading("Rates.csv"):
        raise UnusableError(Problem.NO_ROWS)
    assert caught.value.at(Place()).place == Place(file="Rates.csv")


@pytest.mark.parametrize("kind", Problem)
def test_every_kind_that_is_no_warning_refuses_the_file(kind: Problem) -> None:
    assert Finding(kind=kind, place=Place(), fields={}).refuses is (kind not in WARNINGS)


def test_the_hundredth_error_ends_the_reading() -> None:
    notebook = Notebook()
    error = Finding(kind=Problem.BAD_PREFIX, place=Place(), fields={})
    for _ in range(ERRORS_MAX - 1):
        notebook.add(error)
    with pytest.raises(TooManyErrorsError):
        notebook.add(error)
    assert len(notebook.findings()) == ERRORS_MAX


def test_of_each_kind_of_warning_the_first_are_kept_and_the_others_counted() -> None:
    notebook = Notebook()
    for line in range(1, SHOWN_MAX + 3):
        notebook.note(Problem.DEAR, Place(line=line), prefix="+32")
    *kept, more = notebook.findings()
    assert [finding.place.line for finding in kept] == list(range(1, SHOWN_MAX + 1))
    assert more == Finding(kind=Problem.MORE, place=Place(), fields={"count": 2, "code": "dear"})
