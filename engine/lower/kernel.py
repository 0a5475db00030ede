"""Loop-nest IR: what one kernel computes, without any size.

A kernel runs over a domain of `rank` axes. The first `split` axes are its rows; the inner axes
after them are looped over once per phase, so that a total over a row (the sum of a softmax) is
known in the next phase. Values are numbered; each is a load, a parameter, a position, a
computation or a total. Stores write values; accumulations reduce them over axes that do not lead.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from arignote.lower.limits import Watch
from arignote.scalar import ScalarOp


class Inner(Enum):
    """How an operand moves along the innermost axis."""

    UNIT = "unit"
    FIXED = "fixed"
    STRIDED = "strided"


# Values are made for every node that is lowered; frozen ones would take three times as long.
@dataclass(unsafe_hash=True)
class Operand:
    """What a pointer of the kernel leads to: elements of a dtype, and how the last axis moves it.

    `axes` are the domain axes along which it may move.
    """

    dtype: str
    axes: tuple[int, ...]
    inner: Inner


@dataclass(unsafe_hash=True)
class Load:
    """The element of an operand at the place of the loops."""

    operand: int
    dtype: str


@dataclass(unsafe_hash=True)
class Parameter:
    """A number that is given with each step; parameters have 8 bytes each."""

    number: int
    dtype: str


@dataclass(unsafe_hash=True)
class Position:
    """The index along a domain axis, as int64."""

    axis: int
    dtype: str = "int64"


@dataclass(unsafe_hash=True)
class Gathered:
    """The element of an operand at computed indices.

    `indices` has a value for each gathered axis, `sizes` and `strides` the parameters with these
    axes' sizes and strides in bytes.
    """

    operand: int
    indices: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


@dataclass(unsafe_hash=True)
class Compute:
    """A scalar op on values, computed in `compute`."""

    record: ScalarOp
    compute: str
    args: tuple[int, ...]
    dtype: str


@dataclass(unsafe_hash=True)
class Total:
    """A value combined over the inner axes, known for the row after the phase of the value."""

    record: ScalarOp
    arg: int
    dtype: str


Value = Load | Parameter | Position | Gathered | Compute | Total


@dataclass(unsafe_hash=True)
class Store:
    """A value written to an operand."""

    operand: int
    value: int


@dataclass(unsafe_hash=True)
class Accumulate:
    """A value combined over those of its axes along which the operand does not move."""

    operand: int
    value: int
    record: ScalarOp
    dtype: str
    axes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A loop nest; made by `kernel`, so that equal ones are one object.

    Attributes
    ----------
    rank, split : int
        The number of axes, and of those that make up the rows.
    operands : tuple of Operand
    parameters : tuple of str
        Their dtypes.
    values : tuple of Value
        Each after those that it needs.
    writes : tuple of Store or Accumulate
    watch : Watch or None
        Which values make the kernel tell that it wrote one.
    watched : tuple of int
        The operands of which it tells.
    """

    rank: int
    split: int
    operands: tuple[Operand, ...]
    parameters: tuple[str, ...]
    values: tuple[Value, ...]
    writes: tuple[Store | Accumulate, ...]
    watch: Watch | None = None
    watched: tuple[int, ...] = ()

    @cached_property
    def accumulates(self) -> bool:
        """Whether jobs that share out a reduced axis need copies of results, added up later."""
        return any(isinstance(write, Accumulate) for write in self.writes)

    @cached_property
    def items(self) -> tuple[int, ...]:
        """The bytes of an element of each operand that lies side by side on the last axis, or 0."""
        return tuple(
            [
                np.dtype(operand.dtype).itemsize if operand.inner is Inner.UNIT else 0
                for operand in self.operands
            ]
        )

    @cached_property
    def has_totals(self) -> bool:
        """Whether rows need something of all of them, so that axes are of rows or within them."""
        return any(isinstance(value, Total) for value in self.values)

    @cached_property
    def counts(self) -> bool:
        """Whether values depend on where in the loops they are computed."""
        return any(isinstance(value, Position) for value in self.values)


_known: dict[tuple, Kernel] = {}


def kernel(
    rank: int,
    split: int,
    operands: tuple[Operand, ...],
    parameters: tuple[str, ...],
    values: tuple[Value, ...],
    writes: tuple[Store | Accumulate, ...],
    watch: Watch | None = None,
    watched: tuple[int, ...] = (),
) -> Kernel:
    """The one kernel of this structure."""
    key = (rank, split, operands, parameters, values, writes, watch, watched)
    return _known.get(key) or _known.setdefault(key, Kernel(*key))
