# Types of the compiled form; the source is tuple.py.
cimport cython

from pmemobj._containers.sequence cimport StoredSequence

cdef unsigned long long TUPLE_ITEMS

# So that `match` takes it for a sequence; registering with the ABC cannot mark a static type.
@cython.collection_type("sequence")
cdef class PersistentTuple(StoredSequence):
    cdef unsigned long long _first(self) except? 0
