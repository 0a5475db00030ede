"""Where a watch is shown: a notebook's cell, the last line of a terminal, or nowhere."""

import importlib.util
import sys
from typing import TYPE_CHECKING, Any, TextIO

from arignote import lazy
from arignote.viz.monitor.feed import Batch
from arignote.viz.monitor.history import FirstNaN
from arignote.viz.monitor.picture import bundle, number, status

if TYPE_CHECKING:
    from arignote.viz.monitor.session import Panel, Watch

_WIDTH = 78


def panel() -> "Panel":
    """The panel for where this runs."""
    if "IPython" in sys.modules:
        shell = lazy.module("IPython").get_ipython()
        if shell is not None and shell.has_trait("kernel"):
            return CellPanel()
    return LinePanel(sys.stderr)


class LinePanel:
    """A line of a terminal that is written again and again; of other files nothing is made.

    Parameters
    ----------
    stream : file
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._newest: dict[str, float] = {}

    def open(self, watch: "Watch") -> None:
        """Nothing yet."""

    def send(self, batch: Batch) -> None:
        """Writes the line."""
        for _, rows in batch.samples:
            means = {name: row.get("mean", float("nan")) for name, row in rows.items()}
            self._newest.update(means)
        values = [
            f"{name} {number(self._newest[name])}" for name in batch.names if name in self._newest
        ]
        self._write("  ".join([f"step {batch.steps}  {number(batch.rate)}/s", *values]))

    def alarm(self, first: FirstNaN) -> bool:
        """Clears the line for what a warning or an error says; False."""
        self._write("", "\r")
        return False

    def close(self, watch: "Watch") -> None:
        """Leaves a last line, and after it the first NaN if nothing else told of it."""
        untold = watch.untold_nan
        self._write(status(watch), "\n" if untold is None else f"\n{untold}\n")

    def _write(self, text: str, after: str = "") -> None:
        """Writes a text over the line, and more after it."""
        if self._stream is not None:
            self._stream.write(f"\r{text[:_WIDTH]:<{_WIDTH}}{after}")
            self._stream.flush()


def _control_handlers() -> dict[str, Any]:
    """What the kernel does at messages that it takes while a cell runs; it may be added to."""
    kernel = getattr(lazy.module("IPython").get_ipython(), "kernel", None)
    handlers: dict[str, Any] = getattr(kernel, "control_handlers", {})
    return handlers


class CellPanel:
    """One output of a cell: live while the block runs, then a picture and a text."""

    def __init__(self) -> None:
        self._widget: Any = None
        self._handle: Any = None

    def open(self, watch: "Watch") -> None:
        """Displays the widget, or a line where there are no widgets."""
        shown: dict[str, Any] = {"text/plain": "watching"}
        if importlib.util.find_spec("anywidget") is not None:
            module = lazy.module("arignote.viz.monitor.widget")
            self._widget = module.MonitorWidget(watch.stop)
            self._widget.listen(_control_handlers())
            made = self._widget._repr_mimebundle_()
            shown |= made[0] if isinstance(made, tuple) else made
            shown["text/plain"] = "watching"
        display = lazy.module("IPython.display")
        self._handle = display.display(shown, raw=True, display_id=True)

    def send(self, batch: Batch) -> None:
        """Sends the message."""
        if self._widget is not None:
            self._widget.tell(batch)

    def alarm(self, first: FirstNaN) -> bool:
        """Shows the first NaN in the panel, or where there is none in its place; True."""
        if self._widget is not None:
            self._widget.warn(str(first))
        elif self._handle is not None:
            self._handle.update({"text/plain": f"watching\n{first}"}, raw=True)
        return True

    def close(self, watch: "Watch") -> None:
        """Puts the picture in the place of what was live."""
        if self._handle is not None:
            self._handle.update(bundle(watch, watch.untold_nan), raw=True)
        if self._widget is not None:
            self._widget.finish(watch.state)
