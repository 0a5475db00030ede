"""C texts of scalar records, compiled with warnings as errors. Oracle: the NumPy functions.

All texts are one C file with one loop per record and dtype. `-Wfloat-conversion` finds texts that
compute in double where single precision is meant; `-fwrapv` makes integers wrap as NumPy's do.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from arignote.scalar import ScalarOp, wrap_index
from arignote.scalar.record import C_TYPES
from arignote.types import kind
from oracles import assert_elements
from scalar.samples import ALL, CASTS, SIGN_IS_OPEN, draw, label, special_operands

COMPILER = shutil.which("gcc") or shutil.which("cc")
WARNINGS = ["-Wall", "-Werror", "-Wfloat-conversion"]
FLAGS = ["-std=c99", "-O1", *WARNINGS, "-fno-math-errno", "-ffp-contract=off", "-fwrapv"]
HEADER = """#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
static inline int64_t arn_wrap(int64_t i, int64_t n, int *bad) {
  if (i < -n || i >= n) { *bad = 1; return 0; }
  return i < 0 ? i + n : i;
}
"""
DTYPES = ["bool", "int8", "int64", "uint8", "uint64", "float32", "float64"]


def operand_dtype(record: ScalarOp, dtype: str) -> str:
    """The dtype that the text reads: casts read what they are given, others what they compute."""
    return dtype if record in CASTS else record.rule.compute(dtype)


def cases() -> list[tuple[ScalarOp, str]]:
    """Each record with each dtype that it computes in and has a text for."""
    return [
        (record, dtype)
        for record in ALL
        for dtype in DTYPES
        if kind(dtype) in record.rule.takes
        and operand_dtype(record, dtype) == dtype
        and record.c_text(dtype)
    ]


def loop(record: ScalarOp, dtype: str) -> str:
    """A C function that applies the text to each element."""
    names = [f"x{n}" for n in range(record.nin)]
    types = C_TYPES[dtype], C_TYPES[record.rule.gives(dtype)]
    text = str(record.c_text(dtype)).replace("{f}", "f" if dtype == "float32" else "")
    for n, name in enumerate(names):
        text = text.replace(f"{{{n}}}", name)
    parameters = "".join(f", const {types[0]} *p{n}" for n in range(record.nin))
    reads = "".join(
        f"const {types[0]} {name} = p{n}[i]; (void){name}; " for n, name in enumerate(names)
    )
    before, after = ("int bad = 0; ", "if (bad) out[0] = -1; ") if record.checks else ("", "")
    return (
        f"void {record.name}_{dtype}(size_t size{parameters}, {types[1]} *out) {{\n"
        f"  {before}for (size_t i = 0; i < size; i++) {{ {reads}out[i] = {text}; }} {after}\n}}\n"
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """All loops, compiled."""
    if COMPILER is None:
        pytest.skip("no C compiler found (gcc or cc)")
    folder: Path = tmp_path_factory.mktemp("c_text")
    source, target = folder / "texts.c", folder / "texts.so"
    source.write_text(HEADER + "".join(loop(record, dtype) for record, dtype in cases()))
    command = [COMPILER, *FLAGS, "-shared", "-fPIC", "-o", str(target), str(source), "-lm"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[:4000]
    return ctypes.CDLL(str(target))


@pytest.mark.parametrize(("record", "dtype"), cases(), ids=label)
def test_text_computes_what_numpy_does(library: ctypes.CDLL, record: ScalarOp, dtype: str) -> None:
    function = library[f"{record.name}_{dtype}"]
    for arrays in (draw(record, dtype, 100), special_operands(record, dtype)):
        arrays = [np.ascontiguousarray(array) for array in arrays]
        expected = record(*arrays)
        out = np.empty_like(expected)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*arrays, out)]
        function(ctypes.c_size_t(out.size), *pointers)
        assert_elements(out, expected, record, zero_signs=record.name not in SIGN_IS_OPEN)


def test_text_tells_of_operands_that_are_errors(library: ctypes.CDLL) -> None:
    """Oracle: the NumPy function raises."""
    for i, n in ((3, 3), (-4, 3), (0, 0)):
        arrays = [np.array([0, value]) for value in (i, n)]
        arrays[1][0] = 5
        with pytest.raises(IndexError, match=f"index {i} is out of range .* size {n}"):
            wrap_index(*arrays)
        out = np.zeros(2, "int64")
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*arrays, out)]
        library["wrap_index_int64"](ctypes.c_size_t(2), *pointers)
        assert out[0] == -1


def test_which_records_have_no_text() -> None:
    """What C99 has no function for, and what has more than one operation in it."""
    without = {record.name for record in ALL if record.c is None and not record.c_kinds}
    casts = {f"cast_{dtype}" for dtype in ("float16", "complex64", "complex128")}
    assert without == casts | {"complex", "digamma", "erfinv", "polygamma"}


def test_texts_of_floating_functions_serve_no_integers() -> None:
    """`pow` of integers would compute in double and lose digits above 2**53."""
    for record in ALL:
        if record.c is not None and "{f}" in record.c and not record.c_kinds:
            assert record.c_text("int64") is None, record
            assert record.c_text("float64") == record.c_text("float32") == record.c
        assert record.c_text("complex128") is None
        assert record.c_text("float16") is None
