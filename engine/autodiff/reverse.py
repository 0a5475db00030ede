"""Reverse mode: the gradient of a scalar cost as symbolic expressions."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from arignote import scalar
from arignote.config import OnProblem
from arignote.errors import (
    DisconnectedInputError,
    GradientError,
    NonScalarCostError,
    NullTypeGradError,
    message,
)
from arignote.graph import Apply, Variable, apply_scalar, as_variable, toposort
from arignote.graph.collector import without_collector
from arignote.graph.describe import describe, label
from arignote.graph.variable import built_for, current_line
from arignote.ops.base import DISCONNECTED, Undefined
from arignote.scalar import ZERO
from arignote.types import kind, real_of, shape_text


@without_collector
def grad(
    cost: Any,
    wrt: Any,
    consider_constant: Iterable[Any] = (),
    disconnected_inputs: str = "raise",
    known_grads: Mapping[Any, Any] | None = None,
) -> Any:
    """The gradient of a scalar cost, as expressions that can be used in further expressions.

    Parameters
    ----------
    cost : scalar Variable or None
        None together with `known_grads`.
    wrt : Variable or list or tuple of them
        What to differentiate by: variables of float or complex dtype.
    consider_constant : iterable of Variable
        Variables through which no gradient flows.
    disconnected_inputs : {'raise', 'warn', 'ignore'}
        What to do about a `wrt` that the cost does not depend on; its gradient is zeros.
    known_grads : mapping of Variable to Variable, optional
        Gradients that are known already, in place of those that would be derived.

    Returns
    -------
    Variable, list or tuple
        In the form of `wrt`; each has the dtype and shape of its variable. For complex variables
        the gradient is dC/dRe + 1j dC/dIm.

    Raises
    ------
    NonScalarCostError, DisconnectedInputError, NullTypeGradError, GradientError

    Example
    -------
    >>> from arignote import grad, tensor as T
    >>> x = T.dscalar("x")
    >>> float(grad(x ** 3, x).eval({x: 2.0}))
    12.0
    """
    policy = OnProblem(disconnected_inputs)
    targets = list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    known = {k: as_variable(v) for k, v in (known_grads or {}).items()}
    constants = _as_set(consider_constant)
    _check_targets(targets)
    _check_known(known)
    seeds = dict(known)
    if cost is not None and cost not in seeds:
        seeds[_checked_cost(cost)] = cost.ones_like()
    if not seeds:
        raise GradientError(message("grad needs a cost, or known_grads.", where=_line()))
    found = _propagate(seeds, targets, constants, set(known))
    results = [_result(target, found, cost, policy) for target in targets]
    return type(wrt)(results) if isinstance(wrt, list | tuple) else results[0]


def _line() -> str:
    return str(current_line())


def _as_set(variables: Any) -> set[Variable]:
    return {variables} if isinstance(variables, Variable) else set(variables)


def _checked_cost(cost: Any) -> Variable:
    if not isinstance(cost, Variable):
        raise GradientError(message(f"the cost {cost!r} is no variable.", where=_line()))
    if cost.type.ndim != 0:
        raise NonScalarCostError(
            message(
                f"the cost {label(cost)} has the shape {shape_text(cost.type.shape)}; only a scalar"
                " has a gradient.",
                got=[describe(cost)],
                where=_line(),
                hint="cost.mean() or cost.sum(); for each element: known_grads={cost: weights}",
            )
        )
    if kind(cost.type.dtype) != "f":
        raise GradientError(
            message(
                f"the cost {label(cost)} is {cost.type.dtype}; only real floating-point costs"
                " have a gradient.",
                got=[describe(cost)],
                where=_line(),
                hint="use real numbers: abs(z), z.real; a count or a comparison has no gradient",
            )
        )
    return cost


def _check_targets(targets: Sequence[Any]) -> None:
    for target in targets:
        if not isinstance(target, Variable):
            raise GradientError(
                message(f"cannot differentiate by {target!r}: no variable.", where=_line())
            )
        if not target.type.is_float:
            raise GradientError(
                message(
                    f"cannot differentiate by {target}: {target.type.dtype} values move in steps.",
                    got=[describe(target)],
                    where=_line(),
                    hint=f"declare it as a float, or leave {target} out of wrt",
                )
            )


def _check_known(known: Mapping[Variable, Any]) -> None:
    for variable, gradient in known.items():
        if gradient.ndim != variable.type.ndim:
            raise GradientError(
                message(
                    f"the known gradient of {variable} has {gradient.ndim} axes, not"
                    f" {variable.type.ndim}.",
                    got=[describe(variable), describe(gradient)],
                    where=_line(),
                )
            )


class _Found:
    """Gradients by variable: sums of the contributions that came so far."""

    def __init__(self, seeds: Mapping[Variable, Any]) -> None:
        self.gradients: dict[Variable, Any] = dict(seeds)
        self.seeds = set(seeds.values())
        self.zeros: set[Variable] = set()
        self.undefined: dict[Variable, tuple[Apply, str]] = {}

    @cached_property
    def uses(self) -> Counter[Variable]:
        """How many variables each expression is the gradient of; asked when all are found."""
        return Counter(self.gradients.values())

    def add(self, variable: Any, gradient: Any, node: Apply) -> None:
        """Notes one contribution to the gradient of an input of `node`."""
        if gradient is DISCONNECTED:
            return
        if isinstance(gradient, Undefined):
            self.undefined.setdefault(variable, (node, gradient.reason))
        elif gradient is ZERO:
            self.zeros.add(variable)
        else:
            gradient = _as_type_of(variable, as_variable(gradient), node)
            before = self.gradients.get(variable)
            self.gradients[variable] = gradient if before is None else before + gradient


def _as_type_of(variable: Any, gradient: Any, node: Apply) -> Any:
    if gradient.ndim != variable.ndim:
        raise GradientError(
            message(
                f"the gradient of {node.op} has {gradient.ndim} axes for an input with"
                f" {variable.ndim}: an error in the op.",
                got=[describe(variable), describe(gradient)],
            )
        )
    if gradient.type.dtype == variable.type.dtype:
        return gradient
    if kind(gradient.dtype) == "c" and kind(variable.dtype) != "c":
        gradient = apply_scalar(scalar.real, gradient)
        return gradient.astype(real_of(variable.dtype))
    return gradient.astype(variable.dtype)


def _propagate(
    seeds: Mapping[Variable, Any],
    targets: Sequence[Variable],
    constants: set[Variable],
    known: set[Variable],
) -> _Found:
    """Gradients of all variables on a way from a target to a seed."""
    order = toposort(seeds)
    leading = _depends_on(order, targets, constants, known)
    found = _Found(seeds)
    line = current_line()
    for node in reversed(order):
        if not any(x in leading for x in node.inputs):
            continue
        if not any(out in leading for out in node.outputs):
            continue
        outs = [out for out in node.outputs if out in found.gradients]
        if outs:
            _through(node, found, leading, known, line)
        else:
            _pass_on(node, found, leading, line)
    return found


def _through(
    node: Apply, found: _Found, leading: set[Variable], known: set[Variable], line: Any
) -> None:
    with built_for(line, node):
        gradients = [
            found.gradients[out] if out in found.gradients else out.zeros_like()  # type: ignore[attr-defined]
            for out in node.outputs
        ]
        parts = node.op.grad(node.inputs, node.outputs, gradients)
        for x, part in zip(node.inputs, parts, strict=True):
            if x in leading and x not in known:
                found.add(x, part if x.type.is_float else _flat(part), node)


def _flat(part: Any) -> Any:
    return DISCONNECTED if part is DISCONNECTED else ZERO


def _pass_on(node: Apply, found: _Found, leading: set[Variable], line: Any) -> None:
    """Hands zero and undefined gradients of outputs on to the inputs that matter to the op."""
    zero = any(out in found.zeros for out in node.outputs)
    undefined = [found.undefined[out] for out in node.outputs if out in found.undefined]
    if not zero and not undefined:
        return
    with built_for(line, node):
        zeros = [out.zeros_like() for out in node.outputs]  # type: ignore[attr-defined]
        parts = node.op.grad(node.inputs, node.outputs, zeros)
    for x, part in zip(node.inputs, parts, strict=True):
        if part is DISCONNECTED or x not in leading:
            continue
        if zero:
            found.zeros.add(x)
        if undefined:
            found.undefined.setdefault(x, undefined[0])


def _depends_on(
    order: Sequence[Apply],
    targets: Sequence[Variable],
    constants: set[Variable],
    known: set[Variable],
) -> set[Variable]:
    """The variables that depend on a target without passing a constant."""
    leading = set(targets)
    for node in order:
        if any(x in leading and x not in constants for x in node.inputs):
            leading.update(out for out in node.outputs if out not in constants)
    return leading


def _result(target: Any, found: _Found, cost: Any, policy: OnProblem) -> Any:
    if target in found.undefined:
        node, reason = found.undefined[target]
        raise NullTypeGradError(
            message(
                f"the gradient by {target} is undefined: {reason}",
                got=[describe(out) for out in node.outputs],
                where=str(node.source),
                hint="name what should count as constant: consider_constant=[...]",
            )
        )
    if target in found.gradients:
        gradient = found.gradients[target]
        _mark(gradient, found, cost, target)
        if _can_be_named(gradient, found, cost):
            gradient.name = f"(d{cost.name}/d{target.name})" if target.name else None
        return gradient
    if target not in found.zeros:
        _disconnected(target, cost, policy)
    return target.zeros_like()


def _mark(gradient: Any, found: _Found, cost: Any, target: Any) -> None:
    """Notes in the tag of an expression that it is the gradient of a cost by a variable."""
    if gradient.owner is not None and gradient not in found.seeds and cost is not None:
        known = getattr(gradient.tag, "gradient_by", ())
        gradient.tag.gradient_by = (*known, (cost, target))


def _can_be_named(gradient: Any, found: _Found, cost: Any) -> bool:
    """Whether the expression is new, and the gradient of one variable only."""
    if not isinstance(cost, Variable) or cost.name is None or gradient.name is not None:
        return False
    if gradient.owner is None or gradient in found.seeds:
        return False
    return found.uses[gradient] == 1


def _disconnected(target: Any, cost: Any, policy: OnProblem) -> None:
    if policy is OnProblem.IGNORE:
        return
    text = message(
        f"the cost {label(cost)} does not depend on {label(target)}."
        if isinstance(cost, Variable)
        else f"the known gradients do not depend on {label(target)}.",
        got=[describe(v) for v in (target, cost) if isinstance(v, Variable)],
        where=_line(),
        hint="leave it out of wrt, or pass disconnected_inputs='ignore' for zeros",
    )
    if policy is OnProblem.WARN:
        warnings.warn(text, stacklevel=4)
        return
    raise DisconnectedInputError(text)
