"""What the workers of one gate share of the questions they were asked, with real processes."""

import fcntl
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


def test_a_question_that_a_worker_was_asked_which_has_ended_is_not_new(file: int) -> None:
    """After a reload, or a worker's death, each question of the last three seconds was: who overheard one asked it."""
    nonces, nonce = SharedNonces(file), str(uuid4())
    assert is_new_elsewhere(file, nonce)
    assert not nonces.take(nonce)
    assert not is_new_elsewhere(file, nonce)


def test_of_many_questions_each_is_new_once_and_the_file_does_not_grow(file: int) -> None:
    nonces, asked = SharedNonces(file), [str(uuid4()) for _ in range(5_000)]
    assert all(nonces.take(nonce) for nonce in asked)
    assert not any(nonces.take(nonce) for nonce in asked)
    for _ in range(20):
        assert nonces.take(f"ffff{str(uuid4())[4:]}")
    assert os.fstat(file).st_size <= 2 * 1024 * 1024


def test_a_question_that_another_worker_looks_at_in_the_same_moment_is_its_own(file: int) -> None:
    nonce = str(uuid4())
    fcntl.lockf(file, fcntl.LOCK_EX)
    assert not is_new_elsewhere(file, nonce)
    fcntl.lockf(file, fcntl.LOCK_UN)
    assert is_new_elsewhere(file, nonce)


def test_where_the_system_cannot_say_so_a_question_is_new() -> None:
    """A call must not wait for this, nor fail by it."""
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    assert SharedNonces(reading).take(str(uuid4()))
