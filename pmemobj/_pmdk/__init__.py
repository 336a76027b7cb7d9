"""The C library libpmemobj: how it is called, and what it keeps in the file.

Nothing in here knows Python values, objects or our own format. Half of the room calls libpmemobj; the other half reads
the structures that libpmemobj keeps in the file, and checks every number before it is used, because libpmemobj itself
follows these numbers unchecked.

| module | what it is responsible for |
|---|---|
| `declarations` | the declarations of `declarations.h` as cffi loads them; made by `tools/make_declarations.py` |
| `library` | loads libpmemobj through cffi; one checked wrapper for each C function |
| `calls` | the few functions that every change needs, called without going through cffi where compiled |
| `file_words` | the files of a pool as 64-bit words, each read when it is asked for |
| `chunks` | libpmemobj's heap in the file: its zones, chunks and runs; which allocations there are |
| `lanes` | libpmemobj's lanes in the file: whether its redo logs and undo logs can be trusted |
| `undo_log` | the entries of an undo log: which bytes a roll-back or a recovery would put back |
"""
