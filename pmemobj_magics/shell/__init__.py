"""The IPython shell: what a line or a cell of a magic is made of, and what the session knows.

| module | what is in it |
|---|---|
| `session` | the open pools and their names, the transactions that magics began, the user's variables |
| `record` | what happened in the session: cells that changed pools, and acts of panels |
| `arguments` | the line of a magic: words, options, sizes, paths with ``{variables}`` |
| `cell` | the body of a cell magic: compiled, run, its errors shown like those of any cell |
| `child` | the same body in a child process that is going to be killed |
| `completion` | what Tab offers behind a magic |
| `help` | what ``%pmem_open?`` shows |
| `progress` | a progress bar, and what an interrupt says |
"""
