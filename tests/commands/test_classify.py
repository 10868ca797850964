"""`callgate classify` writes what each dialled string means, row by row, as CSV."""

from pathlib import Path

import pytest

from callgate.cli import main

HEADER = b"home_country,outside_prefix,dialled,number,region,class\r\n"


def test_each_row_comes_back_with_its_meaning(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes('home_country,outside_prefix,dialled\nFR,0,0 15\nFR,,"0142\n"\nFR,,٠١٤٢٦٨٥٣٠٠\n'.encode())
    assert main(["classify", str(rows)]) == 0
    assert (
        capfdbinary.readouterr().out
        == HEADER
        + (
            'FR,0,0 15,15,FR,emergency\r\nFR,,"0142\n",,,invalid\r\nFR,,٠١٤٢٦٨٥٣٠٠,+33142685300,FR,national_fixed\r\n'
        ).encode()
    )


def test_rows_of_a_country_without_a_plan_are_counted_and_cost_exit_code_1(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b"home_country,outside_prefix,dialled\nZZ,,112\nFR,,112\n")
    assert main(["classify", str(rows)]) == 1
    captured = capfdbinary.readouterr()
    assert captured.out == HEADER + b"ZZ,,112,,,invalid\r\nFR,,112,112,FR,emergency\r\n"
    assert captured.err.startswith(b"callgate: 1 rows are of home countries without a number plan (there is ")
    assert b"FR" in captured.err
