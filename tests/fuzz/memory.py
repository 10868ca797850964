"""How much memory a process has, and by how much it may grow while it is fuzzed."""

import os
from pathlib import Path

GROWTH_MAX_BYTES = 5_000_000


def resident_bytes(process: int | str = "self") -> int:
    """Read the resident memory of a process, in bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
