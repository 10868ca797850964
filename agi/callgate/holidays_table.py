"""Public holidays as dates, compiled when a policy is put into force and never while a call waits.

The `holidays` library takes 0.8 s and 40 MB to import, so it is imported inside the one function that needs it.
"""

from collections.abc import Iterable
from datetime import date


class HolidayError(ValueError):
    """Nobody knows these public holidays. Field: `code`."""

    def __init__(self, code: str) -> None:
        super().__init__(
            f'holidays: "{code}" is no country, or no part of one, with known holidays. Remedy: write "FR", or a part '
            'of a country such as "FR-57", or "none"'
        )
        self.code = code


def holiday_dates(code: str, years: Iterable[int]) -> frozenset[date]:
    """List public holidays.

    Args:
        code: a country of ISO 3166 (``FR``), or one and its part as the library names it (``FR-57`` and ``FR-6AE``
            are Moselle and Alsace, with Good Friday and 26 December); ``none`` for no holidays.
        years: which years; a look-up that crosses New Year needs both.

    Raises:
        HolidayError: if the library has no such country or part.
    """
    if code == "none":
        return frozenset()
    import holidays  # noqa: PLC0415 - 0.8 s and 40 MB that the call path must never pay

    country, _, part = code.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=years))
    except NotImplementedError:
        raise HolidayError(code) from None
