"""Arignote: a compiler for mathematical expressions on arrays, made to be used from a notebook.

Symbolic variables (`arignote.tensor`, usually T) build a graph; `grad` differentiates it, and
`function` compiles it. `%load_ext arignote` brings it into a notebook.
"""

from types import ModuleType

from arignote import errors, lazy, tensor
from arignote import tensor as T
from arignote.autodiff import grad, verify_grad
from arignote.compile import (
    Function,
    In,
    Mode,
    MonitorMode,
    NanGuardMode,
    Out,
    detect_nan,
    function,
    why_not_fused,
)
from arignote.compile.looking import gradcheck, inspect_values
from arignote.compile.profiling import profiling
from arignote.config import config
from arignote.doctor import doctor
from arignote.errors import NanError, no_attribute
from arignote.execute.cache import KERNELS as cache  # noqa: N811 (an object, as config)
from arignote.extension import load_ipython_extension, unload_ipython_extension
from arignote.graph import Apply, Constant, SharedVariable, Variable, clone, name_scope, shared
from arignote.ops.base import Op
from arignote.printing import debugprint, pp, pydotprint
from arignote.types import TensorType, Type

__version__ = "0.1.0"

__all__ = [
    "Apply",
    "Constant",
    "Function",
    "In",
    "Mode",
    "MonitorMode",
    "NanError",
    "NanGuardMode",
    "Op",
    "Out",
    "SharedVariable",
    "T",
    "TensorType",
    "Type",
    "Variable",
    "cache",
    "clone",
    "config",
    "debugprint",
    "detect_nan",
    "doctor",
    "errors",
    "function",
    "grad",
    "gradcheck",
    "inspect_values",
    "load_ipython_extension",
    "name_scope",
    "pp",
    "profiling",
    "pydotprint",
    "shared",
    "tensor",
    "unload_ipython_extension",
    "verify_grad",
    "why_not_fused",
]


def __getattr__(name: str) -> ModuleType:
    """`arignote.viz`, which is imported when it is first asked for."""
    if name == "viz":
        return lazy.module("arignote.viz")
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return [*__all__, "__version__", "viz"]
