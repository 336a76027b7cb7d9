"""The life of an open pool: opening, recovery, suspending, closing.

The public module above this room is `pmemobj.pool`.

| module | what it is responsible for |
|---|---|
| `trial` | opens or examines a pool in a child process, which may die of a damaged file |
| `journaling` | gives a pool its journal when it is opened |
| `modes` | the modes of durability: which there are, and which one a pool has |
| `session` | opens, recovers, suspends, resumes and closes one pool |
| `backup` | copies an open pool as of its last commit |
| `open_pools` | which pools this process has open; closes them when the program ends |
"""
