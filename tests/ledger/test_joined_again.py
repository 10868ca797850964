"""A call that was settled while its hold was lost counts in every purse of the hold, once that is restored."""

from dataclasses import replace
from itertools import permutations

import pytest

from callgate.core.hold import Ceiling, Denied, HoldRequest, Purse, Window
from callgate.ledger.base import OrphanCharge, Settlement
from ledger.gates import FOREVER_S, Gate, call, id_of, purses_of
from ledger.samples import CENT, EURO, renewal

TOTAL = Purse(name="number:+32", ceilings=(Ceiling(window=Window.TOTAL, limit_micros=EURO),))
PURSES = (Purse(name="costly"), Purse(name="country:BE"), TOTAL)
CHARGE = OrphanCharge(purses=("costly",), amount_micros=58 * CENT, month="2027-01")
OUTSIDE = Purse(name="outside")


def asked(gate: Gate, name: str = "a") -> HoldRequest:
    sliced = replace(call(name), clinic=gate.clinic, purses=PURSES, seconds=300, slice_s=60, grace_s=FOREVER_S)
    return replace(sliced, month="2025-01")


async def lose_and_settle(gate: Gate, orphan: OrphanCharge | None, duration_s: int = 58) -> None:
    """Hold a call and renew it, lose that, and settle it."""
    await gate.hold(asked(gate))
    await gate.ledger.renew(replace(renewal(asked(gate), 1), purses=(OUTSIDE,)))
    await gate.erase()
    ended = Settlement(
        clinic=gate.clinic, hold_id=id_of("a"), answered=duration_s > 0, duration_s=duration_s, orphan=orphan
    )
    await gate.settle(ended)


async def spent(gate: Gate) -> dict[str, tuple[int, int, list[tuple[str, int]]]]:
    assert (await gate.audit()).findings == ()
    purses = purses_of(await gate.book())
    return {
        name: (purse.live, purse.total_micros, [(month.month, month.micros) for month in purse.months if month.micros])
        for name, purse in purses.items()
    }


def counted(micros: int) -> dict[str, tuple[int, int, list[tuple[str, int]]]]:
    months = [("2025-01", micros)] if micros else []
    purses = dict.fromkeys(("costly", "country:BE", "outside"), (0, 0, months))
    return {**purses, "number:+32": (0, micros, months)}


@pytest.mark.parametrize(
    ("orphan", "duration_s", "micros"), [(CHARGE, 58, 58 * CENT), (None, 58, 58 * CENT), (None, 0, 0)]
)
@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_call_settled_before_its_hold_came_back_counts_where_the_hold_says(
    gate: Gate, order: tuple[int, ...], *, orphan: OrphanCharge | None, duration_s: int, micros: int
) -> None:
    """It once counted in the purses of its settlement alone: a total of 1.00 let a second call of 0.60 through."""
    await lose_and_settle(gate, orphan, duration_s)
    changes = [gate.journal.changes[position] for position in order]
    await gate.restore(changes)
    assert await spent(gate) == counted(micros)
    await gate.erase()
    await gate.thaw((await gate.restore(list(reversed(changes)))).base, patience_s=0)
    assert await spent(gate) == counted(micros)
    assert (await gate.restore()).taken == 0
    assert isinstance(await gate.hold(asked(gate, "b")), Denied) == (micros > 0)
