"""The Lua scripts: read from ``lua/`` once, each joined with the parts it stands on."""

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """One script as the server knows it: `source` for EVAL, `sha` (40 hex digits) for EVALSHA."""

    source: str
    sha: str


def _load(name: str, *foundations: str) -> Script:
    folder = files("callgate.ledger") / "lua"
    shebang, _, body = (folder / f"{name}.lua").read_text("utf-8").partition("\n")
    parts = ((folder / f"{part}.lua").read_text("utf-8") for part in foundations)
    source = "\n".join((shebang, *parts, body))
    # Redis names a script by the SHA-1 of its text; nothing secret hangs on it.
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


HOLD = _load("hold", "start", "accounts", "holds", "velocities")
SETTLE = _load("settle", "start", "accounts", "holds")
VOID = _load("void", "start", "accounts", "holds")
LAPSE = _load("lapse", "start", "accounts", "holds")
BOOK = _load("book", "start", "accounts", "holds")
PUBLISH = _load("publish", "start")
POLICY = _load("policy", "start")
POLICIES = _load("policies", "start")
