"""Which questions were asked of any worker of this gate, as locks on the bytes of a file that has none.

Each nonce has a byte of its own in a space of 2^62, and whoever asks first locks it (fcntl(2), F_SETLK): one system
call, nothing to wait for, and nothing to clean up after a worker that is killed. Its own locks are no obstacle to a
process: what it has asked itself it must know (`callgate.seal.Questions`).
"""

import fcntl
import os

_SPACE_BITS = 62
_NONCE_BITS = 128


class SharedNonces:
    """The nonces of all processes that have this file.

    Args:
        descriptor: of a file that is nobody else's, such as memfd_create(2) makes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def take(self, nonce: str) -> bool:
        """Take a nonce, a UUID; false if another process has it. Where the system has no lock left, nobody has it."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(nonce), os.SEEK_SET)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True
        return True

    def give_back(self, nonce: str) -> None:
        """Let go of a nonce that is too old to be asked again."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _byte(nonce), os.SEEK_SET)


def _byte(nonce: str) -> int:
    return int(nonce.replace("-", ""), 16) >> (_NONCE_BITS - _SPACE_BITS)
