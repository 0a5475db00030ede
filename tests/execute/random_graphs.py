"""Random graphs of all kinds of nodes: what the executors must agree on.

A graph follows from its seed. Its inputs have axes of three sizes, `A`, `B` and `C`, which a call
may choose; the shape that each value has at the first choice steers what may come next.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from arignote import tensor as T
from oracles import assert_arrays

SIZES = {"A": 3, "B": 4, "C": 2}
# Each axis by name; 1 is a size that broadcasts.
LAYOUTS = ["", "A", "B", "AB", "AB", "BA", "B", "1B", "A1", "ABC", "CAB"]
FLOATS = ["float32", "float64"]
INTEGERS = ["int8", "int32", "int64", "uint8"]
SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-310, 3.0, -1.0]


@dataclass
class Graph:
    """Inputs, their axes by name, and outputs."""

    inputs: list[Any] = field(default_factory=list)
    axes: list[str] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)

    def shapes(self, sizes: dict[str, int], ones: Sequence[tuple[int, int]] = ()) -> list[tuple]:
        """The inputs' shapes; `ones` are (input, axis) that have the size 1 instead."""
        shapes = [tuple(1 if name == "1" else sizes[name] for name in axes) for axes in self.axes]
        return [
            tuple(1 if (n, k) in ones else size for k, size in enumerate(shape))
            for n, shape in enumerate(shapes)
        ]

    def values(self, shapes: Sequence[tuple], seed: int = 0, special: bool = False) -> list[Any]:
        """Arrays for the inputs: numbers near 1; some NaN, infinite or -0 if `special`."""
        rng = np.random.default_rng(seed)
        return [
            _array(rng, x.dtype, shape, special)
            for x, shape in zip(self.inputs, shapes, strict=True)
        ]


def _array(rng: np.random.Generator, dtype: str, shape: tuple, special: bool) -> np.ndarray:
    if dtype == "bool":
        return np.asarray(rng.integers(0, 2, shape), bool)
    if np.dtype(dtype).kind in "iu":
        low = 0 if np.dtype(dtype).kind == "u" else -2
        return np.asarray(rng.integers(low, 3, shape), dtype)
    array = np.asarray(rng.uniform(-1.5, 1.5, shape), dtype)
    if np.dtype(dtype).kind == "c":
        array = array + np.asarray(1j * rng.uniform(-1, 1, shape), dtype)
    elif special:
        with np.errstate(over="ignore"):
            picks = np.asarray(rng.choice(SPECIAL, shape), dtype)
        array = np.where(rng.random(shape) < 0.25, picks, array).astype(dtype)
    return np.asarray(array)


@dataclass
class Maker:
    """Grows a graph, one random step after the other."""

    random: random.Random
    floats: Sequence[str]
    others: Sequence[str]
    pool: list[tuple[Any, tuple[int, ...]]] = field(default_factory=list)
    graph: Graph = field(default_factory=Graph)

    def pick(self, *kinds: str, least: int = 0, most: int = 9) -> tuple[Any, tuple[int, ...]]:
        """A value of one of these kinds of dtypes with a number of axes in a range."""
        found = [
            item
            for item in self.pool
            if np.dtype(item[0].dtype).kind in kinds and least <= len(item[1]) <= most
        ]
        # Late values are more likely, so that graphs become deep.
        return self.random.choice(found[-5:] if self.random.random() < 0.6 else found)

    def add(self, value: Any, shape: Sequence[int]) -> None:
        shape = tuple(shape)
        if np.prod(shape) <= 300:
            self.pool.append((value, shape))

    def inputs(self) -> None:
        known = self.random.choice(["none", "none", "some", "all"])
        dtypes = [self.random.choice(self.floats) for _ in range(3)]
        dtypes += [self.random.choice([*self.others, *self.floats]) for _ in range(2)]
        for n, dtype in enumerate(dtypes):
            axes = self.random.choice(LAYOUTS[3:] if n < 2 else LAYOUTS)
            shape = [
                SIZES[a] if a in SIZES and (known == "all" or (known == "some" and n % 2)) else None
                for a in axes
            ]
            shape = [
                1 if a == "1" and known != "none" else s for a, s in zip(axes, shape, strict=True)
            ]
            x = T.tensor(dtype, tuple(shape), f"x{n}")
            self.graph.inputs.append(x)
            self.graph.axes.append(axes)
            self.add(x, [SIZES.get(a, 1) for a in axes])

    def make(self, steps: int) -> Graph:
        self.inputs()
        while steps:
            step = self.random.choice(STEPS)
            try:
                step(self)
            except IndexError:  # nothing fits
                continue
            steps -= 1
        made = [x for x, _ in self.pool[len(self.graph.inputs) :]]
        count = min(len(made), self.random.choice([1, 2, 3]))
        self.graph.outputs = [made[-1], *self.random.sample(made, count)]
        return self.graph


UNARY = [
    T.tanh, T.sigmoid, T.sin, T.cos, T.neg, T.abs, T.square,
    lambda x: T.exp(-T.abs(x)), lambda x: T.log(1 + T.abs(x)), lambda x: T.sqrt(T.abs(x)),
    lambda x: T.log1p(x * x), lambda x: x * 0.5, lambda x: 1 - x, lambda x: x / 3,
    lambda x: T.switch(x > 0, x, 0.1 * x), lambda x: T.nnet.softplus(x), T.erf, T.expm1,
    lambda x: T.tanh(x) ** 3, lambda x: T.clip(x, -1, 1), T.sign, T.arctan, lambda x: x + x,
]  # fmt: skip
BINARY = [
    T.add, T.sub, lambda x, y: x * T.tanh(y), T.maximum, T.minimum, lambda x, y: x / (2 + T.cos(y)),
    lambda x, y: T.switch(x > y, x, y), lambda x, y: T.switch(T.isnan(x), y, x), T.arctan2,
    lambda x, y: T.sigmoid(x) ** T.abs(y), lambda x, y: T.mod(x, T.abs(y) + 1), T.second,
]  # fmt: skip
INTEGER = [
    T.add, T.sub, T.mul, T.maximum, T.minimum, T.and_, T.or_, T.xor, T.mod, T.floor_div,
    lambda x, y: T.switch(x > y, x, y),
]  # fmt: skip
COMPARISONS = [T.lt, T.gt, T.le, T.ge, T.eq, T.neq]
REDUCTIONS: list[Callable[..., Any]] = [T.sum, T.prod, T.max, T.min, T.any, T.all, T.mean]


def _unary(m: Maker) -> None:
    x, shape = m.pick("f")
    m.add(m.random.choice(UNARY)(x), shape)


def _pair(m: Maker, kinds: str) -> tuple[Any, Any, tuple[int, ...]]:
    """Two values that broadcast."""
    x, shape = m.pick(*kinds)
    fitting = []
    for y, other in m.pool:
        if np.dtype(y.dtype).kind in kinds:
            try:
                fitting.append((y, np.broadcast_shapes(shape, other)))
            except ValueError:
                continue
    y, result = m.random.choice(fitting)
    return (x, y, result) if m.random.random() < 0.5 else (y, x, result)


def _binary(m: Maker) -> None:
    x, y, shape = _pair(m, "f")
    m.add(m.random.choice(BINARY)(x, y), shape)


def _integers(m: Maker) -> None:
    x, y, shape = _pair(m, "iu")
    if np.result_type(x.dtype, y.dtype).kind == "f":  # uint64 with int64
        return
    m.add(m.random.choice(INTEGER)(x, y), shape)


def _comparison(m: Maker) -> None:
    x, y, shape = _pair(m, "fiu")
    m.add(m.random.choice(COMPARISONS)(x, y), shape)


def _switch(m: Maker) -> None:
    mask, shape = m.pick("b")
    x, y, other = _pair(m, "fiu")
    if _fit(shape, other):
        m.add(T.switch(mask, x, y), np.broadcast_shapes(shape, other))


def _fit(shape: tuple, other: tuple) -> bool:
    try:
        np.broadcast_shapes(shape, other)
    except ValueError:
        return False
    return True


def _cast(m: Maker) -> None:
    x, shape = m.pick("b", "i", "u")
    m.add(T.cast(x, m.random.choice([*m.floats, "int64", "int16"])), shape)


def _reduce(m: Maker) -> None:
    f = m.random.choice(REDUCTIONS)
    x, shape = m.pick("f", "i", "u", "b", least=1)
    axes = sorted(m.random.sample(range(len(shape)), m.random.randint(1, len(shape))))
    if f in (T.max, T.min) and not all(shape[a] for a in axes):
        return
    keep = m.random.random() < 0.4
    if f is T.prod and np.dtype(x.dtype).kind == "f":
        x = T.tanh(x) + 0.5
    out = f(x, axis=axes if m.random.random() < 0.8 else tuple(axes), keepdims=keep)
    shown = [1 if a in axes else s for a, s in enumerate(shape) if keep or a not in axes]
    m.add(out, shown)


def _centred(m: Maker) -> None:
    """What is computed row by row: x - mean(x), x / norm(x)."""
    x, shape = m.pick("f", least=1)
    axis = m.random.randrange(len(shape))
    made = [
        lambda: x - x.mean(axis=axis, keepdims=True),
        lambda: x / (1 + T.sqrt((x * x).sum(axis=axis, keepdims=True))),
        lambda: T.exp(x - x.max(axis=axis, keepdims=True)),
        lambda: T.tanh(x) * (T.tanh(x).sum(axis=axis, keepdims=True) + x.min(axis, keepdims=True)),
    ]
    m.add(m.random.choice(made)(), shape)


def _softmax(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    axis = m.random.choice([-1, -1, 0])
    f = m.random.choice([T.nnet.softmax, T.nnet.log_softmax])
    m.add(f(x, axis=axis), shape)


def _logsumexp(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    m.add(T.logsumexp(x, len(shape) - 1), shape[:-1])


def _transpose(m: Maker) -> None:
    x, shape = m.pick("f", "i", "b", least=1)
    order: list[Any] = list(range(len(shape)))
    m.random.shuffle(order)
    for _ in range(m.random.choice([0, 0, 1])):
        order.insert(m.random.randint(0, len(order)), "x")
    m.add(x.dimshuffle(*order), [1 if a == "x" else shape[a] for a in order])


def _slice(m: Maker) -> None:
    x, shape = m.pick("f", "i", "b", least=1)
    index: list[Any] = []
    for size in shape:
        choices: list[Any] = [slice(None), slice(None), slice(None, None, -1), slice(1, None)]
        choices += [slice(None, -1), slice(None, None, 2), slice(-1, None, -2), slice(0, 1)]
        if size:
            choices += [0, -1]
        index.append(m.random.choice(choices))
    m.add(x[tuple(index)], np.empty(shape)[tuple(index)].shape)


def _reshape(m: Maker) -> None:
    x, shape = m.pick("f", "i", least=1)
    if m.random.random() < 0.5:
        m.add(x.flatten(), [int(np.prod(shape))])
    elif len(shape) == 2:
        m.add(x.reshape((x.shape[1], x.shape[0])), shape[::-1])
    else:
        m.add(x.reshape((x.shape[0], -1)), (shape[0], int(np.prod(shape[1:]))))


def _join(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    axis = m.random.randrange(len(shape))
    y = m.random.choice([x, T.tanh(x), x[::-1]])
    m.add(
        T.concatenate([x, y], axis=axis), [2 * s if k == axis else s for k, s in enumerate(shape)]
    )


def _dot(m: Maker) -> None:
    x, shape = m.pick("f", least=1, most=2)
    fitting = [
        (y, other)
        for y, other in m.pool
        if np.dtype(y.dtype).kind == "f" and 1 <= len(other) <= 2
        and other[-2 if len(other) == 2 else 0] == shape[-1]
    ]  # fmt: skip
    y, other = m.random.choice(fitting)
    shown = np.dot(np.zeros(shape), np.zeros(other)).shape
    m.add(T.tanh(T.dot(x, y) * 0.5) if m.random.random() < 0.7 else T.dot(x, y), shown)


def _gram(m: Maker) -> None:
    x, shape = m.pick("f", least=2, most=2)
    m.add(T.tanh(x @ x.T) @ x, shape)


def _matmul(m: Maker) -> None:
    x, shape = m.pick("f", least=3, most=3)
    m.add(T.tanh(T.matmul(x, x.dimshuffle(0, 2, 1))), (shape[0], shape[1], shape[1]))


def _gather(m: Maker) -> None:
    x, shape = m.pick("f", "i", least=1)
    if not shape[0]:
        return
    index = [m.random.randint(-shape[0], shape[0] - 1) for _ in range(3)]
    m.add(x[index], (3, *shape[1:]))


def _computed_gather(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    i, other = m.pick("i", "u", least=1, most=2)
    m.add(T.tanh(x)[T.mod(i, x.shape[0])], (*other, *shape[1:]))


def _pick(m: Maker) -> None:
    x, shape = m.pick("f", least=2, most=2)
    rows = T.arange(x.shape[0])
    m.add(T.nnet.log_softmax(x)[rows, rows % x.shape[1]], shape[:1])


def _one_hot(m: Maker) -> None:
    x, shape = m.pick("f", least=2, most=2)
    rows = T.arange(x.shape[0])
    target = T.eq(T.arange(x.shape[1])[None, :], (rows % x.shape[1])[:, None])
    m.add(T.switch(target, x, 0), shape)


def _write(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    if not shape[0]:
        return
    f = m.random.choice([T.set_subtensor, T.inc_subtensor])
    m.add(f(x[0], 0.5), shape)


def _by_numpy(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    made = [lambda: T.sort(x, axis=0), lambda: x[T.argsort(x, axis=0)] if len(shape) == 1 else x]
    m.add(T.tanh(m.random.choice(made)()), shape)


def _argmax(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    if not shape[-1]:
        return
    m.add(m.random.choice([T.argmax, T.argmin])(x, axis=-1), shape[:-1])


def _size(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    m.add(x * T.cast(x.shape[0], x.dtype) / T.cast(1 + x.size, x.dtype), shape)


def _fill(m: Maker) -> None:
    x, shape = m.pick("f", least=1)
    m.add(T.zeros_like(x) + T.ones_like(x) * 0.5 + T.arange(x.shape[-1]), shape)


STEPS: list[Callable[[Maker], None]] = [
    *(_unary,) * 6, *(_binary,) * 6, *(_reduce,) * 5, _integers, _comparison, _switch, _cast,
    *(_centred,) * 2, _softmax, _logsumexp, *(_transpose,) * 2, *(_slice,) * 2, _reshape, _join,
    *(_dot,) * 2, _gram, _matmul, _gather, _computed_gather, _pick, _one_hot, _write, _by_numpy,
    _argmax, _size, _fill,
]  # fmt: skip


def random_graph(seed: int, steps: int = 9) -> Graph:
    """The graph of a seed; every eighth has numbers that C has no arithmetic for."""
    choice = random.Random(seed)
    floats = [choice.choice(FLOATS)] if choice.random() < 0.7 else FLOATS
    others = [*INTEGERS, "bool"]
    if seed % 8 == 7:
        floats = [*floats, "float16"]
    return Maker(choice, floats, others).make(steps)


def agree(got: np.ndarray, want: np.ndarray, graph: Graph, where: str) -> None:
    """Raises unless two results agree to the precision of the narrowest floats of the graph."""
    assert got.dtype == want.dtype, f"{where}: {got.dtype}, not {want.dtype}"
    if want.dtype.kind == "f":
        narrow = {x.dtype for x in graph.inputs} & {"float16", "float32"}
        dtype = min([want.dtype, *map(np.dtype, narrow)], key=lambda d: d.itemsize)
        with np.errstate(over="ignore"):
            got, want = got.astype(dtype), want.astype(dtype)
    assert_arrays(got, want, where)


def calls(graph: Graph, seed: int) -> Iterator[tuple[str, list[tuple], bool]]:
    """Shapes to call a graph with, a name for each, and whether with special values."""
    yield "plain", graph.shapes(SIZES), False
    yield "special", graph.shapes(SIZES), True
    fixed = {
        axes[k]
        for x, axes in zip(graph.inputs, graph.axes, strict=True)
        for k, size in enumerate(x.type.shape)
        if size is not None
    }
    choice = random.Random(seed)
    for name in ("empty", "one", "large"):
        sizes = {
            axis: size if axis in fixed else {"empty": 0, "one": 1}.get(name, size * 7 + 5)
            for axis, size in SIZES.items()
        }
        if name == "empty":
            sizes = {a: choice.choice([0, s]) if a not in fixed else s for a, s in SIZES.items()}
        yield name, graph.shapes(sizes), False
    for n, x in enumerate(graph.inputs):
        free = [k for k, size in enumerate(x.type.shape) if size is None]
        if free and choice.random() < 0.5:
            ones = [(n, choice.choice(free))]
            yield f"input {n} has size 1", graph.shapes(SIZES, ones), False
