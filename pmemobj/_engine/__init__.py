"""The engine: a mapped pool as 64-bit words, the allocations in it, and the transaction that changes them.

Everything above this room sees a pool as offsets and words, and stores only through `Heap`. The first five modules of
the table each have one job of the heap.

| module | what it is responsible for |
|---|---|
| `size_classes` | which sizes of allocations there are, and how much space is set aside for logs |
| `mapping` | the mapping of the pool's file: bounds, and reads of words and bytes |
| `snapshots` | which words the transaction has logged already; the stores that log a word before they change it |
| `allocator` | allocate, free, and enumerate allocations; make room when the pool is full |
| `transaction_state` | begin, commit and roll back; who owns the transaction, and how deep it is nested |
| `heap` | `Heap`: all of the above for one pool; `Handle`: a heap and an offset; `Statement`: one atomic operation |
| `consistent_reads` | optimistic reads: read the version, read the data, and compare the version again |
| `lock` | the lock of a pool: one thread at a time, and a wait that can never succeed is an error |
| `publication` | an allocation, a free and one store that happen together, without a transaction |
| `transaction` | the transaction as a program uses it: a context manager, or begin, commit and abort |
| `handle_table` | which Python object stands for an offset, without keeping that object alive |
| `exports` | which memory is exported as buffers, and what must not happen to it meanwhile |
| `observer` | what a heap reports of its work, and to whom: the checker, the history, the crash lab |
| `checker` | the checking mode: proof at each commit that every changed byte had been snapshotted |
"""
