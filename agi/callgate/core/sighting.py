"""What a gate tells the ledger with every operation: what it last saw there, and how much time it can prove.

The ledger finds by it that it was set back (a failover, an old backup, a flush), and moves its own time by it: a jump
of a wall clock alone rolls no window (facts/semantics.md 6).
"""

from dataclasses import dataclass


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
    """

    gate: str
    seen: Seen
    offer: str
    ticks: Ticks
