"""The lab's images, built when their inputs changed: `callgate-asterisk:lab` and `callgate:lab`.

A label holds a hash of everything that went in, so that an unchanged tree costs one `docker image inspect` an image.
"""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASTERISK_IMAGE = "callgate-asterisk:lab"
CALLGATE_IMAGE = "callgate:lab"

_BUILD_AREA = ROOT / ".lab" / "images"
_BASE_IMAGE = "callgate-base:forky"
_INPUTS_LABEL = "callgate.inputs"
_COMMAND_MAX_S = 900
_IMAGE_PYTHON = "3.14"
_MANYLINUX = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")


class LabError(Exception):
    """The lab could not be made; the sentence says what failed and ends with the program's own last words."""


def build_all() -> None:
    """Make the Docker daemon answer and both images current.

    Raises:
        LabError: with the words of the program that failed.
    """
    _BUILD_AREA.mkdir(parents=True, exist_ok=True)
    with (_BUILD_AREA / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests, the demo and `make lab` may start at the same time
        run("sh", str(ROOT / "docker" / "daemon.sh"))
        run("sh", str(ROOT / "docker" / "base.sh"))
        build_asterisk()
        build_callgate()


def build_asterisk() -> None:
    """Build the image of the PBX, the carrier and Redis, if its Dockerfile or base changed."""
    context = ROOT / "docker" / "asterisk"
    _build(ASTERISK_IMAGE, context, _digest(context.iterdir()))


def build_callgate() -> None:
    """Build the image of the daemon, if its source, its requirements, its Dockerfile or its base changed."""
    dockerfile, requirements = ROOT / "docker" / "callgate" / "Dockerfile", ROOT / "requirements" / "run.txt"
    source = [path for name in ("agi", "policies", "asterisk-conf") for path in (ROOT / name).rglob("*")]
    inputs = _digest([dockerfile, requirements, ROOT / "pyproject.toml", ROOT / "README.md", *source])
    if _label(CALLGATE_IMAGE) == inputs:
        return
    context = _BUILD_AREA / "callgate"
    shutil.rmtree(context, ignore_errors=True)
    (context / "callgate").mkdir(parents=True)
    shutil.copy(dockerfile, context)
    shutil.copy(requirements, context / "requirements.txt")
    shutil.copytree(_wheels(requirements), context / "wheels")
    pip = (sys.executable, "-m", "pip", "-q")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(context / "callgate"), str(ROOT))
    _build(CALLGATE_IMAGE, context, inputs)


def run(*words: str) -> str:
    """Run a program to its end, at most 15 minutes.

    Returns:
        Its standard output.

    Raises:
        LabError: if it is missing, fails or takes too long.
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_COMMAND_MAX_S)
    except FileNotFoundError as error:
        message = f"'{words[0]}' is missing"
        raise LabError(message) from error
    except subprocess.TimeoutExpired as error:
        message = f"'{' '.join(words[:3])}' took more than {_COMMAND_MAX_S} s"
        raise LabError(message) from error
    if done.returncode != 0:
        last_words = (done.stderr.strip() or done.stdout.strip())[-800:]
        message = f"'{' '.join(words[:3])}' failed with {done.returncode}: {last_words}"
        raise LabError(message)
    return done.stdout


def _wheels(requirements: Path) -> Path:
    """The dependencies as wheels for the image's Python; downloaded once for each requirements file."""
    folder = _BUILD_AREA / f"wheels-{_digest([requirements])[:16]}"
    if folder.is_dir():
        return folder
    for older in _BUILD_AREA.glob("wheels-*"):
        shutil.rmtree(older)
    draft = folder.with_suffix(".draft")
    pip = [sys.executable, "-m", "pip", "-q", "download", "--only-binary=:all:", "--no-deps", "--require-hashes"]
    pip += ["--implementation", "cp", "--python-version", _IMAGE_PYTHON]
    for manylinux in _MANYLINUX:
        pip += ["--platform", f"{manylinux}_{platform.machine()}"]
    run(*pip, "-r", str(requirements), "-d", str(draft))
    draft.rename(folder)
    return folder


def _build(image: str, context: Path, inputs: str) -> None:
    if _label(image) == inputs:
        return
    run("docker", "build", "-q", "-t", image, "--label", f"{_INPUTS_LABEL}={inputs}", str(context))
    # What the name pointed to before is of no use any more, except to a lab that still runs from it: those stay.
    run("docker", "image", "prune", "-f", "--filter", "label=callgate=lab")


def _label(image: str) -> str:
    """The hash an image was built from, or "" where there is no such image."""
    pattern = f'{{{{ index .Config.Labels "{_INPUTS_LABEL}" }}}}'
    try:
        return run("docker", "image", "inspect", "-f", pattern, image).strip()
    except LabError:
        return ""


def _digest(paths: Iterable[Path]) -> str:
    """Hash the base image's id and the names and bytes of `paths`; compiled Python is no input."""
    total = hashlib.sha256(run("docker", "image", "inspect", "-f", "{{.Id}}", _BASE_IMAGE).encode())
    for path in sorted(paths):
        if path.is_file() and path.suffix != ".pyc":
            total.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
            total.update(path.read_bytes())
    return total.hexdigest()
