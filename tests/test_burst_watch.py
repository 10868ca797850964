"""Ten refused calls of one telephone at night close the road abroad to it, until a person unlocks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callgate.burst_watch import EXTENSIONS_MAX
from callgate.core.attempt import Origin
from callgate.core.hold import Unavailable
from callgate.core.locks import LOCKS_MAX, Lock, LockedCalls, LockScope
from callgate.core.reasons import Reason
from callgate.core.verdict import Grant, Refusal
from callgate.ledger.memory import MemoryLedger, at_second
from callgate.ledger.revisions import Outdated, PolicyRevision, Published
from clinic_samples import BRUSSELS, CLINIC, OBSERVING, PARIS, POINTE_A_PITRE, TUESDAY_11, Site, open_site, policy_text
from core.samples import a_lock

NIGHT = TUESDAY_11 + timedelta(hours=11)
ALSO_BELGIUM = policy_text({'allow = ["FR",': 'allow = ["FR", "BE",', 'outside = "national"': 'outside = "as_open"'})
NO_NUMBER = "0999999"
ABROAD = LockScope(calls=LockedCalls.INTERNATIONAL, extension="101")


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await opened(open_site(tmp_path))


async def opened(site: Site) -> Site:
    site.now = NIGHT
    await site.shelf.open()
    return site


async def dial(site: Site, count: int, number: str = BRUSSELS, extension: str = "101") -> list[Reason]:
    """Dial a number again and again, one call in 2.67 s; returns the heaviest reason of each refusal."""
    found = []
    for _ in range(count):
        site.now += timedelta(seconds=2.67)
        passage = site.passage(number)
        verdict = await site.gate.decide(
            replace(passage, attempt=replace(passage.attempt, extension=extension)), site.now
        )
        if isinstance(verdict, Refusal):
            found.append(verdict.reasons[0])
    return found


async def in_force(site: Site) -> PolicyRevision:
    found = await site.ledger.fetch_policy(CLINIC)
    assert isinstance(found, PolicyRevision)
    return found


async def scopes(site: Site) -> list[LockScope]:
    return [lock.scope for lock in (await in_force(site)).locks]


async def test_the_tenth_refusal_locks_and_the_eleventh_call_is_told_so(site: Site) -> None:
    assert Reason.LOCKED not in await dial(site, 9)
    await site.bursts.publish()
    assert (await in_force(site)).revision == 1
    await dial(site, 1)
    # No call waits for it: it is done in the background.
    assert (await in_force(site)).revision == 1
    await site.bursts.publish()
    found = await in_force(site)
    assert (found.revision, found.author, found.origin) == (2, "callgate", "file")
    assert found.reason == found.locks[0].reason
    assert "10 appels coûteux refusés en 10\u00a0min" in found.reason
    assert await scopes(site) == [ABROAD]
    assert await dial(site, 1) == [Reason.LOCKED]
    assert site.rows[-1].locks == found.locks


async def test_a_burst_to_the_overseas_departments_locks_them_too(tmp_path: Path) -> None:
    """It locked the calls abroad, which they are not, and went on."""
    site = await opened(open_site(tmp_path))
    assert Reason.LOCKED not in await dial(site, 10, POINTE_A_PITRE)
    await site.bursts.publish()
    assert await scopes(site) == [replace(ABROAD, calls=LockedCalls.COSTLY)]
    assert await dial(site, 1, POINTE_A_PITRE) == [Reason.LOCKED]
    assert await dial(site, 1, PARIS) == []


async def test_a_line_that_seizes_by_itself_locks_nothing(site: Site) -> None:
    """Ten times the outside prefix alone locked the calls abroad of the telephone."""
    await dial(site, 50, "0")
    await site.bursts.publish()
    assert await scopes(site) == []


async def test_ordinary_and_emergency_calls_and_every_other_extension_go_on(site: Site) -> None:
    await dial(site, 10)
    await site.bursts.publish()
    assert await dial(site, 1, PARIS) == []
    assert await dial(site, 1, "015") == []
    assert Reason.LOCKED not in await dial(site, 1, BRUSSELS, extension="102")


async def test_refused_calls_of_several_extensions_are_no_burst_of_one(site: Site) -> None:
    for place in range(20):
        await dial(site, 1, extension=str(101 + place % 5))
    await site.bursts.publish()
    assert await scopes(site) == []


async def test_a_call_without_an_extension_locks_nobody(site: Site) -> None:
    """A lock without an extension would be one of the whole clinic."""
    await dial(site, 50, extension="")
    await site.bursts.publish()
    assert await scopes(site) == []


async def test_two_bursts_at_once_are_one_revision(site: Site) -> None:
    for extension in ("101", "102"):
        await dial(site, 10, extension=extension)
    await site.bursts.publish()
    assert (await in_force(site)).revision == 2
    assert await scopes(site) == [ABROAD, replace(ABROAD, extension="102")]


async def test_what_is_locked_is_not_counted_again(site: Site) -> None:
    await dial(site, 10)
    await site.bursts.publish()
    await dial(site, 50)
    await site.bursts.publish()
    assert (await in_force(site)).revision == 2


async def test_who_goes_on_with_what_is_no_number_is_locked_once(site: Site) -> None:
    """Each further ten made a revision of the policy: in a night, tens of thousands."""
    for _ in range(5):
        assert Reason.LOCKED not in await dial(site, 10, NO_NUMBER)
        await site.bursts.publish()
    assert (await in_force(site)).revision == 2
    assert await scopes(site) == [ABROAD]
    assert site.bursts.bursts == {}


async def unlock(site: Site) -> None:
    found = await in_force(site)
    freed = replace(found, revision=found.revision + 1, author="dr.lilas", locks=())
    assert isinstance(await site.ledger.publish(freed, found.revision), Published)


async def test_an_unlock_is_not_undone_by_the_burst_before_it(site: Site) -> None:
    await dial(site, 10)
    await site.bursts.publish()
    await unlock(site)
    assert Reason.LOCKED not in await dial(site, 9)
    await site.bursts.publish()
    assert await scopes(site) == []
    # Whoever goes on is locked again.
    await dial(site, 1)
    await site.bursts.publish()
    assert await scopes(site) == [ABROAD]


async def test_an_unlock_between_the_burst_and_its_lock_wins(site: Site) -> None:
    await dial(site, 10)
    await unlock(site)
    await site.bursts.publish()
    assert await scopes(site) == []
    assert site.bursts.bursts == {}


async def test_a_permission_clears_what_was_counted(site: Site) -> None:
    await dial(site, 9)
    found = await in_force(site)
    await site.ledger.publish(replace(found, revision=2, document=ALSO_BELGIUM), 1)
    assert await dial(site, 1) == []
    await site.bursts.publish()
    assert await scopes(site) == []


async def test_refused_calls_count_as_no_start(tmp_path: Path) -> None:
    site = await opened(open_site(tmp_path))
    await dial(site, 9)
    found = await in_force(site)
    await site.ledger.publish(replace(found, revision=2, document=ALSO_BELGIUM), 1)
    verdict = await site.gate.decide(site.passage(BRUSSELS), site.now)
    assert isinstance(verdict, Grant)


async def test_a_clinic_that_observes_is_not_locked(tmp_path: Path) -> None:
    site = await opened(open_site(tmp_path, policy_text(OBSERVING)))
    await dial(site, 50)
    await site.bursts.publish()
    assert await scopes(site) == []


async def test_a_caller_from_outside_can_at_most_lock_the_line_that_forwards(site: Site) -> None:
    for _ in range(10):
        passage = site.passage(BRUSSELS, origin=Origin.FORWARDED)
        await site.gate.decide(passage, site.now)
    await site.bursts.publish()
    assert await scopes(site) == [ABROAD]


class Failing(MemoryLedger):
    """A ledger that takes no revision for a while."""

    def __init__(self, answers: list[Outdated | Unavailable], clock: Callable[[], int]) -> None:
        super().__init__(at_second(clock))
        self.answers = answers

    async def publish(self, policy: PolicyRevision, expected: int) -> Published | Outdated | Unavailable:
        if policy.locks and self.answers:
            return self.answers.pop()
        return await super().publish(policy, expected)


@pytest.mark.parametrize("answers", [[Unavailable(cause="timeout")] * 2, [Outdated(revision=1)] * 5])
async def test_a_lock_that_cannot_be_published_is_tried_again(
    tmp_path: Path, answers: list[Outdated | Unavailable]
) -> None:
    site = await opened(open_site(tmp_path, ledger=Failing(answers, lambda: int(NIGHT.timestamp()))))
    await dial(site, 10)
    await site.bursts.publish()
    assert await scopes(site) == []
    await site.bursts.publish()
    assert await scopes(site) == [ABROAD]


async def test_two_gates_that_see_the_same_burst_lock_once(tmp_path: Path) -> None:
    ledger = MemoryLedger(at_second(lambda: int(NIGHT.timestamp())))
    gates = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        gates.append(await opened(open_site(tmp_path / name, ledger=ledger)))
    for gate in gates:
        await dial(gate, 10)
    for gate in gates:
        await gate.bursts.publish()
    assert (await in_force(gates[0])).revision == 2


async def test_no_more_extensions_are_counted_than_a_gate_remembers(site: Site) -> None:
    for extension in range(EXTENSIONS_MAX + 1):
        await dial(site, 1, extension=str(1000 + extension))
    assert len(site.bursts.refusals) == EXTENSIONS_MAX
    assert (CLINIC, "1000") not in site.bursts.refusals


async def test_a_clinic_has_no_more_locks_than_a_revision_may_carry(site: Site) -> None:
    found = await in_force(site)
    locks = tuple(lock(str(200 + place), NIGHT) for place in range(LOCKS_MAX - 1))
    await site.ledger.publish(replace(found, revision=2, locks=locks), 1)
    for extension in ("101", "102"):
        await dial(site, 10, extension=extension)
    await site.bursts.publish()
    assert len(await scopes(site)) == LOCKS_MAX
    assert site.bursts.bursts == {}


def lock(extension: str, at: datetime) -> Lock:
    return replace(a_lock(LockedCalls.ALL, extension), at=at)
