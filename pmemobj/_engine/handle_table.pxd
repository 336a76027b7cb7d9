# Types of the compiled form; the source is handle_table.py.
cimport cython

cdef extern from *:
    """
    #define PMEMOBJ_REFERENCES(address) Py_REFCNT((PyObject *)(address))
    """
    Py_ssize_t references_to "PMEMOBJ_REFERENCES"(void *address) noexcept

cdef extern from "stdlib.h":
    unsigned long long *new_memory "(unsigned long long *)calloc"(size_t count, size_t size) noexcept
    void free_memory "free"(void *memory) noexcept

cdef unsigned long long _FEWEST, _SPREAD, _SLOT

@cython.final
cdef class HandleTable:
    cdef unsigned long long *_slots
    cdef unsigned long long _mask, _used

    cpdef find(self, unsigned long long number)
    @cython.locals(at=cython.ulonglong)
    cpdef enter(self, unsigned long long number, found)
    @cython.locals(at=cython.ulonglong)
    cpdef remove(self, unsigned long long number)
    @cython.locals(at=cython.ulonglong)
    cdef void leave(self, unsigned long long number, unsigned long long address) noexcept
    @cython.locals(at=cython.ulonglong)
    cpdef list live(self)
    @cython.locals(address=cython.p_void)
    cdef _object(self, unsigned long long at)
    @cython.locals(at=cython.ulonglong)
    cdef unsigned long long _slot(self, unsigned long long number) noexcept
    cdef unsigned long long _home(self, unsigned long long number) noexcept
    @cython.locals(at=cython.ulonglong, number=cython.ulonglong)
    cdef void _empty(self, unsigned long long hole) noexcept
    @cython.locals(
        old=cython.p_ulonglong, larger=cython.p_ulonglong, count=cython.ulonglong, at=cython.ulonglong,
        place=cython.ulonglong,
    )
    cdef _grow(self)
