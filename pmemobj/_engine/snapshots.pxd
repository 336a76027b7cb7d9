# Types of the compiled form; the source is _ranges.py.
cimport cython

cdef unsigned long long _PAGE_SHIFT, _PAGE_MASK, _RECORD, _COUNT, _BITS, _ALL, _SPREAD

@cython.final
cdef class SnapshotRanges:
    cdef unsigned long long _capacity, _used
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
    @cython.locals(table=cython.p_ulonglong, at=cython.ulonglong)
    cpdef unsigned long long times(self, unsigned long long offset) except? 1
    cdef unsigned long long *_table(self) noexcept
    cdef _make(self, unsigned long long capacity)
    @cython.locals(table=cython.p_ulonglong, mask=cython.ulonglong, slot=cython.ulonglong)
    cdef unsigned long long _find(self, unsigned long long page) noexcept
    @cython.locals(at=cython.ulonglong)
    cdef unsigned long long _new_record(self, unsigned long long page) except? 1
    cdef _grow(self)
