"""Code generation: loop nests as C text."""

from arignote.codegen.loops import kernel_text
from arignote.codegen.prelude import prelude

__all__ = ["kernel_text", "prelude"]
