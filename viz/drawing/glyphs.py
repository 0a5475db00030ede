"""Widths of text set in the sans-serif fonts that browsers fall back to."""

# Advance widths in thousandths of the font size: Helvetica's, which Arial and others share.
_WIDTHS = {
    **dict.fromkeys("ijl'|", 222),
    **dict.fromkeys("ftI!,./:;[] ", 278),
    **dict.fromkeys("r()-{}`", 333),
    **dict.fromkeys('"', 355),
    **dict.fromkeys("*^", 430),
    **dict.fromkeys("cksvxyzJ", 500),
    **dict.fromkeys("abdeghnopquL0123456789_?$#", 556),
    **dict.fromkeys("+<=>~", 584),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("&ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833),
    **dict.fromkeys("%W@", 950),
}
# Other fonts than Helvetica run wider, bold faces too; boxes leave room for both.
_SLACK = 1.06


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text at a font size, in the same unit.

    Example
    -------
    >>> text_width("sum", 12) < text_width("softmax", 12)
    True
    """
    # Beyond ASCII: Greek and the like are near a digit's width, ideographs a full square.
    units = sum(
        [
            _WIDTHS.get(char, 556 if ord(char) < 0x1100 else 1000 if char < "\uffff" else 1300)
            for char in text
        ]
    )
    return units / 1000 * size * _SLACK * (1.06 if bold else 1.0)


def shorten(text: str, limit: int) -> str:
    """The text cut to a number of characters, its middle left out.

    Example
    -------
    >>> shorten("a_very_long_name", 9)
    'a_ve…name'
    """
    if len(text) <= limit:
        return text
    tail = max((limit - 1) // 2, 0)
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def shorten_end(text: str, limit: int) -> str:
    """The text cut to a number of characters, its end left out.

    Example
    -------
    >>> shorten_end("a_very_long_name", 9)
    'a_very_l…'
    """
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
