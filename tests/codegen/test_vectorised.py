"""Loops that call vector functions and choose between values. Oracle: gcc's remarks."""

from __future__ import annotations

import platform
import shutil
import subprocess
from bisect import bisect
from pathlib import Path

import pytest

from arignote import function, grad
from arignote import tensor as T
from arignote.execute.c import KERNEL_TABLE
from arignote.execute.compiler import FLAGS, cpu_features

GCC = shutil.which("gcc")

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or GCC is None or "fma" not in cpu_features(),
    reason="needs gcc and FMA on x86-64",
)


def softmax_loss():
    x, y = T.fmatrix("x"), T.ivector("y")
    picked = T.log(T.nnet.softmax(x))[T.arange(y.shape[0]), y]
    loss = -T.mean(picked)
    return [x, y], [loss, grad(loss, x)]


def elementwise(expression):
    x, y = T.dmatrices("x", "y")
    return lambda: ([x, y], [expression(x, y)])


EXPRESSIONS = {
    "softmax loss": softmax_loss,
    "number after a call": elementwise(lambda x, y: T.log(1.5 + abs(x)) + T.sin(y)),
    "number as a side": elementwise(lambda x, y: T.exp(T.switch(x > y, 0.25, x))),
    "number on a side": elementwise(lambda x, y: T.sin(y) + T.switch(x > y, x, 0.5 * y)),
    "number on both sides": elementwise(
        lambda x, y: T.exp(x) + T.switch(x > y, 0.5 * x, T.log(0.5 * abs(y)) + 0.5)
    ),
    "greater number": elementwise(lambda x, y: T.maximum(T.tanh(x), 0.25) + T.sin(y)),
    "bounds": elementwise(lambda x, y: T.clip(T.tanh(x), -0.5, 0.25) * T.exp(y)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_marked_loop_is_vectorised(tmp_path: Path, name: str) -> None:
    """A number that one side of a choice reads from memory would keep gcc from it."""
    inputs, outputs = EXPRESSIONS[name]()
    lines = (KERNEL_TABLE.header + str(function(inputs, outputs).code())).splitlines()
    path = tmp_path / "kernels.c"
    path.write_text("\n".join(lines))
    command = [str(GCC), *FLAGS, "-fopt-info-vec", "-S", "-o", "/dev/null", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    remarks = [line for line in done.stderr.splitlines() if "loop vectorized" in line]
    marks = [n + 1 for n, line in enumerate(lines) if line.startswith("#pragma omp simd")]
    # A remark is on a line of the loop that the last mark before it is for.
    vectorised = {bisect(marks, int(line.split(":")[1])) for line in remarks} - {0}
    assert len(vectorised) == len(marks) > 0
