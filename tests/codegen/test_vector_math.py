"""Functions that loops compute inline. Oracle: mpmath, and what C99 says of special values."""

from __future__ import annotations

import itertools
import math
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np
import pytest

from arignote.codegen import prelude
from arignote.codegen.prelude import VECTOR_MATH
from arignote.execute.compiler import FLAGS, cpu_features, find_compiler
from arignote.execute.libraries import ffi
from arignote.execute.toolchain import load_c

COMPILER = shutil.which("gcc") or shutil.which("cc")
# Largest errors in units in the last place. On processors without FMA the C library is tested.
FUNCTIONS = {"expf": 1.5, "tanhf": 2.5, "tanh": 2.5}
EXACT = {"exp": mpmath.exp, "tanh": mpmath.tanh}
ENDS = {"exp": (-104.5, 89.5), "tanh": (-22.0, 22.0)}
WIDTHS = ("128", "256", "512")

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")


def source() -> str:
    """The text before kernels, and a loop for each function."""
    loops = []
    for name in FUNCTIONS:
        type_ = "float" if name.endswith("f") else "double"
        loops.append(
            f"void loop_{name}(int64_t size, const {type_} *x, {type_} *out)\n{{\n"
            f"#pragma omp simd\n"
            f"    for (int64_t i = 0; i < size; ++i)\n        out[i] = {name}(x[i]);\n}}\n"
        )
    return prelude([]) + "".join(loops)


def dtype_of(name: str) -> str:
    return "float32" if name.endswith("f") else "float64"


def compiled(name: str, width: str = "512") -> Callable[[np.ndarray], np.ndarray]:
    """The loop over a function, as a function of an array."""
    wide = [f"-mprefer-vector-width={width}"] if "avx" in cpu_features().split() else []
    type_ = "float" if name.endswith("f") else "double"
    signature = f"void(*)(int64_t, const {type_} *, {type_} *)"
    library = load_c(source(), [*wide, "-lm"])
    function = library.function(f"loop_{name}", signature)

    def call(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        pointers = [ffi().cast(f"{type_} *", array.ctypes.data) for array in (x, out)]
        function(x.size, *pointers)
        return out

    return call


def numbers(name: str) -> np.ndarray:
    """Numbers of all sizes, of both signs, and more of them where the function is not flat."""
    rng = np.random.default_rng(3)
    dtype = np.dtype(dtype_of(name))
    low, high = ENDS[name.removesuffix("f")]
    bits = rng.integers(0, 2 ** (8 * dtype.itemsize), 2000, f"uint{8 * dtype.itemsize}")
    tiny = np.finfo(dtype).smallest_subnormal * rng.integers(1, 1000, 100)
    parts = [
        bits.view(dtype),
        rng.uniform(low, high, 2000),
        rng.uniform(-1, 1, 2000),
        rng.choice([-1, 1], 1000) * 2.0 ** rng.uniform(-30, 5, 1000),
        tiny,
        -tiny,
        # Where the number of halvings changes, and numbers beside those.
        np.arange(-40, 40) * math.log(2) / 4 * (1 + np.array([[-1], [0], [1]]) * 1e-7),
    ]
    x = np.concatenate([np.ravel(part).astype(dtype) for part in parts])
    return x[np.isfinite(x)]


def error(x: np.ndarray, y: np.ndarray, exact: Callable) -> float:
    """The largest error of `y`, in units in the last place; infinity is the next power of two."""
    info = np.finfo(x.dtype)
    end = mpmath.mpf(2) ** int(info.maxexp)
    least = int(info.minexp) - int(info.nmant)
    worst = 0.0
    with mpmath.workdps(40):
        for number, got in zip(x.tolist(), y.tolist(), strict=True):
            true = exact(mpmath.mpf(number))
            true = true if abs(true) < end else end * mpmath.sign(true)
            given = end * int(math.copysign(1, got)) if math.isinf(got) else mpmath.mpf(got)
            exponent = min(mpmath.frexp(true)[1], int(info.maxexp)) - int(info.nmant) - 1
            unit = mpmath.mpf(2) ** max(exponent, least)
            worst = max(worst, float(abs(true - given) / unit))
    return worst


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_small(name: str) -> None:
    x = numbers(name)
    assert error(x, compiled(name)(x), EXACT[name.removesuffix("f")]) <= FUNCTIONS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_result_does_not_depend_on_its_place(name: str, width: str) -> None:
    """A loop of one turn uses no vectors; all lengths and widths give its bits."""
    specials = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 88.8, -103.9, 500])
    x = np.concatenate([specials.astype(dtype_of(name)), numbers(name)[::23]])
    function = compiled(name, width)
    single = compiled(name)
    alone = np.concatenate([single(x[n : n + 1]) for n in range(x.size)])
    view = f"uint{8 * x.itemsize}"
    starts = itertools.cycle(range(0, x.size - 40, 7))
    for size in range(1, 41):
        for start in itertools.islice(starts, 8):
            got = function(x[start : start + size])
            np.testing.assert_array_equal(got.view(view), alone[start : start + size].view(view))


SPECIAL = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (np.inf, np.inf), (-np.inf, 0.0), (np.nan, np.nan)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (np.inf, 1.0), (-np.inf, -1.0), (np.nan, np.nan)],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values_are_those_of_c99(name: str) -> None:
    """Also NaN with a sign, and numbers far outside the range where bits are shifted."""
    function, dtype = compiled(name), dtype_of(name)
    largest = float(np.finfo(dtype).max)
    pairs = list(SPECIAL[name.removesuffix("f")])
    ends = {1.0: 1.0, -1.0: -1.0} if name.startswith("tanh") else {1.0: np.inf, -1.0: 0.0}
    far = [2.0**n for n in range(8, 127, 3)] + [largest]
    pairs += [(sign * x, y) for sign, y in ends.items() for x in far]
    x, expected = (np.array(column).astype(dtype) for column in zip(*pairs, strict=True))
    got = function(x)
    np.testing.assert_array_equal(got, expected)
    zeros = expected == 0
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(expected[zeros]))
    assert np.isnan(function(np.copysign(np.array([np.nan], dtype), -1)))[0]


def test_small_results_of_exp_are_subnormal() -> None:
    x = np.linspace(-104, -87, 2000, dtype="float32")
    got = compiled("expf")(x)
    expected = np.exp(x.astype("float64"))
    unit = float(np.finfo("float32").smallest_subnormal)
    assert np.abs(got - expected).max() <= 0.75 * unit + 2**-24 * expected.max()
    assert got[0] == 0 < got[50]


@pytest.mark.parametrize("name", ["tanh", "tanhf"])
def test_tanh_is_odd_and_bounded(name: str) -> None:
    x = numbers(name)
    got = compiled(name)(x)
    np.testing.assert_array_equal(compiled(name)(-x), -got)
    assert np.abs(got).max() == 1
    small = np.abs(x) < np.finfo(x.dtype).eps / 4
    np.testing.assert_array_equal(got[small], x[small])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_larger_numbers_have_no_smaller_results(name: str) -> None:
    """Around the joins of the polynomial's pieces, up to the error allowed."""
    function, dtype = compiled(name), np.dtype(dtype_of(name))
    step = math.log(2) / 2 / (1 if name.startswith("exp") else 2)
    for n in range(-20, 21):
        centre = dtype.type(n * step)
        steps = np.arange(-50, 51) * np.spacing(max(abs(centre), dtype.type(0.01)))
        y = function((centre + steps).astype(dtype))
        assert (np.diff(y) >= -2 * np.spacing(np.abs(y[1:]))).all(), n


@pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("gcc") is None or "fma" not in cpu_features(),
    reason="needs gcc and FMA on x86-64",
)
@pytest.mark.parametrize("width", WIDTHS[1:])
def test_loops_are_vectorised(tmp_path: Path, width: str) -> None:
    """Oracle: gcc's remarks."""
    path = tmp_path / "loops.c"
    path.write_text(source())
    options = [f"-mprefer-vector-width={width}", "-fopt-info-vec", "-S", "-o", "/dev/null"]
    command = [str(shutil.which("gcc")), *FLAGS, *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    remarks = [line for line in done.stderr.splitlines() if "loop vectorized" in line]
    assert len({line.split(":")[1] for line in remarks}) == len(FUNCTIONS)


def test_what_is_defined_is_tested() -> None:
    find_compiler()
    lines = VECTOR_MATH.read_text().splitlines()
    names = {line.split()[1] for line in lines if line.startswith("#define") and " arn_" in line}
    assert names == set(FUNCTIONS)
