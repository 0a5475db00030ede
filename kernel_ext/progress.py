"""The line of a cell's output that says how far compiling is."""

from IPython.display import DisplayHandle, display


class ProgressOutput:
    """Shows each text it is called with where the last one was.

    The last text stays: an output that was shown can't be taken out of a notebook again, and an
    empty one would leave a gap.
    """

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = None

    def __call__(self, text: str, last: bool) -> None:
        """Shows the text; after the last one the next begins an output of its own."""
        shown = {"text/plain": text}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)
        if last:
            self._handle = None
