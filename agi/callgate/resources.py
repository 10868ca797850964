"""Where the files that ship with callgate are: beside the source in a checkout, inside the package in a wheel."""

from pathlib import Path

from callgate.errors import ResourceError

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent.parent


def resource(name: str) -> Path:
    """Find a shipped file or folder.

    Args:
        name: relative, such as ``policies/plans/FR.toml``.

    Raises:
        ResourceError: if neither place has it.
    """
    for root in (_PACKAGE / "data", _CHECKOUT):
        if (root / name).exists():
            return root / name
    raise ResourceError(name)
