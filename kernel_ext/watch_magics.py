"""`%%watch`: a training cell that is looked at while it runs."""

from IPython.core.error import UsageError
from IPython.core.magic import cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from arignote.compile.watched import STATISTICS
from arignote.kernel_ext.arguments import HELP, name_list, one_of, parse, unquoted
from arignote.kernel_ext.family import Family
from arignote.kernel_ext.statements import Statements
from arignote.viz.monitor.history import OnNaN
from arignote.viz.monitor.watch import watch

ACTIONS = tuple(action.value for action in OnNaN)


@magics_class
class ArignoteWatchMagics(Family):
    """`%%watch`."""

    @magic_arguments("%watch")
    @argument("names", nargs="*", metavar="NAMES", help="The variables, apart by commas.")
    @argument("--every", type=int, default=10, metavar="N", help="Measure each N-th step.")
    @argument("--max-steps", type=int, metavar="N", help="End the cell after N steps.")
    @argument("--nan", default="warn", help="What is done about the first NaN.", **one_of(*ACTIONS))
    @argument("--stats", type=name_list, metavar="|".join(STATISTICS), help="What is kept.")
    @argument("--hist", action="store_true", help="Show histograms of the values too.")
    @argument(
        "--name", type=unquoted, default="_watch", metavar="NAME", help="What it is bound to."
    )
    @HELP
    @no_var_expand
    @cell_magic("watch")  # type: ignore[arg-type]
    def watch_cell(self, line: str, cell: str) -> object:
        """Run the cell and show live what its training does; nothing in the cell changes.

        Without names: the losses and all variables that are updated, with the norms of their
        gradients and how far each update goes. The button ends the loop before its next step,
        without an error; so does --max-steps.

            %%watch loss, W --every 5
            for x, y in batches:
                train(x, y)

        Afterwards _watch.history["loss"]["mean"].values is an array, .steps are its steps.
        """
        arguments = parse(self.watch_cell, line)
        if arguments is None:
            return None
        names = [name for word in arguments.names for name in name_list(word)]
        unknown = [name for name in arguments.stats or () if name not in STATISTICS]
        if unknown:
            raise UsageError(f"--stats: no {unknown[0]!r}; there are {', '.join(STATISTICS)}.")
        for option, number in (("--every", arguments.every), ("--max-steps", arguments.max_steps)):
            if number is not None and number < 1:
                raise UsageError(f"{option}: {number} is no number of steps.")
        seen = watch(
            names or None,
            every=arguments.every,
            max_steps=arguments.max_steps,
            stats=arguments.stats or STATISTICS,
            nan=arguments.nan,
            hist=arguments.hist,
        )
        statements = Statements(self.shell, "watch", line, cell)
        self.shell.user_ns[arguments.name] = seen
        with seen:
            return statements.run()
        return None
