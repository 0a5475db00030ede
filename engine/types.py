"""Types of variables: dtype and shape, with the rules of promotion and broadcasting."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from arignote.config import FloatX, config
from arignote.errors import DTypeError, InputError, ShapeError, near_names

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
_SPECIAL_SHAPES: dict[tuple[int | None, ...], str] = {(1, None): "row", (None, 1): "col"}
RANK_NAMES = ("scalar", "vector", "matrix", "tensor3", "tensor4", "tensor5")


# ---- dtypes ---------------------------------------------------------------------------------


def check_dtype(dtype: object) -> str:
    """The name of a dtype; 'floatX' stands for `config.floatX`. DTypeError for others."""
    if isinstance(dtype, str) and dtype in _DTYPE_SET:
        return dtype
    if isinstance(dtype, str) and dtype == "floatX":
        return config.floatX
    try:
        name = np.dtype(dtype).newbyteorder("=").name  # type: ignore[call-overload]
    except TypeError:
        name = str(dtype)
    if name in _DTYPE_SET:
        return name
    near = near_names(name, DTYPES)
    raise DTypeError(
        f"{dtype!r} is no dtype that arrays here can have"
        + (f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(DTYPES)}")
    )


_DTYPE_SET = frozenset(DTYPES)
# NumPy has one object for each of these, so that `is` compares them.
_NUMPY_DTYPES = {name: np.dtype(name) for name in DTYPES}


def kind(dtype: str) -> str:
    """NumPy's one-letter kind of a dtype: b bool, i and u integers, f float, c complex."""
    return _KINDS[dtype]


_KINDS = {name: dtype.kind for name, dtype in _NUMPY_DTYPES.items()}


def is_float(dtype: str) -> bool:
    """Whether values of this dtype have a gradient: real or complex floating point."""
    return _KINDS[dtype] in "fc"


def promote(*dtypes: str) -> str:
    """The common dtype of operands: NumPy's, but integers never widen a narrow floatX.

    Example
    -------
    >>> promote("int32", "float32")
    'float64'
    """
    return _promote(config.member("floatX"), dtypes)


@lru_cache(maxsize=4096)
def _promote(float_x: Any, dtypes: tuple[str, ...]) -> str:
    if len(dtypes) == 1:
        return dtypes[0]
    inexact = [dtype for dtype in dtypes if is_float(dtype)]
    if inexact and float_x is not FloatX.FLOAT64:
        return np.result_type(*inexact).name
    return np.result_type(*dtypes).name


def float_of(dtype: str) -> str:
    """The dtype in which a function of real numbers computes: floats stay, integers become floats.

    With `floatX=float64` integers convert as in NumPy (int8 to float16, int16 to float32, wider
    ones to float64), otherwise to floatX.
    """
    if is_float(dtype):
        return dtype
    if config.member("floatX") is not FloatX.FLOAT64:
        return config.floatX
    return np.result_type(dtype, np.float16).name


def quotient_of(dtype: str) -> str:
    """The dtype of a true division: floats stay, integers give float64 or a narrower floatX."""
    if is_float(dtype):
        return dtype
    return "float64" if config.member("floatX") is FloatX.FLOAT64 else config.floatX


def real_of(dtype: str) -> str:
    """The dtype of the real part."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def complex_of(dtype: str) -> str:
    """The complex dtype that holds this dtype."""
    return np.result_type(dtype, np.complex64).name


def scalar_dtype(value: complex, others: Sequence[str] = ()) -> str:
    """The dtype that a Python scalar takes beside operands of other dtypes (it is weak).

    Example
    -------
    >>> scalar_dtype(1.5, ["float32"]), scalar_dtype(2)
    ('float32', 'int64')
    """
    if not others:
        if isinstance(value, bool):
            return "bool"
        if isinstance(value, int):
            return "int64" if -(2**63) <= value < 2**63 else "uint64"
        return config.floatX if isinstance(value, float) else complex_of(config.floatX)
    other = promote(*others)
    if isinstance(value, bool):
        return other
    if isinstance(value, int):
        return "int64" if other == "bool" else other
    if isinstance(value, float):
        return quotient_of(other)
    return complex_of(real_of(other) if is_float(other) else config.floatX)


# ---- sizes ----------------------------------------------------------------------------------


class Atom:
    """One unknown size; what counts is which object it is."""

    __slots__ = ()


class Dim:
    """An unknown size of an axis; equal dims are known to have equal sizes.

    A dim made by broadcasting unknown sizes together is the set of them: it equals another dim
    made from the same sizes.
    """

    __slots__ = ("atoms",)

    _MAX_ATOMS = 8

    def __init__(self, atoms: frozenset[Atom] | None = None) -> None:
        self.atoms = frozenset((Atom(),)) if atoms is None else atoms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.atoms == other.atoms

    def __hash__(self) -> int:
        return hash(self.atoms)

    def __repr__(self) -> str:
        return "?"

    def __reduce__(self) -> tuple[type["Dim"], tuple[frozenset[Atom]]]:
        return Dim, (self.atoms,)

    def broadcast(self, other: "Dim") -> "Dim":
        """The size that comes out when this unknown size meets another one."""
        atoms = self.atoms | other.atoms
        return Dim(atoms) if len(atoms) <= self._MAX_ATOMS else Dim()


Size = int | Dim | None


def broadcast_sizes(sizes: Iterable[Size]) -> Size:
    """The size of an axis after broadcasting; ShapeError if known sizes differ."""
    known, unknown = 1, None
    for size in sizes:
        if isinstance(size, int):
            if size != 1:
                if known not in (1, size):
                    raise ShapeError(f"sizes {known} and {size} do not broadcast together")
                known = size
        elif unknown is None:
            unknown = size if size is not None else Dim()
        elif size is not unknown:
            unknown = unknown.broadcast(size if size is not None else Dim())
    return unknown if known == 1 and unknown is not None else known


def equal_sizes(first: Size, second: Size) -> Size:
    """The size of two axes that must be equal; ShapeError if they are known to differ."""
    if isinstance(first, int):
        if isinstance(second, int) and first != second:
            raise ShapeError(f"sizes {first} and {second} differ")
        return first
    return second if isinstance(second, int) or first is None else first


# ---- types ----------------------------------------------------------------------------------


class Type:
    """What is known of a variable's value before it is computed."""

    __slots__ = ()

    def filter(self, value: object, *, downcast: bool | None = None, borrow: bool = True) -> Any:
        """The value as this type stores it; InputError if it cannot be."""
        raise NotImplementedError


class TensorType(Type):
    """The type of an n-dimensional array.

    Parameters
    ----------
    dtype : str or numpy.dtype
        One of the names in `DTYPES`, or 'floatX'.
    shape : sequence of int, None, bool or Dim
        One entry per axis: its size, or None where it is unknown. A sequence of bools is the
        older broadcastable pattern: True is size 1, False an unknown size.

    Example
    -------
    >>> TensorType("float32", (None, 3)).broadcastable
    (False, False)
    >>> TensorType("float32", (None, None))
    TensorType(float32, matrix)
    """

    __slots__ = ("dims", "dtype", "numpy_dtype", "shape")

    dtype: str
    dims: tuple[Size, ...]
    shape: tuple[int | None, ...]
    numpy_dtype: np.dtype

    def __init__(self, dtype: object, shape: Iterable[Size] = ()) -> None:
        dims = tuple(shape)
        for size in dims:
            if type(size) is not Dim and (type(size) is not int or size < 0) and size is not None:
                dims = _check_sizes(dims)
                break
        name = dtype if type(dtype) is str and dtype in _DTYPE_SET else check_dtype(dtype)
        object.__setattr__(self, "dtype", name)
        object.__setattr__(self, "numpy_dtype", _NUMPY_DTYPES[name])
        object.__setattr__(self, "dims", dims)
        shape = tuple([size if type(size) is int else None for size in dims])
        object.__setattr__(self, "shape", shape)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a TensorType cannot be changed; make a new one to set {name}")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.dims)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """For each axis whether its size is known to be 1."""
        return tuple([size == 1 for size in self.shape])

    @property
    def is_float(self) -> bool:
        """Whether values of this type have a gradient."""
        return is_float(self.dtype)

    def with_dims(self) -> "TensorType":
        """This type with a dim of its own for each unknown size."""
        for size in self.dims:
            if size is None:
                dims = [Dim() if size is None else size for size in self.dims]
                return TensorType(self.dtype, dims)
        return self

    def astype(self, dtype: str) -> "TensorType":
        """The same sizes with another dtype."""
        return self if dtype == self.dtype else TensorType(dtype, self.dims)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TensorType)
            and self.dtype == other.dtype
            and self.shape == other.shape
        )

    def __hash__(self) -> int:
        return hash((self.dtype, self.shape))

    def __reduce__(self) -> tuple[type["TensorType"], tuple[str, tuple[Size, ...]]]:
        return TensorType, (self.dtype, self.dims)

    @property
    def shape_name(self) -> str:
        """`matrix`, `row`, ... or the shape as `(?, 3)`."""
        if all(size is None for size in self.shape) and self.ndim < len(RANK_NAMES):
            return RANK_NAMES[self.ndim]
        return _SPECIAL_SHAPES.get(self.shape) or shape_text(self.shape)

    def __str__(self) -> str:
        return f"TensorType({self.dtype}, {self.shape_name})"

    __repr__ = __str__

    def filter(
        self, value: object, *, downcast: bool | None = None, borrow: bool = True
    ) -> np.ndarray:
        """The value as an array of this type.

        Parameters
        ----------
        value : array_like
            An array, a number, a list or a range.
        downcast : bool or None
            False converts only where no information can be lost (for lists and Python numbers
            their values count, not their dtypes); None also rounds Python floats, and lists of
            them, to a narrower float; True converts any real dtype.
        borrow : bool
            False returns an array that shares no memory with `value`.

        Raises
        ------
        InputError
            When dtype, number of axes or a known size does not fit; the text says how to mend it.
        """
        if type(value) is np.ndarray and value.dtype is self.numpy_dtype:
            array = value
        else:
            array = _convert(value, self.dtype, downcast)
        self._check_shape(array)
        if not borrow and (array is value or np.may_share_memory(array, value)):
            array = array.copy()
        return array

    def _check_shape(self, array: np.ndarray) -> None:
        if array.ndim != len(self.shape):
            raise InputError(
                f"wrong number of dimensions: expected {self.ndim}, got {array.ndim} with shape"
                f" {array.shape}"
            )
        for axis, (size, got) in enumerate(zip(self.shape, array.shape, strict=True)):
            if size is not None and size != got:
                raise InputError(
                    f"wrong size on axis {axis}: expected {shape_text(self.shape)}, got"
                    f" {array.shape}"
                )


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape for people: `(?, 3)`."""
    inner = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _check_sizes(dims: tuple[Any, ...]) -> tuple[Size, ...]:
    if all(isinstance(size, bool | np.bool_) for size in dims):
        return tuple(1 if size else None for size in dims)
    checked: list[Size] = []
    for size in dims:
        if size is None or isinstance(size, Dim):
            checked.append(size)
        elif isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0:
            checked.append(int(size))
        else:
            raise ShapeError(
                f"{size!r} in shape {dims} is no size: give a whole number >= 0, or None for"
                " unknown"
            )
    return tuple(checked)


def _convert(value: object, dtype: str, downcast: bool | None) -> np.ndarray:
    """An array-like value in the given dtype, refusing what would lose information."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(
            f"cannot make an array of {short_repr(value)}: rows of unequal length"
        ) from (None)
    if array.dtype.kind not in "biufc":
        raise InputError(f"cannot make an array of numbers of {short_repr(value)}")
    if array.dtype == dtype and array.dtype.isnative:
        return array
    if _loses_nothing(array, value, dtype) or (downcast and _same_kind(array.dtype.kind, dtype)):
        return _cast(array, dtype)
    if downcast is None and _is_weak_float(array, value, dtype):
        return _cast(array, dtype)
    given = isinstance(value, np.ndarray | np.generic)
    what = f"a value of dtype {array.dtype}" if given else short_repr(value)
    if array.dtype.kind == "c":
        way = "take its real part, .real"
    elif given:
        way = f"convert it with .astype({dtype!r}) or pass allow_input_downcast=True"
    else:
        way = f"declare the input as {array.dtype} or pass allow_input_downcast=True"
    raise InputError(f"cannot store {what} as {dtype} without risking loss of precision; {way}")


def _loses_nothing(array: np.ndarray, value: object, dtype: str) -> bool:
    if np.can_cast(array.dtype, dtype, "safe"):
        return True
    if isinstance(value, np.ndarray | np.generic):
        return False
    if not _same_kind(array.dtype.kind, dtype) or array.size == 0:
        return array.size == 0 and array.dtype == np.float64
    with np.errstate(all="ignore"):
        converted = array.astype(dtype)
        back = (converted if array.dtype.kind == "c" else converted.real).astype(array.dtype)
    # 2**63 as int64 and -1 as uint64 come back unchanged, but with the other sign in between.
    if array.dtype.kind in "iu" and not np.array_equal(converted < 0, array < 0):
        return False
    return bool(np.array_equal(back, array, equal_nan=array.dtype.kind in "fc"))


def _is_weak_float(array: np.ndarray, value: object, dtype: str) -> bool:
    """Whether Python floats or complex numbers are to be stored in a narrower dtype."""
    if isinstance(value, np.ndarray | np.generic):
        return False
    return array.dtype in (np.float64, np.complex128) and _KINDS[dtype] in array.dtype.kind + "c"


def _same_kind(from_kind: str, dtype: str) -> bool:
    """Whether a conversion keeps the kind of number, or makes a float an integer."""
    order = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
    to_kind = _KINDS[dtype]
    return order[from_kind] <= order[to_kind] or (order[from_kind] == 2 and to_kind in "iu")


def _cast(array: np.ndarray, dtype: str) -> np.ndarray:
    if array.dtype.kind in "fc" and _KINDS[dtype] in "iub" and not np.isfinite(array).all():
        raise InputError(
            f"cannot store NaN or infinity as {dtype}: the value holds"
            f" {np.count_nonzero(~np.isfinite(array))} such elements"
        )
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def short_repr(value: object) -> str:
    """A value as Python writes it, cut where that is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def describe_value(value: object) -> str:
    """What a value is that was given, in a few words: `ndarray: float64 (2, 2)`, `int 3`."""
    name = type(value).__name__
    if isinstance(value, np.ndarray | np.generic):
        return f"{name}: {value.dtype} {shape_text(value.shape)}"
    return f"{name} {short_repr(value)}"
