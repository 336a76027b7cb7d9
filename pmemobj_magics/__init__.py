"""IPython magics for `pmemobj`: open pools, change them in transactions, see them, crash them.

Load them with ``%load_ext pmemobj_magics``; each magic tells its use with a question mark, as in
``%pmem_open?``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmemobj import PmemError
from pmemobj_magics.views.graph import PoolGraph

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["PoolGraph", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by ``%load_ext pmemobj_magics``."""
    from pmemobj_magics.completion import make_matcher
    from pmemobj_magics.magics import PmemMagics

    unload_ipython_extension(shell)
    magics = PmemMagics(shell)
    shell.register_magics(magics)
    shell.set_custom_exc((PmemError,), magics.show_error)  # type: ignore[no-untyped-call]
    # An error while a value is displayed does not end the cell, so IPython asks nobody how to show it.
    vars(shell)["showtraceback"] = magics.show_traceback
    shell.Completer.custom_matchers.append(make_matcher(magics.session))


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Called by ``%unload_ext pmemobj_magics``; the pools stay open."""
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
        if isinstance(known, PmemMagics) and known.session.follower is not None:
            known.session.follower.stop()
    # IPython put them there, for %config, and has no way to take them away.
    configurables: list[Any] = shell.configurables
    configurables[:] = [known for known in configurables if not isinstance(known, PmemMagics)]
