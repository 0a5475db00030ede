"""What holds for every record as a record: its form, calls, names and pickling."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from arignote import tensor as T
from arignote.errors import GraphError
from arignote.scalar import RECORDS, ScalarOp, add, exp, lookup
from oracles import reference
from scalar.samples import ALL, NAMED, label

every = pytest.mark.parametrize("record", ALL, ids=label)


@every
def test_form(record: ScalarOp) -> None:
    assert RECORDS[record.name] is record
    assert len(record.domain) in (record.nin, 1)
    assert all(low <= high for low, high in record.domain)
    assert record.doc.endswith(".")
    assert set("".join(record.c_kinds)) <= set("buif")
    assert callable(reference(record.name))


@every
def test_pickle_gives_the_same_object(record: ScalarOp) -> None:
    assert pickle.loads(pickle.dumps(record)) is record
    assert lookup(record.name) is record


@every
def test_number_of_operands(record: ScalarOp) -> None:
    with pytest.raises(GraphError, match=f"takes {record.nin} operands, not 4"):
        record(*[1.0] * 4)


@pytest.mark.parametrize("record", [r for r in NAMED if r.commutative], ids=label)
def test_commutative(record: ScalarOp) -> None:
    x, y = np.array([0, 1, 5, 6]), np.array([3, 1, 0, 4])
    np.testing.assert_array_equal(record(x, y), record(y, x))


@pytest.mark.parametrize("record", [r for r in NAMED if r.unit is not None], ids=label)
def test_unit_changes_nothing(record: ScalarOp) -> None:
    x = np.array([0.0, 1.0]) if "logical" in record.name else np.array([-2.0, 0.5, np.inf])
    np.testing.assert_array_equal(record(x, np.full_like(x, record.unit)), x)


def test_a_name_is_given_once() -> None:
    with pytest.raises(GraphError, match="there is a scalar op 'add' already"):
        ScalarOp("add", np.add, None)
    assert RECORDS["add"] is add


def test_unknown_names() -> None:
    with pytest.raises(GraphError, match="no scalar op 'no_such_op'"):
        lookup("no_such_op")


def test_any_operand_that_knows_records_takes_over() -> None:
    class Placeholder:
        def __apply_scalar__(self, record: ScalarOp, operands: tuple) -> tuple:
            return record.name, len(operands)

    assert add(1.0, Placeholder()) == ("add", 2)


def test_numbers_and_lists_compute() -> None:
    assert exp(0).dtype == "float64"
    np.testing.assert_array_equal(add([1, 2], 3), [4, 5])


@pytest.mark.parametrize("record", [r for r in NAMED if isinstance(r.numpy, np.ufunc)], ids=label)
def test_numpy_ufuncs_build_graph(record: ScalarOp) -> None:
    """`np.exp(x)` of a variable is the record's node."""
    dtype = "float64" if "f" in record.rule.takes else "int64"
    out = record.numpy(*[T.tensor(dtype, (None,)) for _ in range(record.nin)])
    assert out.owner.op.scalar is record


def test_scipy_is_imported_by_the_first_call_only() -> None:
    code = (
        "import sys, arignote; from arignote import tensor as T\n"
        "arignote.config.linker = 'numpy'; x = T.dvector(); y = T.erf(x)\n"
        "assert 'scipy' not in sys.modules\n"
        "y.eval({x: [0.5]}); assert 'scipy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
