"""How commits become durable on a disk: a journal beside the pool, into which each commit writes one record.

The pool is mapped copy-on-write, so that nothing reaches its file before the record of it is durable. From time to time
a checkpoint writes what the records have to the file, and the journal begins anew. Nothing in here knows containers:
a pool is a space of bytes, in pages and cache lines. Of the structures of libpmemobj, the journal knows those that are
never flushed.

| module | what it is responsible for |
|---|---|
| `file_operations` | every operation on a file that durability depends on, so that tests can replace them all |
| `journal_format` | the bytes of a journal: its header, its records, and their checksums |
| `pool_space` | the files of a pool as one space of offsets that is written and made durable |
| `leftover` | what a journal beside a pool has that the file lacks, and what else may lie there |
| `onlookers` | holds checkpoints off while another process copies the files of an open pool |
| `journal` | the journal of an open pool: commits, checkpoints, and what happens when the disk fails |
"""
