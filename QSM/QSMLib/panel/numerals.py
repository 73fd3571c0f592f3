"""Numbers as a person reads and types them; a number survives its text to the last bit."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

from QSMLogic.errors import InputError

MOST_DECADES = 3
"""A range that spans more powers of ten is typed, not stepped through."""

STEPS = 10
"""Steps from 0 to the default, about."""


def numberText(value: float) -> str:
    """Return the shortest text that reads back as the same number: "3", "0.005", "1e-06"."""
    return repr(float(value)).removesuffix(".0")


def numberOf(text: str, what: str) -> float:
    """Return the number of a text, with a point or a comma; InputError naming what it should be."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{what} = {text.strip()!r}: a number is needed.")
    return number


def scaledText(value: float, power: int) -> str:
    """Return the text of value x 10^power, exactly: 0.0042 s is "4.2" ms."""
    return format(Decimal(repr(float(value))).scaleb(power).normalize(), "f")


def scaledNumber(text: str, power: int, what: str) -> float:
    """Return the number of a text in another unit, x 10^power, exactly; InputError naming what it should be."""
    try:
        number = float(Decimal(text.strip()).scaleb(power))
    except InvalidOperation:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{what} = {text.strip()!r}: a number is needed, such as 4.2.")
    return number


def decimalsOf(value: float) -> int:
    """Return the digits behind the point that the number needs."""
    return max(0, -int(Decimal(repr(float(value))).normalize().as_tuple().exponent))


def isWide(low: float | None, high: float | None) -> bool:
    """Whether a range is too wide, or open, for a box with steps."""
    if low is None or high is None:
        return True
    return low > 0 and math.log10(high / low) > MOST_DECADES


def stepOf(default: float | None, low: float, high: float) -> float:
    """Return a round step (1, 2 or 5 times a power of ten) that suits a range and its default."""
    about = abs(default) / STEPS if default else (high - low) / (2 * STEPS)
    power = 10.0 ** math.floor(math.log10(about))
    return next(round(m * power, 12) for m in (5, 2, 1) if m * power <= about * 1.0001)
