"""The road between the dialplan and the spool that the gate reads: lines wait, and go on as a test carries them."""

from faults.stage import Stage
from system.rig import wait_for

SPOOL, WAITING = "calls.log", "waiting.log"


class SpoolRoad:
    """What the real dialplan writes of real calls; the gate, which goes on, gets of it what is carried."""

    def __init__(self, stage: Stage) -> None:
        self._rig = stage.rig
        folder = stage.rig.lab.folder / "spool"
        self._spool, self._waiting = folder / SPOOL, folder / WAITING
        self._taken = 0

    def block(self) -> None:
        """Have the dialplan write what waits."""
        self._rig.load_dialplan(self._rig.config.dialplan.replace(SPOOL, WAITING))

    def open(self) -> None:
        """Have it write to the spool again; what still waits is lost."""
        self._rig.load_dialplan(self._rig.config.dialplan)

    def take(self, count: int = 1) -> list[str]:
        """Wait for as many more lines, and take them off the road, oldest first."""
        lines = wait_for(lambda: found if len(found := self._lines()) >= self._taken + count else None)
        self._taken += count
        return lines[self._taken - count : self._taken]

    def carry(self, *lines: str) -> None:
        """Let the gate find these lines, in this order and in one write."""
        with self._spool.open("a", encoding="utf-8") as spool:
            spool.write("".join(lines))

    def _lines(self) -> list[str]:
        lines = self._waiting.read_text(encoding="utf-8").splitlines(keepends=True) if self._waiting.exists() else []
        return [line for line in lines if line.endswith("\n")]
