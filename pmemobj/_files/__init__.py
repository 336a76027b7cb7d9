"""The files of a pool: what they are, how they are created and opened, and what memory they lie on.

| module | what it is responsible for |
|---|---|
| `sizes` | the sizes that a new pool may have, and whether there is space for it |
| `medium` | what kind of memory a path is on, and so what "durable" means there |
| `extents` | where a file has contents, and where it has holes |
| `poolset` | the directory of a growing pool: its part files, their order, and its limit |
| `holders` | which process has a pool open, in words for errors |
| `pool_file` | what a file is, told from its bytes before libpmemobj opens it; names, locks and errors of files |
| `catalog` | which pools lie in a folder, told from their files without opening them |
| `storage` | creates and opens what a pool lies in: one file, or a directory that grows |
| `copies` | copies the files of a pool, so that there is a whole copy or none |
| `mirror` | copies in memory of files that another process changes, brought up to date until they are of one moment |
| `busy_copies` | a copy in memory of a pool that another process has open, as of its last commit |
"""
