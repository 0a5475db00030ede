"""Observers: what is told of every call of every function while it looks on."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np

Compute = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


class Observer(Protocol):
    """Stands around the calls of functions; `watching` lets it in."""

    def around(
        self, function: Any, values: Sequence[np.ndarray], compute: Compute
    ) -> list[np.ndarray]:
        """The outputs of a call; all an observer has to do is to `return compute(values)`.

        Parameters
        ----------
        function : Function
        values : sequence of ndarray
            The inputs, checked and converted. The locks of updated variables are held.
        compute : function
            Computes the outputs from the inputs and stores the updates.
        """
        ...


class Observed(Protocol):
    """A function, as far as observers come to it."""

    def take_over(self) -> None:
        """Looks up what runs from now on."""
        ...


# All functions, so that those compiled earlier can be told to take the way past the observers.
_functions: "WeakSet[Any]" = WeakSet()
_observers: tuple[Observer, ...] = ()
_changing = threading.Lock()


def register(function: Observed) -> None:
    """Lets observers see the calls of a function."""
    with _changing:
        _functions.add(function)


def functions() -> list[Any]:
    """All functions that there are."""
    with _changing:
        return list(_functions)


def observers() -> tuple[Observer, ...]:
    """Those who look on now; the first one stands outermost."""
    return _observers


@contextmanager
def watching(observer: Observer) -> Iterator[None]:
    """Calls of functions, in all threads, go through an observer while the block runs.

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> class Counter:
    ...     calls = 0
    ...     def around(self, function, values, compute):
    ...         self.calls += 1
    ...         return compute(values)
    >>> x, counter = T.dscalar("x"), Counter()
    >>> f = function([x], x + 1)
    >>> with watching(counter):
    ...     result = f(1.0)
    >>> float(result), float(f(2.0)), counter.calls
    (2.0, 3.0, 1)
    """
    _change(lambda now: (*now, observer))
    try:
        yield
    finally:
        _change(lambda now: _without(now, observer))


def _change(change: Callable[[tuple[Observer, ...]], tuple[Observer, ...]]) -> None:
    global _observers
    with _changing:
        _observers = change(_observers)
        for function in list(_functions):
            function.take_over()


def _without(now: tuple[Observer, ...], observer: Observer) -> tuple[Observer, ...]:
    """Without the last occurrence of an observer."""
    places = [n for n, other in enumerate(now) if other is observer]
    return now[: places[-1]] + now[places[-1] + 1 :]


def observed(function: Observed, values: Sequence[np.ndarray], compute: Compute) -> Any:
    """The outputs of a call that goes through all observers."""
    for observer in reversed(_observers):
        compute = _nested(observer, function, compute)
    return compute(values)


def _nested(observer: Observer, function: Observed, inner: Compute) -> Compute:
    return lambda values: observer.around(function, values, inner)
