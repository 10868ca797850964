"""A configuration is read as Asterisk reads it: comments, templates, included files."""

from pathlib import Path
from typing import Never

import pytest

from callgate.audit.lines import Document, parse_document, read_document, uncommented
from callgate.errors import ConfigurationError


@pytest.mark.parametrize(
    ("line", "nested", "said", "after"),
    [
        ("exten => 1,1,NoOp() ; first", 0, "exten => 1,1,NoOp() ", 0),
        ("exten => 1,1,Set(A=a\\;b)", 0, "exten => 1,1,Set(A=a;b)", 0),
        ("a ;-- b --; c", 0, "a  c", 0),
        ("a ;-- b", 0, "a ", 1),
        ("still ; inside", 1, "", 1),
        (";-- deeper", 1, "", 2),
        ("--; --; out", 2, " out", 0),
        (";--- an ordinary comment", 0, "", 0),
        ("nothing at all", 1, "", 1),
    ],
)
def test_comments_go_and_escaped_semicolons_stay(line: str, nested: int, said: str, after: int) -> None:
    assert uncommented(line, nested) == (said, after)


def options(document: Document) -> list[tuple[str, str, str]]:
    return [(section.name, option.name, option.value) for section in document.sections for option in section.options]


def test_templates_are_copied_and_are_nothing_themselves() -> None:
    text = "[base](!)\na = 1\n[more](!,base)\nb => 2\n[x](more)\nc = 3\n[x](+)\nd = 4\n"
    assert options(parse_document("x.conf", text)) == [
        ("x", "a", "1"),
        ("x", "b", "2"),
        ("x", "c", "3"),
        ("x", "d", "4"),
    ]


def test_a_section_is_added_to_by_name_and_filter() -> None:
    text = "[x]\ntype = aor\n[x]\ntype = auth\n[x](+type=aor)\nmore = yes\n"
    document = parse_document("pjsip.conf", text)
    assert {section.get("type"): section.get("more") for section in document.sections} == {"aor": "yes", "auth": ""}


def test_included_files_stand_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.conf").write_text("two = 2\n")
    (tmp_path / "d" / "a.conf").write_text("one = 1\n")
    (tmp_path / "x.conf").write_text(
        '[x]\n#include "d/*.conf"\n#include </etc/asterisk/d/a.conf>\n#tryinclude gone.conf\n#exec /bin/me\nlast = 3\n'
    )
    document = read_document(tmp_path, "x.conf")
    assert document is not None
    assert [name for _, name, _ in options(document)] == ["one", "two", "one", "last"]
    assert [(word.directive, word.place.line) for word in document.inclusions] == [
        ("include", 2),
        ("include", 3),
        ("tryinclude", 4),
        ("exec", 5),
    ]
    assert document.sections[0].options[1].place.file == "d/b.conf"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#include gone.conf\n", 'x.conf:1: includes "gone.conf", which is not there'),
        ("#include x.conf\n", "x.conf: is included too deep"),
    ],
)
def test_what_asterisk_could_not_load_is_an_error_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        read_document(tmp_path, "x.conf")


def test_a_folder_that_may_not_be_looked_into_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's glob passes over it in silence; Asterisk, another user, reads what it holds."""
    (tmp_path / "x.conf").write_text('[x]\n#tryinclude "closed/*.conf"\n#tryinclude "gone/*.conf"\n')
    assert read_document(tmp_path, "x.conf") is not None

    def closed(folder: Path) -> Never:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("callgate.audit.lines.scandir", closed)  # this test may run as root
    with pytest.raises(PermissionError, match="closed"):
        read_document(tmp_path, "x.conf")


def test_an_audit_never_walks_the_disk(tmp_path: Path) -> None:
    """Asterisk's own glob knows no `**`; Python's would follow it to every folder of the machine."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "y.conf").write_text("[y]\n")
    (tmp_path / "x.conf").write_text("#tryinclude **/y.conf\n")
    document = read_document(tmp_path, "x.conf")
    assert document is not None
    assert document.sections == []
