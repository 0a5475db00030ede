"""Looking at the values and the gradients of a graph; the work is imported when first needed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arignote import lazy
from arignote.graph import Variable

if TYPE_CHECKING:
    from arignote.compile.gradcheck import GradientCheck
    from arignote.compile.values import Values

MAX_ELEMENTS = 200


def inspect_values(
    outputs: Variable | Sequence[Variable] | Mapping[str, Variable],
    inputs: Mapping[Variable, Any] | None = None,
    *,
    optimized: bool = False,
) -> "Values":
    """The values of all that outputs depend on, for given inputs, computed node by node.

    Parameters
    ----------
    outputs : Variable, or sequence or dict of Variable
    inputs : mapping of Variable to array_like
        A value for each input; one for a computed or shared variable takes its place.
    optimized : bool
        True looks at the graph that runs, after the rewrites; False at the one that was built.

    Returns
    -------
    Values

    Raises
    ------
    MissingInputError
        An input has no value.
    InputError
        A value does not fit its input.
    ArignoteError
        An op fails; the error names its inputs with their shapes, and the line.

    Example
    -------
    >>> import numpy as np
    >>> from arignote import inspect_values, tensor as T
    >>> x = T.dvector("x")
    >>> h = T.log(x)
    >>> h.name = "h"
    >>> values = inspect_values(h.sum(), {x: [0.0, 1.0]})
    >>> values["h"], values.stats[h].inf
    (array([-inf,   0.]), 1)
    """
    __tracebackhide__ = True
    found: Values = lazy.module("arignote.compile.values").inspect_values(
        outputs, inputs, optimized
    )
    return found


def gradcheck(
    cost: Variable,
    wrt: Variable | Sequence[Variable] | None = None,
    inputs: Mapping[Variable, Any] | None = None,
    *,
    eps: float | None = None,
    tol: float | None = None,
    max_elements: int = MAX_ELEMENTS,
) -> "GradientCheck":
    """The gradients of a cost compared with central differences, for each variable.

    An element agrees if it differs by no more than `tol` of its size and than what the rounding of
    the cost makes of a difference.

    Parameters
    ----------
    cost : Variable
        A scalar.
    wrt : Variable or list of them, optional
        Inputs and shared variables of float or complex dtype; by default all that there are.
    inputs : mapping of Variable to array_like
        Values of inputs; shared variables have theirs, and `tag.test_value` is taken where there
        is one.
    eps : float, optional
        The step of the differences, by default 6e-6 (float64) or 6e-3 (float32).
    tol : float, optional
        By default 1e-6 (float64) or 1e-2 (float32).
    max_elements : int
        Of larger variables as many elements are compared, chosen at random.

    Returns
    -------
    GradientCheck

    Raises
    ------
    MissingInputError, InputError, GradientError

    Example
    -------
    >>> import numpy as np
    >>> from arignote import gradcheck, shared, tensor as T
    >>> w = shared(np.array([0.5, 2.0]), "w")
    >>> bool(gradcheck(T.exp(w).sum(), w))
    True
    """
    __tracebackhide__ = True
    found: GradientCheck = lazy.module("arignote.compile.gradcheck").gradcheck(
        cost, wrt, inputs, eps, tol, max_elements
    )
    return found
