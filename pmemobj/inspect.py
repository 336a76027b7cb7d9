"""Read-only views of a pool as plain dataclasses, for everything that draws, prints or compares.

`walk` finds the objects of an open pool, `walk_file` those in a file that libpmemobj has not opened; `memory`
describes the memory of one object, word by word; `logs` tells what the undo log and the journal have at this moment;
`find_pools` tells which pools lie in a folder. No view makes handles, imports classes or changes anything, and damage
becomes part of what is shown.
"""

from __future__ import annotations

from pmemobj._files.catalog import PoolOnDisk, PoolState, find_pools
from pmemobj._history.present_logs import JournalPage, JournalRecord, PresentLogs, UndoCopy, logs
from pmemobj._inspection.graphs import Comparison, Graph, Tree, differences
from pmemobj._inspection.memory import memory
from pmemobj._inspection.memory_data import Gap, Memory, Piece, State, Word
from pmemobj._inspection.nodes import ENTRIES, HEADER, VALUE, Allocation, Change, Edge, Node, Offsets, Slot
from pmemobj._inspection.tree_text import UNREACHABLE, TreeRow, TreeWalk, slot_note, tree_text
from pmemobj._inspection.walk import nearby, slot_of, walk, walk_file
from pmemobj._inspection.word_meanings import Meaning

__all__ = [
    "ENTRIES",
    "HEADER",
    "UNREACHABLE",
    "VALUE",
    "Allocation",
    "Change",
    "Comparison",
    "Edge",
    "Gap",
    "Graph",
    "JournalPage",
    "JournalRecord",
    "Meaning",
    "Memory",
    "Node",
    "Offsets",
    "Piece",
    "PoolOnDisk",
    "PoolState",
    "PresentLogs",
    "Slot",
    "State",
    "Tree",
    "TreeRow",
    "TreeWalk",
    "UndoCopy",
    "Word",
    "differences",
    "find_pools",
    "logs",
    "memory",
    "nearby",
    "slot_note",
    "slot_of",
    "tree_text",
    "walk",
    "walk_file",
]
