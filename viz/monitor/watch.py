"""`watch`: what the variables of functions are like while a loop runs, live."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from arignote import lazy
from arignote.graph import Variable

if TYPE_CHECKING:
    from arignote.viz.monitor.session import Watch

Names = str | Variable | Iterable[str | Variable] | None


def watch(
    names: Names = None,
    every: int = 10,
    max_steps: int | None = None,
    stats: Iterable[str] | None = None,
    nan: str = "warn",
    history: bool = True,
    hist: bool = False,
    show: bool = True,
) -> "Watch":
    """A block that looks on while a loop calls compiled functions, and shows it live.

    The loop needs no change, and what it computes stays the same to the last bit. A step is a call
    of the function that has updates; where several have, or none, of the one that is called most
    often. At each sampled step statistics of the variables are computed, by functions made of the
    same graph; the others cost next to nothing. In a notebook a panel shows them, with a stop
    button; in a terminal a line does.

    Parameters
    ----------
    names : str or Variable, or several of them, optional
        What is watched: variables of the functions' graphs, also such as are computed inside. By
        default the outputs that are one real number (losses) and all shared variables that are
        updated, with the norms of their gradients.
    every : int
        How many steps there are from one sample to the next.
    max_steps : int, optional
        The block ends, without an error, before a step beyond these.
    stats : sequence of {'min', 'max', 'mean', 'std', 'nan', 'inf', 'norm'}, optional
        What is kept, by default all; the first four are over the finite values.
    nan : {'raise', 'pause', 'warn', 'record'}
        What is done about the first NaN: an error, or the end of the block, or a warning, which in
        a notebook stands in the panel.
    history : bool
        False keeps a thinned history only.
    hist : bool
        Whether histograms of the newest values are shown too: of all but what is computed inside.
    show : bool
        Whether anything is shown.

    Returns
    -------
    Watch
        For a `with` statement.

    Raises
    ------
    ConfigError
        For options that there are not.
    GraphError
        At the first step: no function has a variable of this name.
    NanError
        With nan='raise', at the step; where the NaN is found before the updates none is stored.

    Example
    -------
    >>> from arignote import function, grad, shared, tensor as T
    >>> x, w = T.dscalar("x"), shared(1.0, "w")
    >>> loss = (w * x - 3.0) ** 2
    >>> loss.name = "loss"
    >>> train = function([x], loss, updates={w: w - 0.1 * grad(loss, w)})
    >>> with watch(every=2, show=False) as seen:
    ...     for step in range(4):
    ...         value = train(1.0)
    >>> seen.history["loss"]["mean"].steps
    array([0, 2, 3])
    >>> seen.history["w"]["gradient"].values.round(2)
    array([4.  , 2.56,  nan])
    """
    chosen = [names] if isinstance(names, str | Variable) else names
    kept = [stats] if isinstance(stats, str) else stats
    made: Watch = lazy.module("arignote.viz.monitor.session").watch(
        None if chosen is None else tuple(chosen),
        every,
        max_steps,
        None if kept is None else tuple(kept),
        nan,
        history,
        hist,
        show,
    )
    return made
