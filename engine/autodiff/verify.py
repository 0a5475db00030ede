"""verify_grad: symbolic gradients against finite differences."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from arignote.autodiff.reverse import grad
from arignote.errors import VerifyGradError, message
from arignote.graph import TensorVariable, constant
from arignote.types import TensorType, is_float, real_of

# Steps of the central difference and tolerances by real dtype.
STEPS = {"float16": 0.06, "float32": 6e-3, "float64": 6e-6}
TOLERANCES = {"float16": 1e-1, "float32": 1e-2, "float64": 1e-6}


def verify_grad(
    fun: Callable[..., Any],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: "np.random.Generator | None" = None,
    eps: float | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
) -> None:
    """Nothing, if symbolic gradients agree with central differences; else an error.

    Parameters
    ----------
    fun : function
        Takes one variable per point, returns one variable of float or complex dtype. Random
        weights turn it into a scalar cost.
    pt : sequence of array_like
        Where to differentiate; integer arrays are passed on but not differentiated by.
    n_tests : int
        How often to draw other weights.
    rng : numpy.random.Generator, optional
        By default one seeded with 0.
    eps : float, optional
        The step of the difference, by default 6e-6 (float64) or 6e-3 (float32).
    abs_tol, rel_tol : float, optional
        An element passes if either tolerance holds; by default 1e-6 (float64), 1e-2 (float32).

    Raises
    ------
    VerifyGradError
        Names the input, the element and both values.

    Example
    -------
    >>> import numpy as np
    >>> from arignote import verify_grad, tensor as T
    >>> verify_grad(lambda x: T.sin(x) * x, [np.array([0.3, 2.0])])
    """
    rng = np.random.default_rng(0) if rng is None else rng
    points = [np.array(point) for point in pt]
    inputs = [TensorVariable(TensorType(p.dtype, (None,) * p.ndim).with_dims()) for p in points]
    for n, variable in enumerate(inputs):
        variable.name = f"input_{n}"
    out = fun(*inputs)
    wrt = [x for x in inputs if is_float(x.dtype)]
    narrow = min((real_of(x.dtype) for x in (*wrt, out)), key=lambda name: np.dtype(name).itemsize)
    step = STEPS[narrow] if eps is None else eps
    tolerances = (
        TOLERANCES[narrow] if abs_tol is None else abs_tol,
        TOLERANCES[narrow] if rel_tol is None else rel_tol,
    )
    shape = out.eval(dict(zip(inputs, points, strict=True))).shape
    for _ in range(n_tests):
        weights = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
        cost = _cost(out, weights, rng)
        gradients = grad(cost, wrt, disconnected_inputs="ignore")
        for variable, gradient in zip(wrt, gradients, strict=True):
            _compare(cost, variable, gradient, inputs, points, step, tolerances)


def _cost(out: Any, weights: np.ndarray, rng: "np.random.Generator") -> Any:
    real = constant(weights, real_of(out.dtype))
    if out.dtype == real.dtype:
        return (out * real).sum()
    return (out.real * real).sum() + (out.imag * constant(rng.permuted(weights), real.dtype)).sum()


def _compare(
    cost: Any,
    variable: Any,
    gradient: Any,
    inputs: Sequence[Any],
    points: Sequence[np.ndarray],
    step: float,
    tolerances: tuple[float, float],
) -> None:
    position = next(n for n, x in enumerate(inputs) if x is variable)
    symbolic = gradient.eval(dict(zip(inputs, points, strict=True)))
    if symbolic.shape != points[position].shape or symbolic.dtype != points[position].dtype:
        raise VerifyGradError(
            message(
                f"the gradient by input {position} has another type than the input.",
                got=[f"gradient {symbolic.dtype} {symbolic.shape}",
                     f"input {points[position].dtype} {points[position].shape}"],
            )
        )  # fmt: skip
    numeric = _differences(cost, inputs, points, position, step)
    difference = np.abs(symbolic - numeric)
    scale = np.maximum(np.abs(symbolic) + np.abs(numeric), np.finfo(numeric.real.dtype).tiny)
    bad = ~((difference <= tolerances[0]) | (difference / scale <= tolerances[1]))
    if bad.any():
        worst = np.unravel_index(np.argmax(np.where(bad, difference, -1)), bad.shape)
        raise VerifyGradError(
            message(
                f"the gradient by input {position} is wrong at element"
                f" {tuple(int(i) for i in worst)}.",
                got=[
                    f"symbolic {symbolic[worst]}",
                    f"finite differences {numeric[worst]}",
                    f"{int(bad.sum())} of {bad.size} elements are off",
                ],
            )
        )


def _differences(
    cost: Any, inputs: Sequence[Any], points: Sequence[np.ndarray], position: int, step: float
) -> np.ndarray:
    """Central differences of the cost by each element of one input, as float64 or complex128."""
    base = points[position]
    is_complex = base.dtype.kind == "c"
    result = np.zeros(base.shape, "complex128" if is_complex else "float64")

    def cost_at(values: Sequence[np.ndarray]) -> float:
        return float(cost.eval(dict(zip(inputs, values, strict=True))))

    for index in np.ndindex(base.shape):
        result[index] = difference(cost_at, points, position, index, step)
    return result


def difference(
    cost: Callable[[Sequence[np.ndarray]], float],
    points: Sequence[np.ndarray],
    position: int,
    index: tuple[int, ...],
    step: float,
) -> complex:
    """The central difference of a cost by one element of one of its arguments."""
    base = points[position]
    result: complex = 0.0
    for direction in (1, 1j) if base.dtype.kind == "c" else (1,):
        values = []
        for sign in (1, -1):
            moved = base.copy()
            moved[index] += sign * step * direction
            changed = [moved if n == position else p for n, p in enumerate(points)]
            values.append((cost(changed), moved))
        (high, up), (low, down) = values
        width = abs(complex(up[index]) - complex(down[index]))
        result += direction * (high - low) / width
    return result
