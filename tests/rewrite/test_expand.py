"""Composite ops expanded, reads pushed down, products added by BLAS.

Oracles: the graph as written, run node by node with NumPy; SciPy and NumPy in the tables of
tests/ops. A case states its inputs as in test_node_rules.py.
"""

import itertools

import numpy as np
import pytest

from arignote import function, grad, shared
from arignote import tensor as T
from arignote.config import OptimizerLevel
from arignote.ops.dot import Gemm, Gemv
from arignote.ops.reduce import Count
from arignote.rewrite import RULES, Contract, Tag, optimize
from ops import test_nnet, test_products, test_reductions
from oracles import assert_arrays
from rewrite.expanded import Expanded, ops
from rewrite.test_node_rules import (
    EXPANSIONS,
    assert_bits,
    cases,
    check_weight,
    draw,
    inputs_of,
    outcome,
    with_special_values,
)

nnet = T.nnet
O3 = OptimizerLevel.O3


def rows(x):
    return T.arange(x.shape[0])


def both(x, f):
    return [x, f(x)]


def sums(x):
    return x.sum(axis=1)


def one_hot(x, y, g, write=T.inc_subtensor):
    return write(T.zeros_like(x)[rows(y), y], g)


CASES = {
    "expand_softmax": [
        ("x:nm", nnet.softmax),
        ("x:nm", lambda x: nnet.softmax(x, axis=0)),
        ("x:n3k", lambda x: nnet.softmax(x, axis=1)),
    ],
    "expand_log_softmax": [
        ("x:nm", nnet.log_softmax),
        ("x:n34", lambda x: nnet.log_softmax(x, axis=1)),
    ],
    "expand_logsumexp": [
        ("x:nm", lambda x: T.logsumexp(x, 1)),
        ("x:nmk", lambda x: T.logsumexp(x, (0, 2))),
        ("x:34", lambda x: T.logsumexp(x)),
    ],
    "exp_of_expanded": [
        ("x:nm", lambda x: grad(nnet.log_softmax(x)[:, 0].sum(), x)),
        ("x:3n", lambda x: both(nnet.log_softmax(x, axis=0), T.exp)),
    ],
    "expand_mean": [
        ("x:nm", lambda x: x.mean()),
        ("x:nmk", lambda x: x.mean(axis=(0, 2))),
        ("x:34", lambda x: x.mean(axis=1)),
        ("x:nm:int8", lambda x: x.mean(axis=0)),
        ("x:nm:float16", lambda x: x.mean(axis=0)),
        ("x:nm:complex64", lambda x: x.mean(axis=0)),
    ],
    "dot_of_vectors": [
        ("x:n y:n", T.dot),
        ("x:n", lambda x: T.dot(x, x)),
        ("x:n:int8 y:n:int8", T.dot),
        ("x:3 y:3", T.dot),
    ],
    "gather_of_elemwise": [
        ("x:nm y:nm i:n:int64", lambda x, y, i: (x * T.exp(y))[rows(x), i]),
        ("x:nm b:m s: i:n:int64", lambda x, b, s, i: (x * b + s)[rows(i), i]),
        ("x:nm i:n:int64", lambda x, i: (x - x.sum(axis=1, keepdims=True))[rows(x), i]),
        ("x:nm i:k:int64 j:k:int64", lambda x, i, j: T.tanh(x)[i, j]),
        ("x:nmk i:n:int64 j:n:int64", lambda x, i, j: (x - x.sum(1, keepdims=True))[i, j]),
        ("x:nmk i:n:int64 j:n:int64", lambda x, i, j: (x - x.sum(0, keepdims=True))[i, j, j]),
        ("x:nm i:1:int64", lambda x, i: T.exp(x)[rows(x), i]),
        ("x:nm i:n:int64", lambda x, i: (x * x.sum(axis=0))[rows(x), i]),
    ],
    "gather_of_shuffle": [
        ("x:nm i:k:int64 j:k:int64", lambda x, i, j: x.dimshuffle(0, 1, "x")[i, j]),
        ("x:nm i:k:int64", lambda x, i: x.dimshuffle(0, "x", 1)[i]),
    ],
    "one_hot": [
        ("x:nm i:n:int64 g:n", one_hot),
        ("x:nm i:n:int64 g:", lambda x, i, g: one_hot(x, i, g, T.set_subtensor)),
        ("x:34 i:3:int64", lambda x, i: T.set_subtensor(T.zeros((3, 4))[rows(i), i], 1.0)),
        ("x:nm i:n:uint8 g:n:int32", one_hot),
        ("x:nm i:n:int32 g:n", lambda x, i, g: one_hot(T.exp(x) @ x.T, i, g)),
    ],
    "sum_of_one_hot": [
        ("x:nm i:n:int64 g:n", lambda x, i, g: both(one_hot(x, i, g), sums)),
        ("x:nm i:n:int64 g:", lambda x, i, g: both(one_hot(x, i, g), sums)),
    ],
    "added_product": [
        ("z:nk x:nm y:mk", lambda z, x, y: z + x @ y),
        ("z:nk x:nm y:mk", lambda z, x, y: x @ y + z),
        ("z:nk x:nm y:mk", lambda z, x, y: z - x @ y),
        ("z:nk x:nm y:mk a:", lambda z, x, y, a: z + a * (x @ y)),
        ("z:nk x:nm y:mk a:", lambda z, x, y, a: z - (x @ y) * a),
        ("z:nk x:nm y:mk a:", lambda z, x, y, a: z + (-a) * (x @ y)),
        ("z:nk x:nm y:mk a: b:", lambda z, x, y, a, b: z - a * (b * (x @ y))),
        ("z:nk x:nm y:mk a:", lambda z, x, y, a: z - (x @ y) / a),
        ("z:nk x:nm y:mk a:", lambda z, x, y, a: z - 0.5 * (-(x @ y) / a)),
        ("z:nk x:nm y:mk", lambda z, x, y: z * 2 - 0.1 * (x @ y)),
        ("z:nk x:nm y:mk a:11", lambda z, x, y, a: z + a * (x @ y)),
        ("z:nk x:nm y:mk i::int64", lambda z, x, y, i: z + (x @ y) * i.astype(z.dtype)),
        ("x:nm y:mk", lambda x, y: x @ y + (x * 2) @ y),
        ("z:n x:nm y:m", lambda z, x, y: z + x @ y),
        ("z:m x:n y:nm a:", lambda z, x, y, a: z - a * (x @ y)),
    ],
}
# Rules that need others to have shaped the graph.
NEEDS_OTHERS = {"exp_of_expanded", "sum_of_one_hot"}
SIZES = [{"n": n, "m": m, "k": k} for n, m, k in itertools.product((0, 1, 3), (0, 1, 4), (1, 2))]


def close(actual, expected, where):
    for a, b in zip(as_list(actual), as_list(expected), strict=True):
        assert_arrays(a, b, where)


def bits(actual, expected, where):
    for a, b in zip(as_list(actual), as_list(expected), strict=True):
        assert_bits(a, b, where)


def as_list(results):
    return list(results) if isinstance(results, list | tuple) else [results]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rule", "text", "make"), list(cases(EXPANSIONS, CASES)))
def test_expansion(rule, text, make, dtype):
    specified = inputs_of(text, dtype)
    inputs = [variable for variable, _ in specified]
    outputs = make(*inputs)
    others = [r.name for r in RULES if r is not rule and rule.name not in NEEDS_OTHERS]
    alone, full = Expanded(inputs, outputs, others), Expanded(inputs, outputs)
    plain = function(inputs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    assert rule.name in [firing.name for firing in alone.rewrites]
    for f in (alone, full):
        assert [x.type for x in f.fgraph.outputs] == [x.type for x in as_list(outputs)]
        for firing in f.rewrites:
            check_weight(firing)
    exact = rule.contract is Contract.EXACT
    random = np.random.default_rng(0)
    for sizes in SIZES:
        values = [draw(axes, variable.type.dtype, sizes, random) for variable, axes in specified]
        expected = outcome(plain, values)
        for f, compare in ((alone, bits if exact else close), (full, close)):
            got = outcome(f, values)
            if isinstance(expected, type):
                assert isinstance(got, type), (sizes, got)
                assert issubclass(got, IndexError) == issubclass(expected, IndexError)
            else:
                compare(got, expected, sizes)
        if exact and not isinstance(expected, type):
            values = with_special_values(values)
            bits(alone(*values), as_list(plain(*values)), sizes)


def test_every_expansion_has_cases():
    assert set(CASES) == {rule.name for rule in EXPANSIONS}


TABLES = [
    *(test_nnet.SOFTMAX, test_nnet.LOGSUMEXP, test_nnet.SPECIAL, test_nnet.COSTS),
    *(test_products.DOT, test_products.OTHERS, test_products.DTYPES, test_products.SPECIAL),
    *test_reductions.TABLES,
]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_ops_expanded_compute_what_their_references_do(case, known):
    shapes = [array.shape if known else (None,) * array.ndim for array in case.inputs]
    inputs = [
        T.tensor(array.dtype.name, shape) for array, shape in zip(case.inputs, shapes, strict=True)
    ]
    outputs = as_list(case.build(*inputs))
    with np.errstate(all="ignore"):
        expected = as_list(case.reference(*case.inputs))
    close(Expanded(inputs, outputs)(*case.inputs), [np.asarray(x) for x in expected], case)


MUST_NOT_FIRE = [
    ("sum_of_squares", "x:n", lambda x: (x**2).sum()),
    ("dot_of_vectors", "x:nm y:m", T.dot),
    ("dot_of_vectors", "x:n:bool y:n:bool", T.dot),
    ("dot_of_vectors", "x:n:complex64 y:n:complex64", T.dot),
    ("gather_of_elemwise", "x:nm i:k:int64", lambda x, i: T.exp(x)[i]),
    ("gather_of_elemwise", "x:nm i:nk:int64", lambda x, i: T.exp(x)[i, i]),
    ("gather_of_elemwise", "x:nm i:k:int64", lambda x, i: T.exp(x)[:, i]),
    ("gather_of_elemwise", "x:n1 i:k:int64", lambda x, i: T.exp(x)[i, i]),
    ("gather_of_shuffle", "x:nm i:k:int64", lambda x, i: x.dimshuffle("x", 0, 1)[i]),
    ("gather_of_shuffle", "x:nm i:k:int64", lambda x, i: x.T[i]),
    ("one_hot", "x:nm i:n:int64", lambda x, i: T.inc_subtensor(x[rows(x), i], 1.0)),
    ("one_hot", "x:nm i:n:int64", lambda x, i: T.inc_subtensor(T.zeros_like(x)[i, i], 1.0)),
    ("one_hot", "x:nm i:n:int64", lambda x, i: T.inc_subtensor(T.ones_like(x)[rows(x), i], 1.0)),
    ("one_hot", "x:33 i:3:int64", lambda x, i: T.inc_subtensor(T.zeros_like(x)[i, i], 1.0)),
    ("one_hot", "x:nm i:n:uint64", lambda x, i: one_hot(x, i, 1.0)),
    ("one_hot", "x:nm i:n:int64", lambda x, i: T.zeros_like(x)[T.arange(1, 4), i]),
    ("sum_of_one_hot", "x:nm i:n:int64", lambda x, i: one_hot(x, i, 1.0).sum(axis=1)),
    ("sum_of_one_hot", "x:nm i:n:int64", lambda x, i: both(one_hot(x, i, 1.0), T.sum)),
    ("added_product", "z:n x:mn y:nk", lambda z, x, y: z + x @ y),
    ("added_product", "z:1k x:mn y:nk", lambda z, x, y: z + x @ y),
    ("added_product", "z:mk x:mn y:nk a:mk", lambda z, x, y, a: z + a * (x @ y)),
    ("added_product", "z:mk x:mn y:nk a:k", lambda z, x, y, a: z + a * (x @ y)),
    ("added_product", "z:mk x:mn y:nk", lambda z, x, y: both(x @ y, lambda v: z + v)),
    ("added_product", "z:mk x:mn y:nk", lambda z, x, y: both(2.5 * (x @ y), lambda v: z - v)),
    ("added_product", "z:mk:int64 x:mn:int64 y:nk:int64", lambda z, x, y: z + x @ y),
    ("added_product", "z:mk x:mn:float32 y:nk:float32", lambda z, x, y: z + x @ y),
    ("added_product", "z:mk x:mn y:nk a:", lambda z, x, y, a: z - a / (x @ y)),
    ("added_product", "z: x:n y:n", lambda z, x, y: z + T.dot(x, y)),
    ("added_product", "x:nn y:nn", lambda x, y: x @ y + x @ y),
    ("added_product", "z:mk x:mn y:nk", lambda z, x, y: T.maximum(z, x @ y)),
]


@pytest.mark.parametrize(("name", "text", "make"), MUST_NOT_FIRE)
def test_expansion_does_not_fire_where_it_does_not_hold(name, text, make):
    inputs = [variable for variable, _ in inputs_of(text, "float64")]
    f = Expanded(inputs, make(*inputs))
    assert name not in {firing.name for firing in f.rewrites}


def classifier(build):
    x, y = T.fmatrix("x"), T.lvector("y")
    cost = build(x, y).mean()
    return [x, y], [cost, grad(cost, x)]


LOSSES = [
    lambda x, y: nnet.categorical_crossentropy(nnet.softmax(x), y),
    lambda x, y: -nnet.log_softmax(x)[T.arange(y.shape[0]), y],
    lambda x, y: -T.log(nnet.softmax(x))[rows(x), y],
]


@pytest.mark.parametrize("build", LOSSES)
def test_softmax_cross_entropy_and_its_gradient_share_their_loops(build):
    """One maximum, one exponential and one sum for each row; one read of x, no write."""
    inputs, outputs = classifier(build)
    f = Expanded(inputs, outputs)
    names = ops(f)
    for name in ("Max{axes=1}", "exp", "Sum{axes=1}", "log", "wrap_index"):
        assert names.count(name) == 1, name
    assert names.count("AdvancedSubtensor{array, array}") == 1
    picked = next(n for n in f.fgraph.order if str(n.op).startswith("AdvancedSubtensor"))
    assert picked.inputs[0] is inputs[0]
    assert not [n for n in names if n.startswith(("inc_", "set_", "Softmax", "LogSoft", "second"))]
    matrices = {str(n.op) for n in f.fgraph.order if n.outputs[0].type.ndim == 2}
    views = {"DimShuffle{0,x}", "DimShuffle{x,0}"}
    assert matrices - views <= {"sub", "exp", "eq", "switch", "true_div", "mul", "add"}
    values = [np.random.default_rng(0).normal(size=(5, 7)).astype("float32"), np.arange(5) % 3]
    plain = function(inputs, outputs, mode="FAST_COMPILE")
    close(f(*values), plain(*values), "equal sizes")


@pytest.mark.parametrize("build", LOSSES[:2])
def test_rows_without_a_class_are_left_out(build):
    """The equal-size assumption takes it that each row is read, and gives way where one is not."""
    inputs, outputs = classifier(build)
    f, plain = Expanded(inputs, outputs), function(inputs, outputs, mode="FAST_COMPILE")
    values = [np.random.default_rng(0).normal(size=(5, 7)).astype("float32"), np.arange(3)]
    assert f.check is not None
    assert not f.check(values)
    close(f(*values), plain(*values), "fewer classes")
    with pytest.raises(IndexError):
        f(values[0], np.arange(6))


@pytest.mark.parametrize("build", LOSSES)
@pytest.mark.parametrize("wrong", [7, -8, 2**40])
def test_classes_that_are_not_there_are_index_errors(build, wrong):
    inputs, outputs = classifier(build)
    values = [np.ones((5, 7), "float32"), np.array([0, -7, wrong, 6, 1])]
    for f in (Expanded(inputs, outputs), Expanded(inputs, outputs[:1])):
        with pytest.raises(IndexError):
            f(*values)
    with pytest.raises(IndexError, match=f"index {wrong} is out of range .* size 7"):
        Expanded(inputs, outputs[1:])(*values)


@pytest.mark.parametrize("level", list(OptimizerLevel))
def test_levels(level):
    """At o0 nothing is expanded; at all others composite ops are, whatever else runs."""
    inputs, outputs = classifier(LOSSES[1])
    f = Expanded(inputs, outputs, level=level)
    tags = {firing.rule.tag for firing in f.rewrites}
    assert (Tag.EXPAND in tags) == (level is not OptimizerLevel.O0)
    assert level is not OptimizerLevel.O1 or tags == {Tag.EXPAND}
    values = [np.ones((5, 7), "float32"), np.arange(5)]
    close(f(*values), function(inputs, outputs, mode="FAST_COMPILE")(*values), level)


def test_nothing_is_expanded_unless_asked_for_and_each_tag_can_be_left_out():
    x, z = T.dmatrices("x", "z")
    outputs = [nnet.softmax(x), z - 0.1 * (x @ x)]
    graph = function([x, z], outputs, mode="FAST_COMPILE").graph
    assert not {"expand", "blas"} & {f.rule.tag.value for f in optimize(graph, O3).firings}
    full = {f.name for f in Expanded([x, z], outputs).rewrites}
    assert {"expand_softmax", "added_product"} <= full
    assert {f.name for f in Expanded([x, z], outputs, ["expand"]).rewrites} == {"added_product"}
    assert "added_product" not in {f.name for f in Expanded([x, z], outputs, ["blas"]).rewrites}
    assert "expand_softmax" in {f.name for f in Expanded([x, z], outputs, ["blas"]).rewrites}


def test_a_step_of_gradient_descent_is_one_call_for_each_weight():
    x, t = T.dmatrices("x", "t")
    w, b = shared(np.ones((3, 2)), "w"), shared(np.zeros(2), "b")
    cost = ((T.tanh(x @ w + b) - t) ** 2).mean()
    dw, db = grad(cost, [w, b])
    updates = {w: w - 0.1 * dw, b: b - 0.1 * db}
    f = function([x, t], cost, updates, mode="FAST_COMPILE")
    graph = optimize(f.graph, O3, expand=True).graph
    (call,) = [node for node in graph.order if isinstance(node.op, Gemm)]
    assert call.inputs[0] is w
    assert call.outputs[0] is graph.updates[0][1]
    assert [str(node.op) for node in graph.order].count("dot") == 1


def test_products_with_vectors():
    """A vector times a matrix is the transposed matrix times the vector."""
    z, v, a = T.dvector("z"), T.dvector("v"), T.dmatrix("a")
    (call,) = [n for n in Expanded([z, v, a], z + v @ a).fgraph.order if isinstance(n.op, Gemv)]
    assert [str(x) for x in call.inputs[::3]] == ["z", "v"]
    assert str(call.inputs[2].owner.op) == "DimShuffle{1,0}"


def test_a_mean_of_known_size_divides_by_a_number():
    x = T.tensor("float64", (3, None), "x")
    assert ops(Expanded([x], x.mean(axis=0))) == ["Sum{axes=0}", "true_div"]
    unknown = Expanded([x], x.mean(axis=1)).fgraph
    assert next(n for n in unknown.order if isinstance(n.op, Count)).inputs[0] is x


def test_sizes_that_do_not_fit_are_errors_after_expansion_too():
    x, y = T.dvectors("x", "y")
    for build in (T.dot, lambda x, y: x + T.dot(x, y)):
        with pytest.raises(ValueError, match="not aligned"):
            Expanded([x, y], build(x, y))(np.ones(1), np.ones(3))
    z, a, b = T.dmatrices("z", "a", "b")
    f = Expanded([z, a, b], z - a @ b)
    assert "Gemm" in ops(f)
    values = [np.ones((1, 4)), np.ones((2, 3)), np.ones((3, 4))]
    assert_arrays(f(*values), values[0] - values[1] @ values[2])
