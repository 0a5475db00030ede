"""The private OpenBLAS. Oracles: the environment, and what the library says of itself."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arignote.errors import CompilerError, CompilerMissingError
from arignote.execute import blas as module
from arignote.execute.blas import blas
from arignote.execute.compiler import cpu_features
from arignote.execute.libraries import ffi

FLAGS = "avx2 avx512f avx512bw avx512dq avx512vl fma"
AMD = f"x86_64\nflags: {FLAGS}\nvendor_id: AuthenticAMD"
SKYLAKE = {"OPENBLAS_CORETYPE": "SkylakeX"}


@pytest.fixture
def fresh():
    """As in a process that has not looked for it yet."""
    blas.cache_clear()
    yield
    blas.cache_clear()


def test_it_says_what_it_is():
    assert blas() is blas()
    version, _, kernels = blas().describe().partition(", ")
    assert version.startswith("OpenBLAS 0.")
    assert kernels.endswith(" kernels")


def test_products_are_where_it_says():
    shape = "int, int, int, int, int, int"
    operands = "float, float*, int, float*, int, float, float*, int"
    sgemm = ffi().cast(f"void(*)({shape}, {operands})", blas().sgemm)
    a, b = np.arange(6, dtype="float32").reshape(2, 3), np.ones((3, 4), "float32")
    c = np.zeros((2, 4), "float32")
    pointers = [ffi().cast("float*", x.ctypes.data) for x in (a, b, c)]
    sgemm(101, 111, 111, 2, 4, 3, 1.0, pointers[0], 3, pointers[1], 4, 0.0, pointers[2], 4)
    np.testing.assert_array_equal(c, a @ b)
    assert len({blas().sgemm, blas().dgemm, blas().sgemv, blas().dgemv}) == 4


def test_it_stays_loaded_for_who_has_its_addresses():
    script = """
import gc
import numpy as np
from arignote import function, tensor as T
from arignote.execute.blas import blas
x = T.dmatrix("x")
f = function([x], T.dot(x, x))
a = np.random.default_rng(0).random((50, 50))
before = f(a)
blas.cache_clear()
gc.collect()
print(f.linker, np.array_equal(f(a), before), np.allclose(before, a @ a))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()[1:]) == (0, ["True", "True"]), done.stderr


@pytest.mark.skipif(
    "avx512vl" not in cpu_features().split() or "OPENBLAS_CORETYPE" in os.environ,
    reason="needs AVX-512",
)
def test_its_kernels_use_avx512_where_there_is_any():
    assert "Haswell" not in blas().describe()
    assert "Zen" not in blas().describe()


@pytest.mark.parametrize(
    ("features", "environment", "wanted"),
    [
        (AMD, {}, SKYLAKE),
        (AMD, {"OPENBLAS_CORETYPE": "Haswell"}, {}),
        (AMD.replace("avx512vl", ""), {}, {}),
        (AMD.replace("AuthenticAMD", "GenuineIntel"), {}, {}),
        ("aarch64\nFeatures: asimd fp", {}, {}),
        ("arm64\narm", {}, {}),
    ],
)
def test_avx512_kernels_are_asked_for_on_amd(features, environment, wanted):
    assert module._core_type(environment, features) == wanted


def test_the_environment_is_set_for_the_loading_only(fresh, monkeypatch):
    seen = []
    load = module.lazy.module("_cffi_backend").load_library

    class Backend:
        FFI = module.lazy.module("_cffi_backend").FFI

        @staticmethod
        def load_library(path: str, flags: int) -> object:
            seen.append({k: v for k, v in os.environ.items() if k.startswith("OPENBLAS")})
            assert flags & os.RTLD_GLOBAL == 0
            return load(path, flags)

    monkeypatch.setattr(module, "cpu_features", lambda: AMD)
    monkeypatch.setattr(module.lazy, "module", lambda name: Backend)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    blas()
    assert seen == [{"OPENBLAS_NUM_THREADS": "1", **SKYLAKE}]
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "OPENBLAS_CORETYPE" not in os.environ


PRIVATE = """
import ctypes, os, sys
from arignote.execute.blas import blas
before = len(os.listdir("/proc/self/task"))
path = blas().path
print("scipy_openblas32" in sys.modules, len(os.listdir("/proc/self/task")) - before)
print(hasattr(ctypes.CDLL(None), "scipy_cblas_sgemm"))
print(ctypes.CDLL(str(path)).scipy_openblas_get_num_threads())
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux")
def test_it_is_private_and_has_one_thread():
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "5"}
    done = subprocess.run(
        [sys.executable, "-c", PRIVATE], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["False", "0", "False", "1"]


def test_threads_of_numpy_stay_as_they_are(fresh):
    """NumPy's own OpenBLAS is another copy; ours says nothing about its threads."""
    numpy_copies = sorted((Path(np.__file__).parents[1] / "numpy.libs").glob("*openblas*"))
    if not numpy_copies:
        pytest.skip("this NumPy has another BLAS")
    theirs = ctypes.CDLL(str(numpy_copies[0])).scipy_openblas_get_num_threads64_
    before = theirs()
    blas()
    assert theirs() == before


def test_a_missing_package_is_told_with_the_command(fresh, monkeypatch):
    monkeypatch.setattr(module, "PACKAGE", "no_such_package")
    with pytest.raises(CompilerMissingError, match=r"try:   pip install scipy-openblas32$"):
        blas()


def test_a_broken_library_is_told_with_its_path(fresh, monkeypatch, tmp_path):
    folder = tmp_path / "broken_blas"
    (folder / "lib").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('imported')")
    suffix = "dylib" if sys.platform == "darwin" else "so"
    library = folder / "lib" / f"libscipy_openblas.{suffix}"
    library.write_bytes(b"no library")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "PACKAGE", "broken_blas")
    with pytest.raises(CompilerError, match="OpenBLAS cannot be loaded") as caught:
        blas()
    assert str(library) in str(caught.value)
    assert not isinstance(caught.value, CompilerMissingError)
