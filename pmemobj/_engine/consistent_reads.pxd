# Types of the compiled form; the source is consistent_reads.py, whose text explains the protocol.

# Whether a heap with this version shows half a change. It takes the number and not the heap, since Cython would count a
# reference to an object that is read out of an attribute and handed over.
cdef inline bint is_half_changed(unsigned long long version) noexcept:
    return version & 1
