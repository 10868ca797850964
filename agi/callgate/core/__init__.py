"""Every rule of callgate, as plain functions over values: no socket, file, clock, randomness or log.

Time, policy and rates come in as arguments; a value goes out. `tests/test_architecture.py` holds the import rule.
"""
