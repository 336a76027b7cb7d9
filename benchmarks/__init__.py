"""How fast pmemobj is, beside Python's own objects, beside other ways to keep them, and beside the machine.

``python -m benchmarks`` measures and reports; `make bench` installs what it needs first. The modules, lowest first:

| module | what it is responsible for |
|---|---|
| `workloads` | what is measured, and how much of it |
| `results` | what was measured, as dataclasses and as JSON |
| `systems` | whom it is measured for: one module a system, all with the shape of `systems.base` |
| `measure`, `worker` | timing one workload of one system; the process in which that happens |
| `media` | the directories in which it happens, and what they lie on |
| `run` | all workloads for all systems, in turn |
| `reach` | what pmemobj should reach, row by row |
| `import_time` | how long ``import pmemobj`` takes; a program of its own |
| `report`, `plots`, `publish` | the table, the pictures, and their places in the documentation |
"""
