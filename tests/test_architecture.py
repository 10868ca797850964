"""The import rule of DESIGN section 3: who may know whom. The imports are read from the source, not from a run."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

AGI = Path(__file__).parent.parent / "agi"

STANDARD = frozenset(sys.stdlib_module_names)
PURE = STANDARD - {
    "asyncio",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
"""The standard library without files, sockets, processes, clocks and chance."""

CORE = {"callgate.core", "phonenumbers", "msgspec"}
RULES: dict[str, set[str]] = {
    "asterisk_agi": set(),
    "callgate/core": CORE,
    "callgate/audit": {"callgate.audit", "callgate.errors", "callgate.texts"},
    "callgate/control": {
        *CORE,
        "callgate.clinic",
        "callgate.control",
        "callgate.errors",
        "callgate.grants",
        "callgate.journal",
        "callgate.ledger.base",
        "callgate.orphans",
        "callgate.policies",
        "callgate.repeating",
        "callgate.settings",
        "structlog",
    },
    "callgate/ledger": {*CORE, "callgate.ledger", "redis"},
    "callgate/rates": {*CORE, "callgate.disk", "callgate.errors", "callgate.rates", "callgate.resources"},
    "callgate/replay": {
        *CORE,
        "callgate.clinic",
        "callgate.gate",
        "callgate.ledger",
        "callgate.replay",
        "callgate.settings",
        "callgate.tags",
    },
    "callgate/texts": {"callgate.core.reasons", "callgate.texts", "msgspec"},
    "callgate/journal_file.py": set(),
    "callgate/journal_files.py": {"callgate.disk", "callgate.journal_file"},
    "callgate/journal_reading.py": {"callgate.errors", "callgate.journal_file", "callgate.journal_files"},
    "callgate/journal_rows.py": {*CORE, "callgate.clinic", "callgate.journal_file", "callgate.journal_files"},
    "callgate/journal_tally.py": {"callgate.journal_rows", "msgspec"},
    "callgate/journal_turn.py": {"callgate.disk", "callgate.journal_file", "callgate.journal_files"},
    "callgate/journal_witness.py": {
        *CORE,
        "callgate.journal_file",
        "callgate.journal_rows",
        "callgate.ledger.restoration",
        "callgate.ledger_memory",
        "structlog",
    },
    "callgate/journal_writer.py": {
        "callgate.disk",
        "callgate.errors",
        "callgate.journal_file",
        "callgate.journal_files",
        "callgate.journal_reading",
        "callgate.journal_turn",
    },
    "callgate/ledger_memory.py": {
        *CORE,
        "callgate.journal_file",
        "callgate.journal_files",
        "callgate.ledger.restoration",
    },
    "callgate/journal.py": {
        *CORE,
        "callgate.clinic",
        "callgate.errors",
        "callgate.journal_file",
        "callgate.journal_reading",
        "callgate.journal_rows",
        "callgate.journal_tally",
        "callgate.journal_turn",
        "callgate.journal_witness",
        "callgate.journal_writer",
        "callgate.ledger.restoration",
        "callgate.ledger_memory",
        "structlog",
    },
    "callgate/gate.py": {
        *CORE,
        "callgate.burst_watch",
        "callgate.clinic",
        "callgate.errors",
        "callgate.grants",
        "callgate.journal",
        "callgate.ledger.base",
        "callgate.lending",
        "callgate.policies",
        "callgate.settings",
        "callgate.tags",
        "structlog",
    },
}
"""Beside the standard library, what each part may import; a name allows everything below it."""


def imports(file: Path) -> Iterator[str]:
    """Every module a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                yield "a relative import"
            case _:
                pass


def files(part: str) -> list[Path]:
    """The source files of a part."""
    path = AGI / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def is_allowed(module: str, allowed: set[str]) -> bool:
    """Whether one of the allowed names is the module or stands above it."""
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


@pytest.mark.parametrize("part", RULES)
def test_each_part_knows_only_what_it_may_know(part: str) -> None:
    own = {"asterisk_agi"} if part == "asterisk_agi" else RULES[part]
    standard = PURE if part == "callgate/core" else STANDARD
    found = [
        f"{file.relative_to(AGI)} imports {module}"
        for file in files(part)
        for module in imports(file)
        if module.partition(".")[0] not in standard and not is_allowed(module, own)
    ]
    assert files(part)
    assert found == []


def test_nobody_imports_the_command_line() -> None:
    found = [
        f"{file.relative_to(AGI)} imports {module}"
        for file in sorted(AGI.rglob("*.py"))
        if file != AGI / "callgate" / "cli.py" and "commands" not in file.parts
        for module in imports(file)
        if is_allowed(module, {"callgate.cli", "callgate.commands"})
    ]
    assert found == []


def test_the_core_asks_no_clock() -> None:
    """`datetime.now` and `date.today` are a clock in a pure module's clothes."""
    clocks = {"now", "today", "utcnow"}
    found = [
        f"{file.name}:{node.lineno}"
        for file in files("callgate/core")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in clocks
    ]
    assert found == []


@pytest.mark.parametrize("file", sorted(AGI.rglob("*.py")), ids=lambda file: str(file.relative_to(AGI)))
def test_no_file_is_longer_than_400_lines_and_no_function_than_60(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 400
    long = [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []
