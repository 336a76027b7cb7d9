# Types of the compiled form; the source is chunks.py.
cimport cython

cdef unsigned long long ALLOCATION_HEADER_SIZE, ALLOCATION_INTERNAL, ALLOCATION_SIZE_MASK
cdef unsigned long long _RUN_HEADER_SIZE, _BITS, _FREE, _USED, _RUN, _COMPACT, _FLEXIBLE

@cython.locals(chunk=cython.ulonglong, total=cython.ulonglong)
cdef _verify_heads(const unsigned long long[::1] heads, unsigned long long first)
@cython.locals(kind=cython.ulonglong, flags=cython.ulonglong, count=cython.ulonglong, needed=cython.ulonglong)
cdef unsigned long long _length(
    unsigned long long head, unsigned long long chunk, unsigned long long total, unsigned long long first
) except 0
@cython.locals(
    bitmap=cython.ulonglong, index=cython.ulonglong, bits=cython.ulonglong, room=cython.ulonglong, size=cython.ulonglong
)
cdef _note_units(
    const unsigned long long[::1] words, unsigned long long at, unsigned long long unit, unsigned long long number,
    unsigned long long first, found
)
@cython.locals(head=cython.ulonglong, size=cython.ulonglong)
cdef unsigned long long _note(
    const unsigned long long[::1] words, unsigned long long place, unsigned long long room, found
) except? 0
