"""The C library libpmemobj: how it is called, and the structures that it keeps in the file.

Nothing in here knows Python values, objects or our own format. libpmemobj follows its own structures unchecked, so
every number in them is checked here before it is used.

| module | what it is responsible for |
|---|---|
| `declarations` | the declarations of `declarations.h` as cffi loads them; made by `tools/make_declarations.py` |
| `interposition` | what a flush by libpmemobj means, decided for each pool by itself |
| `library` | libpmemobj through cffi: one checked wrapper for each C function |
| `calls` | the functions that every change needs; compiled, called without cffi |
| `file_words` | the files of a pool as words that are read when they are needed |
| `chunks` | libpmemobj's heap in the file: which allocations there are, and whether it is damaged |
| `lanes` | libpmemobj's logs in the file: whether libpmemobj can read them without harm |
| `undo_log` | libpmemobj's undo logs in the file: what a roll-back would put back |
"""
