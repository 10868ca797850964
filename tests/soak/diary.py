"""What really happened to each call, written by the gate that made it before anything follows from it.

A line is in the file when the write returns, so a gate that is killed leaves behind all that its Asterisk knew. The
truth is read from it, and the next life of the gate goes on from it.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from callgate.core.tariff import Rate
from soak.truth import RealCall


class Asked(msgspec.Struct, tag=True, frozen=True):
    """A hold is about to be asked for."""

    hold_id: str
    purses: tuple[str, ...]
    month: str


class Dialled(msgspec.Struct, tag=True, frozen=True):
    """A grant reached the dialplan.

    Fields:
        rate: what the operator charges.
        seconds: how long Asterisk lets it last.
        is_answered: whether anybody answers.
        at_ms: the instant of the answer, or of giving up.
        talk_ms: how long both would talk if nobody cut them.
        cut_ms: how late Asterisk's cut comes.
        settle_ms: how long after the end the settlement sets out.
        is_lost: whether the settlement is lost for good if it has not set out when the soak ends.
    """

    hold_id: str
    rate: Rate
    seconds: int
    is_answered: bool
    at_ms: int
    talk_ms: int
    cut_ms: int
    settle_ms: int
    is_lost: bool


class Renewed(msgspec.Struct, tag=True, frozen=True):
    """Asterisk lets a call last longer."""

    hold_id: str
    seconds: int


class Closed(msgspec.Struct, tag=True, frozen=True):
    """The ledger acknowledged the end of a hold, and says what stays booked."""

    hold_id: str
    micros: int


class Lost(msgspec.Struct, tag=True, frozen=True):
    """The settlement of a call never sets out."""

    hold_id: str


Line = Asked | Dialled | Renewed | Closed | Lost
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


@dataclass(slots=True)
class Story:
    """All that is known of one hold. `booked_micros` is None until the ledger acknowledged its end."""

    asked: Asked
    dialled: Dialled | None = None
    seconds: int = 0
    booked_micros: int | None = None
    is_lost: bool = False

    @property
    def end_ms(self) -> int:
        """When the call ended: by talk, by Asterisk's cut, or because nobody answered."""
        assert self.dialled is not None
        if not self.dialled.is_answered:
            return self.dialled.at_ms
        return self.dialled.at_ms + min(self.dialled.talk_ms, self.seconds * 1000 + self.dialled.cut_ms)

    @property
    def call(self) -> RealCall | None:
        """What was really up, or None if nobody answered or nothing was dialled."""
        if self.dialled is None or not self.dialled.is_answered:
            return None
        return RealCall(
            purses=self.asked.purses,
            month=self.asked.month,
            rate=self.dialled.rate,
            answer_ms=self.dialled.at_ms,
            duration_ms=self.end_ms - self.dialled.at_ms,
        )


class Diary:
    """The file of one gate, and the stories it tells: hold id -> story, in the order of asking.

    Args:
        path: the file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.stories: dict[str, Story] = {}
        self._file = path.open("ab+", buffering=0)
        self._file.seek(0)
        for line in self._file.read().splitlines():
            self._tell(_DECODER.decode(line))

    def write(self, line: Line) -> Story:
        """Add a line, which not even SIGKILL takes back.

        Returns:
            Its story.
        """
        self._file.write(msgspec.json.encode(line) + b"\n")
        return self._tell(line)

    def close(self) -> None:
        self._file.close()

    def _tell(self, line: Line) -> Story:
        match line:
            case Asked():
                self.stories[line.hold_id] = Story(line)
            case Dialled():
                self.stories[line.hold_id].dialled = line
                self.stories[line.hold_id].seconds = line.seconds
            case Renewed():
                self.stories[line.hold_id].seconds = line.seconds
            case Closed():
                self.stories[line.hold_id].booked_micros = line.micros
            case Lost():
                self.stories[line.hold_id].is_lost = True
        return self.stories[line.hold_id]
