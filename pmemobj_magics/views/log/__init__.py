"""The history of transactions as text, as a table, and as a picture of what happened to which object.

Nothing here imports IPython; it shows the entries of `pmemobj.TransactionLog`.

| module | what it is responsible for |
|---|---|
| `view` | `LogView`, which shows and saves itself |
| `picture` | the picture: a lane for each object, a column for each step |
| `signs` | a letter and a colour for each kind of step and each outcome |
"""

from __future__ import annotations

from pmemobj_magics.views.log.view import LogView

__all__ = ["LogView"]
