"""The model's answer to "may this be held": how much money, and which limits forbid it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callgate.core.hold import Ceiling, Denial, DenialKind, HoldRequest, Purse
from callgate.core.tariff import billed_seconds, price
from callgate.ledger.account import Account
from callgate.ledger.starts import Starts

CUT_MARGIN_S = 2
"""A grant ends this long before the paid time: the cut never falls on a new increment (facts/semantics.md 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a request meets: every purse's account (the superseded hold already off it), the starts, the time."""

    request: HoldRequest
    accounts: Mapping[str, Account]
    starts: Mapping[str, Starts]
    now_s: int

    def left_in(self, purse: Purse, ceiling: Ceiling) -> int:
        """Say how many micros are left under a ceiling; below zero if it was lowered."""
        account = self.accounts[purse.name]
        return (
            ceiling.limit_micros - account.spent(ceiling.window, self.request.month, self.now_s) - account.held_micros
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Money to hold, in micros, and the seconds it grants."""

    amount_micros: int
    seconds: int


def best_offer(situation: Situation) -> Offer:
    """Find the most that can be held; when not even the first increment fits, the limits are tested with that."""
    request = situation.request
    if request.slice_s is not None:
        return Offer(amount_micros=price(request.rate, request.slice_s), seconds=request.seconds)
    whole = Offer(amount_micros=price(request.rate, request.seconds + CUT_MARGIN_S), seconds=request.seconds)
    room = _room(situation)
    if not request.partial or whole.amount_micros == 0 or room is None or whole.amount_micros <= room:
        return whole
    best = _increments(request, 1 + CUT_MARGIN_S)
    # One increment more at a time: slow and plainly right, which is what a model is for.
    longer = _increments(request, best.seconds + CUT_MARGIN_S + 1)
    while longer.amount_micros <= room:
        best, longer = longer, _increments(request, longer.seconds + CUT_MARGIN_S + 1)
    return best


def hit_limits(situation: Situation, amount_micros: int, *, is_new_start: bool) -> Iterator[tuple[bool, Denial]]:
    """List every limit that `amount_micros` hits, in the order of the request, each with whether it is enforced."""
    for purse in situation.request.purses:
        for ceiling in purse.ceilings:
            if 0 < amount_micros > situation.left_in(purse, ceiling):
                yield ceiling.enforced, _money_denial(situation, purse, ceiling, amount_micros)
        if purse.concurrent_max is not None and situation.accounts[purse.name].live >= purse.concurrent_max:
            yield True, Denial(kind=DenialKind.LINES, name=purse.name, window=None, left=0, retry_s=0)
    for velocity in situation.request.velocities if is_new_start else ():
        retry_s = situation.starts.get(velocity.name, Starts()).too_many(velocity, situation.now_s)
        if retry_s is not None:
            yield (
                velocity.enforced,
                Denial(kind=DenialKind.STARTS, name=velocity.name, window=None, left=0, retry_s=retry_s),
            )


def _money_denial(situation: Situation, purse: Purse, ceiling: Ceiling, amount_micros: int) -> Denial:
    account = situation.accounts[purse.name]
    left = situation.left_in(purse, ceiling)
    # Live holds may end at any moment for nothing: only what is spent keeps the window shut for a known time.
    needed = amount_micros - left - account.held_micros
    return Denial(
        kind=DenialKind.MONEY,
        name=purse.name,
        window=ceiling.window,
        left=max(0, left),
        retry_s=account.reopens_in(ceiling.window, needed, situation.now_s),
    )


def _room(situation: Situation) -> int | None:
    lefts = (
        situation.left_in(purse, ceiling)
        for purse in situation.request.purses
        for ceiling in purse.ceilings
        if ceiling.enforced
    )
    return min(lefts, default=None)


def _increments(request: HoldRequest, least_s: int) -> Offer:
    covered = billed_seconds(request.rate, least_s)
    return Offer(amount_micros=price(request.rate, covered), seconds=covered - CUT_MARGIN_S)
