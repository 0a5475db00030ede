"""What a notebook shows of an error: the user's own lines, without the machinery between them."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import CodeType, FrameType, TracebackType
from weakref import WeakSet

from IPython import get_ipython
from IPython.display import display

from arignote.errors import ArignoteError, NanError
from arignote.viz import explore

# IPython asks an exception for its own display under this name.
RENDER = "_render_traceback_"
_explored: "WeakSet[NanError]" = WeakSet()


class CellSyntaxError(ArignoteError):
    """A syntax error in the body of a `%%graph` cell.

    It is no SyntaxError: for one that is raised while a cell runs IPython lists every frame of
    its own. `error` is the SyntaxError.
    """

    def __init__(self, error: SyntaxError) -> None:
        super().__init__(f"{error.msg} (line {error.lineno})")
        self.error = error

    def _render_traceback_(self) -> list[str]:
        shell = get_ipython()
        if shell is None:
            return traceback.format_exception_only(self.error)
        return shell.SyntaxTB.structured_traceback(type(self.error), self.error, [])


@contextmanager
def user_frames(code: CodeType) -> Iterator[None]:
    """Errors in the block are shown from the frame that runs `code` on."""
    try:
        yield
    except BaseException as error:
        if getattr(type(error), RENDER, rendered) is rendered:
            # Some exceptions take no attributes; they are shown with every frame.
            with suppress(AttributeError):
                setattr(error, RENDER, partial(rendered, error, code))
        raise


def rendered(error: BaseException, code: CodeType | None = None) -> list[str]:
    """The lines IPython shows for an error; of Arignote's own errors without Arignote's frames.

    In a notebook the explorer opens at the node where a NaN was born.

    Parameters
    ----------
    error : BaseException
    code : code object, optional
        Frames above the one that runs it are left out too.
    """
    entries = []
    entry = error.__traceback__
    while entry:
        entries.append(entry)
        entry = entry.tb_next
    start = next((i for i, e in enumerate(entries) if e.tb_frame.f_code is code), None)
    shown = entries[start:] if start is not None else entries
    if isinstance(error, ArignoteError):
        shown = [entry for entry in shown if not _is_ours(entry.tb_frame)] or shown
    chain: TracebackType | None = None
    for entry in reversed(shown):
        chain = TracebackType(chain, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    shell = get_ipython()
    if shell is None:
        return traceback.format_exception(type(error), error, chain)
    # IPython renders an error twice: to keep it, and to show it.
    if isinstance(error, NanError) and shell.has_trait("kernel") and error not in _explored:
        _explored.add(error)
        display(explore(error))
    # By itself IPython leaves out the first frame, which is its own.
    offset = None if start is None else 0
    return shell.InteractiveTB.structured_traceback(type(error), error, chain, tb_offset=offset)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "arignote"
