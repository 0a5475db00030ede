"""Programs: every slot is filled before it is read and dropped after its last use."""

from hypothesis import given
from hypothesis import strategies as st

from arignote import config, function, shared
from arignote import tensor as T


@st.composite
def functions(draw):
    x, w = T.dvector("x"), shared([1.0, 2.0], "w")
    pool = [x, w, T.constant(2.0)]
    for _ in range(draw(st.integers(0, 10))):
        left, right = (draw(st.sampled_from(pool)) for _ in range(2))
        pool.append(left * right if draw(st.booleans()) else T.exp(left))
    outputs = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3))
    updates = {w: w + pool[-1]} if draw(st.booleans()) else {}
    with config.change(linker="numpy"):
        return function([x], outputs, updates=updates, on_unused_input="ignore")


@given(functions())
def test_slots_live_from_their_step_to_their_last_use(f):
    program = f.program
    leaves = len(program.inputs) + len(program.shared) + len(program.constants)
    full = set(range(leaves))
    for step in program.steps:
        assert full >= set(step.inputs)
        assert not full & set(step.outputs)
        full |= set(step.outputs)
        full -= set(step.dead)
        assert not set(step.dead) & set(program.results)
    # What is left is what the results and leaves need, nothing else.
    assert full == set(range(leaves)) | set(program.results)


def test_results_come_in_the_order_outputs_then_updates():
    x, w = T.dvector("x"), shared([1.0], "w")
    with config.change(linker="numpy"):
        f = function([x], [x * 2, x + 1], updates={w: w * 3})
    names = [str(step.node.op) for step in f.program.steps]
    where = {step.outputs[0]: name for step, name in zip(f.program.steps, names, strict=True)}
    assert [where[slot] for slot in f.program.results] == ["mul", "add", "mul"]
