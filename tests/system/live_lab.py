"""A lab whose gate has its hand on live calls: high ceilings, many lines, and a dear island in half-minute slices."""

import os
from pathlib import Path

import practice
from asterisk_conf import modules_conf
from lab import Lab

DEAR_RATE = "+590,dear,0,1.20,1,1,EUR,0,,"
_USUAL_RATE = "+590,assumed: overseas,0,0.25,60,60,EUR,0,,"
_WIDE = 'hour = "900.00"\nday = "900.00"\nweek = "900.00"\ncalendar_month = "900.00"'
CONFERENCE = "7014"
_EXTENSIONS = f"[internal]\nexten => {CONFERENCE},1,ConfBridge(garde)\n"
_CONF = {
    "modules.conf": modules_conf("app_confbridge.so"),
    "confbridge.conf": "[general]\n[default_user]\ntype = user\nquiet = yes\n[default_bridge]\ntype = bridge\n",
}
_TABLES = {
    "ceilings.costly": f'per_call = "40.00"\n{_WIDE}',
    "ceilings.overseas": 'day = "900.00"\nweek = "900.00"',
    "ceilings.extension": 'day = "900.00"',
    "ceilings.national": 'day = "900.00"\nweek = "900.00"',
    "installer_maximum.costly": 'hour = "1000.00"',
    "limits": 'max_rate_per_minute = "2.00"\nfirst_country = "ignore"',
    "limits.concurrent": "clinic = 200\noverseas = 50\nexternal_to_external = 4",
    "limits.starts": 'overseas = "900/1h"\nsame_number = "900/15m"',
}


def policy(*more: str) -> str:
    """A practice that may call the whole day, with these lines of TOML at its end."""
    text = practice.preset()
    for table, body in _TABLES.items():
        text = practice.with_table(text, table, body)
    return "\n".join((text, *more, ""))


def rates() -> str:
    """The shipped deck with a dear island: it is billed by the second, and held by the half minute."""
    text = practice.RATES.read_text(encoding="utf-8")
    assert _USUAL_RATE in text
    return text.replace(_USUAL_RATE, DEAR_RATE)


def listing(*numbers: str) -> str:
    """The lines of a policy that permit calls to these numbers with both ends outside."""
    return "".join(f'\n[[external_to_external.number]]\nnumber = "{number}"\nday = "50.00"\n' for number in numbers)


def live_lab(name: str, folder: Path, *more: str) -> Lab:
    """Make the lab, with these lines more in its policy; it is not started yet."""
    practised = practice.Practice(
        control=True, policy=policy(*more), rates=rates(), extensions=_EXTENSIONS, asterisk_conf=_CONF
    )
    return practice.lab(f"{name}-{os.getpid()}", folder, practised)


def island(number: int) -> tuple[str, str]:
    """A number there, as it is dialled and as the carrier sees it; 0 to 9999."""
    return f"0059027{number:04d}", f"+59059027{number:04d}"


def reunion(number: int) -> tuple[str, str]:
    """A number of an island at the usual rate, by the minute."""
    return f"0026230{number:04d}", f"+26226230{number:04d}"


def mobile(number: int) -> tuple[str, str]:
    """A mobile at home, by the second."""
    return f"006123{number:05d}", f"+336123{number:05d}"
