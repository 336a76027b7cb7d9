"""How results look, as text and as HTML or SVG: one module or package for each feature, named like its command.

| module | what it shows |
|---|---|
| `pools` | one pool; the list of open pools |
| `dumps` | a backup or dump that was written, a pool that was restored |
| `transactions` | a transaction that was begun, committed or aborted |
| `tree` | objects as a tree to unfold |
| `graph` | objects and their references as a drawing |
| `memory` | the bytes of an object, the space in a pool, freed garbage, and the result of a check |
| `log` | the history of transactions |
| `journal` | the journal and the undo log, side by side |
| `crash` | simulated crashes: results, pictures before and after recovery, the timeline |
| `watch` | the explorer that follows a pool |
| `panel` | the controls that open, change and crash pools |
"""
