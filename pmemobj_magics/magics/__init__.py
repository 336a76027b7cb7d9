"""The magics: their names, arguments and help; the functions of `commands` do the work.

| module | its magics |
|---|---|
| `pools` | ``%pmem``, ``%pmem_open``, ``%pmem_close``, ``%pmem_delete`` |
| `dumps` | ``%pmem_backup``, ``%pmem_dump``, ``%pmem_restore`` |
| `transactions` | ``%%pmem_transaction``, ``%%pmem_tx``, ``%pmem_begin``, ``%pmem_commit``, ``%pmem_abort`` |
| `tree` | ``%pmem_tree`` |
| `graph` | ``%pmem_graph`` |
| `memory` | ``%pmem_bytes``, ``%pmem_stats``, ``%pmem_gc``, ``%pmem_check`` |
| `log` | ``%pmem_log`` |
| `crash` | ``%%pmem_crash`` |
| `journal` | ``%pmem_journal`` |
| `watch` | ``%pmem_watch`` |
| `panel` | ``%pmem_panel`` |
| `base` | what all magics share: options, ``-o``, errors in short form |
| `all` | `PmemMagics`, which combines the classes of the other modules |
"""

from __future__ import annotations

from pmemobj_magics.magics.all import PmemMagics

__all__ = ["PmemMagics"]
