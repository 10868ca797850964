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


_HOLDS = ("start", "accounts", "holds")

HOLD = _load("hold", *_HOLDS, "offers", "velocities")
RENEW = _load("renew", *_HOLDS, "offers")
SETTLE = _load("settle", *_HOLDS)
VOID = _load("void", *_HOLDS)
LAPSE = _load("lapse", *_HOLDS)
BOOK = _load("book", *_HOLDS)
AUDIT = _load("audit", *_HOLDS, "recount")
CLOCK = _load("clock", *_HOLDS, "recount")
RESTORE = _load("restore", *_HOLDS, "velocities")
THAW = _load("thaw", *_HOLDS)
PUBLISH = _load("publish", "start")
POLICY = _load("policy", "start")
POLICIES = _load("policies", "start")
RIGHTS = _load("rights")
