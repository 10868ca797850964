"""The matrix is whole: each row has a test, a proof elsewhere, or a reason why one machine cannot stage it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from faults.elsewhere import NOT_STAGED, PROOFS
from faults.matrix import rows
from faults.run import Proof, Recorder, former_rows, off_asterisk, table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def own() -> Iterator[int]:
    """The rows that tests of this folder prove."""
    for file in HERE.glob("test_*.py"):
        for found in re.findall(r"proves\((\d+(?:, \d+)*)\)", file.read_text("utf-8")):
            yield from map(int, found.split(", "))
        tree = ast.parse(file.read_text("utf-8"))
        for node in tree.body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and node.targets[0].id == "FAULTS"
            ):
                assert isinstance(node.value, ast.Dict)
                yield from (int(ast.unparse(key)) for key in node.value.keys if key is not None)


def test_no_row_is_both_proven_and_excused() -> None:
    assert {row.number for row in rows()} == set(range(1, 77))
    assert ({*own(), *PROOFS} & NOT_STAGED.keys()) == set()


def test_every_proof_elsewhere_exists() -> None:
    for place in (place for places in PROOFS.values() for place in places):
        file, _, name = place.partition("::")
        assert f"def {name}" in (ROOT / file).read_text("utf-8"), place


def test_of_the_rows_of_sixty_and_more_a_fault_is_brought_about_on_a_real_asterisk() -> None:
    elsewhere = {row for row, places in PROOFS.items() if any(place.startswith("tests/system/") for place in places)}
    assert len({*own(), *elsewhere}) >= 60


def test_the_page_names_the_rows_that_no_call_on_asterisk_proves() -> None:
    there = Proof(numbers={1, 2}, name="one")
    assert off_asterisk([there, Proof(numbers={2, 3}, name="two", on_asterisk=False)]) == [3]


def test_a_row_is_as_required_when_every_test_of_it_passed() -> None:
    good = Proof(numbers={1}, name="one", seen="5 ms")
    bad = Proof(numbers={2}, name="two", passed=False)
    lines = list(table([good, bad, Proof(numbers={2}, name="three")]))
    assert lines[2] == "| 1 | Gate not running | N continue/C deny, ≤5 ms extra | 5 ms | as required |"
    assert lines[3].endswith("| two; three | NOT AS REQUIRED |")
    assert lines[5].endswith("| not staged |")
    assert Recorder().proofs == {}


def test_a_page_keeps_the_rows_that_were_not_run_again(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text("# When things break\n\n" + "\n".join(table([Proof(numbers={1, 2}, name="one")])), encoding="utf-8")
    again = list(table([Proof(numbers={2}, name="two", passed=False)], former_rows(page)))
    assert again[2].endswith("| one | as required |")
    assert again[3].endswith("| two | NOT AS REQUIRED |")
    assert former_rows(tmp_path / "no page") == {}


def test_the_page_has_every_row_of_the_matrix_as_it_is_required_today() -> None:
    page = former_rows(ROOT / "docs" / "faults.md")
    assert page.keys() == {row.number for row in rows()}
    for line, now in zip(page.values(), list(table([]))[2:], strict=True):
        assert line.split(" | ")[:3] == now.split(" | ")[:3]
