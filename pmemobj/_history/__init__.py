"""The history of transactions that `pool.log` tells."""
