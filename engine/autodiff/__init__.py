"""Derivatives as symbolic expressions."""

from arignote.autodiff.reverse import grad
from arignote.autodiff.verify import verify_grad

__all__ = ["grad", "verify_grad"]
