# Types of the compiled form; the source is allocator.py.
cimport cython
from pmemobj._pmdk cimport calls
from pmemobj._engine.transaction_state cimport TransactionState

cdef unsigned long long ALIGNMENT, ALLOCATION_HEADER_SIZE, LOG_UNIT, _LARGE, _ZERO, _NO_FLUSH, _NEAR, _NEAR_ON_DISK
cdef Py_ssize_t _FEW_ALLOCATIONS
cdef list _CLASS_OF_STEP

@cython.final
cdef class AllocationClasses:
    cdef public bint are_added
    cdef public list numbers
    cdef public long log_class

    @cython.locals(step=cython.longlong, index=cython.longlong)
    cpdef long class_for(self, unsigned long long size) except? -1

cdef class Allocator(TransactionState):
    cdef public dict fresh
    cdef public AllocationClasses classes
    cdef public object reclaim
    cdef public bint reclaimed
    cdef public unsigned long long changes_at_begin
    cdef bint _log_is_full, _log_space_is_due, _log_space_is_missing
    cdef unsigned long long _log_reserve, _logged_at_begin, _snapshots_at_begin
    cdef list _unflushed, _frees_left
    cdef set _dropped

    cdef _begin_allocations(self)
    cdef _demand_classes(self)
    cpdef demand_log_space(self)
    cdef bint _is_tight(self) except -1
    cpdef long class_for(self, unsigned long long size) except? -1
    @cython.locals(offset=cython.ulonglong)
    # The size may be any number of Python's: what is too large for a word is too large for the pool.
    cpdef unsigned long long alloc(self, size, int kind, bint zero=*) except? 0
    @cython.locals(offset=cython.ulonglong)
    cpdef unsigned long long alloc_at_hand(self, size, int kind, bint zero=*) except? 0
    @cython.locals(flags=cython.ulonglong, class_id=cython.long, offset=cython.ulonglong)
    @cython.final
    cdef unsigned long long _alloc(self, size, int kind, bint zero, bint must) except? 0
    @cython.final
    cdef unsigned long long _try_to_alloc(
        self, unsigned long long size, int kind, unsigned long long flags, long class_id
    ) except? 0
    @cython.locals(
        near=cython.ulonglong, offsets=list, start=cython.ulonglong, end=cython.ulonglong, at=cython.ulonglong,
        size=cython.ulonglong,
    )
    cdef _flush_fresh(self)
