"""Fixtures for the whole suite."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from redis_server import RedisServer

# A busy machine is no fault of the code: nothing here is judged by how long it takes.
settings.register_profile("callgate", deadline=None, print_blob=True)
settings.load_profile("callgate")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One real Redis for all tests; each test takes a clinic of its own name."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server
