"""Functions for neural networks: activations and costs."""

from typing import Any, NoReturn

from arignote import scalar, types
from arignote.errors import ShapeError, message, no_attribute
from arignote.graph import apply_op, apply_scalar, as_variable
from arignote.graph.axes import axis_of
from arignote.graph.variable import current_line
from arignote.ops.create import ARange
from arignote.ops.nnet import LogSoftmax, Softmax
from arignote.scalar import sigmoid, softplus

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "log_softmax",
    "logsoftmax",
    "relu",
    "sigmoid",
    "sigmoid_binary_crossentropy",
    "softmax",
    "softplus",
]


def __getattr__(name: str) -> NoReturn:
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return __all__


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis: positive numbers with the sum 1, without overflow."""
    x = as_variable(x)
    return apply_op(Softmax(axis_of(x, axis)), x.astype(types.float_of(x.dtype)))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) along an axis, exact where softmax(x) underflows to 0."""
    x = as_variable(x)
    return apply_op(LogSoftmax(axis_of(x, axis)), x.astype(types.float_of(x.dtype)))


logsoftmax = log_softmax


def relu(x: Any, alpha: Any = 0) -> Any:
    """max(x, 0), or alpha * x where x is negative."""
    x = as_variable(x)
    if isinstance(alpha, int | float) and alpha == 0:
        return apply_scalar(scalar.relu, x)
    return apply_scalar(scalar.switch, x > 0, x, alpha * x)


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Any:
    """The cross-entropy of each row: -log of the probability of what is true.

    Parameters
    ----------
    coding_dist : (n, k) float
        Predicted probabilities; each row sums to 1.
    true_dist : (n,) int or (n, k) float
        The true class of each row, or the true probabilities.

    Returns
    -------
    (n,) float variable
    """
    p, target = as_variable(coding_dist), as_variable(true_dist)
    if target.ndim == p.ndim:
        return -(target * scalar.log(p)).sum(axis=p.ndim - 1)
    if target.ndim == p.ndim - 1 == 1 and types.kind(target.dtype) in "iu":
        rows = apply_op(ARange("int64"), 0, target.shape[0], 1)
        return -scalar.log(p[rows, target])
    raise ShapeError(
        message(
            "categorical_crossentropy takes the true classes as a vector of integers or as"
            " probabilities of the predictions' rank.",
            got=[f"coding_dist: {p.type}", f"true_dist: {target.type}"],
            where=str(current_line()),
        )
    )


def binary_crossentropy(output: Any, target: Any) -> Any:
    """-(t log(p) + (1 - t) log(1 - p)) for each element."""
    p, t = as_variable(output), as_variable(target)
    return -(t * scalar.log(p) + (1 - t) * scalar.log(1 - p))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> Any:
    """binary_crossentropy(sigmoid(x), t) for each element, exact for large x."""
    x, t = as_variable(output), as_variable(target)
    return softplus(x) - t * x
