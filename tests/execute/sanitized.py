"""What test_sanitizers.py runs in a Python of its own, with the compiler that it is given."""

import sys

import numpy as np

from arignote import config, function, grad
from arignote import tensor as T
from execute.random_graphs import calls, random_graph
from execute.test_native_layouts import KINDS, LAYOUTS, numbers

SIZES = [0, 1, 7, 33, 4097]
SKIPPED = ["at an odd address"]
"""Kernels are given it as it is, which the processors that we know take."""


def layouts():
    for kind, (inputs, outputs, shapes) in KINDS.items():
        if kind == "reductions of all":
            outputs = [x for x in outputs if "max" not in str(x) and "min" not in str(x)]
        f = function(inputs, outputs)
        for size in SIZES if kind != "gather" else [33]:
            given = [(min(size, 64),) * len(shape) for shape in shapes]
            given = shapes if kind == "gather" else given
            for name, lay in LAYOUTS.items():
                if name in SKIPPED or (size == 0 and name in ("rows repeated", "one number")):
                    continue
                values = [lay(numbers(s, x.dtype, 1)) for s, x in zip(given, inputs, strict=True)]
                try:
                    f(*values), f(*values)
                except ValueError:
                    assert size == 0


def vectors():
    x, i = T.fvector("x"), T.lvector("i")
    e = T.exp(x)
    outs = [x * 2 + 1, x.sum(), x.max(), (x > 0).any(), e / e.sum(), x[::-1][1:], (x[i] * 2).sum()]
    outs += [T.dot(x, x), T.cast(x, "int64"), T.switch(x > 0, x, 0.5), grad(T.tanh(x[i]).sum(), x)]
    f = function([x, i], outs)
    for size in SIZES[1:]:
        room = numbers((3 * size,), "float32", 2)
        for value in (room[:size], room[::3], room[::-3], np.broadcast_to(room[:1], (size,))):
            for index in ([0, -1, size // 2], [-size, size - 1], []):
                for _ in range(2):
                    f(value, np.array(index, "int64"))
            for bad in ([size], [-size - 1], [2**62], [-(2**63)]):
                try:
                    f(value, np.array(bad, "int64"))
                except IndexError:
                    continue
                raise AssertionError(f"{bad} is no index of {size}")


def graphs(seeds):
    for seed in seeds:
        graph = random_graph(seed, 10)
        f = function(graph.inputs, graph.outputs, on_unused_input="ignore")
        for _, shapes, special in calls(graph, seed):
            values = graph.values(shapes, seed, special)
            for _ in range(2):
                try:
                    f(*values)
                except (ValueError, IndexError):
                    break


def broken():
    """Reads one number after the end: the sanitizer must see it."""
    from arignote.execute.toolchain import load_c

    array = np.zeros(1000)
    library = load_c("double after(const double *x, int n) { return x[n]; }")
    library.function("after", "double(*)(intptr_t, int)")(array.ctypes.data, array.size)


if __name__ == "__main__":
    command, what = sys.argv[1:3]
    config.cc, config.linker, config.async_compile = command, "c", "off"
    config.threads = 2
    if what == "broken":
        broken()
    else:
        layouts()
        vectors()
        graphs(range(int(what), int(what) + 12))
    print("done")
