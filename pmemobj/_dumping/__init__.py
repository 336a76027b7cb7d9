"""Pools as text, and pools made of text, without the classes of the objects and without unpickling.

| module | what it is responsible for |
|---|---|
| `json_values` | value words as JSON, and back |
| `json_leaves` | dates, exact numbers, ranges and tuples as readable JSON, and back |
| `records` | objects as records of a dump, and back: one `Form` for each kind |
| `table_records` | the records of dicts and sets |
| `buffer_records` | the records of bytearrays, arrays, objects with fields, and blocks |
| `builder` | makes a pool out of records, for `restore` and `resize` |
"""
