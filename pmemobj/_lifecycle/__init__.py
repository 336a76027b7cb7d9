"""Opening and closing a pool."""
