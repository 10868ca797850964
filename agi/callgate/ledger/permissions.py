"""What the gate's user may do in the store, as rules of ``ACL SETUSER``: its own keys, its scripts, nothing else."""

import re
from functools import cache
from importlib.resources import files

from callgate.ledger.address import StoreKind

KEYS = "~cg:*"
NEEDLESS = {
    "FLUSHALL": "FLUSHALL",
    "CONFIG SET": "CONFIG SET appendonly no",
    "keys that are not cg:*": "HGET rights field",
}
"""What a user who may do it could do harm with, and a command that tells."""

_SCRIPTS = ("eval", "evalsha")
_CHECKS = ("config|get", "info")
_REPLICAS = ("wait",)
_CLUSTER = ("asking", "cluster|slots")
_CALL = re.compile(r"redis\.p?call\('([A-Z]+)'")


def store_rules(kind: StoreKind) -> tuple[str, ...]:
    """Give the rules of a user on each server that holds data.

    Besides what the gate sends itself they allow what its scripts call: Redis checks these for the same user.
    """
    many = {
        # An address may name a database; a cluster has only one.
        StoreKind.ONE: ("select",),
        StoreKind.SENTINEL: ("select",),
        StoreKind.CLUSTER: _CLUSTER,
    }
    commands = sorted({*_SCRIPTS, *_CHECKS, *_REPLICAS, *many[kind], *script_commands()})
    return ("resetkeys", KEYS, "resetchannels", "nocommands", *(f"+{command}" for command in commands))


def needed_commands(*, is_cluster: bool) -> dict[str, str]:
    """Give what an operation sends, by its name in a rule, each with all that it needs.

    A server that is asked about fewer words than a command needs may read beyond them.
    """
    asked = {command: f"{command} cg:rights" for command in script_commands()}
    asked |= {"evalsha": "EVALSHA sha 1 cg:rights", "wait": "WAIT 1 1"}
    return asked | ({command: command.replace("|", " ") for command in _CLUSTER} if is_cluster else {})


def sentinel_rules() -> tuple[str, ...]:
    """Give the rules of a user on each sentinel, where sentinels ask for one (``sentinel_auth=yes``)."""
    return ("resetkeys", "resetchannels", "nocommands", "+sentinel|get-master-addr-by-name")


@cache
def script_commands() -> frozenset[str]:
    """List what the Lua scripts call."""
    sources = (file.read_text("utf-8") for file in (files("callgate.ledger") / "lua").iterdir())
    return frozenset(name.lower() for source in sources for name in _CALL.findall(source))
