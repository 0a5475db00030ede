"""A watch while it looks on: steps, samples, the first NaN, the end."""

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from arignote import lazy
from arignote.compile import Function
from arignote.compile.observers import Compute, observers, watching
from arignote.compile.probe import Probe, Ride, origin_of_nan
from arignote.compile.watched import (
    STATISTICS,
    Role,
    Watched,
    by_default,
    by_name,
    names_of,
)
from arignote.errors import ConfigError, GraphError, NanError, message, near_names
from arignote.graph import SharedVariable, Variable
from arignote.graph.source import user_line
from arignote.viz.monitor.feed import Batch, Feed, Rows
from arignote.viz.monitor.histogram import Histogram, histogram
from arignote.viz.monitor.history import FirstNaN, History, OnNaN
from arignote.viz.monitor.stop import Stopper, WatchStopped

Clock = Callable[[], float]


class Panel(Protocol):
    """What shows a watch while it runs."""

    def open(self, watch: "Watch") -> None:
        """Shows it, before the first step."""

    def send(self, batch: Batch) -> None:
        """Shows what is new."""

    def alarm(self, first: FirstNaN) -> bool:
        """Shows the first NaN; whether it stays to be seen."""

    def close(self, watch: "Watch") -> None:
        """Shows how it ended, in the place of all before."""


def watch(
    names: tuple[str | Variable, ...] | None,
    every: int,
    max_steps: int | None,
    stats: tuple[str, ...] | None,
    nan: str,
    history: bool,
    hist: bool,
    show: bool,
) -> "Watch":
    """See `arignote.viz.monitor.watch.watch`."""
    kept = STATISTICS if stats is None else stats
    _check_options(every, max_steps, kept, nan)
    panel: Panel = lazy.module("arignote.viz.monitor.panels").panel() if show else _Nothing()
    return Watch(names, every, max_steps, kept, OnNaN(nan), history, hist, panel)


def _check_options(every: int, max_steps: int | None, stats: Sequence[str], nan: str) -> None:
    if every < 1:
        raise ConfigError(message(f"every={every!r} is no number of steps.", hint="every=10"))
    if max_steps is not None and max_steps < 1:
        raise ConfigError(message(f"max_steps={max_steps!r} is no number of steps."))
    unknown = [name for name in stats if name not in STATISTICS]
    if unknown:
        raise ConfigError(
            message(f"there is no statistic {unknown[0]!r}.", hint=", ".join(STATISTICS))
        )
    if nan not in [choice.value for choice in OnNaN]:
        known = ", ".join(repr(choice.value) for choice in OnNaN)
        raise ConfigError(message(f"nan={nan!r} is unknown.", hint=f"one of {known}"))


class _Nothing:
    """A panel that shows nothing."""

    def open(self, watch: "Watch") -> None:
        pass

    def send(self, batch: Batch) -> None:
        pass

    def alarm(self, first: FirstNaN) -> bool:
        return False

    def close(self, watch: "Watch") -> None:
        pass


# What functions are watched by, by what was asked for: a cell that runs again compiles nothing.
_known: WeakKeyDictionary[Function, dict[Any, tuple[list[Watched], Probe]]] = WeakKeyDictionary()


def _probe(function: Function, names: tuple[str | Variable, ...] | None) -> Any:
    """What is watched in a function, and what measures it."""
    known = _known.setdefault(function, {})
    if names not in known:
        found = by_default(function) if names is None else by_name(function, names)
        known[names] = found, Probe(function, found)
    return known[names]


class _Track:
    """One function that is called while a watch looks on."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.updates = bool(function.graph.updates)
        self.calls, self.sampled = 0, -1
        self.watched: list[Watched] = []
        self.probe: Probe | None = None
        self.labels: dict[str, str] = {}
        self.losses: list[Watched] = []
        self.newest: tuple[Sequence[np.ndarray], list[np.ndarray]] | None = None

    @property
    def rank(self) -> tuple[bool, int]:
        """Of several functions the first in this order has the steps."""
        return self.updates, self.calls


class Watch:
    """What a watch sees; made by `arignote.viz.watch`, to be used in a `with` statement.

    Attributes
    ----------
    history : History
        `history["loss"]["mean"].values` is an array; `.steps` are the steps it was measured at.
        Shared variables are measured after the step, all else in it; updated ones have `ratio`
        (the norm of the change over that of the value before) and `gradient` (its norm).
    first_nan : FirstNaN or None
        The first NaN.
    histograms : dict of Histogram
        Of the newest values, by name, where they were asked for: `counts` and `edges`.
    """

    def __init__(
        self,
        names: tuple[str | Variable, ...] | None,
        every: int,
        max_steps: int | None,
        stats: Sequence[str],
        nan: OnNaN,
        is_whole: bool,
        has_histograms: bool,
        panel: Panel,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._names, self._every, self._max_steps = names, every, max_steps
        self._statistics, self._nan, self._is_whole = tuple(stats), nan, is_whole
        self._has_histograms = has_histograms
        self._panel, self._clock = panel, clock
        self.history = History()
        self.first_nan: FirstNaN | None = None
        self.histograms: dict[str, Histogram] = {}
        self._error: NanError | None = None
        self._is_told = False
        self._tracks: WeakKeyDictionary[Function, _Track] = WeakKeyDictionary()
        self._leader: _Track | None = None
        self._lock = threading.RLock()
        self._stopper = Stopper()
        self._feed = Feed(panel.send, clock)
        self._stack = ExitStack()
        self._start = clock()
        self._end: float | None = None

    # ---- the block --------------------------------------------------------------------------

    def __enter__(self) -> "Watch":
        self._panel.open(self)
        self._start, self._end = self._clock(), None
        self._feed = Feed(self._panel.send, self._clock)
        self._stack.enter_context(self._stopper.block())
        self._stack.enter_context(watching(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            self._stack.close()
        except WatchStopped:
            self._stack.close()
        finally:
            if error is not None and error is self._error and self.first_nan is not None:
                self._is_told = True
                self._stopper.why = self._stopper.why or f"NaN in {self.first_nan.name}"
            self._finish()
        return self._stopper.is_stop(error)

    def _finish(self) -> None:
        """The last step is measured, as far as that goes afterwards, and sent."""
        self._end = self._clock()
        with self._lock:
            for track in list(self._tracks.values()):
                if track.newest is not None and track.sampled != track.calls - 1:
                    self._keep(track, track.calls - 1, self._measured(track, {}, *track.newest))
                track.newest = None
            self._feed.tick(self.names, self.losses, self.steps, at_once=True)
        self._panel.close(self)

    def stop(self, why: str = "stop()") -> None:
        """Ends the block before its next step; from any thread."""
        self._stopper.ask(why)

    @property
    def stopped(self) -> str | None:
        """What ended the block before its time, None if nothing did."""
        return self._stopper.why

    @property
    def untold_nan(self) -> FirstNaN | None:
        """The first NaN, unless a warning or the error that ended the block says what it is."""
        return None if self._is_told else self.first_nan

    @property
    def is_running(self) -> bool:
        """Whether the block runs."""
        return self._end is None

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return self._leader.calls if self._leader is not None else 0

    @property
    def elapsed(self) -> float:
        """Seconds from the start of the block to its end, or to now."""
        return (self._clock() if self._end is None else self._end) - self._start

    @property
    def steps_per_second(self) -> float:
        """Over the whole block."""
        elapsed = self.elapsed
        return self.steps / elapsed if elapsed > 0 else 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """What is watched, the losses first."""
        losses = self.losses
        return (*losses, *[name for name in self.history if name not in losses])

    @property
    def losses(self) -> tuple[str, ...]:
        """Which of the names are losses."""
        tracks = list(self._tracks.values())
        return tuple(track.labels[w.name] for track in tracks for w in track.watched if w.is_loss)

    @property
    def state(self) -> str:
        """In words."""
        if self._end is None:
            return "running"
        return "finished" if self.stopped is None else f"stopped by {self.stopped}"

    def __repr__(self) -> str:
        return str(lazy.module("arignote.viz.monitor.picture").text(self, self.first_nan))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        module = lazy.module("arignote.viz.monitor.picture")
        bundle: dict[str, Any] = module.bundle(self, self.first_nan)
        return bundle

    # ---- a call -----------------------------------------------------------------------------

    def around(
        self, function: Function, values: Sequence[np.ndarray], compute: Compute
    ) -> list[np.ndarray]:
        """As all observers have it."""
        __tracebackhide__ = True
        self._stopper.check()
        with self._lock:
            track = self._tracks.get(function) or self._met(function)
            step, most = track.calls, self._max_steps
            is_over = most is not None and track is self._leader and step >= most
        if is_over:
            self._stopper.end(f"the limit of {most} steps")
        if track.probe is None:
            outputs = compute(values)
            self._count(track)
            return outputs
        return self._watched_call(track, track.probe, step, values, compute)

    def _watched_call(
        self,
        track: _Track,
        probe: Probe,
        step: int,
        values: Sequence[np.ndarray],
        compute: Compute,
    ) -> list[np.ndarray]:
        __tracebackhide__ = True
        is_sample = step % self._every == 0
        before = {cell: cell.get_value(borrow=True) for cell in track.function.graph.shared}
        rows: Rows = {}
        ride: Ride | None = None
        if is_sample:
            # Others who look on want to see the call itself.
            if observers() == (self,):
                ride = probe.ride(track.function, values)
            rows = probe.before(values) if ride is None else ride.rows
            self._look_for_nan(track, step, rows, values, before)
        if ride is not None and ride.is_sure:
            outputs = probe.store(track.function, ride)
        else:
            outputs = compute(values)
            if ride is not None:
                probe.compare(track.function, ride, outputs)
        with self._lock:
            self._count(track)
            track.newest = (values, outputs)
            if is_sample:
                rows = self._measured(track, rows, values, outputs, before)
                self._keep(track, step, rows)
                self._look_for_nan(track, step, rows, values, before)
            elif track.losses:
                self._check_losses(track, step, outputs, values, before)
            if self._feed.is_due:
                self._feed.tick(self.names, self.losses, self.steps)
        return outputs

    def _count(self, track: _Track) -> None:
        with self._lock:
            track.calls += 1
            if self._leader is None or track.rank > self._leader.rank:
                self._leader = track

    def _met(self, function: Function) -> _Track:
        """A function that is called for the first time."""
        track = self._tracks[function] = _Track(function)
        others = [other for other in self._tracks.values() if other is not track]
        if self._names is None and not self._is_chosen(track, others):
            return track
        watched, probe = _probe(function, self._names)
        if not watched:
            if track.updates:
                self._check_names()
            return track
        track.watched, track.probe = watched, probe
        track.losses = [w for w in watched if w.is_loss and w.role is Role.OUTPUT]
        for w in watched:
            kept = tuple(c for c in w.channels if c not in STATISTICS or c in self._statistics)
            track.labels[w.name] = self.history.open(w.name, kept, self._is_whole)
        if track.updates:
            self._check_names()
        return track

    def _is_chosen(self, track: _Track, others: Sequence[_Track]) -> bool:
        """Whether a function is watched by default: of those without updates only if none has."""
        if not track.updates:
            return not any(other.updates for other in others)
        for other in others:
            if not other.updates:
                self.history.drop(other.labels.values())
                other.watched, other.probe, other.labels = [], None, {}
                other.newest = None
        return True

    def _check_names(self) -> None:
        """Raises for the first name that no function has which was called so far or is watched."""
        known = [w.variable for track in self._tracks.values() for w in track.watched]
        found = {w.name for track in self._tracks.values() for w in track.watched}
        for name in self._names or ():
            shown = name if isinstance(name, str) else str(name)
            if shown in found or name in known:
                continue
            functions = lazy.module("arignote.compile.observers").functions()
            names = list(dict.fromkeys(n for f in functions for n in names_of(f)))
            if shown not in names:
                near = near_names(shown, names)
                hint = near[0] if near else f"one of {', '.join(names[:12])}"
                raise GraphError(message(f"there is no variable {shown} to watch.", hint=hint))

    # ---- measuring --------------------------------------------------------------------------

    def _measured(
        self,
        track: _Track,
        rows: Rows,
        values: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        before: dict[SharedVariable, np.ndarray] | None = None,
    ) -> Rows:
        """The statistics of a call that is over, together with those measured before it."""
        assert track.probe is not None
        after = track.probe.after(values, outputs, before)
        return {
            w.name: {**rows.get(w.name, {}), **after.get(w.name, {})}
            for w in track.watched
            if w.name in rows or w.name in after
        }

    def _keep(self, track: _Track, step: int, rows: Rows) -> None:
        track.sampled = step
        kept = {track.labels[name]: row for name, row in rows.items()}
        for name, row in kept.items():
            self.history[name].add(step, row)
        new: dict[str, Histogram] = {}
        if self._has_histograms and track.newest is not None:
            for w in track.watched:
                if w.role is not Role.INNER:
                    new[track.labels[w.name]] = histogram(w.value(*track.newest))
        self.histograms.update(new)
        self._feed.offer(step, kept, new)

    def _check_losses(
        self,
        track: _Track,
        step: int,
        outputs: Sequence[np.ndarray],
        values: Sequence[np.ndarray],
        before: dict[SharedVariable, np.ndarray],
    ) -> None:
        """NaN in a loss is seen at once, sampled or not: it costs nothing to look."""
        for w in track.losses:
            number = outputs[w.place]
            if self.first_nan is None and number != number:
                rows = self._measured(track, {}, values, outputs, before)
                self._keep(track, step, rows)
                self._look_for_nan(track, step, rows, values, before)

    # ---- NaN --------------------------------------------------------------------------------

    def _look_for_nan(
        self,
        track: _Track,
        step: int,
        rows: Rows,
        values: Sequence[np.ndarray],
        before: dict[SharedVariable, np.ndarray],
    ) -> None:
        __tracebackhide__ = True
        if self.first_nan is not None:
            return
        for w in track.watched:
            row = rows.get(w.name, {})
            count, gradient = row.get("nan", 0.0), row.get("gradient", 0.0)
            if count > 0 or gradient != gradient:
                label = track.labels[w.name]
                what = f"{label} has {_times(count)}" if count else f"the gradient by {label} has"
                self._alarm(track, FirstNaN(label, step, f"{what} NaN", w.source), values, before)
                return

    def _alarm(
        self,
        track: _Track,
        first: FirstNaN,
        values: Sequence[np.ndarray],
        before: dict[SharedVariable, np.ndarray],
    ) -> None:
        __tracebackhide__ = True
        finding = origin_of_nan(track.function, values, before)
        self.first_nan = first if finding is None else first.born(finding)
        self._feed.tick(self.names, self.losses, self.steps, at_once=True)
        is_shown = self._panel.alarm(self.first_nan)
        if self._nan is OnNaN.RAISE:
            self._error = NanError(str(self.first_nan), finding)
            raise self._error
        if self._nan is OnNaN.PAUSE:
            self._stopper.ask(f"NaN in {first.name}")
        elif self._nan is OnNaN.WARN and not is_shown:
            self._is_told = True
            line = user_line()
            place = (line.filename, line.lineno) if line else ("<unknown>", 0)
            warnings.warn_explicit(str(self.first_nan), RuntimeWarning, *place)


def _times(count: float) -> str:
    return "one" if count == 1 else f"{count:.0f}"
