"""Money as a whole number of micros (one millionth of the deck's currency, tax included); never a float."""

import re

MICROS_PER_UNIT = 1_000_000
AMOUNT_MAX_MICROS = 1_000_000 * MICROS_PER_UNIT
"""No single amount is larger (one million euros): it keeps every sum of the ledger exact in Lua's doubles."""

_AMOUNT = re.compile(r"(\d{1,7})(?:\.(\d{1,6}))?")


def parse_amount(text: str) -> int:
    """Read an amount such as ``"5.00"``.

    Args:
        text: digits, optionally a dot and up to six decimals; no sign, no separator, no currency.

    Returns:
        The amount in micros, from 0 to `AMOUNT_MAX_MICROS`.

    Raises:
        ValueError: with what is wrong and an example, for anything else (also "NaN", "1e3", "-1", "5,00").
    """
    match = _AMOUNT.fullmatch(text)
    if match is None or not text.isascii():
        message = f'{text!a} is not an amount of money; write digits and a dot, such as "5.00"'
        raise ValueError(message)
    whole, decimals = match.groups(default="")
    micros = int(whole) * MICROS_PER_UNIT + int(decimals.ljust(6, "0"))
    if micros > AMOUNT_MAX_MICROS:
        message = f'"{text}" is more than the largest amount, 1000000.00'
        raise ValueError(message)
    return micros


def format_amount(micros: int) -> str:
    """Write micros for a person: two decimals, more only where the amount has them (``12.5`` gives "12.50")."""
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICROS_PER_UNIT)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide two whole numbers, rounding up: what a hold is worth is never rounded in the caller's favour."""
    return -(-dividend // divisor)
