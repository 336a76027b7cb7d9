"""What a pool lies in: one file, or a directory that grows."""
