"""What a monitor sends to whoever shows it, and how often."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from arignote.compile.watched import CHANNELS
from arignote.viz.monitor.histogram import Histogram

# The least time between two messages, and the most between two signs of life.
PERIOD_S, TICK_S = 0.05, 0.25
# Samples that one message takes; of more, every second is left out.
MOST = 16

Rows = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Batch:
    """One message.

    Attributes
    ----------
    names, losses : tuple of str
        The variables, a row each; which of them are losses.
    steps : int
        How many steps were made.
    rate, elapsed : float
        Steps a second of late; seconds.
    samples : tuple of (step, rows)
        Statistics by name of variable, then by name of statistic.
    histograms : mapping of str to Histogram
        Of the newest values, by name, as far as they are new.
    """

    names: tuple[str, ...]
    losses: tuple[str, ...]
    steps: int
    rate: float
    elapsed: float
    samples: tuple[tuple[int, Rows], ...] = ()
    histograms: Mapping[str, Histogram] = field(default_factory=dict)

    @property
    def content(self) -> dict[str, Any]:
        """All but the numbers of samples and histograms."""
        return {
            "names": list(self.names),
            "losses": list(self.losses),
            "steps": self.steps,
            "rate": self.rate,
            "elapsed": self.elapsed,
            "count": len(self.samples),
            "histograms": list(self.histograms),
        }

    @property
    def numbers(self) -> np.ndarray:
        """float32 of shape (samples, 1 + rows * channels): the step, then `CHANNELS` of each row.

        NaN where a statistic was not measured.
        """
        width = len(CHANNELS)
        table = np.full((len(self.samples), 1 + len(self.names) * width), np.nan, "float32")
        for n, (step, rows) in enumerate(self.samples):
            table[n, 0] = step
            for place, name in enumerate(self.names):
                if name in rows:
                    row = [rows[name].get(channel, math.nan) for channel in CHANNELS]
                    table[n, 1 + place * width :][:width] = _short(row)
        return table

    @property
    def bars(self) -> np.ndarray:
        """float32 of shape (histograms, 2 + bars): the ends of the scale, then the counts."""
        rows = [[*h.scale, *h.counts] for h in self.histograms.values()]
        return _short(rows)


def _short(numbers: Sequence[Any]) -> np.ndarray:
    """As float32; numbers that it does not reach become infinite, which says enough."""
    with np.errstate(over="ignore"):
        return np.asarray(numbers).astype("float32")


class Feed:
    """Gathers samples and sends them, at most 20 times a second.

    Parameters
    ----------
    send : function of a Batch
    clock : function
        Seconds.
    """

    def __init__(self, send: Callable[[Batch], None], clock: Callable[[], float]) -> None:
        self._send, self._clock = send, clock
        self._start = self._sent = self._marked = clock()
        self._counted = 0
        self._rate = math.nan
        self._waiting: list[tuple[int, Rows]] = []
        self._histograms: dict[str, Histogram] = {}

    def offer(self, step: int, rows: Rows, histograms: Mapping[str, Histogram]) -> None:
        """Takes the statistics of a step, to be sent before long."""
        self._histograms.update(histograms)
        if len(self._waiting) >= MOST:
            del self._waiting[1::2]
        self._waiting.append((step, rows))

    @property
    def is_due(self) -> bool:
        """Whether it is time to send what is waiting, or a sign of life."""
        return self._clock() - self._sent >= (PERIOD_S if self._waiting else TICK_S)

    def tick(
        self,
        names: tuple[str, ...],
        losses: tuple[str, ...],
        steps: int,
        at_once: bool = False,
    ) -> None:
        """Sends what is waiting if it is time to, or `at_once`; called after each step."""
        if not at_once and not self.is_due:
            return
        now = self._clock()
        passed = now - self._marked
        if passed >= TICK_S or (math.isnan(self._rate) and passed > 0):
            self._rate = (steps - self._counted) / passed
            self._marked, self._counted = now, steps
        self._sent = now
        samples, self._waiting = tuple(self._waiting), []
        histograms, self._histograms = self._histograms, {}
        rate = 0.0 if math.isnan(self._rate) else self._rate
        self._send(Batch(names, losses, steps, rate, now - self._start, samples, histograms))
