"""The persistent list, tuple, dict, set, bytearray and array."""
