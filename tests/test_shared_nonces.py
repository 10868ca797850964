"""What the workers of one gate share of the questions they were asked, with real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from callgate.shared_nonces import SharedNonces

OTHER_WORKER = """\
import sys
from callgate.shared_nonces import SharedNonces
print(SharedNonces(int(sys.argv[1])).take(sys.argv[2]))
"""


@pytest.fixture
def file() -> Iterator[int]:
    descriptor = os.memfd_create("nonces")
    yield descriptor
    os.close(descriptor)


def is_new_elsewhere(file: int, nonce: str) -> bool:
    """What another worker is told, which has ended then."""
    words = [sys.executable, "-c", OTHER_WORKER, str(file), nonce]
    return subprocess.run(words, pass_fds=(file,), capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_question_that_one_worker_was_asked_is_not_new_to_another(file: int) -> None:
    nonces, nonce = SharedNonces(file), str(uuid4())
    assert nonces.take(nonce)
    assert not is_new_elsewhere(file, nonce)
    assert is_new_elsewhere(file, str(uuid4()))


def test_what_is_too_old_to_be_asked_again_takes_no_place(file: int) -> None:
    nonces, nonce = SharedNonces(file), str(uuid4())
    assert nonces.take(nonce)
    nonces.give_back(nonce)
    assert is_new_elsewhere(file, nonce)


def test_where_the_system_cannot_say_so_a_question_is_new() -> None:
    """A call must not wait for this, nor fail by it."""
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    assert SharedNonces(reading).take(str(uuid4()))
