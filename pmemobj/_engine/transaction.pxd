# Types of the compiled form; the source is transaction.py.
from pmemobj._engine.heap cimport Heap

cdef class Transaction:
    cdef Heap _heap
    cdef long _begun, _entered
    cdef list _levels
    cdef object __weakref__
