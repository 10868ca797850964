"""What atheris is given: bytes that stand for a sample, the corpus of published rows, the promise that is tested."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.fuzz_dialled import PUBLIC, FaultyReadingError, bytes_of, sample_of, try_bytes, write_corpus
from fuzz.grammar import Sample
from fuzz.trial import Trial

TRIAL = Trial()
HOMES = sorted(TRIAL.plan_files)


@given(data=st.binary(max_size=80))
def test_whatever_bytes_come_they_are_a_sample_and_the_reader_stands_it(data: bytes) -> None:
    try_bytes(data, TRIAL)


@given(dialled=st.binary(max_size=40))
def test_a_dialled_string_comes_out_as_it_went_in_even_where_it_is_no_utf_8(dialled: bytes) -> None:
    sample = Sample(home="FR", outside_prefix="9", dialled=dialled.decode("utf-8", errors="surrogateescape"))
    assert sample_of(bytes_of(sample, HOMES), HOMES) == sample


def test_the_corpus_begins_with_every_published_row(tmp_path: Path) -> None:
    write_corpus(tmp_path, HOMES)
    with PUBLIC.open(encoding="utf-8", newline="") as stream:
        rows = {
            (row["home_country"], row["outside_prefix"], row["dialled"])
            for row in csv.DictReader(stream)
            if row["home_country"] in HOMES
        }
    samples = [sample_of(path.read_bytes(), HOMES) for path in tmp_path.iterdir()]
    assert {(sample.home, sample.outside_prefix, sample.dialled) for sample in samples} == rows


def test_a_broken_promise_ends_the_run() -> None:
    broken = Trial()
    broken._automata["FR"] = broken._automata["US"]
    with pytest.raises(FaultyReadingError, match="leak: '15' from FR"):
        try_bytes(bytes_of(Sample(home="FR", outside_prefix="", dialled="15"), HOMES), broken)
