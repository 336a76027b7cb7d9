# Types of the compiled form; the source is _number_sequence.py.
from pmemobj._buffer cimport Buffer

cdef class NumberSequence(Buffer):
    pass
