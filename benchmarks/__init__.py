"""How fast pmemobj is beside Python's own objects, beside other ways to keep objects, and beside the machine.

``python -m benchmarks`` measures and reports; `make bench` installs what it needs first. The modules, lowest first:

| module | what it is responsible for |
|---|---|
| `workloads` | what is measured, and how much of it |
| `results` | what was measured, as dataclasses and as JSON |
| `systems` | the systems that are measured: one module for each, all with the shape of `systems.base` |
| `measure`, `worker` | timing one workload of one system; the process in which this happens |
| `media` | the directories in which the systems keep their data, and the memory under these directories |
| `run` | all workloads for all systems, in turn |
| `reach` | what pmemobj should reach, row by row: by default, and in the mode of a disk that waits for nothing |
| `import_time` | how long ``import pmemobj`` takes; a program of its own |
| `compare_reads` | whether a change has made reads or writes slower, between two checkouts; a program of its own |
| `report`, `plots`, `publish` | the table, the pictures, and their places in the documentation |
"""
