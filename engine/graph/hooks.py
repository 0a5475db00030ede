"""The upward calls that users expect of a variable; each is set where its layer is defined."""

from collections.abc import Callable, Mapping
from typing import Any

from arignote.errors import GraphError


def _not_loaded(*_: Any) -> Any:
    raise GraphError("this needs the whole package: import arignote")


evaluate: Callable[[Any, Mapping[Any, Any]], Any] = _not_loaded
"""`x.eval(inputs)`; set by compile/."""

call_numpy_function: Callable[[Any, Any, Any], Any] = _not_loaded
"""`np.dot(x, y)` and its like, `(function, args, kwargs)`; set by tensor/."""

mimebundle: Callable[[Any, Any, Any], dict[str, Any]] = _not_loaded
"""The rich display of a variable or function, `(thing, include, exclude)`; set by printing."""
