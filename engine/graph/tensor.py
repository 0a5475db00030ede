"""TensorVariable: a symbolic array with NumPy's operators and methods."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from arignote import scalar, types
from arignote.errors import DTypeError, GraphError, ShapeError, SymbolicTruthError, message
from arignote.graph import hooks, indexing, products
from arignote.graph.axes import Axis, axes_of, axis_of
from arignote.graph.build import apply_op, apply_scalar, as_variable, told
from arignote.graph.describe import describe, label
from arignote.graph.reductions import Reductions
from arignote.graph.shapes import is_list, parse_shape
from arignote.graph.variable import (
    VARIABLE_CLASSES,
    Constant,
    SharedVariable,
    Variable,
    VariableClasses,
    current_line,
)
from arignote.ops.create import Nonzero, Shape
from arignote.ops.sort import ArgSort, Sort
from arignote.ops.view import BroadcastTo, Flatten, Reshape, dimshuffle
from arignote.scalar import RECORDS, ScalarOp
from arignote.types import TensorType


def _no_value(x: Any, what: str, hint: str) -> SymbolicTruthError:
    return SymbolicTruthError(
        message(
            f"{label(x)} is symbolic: {what}",
            got=[describe(x)],
            where=str(current_line()),
            hint=hint,
        )
    )


class TensorVariable(Reductions, Variable):
    """A symbolic array. Operators and methods are NumPy's and build graph.

    `==` and `!=` compare identity, so that variables can be keys; `eq` and `neq` are symbolic.
    """

    type: TensorType
    # NumPy arrays leave operators with a variable to the variable.
    __array_priority__ = 1000

    # ---- what ops and records call ---------------------------------------------------------

    def __apply_scalar__(self, record: ScalarOp, operands: Sequence[Any]) -> Any:
        return apply_scalar(record, *operands)

    def __apply_op__(self, op: Any, operands: Sequence[Any]) -> Any:
        return apply_op(op, *operands)

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        record = _UFUNCS.get(ufunc)
        if ufunc is np.matmul and method == "__call__" and not options:
            return products.matmul(*operands)
        if record is None or method != "__call__" or options:
            raise DTypeError(
                message(
                    f"np.{ufunc.__name__} does not take symbolic variables in this form.",
                    where=str(current_line()),
                    hint="use the function of that name in arignote.tensor",
                )
            )
        return apply_scalar(record, *operands)

    def __array_function__(
        self, function: Any, kinds: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        return hooks.call_numpy_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise _no_value(
            self,
            "NumPy cannot make an array of it.",
            "x.eval({...}), or T.stack for a list of them",
        )

    # ---- what is known -----------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The name of the dtype."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.type.dims)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """For each axis whether its size is known to be 1."""
        return self.type.broadcastable

    @property
    def shape(self) -> Any:
        """The sizes of all axes, a symbolic vector of int64."""
        return apply_op(Shape(), self)

    @property
    def size(self) -> Any:
        """The number of elements, a symbolic int64."""
        return self.count()

    def eval(self, inputs: Mapping[Variable, Any] | None = None) -> np.ndarray:
        """The value for given inputs.

        Parameters
        ----------
        inputs : mapping of Variable to array_like, optional
            A value for each input that the result needs.

        Returns
        -------
        numpy.ndarray

        Example
        -------
        >>> from arignote import tensor as T
        >>> x = T.ivector("x")
        >>> (x + 1).eval({x: [1, 2]})
        array([2, 3], dtype=int32)
        """
        value: np.ndarray = hooks.evaluate(self, inputs or {})
        return value

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return hooks.mimebundle(self, include, exclude)

    # ---- what Python asks for ----------------------------------------------------------------

    def __bool__(self) -> bool:
        raise _no_value(
            self,
            "it has no truth value while the graph is built.",
            "T.switch(condition, a, b) chooses by value; (0 < x) & (x < 1) for 0 < x < 1",
        )

    def __len__(self) -> int:
        if self.ndim and self.type.shape[0] is not None:
            return self.type.shape[0]
        raise _no_value(self, "its length is not known.", "x.shape[0] is the symbolic length")

    def __iter__(self) -> Iterator[Any]:
        if self.ndim and self.type.shape[0] is not None:
            return (self[position] for position in range(self.type.shape[0]))
        raise _no_value(
            self,
            "it cannot be iterated, as its length is not known.",
            "operate on the whole array, or give the length: T.tensor(dtype, shape=(3, None))",
        )

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __float__(self) -> float:
        raise _no_value(self, "it is no number yet.", "x.eval({...}) or x.astype('float64')")

    def __int__(self) -> int:
        raise _no_value(self, "it is no number yet.", "x.eval({...}) or x.astype('int64')")

    def __index__(self) -> int:
        raise _no_value(
            self, "it is no index for Python's own sequences.", "T.stack(items)[i] for a list"
        )

    def __contains__(self, item: object) -> bool:
        raise _no_value(self, "Python's `in` needs values.", "T.any(T.eq(x, item))")

    __hash__ = Variable.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    # ---- operators ---------------------------------------------------------------------------

    def __lt__(self, other: Any) -> Any:
        return apply_scalar(scalar.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return apply_scalar(scalar.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return apply_scalar(scalar.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return apply_scalar(scalar.ge, self, other)

    def __neg__(self) -> Any:
        return apply_scalar(scalar.neg, self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return apply_scalar(scalar.abs_, self)

    def __invert__(self) -> Any:
        return apply_scalar(scalar.invert, self)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __matmul__(self, other: Any) -> Any:
        return products.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return products.matmul(other, self)

    def __getitem__(self, index: Any) -> Any:
        return indexing.read(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise GraphError(
            message(
                f"{self} is symbolic and cannot be written in place.",
                where=str(current_line()),
                hint="y = T.set_subtensor(x[index], value) gives the changed copy",
            )
        )

    # ---- dtype -------------------------------------------------------------------------------

    def astype(self, dtype: object) -> Any:
        """The elements converted to a dtype; the variable itself if it has that dtype."""
        try:
            name = types.check_dtype(dtype)
        except DTypeError as error:
            raise told(error, [self]) from None
        return self if name == self.dtype else apply_scalar(scalar.cast_to(name), self)

    def copy(self, name: str | None = None) -> Any:
        """The same values as another variable (compare `clone`, which makes a new input)."""
        twin = apply_scalar(scalar.second, self, self)
        twin.name = name
        return twin

    def conj(self) -> Any:
        """The complex conjugate; a real variable itself."""
        return apply_scalar(scalar.conj, self) if types.kind(self.dtype) == "c" else self

    conjugate = conj

    @property
    def real(self) -> Any:
        """The real part; a real variable itself."""
        return apply_scalar(scalar.real, self) if types.kind(self.dtype) == "c" else self

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return apply_scalar(scalar.imag, self)

    def zeros_like(self, dtype: object = None) -> Any:
        """Zeros of this shape."""
        return self.fill(types.check_dtype(dtype or self.dtype), 0)

    def ones_like(self, dtype: object = None) -> Any:
        """Ones of this shape."""
        return self.fill(types.check_dtype(dtype or self.dtype), 1)

    def fill(self, dtype: str, value: complex) -> Any:
        """One value in all elements of this shape."""
        number = as_variable(np.asarray(value, dtype))
        return number if self.ndim == 0 else apply_scalar(scalar.second, self, number)

    # ---- axes --------------------------------------------------------------------------------

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return self.transpose()

    def transpose(self, *axes: Any) -> Any:
        """The axes in a new order, by default reversed."""
        order = axes[0] if len(axes) == 1 and (axes[0] is None or is_list(axes[0])) else axes
        if not order:
            return self if self.ndim < 2 else self._shuffle(tuple(reversed(range(self.ndim))))
        if len(order) != self.ndim:
            raise ShapeError(
                message(
                    f"transpose of {label(self)} needs {self.ndim} axes, but got {tuple(order)}.",
                    got=[describe(self)],
                    where=str(current_line()),
                )
            )
        return self._shuffle(tuple(axis_of(self, axis) for axis in order))

    def dimshuffle(self, *order: Any) -> Any:
        """The axes in a new order; 'x' puts in an axis of size 1, an axis left out must be 1.

        Example
        -------
        >>> from arignote import tensor as T
        >>> T.vector("v").dimshuffle("x", 0).type
        TensorType(float64, row)
        """
        items = order[0] if len(order) == 1 and is_list(order[0]) else order
        return self._shuffle(
            tuple(
                None if isinstance(item, str) and item == "x" else axis_of(self, item)
                for item in items
            )
        )

    def _shuffle(self, order: tuple[int | None, ...]) -> Any:
        if order == tuple(range(self.ndim)):
            return self
        return apply_op(dimshuffle(order), self)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        first, second = axis_of(self, axis1), axis_of(self, axis2)
        order[first], order[second] = second, first
        return self._shuffle(tuple(order))

    def squeeze(self, axis: Axis = None) -> Any:
        """Without the axes of size 1: those known to be, or those named."""
        known = tuple(a for a, size in enumerate(self.type.shape) if size == 1)
        axes = known if axis is None else axes_of(self, axis)
        return self._shuffle(tuple(a for a in range(self.ndim) if a not in axes))

    def reshape(self, *shape: Any, ndim: int | None = None) -> Any:
        """The same elements in C order with another shape.

        Parameters
        ----------
        shape : ints or scalar variables, one sequence of them, or an integer vector variable
            One size may be -1: what is left.
        ndim : int, optional
            The number of axes, needed when `shape` is a vector variable of unknown length.
        """
        sizes, inputs = parse_shape(shape, ndim)
        return apply_op(Reshape(sizes), self, *inputs)

    def flatten(self, ndim: int = 1) -> Any:
        """The elements in C order with `ndim` axes; the last ones are merged."""
        if self.ndim == ndim:
            return self
        return apply_op(Flatten(ndim), self)

    def ravel(self) -> Any:
        """The elements in C order as a vector."""
        return self.flatten()

    def broadcast_to(self, *shape: Any, ndim: int | None = None) -> Any:
        """The array repeated along axes of size 1 and new first axes until it has this shape."""
        sizes, inputs = parse_shape(shape, ndim)
        return apply_op(BroadcastTo(sizes), self, *inputs)

    # ---- the rest ----------------------------------------------------------------------------

    def dot(self, other: Any) -> Any:
        """NumPy's dot: the last axis of this with the last but one (or only) of the other."""
        return products.dot(self, other)

    def clip(self, a_min: Any, a_max: Any) -> Any:
        """The elements, but at least a_min and at most a_max."""
        return apply_scalar(scalar.clip, self, a_min, a_max)

    def round(self) -> Any:
        """The nearest whole numbers, halves to even ones."""
        return apply_scalar(scalar.round_half_to_even, self)

    def sort(self, axis: int | None = -1) -> Any:
        """The elements in rising order along an axis (None: all of them)."""
        if axis is None:
            return self.flatten().sort(0)
        return apply_op(Sort(axis_of(self, axis)), self)

    def argsort(self, axis: int | None = -1) -> Any:
        """The positions that sort the elements along an axis (None: all of them)."""
        if axis is None:
            return self.flatten().argsort(0)
        return apply_op(ArgSort(axis_of(self, axis)), self)

    def nonzero(self) -> tuple[Any, ...]:
        """For each axis the positions of the elements that are not 0."""
        found = apply_op(Nonzero(self.ndim), self)
        return found if isinstance(found, tuple) else (found,)

    def take(self, indices: Any, axis: int | None = None) -> Any:
        """The elements at some positions along an axis (None: of all of them)."""
        if axis is None:
            return self.flatten()[as_variable(indices)]
        before = (slice(None),) * axis_of(self, axis)
        return self[(*before, as_variable(indices))]


class TensorConstant(TensorVariable, Constant):
    """An array that is known while the graph is built."""


class TensorSharedVariable(TensorVariable, SharedVariable):
    """An array that keeps its value between calls."""


VARIABLE_CLASSES[TensorType] = VariableClasses(TensorVariable, TensorConstant, TensorSharedVariable)


def _add_operator(name: str, record: ScalarOp) -> None:
    def forward(self: Any, other: Any) -> Any:
        return apply_scalar(record, self, other)

    def backward(self: Any, other: Any) -> Any:
        return apply_scalar(record, other, self)

    for prefix, method in (("", forward), ("r", backward)):
        method.__name__ = f"__{prefix}{name}__"
        method.__doc__ = record.doc
        setattr(TensorVariable, method.__name__, method)


def _add_method(name: str, record: ScalarOp) -> None:
    def method(self: Any) -> Any:
        return apply_scalar(record, self)

    method.__name__ = name
    method.__doc__ = record.doc
    setattr(TensorVariable, name, method)


_OPERATORS = {
    "add": scalar.add,
    "sub": scalar.sub,
    "mul": scalar.mul,
    "truediv": scalar.true_div,
    "floordiv": scalar.floor_div,
    "mod": scalar.mod,
    "pow": scalar.power,
    "and": scalar.and_,
    "or": scalar.or_,
    "xor": scalar.xor,
    "lshift": scalar.left_shift,
    "rshift": scalar.right_shift,
}
for _name, _record in _OPERATORS.items():
    _add_operator(_name, _record)
for _name, _record in list(RECORDS.items()):
    if _record.nin == 1 and not hasattr(TensorVariable, _name):
        _add_method(_name, _record)

_UFUNCS = {
    record.numpy: record for record in RECORDS.values() if isinstance(record.numpy, np.ufunc)
}
