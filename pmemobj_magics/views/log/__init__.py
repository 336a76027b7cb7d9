"""The log of transactions as text, as a table, and as a strip of what happened to which object.

Nothing here knows IPython; it draws what `pmemobj`'s `TransactionLog` tells.
"""

from __future__ import annotations

from pmemobj_magics.views.log.view import LogView

__all__ = ["LogView"]
