"""`profile`: what was measured of a block, as a page."""

from typing import TYPE_CHECKING

from arignote import lazy

if TYPE_CHECKING:
    from arignote.compile.report import ProfileReport
    from arignote.compile.report_rows import By
    from arignote.viz.profiles.view import ProfileView


def profile(
    report: "ProfileReport",
    *,
    by: "By | str" = "line",
    sort: str = "time",
    top: int = 20,
    view: str = "table",
    theme: str = "auto",
) -> "ProfileView":
    """The report of a profile as a page: a table, an icicle, memory, and graphs with heat.

    Parameters
    ----------
    report : ProfileReport
        Of `with profiling() as report:`.
    by : {'line', 'kernel', 'op', 'function'}
        What the rows of the table stand for.
    sort : {'time', 'calls', 'memory'}
    top : int
        How many rows are shown at first.
    view : {'table', 'icicle', 'memory', 'graph'}
        What is shown first.
    theme : {'auto', 'light', 'dark'}

    Returns
    -------
    ProfileView
        Shown as the last line of a cell; `save` writes it to a file.

    Raises
    ------
    InputError, GraphError
        An option does not fit.

    Example
    -------
    >>> from arignote import function, profiling, tensor as T
    >>> x = T.dvector("x")
    >>> f = function([x], T.exp(x))
    >>> with profiling() as report:
    ...     result = f([1.0, 2.0])
    >>> profile(report).view
    'table'
    """
    made: ProfileView = lazy.module("arignote.viz.profiles.view").profile_view(
        report, by, sort, top, view, theme
    )
    return made
