"""What the magics do: one function each, with plain arguments; the result shows itself.

| module | what its functions do |
|---|---|
| `pools` | open, list and close pools |
| `dumps` | copy a pool, write a dump, and make a pool from one |
| `transactions` | run a cell in a transaction; begin, commit and abort one over several cells |
| `objects` | find the object that an expression means, and walk the objects that it reaches |
| `tree` | show objects as a tree |
| `graph` | draw objects as a graph, and compare two graphs |
| `memory` | show bytes, measure the space, collect garbage, check a pool |
| `log` | show the history of transactions, and switch it on and off |
| `journal` | show what the journal and the undo log have |
| `crash` | kill a cell, or cut its power |
| `watch` | open the explorer |
| `panel` | open the panel, and do what its controls ask for |
"""
