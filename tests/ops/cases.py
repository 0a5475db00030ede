"""Cases: an expression, NumPy's way to compute it, and arrays; `check` holds one against all rules.

A case is run with inputs of unknown shape in several memory layouts, then with known and with
partly known shapes. Each time values, dtypes and shapes must be those of the reference, what the
types say of the shapes must hold, and the inputs must be unchanged. Gradients must agree with
central differences, and must not depend on what is known of the shapes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote import function, grad, verify_grad
from arignote import tensor as T
from arignote.types import kind
from oracles import assert_arrays

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class Case:
    """An expression of variables, the same of arrays, and the arrays.

    `build` and `reference` give one result or a list of them. `order` is the highest derivative
    that is checked: 0, 1 or 2.
    """

    name: str
    build: Callable[..., Any]
    reference: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    order: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(np.asarray(array) for array in self.inputs))

    def __str__(self) -> str:
        return self.name


def reals(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    """Random numbers from -2 to 2, all different, none near 0."""
    rng = np.random.default_rng(zlib.crc32(f"{shape}{seed}".encode()))
    count = int(np.prod(shape))
    steps = rng.permutation(count) - count // 2 + rng.uniform(0.25, 0.45, count)
    return (steps * (4 / max(count, 4))).reshape(shape).astype(dtype)


def whole(*shape: int, high: int = 9, low: int = 0, dtype: str = "int64") -> np.ndarray:
    """Random whole numbers from `low` up to, without, `high`."""
    rng = np.random.default_rng(zlib.crc32(f"{shape}{low}{high}".encode()))
    return rng.integers(low, high, shape).astype(dtype)


def check(case: Case) -> None:
    """Raises unless all that this module's docstring says holds."""
    with np.errstate(all="ignore"):
        wanted = [np.asarray(result) for result in _as_list(case.reference(*case.inputs))]
    unknown = [(None,) * array.ndim for array in case.inputs]
    run, outs = _compiled(case, unknown)
    for layout, arrays in _layouts(case.inputs):
        _check_values(run, outs, arrays, wanted, f"{case} {layout}")
    gradients = _gradients(case, unknown) if case.order else []
    for shapes in _known_shapes(case.inputs):
        run, outs = _compiled(case, shapes)
        _check_values(run, outs, case.inputs, wanted, f"{case} shapes {shapes}")
        if case.order:
            for known, plain in zip(_gradients(case, shapes), gradients, strict=True):
                assert_arrays(known, plain, f"{case} gradient, shapes {shapes}")
    if case.order:
        _check_against_differences(case, [n for n, a in enumerate(wanted) if a.dtype.kind in "fc"])


def _as_list(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def _variables(inputs: Arrays, shapes: Sequence[tuple]) -> list[Any]:
    return [
        T.tensor(array.dtype.name, shape, f"in{n}")
        for n, (array, shape) in enumerate(zip(inputs, shapes, strict=True))
    ]


def _compiled(case: Case, shapes: Sequence[tuple]) -> tuple[Callable[..., Any], list[Any]]:
    variables = _variables(case.inputs, shapes)
    outs = _as_list(case.build(*variables))
    return function(variables, outs, on_unused_input="ignore"), outs


def _check_values(
    run: Callable[..., Any], outs: list[Any], arrays: Arrays, wanted: Arrays, where: str
) -> None:
    before = [array.copy() for array in arrays]
    results = run(*arrays)
    for out, value, expected in zip(outs, results, wanted, strict=True):
        assert_arrays(value, expected, where)
        _check_type(out, value, where)
        assert not any(np.may_share_memory(value, array) for array in arrays), where
    for array, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, kept, f"{where}: an input was changed")


def _check_type(variable: Any, value: np.ndarray, where: str) -> None:
    assert variable.dtype == value.dtype.name, f"{where}: declared {variable.dtype}"
    assert variable.ndim == value.ndim, f"{where}: declared {variable.type}"
    fits = [size in (None, got) for size, got in zip(variable.type.shape, value.shape, strict=True)]
    assert all(fits), f"{where}: declared {variable.type}, computed {value.shape}"


def _layouts(inputs: Arrays) -> Iterator[tuple[str, Arrays]]:
    """The same values, stored in other ways."""
    yield "contiguous", inputs
    if any(array.ndim > 1 for array in inputs):
        yield "Fortran", [np.array(array, order="F") for array in inputs]
    if any(array.ndim for array in inputs):
        yield "backwards", [np.asarray(np.flip(np.flip(array).copy())) for array in inputs]
        yield "with gaps", [_with_gaps(array) for array in inputs]
    yield "read-only", [_read_only(array) for array in inputs]


def _with_gaps(array: np.ndarray) -> np.ndarray:
    room = np.zeros([2 * size for size in array.shape], array.dtype)
    view = room[(..., *(slice(None, None, 2),) * array.ndim)]
    view[...] = array
    return view


def _read_only(array: np.ndarray) -> np.ndarray:
    array = np.array(array)
    array.flags.writeable = False
    return array


def _known_shapes(inputs: Arrays) -> Iterator[list[tuple]]:
    """All sizes known; then those of every other axis, counted over all inputs."""
    full = [array.shape for array in inputs]
    if not any(full):
        return
    yield full
    for start in (0, 1):
        axes = iter(range(start, 1000))
        partly = [tuple(size if next(axes) % 2 else None for size in shape) for shape in full]
        if partly != full:
            yield partly


def _cost(outs: list[Any]) -> Any:
    """A scalar in which each element of each result has a weight of its own."""
    total: Any = 0.0
    for out in outs:
        if out.type.is_float:
            ramp = T.arange(out.size).reshape(out.shape, ndim=out.ndim)
            weighted = (out * T.cos(1.0 + ramp)).sum()
            total = total + (weighted.real + weighted.imag if kind(out.dtype) == "c" else weighted)
    return total


def _gradients(case: Case, shapes: Sequence[tuple]) -> list[np.ndarray]:
    variables = _variables(case.inputs, shapes)
    cost = _cost(_as_list(case.build(*variables)))
    wrt = [x for x in variables if x.type.is_float]
    found = grad(cost, wrt, disconnected_inputs="ignore")
    values = function(variables, found, on_unused_input="ignore")(*case.inputs)
    for x, gradient, value in zip(wrt, found, values, strict=True):
        _check_type(gradient, value, f"{case} gradient, shapes {shapes}")
        array = case.inputs[variables.index(x)]
        assert value.shape == array.shape
        assert value.dtype == array.dtype
    return values


def _check_against_differences(case: Case, results: Sequence[int]) -> None:
    for position in results:
        verify_grad(lambda *xs, n=position: _as_list(case.build(*xs))[n], case.inputs, n_tests=1)
    if case.order < 2:
        return
    for position, array in enumerate(case.inputs):
        if array.dtype.kind == "f":
            verify_grad(_first_derivative(case, position), case.inputs, n_tests=1)


def _first_derivative(case: Case, position: int) -> Callable[..., Any]:
    """The gradient by one input as a function; squares make that of a linear op depend on it."""

    def build(*variables: Any) -> Any:
        outs = _as_list(case.build(*variables))
        cost = _cost([T.square(out) + out for out in outs if out.type.is_float])
        return grad(cost, variables[position], disconnected_inputs="ignore")

    return build
