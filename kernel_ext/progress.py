"""The line of a cell's output that says how far compiling is."""

from IPython.display import DisplayHandle, display


class ProgressOutput:
    """Shows each text it is called with where the last one was; an empty one takes it away."""

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = None

    def __call__(self, text: str) -> None:
        """Shows the text."""
        shown = {"text/plain": text}
        if not text:
            shown["text/html"] = ""
        if self._handle is not None:
            self._handle.update(shown, raw=True)
        elif text:
            self._handle = display(shown, raw=True, display_id=True)
        if not text:
            self._handle = None
