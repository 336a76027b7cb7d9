# Types of the compiled form; the source is publication.py.
cimport cython
from pmemobj._pmdk cimport calls
from pmemobj._engine.heap cimport Heap

cdef unsigned long long WORD, _LARGEST

@cython.final
cdef class Publication:
    cdef Heap _heap
    cdef long _count
    cdef list _made
    # Four of the C library's `struct pobj_action`, of 16 words each.
    cdef unsigned long long _memory[64]

    @cython.locals(heap=Heap, offset=cython.ulonglong)
    cpdef unsigned long long alloc(self, unsigned long long size, int kind) except? 1
    @cython.locals(heap=Heap, offset=cython.ulonglong, size=cython.ulonglong, count=cython.long)
    cpdef finish(self, unsigned long long slot, unsigned long long word, unsigned long long freed=*)
    @cython.locals(count=cython.long)
    cpdef cancel(self)
    cdef unsigned long long _first(self) noexcept
    cdef unsigned long long _action(self) noexcept
