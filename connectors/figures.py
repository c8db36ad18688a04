"""Figures as people read them in a tool."""

from decimal import Decimal

DIGITS = 6


def plain(value: float) -> str:
    """Without an exponent, and without digits that nobody planned."""
    return f"{Decimal(str(round(value, DIGITS))).normalize():f}"
