"""Constructors of inputs: `matrix`, `fvector`, `tensor4`, `matrices`, ..."""

from collections.abc import Sequence
from typing import Any

from arignote.errors import GraphError, message
from arignote.graph import TensorVariable
from arignote.graph.variable import current_line
from arignote.types import Size, TensorType, check_dtype


class TensorConstructor:
    """Makes inputs of one type; as an annotation in a notebook cell it declares one.

    Parameters
    ----------
    dtype : str
        'floatX' follows the configuration at the moment of the call.
    shape : tuple of int or None
    """

    def __init__(self, dtype: str, shape: tuple[int | None, ...]) -> None:
        self._dtype, self._shape = dtype, shape

    @property
    def type(self) -> TensorType:
        """The type that an input made now has."""
        return TensorType(self._dtype, self._shape)

    def __call__(
        self, name: str | None = None, *, dtype: object = None, shape: Sequence[Size] | None = None
    ) -> Any:
        """A new input.

        Parameters
        ----------
        name : str, optional
        dtype : str or numpy.dtype, optional
            Another dtype than the constructor's.
        shape : sequence of int or None, optional
            Sizes that are known; its length must be the constructor's number of axes.
        """
        if name is not None and not isinstance(name, str):
            raise GraphError(
                message(f"a name is text, but got {name!r}.", where=str(current_line()))
            )
        sizes = self._shape if shape is None else tuple(shape)
        if len(sizes) != len(self._shape):
            raise GraphError(
                message(
                    f"shape {sizes} has {len(sizes)} axes, not {len(self._shape)}.",
                    where=str(current_line()),
                )
            )
        return tensor(dtype or self._dtype, sizes, name)

    def __repr__(self) -> str:
        return f"<constructor of {self.type}>"


class PluralConstructor:
    """Makes several inputs of one type.

    Example
    -------
    >>> from arignote import tensor as T
    >>> x, y = T.matrices("x", "y")
    """

    def __init__(self, single: TensorConstructor) -> None:
        self._single = single

    def __call__(self, *names: str | int) -> list[Any]:
        """One input per name; a number asks for that many without names."""
        if len(names) == 1 and isinstance(names[0], int):
            return [self._single() for _ in range(names[0])]
        return [self._single(name) for name in names]  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"<constructor of several {self._single.type}>"


def tensor(
    dtype: object = "floatX",
    shape: Sequence[Size | bool] | None = None,
    name: str | None = None,
    *,
    broadcastable: Sequence[bool] | None = None,
) -> Any:
    """A new input.

    Parameters
    ----------
    dtype : str or numpy.dtype
        By default `config.floatX`.
    shape : sequence of int or None
        One entry per axis; None is an unknown size.
    name : str, optional
    broadcastable : sequence of bool, optional
        The older form of `shape`: True is size 1, False an unknown size.

    Returns
    -------
    TensorVariable

    Example
    -------
    >>> from arignote import tensor as T
    >>> T.tensor("float32", (None, 3)).type
    TensorType(float32, (?, 3))
    """
    if (shape is None) == (broadcastable is None):
        raise GraphError(
            message(
                "tensor needs a shape (or the older broadcastable).",
                where=str(current_line()),
                hint="T.tensor('float32', (None, 3))",
            )
        )
    type_ = TensorType(check_dtype(dtype), shape if shape is not None else broadcastable or ())
    return TensorVariable(type_.with_dims(), name)


def _pair(dtype: str, shape: tuple[int | None, ...]) -> tuple[TensorConstructor, PluralConstructor]:
    single = TensorConstructor(dtype, shape)
    return single, PluralConstructor(single)


_ROW: tuple[int | None, ...] = (1, None)
_COL: tuple[int | None, ...] = (None, 1)

scalar, scalars = _pair("floatX", ())
vector, vectors = _pair("floatX", (None,))
row, rows = _pair("floatX", _ROW)
col, cols = _pair("floatX", _COL)
matrix, matrices = _pair("floatX", (None,) * 2)
tensor3, tensor3s = _pair("floatX", (None,) * 3)
tensor4, tensor4s = _pair("floatX", (None,) * 4)
tensor5, tensor5s = _pair("floatX", (None,) * 5)

bscalar, bscalars = _pair("int8", ())
bvector, bvectors = _pair("int8", (None,))
brow, brows = _pair("int8", _ROW)
bcol, bcols = _pair("int8", _COL)
bmatrix, bmatrices = _pair("int8", (None,) * 2)
btensor3, btensor3s = _pair("int8", (None,) * 3)
btensor4, btensor4s = _pair("int8", (None,) * 4)
btensor5, btensor5s = _pair("int8", (None,) * 5)

wscalar, wscalars = _pair("int16", ())
wvector, wvectors = _pair("int16", (None,))
wrow, wrows = _pair("int16", _ROW)
wcol, wcols = _pair("int16", _COL)
wmatrix, wmatrices = _pair("int16", (None,) * 2)
wtensor3, wtensor3s = _pair("int16", (None,) * 3)
wtensor4, wtensor4s = _pair("int16", (None,) * 4)
wtensor5, wtensor5s = _pair("int16", (None,) * 5)

iscalar, iscalars = _pair("int32", ())
ivector, ivectors = _pair("int32", (None,))
irow, irows = _pair("int32", _ROW)
icol, icols = _pair("int32", _COL)
imatrix, imatrices = _pair("int32", (None,) * 2)
itensor3, itensor3s = _pair("int32", (None,) * 3)
itensor4, itensor4s = _pair("int32", (None,) * 4)
itensor5, itensor5s = _pair("int32", (None,) * 5)

lscalar, lscalars = _pair("int64", ())
lvector, lvectors = _pair("int64", (None,))
lrow, lrows = _pair("int64", _ROW)
lcol, lcols = _pair("int64", _COL)
lmatrix, lmatrices = _pair("int64", (None,) * 2)
ltensor3, ltensor3s = _pair("int64", (None,) * 3)
ltensor4, ltensor4s = _pair("int64", (None,) * 4)
ltensor5, ltensor5s = _pair("int64", (None,) * 5)

fscalar, fscalars = _pair("float32", ())
fvector, fvectors = _pair("float32", (None,))
frow, frows = _pair("float32", _ROW)
fcol, fcols = _pair("float32", _COL)
fmatrix, fmatrices = _pair("float32", (None,) * 2)
ftensor3, ftensor3s = _pair("float32", (None,) * 3)
ftensor4, ftensor4s = _pair("float32", (None,) * 4)
ftensor5, ftensor5s = _pair("float32", (None,) * 5)

dscalar, dscalars = _pair("float64", ())
dvector, dvectors = _pair("float64", (None,))
drow, drows = _pair("float64", _ROW)
dcol, dcols = _pair("float64", _COL)
dmatrix, dmatrices = _pair("float64", (None,) * 2)
dtensor3, dtensor3s = _pair("float64", (None,) * 3)
dtensor4, dtensor4s = _pair("float64", (None,) * 4)
dtensor5, dtensor5s = _pair("float64", (None,) * 5)

cscalar, cscalars = _pair("complex64", ())
cvector, cvectors = _pair("complex64", (None,))
crow, crows = _pair("complex64", _ROW)
ccol, ccols = _pair("complex64", _COL)
cmatrix, cmatrices = _pair("complex64", (None,) * 2)
ctensor3, ctensor3s = _pair("complex64", (None,) * 3)
ctensor4, ctensor4s = _pair("complex64", (None,) * 4)
ctensor5, ctensor5s = _pair("complex64", (None,) * 5)

zscalar, zscalars = _pair("complex128", ())
zvector, zvectors = _pair("complex128", (None,))
zrow, zrows = _pair("complex128", _ROW)
zcol, zcols = _pair("complex128", _COL)
zmatrix, zmatrices = _pair("complex128", (None,) * 2)
ztensor3, ztensor3s = _pair("complex128", (None,) * 3)
ztensor4, ztensor4s = _pair("complex128", (None,) * 4)
ztensor5, ztensor5s = _pair("complex128", (None,) * 5)
