"""The names of a clinic's keys in Redis: a fixed set under one hash tag, so that a clinic lives in one cluster slot.

All of them go to every script, which builds none itself. What each one holds stands at the head of ``lua/start.lua``.
"""

_PARTS = ("meta", "holds", "live", "ended", "books", "velocity", "velocity_ends", "policies", "novelties")


def clinic_keys(clinic: str) -> tuple[str, ...]:
    """Name the keys of one clinic, in the order of the scripts' KEYS.

    Args:
        clinic: as `validity.unsound_clinic` allows it; a brace in it would end the tag.
    """
    return tuple(f"cg:{{{clinic}}}:{part}" for part in _PARTS)
