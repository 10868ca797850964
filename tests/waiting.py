"""Waiting for what other tasks of the loop do."""

import asyncio
from collections.abc import Callable

import pytest

PATIENCE_S = 30.0
POLL_S = 0.005


async def until(condition: Callable[[], object]) -> None:
    """Let them go on until something is so; fail if it never is."""
    for _ in range(round(PATIENCE_S / POLL_S)):
        if condition():
            return
        await asyncio.sleep(POLL_S)
    pytest.fail("it never was")
