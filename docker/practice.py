"""The practice of the lab: its settings, rules, rates and dialplan, as an installer would write them.

One definition for the system tests, the demo and `make lab`.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asterisk_conf import AMI_PORT, PHONES
from lab import Gate, Lab
from lab_images import ROOT

CLINIC = "cabinet-des-lilas"
OUTSIDE_PREFIX = "0"
SOUNDS = "/usr/share/callgate/sounds"
WORKERS = int(os.environ.get("WORKERS") or 1)
"""How many workers the gate of a lab has; not as many as a machine has processors for, so that runs compare."""
PRESET = ROOT / "policies" / "presets" / "cabinet-france-seule.toml"
RATES = ROOT / "policies" / "rates" / "FR-default.csv"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS_OPEN = "weekly = { " + ", ".join(f'{day} = ["00:00-24:00"]' for day in DAYS) + " }"
NEVER_OPEN = "weekly = {}"

_SETTINGS = f"""\
[gate]
listen = "127.0.0.1:4599"
state  = "/var/lib/callgate"
spool  = "/var/spool/callgate/calls.log"
redis  = "{{redis}}"
pbx    = "lab_1"
workers = {{workers}}

[dialplan]
agi = "{{agi}}"
sounds = "{SOUNDS}"
ring_timeout_s = 20

[[clinic]]
name   = "{CLINIC}"
policy = "policy.toml"
rates  = "rates.csv"

[[trunk]]
name          = "carrier-a"
endpoint      = "carrier-a"
channels      = 20
number_format = "e164_plus"

[[trunk]]
name          = "carrier-b"
endpoint      = "carrier-b"
channels      = 20
number_format = "national"
order         = 2

[[entry]]
context        = "callgate"
clinic         = "{CLINIC}"
outside_prefix = "{OUTSIDE_PREFIX}"
trunks         = ["carrier-a", "carrier-b"]
"""

_READY = """callgate status --json | grep '"gate":"up","ledger":"up"' | grep -qv '"control":"down"'"""
"""Not whether all is well: an alarm of the guard's lasts longer than the gate needs to start."""
_CONTROL = f"""
[control]
ami = "127.0.0.1:{AMI_PORT}"
secret_file = "manager.secret"
"""

_EXTENSIONS = """\
; The installer's own file. callgate needs two lines of it: the #tryinclude and the include.
[general]
static = yes
writeprotect = yes

#tryinclude "callgate.conf"

[phones]
include => internal
include => callgate
include => callgate-last-resort

[internal]
{internal}

[from-carrier]
exten => _[+0-9]!,1,Dial(PJSIP/101,30,{ring})

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """What differs between labs.

    Fields:
        policy: the clinic's rules, TOML; "" for the shipped preset, always open.
        agi: how Asterisk reaches the gate.
        rates: the rate deck, CSV; "" for the shipped one.
        extensions: what the installer has written beside it, at the end of ``extensions.conf``.
        asterisk_conf: files put over the lab's own in /etc/asterisk, by path inside it.
        control: whether the gate has its link to Asterisk's manager interface.
        redis: address of a Redis of somebody else's; "" for the lab's own.
        small_disks: see `Lab`.
        environment: more variables of the gate.
        workers: how many the gate has.
        starter: words before the gate's command, of a program that starts it.
    ring: options of Dial where a phone is rung. ``i`` as docs/paths.md wants it: a phone's 302 leads nowhere.
    """

    policy: str = ""
    agi: str = "agi://127.0.0.1:4599/v1"
    rates: str = ""
    extensions: str = ""
    asterisk_conf: Mapping[str, str] = field(default_factory=dict)
    control: bool = False
    redis: str = ""
    small_disks: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = WORKERS
    starter: tuple[str, ...] = ()
    ring: str = "i"


def preset(hours: str = ALWAYS_OPEN) -> str:
    """The shipped preset of a French practice, as an installer fills it in."""
    lines = []
    for line in PRESET.read_text(encoding="utf-8").splitlines():
        if line.startswith("clinic "):
            lines.append(f'clinic = "{CLINIC}"')
        elif line.startswith("holidays "):
            lines.append('holidays = "none"')  # whatever the day the lab runs on, its hours are the ones given
        else:
            lines.append(line)
    return with_table("\n".join(lines), "hours", hours)


def with_table(policy: str, table: str, body: str) -> str:
    """Replace one table of a policy and all below it, or add the table."""
    kept, inside = [], False
    for line in policy.splitlines():
        if line.startswith("["):
            inside = line.strip("[").startswith((f"{table}]", f"{table}."))
        if not inside:
            kept.append(line)
    return "\n".join([*kept, f"[{table}]", body, ""])


def settings(practice: Practice | None = None) -> str:
    """The installer's settings, TOML."""
    practice = practice or Practice()
    told = _SETTINGS.replace("{agi}", practice.agi).replace("{redis}", practice.redis or "redis://callgate@redis:6379")
    told = told.replace("{workers}", str(practice.workers))
    return told + (_CONTROL if practice.control else "")


def lab(name: str, folder: Path, practice: Practice | None = None) -> Lab:
    """Make the lab of a practice; it is not started yet."""
    practice = practice or Practice()
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "callgate.toml").write_text(settings(practice), encoding="utf-8")
    (config / "policy.toml").write_text(practice.policy or preset(), encoding="utf-8")
    (config / "rates.csv").write_text(practice.rates or RATES.read_text(encoding="utf-8"), encoding="utf-8")
    internal = "\n".join(f"exten => {phone},1,Dial(PJSIP/{phone},30,{practice.ring})" for phone in PHONES)
    lab = Lab(
        name,
        folder,
        asterisk_conf={
            "callgate.conf": dialplan(config),
            "extensions.conf": _EXTENSIONS.replace("{internal}", internal).replace("{ring}", practice.ring)
            + dialplan(config, "--last-resort")
            + practice.extensions,
            **practice.asterisk_conf,
        },
        gate=Gate(
            command=(*practice.starter, "callgate", "--settings", "/etc/callgate/callgate.toml", "serve"),
            config=config,
            environment={
                "CALLGATE_SETTINGS": "/etc/callgate/callgate.toml",
                "LANG": "fr_FR.UTF-8",
                **practice.environment,
            },
            ready=("sh", "-c", _READY),
        ),
        mounts={SOUNDS: ROOT / "asterisk-conf" / "sounds", "/usr/share/callgate/agi": ROOT / "agi"},
        small_disks=practice.small_disks,
        has_store=not practice.redis,
    )
    (config / "manager.secret").write_text(lab.secrets.manager, encoding="utf-8")
    return lab


def dialplan(config: Path, *words: str) -> str:
    """The dialplan that `callgate dialplan` writes for these settings."""
    command = [sys.executable, "-m", "callgate.cli", "--settings", str(config / "callgate.toml"), "dialplan", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
