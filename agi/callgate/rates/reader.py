"""The importer: an operator's file in, the canonical deck out, or what is wrong with it. It writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from callgate.core.deck import COLUMNS, RateDeck, parse_deck
from callgate.rates import cgrates
from callgate.rates.archive import MARK, unpack
from callgate.rates.canonical import CanonicalDeck, canonical_deck
from callgate.rates.columns import Format, Heading
from callgate.rates.encoding import decode
from callgate.rates.findings import Finding, Notebook, Place, Problem, TooManyErrorsError, UnusableError, reading
from callgate.rates.offers import ImportOptions, Offer
from callgate.rates.review import review
from callgate.rates.rows import read_rows
from callgate.rates.table import read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReading:
    """How a table was read: its encoding, what parts its fields, the line of its header, and the columns taken."""

    encoding: str
    delimiter: str
    header_line: int
    taken: tuple[Heading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReading:
    """The files of a tariff plan of CGRateS that were read."""

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import found.

    Fields:
        rows: of the deck, in the order of the file; none if an error refuses it.
        text: the canonical deck to put in force.
        deck: the same, as the gate loads it.
        findings: errors first.
        file_format: None if nothing was recognised.
        reading: how the file was read, as far as it was.
    """

    rows: tuple[Offer, ...]
    text: str
    deck: RateDeck
    findings: tuple[Finding, ...]
    file_format: Format | None
    reading: TableReading | PlanReading | None

    @property
    def refused(self) -> bool:
        """Whether an error refuses the file."""
        return any(finding.refuses for finding in self.findings)


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What is known of a file so far; it is told even if reading ends there."""

    file_format: Format | None = None
    reading: TableReading | PlanReading | None = None


def read_file(raw: bytes, options: ImportOptions) -> Imported:
    """Read one file: a table, or a zip with a tariff plan of CGRateS.

    Args:
        raw: its bytes.
        options: what the installer says of it, and what the clinic is.

    Returns:
        The deck and the findings; whatever the bytes are, nothing is raised.
    """
    return read_files({"": raw}, options)


def read_files(files: Mapping[str, bytes], options: ImportOptions) -> Imported:
    """Read one file, or by their paths the files of a tariff plan of CGRateS; as `read_file`."""
    notebook, progress = Notebook(), _Progress()
    made: CanonicalDeck | None = None
    try:
        made = _read(files, options, notebook, progress)
        if not notebook.refused:
            review(made.offers, made.deck, options, notebook)
    except UnusableError as error:
        notebook.add(error.at(Place()))
    except TooManyErrorsError:
        pass
    accepted = None if notebook.refused else made
    return Imported(
        rows=accepted.offers if accepted else (),
        text=accepted.text if accepted else "",
        deck=accepted.deck if accepted else parse_deck(",".join(COLUMNS), options.currency),
        findings=notebook.findings(),
        file_format=progress.file_format,
        reading=progress.reading,
    )


def _read(files: Mapping[str, bytes], options: ImportOptions, notebook: Notebook, progress: _Progress) -> CanonicalDeck:
    plan_files = _plan_files(files, options)
    if plan_files is not None:
        progress.file_format = Format.CGRATES
        texts = {}
        for name, raw in plan_files.items():
            with reading(name):
                texts[name] = decode(raw).text
        progress.reading = PlanReading(files=tuple(texts))
        return canonical_deck(cgrates.read_plan(texts, options, notebook), options.currency, notebook)
    (raw,) = files.values()
    decoded = decode(raw)
    table = read_table(decoded.text, options.file_format)
    progress.file_format = table.headings.file_format
    progress.reading = TableReading(
        encoding=decoded.encoding,
        delimiter=table.delimiter,
        header_line=table.header.line,
        taken=table.headings.taken,
    )
    return canonical_deck(read_rows(table, options, notebook), options.currency, notebook)


def _plan_files(files: Mapping[str, bytes], options: ImportOptions) -> Mapping[str, bytes] | None:
    """The files of a tariff plan, each once: which of two is meant nobody knows; None if this is one table."""
    found: dict[str, bytes] = {}
    for path, raw in files.items():
        inside = unpack(raw) if raw.startswith(MARK) else {}
        for name, content in (inside or {PurePosixPath(path).name: raw}).items():
            if name in found:
                raise UnusableError(Problem.SAME_NAME, file=name)
            if name in cgrates.COLUMNS:
                found[name] = content
    is_table = not found and len(files) == 1 and options.file_format is not Format.CGRATES
    return None if is_table else found
