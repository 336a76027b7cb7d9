"""The hash table of dicts and sets, and the hashes of keys."""
