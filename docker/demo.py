"""From nothing to real calls: phones of a practice dial through a real Asterisk, and the gate decides.

    demo.py [FOLDER]     where the lab's files go; .lab/demo if not said

Exit 0 if every call went as it should, above all no INVITE for a refused call and one for each emergency call; 1 if
not, and what differed is said.
"""

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from os import getpid
from pathlib import Path

import practice
from asterisk_conf import PHONES
from call_behaviour import Behaviour, Reaction
from callgate.core.reasons import Reason
from demo_call import Step, Verdict
from demo_policy import BELGIAN_DAY, belgium_ends, hours_closed_at, rules
from demo_screen import HEADER, Screen, cut
from demo_stage import Stage
from lab import Lab
from lab_images import ROOT, LabError
from sip_digest import Credentials
from sip_phone import Phone

_TERMINATED = 128 + signal.SIGTERM
_NEXT = """
What to try next
  make lab                  leaves this practice running, for your softphone or sipp, and for other rules: docs/lab.md
  README.md, "Drop it in"   the same gate in front of your own trunk
  .venv/bin/callgate --settings policies/callgate.toml check 0002250123456615
                            what the gate would say to a call, step by step; nothing is dialled
"""


def emergency(number: str, *, dialled: str = "", trunks: tuple[str, ...] = ("carrier-a",)) -> Step:
    """An emergency call: it goes, whatever the gate does."""
    return Step(
        what="emergency",
        dialled=dialled or number,
        verdict=Verdict.EMERGENCY,
        invites=tuple(f"{trunk}/{number}" for trunk in trunks),
        note="emergency numbers are dialled before anything is asked",
    )


def refused(what: str, dialled: str, reason: Reason) -> Step:
    """A call that must not reach the carrier."""
    return Step(what=what, dialled=dialled, verdict=Verdict.REFUSED, reason=reason)


def granted(what: str, dialled: str, *invites: str, note: str) -> Step:
    """A call that the gate lets go."""
    withheld = "#31#" in dialled
    return Step(what=what, dialled=dialled, verdict=Verdict.GRANTED, invites=invites, withheld=withheld, note=note)


PARIS = "00142685300"
WITHOUT_A_GATE = (
    emergency("15"),
    emergency("112", dialled="0112"),
    Step(
        what="Paris",
        dialled=PARIS,
        verdict=Verdict.ALLOWANCE,
        invites=("carrier-a/+33142685300",),
        note="no verdict: ordinary national calls go, 15 minutes at most",
    ),
    refused("0899 premium", "00899701234", Reason.GATE_UNAVAILABLE),
)


def open_steps(now: datetime) -> tuple[Step, ...]:
    """The calls of an open practice."""
    until = f"{belgium_ends(now):%d %b %H:%M}"
    return (
        granted("Paris", PARIS, "carrier-a/+33142685300", note="national fixed"),
        emergency("15"),
        emergency("112", dialled="0112"),
        granted("3114", "03114", "carrier-a/3114", note="a free short code that must be reached"),
        granted(
            "withheld", "0#31#0612345678", "carrier-a/+33612345678", note="mobile; #31# withholds the caller's number"
        ),
        refused("0899 premium", "00899701234", Reason.CLASS_REFUSED),
        refused("Ivory Coast", "0002250123456615", Reason.COUNTRY_REFUSED),
        refused("Inmarsat", "000870773123456", Reason.CLASS_REFUSED),
        granted(
            "Belgium",
            "0003223456789",
            "carrier-a/+3223456789",
            note=f"allowed until {until}, for {BELGIAN_DAY} EUR in 24 hours",
        ),
        refused("Belgium again", "0003223456790", Reason.CEILING_DAY),
        refused("Germany", "0004930227320", Reason.COUNTRY_REFUSED),
        refused("injection", "0612%40trunk%26PJSIP%2F0088216001", Reason.INJECTION),
    )


CLOSED = (
    refused("Guadeloupe", "00590201234", Reason.CLOSED),
    granted("Paris", PARIS, "carrier-a/+33142685300", note="ordinary national calls go when closed, too"),
    emergency("15"),
)
TRUNK_DOWN = (
    granted(
        "Paris",
        PARIS,
        "carrier-a/+33142685300",
        "carrier-b/0142685300",
        note="carrier-a answered 503: asked again, and dialled on b",
    ),
    emergency("15", trunks=("carrier-a", "carrier-b")),
)


async def play(stage: Stage, screen: Screen) -> None:
    """The whole demo, from the first call to the last."""
    lab, now = stage.lab, datetime.now(UTC)
    screen.head("The practice is open")
    await _place_all(stage, open_steps(now))
    screen.head(f"New rules: the practice is closed now. {_apply(lab, 'closed', rules(now, hours_closed_at(now)))}")
    await _place_all(stage, CLOSED)
    screen.head(f"Open again, and the first trunk is down. {_apply(lab, 'open', rules(now))}")
    lab.set_rules({"carrier-a/": Behaviour(reaction=Reaction.REJECT, code=503)})
    await _place_all(stage, TRUNK_DOWN)
    lab.set_rules({})
    screen.head("The gate hangs (kill -STOP): it accepts the question and never answers")
    await asyncio.to_thread(lab.gate_signal, "STOP")
    await _without_a_gate(stage)
    await asyncio.to_thread(lab.gate_signal, "CONT")
    await stage.book()
    screen.head("The gate is stopped: nobody listens")
    await asyncio.to_thread(lab.gate_stop)
    await _without_a_gate(stage)
    await asyncio.to_thread(lab.gate_start)
    await stage.book()
    await stage.close()


async def _without_a_gate(stage: Stage) -> None:
    stage.gate_answers = False
    await _place_all(stage, WITHOUT_A_GATE)
    stage.gate_answers = True


async def _place_all(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await stage.place(step)


def _apply(lab: Lab, name: str, policy: str) -> str:
    """Put a policy in force with the installer's own command, and return what it said."""
    (lab.folder / "config" / f"{name}.toml").write_text(policy, encoding="utf-8")
    return lab.gate_exec("callgate", "policy", "apply", f"/etc/callgate/{name}.toml", "--reason", "demo")


async def run(lab: Lab, screen: Screen) -> list[str]:
    """Register the phones and play.

    Returns:
        What differed from what should have come.
    """
    began = datetime.now(UTC).isoformat(timespec="seconds")
    async with AsyncExitStack() as stack:
        phones = []
        for number in PHONES:
            phone = Phone(Credentials(username=number, password=lab.secrets.phones), lab.sip)
            phones.append(await stack.enter_async_context(phone))
            await phone.register()
        screen.say(f"{len(phones)} phones are registered, the outside line is 0.\n\n{HEADER}")
        stage = Stage(lab, phones, screen)
        await play(stage, screen)
    screen.head(f"callgate blocked --since {began}")
    for line in lab.gate_exec("callgate", "blocked", "--since", began).splitlines():
        screen.say(cut(line))
    return stage.problems


def main(words: list[str]) -> int:
    """Start the lab, play, end the lab; return the exit code."""
    screen, began = Screen(sys.stdout), time.monotonic()
    folder = Path(words[0]) if words else ROOT / ".lab" / "demo"
    screen.say("callgate demo: a practice with five phones, two carriers, a real Asterisk 22 and the gate.")
    lab = practice.lab(f"demo-{getpid()}", folder, practice.Practice(policy=rules(datetime.now(UTC))))
    try:
        lab.start()
        problems = asyncio.run(run(lab, screen))
    except LabError as error:
        print(f"callgate: {error}", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        lab.stop()
    if problems:
        screen.head("Not everything went as it should:")
        for problem in problems:
            screen.say(f"  {problem}")
        return 1
    lasted_s = time.monotonic() - began
    screen.head(f"No refused call reached the carrier, and every emergency call did. {lasted_s:.0f} s.")
    screen.say(_NEXT.rstrip())
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    raise SystemExit(main(sys.argv[1:]))
