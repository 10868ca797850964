"""Reads a configuration file of Asterisk as Asterisk does: sections, options, comments and included files.

Source: main/config.c of Asterisk 22: ``;`` begins a comment unless a backslash stands before it, ``;--`` to ``--;`` may
span lines and nest, ``#include``, ``#tryinclude`` and ``#exec`` stand at the start of a line, a relative name starts
from the configuration's folder, and what is included goes on in the section it stands in.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from glob import glob
from os import scandir
from pathlib import Path

from callgate.errors import ConfigurationError

FILE_MAX_BYTES = 32 << 20
INCLUDE_DEPTH_MAX = 10
"""Asterisk's own (MAX_INCLUDE_LEVEL)."""
LINES_MAX = 1_000_000
OWN_HEAD = "; callgate:"
"""How every file begins that callgate writes."""
USUAL_FOLDER = Path("/etc/asterisk")
_MISPLACED = "look for a file that does not belong there"

_DIRECTIVE = re.compile(r"#(include|tryinclude|exec)\s+(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands: a file as a person names it, and its line from 1; 0 means the file as a whole."""

    file: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """``name = value`` or ``name => value``."""

    name: str
    value: str
    place: Place


@dataclass(slots=True, kw_only=True)
class Section:
    """``[name](traits)`` with its options in order; a `template` is only there to be copied."""

    name: str
    traits: tuple[str, ...]
    place: Place
    options: list[Option] = field(default_factory=list)

    @property
    def is_template(self) -> bool:
        """Whether Asterisk itself makes nothing of it."""
        return "!" in self.traits

    def get(self, name: str, default: str = "") -> str:
        """The last value of an option, its name in any case."""
        return next((option.value for option in reversed(self.options) if option.name.lower() == name), default)

    def place_of(self, name: str) -> Place:
        """Where an option stands; the section's own place if it has none."""
        return next((option.place for option in reversed(self.options) if option.name.lower() == name), self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """``#include``, ``#tryinclude`` or ``#exec`` with the word after it."""

    directive: str
    word: str
    place: Place


@dataclass(slots=True, kw_only=True)
class Document:
    """One configuration with everything it includes: its sections, templates applied."""

    name: str
    sections: list[Section] = field(default_factory=list)
    inclusions: list[Inclusion] = field(default_factory=list)
    own_files: set[str] = field(default_factory=set)
    lines: int = 0

    def section(self, name: str) -> Section | None:
        """The first section of a name."""
        return next((section for section in self.sections if section.name == name), None)


def read_document(folder: Path, name: str) -> Document | None:
    """Read one configuration with what it includes.

    Args:
        folder: of the configuration, as Asterisk's ``astetcdir``.
        name: such as ``extensions.conf``.

    Returns:
        None if there is no such file.

    Raises:
        ConfigurationError: where Asterisk itself would load nothing: an included file is missing, or there is too much.
        PermissionError: if a file may not be read.
    """
    file = folder / name
    if not file.is_file():
        return None
    document = Document(name=name)
    _read_file(document, folder, file, 0)
    return _without_templates(document)


def parse_document(name: str, text: str) -> Document:
    """Read a text that includes nothing, such as what callgate writes itself."""
    document = Document(name=name)
    _read_text(document, name, text, lambda _: [])
    return _without_templates(document)


def _without_templates(document: Document) -> Document:
    document.sections = [section for section in document.sections if not section.is_template]
    return document


def _read_file(document: Document, folder: Path, file: Path, depth: int) -> None:
    named = _named(folder, file)
    if depth > INCLUDE_DEPTH_MAX:
        raise ConfigurationError(named, "is included too deep", "look for a file that includes itself")
    if file.stat().st_size > FILE_MAX_BYTES:
        raise ConfigurationError(named, f"is larger than {FILE_MAX_BYTES >> 20} MiB", _MISPLACED)
    text = file.read_text(encoding="utf-8", errors="replace").replace("\0", "")

    def include(inclusion: Inclusion) -> None:
        for included in _included(folder, inclusion):
            _read_file(document, folder, included, depth + 1)

    _read_text(document, named, text, include)


def _read_text(document: Document, named: str, text: str, include: Callable[[Inclusion], object]) -> None:
    for line, said in _lines(document, text, named):
        place = Place(file=named, line=line)
        if found := _DIRECTIVE.match(said):
            inclusion = Inclusion(directive=found[1].lower(), word=found[2].strip().strip("\"<>'"), place=place)
            document.inclusions.append(inclusion)
            include(inclusion)
        elif said.startswith("["):
            _open_section(document, said, place)
        elif "=" in said and document.sections:
            name, _, value = said.partition("=")
            option = Option(name=name.rstrip("+ \t"), value=value.removeprefix(">").strip(), place=place)
            document.sections[-1].options.append(option)


def _named(folder: Path, file: Path) -> str:
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _lines(document: Document, text: str, named: str) -> Iterator[tuple[int, str]]:
    """Every line that says something, without its comments."""
    if text.startswith(OWN_HEAD):
        document.own_files.add(named)
    nested = 0
    for number, line in enumerate(text.split("\n"), start=1):
        said, nested = uncommented(line, nested)
        document.lines += 1
        if document.lines > LINES_MAX:
            raise ConfigurationError(named, f"brings more than {LINES_MAX} lines", _MISPLACED)
        if said.strip():
            yield number, said.strip()


def uncommented(line: str, nested: int = 0) -> tuple[str, int]:
    """Take the comments out of a line.

    Args:
        line: as it stands in the file.
        nested: how many ``;--`` are open before it.

    Returns:
        What is left, and how many ``;--`` are open after it.
    """
    if ";" not in line:
        return ("" if nested else line), nested
    said: list[str] = []
    position = 0
    while position < len(line):
        rest = line[position:]
        if not nested and rest.startswith("\\;"):
            said.append(";")
            position += 2
        elif rest.startswith(";--") and not rest.startswith(";---"):
            nested += 1
            position += 3
        elif nested and rest.startswith("--;"):
            nested -= 1
            position += 3
        elif not nested and rest.startswith(";"):
            break
        else:
            said.append("" if nested else rest[0])
            position += 1
    return "".join(said), nested


def _included(folder: Path, inclusion: Inclusion) -> list[Path]:
    """The files a line includes, in the order Asterisk reads them."""
    if inclusion.directive == "exec":
        return []
    word = Path(inclusion.word)
    if word.is_relative_to(USUAL_FOLDER):
        # A copy of a configuration is audited as it stands, not with the files of this machine.
        word = word.relative_to(USUAL_FOLDER)
    named = sorted(glob(str(word), root_dir=folder))  # noqa: PTH207 - Path.glob knows `**`, which could walk the disk
    found = [folder / file for file in named if (folder / file).is_file()]
    if not found:
        # What glob may not see it passes over in silence, and Asterisk may see it.
        with suppress(FileNotFoundError, NotADirectoryError):
            scandir((folder / word).parent).close()
    if not found and inclusion.directive == "include":
        where = f"{inclusion.place.file}:{inclusion.place.line}"
        problem = f'includes "{inclusion.word}", which is not there: Asterisk loads nothing of this configuration'
        raise ConfigurationError(where, problem, "copy that file too, or write #tryinclude")
    return found


def _open_section(document: Document, text: str, place: Place) -> None:
    name, _, rest = text[1:].partition("]")
    inside = rest.strip().removeprefix("(").partition(")")[0] if rest.strip().startswith("(") else ""
    traits = tuple(trait.strip() for trait in inside.split(",") if trait.strip())
    section = next((found for found in document.sections if found.name == name and _takes(found, traits)), None)
    if section is not None:
        # What follows belongs to a section that is there already: `[name](+)`.
        document.sections.remove(section)
    else:
        section = Section(name=name, traits=traits, place=place)
        for trait in traits:
            template = next((found for found in document.sections if found.name == trait), None)
            section.options += template.options if template is not None else ()
    document.sections.append(section)


def _takes(section: Section, traits: tuple[str, ...]) -> bool:
    """Whether ``(+)`` or ``(+type=endpoint)`` means this section."""
    adding = next((trait for trait in traits if trait.startswith("+")), None)
    if adding is None:
        return False
    name, _, value = adding[1:].partition("=")
    return not name or section.get(name.strip().lower()) == value.strip()
