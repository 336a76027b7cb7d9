"""IPython magics for `pmemobj`: open pools, change them in transactions, look at them, crash them.

Load them with ``%load_ext pmemobj_magics``; a question mark shows the help of a magic, as in ``%pmem_open?``.

| room | what is in it |
|---|---|
| `magics` | the magics: their names, arguments and help |
| `commands` | what the magics do |
| `shell` | the IPython shell: the session, lines, cells, completion, help, progress |
| `display_hooks` | functions that `pmemobj` calls to show graphs, trees and objects in a notebook |
| `views` | how results look |
| `common` | numbers, tables, pages, signs and SVG, which all views share |
| `errors` | the errors of the magics |

A room imports only rooms that stand below it in this table. A feature has the same name in `magics`, `commands` and
`views`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmemobj import PmemError
from pmemobj_magics.commands.panel import PoolPanel
from pmemobj_magics.views.graph import PoolGraph

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["PoolGraph", "PoolPanel", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; ``%load_ext pmemobj_magics`` calls this function."""
    from pmemobj_magics.magics import PmemMagics
    from pmemobj_magics.shell.completion import make_matcher

    unload_ipython_extension(shell)
    magics = PmemMagics(shell)
    shell.register_magics(magics)
    shell.set_custom_exc((PmemError,), magics.show_error)  # type: ignore[no-untyped-call]
    # For an error while a value is displayed, IPython calls no custom handler, so its own method is replaced.
    vars(shell)["showtraceback"] = magics.show_traceback
    shell.Completer.custom_matchers.append(make_matcher(magics.session))


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics; ``%unload_ext pmemobj_magics`` calls this function. The pools stay open."""
    from pmemobj_magics.magics import PmemMagics

    if shell.custom_exceptions == (PmemError,):
        shell.set_custom_exc((), None)  # type: ignore[no-untyped-call]
        vars(shell).pop("showtraceback", None)
    matchers: list[Any] = shell.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != "pmemobj"]
    for kind, names in PmemMagics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    for known in shell.configurables:
        if isinstance(known, PmemMagics):
            known.session.record.stop()
            if known.session.follower is not None:
                known.session.follower.stop()
    # IPython added them for %config, and has no function that removes them.
    configurables: list[Any] = shell.configurables
    configurables[:] = [known for known in configurables if not isinstance(known, PmemMagics)]
