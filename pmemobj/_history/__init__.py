"""The history of transactions, which a program reads as `pool.log`.

"History" and `pool.log` are ours; the undo logs and redo logs that libpmemobj keeps in the file belong to the room
`_pmdk`. The public module above this room is `pmemobj.pool`.

| module | what it is responsible for |
|---|---|
| `places` | which slot of which object a word is, in the words of a program |
| `entries` | what the history tells of a transaction, as dataclasses of words and numbers |
| `drafts` | entries while they are being made |
| `recorder` | observes a heap and makes drafts of what it does |
| `present_logs` | what libpmemobj's undo log and the journal have at this moment, which is `inspect.logs` |
| `log` | `TransactionLog`: starts and stops the recorder, keeps the last entries, prints them |
"""
