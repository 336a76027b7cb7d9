"""The engine: a pool as a heap of words, with transactions, allocations, locking and handles.

| module | what it is responsible for |
|---|---|
| `size_classes` | which sizes allocations have |
| `lock` | one thread at a time, and no waiting without end |
| `handle_table` | which Python object stands for an offset, without keeping the object alive |
| `exports` | which buffers show memory of a pool, and what is refused because of them |
| `consistent_reads` | reading while other threads write: the protocol of optimistic reads |
| `observer` | what a heap tells about its work |
| `mapping` | a pool that is mapped: binding, bounds, reads |
| `transaction_state` | who may change the pool now, and what every change does |
| `allocator` | allocating and freeing, and the memory for logs |
| `snapshots` | which words a transaction has snapshotted, and how much to snapshot at once |
| `stores` | the methods by which memory changes, apart from publications |
| `heap` | `Heap`, which is all of these: begin, commit, roll back; the handles of objects |
| `publication` | allocations, a free and one store that happen at once, without a transaction |
| `transaction` | the transaction as a program sees it |
| `decorated` | functions of which each call is a transaction |
| `checker` | the checking mode: proof that every changed byte was snapshotted |

`Heap` derives from the classes of `mapping`, `transaction_state`, `allocator` and `stores`, each from the one before.
They are base classes and not parts, since compiled code reaches a field or an inline method of a base class as fast as
its own; a part would cost one more load in each read and each store.
"""
