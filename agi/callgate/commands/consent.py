"""Asking a person before something is done that cannot be taken back."""

import sys

from callgate.commands.context import say

_YES = frozenset({"y", "yes", "o", "oui"})


def consents(question: str, *, is_given: bool) -> bool:
    """Ask on standard error, and read one line; whoever cannot answer does not consent.

    Args:
        question: one sentence, with the answers that may be given.
        is_given: consent was given on the command line, by ``--yes``.
    """
    if is_given:
        return True
    sys.stdout.flush()
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        say()
    return answer.strip().lower() in _YES
