"""Numbers in sentences."""


def counted(number: float, noun: str, plural: str = "") -> str:
    """Return *number* with its noun, as in "1 order" and "2,000 orders".

    Args:
        noun: for one of them.
        plural: for any other number, if it is not the noun with an "s".
    """
    return f"{number:,g} {noun}" if number == 1 else f"{number:,.15g} {plural or noun + 's'}"
