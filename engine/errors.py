"""Error classes, and the one form that every message has: what, got, where, try.

Every class also derives from the built-in that a NumPy or Theano user would catch.
"""

from collections.abc import Iterable
from typing import Any

from arignote import lazy

MAX_LINES = 20
# Characters of a line of a user's that are shown.
MAX_WHERE = 160


class ArignoteError(Exception):
    """Base of all errors that Arignote raises on purpose."""


class ShapeError(ArignoteError, ValueError):
    """Sizes or numbers of axes that do not fit together."""


class DTypeError(ArignoteError, TypeError):
    """A dtype that an op or an input cannot take."""


class IndexingError(ArignoteError, IndexError):
    """An index that an array cannot take."""


class GraphError(ArignoteError, ValueError):
    """A graph that cannot be built, compiled or printed as asked."""


class SymbolicTruthError(ArignoteError, TypeError):
    """A symbolic variable used where Python needs a value now."""


class InputError(ArignoteError, TypeError, ValueError):
    """Arguments of a compiled function that it cannot take."""


class UnusedInputError(GraphError):
    """An input of a function that none of its outputs or updates needs."""


class MissingInputError(GraphError):
    """A leaf that outputs or updates need and that was not given as an input."""


class UpdateError(ArignoteError, TypeError, ValueError):
    """An update whose target or value cannot be used."""


class GradientError(ArignoteError, ValueError):
    """A gradient that cannot be taken."""


class NonScalarCostError(GradientError, TypeError):
    """A cost of `grad` that has axes."""


class DisconnectedInputError(GradientError):
    """A variable to differentiate by that the cost does not depend on."""


class NullTypeGradError(GradientError, TypeError):
    """A gradient that mathematics or an op leaves undefined."""


class VerifyGradError(GradientError):
    """A symbolic gradient that finite differences contradict."""


class CompilerError(ArignoteError, RuntimeError):
    """A C compiler that failed, or what it made that cannot be loaded."""


class CompilerMissingError(CompilerError):
    """No C compiler where one is needed."""


class NanError(ArignoteError, FloatingPointError):
    """NaN or Inf that was born in a call of a function, or given to it.

    Attributes
    ----------
    finding : Finding
        All that is known of it.
    """

    def __init__(self, text: str, finding: Any) -> None:
        super().__init__(text)
        self.finding = finding

    @property
    def node(self) -> Any:
        """The node of the graph that ran which gave birth to it; None where it was given."""
        return self.finding.node

    @property
    def variable(self) -> Any:
        """The user's variable whose value has it."""
        return self.finding.variable

    @property
    def step(self) -> int | None:
        """The step of the program, as `print(f.program)` counts."""
        step: int | None = self.finding.step
        return step

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.finding)


class ConfigError(ArignoteError, ValueError):
    """An unknown flag, an unknown value of a flag, or a flag that is read-only now."""


class ConfigNameError(ConfigError, AttributeError):
    """A flag that does not exist."""


class TestValueError(ArignoteError, ValueError):
    """A test value that is missing or that makes an op fail while the graph is built."""

    __test__ = False


def message(
    what: str, *, got: Iterable[str] = (), where: str | None = None, hint: str | None = None
) -> str:
    """The text of an error, at most 20 lines: what happened, what was got, where, what to try.

    Parameters
    ----------
    what : str
        One sentence that says what is wrong.
    got : iterable of str
        One line for each thing that was met (a variable with its type and its line).
    where : str, optional
        The user's line.
    hint : str, optional
        What to try.

    Example
    -------
    >>> print(message("y is not an input.", where="model.py:3", hint="add it to inputs"))
    y is not an input.
      where: model.py:3
      try:   add it to inputs
    """
    lines = what.splitlines()
    tail = []
    if where:
        shown = where if len(where) <= MAX_WHERE else f"{where[: MAX_WHERE - 3]}..."
        tail.append(f"  where: {shown}")
    if hint:
        first, *rest = hint.splitlines()
        tail.append(f"  try:   {first}")
        tail.extend(f"         {line}" for line in rest)
    room = max(1, MAX_LINES - len(lines) - len(tail))
    items = list(got)
    if len(items) > room:
        items = [*items[: room - 1], f"... and {len(items) - room + 1} more"]
    for number, item in enumerate(items):
        lines.append(f"  {'got:  ' if number == 0 else '      '} {item}")
    return "\n".join([*lines, *tail][:MAX_LINES])


def join_names(names: Iterable[str], limit: int = 12) -> str:
    """Names as one comma-separated text, cut after `limit` of them."""
    items = list(names)
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown}, ... ({len(items)} in all)"


def near_names(name: str, known: Iterable[str], limit: int = 1) -> list[str]:
    """The known names that somebody may have meant, the nearest first; often none.

    Example
    -------
    >>> near_names("flaot32", ["float32", "float64"])
    ['float32']
    """
    close: list[str] = lazy.module("difflib").get_close_matches(name, known, limit)
    return close


def no_attribute(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """What a module raises for a name that it does not have; notebooks do not suggest another.

    Example
    -------
    >>> str(no_attribute("arignote.tensor", "metrix", ["matrix", "vector"]))
    "module 'arignote.tensor' has no attribute 'metrix'; did you mean 'matrix'?"
    """
    # Many programs ask for names like __wrapped__ only to see whether they are there.
    near = [] if name.startswith("_") else near_names(name, known)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}", name=name)
