"""Random call stories on a real Asterisk, and whether the ledger books what the carrier's log says of them.

    python -m system.stories --count 500 --seed 1

A story is one call, or two that are joined: who hangs up and when, transfers, redirections, nobody answers; once in a
run Asterisk is killed. The seed draws the stories; how they interleave is the machine's.
"""

import argparse
import asyncio
import math
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from call_behaviour import Behaviour, Reaction
from lab import Lab
from outgoing_call import OutgoingCall
from sip_phone import Phone
from system import live_lab
from system.carrier_books import Books, compare
from system.live_lab import island, mobile, reunion
from system.rig import Config, Rig, wait_for

WITHIN_S = 15.0
LONGEST_S = 6.0
TOGETHER = 6
CALLERS, CALLED = ("101", "102", "103"), ("104", "105")
LISTED = mobile(99_990), mobile(99_991)


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where stories happen: the lab, its phones, and how the carrier meets each number."""

    rig: Rig
    callers: list[Phone]
    called: list[Phone]
    rules: dict[str, Behaviour] = field(default_factory=dict)
    listed: asyncio.Lock = field(default_factory=asyncio.Lock)
    broken: list[str] = field(default_factory=list)
    killed_at: float = math.inf

    def meet(self, number: str, behaviour: Behaviour) -> None:
        """Tell the carrier how to meet a number."""
        self.rules[number] = behaviour
        self.rig.lab.set_rules(self.rules)

    async def answered(self, phone: Phone, dialled: str) -> OutgoingCall:
        """Dial, and wait until both sides hear each other."""
        call = phone.call(dialled)
        final = await call.wait_for_final(WITHIN_S)
        assert final.code == 200, (dialled, final)
        await call.wait_joined(WITHIN_S)
        return call

    async def leg_to(self, number: str) -> str:
        """The carrier channel of a call, by the bridge that its caller is in; "" if it is gone."""
        listed = await self.command("core", "show", "channels", "concise")
        channels = [line.split("!") for line in listed.splitlines()]
        bridges = {fields[-2] for fields in channels if f"/{number}@" in fields[6]}
        return next((fields[0] for fields in channels if "/carrier-" in fields[0] and fields[-2] in bridges), "")

    async def command(self, *words: str) -> str:
        """Type a command at Asterisk's."""
        return await asyncio.to_thread(self.rig.lab.asterisk_cli, *words)

    def colleague(self, story: "Story") -> Phone:
        """Who takes a call over."""
        return self.called[story.place % len(self.called)]

    async def wait_until_over(self) -> None:
        """Wait until nothing is up and nothing is held."""
        for _ in range(180):
            if not (await self.rig.book()).holds:
                return
            await asyncio.sleep(0.5)
        message = f"holds remain: {(await self.rig.book()).holds}"
        raise AssertionError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story as it was drawn."""

    place: int
    plot: "Plot"
    dialled: str
    number: str
    phone: int
    waits_s: tuple[float, float]


async def the_caller_hangs_up(stage: Stage, story: Story) -> None:
    """The plain call."""
    call = await stage.answered(stage.callers[story.phone], story.dialled)
    await asyncio.sleep(story.waits_s[0])
    call.hang_up()


async def the_called_party_hangs_up(stage: Stage, story: Story) -> None:
    """The same from the other side."""
    stage.meet(story.number, Behaviour(hang_up_after_s=story.waits_s[0]))
    call = await stage.answered(stage.callers[story.phone], story.dialled)
    await call.wait_ended(WITHIN_S)


async def it_is_engaged(stage: Stage, story: Story) -> None:
    """Nobody pays for that."""
    stage.meet(story.number, Behaviour(reaction=Reaction.REJECT))
    await stage.callers[story.phone].call(story.dialled).wait_for_final(WITHIN_S)


async def nobody_answers(stage: Stage, story: Story) -> None:
    """The caller gives up while it rings."""
    stage.meet(story.number, Behaviour(reaction=Reaction.RING))
    call = stage.callers[story.phone].call(story.dialled)
    await call.wait_for_code(180, WITHIN_S)
    await asyncio.sleep(story.waits_s[0])
    call.cancel()
    await call.wait_ended(WITHIN_S)


async def an_operator_hangs_up(stage: Stage, story: Story) -> None:
    """From Asterisk's command line."""
    call = await stage.answered(stage.callers[story.phone], story.dialled)
    await asyncio.sleep(story.waits_s[0])
    await stage.command("channel", "request", "hangup", await stage.leg_to(story.number))
    await call.wait_ended(WITHIN_S)


async def redirected(stage: Stage, story: Story) -> None:
    """The carrier leg is pulled out of its call and lives on with another phone."""
    stage.meet(story.number, Behaviour(hang_up_after_s=sum(story.waits_s)))
    await stage.answered(stage.callers[story.phone], story.dialled)
    await asyncio.sleep(story.waits_s[0])
    leg = await stage.leg_to(story.number)
    if leg:
        await stage.command("channel", "redirect", leg, f"internal,{stage.colleague(story).number},1")


async def handed_to_a_colleague(stage: Stage, story: Story) -> None:
    """A blind transfer within the clinic."""
    stage.meet(story.number, Behaviour(hang_up_after_s=sum(story.waits_s) + 1))
    phone = stage.callers[story.phone]
    call = await stage.answered(phone, story.dialled)
    await asyncio.sleep(story.waits_s[0])
    await call.transfer(phone.uri(stage.colleague(story).number), WITHIN_S)


async def announced_to_a_colleague(stage: Stage, story: Story) -> None:
    """An attended transfer within the clinic."""
    stage.meet(story.number, Behaviour(hang_up_after_s=sum(story.waits_s) + 3))
    phone = stage.callers[story.phone]
    call = await stage.answered(phone, story.dialled)
    second = await stage.answered(phone, stage.colleague(story).number)
    await asyncio.sleep(story.waits_s[0])
    await phone.join(call, second, WITHIN_S)


async def joined_outside(stage: Stage, story: Story) -> None:
    """Two outside parties are left alone, and cut."""
    phone = stage.callers[story.phone]
    first = await stage.answered(phone, story.dialled)
    second = await stage.answered(phone, mobile(50_000 + story.place)[0])
    await asyncio.sleep(story.waits_s[0])
    await phone.join(first, second, WITHIN_S)


async def joined_where_it_is_permitted(stage: Stage, story: Story) -> None:
    """Both are listed: they talk until one of them hangs up."""
    phone, (one, two) = stage.callers[story.phone], LISTED
    async with stage.listed:
        stage.meet(two[1], Behaviour(hang_up_after_s=sum(story.waits_s) + 1))
        first, second = await stage.answered(phone, one[0]), await stage.answered(phone, two[0])
        await asyncio.sleep(story.waits_s[0])
        await phone.join(first, second, WITHIN_S)
        await asyncio.sleep(story.waits_s[1] + 1.5)


Plot = Callable[[Stage, Story], Awaitable[None]]
PLOTS: tuple[tuple[Plot, int], ...] = (
    (the_caller_hangs_up, 5),
    (the_called_party_hangs_up, 4),
    (it_is_engaged, 1),
    (nobody_answers, 1),
    (an_operator_hangs_up, 2),
    (redirected, 2),
    (handed_to_a_colleague, 2),
    (announced_to_a_colleague, 2),
    (joined_outside, 2),
    (joined_where_it_is_permitted, 1),
)
"""What happens, and how often."""


def draw(count: int, seed: int) -> list[Story]:
    """Draw the stories of a run."""
    chance = random.Random(seed)
    plots, weights = zip(*PLOTS, strict=True)
    stories = []
    for place in range(count):
        dialled, number = chance.choice((mobile, mobile, island, reunion))(place)
        (plot,) = chance.choices(plots, weights)
        waits_s = chance.uniform(0.2, LONGEST_S), chance.uniform(0.2, LONGEST_S)
        phone = chance.randrange(len(CALLERS))
        stories.append(Story(place=place, plot=plot, dialled=dialled, number=number, phone=phone, waits_s=waits_s))
    return stories


async def run(lab: Lab, stories: list[Story], kill_at: int | None) -> Books:
    """Let the stories happen, and compare.

    Args:
        lab: started, with its link up and an empty ledger.
        stories: some of them at once.
        kill_at: Asterisk is killed when so many have begun; None for no kill.
    """
    rig = Rig(lab=lab, config=Config(policy="", dialplan=""), began=time.time())
    async with rig.phones(*CALLERS) as callers, rig.phones(*CALLED) as called:
        stage = Stage(rig=rig, callers=callers, called=called)
        gate = asyncio.Semaphore(TOGETHER)
        begun = 0

        async def tell(story: Story) -> None:
            nonlocal begun
            async with gate:
                begun += 1
                if begun == kill_at:
                    stage.killed_at = time.time()
                    await asyncio.to_thread(kill_asterisk, lab)
                    await asyncio.gather(*(phone.register(WITHIN_S) for phone in (*callers, *called)))
                try:
                    await story.plot(stage, story)
                except (TimeoutError, AssertionError) as broken:
                    stage.broken.append(f"{story.plot.__name__} {story.number} {time.time():.1f}: {broken!r}")

        await asyncio.gather(*(tell(story) for story in stories))
        print(f"{len(stage.broken)} stories were broken off", *stage.broken, sep="\n")
        # What was broken off, by the kill mostly, is still up.
        await stage.command("channel", "request", "hangup", "all")
        await stage.wait_until_over()
    return compare(rig, await rig.book(), stage.killed_at)


def kill_asterisk(lab: Lab) -> None:
    """Kill it with whatever is up, and wait until control sees the next one."""
    links = lab.gate_output().count("control.linked")
    lab.restart_asterisk("KILL")
    wait_for(lambda: lab.gate_output().count("control.linked") > links, WITHIN_S)


def stories_lab(folder: Path) -> Lab:
    """Make the lab of a run; it is not started yet."""
    return live_lab.live_lab("stories", folder, live_lab.listing(*(number for _, number in LISTED)))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Random call stories, and what the ledger books of them.")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20_261_122)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lab = stories_lab(Path(folder))
        lab.start()
        try:
            books = asyncio.run(run(lab, draw(arguments.count, arguments.seed), arguments.count // 2))
        finally:
            lab.stop()
    print(f"seed {arguments.seed}: {arguments.count} stories")
    print(*books.lines(), sep="\n")
    sys.exit(bool(books.wrong))


if __name__ == "__main__":
    main()
