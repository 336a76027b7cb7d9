"""The life of an open pool: opening, recovery, suspending, closing.

The public module above this room is `pmemobj.pool`.

| module | what it is responsible for |
|---|---|
| `trial` | opens or examines a pool in a child process, which may die of a damaged file |
| `session` | opens, recovers, suspends, resumes and closes one pool |
| `open_pools` | which pools this process has open; closes them when the program ends |
"""
