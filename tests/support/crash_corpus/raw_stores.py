"""What is done wrong in C with stores, flushes and fences, and with protocols that are made of them.

`put` is one store of 8 bytes; `persist` is a flush and a fence, `flush` and `drain` are one of them. Between two
fences nothing keeps the stores to two cache lines in an order, and a line may reach the medium at any time, also unasked.
What belongs together without a transaction needs an order of its own, and a check that knows it.
"""

from __future__ import annotations

from typing import Any

from crash_corpus import bug, twin
from crash_corpus.workbench import NODRAIN, C, ffi
from pmemobj import crash

#: Lines of the protocols below.
DATA, FLAG, LOG, OTHER = 0, 2, 4, 6


# ---- one store: flush, fence -----------------------------------------------------------------------


@bug("durability")
def stored_only(bench: Any) -> None:
    """A store is in the cache; without a flush and a fence it may stay there."""
    bench.put(DATA, 0, 7)


@bug("durability")
def flushed_without_a_fence(bench: Any) -> None:
    """A flush begins to write the line back; only a fence waits for that."""
    bench.put(DATA, 0, 7)
    bench.flush(DATA)


@bug("durability")
def fenced_without_a_flush(bench: Any) -> None:
    """A fence waits for what has been flushed, which is nothing."""
    bench.put(DATA, 0, 7)
    bench.drain()


@bug("durability")
def flushed_before_the_store(bench: Any) -> None:
    """The flush writes back what was there before."""
    bench.flush(DATA)
    bench.put(DATA, 0, 7)
    bench.drain()


@bug("durability")
def wrong_line_persisted(bench: Any) -> None:
    """The range that is persisted ends before the line that was stored to."""
    bench.put(DATA + 1, 0, 7)
    bench.persist(DATA)


@bug("durability")
def stored_again_after_the_flush(bench: Any) -> None:
    """A store to a line that has been flushed already needs another flush."""
    bench.put(DATA, 0, 6)
    bench.persist(DATA)
    crash.acknowledge("6 is there")
    bench.flush(DATA)
    bench.put(DATA, 0, 7)
    bench.drain()


@bug("durability")
def copied_without_drain(bench: Any) -> None:
    """``pmemobj_memcpy`` with PMEMOBJ_F_MEM_NODRAIN, and the drain forgotten."""
    C.pmemobj_memcpy(bench.pop, bench.at(DATA), ffi.new("uint64_t *", 7), 8, NODRAIN)


@twin(
    stored_only,
    flushed_without_a_fence,
    fenced_without_a_flush,
    flushed_before_the_store,
    stored_again_after_the_flush,
)
def stored_flushed_fenced(bench: Any) -> None:
    """Store, flush, fence."""
    bench.put(DATA, 0, 7)
    bench.flush(DATA)
    bench.drain()


@twin(wrong_line_persisted)
def right_line_persisted(bench: Any) -> None:
    """The range covers what was stored."""
    bench.put(DATA + 1, 0, 7)
    bench.persist(DATA, 2)


@twin(copied_without_drain)
def copied_and_drained(bench: Any) -> None:
    """Several copies may share one fence."""
    C.pmemobj_memcpy(bench.pop, bench.at(DATA), ffi.new("uint64_t *", 7), 8, NODRAIN)
    bench.drain()


# ---- publishing: data, and a flag that says that they are there -------------------------------------


def published_whole(bench: Any) -> bool:
    """Where the flag stands, both lines of the data do."""
    return not bench.get(FLAG) or (bench.get(DATA) == 7 and bench.get(DATA + 1) == 8)


@bug("check", "events lines", check=published_whole)
def published_with_one_fence(bench: Any) -> None:
    """Data and flag are stored in order, then both are flushed, then comes the one fence: either may be there first."""
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 8)
    bench.put(FLAG, 0, 1)
    bench.persist(DATA, 3)


@bug("check", check=published_whole)
def flag_persisted_first(bench: Any) -> None:
    """The flag is made durable before the data."""
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 8)
    bench.put(FLAG, 0, 1)
    bench.persist(FLAG)
    bench.persist(DATA, 2)


@bug("check", "prefix lines", check=published_whole)
def flag_stored_first(bench: Any) -> None:
    """The flag is persisted last, and stored first: its line may be written back at any time."""
    bench.put(FLAG, 0, 1)
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 8)
    bench.persist(DATA, 2)
    bench.persist(FLAG)


@bug("check", "lines", check=published_whole)
def fence_before_the_last_data(bench: Any) -> None:
    """A fence stands between the data, and none between the last of them and the flag."""
    bench.put(DATA, 0, 7)
    bench.persist(DATA)
    bench.put(DATA + 1, 0, 8)
    bench.put(FLAG, 0, 1)
    bench.persist(DATA + 1)
    bench.persist(FLAG)


@bug("check", check=published_whole)
def one_line_of_two_persisted(bench: Any) -> None:
    """The data take two lines, and the size that is persisted is that of one."""
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 8)
    bench.persist(DATA)
    bench.put(FLAG, 0, 1)
    bench.persist(FLAG)


@twin(
    published_with_one_fence,
    flag_persisted_first,
    flag_stored_first,
    fence_before_the_last_data,
    one_line_of_two_persisted,
)
def published_in_order(bench: Any) -> None:
    """All data, a fence, the flag, a fence."""
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 8)
    bench.persist(DATA, 2)
    bench.put(FLAG, 0, 1)
    bench.persist(FLAG)


@twin(published_in_order, atomic=False)
def published_with_a_checksum(bench: Any) -> None:
    """One fence is enough where the flag is a checksum: readers see whether the data fit it."""
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 8)
    bench.put(DATA + 1, 1, 7 ^ 8)
    bench.persist(DATA, 2)


def record_whole(bench: Any) -> bool:
    """Where the first word stands, the other two of the line do."""
    return not bench.get(DATA) or (bench.get(DATA, 1) == 7 and bench.get(DATA, 2) == 8)


@bug("check", "prefix lines", check=record_whole)
def flag_first_in_its_line(bench: Any) -> None:
    """Flag and data lie in one line; it may be written back between the store of the flag and those of the data."""
    bench.put(DATA, 0, 1)
    bench.put(DATA, 1, 7)
    bench.put(DATA, 2, 8)
    bench.persist(DATA)


@twin(flag_first_in_its_line)
def flag_last_in_its_line(bench: Any) -> None:
    """Within a line stores keep their order, so the flag may be stored last and one fence is enough."""
    bench.put(DATA, 1, 7)
    bench.put(DATA, 2, 8)
    bench.put(DATA, 0, 1)
    bench.persist(DATA)


@bug("check", check=lambda bench: not bench.get(DATA) or bench.get(DATA, 1) == 7)
def count_before_item(bench: Any) -> None:
    """The count of items is made durable, and then the item."""
    bench.put(DATA, 0, 1)
    bench.persist(DATA)
    bench.put(DATA, 1, 7)
    bench.persist(DATA)


@twin(count_before_item)
def item_before_count(bench: Any) -> None:
    """First the item."""
    bench.put(DATA, 1, 7)
    bench.persist(DATA)
    bench.put(DATA, 0, 1)
    bench.persist(DATA)


# ---- words that belong together ---------------------------------------------------------------------


@bug("atomicity", "prefix lines")
def two_words_of_a_line(bench: Any) -> None:
    """Two words of one line (an oid, say) are taken for one store; only 8 bytes are."""
    bench.put(DATA, 0, 7)
    bench.put(DATA, 1, 8)
    bench.persist(DATA)


@bug("atomicity", "prefix events lines")
def two_words_of_two_lines(bench: Any) -> None:
    """Two words in two lines: one may be lost without the other."""
    bench.put(DATA, 0, 7)
    bench.put(FLAG, 0, 8)
    bench.persist(DATA, 3)


@bug("atomicity", "prefix events lines")
def word_across_two_lines(bench: Any) -> None:
    """A number that is not aligned lies in two lines, and comes apart."""
    ffi.cast("uint64_t *", ffi.cast("char *", bench.at(DATA, 7)) + 4)[0] = 0x0807060504030201
    bench.persist(DATA, 2)


@twin(two_words_of_a_line, two_words_of_two_lines)
def both_in_one_word(bench: Any) -> None:
    """Two halves of an aligned word are stored at once."""
    bench.put(DATA, 0, 7 | 8 << 32)
    bench.persist(DATA)


@twin(two_words_of_two_lines)
def both_behind_a_switch(bench: Any) -> None:
    """Both are written where nobody looks, in a transaction that one word decides; here libpmemobj's."""
    bench.begin()
    bench.add(DATA)
    bench.put(DATA, 0, 7)
    bench.add(FLAG)
    bench.put(FLAG, 0, 8)
    bench.commit()


@twin(word_across_two_lines)
def aligned_word(bench: Any) -> None:
    """An aligned word lies in one line."""
    bench.put(DATA, 7, 0x0807060504030201)
    bench.persist(DATA)


# ---- logs of one's own -------------------------------------------------------------------------------


def by_the_log(bench: Any) -> bool:
    """After the recovery by a home-made log both words are as before (0, 0), or both as after (7, 3)."""
    first, second = bench.get(DATA), bench.get(OTHER)
    if bench.get(LOG + 1):  # the log is valid: carry out what it says
        first, second = bench.get(LOG), bench.get(LOG, 1)
    return (first, second) in ((0, 0), (7, 3))


def _log(bench: Any, what: str) -> None:
    """Steps of the undo log, each by its letter; ``p`` makes the one before it durable."""
    lines = {"l": LOG, "v": LOG + 1, "a": DATA, "b": OTHER, "c": LOG + 1}
    values = {"v": 1, "a": 7, "b": 3, "c": 0}
    last = ""
    for step in what.replace(" ", ""):
        if step == "p":
            bench.persist(lines[last])
        elif step == "l":  # what was there, and a mark that it is an entry
            bench.put(LOG, 0, bench.get(DATA))
            bench.put(LOG, 1, bench.get(OTHER))
            bench.put(LOG, 2, 1)
        else:
            bench.put(lines[step], 0, values[step])
        last = step if step != "p" else last


@bug("check", check=by_the_log)
def changed_before_the_log_is_valid(bench: Any) -> None:
    """Home-made undo log: data are changed and durable before the log says that it is valid."""
    _log(bench, "lp ap vp bp cp")


@bug("check", "lines", check=by_the_log)
def log_and_data_unordered(bench: Any) -> None:
    """Home-made undo log: it is made valid first, but only the fence after the change makes that durable."""
    _log(bench, "lp v a b vp ap bp cp")


@bug("check", check=by_the_log)
def log_cleared_too_early(bench: Any) -> None:
    """Home-made undo log: it is cleared while the last of the data may still be lost."""
    _log(bench, "lp vp ap cp bp")


@twin(changed_before_the_log_is_valid, log_and_data_unordered, log_cleared_too_early)
def undo_log(bench: Any) -> None:
    """Entry, fence, valid, fence, data, fence, cleared, fence."""
    _log(bench, "lp vp ap bp cp")


@bug("check", check=by_the_log)
def redo_log_dropped_too_early(bench: Any) -> None:
    """Home-made redo log: it is dropped when one of the two words it says has been carried out."""
    bench.put(LOG, 0, 7)
    bench.put(LOG, 1, 3)
    bench.persist(LOG)
    bench.put(LOG + 1, 0, 1)
    bench.persist(LOG + 1)
    bench.put(DATA, 0, 7)
    bench.persist(DATA)
    bench.put(LOG + 1, 0, 0)
    bench.persist(LOG + 1)
    bench.put(OTHER, 0, 3)
    bench.persist(OTHER)


@bug("check", "prefix lines", check=by_the_log)
def redo_log_valid_too_early(bench: Any) -> None:
    """Home-made redo log: its mark is stored before what it should do, and persisted with it."""
    bench.put(LOG + 1, 0, 1)
    bench.put(LOG, 0, 7)
    bench.put(LOG, 1, 3)
    bench.persist(LOG, 2)
    bench.put(DATA, 0, 7)
    bench.persist(DATA)
    bench.put(OTHER, 0, 3)
    bench.persist(OTHER)
    bench.put(LOG + 1, 0, 0)
    bench.persist(LOG + 1)


@twin(redo_log_dropped_too_early, redo_log_valid_too_early)
def redo_log(bench: Any) -> None:
    """What to do, fence, valid, fence, done, fence, dropped, fence."""
    bench.put(LOG, 0, 7)
    bench.put(LOG, 1, 3)
    bench.persist(LOG)
    bench.put(LOG + 1, 0, 1)
    bench.persist(LOG + 1)
    bench.put(DATA, 0, 7)
    bench.put(OTHER, 0, 3)
    bench.persist(DATA)
    bench.persist(OTHER)
    bench.put(LOG + 1, 0, 0)
    bench.persist(LOG + 1)


# ---- two copies, lists -------------------------------------------------------------------------------


def current_copy_whole(bench: Any) -> bool:
    """Of two copies the one that the switch names holds two equal words."""
    at = OTHER if bench.get(FLAG) else DATA
    return bench.get(at) == bench.get(at + 1)


@bug("check", "events lines", check=current_copy_whole)
def switched_before_the_copy_is_there(bench: Any) -> None:
    """Two copies: the switch to the new one shares its fence."""
    bench.put(OTHER, 0, 7)
    bench.put(OTHER + 1, 0, 7)
    bench.put(FLAG, 0, 1)
    bench.flush(OTHER, 2)
    bench.persist(FLAG)


@bug("check", "prefix events lines", check=current_copy_whole)
def current_copy_written(bench: Any) -> None:
    """Two copies: the one that is current is written, instead of the other."""
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 7)
    bench.persist(DATA, 2)
    bench.put(FLAG, 0, 0)
    bench.persist(FLAG)


@twin(switched_before_the_copy_is_there, current_copy_written)
def two_copies(bench: Any) -> None:
    """The other copy, fence, the switch, fence."""
    bench.put(OTHER, 0, 7)
    bench.put(OTHER + 1, 0, 7)
    bench.persist(OTHER, 2)
    bench.put(FLAG, 0, 1)
    bench.persist(FLAG)


def list_whole(bench: Any) -> bool:
    """The head (number of a line, or 0) leads to nodes that are written, and ends."""
    at, steps = bench.get(FLAG), 0
    while at and steps < 5:
        if bench.get(at) != 9:
            return False
        at, steps = bench.get(at, 1), steps + 1
    return steps < 5


@bug("check", check=list_whole)
def linked_before_it_is_written(bench: Any) -> None:
    """Linked list: the head leads to the node, which is written only afterwards."""
    bench.put(FLAG, 0, OTHER)
    bench.persist(FLAG)
    bench.put(OTHER, 0, 9)
    bench.persist(OTHER)


@twin(linked_before_it_is_written)
def written_before_it_is_linked(bench: Any) -> None:
    """Node, fence, head, fence."""
    bench.put(OTHER, 0, 9)
    bench.put(OTHER, 1, bench.get(FLAG))
    bench.persist(OTHER)
    bench.put(FLAG, 0, OTHER)
    bench.persist(FLAG)
