"""What a gate tells the ledger with every operation: what it last saw there, and how much time it can prove.

The ledger finds by it that it was set back (a failover, an old backup, a flush), and moves its own time by it: a jump
of a wall clock alone rolls no window (facts/semantics.md 6).
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """One look at the clocks of the gate's machine.

    Fields:
        boot: this boot of the machine; `uptime_s` of another boot says nothing.
        uptime_s: whole seconds since the boot, sleep included; never runs back within a boot.
        wall_s: epoch seconds of the wall clock, which may be wrong.
        is_synced: whether a time server has kept the wall clock right for at least 60 s.
    """

    boot: str
    uptime_s: int
    wall_s: int
    is_synced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an answer says of ledger time, and what a machine proves by it.

    Fields:
        count: the ledger second, and all the seconds that were ever taken away from it (``callgate.ledger.base``).
        taken: those.
        born: which ledger counts so: the microsecond when it began, by its server's clock.
    """

    count: int
    taken: int
    born: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a machine was told of ledger time (see `Told`) when it had been up for `uptime_s` at most."""

    count: int
    taken: int
    born: int
    uptime_s: int


def prove(heard: Heard | None, ticks: Ticks) -> Told | None:
    """Say what the count must have come to since it was heard, in the same boot; None if nothing was heard."""
    if heard is None:
        return None
    return Told(count=max(0, heard.count + ticks.uptime_s - heard.uptime_s), taken=heard.taken, born=heard.born)


ROUND_TRIP_MAX_S = 2
"""An answer that took longer says nothing of the time: what it tells may have been read long after it was said."""


def hear(known: Heard | None, told: Told, asked: Ticks, answered: Ticks) -> Heard | None:
    """Note what an answer says of ledger time.

    Args:
        known: what was heard during this boot before.
        told: what the answer says.
        asked: a look at the clocks before the question.
        answered: a look after the answer, in the same boot.

    Returns:
        What proves most, None for nothing yet; but nothing that was told by another ledger, or by this one before it
        lost entries: it has taken less than it had.
    """
    if answered.uptime_s - asked.uptime_s > ROUND_TRIP_MAX_S:
        return known
    # Cut to whole seconds, the uptime may be almost a second ago: less time than has passed is safe.
    heard = Heard(count=told.count, taken=told.taken, born=told.born, uptime_s=answered.uptime_s + 1)
    if known is None or known.born != told.born or known.taken > told.taken:
        return heard
    proves_more = heard.count - heard.uptime_s > known.count - known.uptime_s
    return heard if proves_more else replace(known, taken=told.taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one gate knows of one clinic's ledger.

    Fields:
        epoch: which ledger it is; "" if this gate never had an answer.
        mine: the highest sequence number of a change that this gate made and the ledger acknowledged; 0 for none.
    """

    epoch: str = ""
    mine: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What goes with every operation.

    Fields:
        gate: the name of this gate among all that share the ledger; letters, digits, ``-``, at most 64.
        seen: what it knows of this clinic's ledger.
        offer: the epoch to begin if this gate knows of none and the ledger has none; 16 hexadecimal digits.
        ticks: its clocks, read just before.
        proven: what it proves by what it was told of ledger time, None for nothing.
    """

    gate: str
    seen: Seen
    offer: str
    ticks: Ticks
    proven: Told | None = None
