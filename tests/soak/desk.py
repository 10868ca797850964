"""What the processes of one soak share: simulated time, the machine's clocks, and whether the practice is closing."""

from pathlib import Path

from soak.clocks import Board, Machine, RunningTime


class Desk:
    """A folder with all of that.

    Args:
        folder: short enough for a socket in it.
        speed: of simulated time; only said by the one that begins the soak.
    """

    def __init__(self, folder: Path, speed: float = 0) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/redis.sock"
        self.time = RunningTime(folder / "time", speed)
        self.machine = Machine("pbx", self.time, Board(folder / "machine", 3))
        self._closing = Board(folder / "closing", 1)

    @property
    def is_closing(self) -> bool:
        """Whether no new call begins."""
        return bool(self._closing.read()[0])

    def close(self) -> None:
        """Let no new call begin."""
        self._closing.write(1)
