"""Instances of a program's own classes, and the life of all objects: classes, conversion, memory, garbage.

| module | what it is responsible for |
|---|---|
| `class_names` | which class of this process a stored name means |
| `class_table` | the classes that a pool knows, and the names of their attributes |
| `attributes` | `PersistentObject`: the attributes of an instance are words of the pool |
| `typed_memory` | numbers and values at checked locations of a pool, one at a time or in rows |
| `blocks` | `Block`: memory that holds elements of one type and belongs to one object |
| `fields` | `Field`, and objects whose memory the program lays out by itself |
| `own_containers` | classes that a program derives from containers: their attributes, and how they are walked |
| `special_dicts` | the dicts of `collections`: with a default, as a counter, with ends |
| `missing_classes` | which class an object gets when it is found again, and the stand-in for a missing one |
| `conversion_walk` | converts a graph of containers into a graph of other containers, without recursion |
| `convert` | `pool.persistent` and `to_python`: plain structures into a pool, and back |
| `manager` | `MemoryManager`: allocation, snapshots and stores for a program's own containers |
| `transactional` | the decorator for methods whose pool is that of their object |
| `gc` | garbage collection: marks what can be reached, and frees everything else |
| `registry` | which class serves each kind, and the other tables that lower rooms look up |
"""
