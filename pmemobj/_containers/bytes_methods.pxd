# Types of the compiled form; the source is bytes_methods.py.
from pmemobj._containers.number_sequence cimport NumberSequence

cdef class BytesLike(NumberSequence):
    pass
