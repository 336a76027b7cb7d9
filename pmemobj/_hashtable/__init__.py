"""The hash table of dicts and sets, and the hashes of their keys.

The table has entries in the order of insertion, an index of slots that finds them, and the texts of its keys. The
layout is in `pmemobj._format`, under "table".

| module | what it is responsible for |
|---|---|
| `hashes` | the hash of a key: the same in every process, and the same for all keys that are equal |
| `key_rules` | which types can be keys, and which hash fits the equality of each |
| `word_hashes` | the hash of a key that is in a pool already, computed from its words alone |
| `shape` | how many slots and places a table gets, and the bytes of its index |
| `key_texts` | the texts of keys of 8 to 255 bytes, which lie in the table itself |
| `new_entries` | entries that are to be added, collected before the table is changed |
| `index_slots` | the slots of the index: which entry a slot refers to, and which slot is free |
| `entries` | the entries of a table in their order: all words, the live ones, their number |
| `search` | finds the entry of a key; look-ups that need no lock |
| `table` | adds, replaces and removes entries, and rebuilds the table |
| `table_check` | asserts what must hold for a table at any time |
"""
