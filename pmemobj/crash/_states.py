"""Computes from a recording the images that a power cut could leave.

Every image contains what a fence has made durable. Of each cache line that was stored to since then, the medium has
the durable version or any later one: a line reaches the medium as a whole, at any time, and the stores within one
line keep their order, eight bytes at a time. Lines are independent of each other. So just before a fence, an image is
a choice of one version for each such line, and there are Π(versions + 1) images. It is enough to try the moments just
before each fence, just before each promise (for example, that a commit returns), and the end: what could be lost
earlier can be lost then, too.

Simpler models choose fewer images; they show what simpler tools would find:

    drop         everything that is not fenced is lost
    all-or-none  everything that is not fenced is lost, or nothing is
    prefix       the stores arrive in the order of the program; each prefix of them is one image
    events       each line has the content that it had at one of its flushes, or its durable content
    lines        all images of the models above, and all others
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from pmemobj.crash._image import Image, Lines
from pmemobj.crash._journal import Journal
from pmemobj.crash._trace import LINE, PROMISES, Event, What

MODELS = ("drop", "all-or-none", "prefix", "events", "lines")
#: At most this many images of one moment are tried; where it has more, some are chosen.
CAP = 4096
#: Two limits on the memory that planning takes: on the number of pending lines, added up over all moments that are
#: tried, and on the number of lines that the choices name, added up over all choices.
MOST_LINES, MOST_NAMED = 1_000_000, 4_000_000

_WORD = 8
#: Words of libpmemobj in the header that mean nothing to the next process: the number of the run, and pointers.
VOLATILE = (range(6152, 6160), range(6688, 8192))
_ENDS_TRANSACTION = frozenset({What.COMMITTED, What.ROLLED_BACK})

#: Pairs of a line and the number of its unfenced versions that reached the medium; lines with none are left out.
Choice = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Version:
    """The content of a line after a store to it.

    Attributes:
        content: The 64 bytes.
        event: The number of the store.
    """

    content: bytes
    event: int


@dataclass(frozen=True)
class Moment:
    """A point in the recording at which the power may fail.

    Attributes:
        event: The number of the first event that did not happen; at the end, the number of events.
        promises: How many promises had been made.
        pending: The unfenced versions of each line, any of which may have reached the medium.
        flushed: For each line that was flushed, after which of these versions.
    """

    event: int
    promises: int
    pending: dict[int, tuple[Version, ...]]
    flushed: dict[int, tuple[int, ...]]
    _fenced: Journal = field(repr=False, compare=False)
    _reached: int = field(repr=False)

    @property
    def durable(self) -> Lines:
        """The lines that had certainly reached the medium and differ from the beginning."""
        return dict(self._fenced.at(self._reached))

    @property
    def possible(self) -> int:
        """How many images a power cut can leave."""
        return math.prod(len(versions) + 1 for versions in self.pending.values())

    @property
    def everything(self) -> Choice:
        """The choice that loses nothing."""
        return tuple((line, len(versions)) for line, versions in self.pending.items())

    def image(self, choice: Choice) -> Lines:
        """The image of a choice: its lines that differ from the beginning, or did so at some time."""
        return self._fenced.at(self._reached) | {line: self.pending[line][kept - 1].content for line, kept in choice}

    def order(self) -> list[tuple[int, int]]:
        """The line and the number of each pending version, in the order of the program."""
        found = [
            (version.event, line, number)
            for line, versions in self.pending.items()
            for number, version in enumerate(versions, 1)
        ]
        return [(line, number) for _, line, number in sorted(found)]


class ReplayedMemory:
    """The cache lines of a pool while its recording is replayed: which are durable, flushed, or only stored."""

    def __init__(self, base: Image) -> None:
        self._base = base
        self.durable: Lines = {}
        #: The history of `durable`.
        self.fenced = Journal()
        self.pending: dict[int, list[Version]] = {}
        self.flushed: dict[int, list[int]] = {}
        #: The content that the program sees, durable or not.
        self.latest: Lines = {}
        #: The versions of a line as a tuple, which moments share.
        self._shared: dict[int, tuple[Version, ...]] = {}

    def line(self, offset: int) -> bytes:
        """The content of a line that the program sees."""
        found = self.latest.get(offset)
        if found is None:
            found = self.latest[offset] = self._base.line(offset)
        return found

    def apply(self, event: Event) -> None:
        """Replay an event."""
        if event.what is What.STORE:
            self._store(event)
        elif event.what is What.FLUSH:
            for line in event.lines:
                if line in self.pending:
                    self.flushed.setdefault(line, []).append(len(self.pending[line]))
        elif event.what is What.FENCE:
            self._fence()

    def _store(self, event: Event) -> None:
        for line in event.lines:
            content = self.line(line)
            begin, end = max(line, event.offset), min(line + LINE, event.offset + event.size)
            for at in range(begin, end, _WORD):
                word = event.data[at - event.offset : at - event.offset + _WORD]
                if content[at - line : at - line + _WORD] == word or any(at in volatile for volatile in VOLATILE):
                    continue
                content = content[: at - line] + word + content[at - line + _WORD :]
                self.pending.setdefault(line, []).append(Version(content, event.number))
                self._shared.pop(line, None)
            self.latest[line] = content

    def _fence(self) -> None:
        for line, marks in self.flushed.items():
            versions = self.pending[line]
            self.durable[line] = versions[marks[-1] - 1].content
            self.fenced.append(line, self.durable[line])
            self._shared.pop(line, None)
            del versions[: marks[-1]]
            if not versions:
                del self.pending[line]
        self.flushed = {}

    def moment(self, event: int, promises: int) -> Moment:
        """The present moment."""
        return Moment(
            event,
            promises,
            {line: self._versions(line) for line in self.pending},
            {line: tuple(marks) for line, marks in self.flushed.items()},
            self.fenced,
            len(self.fenced),
        )

    def _versions(self, line: int) -> tuple[Version, ...]:
        found = self._shared.get(line)
        if found is None:
            found = self._shared[line] = tuple(self.pending[line])
        return found


def moments(
    base: Image, events: Iterable[Event], wanted: Container[int] | None = None
) -> tuple[list[Moment], list[Moment]]:
    """The moments that are worth a power cut, and, for each promise, the pool as it was promised.

    A promise inside a transaction means the pool after the commit of that transaction.

    Args:
        base: The pool when the recording began.
        events: The recording.
        wanted: The numbers of the moments to return, among those that `played` finds; all of them by default.
    """
    meant: list[Moment] = []
    found = [
        memory.moment(event, len(meant))
        for number, (memory, event) in enumerate(played(base, events, meant))
        if wanted is None or number in wanted
    ]
    return found, meant


def nothing_done() -> Moment:
    """The beginning of a recording: nothing differs, and nothing is pending."""
    return Moment(0, 0, {}, {}, Journal(), 0)


def played(base: Image, events: Iterable[Event], meant: list[Moment]) -> Iterator[tuple[ReplayedMemory, int]]:
    """Replay a recording up to each of its moments in turn; yields the memory then, and the number of the next event.

    Each promise is added to `meant`, as a moment at which nothing is pending.
    """
    memory, promised = ReplayedMemory(base), Journal()
    stored: set[int] = set()
    early: list[int] = []
    in_transaction = False
    changed = True
    number = -1
    for number, event in enumerate(events):
        promise = event.what in PROMISES
        if changed and (promise or event.what is What.FENCE):
            yield memory, number
            changed = False
        memory.apply(event)
        if event.what is What.STORE:
            stored.update(event.lines)
        if promise:
            if event.what is What.ACKNOWLEDGED and in_transaction:
                early.append(len(meant))
            for line in stored:
                promised.append(line, memory.latest[line])
            stored.clear()
            meant.append(Moment(number, len(meant), {}, {}, promised, len(promised)))
        if event.what is What.COMMITTED:
            for at in early:
                meant[at] = meant[-1]
        if event.what in _ENDS_TRANSACTION:
            early, in_transaction = [], False
        in_transaction = in_transaction or event.what is What.SNAPSHOT
        changed = changed or promise or event.what is What.STORE or event.what is What.FLUSH
    yield memory, number + 1


def survey(base: Image, events: Iterable[Event], model: str, deadline: float) -> tuple[list[int], list[int]]:
    """For each moment, how many images a model has there, and how many lines are pending, until the time is up."""
    counts, sizes = [], []
    for memory, event in played(base, events, []):
        if time.monotonic() >= deadline:
            break
        counts.append(possible(memory.moment(event, 0), model))
        sizes.append(len(memory.pending))
    return counts, sizes


def drawn(sizes: list[int], budget: int, seed: int) -> list[int]:
    """The moments that are tried, given how many lines are pending at each: all, or as many as the budget allows.

    A moment takes at least two images (nothing is kept, everything is kept), and the lines of all moments together must
    fit into memory.
    """
    most = max(1, budget // 2)
    if len(sizes) <= most and sum(sizes) <= MOST_LINES:
        return list(range(len(sizes)))
    others = list(range(len(sizes) - 1))
    random.Random(f"{seed} moments").shuffle(others)
    chosen = [len(sizes) - 1]
    room = MOST_LINES - sizes[-1]
    for at in others:
        if len(chosen) < most and sizes[at] <= room:
            chosen.append(at)
            room -= sizes[at]
    return sorted(chosen)


def possible(moment: Moment, model: str) -> int:
    """How many images a model has at a moment."""
    if model == "drop":
        return 1
    if model == "all-or-none":
        return 2 if moment.pending else 1
    if model == "prefix":
        return len(moment.order()) + 1
    if model == "events":
        return math.prod(len(_flushed(moment, line)) + 1 for line in moment.pending)
    return moment.possible


def choices(moment: Moment, model: str, cap: int, chance: random.Random) -> Iterator[Choice]:
    """The choices of a model at a moment, at most `cap`; where there are more, typical ones and a random sample."""
    if model == "drop":
        yield ()
    elif model == "all-or-none":
        yield ()
        if moment.pending:
            yield moment.everything
    elif model == "prefix":
        yield from itertools.islice(_prefixes(moment), cap)
    else:
        offered = {
            line: [0, *(_flushed(moment, line) if model == "events" else range(1, len(versions) + 1))]
            for line, versions in moment.pending.items()
        }
        if possible(moment, model) <= cap:
            for kept in itertools.product(*offered.values()):
                yield tuple((line, count) for line, count in zip(offered, kept, strict=True) if count)
        else:
            yield from itertools.islice(_chosen(moment, offered, model, chance), cap)


def _flushed(moment: Moment, line: int) -> list[int]:
    return sorted(set(moment.flushed.get(line, ())))


def free_lines(moment: Moment, first_chunk: int) -> list[int]:
    """The pending lines whose contents recovery does not depend on: those in the chunks of the heap.

    Recovery may only write to them (bytes from a log, a bit of a bitmap), to each line independently. So the effect of
    one version of such a line on the recovered memory does not depend on the other lines. If a series of images in
    which every version of every line occurs leads to one memory, then every choice of versions does.
    """
    return [line for line in moment.pending if line >= first_chunk]


def series(moment: Moment, lines: list[int]) -> Iterator[Choice]:
    """Choices in which every version of each of these lines occurs: first no version, then one more of each line."""
    for kept in range(longest(moment, lines)):
        yield tuple((line, min(kept, len(moment.pending[line]))) for line in lines if kept)


def longest(moment: Moment, lines: list[int]) -> int:
    """How many choices the series of these lines has."""
    return 1 + max((len(moment.pending[line]) for line in lines), default=0)


def _prefixes(moment: Moment) -> Iterator[Choice]:
    kept: dict[int, int] = {}
    yield ()
    for line, number in moment.order():
        kept[line] = number
        yield tuple(kept.items())


def _chosen(moment: Moment, offered: dict[int, list[int]], model: str, chance: random.Random) -> Iterator[Choice]:
    """Nothing, everything, each line alone lost, each alone kept, each prefix, then random choices; each only once."""
    last = {line: counts[-1] for line, counts in offered.items() if counts[-1]}
    plans: list[Iterable[dict[int, int]]] = [
        [{}, last],
        ({other: count for other, count in last.items() if other != line} for line in last),
        ({line: count} for line, count in last.items()),
        (dict(choice) for choice in _prefixes(moment)) if model == "lines" else (),
        ({line: chance.choice(counts) for line, counts in offered.items()} for _ in itertools.count()),
    ]
    # Only hashes are kept, since there may be many long choices; a collision would cost the sample one image.
    seen = set()
    for kept in itertools.chain.from_iterable(plans):
        choice = tuple((line, kept[line]) for line in offered if kept.get(line))
        if hash(choice) not in seen:
            seen.add(hash(choice))
            yield choice


def level(counts: list[int], budget: int) -> int:
    """How many images each moment may have so that all fit into the budget; large moments get what small ones leave."""
    remaining, waiting = budget, sorted(counts)
    for number, count in enumerate(waiting):
        share = remaining // (len(waiting) - number)
        if count > share:
            return max(1, share)
        remaining -= count
    return max(counts, default=1)


class ImageKeys:
    """Gives images keys by their contents: equal images have equal keys, whatever led to them."""

    def __init__(self, base: Image) -> None:
        self._base = base
        self._known: dict[tuple[int, bytes], int] = {}
        #: The moment that was asked for last: its durable lines, and their key.
        self._journal: Journal | None = None
        self._reached = self._key = 0
        self._durable: Lines = {}

    def of(self, moment: Moment, choice: Choice) -> int:
        """The key of an image: the exclusive or of the keys of the lines that differ from the beginning."""
        self._go_to(moment)
        key, durable = self._key, self._durable
        for line, kept in choice:
            if line in durable:
                key ^= self._of_line(line, durable[line])
            key ^= self._of_line(line, moment.pending[line][kept - 1].content)
        return key

    def _go_to(self, moment: Moment) -> None:
        if self._journal is not moment._fenced or moment._reached < self._reached:
            self._journal, self._reached, self._key, self._durable = moment._fenced, 0, 0, {}
        for line, content in moment._fenced.between(self._reached, moment._reached):
            if line in self._durable:
                self._key ^= self._of_line(line, self._durable[line])
            self._key ^= self._of_line(line, content)
            self._durable[line] = content
        self._reached = moment._reached

    def of_lines(self, lines: Lines) -> int:
        """The key of an image that is given by its lines."""
        key = 0
        for line, content in lines.items():
            key ^= self._of_line(line, content)
        return key

    def _of_line(self, line: int, content: bytes) -> int:
        known = self._known.get((line, content))
        if known is None:
            known = 0
            if content != self._base.line(line):
                digest = blake2b(content, digest_size=16, salt=line.to_bytes(16, "little")).digest()
                known = int.from_bytes(digest, "little")
            self._known[line, content] = known
        return known
