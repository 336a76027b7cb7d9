# Types of the compiled form; the source is base.py.
cimport cython
from pmemobj._engine.heap cimport Handle, Heap

cdef class Persistent(Handle):
    pass

@cython.locals(head=cython.ulonglong)
cpdef kind_at(Heap heap, unsigned long long offset)
