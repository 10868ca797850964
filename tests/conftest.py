"""Fixtures for the whole suite."""

from collections.abc import Iterator

import pytest

from redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One real Redis for all tests; each test takes a clinic of its own name."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server
