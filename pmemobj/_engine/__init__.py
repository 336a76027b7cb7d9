"""Memory and transactions: reads, logged writes, allocation, locking."""
