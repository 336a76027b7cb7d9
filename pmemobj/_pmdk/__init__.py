"""libpmemobj through cffi, and the structures that it keeps in the file."""
