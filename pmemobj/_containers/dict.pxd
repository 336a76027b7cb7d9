# Types of the compiled form; the source is dict.py.
cimport cython
from pmemobj._containers.stored_table cimport StoredTable
from pmemobj._hashtable.hashes cimport stored_hash
from pmemobj._engine.heap cimport Heap, PoolLock
from pmemobj._hashtable.new_entries cimport NewEntries
from pmemobj._engine.publication cimport Publication
from pmemobj._hashtable.additions cimport add_at_once, add_in_statement, append_entries, prepare_key, put_entry
from pmemobj._hashtable.search cimport find_entry, has_entry, look_up
from pmemobj._hashtable.table cimport exchange_value, store_value
from pmemobj._values.words cimport decode, encode, immediate, prepare, replace

cdef object _missing
cdef unsigned long long ENTRY_SIZE, DICT_TABLE, ENTRY_HASH, ENTRY_KEY, ENTRY_VALUE, ABSENT

# The flag by which `match` knows a mapping: an extension type must bring it along.
@cython.collection_type("mapping")
cdef class PersistentDict(StoredTable):
    @cython.locals(
        heap=Heap, lock=PoolLock, offset=cython.ulonglong, key_hash=cython.ulonglong, word=cython.ulonglong,
        entry=cython.ulonglong, key_word=cython.ulonglong,
    )
    cdef _set(self, key, value)
    @cython.locals(
        heap=Heap, offset=cython.ulonglong, word=cython.ulonglong, entry=cython.ulonglong,
        key_word=cython.ulonglong, publication=Publication, texts=bytearray,
    )
    cdef bint _set_at_once(self, key, unsigned long long key_hash, value) except -1
    @cython.locals(
        heap=Heap, offset=cython.ulonglong, changes=cython.ulonglong, key_hash=cython.ulonglong, word=cython.ulonglong,
        entry=cython.ulonglong, new=NewEntries, hashes=list, words=list, number=cython.ulonglong,
    )
    cdef _set_all(self, dict pairs)
