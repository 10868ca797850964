"""Fixtures for the whole suite."""

import logging
import os
import subprocess
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from redis_server import PROGRAM, RedisServer
from store_servers import StoreCluster

# A busy machine is no fault of the code: nothing here is judged by how long it takes.
settings.register_profile("callgate", deadline=None, print_blob=True)
settings.load_profile("callgate")


CLUSTER = "CALLGATE_STORE_CLUSTER"
"""Set, the shared store is a cluster of three primaries."""


def pytest_report_header() -> str:
    """Say which store the tests run against."""
    told = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return f"store: {told}{', a cluster' if CLUSTER in os.environ else ''}"


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """What a test says of the log is of its own: a daemon in the process of the tests sets the log of all up."""
    handlers = logging.root.handlers.copy()
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer | StoreCluster]:
    """One real Redis for all tests; each test takes a clinic of its own name."""
    folder = tmp_path_factory.mktemp("redis")
    with StoreCluster(folder) if CLUSTER in os.environ else RedisServer(folder) as server:
        yield server
