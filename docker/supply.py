"""`make supply`: asks for known vulnerabilities of the daemon's pinned dependencies, and lists them as CycloneDX.

The tools live in an environment of their own. What the database could not tell is said, never counted as sound.
"""

import json
import subprocess
import sys
from typing import Any

from lab_images import ROOT

PINNED = ROOT / "requirements" / "run.txt"
TOOLS = ROOT / "requirements" / "supply.txt"
PLACE = ROOT / ".lab" / "supply"
PARTS_LIST = ROOT / ".lab" / "sbom.cdx.json"
SOUND, VULNERABLE, NO_TOOLS = 0, 1, 4


def findings(report: dict[str, Any]) -> tuple[list[str], int]:
    """Read what pip-audit found.

    Args:
        report: its JSON, ``{"dependencies": [{"name", "version", "vulns": [{"id", "fix_versions"}]} | {"name",
            "skip_reason"}]}``.

    Returns:
        Lines for a person, and the exit status.
    """
    parts = report["dependencies"]
    known = [part for part in parts if "vulns" in part]
    lines = [
        f"callgate: {part['name']} {part['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version'}"
        for part in known
        for found in part["vulns"]
    ]
    status = VULNERABLE if lines else SOUND
    lines.append(f"callgate: {len(known)} of {len(parts)} dependencies audited")
    if unknown := [part["name"] for part in parts if "vulns" not in part]:
        lines.append(
            f"callgate: NOT audited, because the vulnerability database (pypi.org) does not answer for them from here: "
            f"{', '.join(unknown)}. Remedy: run `make supply` where it can be reached"
        )
    return lines, status


def _tools() -> None:
    """Make the environment, or bring it up to date."""
    ready = PLACE / ".ready"
    if ready.exists() and ready.stat().st_mtime >= TOOLS.stat().st_mtime:
        return
    subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
    pip = [str(PLACE / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*pip, "-r", str(TOOLS)], check=True)
    ready.touch()


def _run(program: str, *words: str) -> str:
    command = [str(PLACE / "bin" / program), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout


def main() -> int:
    """Run from the command line."""
    try:
        _tools()
        return _check()
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"callgate: NOT audited, a tool failed: {error}. Remedy: see its own words above, or remove {PLACE}")
        return NO_TOOLS


def _check() -> int:
    """Write the list and say what is known of its parts. Raises ValueError where a tool says no JSON."""
    parts = json.loads(_run("cyclonedx-py", "requirements", str(PINNED), "--output-format", "JSON"))
    PARTS_LIST.write_text(json.dumps(parts, indent=1), encoding="utf-8")
    print(f"callgate: {len(parts['components'])} dependencies listed in {PARTS_LIST.relative_to(ROOT)}")
    asked = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    lines, status = findings(json.loads(_run("pip-audit", "--requirement", str(PINNED), *asked)))
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
