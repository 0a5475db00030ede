"""Each rule, from its table: types, values and contract.

Both sides are evaluated record by record on arrays of equal shape (NumPy has shortcuts of its own
for scalar operands); mpmath with 800 digits (1 + exp(-700) needs 305) is the truth for rules that
promise to improve.
"""

import itertools
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from arignote import errors, function, grad
from arignote import tensor as T
from arignote.compile import Mode, get_mode
from arignote.config import OptimizerLevel, config
from arignote.rewrite import RULES, Contract, Rule, Tag
from arignote.rewrite.driver import rewrite
from arignote.rewrite.index import RuleIndex
from arignote.rewrite.pattern import Call, Hole, Literal, Term
from arignote.rewrite.rule import ARROW
from arignote.rewrite.sizes import EqualSizes
from arignote.rewrite.weight import lowers, weight_of_term
from arignote.scalar import RECORDS, ScalarOp

EQUATIONS = [rule for rule in RULES if isinstance(rule, Rule)]
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e308]
PLAIN = [1e-20, -1e-20, 1e-8, -3e-5, 0.3, -0.7, 0.999, 1.5, 2.0, -8.0, 30.0, 40.0, -40.0, 300.0]
LARGE = [710.0, -710.0, 800.0, -800.0, 1e200, -1e200]

TRUTH = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
    "true_div": lambda x, y: x / y, "power": lambda x, y: x**y, "neg": lambda x: -x,
    "square": lambda x: x * x, "abs": abs, "sqrt": mpmath.sqrt, "reciprocal": lambda x: 1 / x,
    "exp": mpmath.exp, "expm1": lambda x: mpmath.exp(x) - 1, "log": mpmath.log,
    "log1p": lambda x: mpmath.log(1 + x), "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "log1mexp": lambda x: mpmath.log(1 - mpmath.exp(x)),
}  # fmt: skip


def evaluate(term: Term, values: list[np.ndarray]) -> np.ndarray:
    """A side of an equation, each record on full arrays."""
    if isinstance(term, Hole):
        return values[term.position]
    if isinstance(term, Literal):
        return np.full_like(values[0], term.value)
    assert isinstance(term, Call)
    operands = [evaluate(child, values) for child in term.children]
    with np.errstate(all="ignore"):
        return term.record(*operands)


def true_value(term: Term, values: tuple[float, ...]) -> mpmath.mpf:
    if isinstance(term, Hole):
        return mpmath.mpf(values[term.position])
    if isinstance(term, Literal):
        return mpmath.mpf(term.value)
    assert isinstance(term, Call)
    return TRUTH[term.record.name](*[true_value(child, values) for child in term.children])


def grid(rule: Rule, values: list[float]) -> list[np.ndarray]:
    points = list(itertools.product(values, repeat=len(rule.holes)))
    return [np.array(column) for column in zip(*points, strict=True)]


@pytest.mark.parametrize("rule", EQUATIONS, ids=lambda rule: rule.name)
def test_equation(rule):
    if rule.contract is Contract.EXACT:
        values = grid(rule, SPECIAL + PLAIN + LARGE)
        before, after = evaluate(rule.find, values), evaluate(rule.put, values)
        np.testing.assert_array_equal(before, after)
        numbers = ~np.isnan(before)
        np.testing.assert_array_equal(np.signbit(before)[numbers], np.signbit(after)[numbers])
    elif rule.contract is Contract.IMPROVES:
        check_improvement(rule)
    else:
        values = grid(rule, [x for x in PLAIN if x > 0])
        np.testing.assert_allclose(
            evaluate(rule.find, values), evaluate(rule.put, values), rtol=1e-15
        )


def check_improvement(rule: Rule) -> None:
    values = grid(rule, PLAIN + LARGE + [0.0, 1.0, -1.0])
    before, after = evaluate(rule.find, values), evaluate(rule.put, values)
    with mpmath.workdps(800):
        for n, point in enumerate(zip(*values, strict=True)):
            try:
                truth = true_value(rule.find, tuple(map(float, point)))
            except (ZeroDivisionError, ValueError):
                continue
            if isinstance(truth, mpmath.mpc) or abs(truth) > 1e308:
                continue
            off = distance(after[n], truth)
            # Two roundings of the last digit are what any function of float64 may have.
            assert off <= max(distance(before[n], truth), 4e-16 * abs(truth) + 5e-324), (
                f"{rule.name} at {point}: {before[n]} became {after[n]}, true {truth}"
            )


def distance(value: float, truth: mpmath.mpf) -> mpmath.mpf:
    return mpmath.mpf("inf") if not np.isfinite(value) else abs(mpmath.mpf(float(value)) - truth)


def only(rule: Rule) -> Mode:
    """The mode in which no other rule fires."""
    mode = get_mode("FAST_RUN").excluding(*{r.name for r in RULES if r is not rule})
    return replace(mode, optimizer=OptimizerLevel.O4)


def build(term: Term, holes: list) -> object:
    if isinstance(term, Hole):
        return holes[term.position]
    if isinstance(term, Literal):
        return int(term.value) if term.value == int(term.value) else term.value
    assert isinstance(term, Call)
    return term.record(*[build(child, holes) for child in term.children])


@pytest.mark.parametrize("rule", EQUATIONS, ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int64", "int8", "uint8", "bool", "complex128"]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_equation_fires_and_keeps_types(rule, dtype, shape):
    """Where the types allow the expression, the rule fires or leaves it, and no type changes."""
    holes = [T.tensor(dtype, (None,) * len(shape), name) for name in rule.holes]
    try:
        expression = build(rule.find, holes)
    except errors.DTypeError:
        return
    alone = only(rule)
    f = function(holes, expression, mode=alone)
    assert f.fgraph.outputs[0].type == expression.type
    if dtype in ("float32", "float64"):
        assert [firing.name for firing in f.rewrites] == [rule.name]
    random = np.random.default_rng(0)
    values = [(random.uniform(0.1, 0.9, shape) * 4).astype(dtype) for _ in holes]
    try:
        plain = function(holes, expression, mode="FAST_COMPILE")(*values)
    except ValueError:  # NumPy has no negative powers of integers
        with pytest.raises(ValueError, match="negative integer powers"):
            f(*values)
        return
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(f(*values), plain, rtol=tolerance, atol=tolerance)


INTEGERS = {
    "int8": [-128, -1, 0, 1, 127], "uint8": [0, 1, 128, 255], "int64": [-(2**40), -1, 0, 3],
    "bool": [0, 1],
}  # fmt: skip


@pytest.mark.parametrize("rule", EQUATIONS, ids=lambda rule: rule.name)
def test_equation_on_integers_that_wrap(rule):
    """Also where operands of different widths meet, which wrap at different numbers."""
    alone = only(rule)
    for dtypes in itertools.product(INTEGERS, repeat=len(rule.holes)):
        holes = [
            T.tensor(dtype, (None,), name) for name, dtype in zip(rule.holes, dtypes, strict=True)
        ]
        try:
            expression = build(rule.find, holes)
        except errors.DTypeError:
            continue
        points = itertools.product(*[INTEGERS[dtype] for dtype in dtypes])
        columns = zip(*points, strict=True)
        values = [np.array(c).astype(d) for c, d in zip(columns, dtypes, strict=True)]
        try:
            plain = function(holes, expression, mode="FAST_COMPILE")(*values)
        except ValueError:  # NumPy has no negative powers of integers
            continue
        fast = function(holes, expression, mode=alone)(*values)
        if plain.dtype.kind == "f":
            np.testing.assert_allclose(fast, plain, rtol=1e-2)
        else:
            np.testing.assert_array_equal(fast, plain, f"{rule.name} {dtypes}")


@pytest.mark.parametrize("rule", EQUATIONS, ids=lambda rule: rule.name)
def test_equation_lowers_the_weight(rule):
    holes = len(rule.holes)
    assert lowers(weight_of_term(rule.find, holes), weight_of_term(rule.put, holes))


def test_weights_tell_a_rule_from_its_converse():
    """x * y + x * z = x * (y + z) would end, the other way would not."""
    x, y, z = (Hole(n) for n in range(3))
    apart, together = (weight_of_term(t, 3) for t in (x * y + x * z, x * (y + z)))
    assert lowers(apart, together)
    assert not lowers(together, apart)
    assert not lowers(apart, apart)


def fired(inputs, output) -> list[str]:
    return [firing.name for firing in function(inputs, output).rewrites]


def test_log_of_softmax_keeps_digits_also_in_the_gradient():
    logits = T.dmatrix("logits")
    loss = -T.log(T.nnet.softmax(logits))[0, 0]
    f = function([logits], [loss, grad(loss, logits)])
    value, gradient = f([[0.0, 2000.0]])
    assert value == 2000
    assert gradient.tolist() == [[-1, 1]]


def test_stable_binary_crossentropy():
    z, t = T.dvectors("z", "t")
    loss = T.nnet.binary_crossentropy(T.sigmoid(z), t)
    with np.errstate(all="raise"):
        value = function([z, t], loss)([800.0, -800.0, 0.0], [0.0, 1.0, 1.0])
    np.testing.assert_allclose(value, [800, 800, np.log(2)])


def test_rules_are_left_out_by_name_and_by_tag():
    x = T.dvector("x")
    y = T.log(1 + x)
    mode = get_mode("FAST_RUN")
    assert fired([x], y) == ["log_of_one_plus"]
    assert function([x], y, mode=mode.excluding("log_of_one_plus")).rewrites == []
    assert function([x], y, mode=mode.excluding("stabilize")).rewrites == []
    again = mode.excluding("stabilize").including("stabilize")
    assert len(function([x], y, mode=again).rewrites) == 1
    with pytest.raises(errors.ConfigError, match="log_of_one_plus"):
        mode.excluding("log_of_one_pluss")


def test_rules_are_added_by_name_and_by_tag():
    x = T.dvector("x")
    y = T.log(1 + x) * 1
    plain, full = get_mode("FAST_COMPILE"), get_mode("FAST_RUN")

    def names(mode):
        f = function([x], y, mode=mode)
        assert f([1e-20]).tolist() == [np.log1p(1e-20) if f.rewrites else 0.0]
        return [firing.name for firing in f.rewrites]

    assert names(plain) == []
    assert names(plain.including("log_of_one_plus")) == ["log_of_one_plus"]
    assert names(plain.including("stabilize")) == ["log_of_one_plus"]
    assert names(plain.including("stabilize").excluding("stabilize")) == []
    assert names(plain.including("stabilize").excluding("log_of_one_plus")) == []
    # A rewrite's own name counts before its tag.
    assert "log_of_one_plus" in names(full.excluding("stabilize").including("log_of_one_plus"))
    with pytest.raises(errors.ConfigError, match="log_of_one_plus"):
        plain.including("log_of_one_pluss")


def test_what_only_the_highest_level_assumes_is_added_by_its_tag():
    level = get_mode("FAST_RUN")
    assumed = [rule.name for rule in RULES if rule.tag is Tag.ASSUME]
    assert assumed
    x = T.dvector("x")
    y = T.exp(T.log(x))
    with config.change(optimizer="o4"):
        highest = function([x], y)
    added = function([x], y, mode=level.including("assume"))
    assert [f.name for f in added.rewrites] == [f.name for f in highest.rewrites]
    assert [f.name for f in added.rewrites] != [f.name for f in function([x], y).rewrites]


def test_firings_show_the_rule_and_both_sides():
    x = T.dvector("x")
    (firing,) = function([x], T.log(1 + x)).rewrites
    assert str(firing.rule) == "log(1 + x) → log1p(x)"
    where = firing.before.owner.source.where
    assert repr(firing) == f"<Firing log_of_one_plus: log(1 + x) → log1p(x), {where}>"
    assert str(firing.before.owner.op) == "log"
    assert str(firing.after.owner.op) == "log1p"


def test_new_nodes_stand_on_the_users_line():
    x = T.dvector("x")
    y = T.log(1 + x)
    y.name = "y"
    (out,) = function([x], [y]).fgraph.outputs
    assert (str(out.owner.op), out.name, out.source) == ("log1p", "y", y.source)


def swap(name: str, a: ScalarOp, b: ScalarOp) -> Rule:
    return Rule(name, lambda x: a(x), lambda x: b(x), Tag.CANONICALIZE, Contract.EXACT)


def test_equal_nodes_are_replaced_once_and_may_come_back():
    """What is replaced by a node that was replaced before has an end; no rule undoes another."""
    sin, cos, tan = RECORDS["sin"], RECORDS["cos"], RECORDS["tan"]
    x = T.dvector("x")
    graph = function([x], [T.sin(x), T.sin(x), T.tan(x)]).graph
    log = []
    rules = RuleIndex([swap("sin_to_cos", sin, cos), swap("tan_to_sin", tan, sin)])
    new = rewrite(graph, rules, log, EqualSizes(graph))
    assert [out.owner.op.name for out in new.outputs] == ["cos", "cos", "cos"]
    assert len(new.order) == 1
    assert [firing.name for firing in log] == ["sin_to_cos", "tan_to_sin"]


def test_rules_that_undo_each_other_are_an_error_that_names_them():
    sin, cos = RECORDS["sin"], RECORDS["cos"]
    x = T.dvector("x")
    graph = function([x], T.sin(x)).graph
    sizes = EqualSizes(graph)
    with pytest.raises(errors.GraphError, match="back"):
        rewrite(graph, RuleIndex([swap("there", sin, cos), swap("back", cos, sin)]), [], sizes)
    growing = Rule(
        "growing", lambda x: sin(x), lambda x: sin(sin(x)), Tag.CANONICALIZE, Contract.EXACT
    )
    with pytest.raises(errors.GraphError, match="growing"):
        rewrite(graph, RuleIndex([growing]), [], sizes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "probability",
    [
        lambda x, b: T.sigmoid(x + b),
        lambda x, b: 1 / (1 + T.exp(-(x + b))),
        lambda x, b: 1 / (1 + T.exp(-x - b)),
    ],
    ids=["sigmoid", "exp", "exp of a difference"],
)
def test_the_gradient_of_a_cross_entropy_holds_far_from_the_boundary(probability, dtype):
    """Oracle: sigmoid(x + b) - t. As written 0 / 0 for float32 beyond 88, and wrong before that."""
    x, t, b = (
        T.tensor(dtype, shape, name) for shape, name in [((None,), "x"), ((None,), "t"), ((), "b")]
    )
    p = probability(x, b)
    loss = (-t * T.log(p) - (1 - t) * T.log(1 - p)).sum()
    f = function([x, t, b], grad(loss, x))
    far = np.array([-2000, -200, -90, -50, -1, 0, 2, 50, 90, 200, 2000], dtype)
    rtol, atol = (2e-6, 1e-37) if dtype == "float32" else (1e-14, 1e-300)
    for target in (0, 1, 0.25):
        with mpmath.workdps(1000):
            wanted = [
                float(1 / (1 + mpmath.exp(-mpmath.mpf(float(z + 0.5)))) - target) for z in far
            ]
        got = f(far, np.full(len(far), target, dtype), 0.5)
        np.testing.assert_allclose(got, wanted, rtol, atol)


def test_assumptions_about_values_are_made_at_o4_only():
    x, y = T.dvectors("x", "y")
    outputs = [x / x, (x * y) / x, T.exp(T.log(x))]
    names = {"quotient_of_same", "product_over_factor", "exp_of_log"}
    for level in OptimizerLevel:
        f = function([x, y], outputs, mode=replace(get_mode("FAST_RUN"), optimizer=level))
        fired = {firing.name for firing in f.rewrites}
        assert fired & names == (names if level is OptimizerLevel.O4 else set())
    for got, want in zip(f([0.0, -2.0], [3.0, 4.0]), [[1, 1], [3, 4], [0, -2]], strict=True):
        assert got.tolist() == want


def test_log_of_one_minus_exp_keeps_digits_at_both_ends():
    x = T.dvector("x")
    f = function([x], T.log(1 - T.exp(x)))
    assert [str(node.op) for node in f.fgraph.order] == ["log1mexp"]
    with mpmath.workdps(800):
        for point in (-1e-20, -1e-3, -0.7, -40.0, -700.0):
            truth = mpmath.log(-mpmath.expm1(mpmath.mpf(point)))
            np.testing.assert_allclose(f([point]), float(truth), rtol=1e-15)


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_equations_have_balanced_parentheses_and_no_needless_ones(rule):
    text = str(rule)
    assert text.count("(") == text.count(")")
    assert "((" not in text.replace("log(sum(exp((", "")
    assert not any(side.startswith("(") and side.endswith(")") and side.count("(") == 1
                   for side in text.split(ARROW))  # fmt: skip


def test_equations_keep_the_parentheses_that_matter():
    shown = {rule.name: str(rule) for rule in RULES}
    assert shown["log_of_one_plus"] == "log(1 + x) → log1p(x)"
    assert shown["minus_neg"] == "x - (-y) → x + y"
    assert shown["neg_of_difference"] == "-(x - y) → y - x"
    assert shown["power_minus_one"] == "x ** (-1) → reciprocal(x)"
    assert shown["logistic"] == "1 / (1 + exp(-x)) → sigmoid(x)"
    assert shown["neg_times_neg"] == "(-x) * (-y) → x * y"
