"""The picture shows who calls, the gate and the operator; a way past the gate is red, dashed and told in words."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from audit.seeds import SAMPLES, SEEDS, copy_of, plant
from audit.small import report_of
from callgate.audit.layout import Edge, laid_out
from callgate.audit.picture import BOXES_MAX, picture
from callgate.audit.survey import Report, survey
from callgate.texts.catalog import Language

SVG = "{http://www.w3.org/2000/svg}"


def parsed(report: Report, language: Language = Language.EN) -> ET.Element:
    return ET.fromstring(picture(report, language))  # noqa: S314 - our own document, not a stranger's


def drawn(folder: Path, language: Language = Language.EN) -> ET.Element:
    return parsed(survey(folder), language)


def titles(svg: ET.Element, kind: str) -> list[str]:
    paths = (path for path in svg.iter(f"{SVG}path") if path.get("class") == kind)
    return [title.text or "" for path in paths for title in path.iter(f"{SVG}title")]


@pytest.mark.parametrize("sample", sorted(folder.name for folder in SAMPLES.iterdir()))
def test_a_clean_configuration_has_no_red_way(sample: str, tmp_path: Path) -> None:
    svg = drawn(copy_of(sample, tmp_path))
    assert titles(svg, "hole") == []
    assert any(title.startswith("Gate to ") for title in titles(svg, "way"))
    assert any(title.endswith(" to Gate") for title in titles(svg, "way"))


def test_a_way_past_the_gate_is_red_and_named(tmp_path: Path) -> None:
    svg = drawn(plant(SEEDS[1], tmp_path))
    assert titles(svg, "hole") == ["second to PJSIP/carrier-b, without the gate"]
    assert svg.get("role") == "img"
    described = (svg.get("aria-labelledby") or "").split()
    assert {element.get("id") for element in svg.iter() if element.get("id")} == set(described)
    assert "red and dashed: 1." in (svg.findtext(f"{SVG}desc") or "")


def test_an_opening_to_strangers_is_red_from_its_caller_to_the_gate(tmp_path: Path) -> None:
    svg = drawn(plant(SEEDS[2], tmp_path), Language.FR)
    assert sorted(titles(svg, "hole")) == [
        "carrier-a, carrier-b vers from-carrier, hors du contrôle",
        "from-carrier vers Contrôle, hors du contrôle",
    ]


def test_names_from_the_configuration_are_text_and_nothing_else(tmp_path: Path) -> None:
    more = "+[house](+)\ninclude => <script>&\n[<script>&]\nexten => 9,1,Dial(PJSIP/06@carrier)\n"
    svg = parsed(report_of(tmp_path, {"extensions.conf": more}))
    assert "<script>& to PJSIP/carrier, without the gate" in titles(svg, "hole")


def test_a_picture_stays_a_picture_however_large_the_dialplan_is(tmp_path: Path) -> None:
    contexts = "".join(f"[c{number}]\ninclude => c{number + 1}\n" for number in range(BOXES_MAX * 2))
    more = f"+[house](+)\ninclude => c0\n{contexts}[c{BOXES_MAX * 2}]\nexten => 9,1,Dial(PJSIP/06@carrier)\n"
    svg = parsed(report_of(tmp_path, {"extensions.conf": more}))
    assert len(svg.findall(f"{SVG}g")) <= BOXES_MAX
    assert titles(svg, "hole")


def test_a_long_way_keeps_clear_of_the_boxes_between() -> None:
    edges = [Edge(start="a", end="b"), Edge(start="b", end="c"), Edge(start="a", end="c")]
    layout = laid_out([["a"], ["b"], ["c"]], edges)
    [_, passed, _] = layout.ways[edges[2]]
    assert passed.column == layout.boxes["b"].column
    assert passed.row != layout.boxes["b"].row
