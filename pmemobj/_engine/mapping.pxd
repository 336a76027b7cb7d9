# Types of the compiled form; the source is mapping.py.
cimport cython

cdef unsigned long long WORD, ALLOCATION_HEADER_SIZE, ALLOCATION_SIZE_MASK

cdef class MappedPool:
    # What each read needs comes first, so that it shares a cache line.
    cdef public unsigned long long base, limit, version, root_offset, reserve, pool_uuid, identity
    cdef public object _reason, name, pop, on_growth
    cdef public bint slow, by_page, needs_flush
    cdef bint _grows
    cdef object _raw, _words, _pin, __weakref__

    # Whether nobody has begun to change the pool since its version was `version`.
    cdef inline bint still_valid(self, unsigned long long version) noexcept:
        return version == self.version and not version & 1

    # As `read`, and part of the caller.
    cdef inline unsigned long long peek(self, unsigned long long offset) except? 0xFEFEFEFEFEFEFEFE:
        if offset + 8 > self.limit or offset + 8 < offset:
            self.refuse(offset)
        return (<unsigned long long *><void *>(self.base + offset))[0]

    # A word, and half of one, where the caller has compared the offset with the limit.
    cdef inline unsigned long long fetch(self, unsigned long long offset) noexcept:
        return (<unsigned long long *><void *>(self.base + offset))[0]

    cdef inline unsigned long long fetch_half(self, unsigned long long offset) noexcept:
        return (<unsigned int *><void *>(self.base + offset))[0]

    # Raise unless the mapping is that of an open pool.
    cdef inline int _demand_writable(self) except -1:
        if self.pop is None:
            self._refuse_read_only()
        return 0

    # Store one word; the caller has done all that must come before.
    cdef inline void _put(self, unsigned long long offset, unsigned long long word) noexcept:
        (<unsigned long long *><void *>(self.base + offset))[0] = word

    cpdef bint follow_growth(self) except -1
    cpdef refuse(self, unsigned long long offset=*)
    cdef _refuse_to_change(self, unsigned long long offset)
    cdef _refuse_read_only(self)
    cpdef unsigned long long read(self, unsigned long long offset) except? 0xFEFEFEFEFEFEFEFE
    cpdef unsigned long long read_count(self, unsigned long long offset) except? 0
    @cython.locals(source=cython.p_ulonglong, at=cython.longlong)
    cpdef list read_words(self, unsigned long long offset, long long count)
    cpdef bytes read_bytes(self, unsigned long long offset, long long size)
    cpdef read_as(self, form, unsigned long long offset)
    cpdef unsigned long long allocation_size(self, unsigned long long offset) except? 1
