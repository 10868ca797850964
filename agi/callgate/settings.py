"""The installer's settings: one TOML file that names the clinics, their trunks and the contexts phones dial through."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from callgate.core.wire import NumberFormat
from callgate.errors import SettingsError
from callgate.ledger.address import holds_password, is_loopback

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
"""Names go into dialplan contexts, Redis keys and file names: letters, digits, ``-`` and ``_``, at most 64.

Patterns here end with ``\\Z``: a ``$`` would let a newline through at the end, and with it a line of dialplan."""

PORT_MAX = 65535
AGI_SCHEME = "agi://"
RESERVED_PREFIX = "callgate-"
"""Contexts of the generated dialplan itself begin so; an entry of such a name would become a part of one of them."""
DEFAULT_SETTINGS = Path("/etc/callgate/callgate.toml")


class Sealing(StrEnum):
    """Whether the gate answers only who knows the key that it shares with Asterisk."""

    ON = "on"
    OFF = "off"


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[gate]``: the daemon.

    Fields:
        listen: host and port of FastAGI, on this machine: what comes over it is neither encrypted nor from elsewhere.
        waiting_max: connections that may wait at once without having asked; the oldest goes when one more comes.
        seal: whether a question needs the seal of the generated dialplan (`callgate.seal`).
        workers: how many processes answer calls; 0 is one for every two processors, from one to eight.
        state: folder of the journal, the embedded Redis and the last good policies.
        journal_max_mib: how long the journal's files may become together, in MiB; in the last sixteenth only refusals
            are written, and costly calls end, as on a full disk.
        spool: the file the dialplan appends to; Asterisk writes it, the daemon reads it.
        redis: address of the ledger (`callgate.ledger.address`), without a password; "" for the embedded Redis.
        redis_password_file: a file with the password, read at each connection; "" where there is none.
        redis_ca: certificate that vouches for the servers (rediss://), PEM; "" for those of the system.
        redis_cert: certificate of this gate, PEM; "" where the servers want none.
        redis_key: its key, PEM.
        redis_replicas: so many must acknowledge a costly hold within 50 ms, or the call is refused; 0 asks none.
        unsafe_store: what becomes of costly calls while the store may lose what it acknowledged (``ledger.store``).
        pbx: this Asterisk's name, the first part of every grant id.
    """

    listen: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.:\[\]-]+:[0-9]{1,5}\Z")] = "127.0.0.1:4599"
    waiting_max: Annotated[int, msgspec.Meta(ge=16, le=100_000)] = 1000
    seal: Sealing = Sealing.ON
    workers: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    state: str = "/var/lib/callgate"
    journal_max_mib: Annotated[int, msgspec.Meta(ge=16, le=1024 * 1024)] = 10 * 1024
    spool: Annotated[str, msgspec.Meta(pattern=r"^/[A-Za-z0-9/_.-]+\Z")] = "/var/spool/callgate/calls.log"
    redis: Annotated[str, msgspec.Meta(pattern=r"^(?:(?:unix|rediss?(?:\+(?:cluster|sentinel))?)://[!-~]+)?\Z")] = ""
    redis_password_file: str = ""
    redis_ca: str = ""
    redis_cert: str = ""
    redis_key: str = ""
    redis_replicas: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0
    unsafe_store: Literal["refuse", "accept"] = "refuse"
    pbx: Name = "pbx"

    @property
    def journal_max_bytes(self) -> int:
        """How long the journal may become."""
        return self.journal_max_mib * 1024 * 1024


class DialplanSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[dialplan]``: what the generated dialplan is told.

    Fields:
        agi: how Asterisk reaches the gate: ``agi://host:port/v1``, or the path of the ``callgate.agi`` launcher.
        bound_s: a silent gate is given up after this (1.206 s measured for 1.2).
        ring_timeout_s: how long a call may ring.
        sounds: folder with ``fr/callgate`` and ``en/callgate``, as Asterisk sees it.
    """

    agi: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9:/._\[\]-]+\Z")] = "agi://127.0.0.1:4599/v1"
    bound_s: Annotated[float, msgspec.Meta(gt=0.1, le=5)] = 1.2
    ring_timeout_s: Annotated[int, msgspec.Meta(ge=5, le=300)] = 60
    sounds: Annotated[str, msgspec.Meta(pattern=r"^/[A-Za-z0-9/_.-]+\Z")] = "/usr/share/callgate/sounds"


class ControlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[control]``: the link to Asterisk's manager interface (AMI), by which live calls are watched and ended.

    Fields:
        ami: host and port; "" for no link: then every call is held for all that it may last, and nothing guards.
        user: the account, as in ``asterisk-conf/manager-callgate.conf``.
        secret_file: a file with its secret, relative to the settings file, read at each login.
    """

    ami: Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9A-Za-z.:\[\]-]+:[0-9]{1,5})?\Z")] = ""
    user: Name = "callgate-control"
    secret_file: str = ""


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[privacy]``: how long a number can be read, and a row.

    Fields:
        keys: folder of the keys, relative to the settings file; "" for ``keys`` in the state folder.
        full_number_days: the full number of a refused costly call can be read for at most so many days.
        journal_days: the journal keeps its rows, masked, for so many days, and at most until the month after is over.
            No fewer than two months: what a ledger may have to be restored from is in it.
    """

    keys: str = ""
    full_number_days: Annotated[int, msgspec.Meta(ge=7, le=366)] = 90
    journal_days: Annotated[int, msgspec.Meta(ge=62, le=3660)] = 366


class ClinicSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[clinic]]``: one clinic, its policy document and its rate deck (paths, relative to the settings file)."""

    name: Name
    policy: str
    rates: str
    language: Annotated[str, msgspec.Meta(pattern=r"^(fr|en)\Z")] = "fr"


class TrunkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[trunk]]``: a line to an operator.

    Fields:
        endpoint: its PJSIP endpoint.
        channels: calls it carries at once.
        number_format: how it wants numbers.
        emergency_format: how it wants emergency numbers: ``short`` (15) or ``e164_plus`` (+3315), ``e164``, ``00``.
        emergency_prefix: put before a short emergency number, for an operator behind another PBX.
        order: where an entry names no trunks, they are tried in this order.
    """

    name: Name
    endpoint: Name
    channels: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    number_format: NumberFormat
    emergency_format: Annotated[str, msgspec.Meta(pattern=r"^(short|e164_plus|e164|00)\Z")] = "short"
    emergency_prefix: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{0,4}\Z")] = ""
    order: Annotated[int, msgspec.Meta(ge=1)] = 1


class EntrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[entry]]``: a dialplan context that phones include to dial out.

    Fields:
        context: its name in Asterisk.
        clinic: whose rules bind it.
        outside_prefix: the digit dialled for an outside line, "" where there is none or the PBX has stripped it.
        trunks: their names in the order they are tried; empty means all, by `order`.
    """

    context: Name
    clinic: Name
    outside_prefix: Annotated[str, msgspec.Meta(pattern=r"^[0-9]?\Z")] = ""
    trunks: tuple[Name, ...] = ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole document, checked; trunks of each entry are filled in."""

    gate: GateSettings = GateSettings()
    dialplan: DialplanSettings = DialplanSettings()
    control: ControlSettings = ControlSettings()
    privacy: PrivacySettings = PrivacySettings()
    clinic: Annotated[tuple[ClinicSettings, ...], msgspec.Meta(min_length=1)]
    trunk: Annotated[tuple[TrunkSettings, ...], msgspec.Meta(min_length=1)]
    entry: Annotated[tuple[EntrySettings, ...], msgspec.Meta(min_length=1)]

    def trunk_named(self, name: str) -> TrunkSettings | None:
        """Find a trunk by its name."""
        return next((trunk for trunk in self.trunk if trunk.name == name), None)

    def entry_named(self, context: str) -> EntrySettings | None:
        """Find an entry by its context."""
        return next((entry for entry in self.entry if entry.context == context), None)


def parse_settings(text: str) -> Settings:
    """Check the settings document.

    Raises:
        SettingsError: with the path in the document, the problem and the remedy.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib passes on what int() and deep nesting raise
        raise SettingsError("settings", f"not TOML: {error}", "mend that line") from None
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at ")
        raise SettingsError(path.strip("`") or "settings", problem, "see the settings in docs/settings.md") from None
    _check_here("gate.listen", settings.gate.listen)
    if settings.dialplan.agi.startswith(AGI_SCHEME):
        _check_here("dialplan.agi", settings.dialplan.agi.removeprefix(AGI_SCHEME).partition("/")[0])
    _check_control(settings.control)
    _check_ledger(settings.gate)
    _check_unique("clinic", [clinic.name for clinic in settings.clinic])
    _check_unique("trunk", [trunk.name for trunk in settings.trunk])
    _check_unique("entry", [entry.context for entry in settings.entry])
    by_order = tuple(trunk.name for trunk in sorted(settings.trunk, key=lambda trunk: trunk.order))
    entries = tuple(msgspec.structs.replace(entry, trunks=entry.trunks or by_order) for entry in settings.entry)
    _check_references(settings, entries)
    return msgspec.structs.replace(settings, entry=entries)


def _check_here(path: str, address: str) -> None:
    """FastAGI knows no encryption: over a network, numbers could be read and verdicts forged."""
    host, _, port = address.rpartition(":") if ":" in address else (address, "", "")
    if port:
        _check_port(path, address)
    if not is_loopback(host.strip("[]")):
        problem = f'"{host}" is not this machine, and FastAGI is not encrypted'
        raise SettingsError(path, problem, "use 127.0.0.1; a gate on another machine needs a tunnel that ends here")


def _check_port(path: str, address: str) -> None:
    if int(address.rpartition(":")[2]) > PORT_MAX:
        raise SettingsError(path, f'"{address}" has no such port', f"use a port up to {PORT_MAX}")


def _check_control(control: ControlSettings) -> None:
    if bool(control.ami) != bool(control.secret_file):
        raise SettingsError("control", "ami needs secret_file, and secret_file ami", "name both, or neither")
    if control.ami:
        _check_port("control.ami", control.ami)


def _check_ledger(gate: GateSettings) -> None:
    if holds_password(gate.redis):
        remedy = "write it to a file that only the gate's user may read, and name that in gate.redis_password_file"
        raise SettingsError("gate.redis", "a password stands in the address, for all who may read this file", remedy)
    if bool(gate.redis_cert) != bool(gate.redis_key):
        raise SettingsError("gate.redis_cert", "a certificate needs its key, and a key its certificate", "name both")
    others = ("redis_password_file", "redis_ca", "redis_cert", "redis_replicas")
    for name in others if not gate.redis else ():
        if getattr(gate, name):
            problem = "the daemon's own Redis has none of this"
            raise SettingsError(f"gate.{name}", problem, "name a Redis of your own in gate.redis, or leave this out")


def _check_unique(table: str, names: list[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise SettingsError(f"{table}[{position}]", f'the name "{name}" stands twice', "give each its own name")


def _check_references(settings: Settings, entries: tuple[EntrySettings, ...]) -> None:
    clinics = {clinic.name for clinic in settings.clinic}
    for position, entry in enumerate(entries):
        if entry.context.lower().startswith(RESERVED_PREFIX):
            problem = f'"{entry.context}" begins like the contexts callgate writes for itself'
            raise SettingsError(f"entry[{position}].context", problem, f"choose a name without {RESERVED_PREFIX}")
        if entry.clinic not in clinics:
            raise SettingsError(
                f"entry[{position}].clinic", f'no clinic is named "{entry.clinic}"', f"use one of {sorted(clinics)}"
            )
        for name in entry.trunks:
            if settings.trunk_named(name) is None:
                known = sorted(trunk.name for trunk in settings.trunk)
                raise SettingsError(f"entry[{position}].trunks", f'no trunk is named "{name}"', f"use one of {known}")


def load_settings(path: Path) -> Settings:
    """Read and check the settings file.

    Raises:
        SettingsError: also where the file cannot be read.
        PermissionError: if it may not be read.
    """
    return check_settings(read_settings(path), path)


def read_settings(path: Path) -> str:
    """Read the settings file, and check nothing yet; raises as `load_settings` does."""
    try:
        return path.read_text(encoding="utf-8")
    except PermissionError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"cannot be read: {error}", "name it with --settings FILE") from None


def check_settings(text: str, path: Path) -> Settings:
    """Check what the settings file says.

    Raises:
        SettingsError: it names the file, too.
    """
    try:
        return parse_settings(text)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error.path}", error.problem, error.remedy) from None
