"""What functions let be looked at: programs as text, C source, why not fused, profiles.

Oracles: the C compiler for sources; for costs what the sizes of the operands say by hand.
"""

import itertools
import pickle
import re
import shutil
import subprocess

import numpy as np
import pytest

from arignote import config, errors, function, grad, shared, why_not_fused
from arignote import tensor as T
from arignote.codegen import kernel_text
from arignote.execute.c import KERNEL_TABLE, kernel_name
from arignote.execute.compiler import find_compiler
from arignote.execute.profile import OFF, Profile
from arignote.lower.fusion import CAP

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)


def named(variable, name):
    variable.name = name
    return variable


@pytest.fixture
def x():
    return T.fmatrix("x")


def step():
    """A step of learning: a layer, its softmax, gradients and updates."""
    x, y = T.fmatrix("x"), T.ivector("y")
    w = shared(np.zeros((5, 4), "float32"), "w")
    b = shared(np.zeros(4, "float32"), "b")
    h = named(T.tanh(x @ w + b), "h")
    p = named(T.nnet.softmax(h), "p")
    loss = named(-T.log(p)[T.arange(y.shape[0]), y].mean(), "loss")
    dw, db = grad(loss, [w, b])
    return [x, y], loss, {w: w - np.float32(0.1) * dw, b: b - np.float32(0.1) * db}


def arguments(rows=3):
    return np.ones((rows, 5), "float32"), np.arange(rows, dtype="int32") % 4


# ---- programs as text -------------------------------------------------------------------------


def test_a_program_names_all_that_it_uses():
    """Each number is defined by an earlier line; views and what is inlined stand as expressions."""
    inputs, loss, updates = step()
    text = str(function(inputs, loss, updates=updates).program)
    defined = set()
    for line in text.splitlines():
        left, equals, right = line.partition(" = ") if "sizes" not in line else ("", "", "")
        if equals:
            assert set(re.findall(r"%\d+", right)) <= defined, line
            defined |= set(re.findall(r"%\d+", left))
    assert defined
    assert "b[None, :]" in text
    assert "dot(x.T, %" in text
    assert "sizes n = x.shape[0]" in text
    assert "update w to %" in text


def test_a_program_shows_two_variables_of_one_name_apart(x):
    first = named(T.exp(x), "h")
    f = function([x], [first, named(T.tanh(first), "h")])
    assert "h#2 = tanh(h)" in str(f.program)


def test_a_program_shows_transposes_and_what_is_inlined(x):
    y = T.fmatrix("y")
    assert "y * x.T" in str(function([x, y], T.exp(y * x.T)).program)
    mask = T.arange(y.shape[1]) < 2
    assert "arange(y.shape[1])" in str(function([y], T.exp(y) * mask).program)


# ---- C source -----------------------------------------------------------------------------------


def test_the_source_compiles_with_its_prelude(tmp_path):
    inputs, loss, updates = step()
    f = function(inputs, loss, updates=updates)
    path = tmp_path / "kernels.c"
    path.write_text(f.code(prelude=True))
    command = [*find_compiler().command, "-std=gnu99", "-fopenmp-simd", "-Wall", "-Werror", "-c"]
    command += ["-Wno-unknown-pragmas", str(path), "-o", str(tmp_path / "kernels.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_source_without_comments_is_what_is_compiled():
    inputs, loss, updates = step()
    f = function(inputs, loss, updates=updates)
    assert f.code(prelude=True).startswith(KERNEL_TABLE.header)
    bare = re.sub(r"\s*/\*.*?\*/", "", f.code(), flags=re.DOTALL)
    for kernel in {loops.kernel for loops in f.program.kernels}:
        text = kernel_text(kernel)
        assert text.named(kernel_name(text)).rstrip() in bare


def test_the_source_names_the_users_variables_and_lines(x):
    h = named(T.exp(T.tanh(x)), "h")
    code = function([x], h.sum(axis=1)).code()
    assert re.search(r"const float v\d+ = .*;  /\* h \*/", code)
    assert re.search(r"= q\d+\[i\];  /\* x \*/", code)
    assert re.search(r"tanhf\(v0\);  /\* %\d+, tanh \*/", code)
    assert 'h = named(T.exp(T.tanh(x)), "h")' in code
    assert "test_inspection.py:" in code
    assert "over (n, m) where n = x.shape[0], m = x.shape[1]" in code


def test_the_source_says_what_gradients_are_of(x):
    y = T.tanh(x)
    code = function([x], grad((y * y).sum(), x)).code()
    assert re.search(r"gradient of test_inspection.py:\d+", code)


def test_a_kernel_that_several_steps_use_stands_once():
    """Two layers of one form, with products between."""
    w = shared(np.eye(3, dtype="float32"), "w")
    x = T.fmatrix("x")
    first = named(T.tanh(x @ w), "first")
    f = function([x], named(T.tanh(first @ w), "second"))
    code = f.code()
    assert code.count("\nint arn_") == 1
    assert "step 2" in code
    assert "step 4" in code
    assert "/* first, second */" in code


def test_names_cannot_end_a_comment(x):
    f = function([x], named(T.exp(x), "a */ int bad; /* b\\\nc"))
    assert "a * / int bad; / * b\\ c" in f.code()


def test_source_is_shown_as_it_is(x):
    code = function([x], T.exp(x)).code()
    assert repr(code) == str(code) == code
    assert isinstance(code, str)


def test_functions_of_numpy_have_no_source(x):
    with config.change(linker="numpy"):
        f = function([x], T.exp(x))
    with pytest.raises(errors.CompilerError, match=r"NumPy runs(.|\n)*config\.linker = 'auto'"):
        f.code()
    f = function([x], T.exp(x), mode="FAST_COMPILE")
    with pytest.raises(errors.CompilerError, match=r"FAST_RUN"):
        f.code()


# ---- why not fused ------------------------------------------------------------------------------


def asked(outputs, a, b, inputs=None):
    """The sentence, which is the same whether variables or names are given."""
    f = function(inputs or [x for x in T_INPUTS if x in leaves_of(outputs)], outputs)
    text = why_not_fused(f, a, b)
    assert f.why_not_fused(a, b) == text
    assert why_not_fused(f, a.name, b.name) == text
    return text


X, Y, V, I = (
    T.fmatrix("X"), T.fmatrix("Y"), T.fvector("V"), T.ivector("I"),
)  # fmt: skip
T_INPUTS = (X, Y, V, I)


def leaves_of(outputs):
    found, waiting = set(), list(outputs)
    while waiting:
        item = waiting.pop()
        found.add(item)
        waiting.extend(item.owner.inputs if item.owner is not None else ())
    return found


def reasons():
    """For each case its name, the outputs, the two variables and what the sentence must say."""
    a, b = named(T.exp(X), "a"), named(T.tanh(T.exp(X)), "b")
    yield "fused", [a, b], a, b, r"are fused: step 1 over \(n, m\) computes both"
    b = named(T.sqrt(Y), "b")
    yield "domains", [a, b], a, b, r"Neither needs the other, and they run over different domains"
    narrow = named(T.exp(V), "narrow")
    b = named(T.tanh(X * narrow), "b")
    yield (
        "wider user",
        [b],
        narrow,
        b,
        r"one domain: that of narrow is \(n,\), that of %\d \(m, n\)",
    )
    total = named(a.sum(axis=0), "total")
    b = named(T.tanh(a / total), "b")
    yield "reduction", [b], total, b, "known only at the end of its kernel"
    b = named(T.tanh(a.sum(axis=1)), "b")
    yield "fused rows", [a, b], a, b, "are fused"
    b = named(T.tanh(T.dot(a, Y)), "b")
    yield "product between", [b], a, b, "BLAS computes dot between them and needs all of a"
    product = named(T.dot(a, Y), "product")
    yield "product", [product], a, product, r"product is a product by BLAS \(step 2\)"
    b = named(T.sort(a, axis=1), "b")
    yield "numpy", [b], a, b, r"NumPy computes b \(step 2\): there are no loops for Sort"
    c = named(T.tanh(b), "c")
    yield "numpy between", [c], a, c, r"NumPy computes Sort.* between them"
    b = named(T.tanh(a[1:]), "b")
    yield "view between", [b, a], a, b, "looks at a in memory"
    b = named(T.tanh(a.flatten()), "b")
    yield "reshape between", [b, a], a, b, "looks at a in memory"
    view = named(a.T, "view")
    yield "view", [T.dot(Y, view)], a, view, "view is only a view of a"
    yield "input", [a], X, a, "X is an input; nothing computes it"
    b = named(T.exp(X), "b")
    yield "merged", [a, b], a, b, "one value"
    b = named(T.sqrt(T.exp(a[I])), "b")
    yield "gather", [b], a, b, "reads a at computed indices"
    b = named(T.tanh(a + a.sum(axis=0)), "b")
    yield "reduction beside", [b], a, b, "known only at the end of its kernel"
    b = named(T.tanh(a + T.tanh(Y.sum(axis=0))), "b")
    yield "late operand", [b], a, b, "also needs .* known only after step"
    b = named(T.tanh(a.T), "b")
    yield "wide", [b, named(T.tanh(V), "c")], b, a, "fused"


@pytest.mark.parametrize("case", list(reasons()), ids=lambda case: case[0])
def test_why_not_fused(case):
    _, outputs, a, b, pattern = case
    assert re.search(pattern, asked(outputs, a, b)), asked(outputs, a, b)


def test_why_not_fused_of_a_full_kernel():
    a = named(T.exp(X), "a")
    b = a
    for _ in range(2 * CAP):
        b = T.sin(b)
    b = named(b, "b")
    assert f"full: {CAP} operations" in asked([b], a, b)


def test_why_not_fused_of_what_each_kernel_computes_again():
    inputs, loss, updates = step()
    f = function(inputs, loss, updates=updates)
    (square,) = [node.outputs[0] for node in f.graph.order if str(node.op) == "square"]
    text = why_not_fused(f, square, "p")
    assert re.search(
        r"is cheap, so that each kernel that needs it computes it again: step \d", text
    )


def test_why_not_fused_of_what_was_rewritten():
    p = named(T.nnet.softmax(X), "p")
    b = named(T.log(p), "b")
    text = why_not_fused(function([X], b), p, b)
    assert "p is not computed any more: the rewrite log_of_softmax put LogSoftmax" in text
    inputs, loss, updates = step()
    f = function(inputs, loss, updates=updates)
    text = why_not_fused(f, "(dloss/dw)", loss)
    assert "the rewrite added_product put Gemm, which does not need it, in place of sub" in text


def test_rewritten_nodes_of_one_line_are_not_mixed_up():
    y = X
    for number in range(3):
        y = named(T.log(T.exp(y)) * 2, f"y{number}")
    assert "nothing needs it" in why_not_fused(function([X], y), "y0", "y2")


def test_why_not_fused_of_stages():
    """Two values over one domain, of which only one needs a sum."""
    a = named(T.exp(X), "a")
    b = named(T.tanh(T.sqrt(X) / T.sqrt(X).sum(axis=0)), "b")
    assert re.search(r"Neither needs the other, but the kernel of b waits", asked([a, b], a, b))


def test_why_not_fused_refuses_strangers(x):
    y = named(T.exp(x), "height")
    f = function([x], [y, named(T.tanh(x), "t"), named(T.sin(x), "t")])
    with pytest.raises(errors.GraphError, match=r"named 'heigth'(.|\n)*'height'"):
        why_not_fused(f, "heigth", y)
    with pytest.raises(errors.GraphError, match="2 variables"):
        why_not_fused(f, y, "t")
    with pytest.raises(errors.GraphError, match="stranger is no variable"):
        why_not_fused(f, y, T.dvector("stranger"))
    with pytest.raises(errors.GraphError, match="not 3"):
        why_not_fused(f, y, 3)


def test_nothing_is_fused_with_numpy(x):
    y = T.exp(x)
    with config.change(linker="numpy"):
        f = function([x], T.tanh(y))
    assert "NumPy runs this function" in why_not_fused(f, x, y)


def test_every_pair_of_variables_has_a_sentence():
    inputs, loss, updates = step()
    f = function(inputs, loss, updates=updates)
    known = [out for node in f.graph.order for out in node.outputs]
    for a, b in itertools.combinations(known, 2):
        assert why_not_fused(f, a, b).endswith(".")


# ---- profiles -----------------------------------------------------------------------------------


def test_a_profile_counts_bytes_and_operations_of_loops():
    x, y = T.fmatrix("x"), T.dvector("y")
    f = function([x], T.tanh(x) * x + 1, profile=True)
    for _ in range(3):
        f(np.ones((7, 5), "float32"))
    (record,) = f.profile.steps
    assert record.calls == 3
    assert record.info.kind == "loops"
    assert (record.cost.read, record.cost.written) == (3 * 35 * 4, 3 * 35 * 4)
    assert record.cost.operations == 3 * 35 * 3
    g = function([x, y], (x * y).sum(axis=0), profile=True)
    g(np.ones((7, 5), "float32"), np.ones(5))
    read = sum(record.cost.read for record in g.profile.steps)
    assert read == 35 * 4 + 5 * 8
    assert sum(record.cost.operations for record in g.profile.steps) == 2 * 35


@pytest.mark.parametrize("linker", ["c", "numpy"])
def test_a_profile_counts_products(linker):
    x, y, v = T.fmatrix("x"), T.fmatrix("y"), T.fvector("v")
    z = T.ftensor3("z")
    with config.change(linker=linker):
        f = function([x, y, v, z], [T.dot(x, y), T.dot(y, v), z @ z], profile=True)
    f(
        np.ones((7, 5), "float32"), np.ones((5, 6), "float32"), np.ones(6, "float32"),
        np.ones((2, 3, 3), "float32"),
    )  # fmt: skip
    costs = {record.cost.operations: record for record in f.profile.steps}
    assert set(costs) - {0} == {2 * 7 * 5 * 6, 2 * 5 * 6, 2 * 2 * 27}
    gemm = costs[2 * 7 * 5 * 6].cost
    assert (gemm.read, gemm.written) == ((35 + 30) * 4, 42 * 4)


def test_gathers_count_what_they_read():
    x, i = T.dmatrix("x"), T.lvector("i")
    f = function([x, i], x[i] * 2, profile=True)
    f(np.ones((100, 5)), np.arange(3))
    assert sum(r.cost.read for r in f.profile.steps) == 3 * 5 * 8 + 3 * 8


@pytest.mark.parametrize("linker", ["c", "numpy"])
def test_a_profile_adds_up(linker):
    """Steps and what is outside of them are the time of the calls; ops and lines are the steps."""
    inputs, loss, updates = step()
    with config.change(linker=linker):
        f = function(inputs, loss, updates=updates, profile=True)
    assert str(f.profile) == "There was no call yet."
    for rows in (3, 4, 3):
        f(*arguments(rows))
    profile = f.profile
    assert profile.calls == 3
    assert {record.calls for record in profile.steps} == {3}
    spent = sum(record.nanoseconds for record in profile.steps)
    assert spent + profile.outside == profile.nanoseconds
    assert 0 < spent < profile.nanoseconds
    for shares in (profile.by_op(), profile.by_line()):
        assert sum(share.nanoseconds for share in shares) == pytest.approx(spent)
    text = str(profile)
    assert "checks, new arrays, updates" in text
    assert "measuring" in text
    assert "test_inspection.py" in text
    assert "h = tanh" in text
    profile.reset()
    assert (profile.calls, profile.steps, profile.nanoseconds) == (0, [], 0)
    assert profile.by_op() == []


def test_times_of_the_runtime_count_once(x):
    """A runtime that says 10 ns for each step of its table."""
    f = function([x], T.exp(x), profile=True)
    f(np.ones((2, 2), "float32"))
    (native,) = f._timing._timed.values()
    run = native._run_table

    def run_table(table, steps, args, times):
        before = list(times)
        failed = run(table, steps, args, times)
        times[0:steps] = [time + 10 for time in before]
        return failed

    native._run_table = run_table
    f.profile.reset()
    for _ in range(3):
        f(np.ones((2, 2), "float32"))
    (record,) = f.profile.steps
    assert (record.calls, record.nanoseconds) == (3, 30)


def test_a_profile_with_a_clock_of_ones(monkeypatch):
    """Each reading of the clock is one later, so NumPy's steps take 1, to note them 1,
    and a call 3 n + 1."""
    monkeypatch.setattr(Profile.__init__, "__defaults__", (True, itertools.count().__next__))
    x = T.dvector("x")
    with config.change(linker="numpy"):
        f = function([x], T.exp(x) * x + x.sum(), profile=True)
    count = len(f.program.steps)
    f([1.0, 2.0])
    assert [record.nanoseconds for record in f.profile.steps] == [1] * count
    assert f.profile.nanoseconds == 3 * count + 1
    assert (f.profile.outside, f.profile.measuring) == (2 * count + 1, count)


def test_numpy_steps_between_loops_are_timed():
    x = T.dvector("x")
    f = function([x], T.exp(T.sort(T.tanh(x))), profile=True)
    for _ in range(2):
        f([2.0, 1.0, 3.0])
    assert sorted(record.info.kind for record in f.profile.steps) == ["loops", "loops", "numpy"]
    (sort,) = [record for record in f.profile.steps if record.info.kind == "numpy"]
    assert (sort.calls, sort.cost.read, sort.cost.written) == (2, 48, 48)
    assert "sort" in sort.info.what.lower()
    numbers = sorted(record.info.number for record in f.profile.steps)
    assert numbers == [1, 2, 3]


def test_sizes_that_do_not_meet_are_profiled_too():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = function([x, y], T.exp(x) + y, profile=True)
    a, b = np.ones((3, 1)), np.ones((1, 4))
    np.testing.assert_allclose(f(a, b), np.exp(a) + b)
    assert f.profile.calls == 1
    assert f.profile.steps


def test_a_profile_does_not_grow_with_the_number_of_sizes():
    inputs, loss, updates = step()
    f = function(inputs, loss, updates=updates, profile=True)
    sizes = range(1, 400)
    for rows in sizes:
        f(*arguments(rows))
    assert {record.calls for record in f.profile.steps} == {len(sizes)}
    assert len(f.profile._known) < 60


def test_failures_are_told_as_ever():
    x, i = T.dvector("x"), T.lvector("i")
    f = function([x, i], x[i] * 2, profile=True)
    with pytest.raises(IndexError, match="out of bounds"):
        f([1.0], [3])
    assert f.profile.calls == 1


def test_profiling_changes_no_value_and_is_off_by_default():
    results = []
    for profile in (False, True):
        inputs, loss, updates = step()
        f = function(inputs, loss, updates=updates, profile=profile)
        results.append([f(*arguments()) for _ in range(3)])
        assert f.profile.is_on is profile
    np.testing.assert_array_equal(*results)
    plain = function([X], T.exp(X))
    assert str(plain.profile) == repr(plain.profile) == OFF
    plain(np.ones((2, 2), "float32"))
    assert plain.profile.steps == []
    assert plain._timing is None
    assert f._timing is not None
    assert f._quick is None


def test_a_profiled_function_is_pickled_as_one():
    f = function([X], T.exp(X), profile=True)
    f(np.ones((2, 2), "float32"))
    again = pickle.loads(pickle.dumps(f))
    again(np.ones((2, 2), "float32"))
    assert (again.profile.is_on, again.profile.calls) == (True, 1)


def test_linker_tells_what_runs(x):
    assert function([x], x + 1).linker == "c"
    with config.change(linker="numpy"):
        assert function([x], x + 1).linker == "numpy"
