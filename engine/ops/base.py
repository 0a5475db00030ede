"""Op: what happens to arrays at a node. Ops know types and arrays, never variables.

A gradient is written with the operators and methods of the variables that are handed in.
"""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from arignote.scalar import ZERO
from arignote.types import Size, TensorType


class Disconnected(Enum):
    """The gradient to an input whose value does not matter, such as one that lends a shape."""

    DISCONNECTED = "disconnected"


DISCONNECTED = Disconnected.DISCONNECTED


@dataclass(frozen=True)
class Undefined:
    """A gradient that does not exist, and why."""

    reason: str


class _OpClass(ABCMeta):
    """Abstract classes of which nothing is registered as a subclass: `isinstance` is quick."""

    __instancecheck__ = type.__instancecheck__


class Op(metaclass=_OpClass):
    """An operation on arrays; equal ops (same class, same fields) are interchangeable.

    Called on arrays it computes, on variables it builds graph: the first operand that has a
    method `__apply_op__` decides.
    """

    @abstractmethod
    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The types of the outputs; raises if inputs of these types do not fit."""

    @abstractmethod
    def perform(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """The outputs computed with NumPy. Inputs are never written; outputs may be views."""

    def bind(self, types: Sequence[TensorType]) -> Callable[..., tuple[np.ndarray, ...]]:
        """What computes the outputs for inputs of these types; `perform` unless that is slower."""
        return self.perform

    @abstractmethod
    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        """One gradient per input: a variable, ZERO, DISCONNECTED or Undefined.

        `gradients` has the cost's gradient to each output, of that output's shape; a gradient
        that is returned has its input's shape.
        """

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        """Groups of sizes of the inputs that are equal, or that broadcast together."""
        return ()

    def __call__(self, *operands: Any) -> Any:
        for operand in operands:
            apply = getattr(type(operand), "__apply_op__", None)
            if apply is not None:
                return apply(operand, self, operands)
        results = self.perform(*[np.asarray(operand) for operand in operands])
        return results[0] if len(results) == 1 else results

    @property
    def name(self) -> str:
        """A short name without parameters."""
        return type(self).__name__

    @property
    def doc(self) -> str:
        """The first line of what is known about the op."""
        return (type(self).__doc__ or "").partition("\n")[0]

    @property
    def label(self) -> str:
        """What a picture shows: the name and, apart, its parameters."""
        return str(self).replace("{", " ", 1).removesuffix("}")

    def pp(self, args: Sequence[str]) -> str:
        """The expression as text, for operands that are text."""
        return f"{self.name}({', '.join(args)})"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return str(self)


class View(Op):
    """An op that only maps indices: its output is another look at its first input."""


class Opaque(Op):
    """An op computed by a library call or by code of its own."""


def no_gradient(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """The gradients of an op that is flat, or whose result is no real number."""
    return (ZERO,) * len(inputs)


def disconnected(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """The gradients of an op that does not use its inputs' values."""
    return (DISCONNECTED,) * len(inputs)


def require(condition: bool, error: type[Exception], text: str) -> None:
    """Raises `error(text)` unless the condition holds."""
    if not condition:
        raise error(text)


def normalize_axis(axis: int, ndim: int) -> int:
    """An axis counted from the front; AxisError for one that is not there."""
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
        raise np.exceptions.AxisError(f"an axis is a whole number, not {axis!r}")
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(f"axis {axis} is out of range for {ndim} axes")
    return int(axis) % ndim


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Sorted axes counted from the front, of one or a list of them; None means all."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, list | tuple | range | np.ndarray) else (axis,)
    axes = sorted(normalize_axis(item, ndim) for item in given)
    if len(set(axes)) != len(axes):
        raise np.exceptions.AxisError(f"an axis is given twice in {tuple(given)}")
    return tuple(axes)
