"""What a monitor sends to whoever shows it, and how often."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# The least time between two messages, and the most between two signs of life.
PERIOD_S, TICK_S = 0.05, 0.25
# Samples that one message takes; of more, every second is left out.
MOST = 16
# What a row of a message holds.
CHANNELS = ("min", "max", "mean", "std", "nan", "inf", "norm", "ratio", "gradient")

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
    """

    names: tuple[str, ...]
    losses: tuple[str, ...]
    steps: int
    rate: float
    elapsed: float
    samples: tuple[tuple[int, Rows], ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """All but the numbers of the samples."""
        return {
            "names": list(self.names),
            "losses": list(self.losses),
            "steps": self.steps,
            "rate": self.rate,
            "elapsed": self.elapsed,
            "count": len(self.samples),
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
                    # Numbers that float32 does not reach become infinite, which says enough.
                    with np.errstate(over="ignore"):
                        table[n, 1 + place * width :][:width] = np.asarray(row).astype("float32")
        return table


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

    def offer(self, step: int, rows: Rows) -> None:
        """Takes the statistics of a step, to be sent before long."""
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
        rate = 0.0 if math.isnan(self._rate) else self._rate
        self._send(Batch(names, losses, steps, rate, now - self._start, samples))
