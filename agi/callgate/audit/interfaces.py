"""Finds what lets somebody command Asterisk itself: AMI, ARI and HTTP beyond this machine, call files, settings."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from callgate.audit.devices import is_yes
from callgate.audit.lines import Document, Place, Section
from callgate.audit.rules import Finding, Note, Remark, Rule

_LOOPBACK = ("127.", "::1", "[::1]", "localhost")
_ORIGINATING = frozenset({"all", "call", "command", "config", "originate", "system"})
"""AMI classes with which a user can start a call, or have Asterisk start one."""
USUAL_SPOOL = "/var/spool/asterisk"


def interfaces(documents: Mapping[str, Document]) -> Iterator[Finding]:
    """Judge manager.conf, http.conf, ari.conf and asterisk.conf."""
    yield from _manager(documents.get("manager.conf"))
    yield from _http(documents.get("http.conf"), documents.get("ari.conf"))
    yield from _asterisk(documents.get("asterisk.conf"))


def _general(document: Document | None) -> Section | None:
    """The general section of an interface that is switched on."""
    general = document.section("general") if document is not None else None
    return general if general is not None and is_yes(general.get("enabled", "no")) else None


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    return address.strip().lower().startswith(_LOOPBACK)


def _manager(document: Document | None) -> Iterator[Finding]:
    general = _general(document)
    if document is None or general is None:
        return
    # Without a bindaddr Asterisk listens on every address.
    if not is_loopback(general.get("bindaddr")):
        yield Finding(rule=Rule.MANAGER_EXPOSED, place=general.place_of("bindaddr"), subject=_shown(general))
    for section in document.sections:
        classes = {word.strip() for word in section.get("write").split(",")}
        if section.name != "general" and classes & _ORIGINATING:
            yield Finding(rule=Rule.MANAGER_ORIGINATE, place=section.place_of("write"), subject=section.name)


def _shown(general: Section) -> str:
    return general.get("bindaddr") or "*"


def _http(http: Document | None, ari: Document | None) -> Iterator[Finding]:
    general = _general(http)
    if general is None:
        return
    addresses = [name for name in ("bindaddr", "tlsbindaddr") if general.get(name)]
    for name in addresses or ["bindaddr"]:
        is_on = name == "bindaddr" or is_yes(general.get("tlsenable", "no"))
        if is_on and not is_loopback(general.get(name)):
            yield Finding(rule=Rule.HTTP_EXPOSED, place=general.place_of(name), subject=general.get(name) or "*")
    if ari is None or _general(ari) is None:
        return
    for section in ari.sections:
        if section.get("type") == "user" and not is_yes(section.get("read_only", "no")):
            yield Finding(rule=Rule.ARI_ORIGINATE, place=section.place, subject=section.name)


def _asterisk(document: Document | None) -> Iterator[Finding]:
    for section in document.sections if document is not None else ():
        if section.name == "options" and is_yes(section.get("live_dangerously", "no")):
            place = section.place_of("live_dangerously")
            yield Finding(rule=Rule.LIVE_DANGEROUSLY, place=place, subject="live_dangerously")


def spool_folder(documents: Mapping[str, Document]) -> tuple[Path, Place | None]:
    """Where Asterisk looks for call files, and where its configuration says so; None where nothing is said."""
    document = documents.get("asterisk.conf")
    directories = document.section("directories") if document is not None else None
    named = directories.get("astspooldir") if directories is not None else ""
    place = directories.place_of("astspooldir") if directories is not None and named else None
    return Path(named or USUAL_SPOOL) / "outgoing", place


def call_files(documents: Mapping[str, Document]) -> Iterator[Finding | Remark]:
    """Judge who may write a call file: whoever can has Asterisk call any number."""
    folder, place = spool_folder(documents)
    try:
        mode = folder.stat().st_mode
    except OSError:
        yield Remark(note=Note.FOLDER_NOT_SEEN, subject=str(folder))
        return
    if mode & stat.S_IWOTH:
        yield Finding(rule=Rule.CALL_FILE_FOLDER, place=place or Place(file=str(folder)), subject=str(folder))
