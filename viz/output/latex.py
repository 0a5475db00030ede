"""Small expressions as LaTeX: fractions, powers, sums with their indices, products of matrices."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from arignote.graph import Apply, Constant, Variable, toposort
from arignote.ops.base import Op
from arignote.ops.create import ARange, Eye, Shape
from arignote.ops.dot import Dot, Gemm, Gemv, MatMul
from arignote.ops.elemwise import Elemwise, SumTo
from arignote.ops.indexing import AdvancedSubtensor, Subtensor, WriteSubtensor
from arignote.ops.join import Join
from arignote.ops.nnet import LogSoftmax, LogSumExp, Softmax
from arignote.ops.reduce import ArgReduce, Mean, Reduce
from arignote.ops.view import BroadcastTo, DimShuffle, Flatten, Reshape

MAX_NODES = 60
MAX_TEXT = 4000
SHORT_POWER = 40
MAX_DIGITS = 8
INDICES = "ijklmn"
GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|"
    "upsilon|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
FUNCTIONS = ("log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")


class Binds(IntEnum):
    """How closely an expression holds together; looser ones need parentheses in closer ones."""

    CASES = 0
    LOGIC = 1
    COMPARISON = 2
    SUM = 3
    NEGATIVE = 4
    ELEMENTWISE = 5
    PRODUCT = 6
    CALL = 7
    ATOM = 8


@dataclass(frozen=True)
class Piece:
    """An expression, how closely it holds together, and its number of axes."""

    text: str
    binds: Binds = Binds.ATOM
    ndim: int = 0


def to_latex(variable: Variable, max_nodes: int = MAX_NODES) -> str | None:
    r"""The expression that computes a variable, without dollar signs; None for large ones.

    Parameters
    ----------
    variable : Variable
    max_nodes : int
        Expressions of more ops give None.

    Example
    -------
    >>> from arignote import tensor as T
    >>> x, mu, sigma = T.dscalar("x"), T.dscalar("mu"), T.dscalar("sigma")
    >>> print(to_latex(T.exp((x - mu) ** 2 / sigma)))
    e^{\frac{\left(x - \mu\right)^{2}}{\sigma}}
    """
    order = toposort([variable])
    if len(order) > max_nodes:
        return None
    known: dict[Variable, Piece] = {}
    for node in order:
        args = [known.get(x) or _leaf(x) for x in node.inputs]
        piece = _applied(node, args)
        if len(piece.text) > MAX_TEXT:
            return None
        for out in node.outputs:
            text, binds = piece.text, piece.binds
            if len(node.outputs) > 1:
                text, binds = f"{_wrapped(piece, Binds.ATOM)}_{{[{out.index}]}}", Binds.ATOM
            # A number filled into an array stays a number to the eye.
            ndim = piece.ndim if _is_fill(node.op) else out.type.ndim
            known[out] = Piece(text, binds, ndim)
    text = (known.get(variable) or _leaf(variable)).text
    return f"{name_latex(variable.name)} = {text}" if order and variable.name else text


# ---- leaves -------------------------------------------------------------------------------------


def name_latex(name: str) -> str:
    """A name: `W_1` and `x2` with a subscript, Greek letters, upright words."""
    base, *subscripts = [part for part in name.split("_") if part] or [name]
    if not subscripts and (found := re.fullmatch(r"([A-Za-z]|[A-Za-z]+?)(\d+)", base)):
        base, subscripts = found[1], [found[2]]
    text = _word(base)
    return f"{text}_{{{','.join(map(_word, subscripts))}}}" if subscripts else text


def _word(word: str) -> str:
    if GREEK.fullmatch(word):
        return f"\\{word}"
    if word.isdigit() or (len(word) == 1 and word.isalpha()):
        return word
    return f"\\mathrm{{{_escaped(word)}}}"


def _escaped(text: str) -> str:
    signs = {"\\": "\\backslash ", "^": "\\hat{}", "~": "\\sim ", " ": "\\ "}
    return "".join(f"\\{c}" if c in "_%$&#{}" else signs.get(c, c) for c in text)


def _leaf(x: Variable) -> Piece:
    if x.name is not None:
        return Piece(name_latex(x.name), ndim=x.type.ndim)
    if not isinstance(x, Constant):
        return Piece("\\square", ndim=x.type.ndim)
    if x.data.ndim == 0:
        return _number(x.data)
    if x.data.ndim == 1 and x.data.size <= 6:
        cells = ", ".join(_number(item).text for item in x.data)
        return Piece(f"\\left[{cells}\\right]", ndim=1)
    sizes = " \\times ".join(map(str, x.data.shape))
    return Piece(f"\\mathrm{{const}}_{{{sizes}}}", ndim=x.data.ndim)


def _number(value: np.ndarray) -> Piece:
    text = str(value).removesuffix(".0")
    if text in ("True", "False", "nan"):
        return Piece(f"\\mathrm{{{text}}}")
    if len(text) > MAX_DIGITS and value.dtype.kind == "f":
        text = f"{value:.6g}"
    text = text.replace("inf", "\\infty")
    if "e" in text and "\\" not in text and "j" not in text:
        digits, _, exponent = text.partition("e")
        power = f"10^{{{int(exponent)}}}"
        text = {"1": power, "-1": f"-{power}"}.get(digits, f"{digits} \\cdot {power}")
        return Piece(text, Binds.NEGATIVE if text.startswith("-") else Binds.PRODUCT)
    return Piece(text, Binds.NEGATIVE if text.startswith("-") else Binds.ATOM)


# ---- how expressions are put together -----------------------------------------------------------


def _wrapped(piece: Piece, at_least: Binds) -> str:
    """The text, in parentheses unless it holds together closely enough."""
    return piece.text if piece.binds >= at_least else f"\\left({piece.text}\\right)"


def _closed(piece: Piece, without: str = "^") -> str:
    """The text, in parentheses unless it is one symbol without these signs."""
    is_closed = piece.binds is Binds.ATOM and not any(sign in piece.text for sign in without)
    return piece.text if is_closed else f"\\left({piece.text}\\right)"


def _call(name: str, *args: Piece) -> Piece:
    return Piece(f"{name}\\left({', '.join(x.text for x in args)}\\right)", Binds.CALL)


def _named(name: str) -> str:
    return f"\\operatorname{{{_escaped(name)}}}"


def _power(base: Piece, exponent: str) -> Piece:
    return Piece(f"{_closed(base)}^{{{exponent}}}", Binds.CALL)


def _exponential(base: str, name: str) -> Callable[..., Piece]:
    def shown(x: Piece) -> Piece:
        # Long exponents are too small to be read.
        return (
            _call(name, x)
            if len(x.text) > SHORT_POWER
            else Piece(f"{base}^{{{x.text}}}", Binds.CALL)
        )

    return shown


def _add(a: Piece, b: Piece) -> Piece:
    left = _wrapped(a, Binds.SUM)
    if b.binds is Binds.NEGATIVE:
        return Piece(f"{left} - {b.text.removeprefix('-')}", Binds.SUM)
    return Piece(f"{left} + {_wrapped(b, Binds.SUM)}", Binds.SUM)


def _subtract(a: Piece, b: Piece) -> Piece:
    return Piece(f"{_wrapped(a, Binds.SUM)} - {_wrapped(b, Binds.PRODUCT)}", Binds.SUM)


def _multiply(a: Piece, b: Piece) -> Piece:
    arrays = bool(a.ndim and b.ndim)
    left = _wrapped(a, Binds.NEGATIVE)
    right = _wrapped(b, Binds.ELEMENTWISE if arrays else Binds.PRODUCT)
    sign = "\\odot" if arrays else "\\cdot" if right[:1].isdigit() else "\\,"
    binds = Binds.ELEMENTWISE if arrays else Binds.PRODUCT
    if left.startswith("-"):
        binds = Binds.NEGATIVE
    return Piece(f"{left} {sign} {right}", binds)


def _product(a: Piece, b: Piece) -> Piece:
    """The product of matrices."""
    return Piece(f"{_wrapped(a, Binds.PRODUCT)} \\, {_wrapped(b, Binds.PRODUCT)}", Binds.PRODUCT)


def _negative(x: Piece) -> Piece:
    return Piece(f"-{_wrapped(x, Binds.PRODUCT)}", Binds.NEGATIVE)


def _fraction(a: Piece, b: Piece) -> Piece:
    return Piece(f"\\frac{{{a.text}}}{{{b.text}}}", Binds.CALL)


def _between(left: str, right: str) -> Callable[..., Piece]:
    return lambda x: Piece(f"\\left{left}{x.text}\\right{right}")


def _relation(sign: str) -> Callable[..., Piece]:
    return lambda a, b: Piece(
        f"{_wrapped(a, Binds.SUM)} {sign} {_wrapped(b, Binds.SUM)}", Binds.COMPARISON
    )


def _logic(sign: str) -> Callable[..., Piece]:
    return lambda a, b: Piece(
        f"{_wrapped(a, Binds.COMPARISON)} {sign} {_wrapped(b, Binds.COMPARISON)}", Binds.LOGIC
    )


def _cases(condition: Piece, yes: Piece, no: Piece) -> Piece:
    rows = f"{yes.text} & \\text{{if }} {condition.text} \\\\ {no.text} & \\text{{otherwise}}"
    return Piece(f"\\begin{{cases}} {rows} \\end{{cases}}", Binds.CASES)


def _function(name: str) -> Callable[..., Piece]:
    return lambda *args: _call(name, *args)


def _plus_one(x: Piece) -> Piece:
    return _add(Piece("1"), x)


ONE, TWO = Piece("1"), Piece("2")
_exp = _exponential("e", "\\exp")
SCALARS: Mapping[str, Callable[..., Piece]] = {
    "add": _add,
    "sub": _subtract,
    "mul": _multiply,
    "true_div": _fraction,
    "neg": _negative,
    "reciprocal": lambda x: _fraction(ONE, x),
    "power": lambda a, b: _power(a, b.text),
    "square": lambda x: _power(x, "2"),
    "sqrt": lambda x: Piece(f"\\sqrt{{{x.text}}}"),
    "exp": _exp,
    "exp2": _exponential("2", _named("exp2")),
    "expm1": lambda x: _subtract(_exp(x), ONE),
    "log1p": lambda x: _call("\\log", _plus_one(x)),
    "log1mexp": lambda x: _call("\\log", _subtract(ONE, _exp(x))),
    "log2": _function("\\log_{2}"),
    "log10": _function("\\log_{10}"),
    "abs": _between("|", "|"),
    "floor": _between("\\lfloor ", "\\rfloor "),
    "ceil": _between("\\lceil ", "\\rceil "),
    "floor_div": lambda a, b: _between("\\lfloor ", "\\rfloor ")(_fraction(a, b)),
    "mod": lambda a, b: Piece(
        f"{_wrapped(a, Binds.PRODUCT)} \\;\\mathrm{{mod}}\\; {_wrapped(b, Binds.CALL)}",
        Binds.PRODUCT,
    ),
    "lt": _relation("<"),
    "gt": _relation(">"),
    "le": _relation("\\leq"),
    "ge": _relation("\\geq"),
    "eq": _relation("="),
    "neq": _relation("\\neq"),
    "logical_and": _logic("\\wedge"),
    "and_": _logic("\\wedge"),
    "logical_or": _logic("\\vee"),
    "or_": _logic("\\vee"),
    "logical_not": lambda x: Piece(f"\\neg {_wrapped(x, Binds.ATOM)}", Binds.CALL),
    "switch": _cases,
    "second": lambda _, value: value,
    "conj": lambda x: Piece(f"\\overline{{{x.text}}}"),
    "real": _function(_named("Re")),
    "imag": _function(_named("Im")),
    "complex": lambda a, b: _add(a, _multiply(b, Piece("\\mathrm{i}"))),
    "maximum": _function("\\max"),
    "minimum": _function("\\min"),
    "sigmoid": _function("\\sigma"),
    "gamma": _function("\\Gamma"),
    "gammaln": lambda x: _call("\\log\\Gamma", x),
    "digamma": _function("\\psi"),
    "polygamma": lambda n, x: _call(f"\\psi^{{({n.text})}}", x),
    **{name: _function(f"\\{name}") for name in FUNCTIONS},
}
REDUCTIONS = {"add": "\\sum", "mul": "\\prod", "maximum": "\\max", "minimum": "\\min",
              "logical_and": _named("all"), "logical_or": _named("any"),
              "and_": _named("all"), "or_": _named("any")}  # fmt: skip


def _is_fill(op: Op) -> bool:
    return isinstance(op, BroadcastTo) or (isinstance(op, Elemwise) and op.scalar.name == "second")


# ---- ops ----------------------------------------------------------------------------------------


def _applied(node: Apply, args: Sequence[Piece]) -> Piece:
    """The expression of a node for those of its operands."""
    if isinstance(node.op, Elemwise):
        name = node.op.scalar.name
        if name.startswith("cast_"):
            return args[0]
        shown = SCALARS.get(name)
        return shown(*args) if shown else _call(_named(name), *args)
    for kind, write in OPS.items():
        if isinstance(node.op, kind):
            return write(node, args)
    return _call(_named(node.op.name.lower()), *args)


def _indexed(piece: Piece, ndim: int) -> str:
    """An operand with a letter for each of its axes."""
    letters = INDICES[:ndim] if ndim <= len(INDICES) else "\\ldots"
    if not ndim:
        return _wrapped(piece, Binds.PRODUCT)
    return f"{_closed(piece, '_^')}_{{{letters}}}"


def _op(node: Apply) -> Any:
    """The op, of the class that the table of ops says."""
    return node.op


def _over(sign: str, node: Apply, axes: Sequence[int], args: Sequence[Piece]) -> Piece:
    """A sum or the like over some axes of the one operand; one with indices gets no others."""
    ndim = node.inputs[0].type.ndim
    owner = node.inputs[0].owner
    if owner is not None and isinstance(owner.op, Subtensor | AdvancedSubtensor):
        return Piece(f"{sign} {args[0].text}", Binds.PRODUCT)
    letters = ",".join(INDICES[axis] for axis in axes if axis < len(INDICES))
    size = node.inputs[0].type.shape[axes[0]] if len(axes) == 1 else None
    limits = f"_{{{letters}}}" if letters else ""
    if size is not None and sign in ("\\sum", "\\prod"):
        limits = f"_{{{letters}=1}}^{{{size}}}"
    return Piece(f"{sign}{limits} {_indexed(args[0], ndim)}", Binds.PRODUCT)


def _reduce(node: Apply, args: Sequence[Piece]) -> Piece:
    name = _op(node).scalar.name
    return _over(REDUCTIONS.get(name, _named(name)), node, _op(node).axes, args)


def _arg_reduce(node: Apply, args: Sequence[Piece]) -> Piece:
    return _over(_named(node.op.name.lower()), node, _op(node).axes, args)


def _mean(node: Apply, args: Sequence[Piece]) -> Piece:
    return _over(_named("mean"), node, _op(node).axes, args)


def _log_sum_exp(node: Apply, args: Sequence[Piece]) -> Piece:
    return _over(_named("logsumexp"), node, _op(node).axes, args)


def _shuffle(node: Apply, args: Sequence[Piece]) -> Piece:
    order, ndim = _op(node).order, node.inputs[0].type.ndim
    kept = [axis for axis in order if axis is not None]
    if kept == list(range(ndim)):
        # New axes in front change nothing to the eye: arrays are lined up at their last axes.
        if order[len(order) - ndim :] == tuple(range(ndim)):
            return args[0]
        entries = ", ".join("\\ast" if axis is None else ":" for axis in order)
        return Piece(f"{_wrapped(args[0], Binds.ATOM)}_{{{entries}}}")
    if ndim == 2 and order == (1, 0):
        return Piece(f"{_closed(args[0])}^{{\\top}}", Binds.CALL)
    return _call(f"{_named('transpose')}_{{{_axes(order)}}}", args[0])


def _axes(order: Sequence[int | None]) -> str:
    return ",".join("\\ast" if axis is None else str(axis) for axis in order)


def _read(node: Apply, args: Sequence[Piece]) -> Piece:
    index = _op(node).pattern.pp([x.text for x in args[1:]]).replace("None", "\\ast")
    return Piece(f"{_closed(args[0], '_')}_{{{index}}}")


def _write(node: Apply, args: Sequence[Piece]) -> Piece:
    index = _op(node).pattern.pp([x.text for x in args[2:]]).replace("None", "\\ast")
    place = Piece(f"{_wrapped(args[0], Binds.ATOM)}_{{{index}}}")
    return _call(_named(node.op.name), place, args[1])


def _arange(_: Apply, args: Sequence[Piece]) -> Piece:
    start, stop, step = args
    shown = args if step.text != "1" else [start, stop] if start.text != "0" else [stop]
    return _call(_named("arange"), *shown)


def _first(name: str) -> Callable[[Apply, Sequence[Piece]], Piece]:
    return lambda node, args: _call(_named(name), args[0])


def _added_product(_: Apply, args: Sequence[Piece]) -> Piece:
    z, alpha, x, y = args
    return _add(z, _multiply(alpha, _product(x, y)))


OPS: Mapping[type[Op], Callable[[Apply, Sequence[Piece]], Piece]] = {
    Reduce: _reduce,
    Mean: _mean,
    ArgReduce: _arg_reduce,
    LogSumExp: _log_sum_exp,
    DimShuffle: _shuffle,
    Dot: lambda _, args: _product(*args),
    MatMul: lambda _, args: _product(*args),
    Gemm: _added_product,
    Gemv: _added_product,
    Subtensor: _read,
    AdvancedSubtensor: _read,
    WriteSubtensor: _write,
    SumTo: lambda _, args: args[0],
    BroadcastTo: lambda _, args: args[0],
    Reshape: _first("reshape"),
    Flatten: _first("flatten"),
    Shape: _first("shape"),
    Softmax: _first("softmax"),
    LogSoftmax: _first("logsoftmax"),
    Join: lambda _, args: Piece(f"\\left[{', '.join(x.text for x in args)}\\right]"),
    ARange: _arange,
    Eye: lambda _, args: Piece("I"),
}
