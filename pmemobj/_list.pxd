# Types of the compiled form; the source is _list.py.
cimport cython

from pmemobj._sequence cimport StoredSequence

# So that `match` takes it for a sequence; registering with the ABC cannot mark a static type.
@cython.collection_type("sequence")
cdef class PersistentList(StoredSequence):
    cpdef unsigned long long _first(self) except? 0
