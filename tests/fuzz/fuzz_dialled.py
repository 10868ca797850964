"""`make fuzz`, second part: atheris turns bytes into dialled strings and looks for the branches they open.

The promise is that of the runner: no exception, and an answer that the second oracle allows. The corpus begins with the
rows of public.csv and keeps what atheris finds worth keeping.
"""

import csv
import importlib
import importlib.util
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.grammar import OUTSIDE_PREFIXES, Sample

if TYPE_CHECKING:
    from fuzz.trial import Trial

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / ".fuzz" / "corpus"
PUBLIC = ROOT / "tests" / "data" / "public.csv"


class FaultyReadingError(AssertionError):
    """The gate's reader said what the second oracle does not allow."""


def sample_of(data: bytes, homes: list[str]) -> Sample:
    """Read bytes as a sample: one for the home country, one for the outside prefix, then the dialled string."""
    first, second = (*data[:2], 0, 0)[:2]
    return Sample(
        home=homes[first % len(homes)],
        outside_prefix=OUTSIDE_PREFIXES[second % len(OUTSIDE_PREFIXES)],
        dialled=data[2:].decode("utf-8", errors="surrogateescape"),
    )


def bytes_of(sample: Sample, homes: list[str]) -> bytes:
    """Write a sample as `sample_of` reads it."""
    front = bytes((homes.index(sample.home), OUTSIDE_PREFIXES.index(sample.outside_prefix)))
    return front + sample.dialled.encode("utf-8", errors="surrogateescape")


def try_bytes(data: bytes, trial: "Trial") -> None:
    """Try one input.

    Raises:
        FaultyReadingError: if the promise is broken.
    """
    outcome = trial.run(sample_of(data, sorted(trial.plan_files)))
    if outcome.fault is not None:
        raise FaultyReadingError(f"{outcome.fault}: {outcome}")


def write_corpus(folder: Path, homes: list[str]) -> None:
    """Put the rows of public.csv into the corpus, a file each; what is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    with PUBLIC.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["home_country"] in homes:
                sample = Sample(home=row["home_country"], outside_prefix=row["outside_prefix"], dialled=row["dialled"])
                data = bytes_of(sample, homes)
                (folder / sha256(data).hexdigest()[:16]).write_bytes(data)


def main() -> int:
    """Fuzz with the options of libFuzzer, such as ``-max_total_time=60``."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: `make fuzz` ends with the runner")
        return 0
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["callgate.core"]):
        trial = importlib.import_module("fuzz.trial").Trial()
    write_corpus(CORPUS, sorted(trial.plan_files))
    options = [f"-artifact_prefix={CORPUS.parent}/", *sys.argv[1:], str(CORPUS)]
    atheris.Setup([sys.argv[0], *options], lambda data: try_bytes(data, trial))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
