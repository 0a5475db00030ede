"""The public names exist, are documented, and an op is defined in one place."""

from __future__ import annotations

import re

import pytest

import arignote
import arignote.tensor as T
from arignote.scalar import RECORDS
from package.tree import module_name, source_files

PUBLIC = [
    "T", "config", "function", "In", "Out", "shared", "grad", "verify_grad", "clone", "pp",
    "debugprint", "pydotprint", "Variable", "Apply", "Constant", "Op", "TensorType", "Type",
    "SharedVariable", "Function", "errors", "load_ipython_extension", "unload_ipython_extension",
    "cache", "doctor", "why_not_fused",
]  # fmt: skip
PREFIXES = ["", *"bwilfdcz"]
RANKS = ["scalar", "vector", "row", "col", "matrix", "tensor3", "tensor4", "tensor5"]
PLURALS = ["scalars", "vectors", "rows", "cols", "matrices", "tensor3s", "tensor4s"]


@pytest.mark.parametrize("name", PUBLIC)
def test_arignote_exports(name: str):
    assert name in arignote.__all__
    assert getattr(arignote, name) is not None


def test_T_is_the_module():
    assert arignote.T is T


@pytest.mark.parametrize("name", [p + r for p in PREFIXES for r in RANKS + PLURALS])
def test_constructors_exist(name: str):
    assert callable(getattr(T, name))


@pytest.mark.parametrize("module", [arignote, T, T.nnet], ids=lambda module: module.__name__)
def test_public_names_exist_and_have_docstrings(module):
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert missing == []
    bare = [
        name
        for name in module.__all__
        if not name.startswith("__") and not (getattr(module, name).__doc__ or "").strip()
    ]
    assert bare == []


@pytest.mark.parametrize("module", [arignote, T, T.nnet], ids=lambda module: module.__name__)
def test_completion_offers_public_names_only(module):
    assert set(dir(module)) == {*module.__all__, *(["__version__", "viz"] * (module is arignote))}
    assert all(hasattr(module, name) for name in dir(module))


def test_a_name_that_is_wrong_is_told_with_the_one_that_was_meant():
    for module, name, near in ((T, "metrix", "matrix"), (arignote, "shard", "shared"),
                               (T.nnet, "softmx", "softmax")):  # fmt: skip
        with pytest.raises(AttributeError, match=f"{name!r}; did you mean '{near}'"):
            getattr(module, name)
    with pytest.raises(AttributeError, match=r"has no attribute '__wrapped__'$"):
        _ = T.__wrapped__
    assert not hasattr(T, "metrix")


def test_all_is_sorted_out():
    for module in (arignote, T, T.nnet):
        assert len(set(module.__all__)) == len(module.__all__)


def test_an_op_is_defined_in_one_file():
    """`ScalarOp("name"` occurs once for every record of the table.

    A family made on demand has one `f"prefix_{...}"` for all of its members.
    """
    texts = {module_name(path): path.read_text("utf-8") for path in source_files()}
    homes = {
        name: [
            home
            for home, text in texts.items()
            for literal, prefix in re.findall(r'ScalarOp\(\s*(?:"(\w+)"|f"(\w+_)\{)', text)
            if literal == name or (prefix and name.startswith(prefix))
        ]
        for name in RECORDS
    }
    assert {name: files for name, files in homes.items() if len(files) != 1} == {}
