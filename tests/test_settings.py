"""The settings: a mistake is an error with its place and remedy, and nothing in them can become a line of dialplan."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from callgate.errors import SettingsError
from callgate.settings import (
    ClinicSettings,
    ControlSettings,
    DialplanSettings,
    EntrySettings,
    GateSettings,
    PrivacySettings,
    Settings,
    TrunkSettings,
    load_settings,
    parse_settings,
)

ROOT = Path(__file__).parent.parent
TABLES: dict[str, type[msgspec.Struct]] = {
    "gate": GateSettings,
    "dialplan": DialplanSettings,
    "control": ControlSettings,
    "privacy": PrivacySettings,
    "clinic": ClinicSettings,
    "trunk": TrunkSettings,
    "entry": EntrySettings,
}
SOUND = """\
[gate]
listen = "127.0.0.1:4599"
spool  = "/var/spool/calls.log"

[dialplan]
agi    = "agi://127.0.0.1:4599/v1"
sounds = "/sounds"

[[clinic]]
name   = "lilas"
policy = "policy.toml"
rates  = "rates.csv"

[[trunk]]
name          = "b"
endpoint      = "carrier-b"
channels      = 5
number_format = "national"
order         = 2

[[trunk]]
name             = "a"
endpoint         = "carrier-a"
channels         = 10
number_format    = "e164_plus"
emergency_prefix = ""

[[entry]]
context        = "outgoing"
clinic         = "lilas"
outside_prefix = "0"
"""


def changed(old: str, new: str) -> str:
    assert old in SOUND
    return SOUND.replace(old, new, 1)


def test_what_is_left_out_has_its_default() -> None:
    settings = parse_settings(SOUND)
    assert (settings.gate.state, settings.gate.redis, settings.dialplan.bound_s) == ("/var/lib/callgate", "", 1.2)
    assert (settings.clinic[0].language, settings.trunk[0].emergency_format) == ("fr", "short")


@pytest.mark.parametrize(
    "address",
    [
        "unix:///run/redis.sock",
        "redis://host:6379/0",
        "rediss://callgate@host",
        "redis+cluster://a:7000,b:7001",
        "rediss+cluster://callgate@a,b/?ssl_check_hostname=no",
        "redis+sentinel://a,b,c/clinics",
        "rediss+sentinel://[::1]:26379/clinics",
    ],
)
def test_the_ledger_may_be_one_redis_a_cluster_or_behind_sentinels(address: str) -> None:
    gate = f'[gate]\nredis = "{address}"\nredis_password_file = "p"\nredis_replicas = 1'
    assert parse_settings(changed("[gate]", gate)).gate.redis == address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_the_gate_may_listen_anywhere_on_its_own_machine(host: str) -> None:
    assert parse_settings(changed('"127.0.0.1:4599"', f'"{host}:4599"')).gate.listen == f"{host}:4599"


@pytest.mark.parametrize(
    "agi", ["agi://127.0.0.1/v1", "agi://localhost:4599/v1", "agi://[::1]:4599/v1", "/usr/share/callgate/callgate.agi"]
)
def test_asterisk_reaches_the_gate_on_the_same_machine_or_by_the_launcher(agi: str) -> None:
    assert parse_settings(changed("agi://127.0.0.1:4599/v1", agi)).dialplan.agi == agi


def test_an_entry_without_trunks_has_them_all_in_their_order() -> None:
    assert parse_settings(SOUND).entry[0].trunks == ("a", "b")
    assert parse_settings(SOUND + 'trunks = ["b"]\n').entry[0].trunks == ("b",)


def test_a_trunk_or_an_entry_is_found_by_its_name_or_not_at_all() -> None:
    settings = parse_settings(SOUND)
    assert (settings.trunk_named("a"), settings.trunk_named("c")) == (settings.trunk[1], None)
    assert (settings.entry_named("outgoing"), settings.entry_named("else")) == (settings.entry[0], None)


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("", "settings", "missing required field `clinic`"),
        ("[gate", "settings", "not TOML"),
        ("a = " + "9" * 5000, "settings", "not TOML"),
        ("a = " + "[" * 3000, "settings", "not TOML"),
        (changed("[gate]", "[gate]\nport = 1"), "$.gate", "unknown field `port`"),
        (changed("[gate]", "[console]\n[gate]"), "settings", "unknown field `console`"),
        (changed('"127.0.0.1:4599"', '"4599"'), "$.gate.listen", "regex"),
        (changed('"127.0.0.1:4599"', '"127.0.0.1:99999"'), "gate.listen", "no such port"),
        (changed('"127.0.0.1:4599"', '"0.0.0.0:4599"'), "gate.listen", "not encrypted"),
        (changed('"127.0.0.1:4599"', '"192.168.1.2:4599"'), "gate.listen", "not encrypted"),
        (changed('"127.0.0.1:4599"', '"gate.example:4599"'), "gate.listen", "not encrypted"),
        (changed('"127.0.0.1:4599"', '"[::]:4599"'), "gate.listen", "not encrypted"),
        (changed("agi://127.0.0.1:4599/v1", "agi://192.168.1.2:4599/v1"), "dialplan.agi", "not encrypted"),
        (changed("agi://127.0.0.1:4599/v1", "agi://192.168.1.2/v1"), "dialplan.agi", "not encrypted"),
        (changed("agi://127.0.0.1:4599/v1", "agi://127.0.0.1:99999/v1"), "dialplan.agi", "no such port"),
        (changed("[gate]", '[gate]\nseal = "maybe"'), "$.gate.seal", "Invalid enum value"),
        (changed("[gate]", "[gate]\nwaiting_max = 1"), "$.gate.waiting_max", ">= 16"),
        (changed("[gate]", '[gate]\nredis = "http://somewhere"'), "$.gate.redis", "regex"),
        (changed("[gate]", '[gate]\nredis = "unix+cluster:///path"'), "$.gate.redis", "regex"),
        (changed("[gate]", '[gate]\nredis = "redis://somewhere a"'), "$.gate.redis", "regex"),
        (changed("[gate]", '[gate]\nredis = "redis://user:s3cret@host"'), "gate.redis", "a password"),
        (changed("[gate]", "[gate]\nredis_replicas = 6"), "$.gate.redis_replicas", "<= 5"),
        (changed("[gate]", "[gate]\nredis_replicas = 1"), "gate.redis_replicas", "own Redis"),
        (changed("[gate]", '[gate]\nredis_password_file = "p"'), "gate.redis_password_file", "own Redis"),
        (changed("[gate]", '[gate]\nredis_ca = "ca.pem"'), "gate.redis_ca", "own Redis"),
        (changed("[gate]", '[gate]\nredis_cert = "c.pem"\nredis_key = "k.pem"'), "gate.redis_cert", "own Redis"),
        (changed("[gate]", '[gate]\nredis_key = "k.pem"'), "gate.redis_cert", "needs its key"),
        (changed("[gate]", '[control]\nami = "127.0.0.1:5038"\n[gate]'), "control", "needs secret_file"),
        (changed("[gate]", '[control]\nsecret_file = "secret"\n[gate]'), "control", "and secret_file ami"),
        (changed("[gate]", '[control]\nami = "127.0.0.1"\n[gate]'), "$.control.ami", "regex"),
        (
            changed("[gate]", '[control]\nami = "[::1]:99999"\nsecret_file = "s"\n[gate]'),
            "control.ami",
            "no such port",
        ),
        (changed("[gate]", '[control]\nuser = "a\\r\\nAction: Originate"\n[gate]'), "$.control.user", "regex"),
        (changed("channels      = 5", "channels = 0"), "$.trunk[0].channels", ">= 1"),
        (changed("channels      = 5", 'channels = "5"'), "$.trunk[0].channels", "Expected `int`"),
        (changed('"e164_plus"', '"plus"'), "$.trunk[1].number_format", "Invalid enum value"),
        (changed('outside_prefix = "0"', 'outside_prefix = "00"'), "$.entry[0].outside_prefix", "regex"),
        (changed('name   = "lilas"', 'name = "../lilas"'), "$.clinic[0].name", "regex"),
        (changed('clinic         = "lilas"', 'clinic = "rose"'), "entry[0].clinic", 'no clinic is named "rose"'),
        (SOUND + 'trunks = ["c"]\n', "entry[0].trunks", 'no trunk is named "c"'),
        (changed('name             = "a"', 'name = "b"'), "trunk[1]", '"b" stands twice'),
        (SOUND + '[[entry]]\ncontext = "outgoing"\nclinic = "lilas"\n', "entry[1]", '"outgoing" stands twice'),
        (changed('context        = "outgoing"', 'context = "callgate-road"'), "entry[0].context", "writes for itself"),
        (changed('context        = "outgoing"', 'context = "Callgate-Leg"'), "entry[0].context", "writes for itself"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_remedy(text: str, path: str, problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_settings(text)
    assert raised.value.path.removeprefix("$.") == path.removeprefix("$.")
    assert problem in raised.value.problem
    assert raised.value.remedy


@pytest.mark.parametrize(
    "address",
    [
        "redis://:s3cret@host:6379/0",
        "rediss://callgate:s3cret@host",
        "redis+cluster://callgate:s3cret@a:7000,b:7001",
        "rediss+sentinel://callgate:s3cret@a,b/clinics",
        "unix://:s3cret@/run/redis.sock",
        "redis://callgate:s3:c@ret@host",
        "redis://callgate@host?db=1&password=s3cret",
        "redis://callgate@host?%70assword=s3cret",
        "rediss://callgate@host?ssl_password=s3cret",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_shown(address: str) -> None:
    """Whoever may read the settings, a backup of them or a listing of them would know it."""
    with pytest.raises(SettingsError) as raised:
        parse_settings(changed("[gate]", f'[gate]\nredis = "{address}"'))
    assert "gate.redis_password_file" in raised.value.remedy
    assert not any(part in str(raised.value) for part in ("s3", "ret", address))


@pytest.mark.parametrize(
    "place",
    [
        '"127.0.0.1:4599"',
        '"/var/spool/calls.log"',
        '"agi://127.0.0.1:4599/v1"',
        '"/sounds"',
        '"lilas"',
        '"carrier-a"',
        '"a"',
        'emergency_prefix = ""',
        '"outgoing"',
        'outside_prefix = "0"',
    ],
)
@pytest.mark.parametrize("forged", ["\\nexten => 1,1,Dial(PJSIP/1)", "\\n", ",1", "&", "${X}", "|", " ", ";"])
def test_nothing_in_the_settings_can_become_a_line_of_dialplan(place: str, forged: str) -> None:
    with pytest.raises(SettingsError):
        parse_settings(changed(place, place[:-1] + forged + '"'))


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[gate"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "callgate.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(str(file))):
        load_settings(file)


def test_the_sample_is_sound() -> None:
    settings = load_settings(ROOT / "policies" / "callgate.toml")
    assert settings.entry[0].trunks == ("carrier-a", "carrier-b")


# The page.


def documented() -> Iterator[tuple[str, str]]:
    for line in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, default, _ = (cell.strip() for cell in line.strip("|").split("|", 2))
            yield name.strip("`"), default.strip("`")


def test_the_page_explains_every_setting_in_its_order_and_no_other() -> None:
    fields = [f"{table}.{name}" for table, kind in TABLES.items() for name in kind.__struct_fields__]
    assert [name for name, _ in documented()] == fields
    assert list(TABLES) == list(Settings.__struct_fields__)


def test_the_page_names_every_default_as_it_is_written_in_the_file() -> None:
    defaults = {
        f"{table}.{field.name}": "" if field.required else msgspec.json.encode(field.default).decode()
        for table, kind in TABLES.items()
        for field in msgspec.structs.fields(kind)
    }
    assert dict(documented()) == defaults
