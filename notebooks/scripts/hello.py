#!/usr/bin/env python3
"""Say hello. The name is asked for once; later runs find it in the pool `hello.pmem`."""

import os
import sys

import pmemobj

POOL_FILE = os.environ.get("HELLO_POOL", "hello.pmem")


def ask_name() -> str:
    try:
        name = input("What is your name? ").strip()
    except (EOFError, KeyboardInterrupt, UnicodeDecodeError):
        print()
        name = ""
    if not name:
        sys.exit("I did not get a name, so I will ask again next time.")
    return name


def main() -> None:
    # Flag 'c' creates the pool the first time, and opens it from then on.
    with pmemobj.PersistentObjectPool(POOL_FILE, flag="c", pool_size=16 * 1024 * 1024) as pool:
        if pool.root is None:
            pool.root = ask_name()  # stored for good when this line is done
        if not isinstance(pool.root, str):
            sys.exit(f"The pool {POOL_FILE} belongs to another program. Set HELLO_POOL to another file.")
        print(f"Hello, {pool.root}")


if __name__ == "__main__":
    try:
        main()
    except pmemobj.PmemError as error:
        sys.exit(str(error))
