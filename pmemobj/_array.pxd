# Types of the compiled form; the source is _array.py.
from pmemobj._number_sequence cimport NumberSequence
from pmemobj._heap cimport Heap

cdef class PersistentArray(NumberSequence):
    pass
