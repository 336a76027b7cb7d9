# Types of the compiled form; the source is snapshots.py.
cimport cython

cdef unsigned long long _PAGE_SHIFT, _PAGE_MASK, _RECORD, _COUNT, _BITS, _ALL, _SPREAD, _FEW_SINGLES, _FEW_IN_PAGE
cdef long long _MOST_UNUSED_PAGES

@cython.final
cdef class SnapshotRanges:
    cdef unsigned long long _capacity, _used, _singles
    cdef public long long unused_pages
    cdef dict _tails
    cdef list _failed
    cdef public bint is_used
    cdef bytearray _memory
    cdef object _words

    @cython.locals(
        table=cython.p_ulonglong, word=cython.ulonglong, end=cython.ulonglong, at=cython.ulonglong,
        last=cython.ulonglong, bit=cython.ulonglong, take=cython.ulonglong, bits=cython.ulonglong,
    )
    cpdef bint covers(self, unsigned long long offset, unsigned long long size) except -1
    @cython.locals(
        table=cython.p_ulonglong, word=cython.ulonglong, end=cython.ulonglong, at=cython.ulonglong,
        last=cython.ulonglong, bit=cython.ulonglong, take=cython.ulonglong,
    )
    cpdef add(self, unsigned long long offset, unsigned long long size)
    cpdef bint is_touched(self)
    cpdef note_tail(self, unsigned long long array, unsigned long long offset)
    cpdef unsigned long long tail(self, unsigned long long array, unsigned long long end) except? 1
    @cython.locals(start=cython.ulonglong, stop=cython.ulonglong)
    cpdef bint has_failed(self, unsigned long long offset, unsigned long long end) except -1
    cpdef bint wants_page(self, unsigned long long offset) except -1
    @cython.locals(table=cython.p_ulonglong, at=cython.ulonglong)
    cpdef unsigned long long times(self, unsigned long long offset) except? 1
    cdef unsigned long long *_table(self) noexcept
    cdef _make(self, unsigned long long capacity)
    @cython.locals(table=cython.p_ulonglong, mask=cython.ulonglong, slot=cython.ulonglong)
    cdef unsigned long long _find(self, unsigned long long page) noexcept
    @cython.locals(at=cython.ulonglong)
    cdef unsigned long long _new_record(self, unsigned long long page) except? 1
    cdef _grow(self)
