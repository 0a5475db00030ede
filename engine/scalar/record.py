"""ScalarOp: one record holds all there is to know of a scalar operation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from arignote import lazy, types
from arignote.errors import DTypeError, GraphError


class Zero(Enum):
    """The gradient of a function that is flat almost everywhere."""

    ZERO = "zero"


ZERO = Zero.ZERO


@dataclass(frozen=True)
class DTypeRule:
    """Which dtypes a record takes, in which it computes, and which it gives.

    Attributes
    ----------
    takes : str
        NumPy's kind letters that operands may have.
    compute : function
        The promoted dtype of the operands -> the dtype in which the record computes.
    gives : function
        The dtype in which it computes -> the dtype of the result.
    """

    takes: str
    compute: Callable[[str], str]
    gives: Callable[[str], str]


def _same(dtype: str) -> str:
    return dtype


def _bool(_: str) -> str:
    return "bool"


def _bool_as_int8(dtype: str) -> str:
    return "int8" if dtype == "bool" else dtype


SAME = DTypeRule("buifc", _same, _same)
NUMBER = DTypeRule("uifc", _same, _same)
REAL = DTypeRule("buif", _same, _same)
FLOAT = DTypeRule("buifc", types.float_of, _same)
REAL_FLOAT = DTypeRule("buif", types.float_of, _same)
DIVIDE = DTypeRule("buifc", types.quotient_of, _same)
COMPARE = DTypeRule("buifc", _same, _bool)
BITWISE = DTypeRule("bui", _same, _same)
NUMBER_OR_BOOL = DTypeRule("buifc", _bool_as_int8, _same)
REAL_OR_BOOL = DTypeRule("buif", _bool_as_int8, _same)
SHIFT = DTypeRule("bui", _bool_as_int8, _same)
REAL_PART = DTypeRule("buifc", _same, types.real_of)
PHASE = DTypeRule("buifc", types.float_of, types.real_of)

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class ScalarOp:
    """An operation on scalars, applied element by element to arrays.

    Called on arrays it computes, on variables it builds graph, on placeholders a pattern: the
    first operand that has a method `__apply_scalar__` decides.

    Attributes
    ----------
    name : str
        The op's name, NumPy's where NumPy has it.
    numpy : function or str
        The array function; `"module:name"` is imported when first used.
    c : str or None
        C99 and CUDA text with `{0}`, `{1}`, ... for operands and `{f}` for `f` in single
        precision; None where C has no such function. A text without `{f}` serves integers too.
    grad : function or None
        `(g, out, *operands) -> (gradient, ...)`, one entry per operand, an expression or ZERO;
        None where the results are no real numbers.
    rule : DTypeRule
    domain : tuple of intervals
        For each operand where it is real and smooth; tests draw from there.
    doc : str
    nin : int
        The number of operands.
    symbol : str or None
        The infix or prefix operator that prints it.
    commutative : bool
    unit : float or None
        The neutral element if the op is an associative combination that reductions use.
    promoted : (start, stop)
        Which operands share the common dtype, as the bounds of a slice.
    conjugates : bool
        Whether the gradient at complex operands is the conjugated derivative (true for analytic
        functions); False where `grad` states the complex gradient itself.
    c_kinds : mapping of str to str
        Texts in place of `c` for operands of other kinds: NumPy's kind letters -> text.
    checks : bool
        Whether some operands are errors: the array function raises, and the text sets the C
        variable `bad`, an int, to 1.

    Example
    -------
    >>> from arignote.scalar import exp
    >>> float(exp(0.0))
    1.0
    """

    name: str
    numpy: Callable[..., Any] | str
    c: str | None
    grad: Callable[..., tuple[Any, ...]] | None = None
    rule: DTypeRule = SAME
    domain: tuple[Interval, ...] = ((-3.0, 3.0),)
    doc: str = ""
    nin: int = 1
    symbol: str | None = None
    commutative: bool = False
    unit: float | None = None
    promoted: tuple[int, int | None] = (0, None)
    conjugates: bool = True
    c_kinds: Mapping[str, str] = field(default_factory=dict)
    checks: bool = False

    def __post_init__(self) -> None:
        if self.name in RECORDS:
            raise GraphError(f"there is a scalar op {self.name!r} already")
        RECORDS[self.name] = self
        object.__setattr__(self, "__doc__", f"{self.name}: {self.doc}")

    @property
    def function(self) -> Callable[..., Any]:
        """The array function, imported if need be."""
        if not isinstance(self.numpy, str):
            return self.numpy
        home, _, name = self.numpy.partition(":")
        function: Callable[..., Any] = getattr(lazy.module(home), name)
        return function

    def __call__(self, *operands: Any) -> Any:
        if len(operands) != self.nin:
            raise GraphError(f"{self.name} takes {self.nin} operands, not {len(operands)}")
        for operand in operands:
            apply = getattr(type(operand), "__apply_scalar__", None)
            if apply is not None:
                return apply(operand, self, operands)
        arrays = [np.asarray(operand) for operand in operands]
        for operand, array in zip(operands, arrays, strict=True):
            if array.dtype.kind not in "biufc":
                raise DTypeError(f"{self.name} takes numbers, not {types.short_repr(operand)}")
            types.check_dtype(array.dtype)
        with np.errstate(all="ignore"):
            return self.compute(self.common_dtype([array.dtype.name for array in arrays]), *arrays)

    def common_dtype(self, dtypes: Sequence[str]) -> str:
        """The dtype in which operands of these dtypes are computed; DTypeError if it cannot be."""
        common = types.promote(*dtypes[slice(*self.promoted)])
        if types.kind(common) not in self.rule.takes:
            raise DTypeError(f"{self.name} does not take {common} operands")
        return self.rule.compute(common)

    def compute(self, dtype: str, *arrays: np.ndarray) -> np.ndarray:
        """The result for operands converted to `dtype`, of the dtype that the rule gives."""
        first, last, _ = slice(*self.promoted).indices(len(arrays))
        operands = [
            array.astype(dtype, copy=False) if first <= position < last else array
            for position, array in enumerate(arrays)
        ]
        result = np.asarray(self.function(*operands))
        return result.astype(self.rule.gives(dtype), copy=False)

    def c_text(self, dtype: str) -> str | None:
        """The C text for operands computed in `dtype`, or None; `{f}` is still in it."""
        if dtype not in C_TYPES:
            return None
        for kinds, text in self.c_kinds.items():
            if types.kind(dtype) in kinds:
                return text
        if self.c is None or (types.kind(dtype) != "f" and "{f}" in self.c):
            return None
        return self.c

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], "ScalarOp"], tuple[str]]:
        return lookup, (self.name,)


RECORDS: dict[str, ScalarOp] = {}


def lookup(name: str) -> ScalarOp:
    """The record of this name; GraphError if there is none in this process."""
    if name in RECORDS:
        return RECORDS[name]
    raise GraphError(f"there is no scalar op {name!r}; import the module that declares it first")


C_TYPES = {
    **{name: f"{name}_t" for name in types.DTYPES if types.kind(name) in "iu"},
    "bool": "bool",
    "float32": "float",
    "float64": "double",
}


def _cast_gradient(g: Any, out: Any, x: Any) -> tuple[Any]:
    return (g,)


@cache
def cast_to(dtype: str) -> ScalarOp:
    """The record that converts to a dtype; complex numbers lose their imaginary part."""

    def convert(array: np.ndarray) -> np.ndarray:
        real = array.real if types.kind(dtype) in "uif" and array.dtype.kind == "c" else array
        if types.kind(dtype) in "ui" and real.dtype.kind == "f" and not np.isfinite(real).all():
            count = np.count_nonzero(~np.isfinite(real))
            raise ValueError(f"cannot convert NaN or infinity to {dtype}: {count} such elements")
        return real.astype(dtype)

    return ScalarOp(
        f"cast_{dtype}",
        convert,
        c=f"({C_TYPES[dtype]})({{0}})" if dtype in C_TYPES else None,
        # Compilers vectorise a choice, but no conversion of vectors of bool.
        c_kinds={"b": f"({{0}} ? ({C_TYPES[dtype]})1 : ({C_TYPES[dtype]})0)"}
        if dtype in C_TYPES
        else {},
        grad=_cast_gradient if types.is_float(dtype) else None,
        rule=DTypeRule("buifc", _same, lambda _: dtype),
        doc=f"The operand converted to {dtype}.",
        conjugates=False,
    )


for _dtype in types.DTYPES:
    cast_to(_dtype)
