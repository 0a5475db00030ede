"""The live panel of a watch in a notebook."""

from collections.abc import Callable, MutableMapping
from typing import Any

import anywidget
import traitlets

from arignote.viz.files import static_text
from arignote.viz.monitor.feed import CHANNELS, Batch
from arignote.viz.output.page import script

BUTTON = "the stop button"


class MonitorWidget(anywidget.AnyWidget):
    """Shows batches of statistics, and asks the watch to stop when its button is pressed.

    Parameters
    ----------
    stop : function
        Called with a reason, maybe in another thread.
    """

    _esm = f"{script('monitor.js')}\nexport default {{ render: renderMonitor }};\n"
    _css = static_text("monitor.css")

    channels = traitlets.List(list(CHANNELS)).tag(sync=True)
    state = traitlets.Unicode("running").tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    asked_to_stop = traitlets.Bool(False).tag(sync=True)
    stop_message = traitlets.Unicode("").tag(sync=True)

    def __init__(self, stop: Callable[[str], None]) -> None:
        super().__init__()
        self._stop = stop
        self.observe(self._asked, "asked_to_stop")
        self.stop_message = f"arignote_stop_{self.model_id}"
        self._handlers: MutableMapping[str, Any] = {}

    def listen(self, handlers: MutableMapping[str, Any]) -> None:
        """Has the button heard while a cell runs.

        Kernels take the messages of widgets once the cell is over, those of the control channel at
        once, in a thread of their own.

        Parameters
        ----------
        handlers : mapping of str to function
            What the kernel does at the messages of that channel, by their type.
        """
        self._handlers = handlers
        handlers[self.stop_message] = self._told

    def _told(self, stream: Any, identities: Any, message: Any) -> None:
        self._stop(BUTTON)

    def _asked(self, change: Any) -> None:
        if change["new"]:
            self._stop(BUTTON)

    def tell(self, batch: Batch) -> None:
        """Sends a batch: the names and two buffers of float32, of samples and of histograms."""
        buffers = [batch.numbers.tobytes(), batch.bars.tobytes()]
        self.send({"kind": "batch", **batch.content}, buffers=buffers)

    def warn(self, text: str) -> None:
        """Shows a text in red."""
        self.problem = text

    def finish(self, state: str) -> None:
        """Says how it ended; nothing is sent from then on."""
        self._handlers.pop(self.stop_message, None)
        self.state = state
        self.close()
