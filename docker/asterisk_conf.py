"""The lab's Asterisk configuration: few modules, quiet, two trunks, and a handful of phones."""

from dataclasses import dataclass
from pathlib import Path

PHONES = ("101", "102", "103", "104", "105")
SIP_PORT = 5060
AMI_PORT = 5038

# What the gate's dialplan, the tests and an installer's experiments use; nothing that wants a configuration of its own.
_MODULES = {
    "app": "attended_transfer blind_transfer cdr chanspy channelredirect db dial disa echo exec if milliwatt originate "
    "playback playtones read record senddtmf softhangup stack system transfer userevent verbose waitforcond while",
    "bridge": "builtin_features builtin_interval_features holding native_rtp simple softmix",
    "cdr": "manager",
    "chan": "pjsip",
    "codec": "a_mu alaw gsm resample ulaw",
    "format": "gsm pcm sln wav",
    "func": "base64 callerid cdr channel config cut db devstate dialplan env evalexten export global groupcount "
    "hangupcause json lock logic math md5 module pjsip_aor pjsip_contact pjsip_endpoint rand sha1 shell sprintf "
    "strings sysinfo timeout uri uuid version",
    "pbx": "config spool",
    "res": "agi clioriginate convert crypto limit pjproject pjsip pjsip_acl pjsip_authenticator_digest pjsip_caller_id "
    "pjsip_diversion pjsip_dtmf_info pjsip_empty_info pjsip_endpoint_identifier_ip pjsip_endpoint_identifier_user "
    "pjsip_header_funcs pjsip_logger pjsip_nat pjsip_outbound_authenticator_digest pjsip_pubsub pjsip_refer "
    "pjsip_registrar pjsip_rfc3326 pjsip_sdp_rtp pjsip_session rtp_asterisk security_log sorcery_astdb sorcery_config "
    "sorcery_memory speech timing_timerfd",
}

# Read by the core whatever is loaded: an empty file keeps its defaults without an error at every start.
_EMPTY = ("acl", "ccss", "cel", "features", "pjproject", "stasis", "udptl")

_ASTERISK = """\
[options]
hideconnect = yes
dumpcore = no
"""
_LOGGER = """\
[general]
dateformat = %F %T.%3q
[logfiles]
console = warning,error
messages = notice,warning,error,verbose(3)
"""
QUIET_LOGGER = """\
[general]
[logfiles]
messages = notice,warning,error
"""
"""Asterisk's own default: no line for each step of the dialplan."""
_RTP = """\
[general]
rtpstart = 10000
rtpend = 11999
icesupport = no
"""
# Tones of France: busy, congestion and the warning tone are played from here.
_INDICATIONS = """\
[general]
country = fr
[fr]
description = France
ringcadence = 1500,3500
dial = 440
busy = 440/500,0/500
ring = 440/1500,0/3500
congestion = 440/250,0/250
callwaiting = 440/300,0/10000
dialrecall = !350+440/100,!0/100,!350+440/100,!0/100,350+440
record = 1400/500,0/15000
info = !950/330,!1400/330,!1800/330
stutter = !440/100,!0/100,!440/100,!0/100,440
"""
# Enough to call: phones among themselves by PJSIP, everything that starts with 0 or + to the first trunk.
_EXTENSIONS = """\
[phones]
exten => _10X,1,Dial(PJSIP/${EXTEN},30)
exten => 190,1,Progress()
 same => n,Playback(cannot-complete-as-dialed,noanswer)
 same => n,Hangup(21)
exten => _[0+]X.,1,Dial(PJSIP/${EXTEN}@carrier-a,30)
[from-carrier]
exten => _X!,1,Hangup(1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What the lab's devices and the manager interface log in with; made anew for each lab."""

    phones: str
    manager: str


def asterisk_conf(
    *, secrets: Secrets, language: str, carrier_host: str, trunks: dict[str, int]
) -> dict[str, bytes | str]:
    """Every file of /etc/asterisk for the lab; `extensions.conf` is a minimal one that callers replace."""
    return {
        **{f"{name}.conf": "" for name in _EMPTY},
        "asterisk.conf": _ASTERISK + f"defaultlanguage = {language}\n",
        "modules.conf": modules_conf(),
        "logger.conf": _LOGGER,
        "rtp.conf": _RTP,
        "indications.conf": _INDICATIONS,
        "manager.conf": manager_conf(secrets.manager),
        "cdr.conf": "[general]\nenable = yes\n",
        "cdr_manager.conf": "[general]\nenabled = yes\n",
        "pjsip.conf": pjsip_conf(password=secrets.phones, language=language, carrier_host=carrier_host, trunks=trunks),
        "extensions.conf": _EXTENSIONS,
    }


def modules_conf(*more: str) -> str:
    """Load what the lab needs, and `more` (such as ``app_page.so``), and nothing else."""
    names = [f"{kind}_{name}.so" for kind, names in _MODULES.items() for name in names.split()]
    return "\n".join(["[modules]", "autoload = no", *(f"load = {name}" for name in (*names, *more)), ""])


def manager_conf(secret: str) -> str:
    """An AMI user `callgate` with every right, also from this machine, and the gate's own account as it is shipped."""
    lines = ["[general]", "enabled = yes", f"port = {AMI_PORT}", "bindaddr = 0.0.0.0", "displayconnects = no"]
    lines += ["[callgate]", f"secret = {secret}", "read = all", "write = all", ""]
    shipped = (Path(__file__).parent.parent / "asterisk-conf" / "manager-callgate.conf").read_text(encoding="utf-8")
    return "\n".join(lines) + shipped.replace("CHANGE-THIS", secret)


def pjsip_conf(*, password: str, language: str, carrier_host: str, trunks: dict[str, int]) -> str:
    """Phones and trunks.

    Args:
        password: of every phone.
        language: of the prompts that phones hear.
        carrier_host: where the carrier listens.
        trunks: its ports by endpoint name, such as ``{"carrier-a": 5080}``.
    """
    sections = [
        _section("global", type="global", user_agent="callgate-lab"),
        _section("udp", type="transport", protocol="udp", bind=f"0.0.0.0:{SIP_PORT}"),
    ]
    for phone in PHONES:
        sections += _phone(phone, password, language)
    for trunk, port in trunks.items():
        sections += _trunk(trunk, f"sip:{carrier_host}:{port}")
    # The trunks share one address, so calls that come in are taken for the first one's; both have the same context.
    first = next(iter(trunks))
    sections.append(_section("carrier", type="identify", endpoint=first, match=carrier_host))
    return "\n".join(sections)


def _phone(number: str, password: str, language: str) -> list[str]:
    endpoint = {
        "transport": "udp",
        "context": "phones",
        "allow": "!all,ulaw,alaw",
        "direct_media": "no",
        "auth": number,
        "aors": number,
        "callerid": f'"Poste {number}" <{number}>',
        "language": language,
        "force_rport": "yes",
        "rewrite_contact": "yes",
        "rtp_symmetric": "yes",
    }
    return [
        _section(number, type="endpoint", **endpoint),
        _section(number, type="auth", auth_type="userpass", username=number, password=password),
        _section(number, type="aor", max_contacts="1", remove_existing="yes"),
    ]


def _trunk(name: str, contact: str) -> list[str]:
    endpoint = {
        "transport": "udp",
        "context": "from-carrier",
        "allow": "!all,alaw,ulaw",
        "direct_media": "no",
        "aors": name,
        "send_pai": "yes",
        "trust_id_outbound": "yes",
    }
    return [_section(name, type="endpoint", **endpoint), _section(name, type="aor", contact=contact)]


def _section(title: str, **options: str) -> str:
    return "\n".join([f"[{title}]", *(f"{name} = {value}" for name, value in options.items()), ""])
