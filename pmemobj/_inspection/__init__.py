"""Read-only views of a pool: graphs, trees, bytes, statistics."""
