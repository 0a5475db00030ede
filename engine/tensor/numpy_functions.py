"""NumPy's functions, called on symbolic variables: `np.dot(x, W)` builds graph as `T.dot` does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from arignote.errors import DTypeError, message
from arignote.graph import hooks
from arignote.graph.variable import current_line
from arignote.tensor import functions

_NAMES = (
    *("sum", "prod", "mean", "var", "std", "max", "min", "ptp", "argmax", "argmin", "all", "any"),
    *("dot", "tensordot", "outer", "inner", "where", "round", "shape", "transpose", "swapaxes"),
    *("reshape", "squeeze", "expand_dims", "broadcast_to", "concatenate", "stack", "sort"),
    *("argsort", "nonzero", "take", "zeros_like", "ones_like", "full_like"),
)
_FUNCTIONS = {getattr(np, name): getattr(functions, name) for name in _NAMES}


def call(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The graph that a NumPy function means for symbolic arguments; DTypeError if there is none."""
    if function not in _FUNCTIONS:
        raise DTypeError(
            message(
                f"np.{function.__name__} does not take symbolic variables.",
                where=str(current_line()),
                hint="use the functions in arignote.tensor, or x.eval({...}) for a value",
            )
        )
    return _FUNCTIONS[function](*args, **kwargs)


hooks.call_numpy_function = call
