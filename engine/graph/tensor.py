"""TensorVariable: a symbolic array with NumPy's operators and methods."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from arignote import scalar, types
from arignote.errors import DTypeError, GraphError, ShapeError, SymbolicTruthError, message
from arignote.graph import hooks, indexing
from arignote.graph.build import apply_op, apply_scalar, as_variable, in_common_dtype, pad_left
from arignote.graph.variable import (
    VARIABLE_CLASSES,
    Constant,
    SharedVariable,
    Variable,
    VariableClasses,
    current_line,
)
from arignote.ops.base import normalize_axes, normalize_axis
from arignote.ops.create import Nonzero, Shape
from arignote.ops.dot import Dot, MatMul
from arignote.ops.indexing import Write
from arignote.ops.reduce import ArgReduce, Count, Mean, Reduce
from arignote.ops.sort import ArgSort, Sort
from arignote.ops.view import BroadcastTo, DimShuffle, Flatten, Reshape, Sizes, expand
from arignote.scalar import RECORDS, ScalarOp
from arignote.types import TensorType

Axis = int | Sequence[int] | None


def _no_value(x: Any, what: str, hint: str) -> SymbolicTruthError:
    return SymbolicTruthError(
        message(
            f"{x} is symbolic: {what}",
            got=[f"{x}: {x.type}"],
            where=str(current_line()),
            hint=hint,
        )
    )


class TensorVariable(Variable):
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
            return matmul(*operands)
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
        return self.type.ndim

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

    def count(self, axis: Axis = None, dtype: str = "int64") -> Any:
        """The number of elements along some axes, a symbolic scalar."""
        axes = normalize_axes(axis, self.ndim)
        return apply_op(Count(axes, types.check_dtype(dtype)), self)

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
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)

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

    def set(self, index: Any, value: Any) -> Any:
        """A copy in which `self[index]` is `value`."""
        return indexing.write(self[index], value, Write.SET)

    def inc(self, index: Any, value: Any) -> Any:
        """A copy in which `value` is added to `self[index]`."""
        return indexing.write(self[index], value, Write.ADD)

    # ---- dtype -------------------------------------------------------------------------------

    def astype(self, dtype: object) -> Any:
        """The elements converted to a dtype; the variable itself if it has that dtype."""
        name = types.check_dtype(dtype)
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
        order = axes[0] if len(axes) == 1 and (axes[0] is None or _is_list(axes[0])) else axes
        if not order:
            return self if self.ndim < 2 else self._shuffle(tuple(reversed(range(self.ndim))))
        if len(order) != self.ndim:
            raise ShapeError(
                message(
                    f"transpose of {self} needs {self.ndim} axes, but got {tuple(order)}.",
                    where=str(current_line()),
                )
            )
        return self._shuffle(tuple(normalize_axis(axis, self.ndim) for axis in order))

    def dimshuffle(self, *order: Any) -> Any:
        """The axes in a new order; 'x' puts in an axis of size 1, an axis left out must be 1.

        Example
        -------
        >>> from arignote import tensor as T
        >>> T.vector("v").dimshuffle("x", 0).type
        TensorType(float64, row)
        """
        items = order[0] if len(order) == 1 and _is_list(order[0]) else order
        return self._shuffle(
            tuple(
                None if isinstance(item, str) and item == "x" else normalize_axis(item, self.ndim)
                for item in items
            )
        )

    def _shuffle(self, order: tuple[int | None, ...]) -> Any:
        if order == tuple(range(self.ndim)):
            return self
        return apply_op(DimShuffle(order), self)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        first, second = normalize_axis(axis1, self.ndim), normalize_axis(axis2, self.ndim)
        order[first], order[second] = second, first
        return self._shuffle(tuple(order))

    def squeeze(self, axis: Axis = None) -> Any:
        """Without the axes of size 1: those known to be, or those named."""
        known = tuple(a for a, size in enumerate(self.type.shape) if size == 1)
        axes = known if axis is None else normalize_axes(axis, self.ndim)
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
        sizes, inputs = _sizes(shape, ndim)
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
        sizes, inputs = _sizes(shape, ndim)
        return apply_op(BroadcastTo(sizes), self, *inputs)

    # ---- reductions --------------------------------------------------------------------------

    def _reduce(self, record: ScalarOp, axis: Axis, dtype: str, keepdims: bool) -> Any:
        axes = normalize_axes(axis, self.ndim)
        result = apply_op(Reduce(record, axes, dtype), self)
        return expand(result, axes) if keepdims else result

    def sum(self, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
        """The sum over some axes; integers and booleans are summed as 64-bit integers."""
        return self._reduce(scalar.add, axis, self._accumulator(dtype), keepdims)

    def prod(self, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
        """The product over some axes; integers and booleans as 64-bit integers."""
        return self._reduce(scalar.mul, axis, self._accumulator(dtype), keepdims)

    def _accumulator(self, dtype: object) -> str:
        if dtype is not None:
            return types.check_dtype(dtype)
        wide = {"b": "int64", "i": "int64", "u": "uint64"}
        return wide.get(types.kind(self.dtype), self.dtype)

    def mean(self, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
        """The mean over some axes; integers give floats."""
        name = types.quotient_of(self.dtype if dtype is None else types.check_dtype(dtype))
        axes = normalize_axes(axis, self.ndim)
        result = apply_op(Mean(axes, name), self)
        return expand(result, axes) if keepdims else result

    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The variance over some axes: the mean square of the distance from the mean."""
        centred = self - self.mean(axis, keepdims=True)
        if types.kind(self.dtype) == "c":
            centred = abs(centred)
        total = apply_scalar(scalar.square, centred).sum(axis, keepdims=keepdims)
        return total / (self.count(axis, total.dtype) - ddof)

    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The standard deviation over some axes."""
        return apply_scalar(scalar.sqrt, self.var(axis, ddof, keepdims))

    def max(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The largest element along some axes, NaN if there is one."""
        return self._reduce(scalar.maximum, axis, self.dtype, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The smallest element along some axes, NaN if there is one."""
        return self._reduce(scalar.minimum, axis, self.dtype, keepdims)

    def ptp(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The distance from the smallest to the largest element."""
        return self.max(axis, keepdims) - self.min(axis, keepdims)

    def all(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """Whether all elements along some axes are not 0."""
        return self._reduce(scalar.logical_and, axis, "bool", keepdims)

    def any(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """Whether an element along some axes is not 0."""
        return self._reduce(scalar.logical_or, axis, "bool", keepdims)

    def argmax(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The position of the first largest element along some axes, in C order over them."""
        return self._position(scalar.maximum, axis, keepdims)

    def argmin(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The position of the first smallest element along some axes, in C order over them."""
        return self._position(scalar.minimum, axis, keepdims)

    def _position(self, record: ScalarOp, axis: Axis, keepdims: bool) -> Any:
        axes = normalize_axes(axis, self.ndim)
        result = apply_op(ArgReduce(record, axes), self)
        return expand(result, axes) if keepdims else result

    def norm(self, L: float = 2, axis: Axis = None, keepdims: bool = False) -> Any:
        """The L-norm over some axes: (sum of abs(x) ** L) ** (1 / L); L may be 0 or inf too."""
        size = abs(self.astype(types.quotient_of(self.dtype)))
        if L == 0:
            return apply_scalar(scalar.neq, self, 0).sum(axis, size.dtype, keepdims)
        if np.inf == L:
            return size.max(axis, keepdims)
        if -np.inf == L:
            return size.min(axis, keepdims)
        if L == 1:
            return size.sum(axis, keepdims=keepdims)
        if L == 2:
            square = apply_scalar(scalar.square, size)
            return apply_scalar(scalar.sqrt, square.sum(axis, keepdims=keepdims))
        return (size**L).sum(axis, keepdims=keepdims) ** (1.0 / L)

    # ---- the rest ----------------------------------------------------------------------------

    def dot(self, other: Any) -> Any:
        """NumPy's dot: the last axis of this with the last but one (or only) of the other."""
        return dot(self, other)

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
        return apply_op(Sort(normalize_axis(axis, self.ndim)), self)

    def argsort(self, axis: int | None = -1) -> Any:
        """The positions that sort the elements along an axis (None: all of them)."""
        if axis is None:
            return self.flatten().argsort(0)
        return apply_op(ArgSort(normalize_axis(axis, self.ndim)), self)

    def nonzero(self) -> tuple[Any, ...]:
        """For each axis the positions of the elements that are not 0."""
        found = apply_op(Nonzero(self.ndim), self)
        return found if isinstance(found, tuple) else (found,)

    def take(self, indices: Any, axis: int | None = None) -> Any:
        """The elements at some positions along an axis (None: of all of them)."""
        if axis is None:
            return self.flatten()[as_variable(indices)]
        before = (slice(None),) * normalize_axis(axis, self.ndim)
        return self[(*before, as_variable(indices))]


def _is_list(item: object) -> bool:
    return isinstance(item, list | tuple | np.ndarray)


def _sizes(shape: Sequence[Any], ndim: int | None) -> tuple[Sizes, list[Any]]:
    """The known sizes of a shape and the scalar variables for the others."""
    items: Any = shape[0] if len(shape) == 1 else shape
    if isinstance(items, Variable) and as_variable(items).ndim == 1:
        vector: Any = items
        length = vector.type.shape[0] if ndim is None else ndim
        if length is None:
            raise ShapeError(
                message(
                    f"the number of axes is not known: {items} is a vector of unknown length.",
                    where=str(current_line()),
                    hint="pass ndim=...",
                )
            )
        items = [vector[position] for position in range(length)]
    elif not _is_list(items):
        items = shape
    entries: list[int | None] = []
    inputs: list[Any] = []
    for item in items:
        size = as_variable(item)
        if size.ndim or size.type.is_float or size.dtype == "bool":
            raise ShapeError(
                message(f"{item} is no size: sizes are whole numbers.", where=str(current_line()))
            )
        known = isinstance(size, Constant)
        entries.append(int(size.data) if known else None)
        inputs.extend([] if known else [size])
    return Sizes(tuple(entries)), inputs


def dot(x: Any, y: Any) -> Any:
    """NumPy's dot; see `arignote.tensor.dot`."""
    x, y = as_variable(x), as_variable(y)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if x.ndim <= 2 and y.ndim <= 2:
        return apply_op(Dot(), *in_common_dtype(x, y))
    return tensordot(x, y, ([x.ndim - 1], [max(y.ndim - 2, 0)]))


def matmul(x: Any, y: Any) -> Any:
    """NumPy's matmul; see `arignote.tensor.matmul`."""
    x, y = as_variable(x), as_variable(y)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(
            message(
                "matmul does not take scalars.",
                got=[f"{v}: {v.type}" for v in (x, y)],
                where=str(current_line()),
                hint="x * y",
            )
        )
    if x.ndim <= 2 and y.ndim <= 2:
        return apply_op(Dot(), *in_common_dtype(x, y))
    left = expand(x, (0,)) if x.ndim == 1 else x
    right = expand(y, (1,)) if y.ndim == 1 else y
    rank = max(left.ndim, right.ndim)
    product = apply_op(MatMul(), *in_common_dtype(pad_left(left, rank), pad_left(right, rank)))
    if x.ndim == 1:
        product = product.squeeze(rank - 2)
    return product.squeeze(product.ndim - 1) if y.ndim == 1 else product


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """NumPy's tensordot; see `arignote.tensor.tensordot`."""
    x, y = as_variable(x), as_variable(y)
    if isinstance(axes, int):
        x_axes, y_axes = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        x_axes, y_axes = [[a] if isinstance(a, int) else list(a) for a in axes]
    x_axes = [normalize_axis(axis, x.ndim) for axis in x_axes]
    y_axes = [normalize_axis(axis, y.ndim) for axis in y_axes]
    if len(x_axes) != len(y_axes):
        raise ShapeError(
            message(
                f"tensordot sums over pairs of axes, but got {x_axes} and {y_axes}.",
                where=str(current_line()),
            )
        )
    x_kept = [axis for axis in range(x.ndim) if axis not in x_axes]
    y_kept = [axis for axis in range(y.ndim) if axis not in y_axes]
    sizes = [_size(x, axis) for axis in x_kept] + [_size(y, axis) for axis in y_kept]
    rows = x.dimshuffle(*x_kept, *x_axes).reshape(_count(x, x_kept), _count(x, x_axes))
    columns = y.dimshuffle(*y_axes, *y_kept).reshape(_count(y, y_axes), _count(y, y_kept))
    return apply_op(Dot(), *in_common_dtype(rows, columns)).reshape(sizes)


def _size(x: Any, axis: int) -> Any:
    size = x.type.shape[axis]
    return x.shape[axis] if size is None else size


def _count(x: Any, axes: Sequence[int]) -> Any:
    return math.prod(_size(x, axis) for axis in axes)


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
