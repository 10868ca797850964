"""`make fuzz`, last part: atheris looks for byte streams that open new branches of `asterisk_agi`.

The promise is that of the runner. The first byte says how the others are cut; the corpus begins with conversations of
`fuzz.conversations` and keeps what atheris finds worth keeping.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fuzz.agi_trial import StreamTrial

CORPUS = Path(__file__).resolve().parents[2] / ".fuzz" / "agi"
CONVERSATIONS = 300


class FaultyStreamError(AssertionError):
    """A promise about byte streams was broken."""


def parts_of(data: bytes) -> list[bytes]:
    """Read bytes as a stream in pieces: each as long as the first byte says, or one piece where that is zero."""
    size, stream_bytes = (data[0] if data else 0), data[1:]
    if not size:
        return [stream_bytes]
    return [stream_bytes[at : at + size] for at in range(0, len(stream_bytes), size)]


def try_bytes(data: bytes, trial: "StreamTrial") -> None:
    """Try one input.

    Raises:
        FaultyStreamError: if the promise is broken.
    """
    outcome = trial.run(parts_of(data))
    if outcome.fault is not None:
        raise FaultyStreamError(f"{outcome.fault}: {outcome.detail}")


def write_corpus(folder: Path) -> None:
    """Put conversations into the corpus, a file each; what is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, conversations = Random("corpus"), importlib.import_module("fuzz.conversations")
    for number in range(CONVERSATIONS):
        (folder / f"conversation-{number}").write_bytes(bytes([rng.randrange(4) * 40]) + conversations.stream(rng))


def main() -> int:
    """Fuzz with the options of libFuzzer, such as ``-max_total_time=60``."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: `make fuzz` ends with the runner")
        return 0
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["asterisk_agi"]):
        trial = importlib.import_module("fuzz.agi_trial").StreamTrial()
    write_corpus(CORPUS)
    options = [f"-artifact_prefix={CORPUS.parent}/", *sys.argv[1:], str(CORPUS)]
    atheris.Setup([sys.argv[0], *options], lambda data: try_bytes(data, trial))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
