"""The model's answer to "may this be held": how much money, and which limits forbid it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callgate.core.hold import Ceiling, Denial, DenialKind, HoldRequest, Purse, RenewRequest, Window
from callgate.core.tariff import Rate, price
from callgate.ledger.account import Account
from callgate.ledger.agenda import Agenda
from callgate.ledger.slices import Stretch, longest_for, shortest, slice_until, whole
from callgate.ledger.starts import Starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a request meets: accounts and starts by name, the ledger second, and the month that the call counts in.

    `freed` are the purses of the superseded trunk attempt, with the micros that it still sets aside there.
    """

    accounts: Mapping[str, Account]
    starts: Agenda[Starts]
    freed: Mapping[str, int]
    now_s: int
    month: str

    def left_in(self, purse: Purse, ceiling: Ceiling) -> int:
        """Say how many micros are left under a ceiling; below zero if it was lowered."""
        return ceiling.limit_micros - self.spent_in(purse, ceiling.window) - self.held_in(purse)

    def spent_in(self, purse: Purse, window: Window) -> int:
        """Say what was spent, in micros."""
        account = self.accounts.get(purse.name)
        return account.spent(window, self.month, self.now_s) if account else 0

    def held_in(self, purse: Purse) -> int:
        """Say what live holds set aside, in micros."""
        account = self.accounts.get(purse.name)
        return account.held_micros - self.freed.get(purse.name, 0) if account else 0

    def live_in(self, purse: Purse) -> int:
        """Count the live holds."""
        account = self.accounts.get(purse.name)
        return account.live - (purse.name in self.freed) if account else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a call holds already: micros, seconds, and the names of the purses that count it."""

    micros: int = 0
    seconds: int = 0
    purses: tuple[str, ...] = ()

    def held_in(self, purse: Purse) -> int:
        """Say how many micros of it a purse counts."""
        return self.micros if purse.name in self.purses else 0


NOTHING = SoFar()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Money to set aside for a call, in all, in micros, and the seconds it grants, in all."""

    amount_micros: int
    seconds: int
    is_final: bool


def offer_hold(request: HoldRequest, situation: Situation) -> Offer:
    """Find what can be held; when not even a second can be, the limits are tested with the least that gains one."""
    rate, seconds = request.rate, request.seconds
    if request.slice_s is None:
        found = _cut(request, situation, rate, whole(rate, seconds), so_far=NOTHING)
        return Offer(amount_micros=found.price(rate), seconds=found.seconds, is_final=True)
    if not request.costly:
        return Offer(amount_micros=price(rate, request.slice_s), seconds=seconds, is_final=True)
    found = _cut(request, situation, rate, slice_until(rate, min(request.slice_s, seconds), 0), so_far=NOTHING)
    return _slice_offer(found, rate, seconds)


def offer_renewal(request: RenewRequest, rate: Rate, situation: Situation, so_far: SoFar) -> Offer:
    """Find what can be added to a live hold; what was granted is never taken back."""
    if request.seconds <= so_far.seconds:
        return Offer(amount_micros=so_far.micros, seconds=so_far.seconds, is_final=True)
    asked = slice_until(rate, min(request.seconds, so_far.seconds + request.slice_s), so_far.seconds)
    return _slice_offer(_cut(request, situation, rate, asked, so_far=so_far), rate, request.seconds)


def hit_purse(purse: Purse, situation: Situation, cost_micros: int, so_far: SoFar) -> Iterator[tuple[bool, Denial]]:
    """List every limit of a purse that forbids a call to cost so much in all, each with whether it is enforced."""
    amount_micros = cost_micros - so_far.held_in(purse)
    for ceiling in purse.ceilings:
        if 0 < amount_micros > situation.left_in(purse, ceiling):
            yield ceiling.enforced, _money_denial(situation, purse, ceiling, amount_micros)
    is_full = purse.concurrent_max is not None and situation.live_in(purse) >= purse.concurrent_max
    if is_full and purse.name not in so_far.purses:
        yield True, Denial(kind=DenialKind.LINES, name=purse.name, window=None, left=0, retry_s=0)


def hit_limits(
    request: HoldRequest, situation: Situation, amount_micros: int, *, is_new_start: bool
) -> Iterator[tuple[bool, Denial]]:
    """List every limit that a new hold hits, in the order of the request, each with whether it is enforced."""
    for purse in request.purses:
        yield from hit_purse(purse, situation, amount_micros, NOTHING)
    for velocity in request.velocities if is_new_start else ():
        starts = situation.starts.get(velocity.name) or Starts()
        retry_s = starts.too_many(velocity, situation.now_s)
        if retry_s is not None:
            denial = Denial(kind=DenialKind.STARTS, name=velocity.name, window=None, left=0, retry_s=retry_s)
            yield velocity.enforced, denial


def _cut(
    request: HoldRequest | RenewRequest, situation: Situation, rate: Rate, asked: Stretch, *, so_far: SoFar
) -> Stretch:
    """Cut a stretch down to the money that is left for it, if it may be cut."""
    # Only money above nothing is ever tested: an overdrawn purse does not forbid what is paid already.
    budget_micros = min(
        (
            so_far.held_in(purse) + max(0, situation.left_in(purse, ceiling))
            for purse in request.purses
            for ceiling in purse.ceilings
            if ceiling.enforced
        ),
        default=None,
    )
    if not request.partial or budget_micros is None or asked.price(rate) <= budget_micros:
        return asked
    # When not one second more can be had, that second is asked for: the limits that forbid it are the ones to name.
    return longest_for(rate, asked, so_far.seconds, budget_micros) or shortest(rate, so_far.seconds)


def _slice_offer(found: Stretch, rate: Rate, longest_s: int) -> Offer:
    is_final = found.is_cut or found.seconds >= longest_s
    return Offer(amount_micros=found.price(rate), seconds=found.seconds, is_final=is_final)


def _money_denial(situation: Situation, purse: Purse, ceiling: Ceiling, amount_micros: int) -> Denial:
    left = situation.left_in(purse, ceiling)
    # Live holds may end at any moment for nothing: only what is spent keeps the window shut for a known time.
    needed = amount_micros - left - situation.held_in(purse)
    account = situation.accounts.get(purse.name, Account())
    return Denial(
        kind=DenialKind.MONEY,
        name=purse.name,
        window=ceiling.window,
        left=max(0, left),
        retry_s=account.reopens_in(ceiling.window, needed, situation.now_s),
    )
