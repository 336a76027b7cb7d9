# Types of the compiled form; the source is _heap.py.
cimport cython
from pmemobj._engine.handle_table cimport HandleTable
from pmemobj._engine.lock cimport PoolLock, thread_id, thread_key
from pmemobj._engine.snapshots cimport SnapshotRanges
from pmemobj._pmdk cimport calls

cdef extern from "string.h":
    void copy_bytes "memcpy"(void *target, const void *source, size_t size) noexcept nogil

cdef unsigned long long WORD, PAGE, _FEW_SNAPSHOTS, _TAIL_GROWTH, _LARGEST_TAIL, _FEW_IN_PAGE
cdef long long _MOST_IN_VAIN
cdef unsigned long long ALIGNMENT, ALLOCATION_HEADER_SIZE, _LARGE, _ZERO, _NO_FLUSH, _NEAR, _NEAR_ON_DISK
cdef Py_ssize_t _FEW_ALLOCATIONS

@cython.final
cdef class Heap:
    cdef public str name
    cdef public HandleTable handles
    cdef public object resurrect, manager, types, checker, on_change, after_rollback, after_transaction
    cdef public bint is_trusted, may_have_garbage, reclaimed
    cdef public object reclaim
    cdef public unsigned long long changes_at_begin
    cdef public Statement statement
    cdef public unsigned long long version
    cdef long _unsettled_level
    cdef object _task, _strayed
    cdef public unsigned long long changes, base, limit, reserve, root_offset, pool_uuid
    cdef public object pop, doomed
    cdef public dict fresh
    cdef public object loans
    cdef public long depth
    cdef public object _reason
    cdef object _raw, _words, _pin, __weakref__
    cdef public PoolLock lock
    cdef public unsigned long long snapshots, logged, persists, published
    cdef public unsigned long long identity
    cdef list _classes
    cdef public list _marks
    cdef public thread_id _owner
    cdef public bint slow, by_page
    cdef SnapshotRanges _snapshotted
    cdef dict _noted
    cdef public object on_growth
    cdef bint _grows
    cdef bint _begun_again, _is_making_up, _log_is_full, _wants_log_space, _awaits_log_space, _awaits_classes
    cdef unsigned long long _logged_at_begin
    cdef long _log_class
    cdef list _frees_left, _unlogged, _unflushed
    cdef unsigned long long _singles
    cdef long long _in_vain
    cdef dict _tails
    cdef set _dropped
    cdef unsigned long long _log_reserve

    # As `read`, and part of whoever calls it.
    cdef inline unsigned long long peek(self, unsigned long long offset) except? 0xFEFEFEFEFEFEFEFE:
        if offset + 8 > self.limit or offset + 8 < offset:
            self.refuse(offset)
        return (<unsigned long long *><void *>(self.base + offset))[0]

    # A word, and half of one, where the caller knows that the pool reaches so far.
    cdef inline unsigned long long fetch(self, unsigned long long offset) noexcept:
        return (<unsigned long long *><void *>(self.base + offset))[0]

    cdef inline unsigned long long fetch_half(self, unsigned long long offset) noexcept:
        return (<unsigned int *><void *>(self.base + offset))[0]

    # Whether nobody has begun to change the pool since its version was `version`.
    cdef inline bint still_valid(self, unsigned long long version) noexcept:
        return version == self.version and not version & 1

    cpdef refuse(self, unsigned long long offset=*)
    cpdef unsigned long long read(self, unsigned long long offset) except? 0xFEFEFEFEFEFEFEFE
    cpdef unsigned long long read_count(self, unsigned long long offset) except? 0
    @cython.locals(source=cython.p_ulonglong, at=cython.longlong)
    cpdef list read_words(self, unsigned long long offset, long long count)
    cpdef unsigned long long allocation_size(self, unsigned long long offset) except? 1
    cpdef bytes read_bytes(self, unsigned long long offset, long long size)
    cpdef read_as(self, form, unsigned long long offset)
    @cython.locals(end=cython.ulonglong)
    cpdef snapshot(self, unsigned long long offset, unsigned long long size)
    cpdef write(self, unsigned long long offset, unsigned long long word)
    cdef _change(self, unsigned long long offset, unsigned long long word)
    @cython.locals(page=cython.ulonglong, first=cython.ulonglong)
    cdef _log_page(self, unsigned long long offset, unsigned long long area, unsigned long long end)
    @cython.locals(word=cython.ulonglong)
    cpdef write_words(self, unsigned long long offset, list words)
    cpdef append_in(
        self, unsigned long long offset, unsigned long long word, unsigned long long counter, unsigned long long area,
        unsigned long long end
    )
    cpdef append_words_in(
        self, unsigned long long offset, list words, unsigned long long counter, unsigned long long area,
        unsigned long long end
    )
    @cython.locals(first=cython.ulonglong, is_fresh=cython.bint)
    cdef bint _prepare_tail(
        self, unsigned long long offset, unsigned long long size, unsigned long long counter, unsigned long long area,
        unsigned long long end, unsigned long long start
    ) except -1
    cpdef append_row_in(
        self, unsigned long long offset, unsigned long long one, unsigned long long two, unsigned long long three,
        unsigned long long size, unsigned long long counter, unsigned long long area, unsigned long long end
    )
    cpdef append_bytes_in(
        self, unsigned long long offset, bytes data, unsigned long long counter, unsigned long long area,
        unsigned long long end, unsigned long long start
    )
    @cython.locals(target=cython.p_char)
    cdef _put_bytes(self, unsigned long long offset, data)
    @cython.locals(
        lock=PoolLock, first=cython.ulonglong, last=cython.ulonglong, offset=cython.ulonglong, data=bytes,
    )
    cpdef store_apart(self, list pieces)
    cpdef write_in(
        self, unsigned long long offset, unsigned long long word, unsigned long long area, unsigned long long end
    )
    @cython.locals(lock=PoolLock)
    cpdef store(self, unsigned long long offset, unsigned long long word)
    cpdef move(self, unsigned long long target, unsigned long long source, unsigned long long count)
    @cython.locals(target=cython.p_char)
    cpdef init_copy(self, unsigned long long offset, unsigned long long source, unsigned long long count)
    cpdef init_word(self, unsigned long long offset, unsigned long long word)
    cpdef write_bytes(self, unsigned long long offset, data)
    cpdef move_bytes(self, unsigned long long target, unsigned long long source, unsigned long long size)
    @cython.locals(step=cython.longlong, fitting=cython.longlong)
    cpdef long class_for(self, unsigned long long size) except? -1
    cdef unsigned long long _try_to_alloc(
        self, unsigned long long size, int kind, unsigned long long flags, long class_id
    ) except? 0
    @cython.locals(
        near=cython.ulonglong, offsets=list, start=cython.ulonglong, end=cython.ulonglong, at=cython.ulonglong,
        size=cython.ulonglong,
    )
    cdef _flush_fresh(self)
    @cython.locals(flags=cython.ulonglong, class_id=cython.long, offset=cython.ulonglong)
    # The size may be any number of Python's: what is too large for a word is too large for the pool.
    cpdef unsigned long long alloc(self, size, int kind, bint zero=*) except? 0
    cpdef handle(self, unsigned long long offset)
    @cython.locals(lock=PoolLock)
    cpdef begin(self)
    @cython.locals(lock=PoolLock)
    cpdef end(self, error, bint undo)
    cpdef bint follow_growth(self) except -1
    cpdef demand_log_space(self)
    cdef _demand_classes(self)
    cdef _begin_outermost(self)
    cdef _commit(self)
    cdef bint _is_tight(self) except -1
    cdef _forget_fresh(self)
    cdef _refuse_to_change(self, unsigned long long offset)
    cdef _put(self, unsigned long long offset, unsigned long long word)
    cdef _count_change(self)
    cdef _demand_same_task(self)
    cdef _tell_change(self)
    cpdef bint in_transaction(self)
    cdef _demand_transaction(self)
    cdef _demand_writable(self)
    cpdef bint is_steady(self, unsigned long long version)
    cdef _unsettle(self)
    cdef _settle(self)

cdef class Statement:
    cdef Heap _heap
    cpdef enter(self)
    @cython.locals(heap=Heap, changed=cython.bint)
    cpdef leave(self, error)

cdef class Handle:
    cdef public Heap _p_heap
    cdef public unsigned long long _p_offset
    cdef object __weakref__

cpdef attach(Handle handle, Heap heap, unsigned long long offset)
