"""The audit itself: reads the configuration once, judges it by every rule, and puts the findings in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from callgate.audit.credentials import voicemail_pins, weak_secrets
from callgate.audit.devices import Devices, Kind, devices_of
from callgate.audit.dialling import Walked, dialling, disa, hooks, openings, services, transfers
from callgate.audit.dialplan import Dialplan, dialplan_of, running_dialplan
from callgate.audit.emergencies import collisions, emergency_numbers
from callgate.audit.flow import Scene
from callgate.audit.interfaces import call_files, interfaces
from callgate.audit.lines import Document, read_document
from callgate.audit.own import DIALPLAN, compared, gate, unread, unread_files
from callgate.audit.phones import contacts, forwards
from callgate.audit.reach import Graph, own_contexts
from callgate.audit.rules import Finding, Note, Remark, Severity
from callgate.audit.sources import sources_of
from callgate.audit.values import values_of
from callgate.errors import ConfigurationError

_FILES = (
    *("ari.conf", "asterisk.conf", "features.conf", "followme.conf", "http.conf", "iax.conf", "manager.conf"),
    *("pjsip.conf", "pjsip_wizard.conf", "queues.conf", "res_parking.conf", "sip.conf", "voicemail.conf"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What callgate's own settings tell the audit.

    Fields:
        trunks: names of the carrier's endpoints.
        entries: contexts by which telephones reach the gate.
        written: the dialplan as callgate would write it now.
    """

    trunks: tuple[str, ...]
    entries: tuple[str, ...]
    written: Dialplan


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found.

    Fields:
        findings: the worst first, then by place.
        remarks: what a reader must know of the audit itself.
        walks: every source and where its calls get to ungated; for the picture.
    """

    findings: tuple[Finding, ...]
    remarks: tuple[Remark, ...]
    graph: Graph
    walks: tuple[Walked, ...]

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to act."""
        return any(finding.severity in (Severity.CRITICAL, Severity.HIGH) for finding in self.findings)


def read_configuration(folder: Path) -> dict[str, Document]:
    """Read every file the audit looks at, by name.

    Raises:
        ConfigurationError: if the folder is none, or Asterisk itself could not load it.
    """
    if not folder.is_dir():
        raise ConfigurationError(str(folder), "is no folder", "name Asterisk's with --config")
    read = ((name, read_document(folder, name)) for name in (DIALPLAN, *_FILES))
    return {name: document for name, document in read if document is not None}


def survey(folder: Path, known: Known | None = None, events: Iterable[Mapping[str, str]] | None = None) -> Report:
    """Audit a folder of configuration.

    Args:
        folder: such as ``/etc/asterisk``.
        known: what callgate's settings say; None without settings.
        events: `ListDialplan` events of the running Asterisk, which then count instead of extensions.conf.

    Raises:
        ConfigurationError: if the configuration cannot be read.
    """
    try:
        return _survey(folder, known, events)
    except RecursionError:
        raise ConfigurationError(str(folder), "has an application within hundreds of others", "undo that") from None


def _survey(folder: Path, known: Known | None, events: Iterable[Mapping[str, str]] | None) -> Report:
    documents = read_configuration(folder)
    if DIALPLAN not in documents and events is None:
        raise ConfigurationError(str(folder / DIALPLAN), "is not there", "name Asterisk's folder with --config")
    document = documents.get(DIALPLAN, Document(name=DIALPLAN))
    dialplan = dialplan_of(document)
    is_running = events is not None
    if events is not None:
        dialplan = running_dialplan(events, dialplan)
        if not dialplan.contexts:
            # Where it could not load its file, Asterisk answers with an empty list, not with an error.
            problem, remedy = "the running Asterisk has no dialplan at all", "see what its log says of extensions.conf"
            raise ConfigurationError("ShowDialPlan", problem, remedy)
    graph = _graph(documents, dialplan, known)
    walks = [Walked(source=source, walk=graph.walk(source.starts)) for source in sources_of(graph, documents)]
    spool = list(call_files(documents))
    findings = [
        *_judged(graph, documents, walks),
        *unread(documents, dialplan, is_running=is_running),
        *gate(graph, document, known.entries if known is not None else ()),
        *(compared(dialplan, known.written) if known is not None else ()),
        *(found for found in spool if isinstance(found, Finding)),
    ]
    remarks = [
        *_remarks(graph.devices, known),
        *(found for found in spool if isinstance(found, Remark)),
        *(unread_files(file.name for file in folder.iterdir()) if not is_running else ()),
    ]
    return Report(findings=_in_order(findings), remarks=tuple(remarks), graph=graph, walks=tuple(walks))


def _graph(documents: Mapping[str, Document], dialplan: Dialplan, known: Known | None) -> Graph:
    devices = devices_of(documents, known.trunks if known is not None else None)
    own, asking = own_contexts(dialplan, known.entries if known is not None else ())
    given = (variable.partition("=")[::2] for device in devices.known.values() for variable in device.variables)
    values = values_of(dialplan, ((name, value) for name, value in given))
    return Graph(scene=Scene(dialplan=dialplan, values=values), devices=devices, own=own, asking=asking)


def _judged(graph: Graph, documents: Mapping[str, Document], walks: list[Walked]) -> list[Finding]:
    emergency = emergency_numbers(graph.dialplan, graph.own)
    sources = [walked.source for walked in walks]
    return [
        *dialling(graph, walks, emergency),
        *services(graph, documents),
        *hooks(graph),
        *openings(graph, walks),
        *disa(graph, walks),
        *transfers(graph, walks),
        *forwards(graph),
        *contacts(documents, graph.devices),
        *collisions(graph, sources, emergency),
        *weak_secrets(documents, graph.devices.credentials),
        *voicemail_pins(documents),
        *interfaces(documents),
    ]


def _remarks(devices: Devices, known: Known | None) -> Iterable[Remark]:
    carriers = [device.name for device in devices.of(Kind.CARRIER)]
    if not carriers:
        yield Remark(note=Note.NO_TRUNK)
    elif devices.are_guessed:
        yield Remark(note=Note.TRUNKS_GUESSED, subject=", ".join(carriers))
    if known is None:
        yield Remark(note=Note.GATE_NOT_COMPARED)


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    order = list(Severity)
    once = dict.fromkeys(findings)
    return tuple(
        sorted(once, key=lambda found: (order.index(found.severity), found.place.file, found.place.line, found.rule))
    )
