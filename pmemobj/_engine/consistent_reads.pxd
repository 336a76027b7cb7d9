# Types of the compiled form; the source is consistent_reads.py, whose text explains the protocol.
cimport cython
from pmemobj._engine.heap cimport Heap

# Whether a heap with this version shows half a change. It takes the number and not the heap, since Cython would count a
# reference to an object that is read out of an attribute and handed over.
cdef inline bint is_half_changed(unsigned long long version) noexcept:
    return version & 1

ctypedef object (*CReader)(object owner, object one, object two, long long number)

@cython.locals(version=cython.ulonglong)
cdef object read_optimistically(
    Heap heap, object owner, CReader read, object one, object two, long long number
)
cdef object _call(object _owner, object read, object args, long long _number)
