# Types of the compiled form; the source is lanes.py.
cimport cython

cdef unsigned long long WORD, POOL_HEADER_SIZE, ENTRY_KIND_SHIFT, ENTRY_OF_BYTES
cdef unsigned long long _STRIDE, _FIRST_REDO, _SECOND_REDO, _UNDO, _UNDO_CAPACITY, _NEXT, _CAPACITY, _ENTRY, _LENGTH

@cython.locals(
    lane=cython.ulonglong, first=cython.ulonglong, undo=cython.ulonglong, capacity=cython.ulonglong,
    target=cython.ulonglong
)
cdef _damage(const unsigned long long[::1] lanes, unsigned long long count)
@cython.locals(lane=cython.ulonglong, undo=cython.ulonglong)
cdef list _begun(const unsigned long long[::1] lanes, unsigned long long count)
