"""Which questions were asked of any worker of this gate, in a file that outlives each of them.

What a worker was asked that is replaced, or killed, is not new to the next one. The file is a table: a nonce stands in
the row that its first digits name, the newest first, and the oldest goes, which by then is far too old to be asked
again. Whoever looks into a row locks it (fcntl(2), F_SETLK): a few system calls, and nothing to wait for.
"""

import fcntl
import os

_ROWS = 16_384
_NONCE_BYTES = 16
_ROW_BYTES = 8 * _NONCE_BYTES
"""All rows take 2 MiB. In the three seconds for which a question counts, 5,000 do not fill one."""


class SharedNonces:
    """The nonces of all processes that have this file.

    Args:
        descriptor: of a file that is nobody else's, such as memfd_create(2) makes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def take(self, nonce: str) -> bool:
        """Take a nonce, a UUID; false if it was taken before. Where the system cannot say so, it was not."""
        taken = bytes.fromhex(nonce.replace("-", ""))
        row = int.from_bytes(taken[:2], "big") % _ROWS * _ROW_BYTES
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _ROW_BYTES, row, os.SEEK_SET)
        except (BlockingIOError, PermissionError):
            # Another worker looks into this row at this very moment: most likely it was asked the same.
            return False
        except OSError:
            return True
        try:
            kept = os.pread(self._descriptor, _ROW_BYTES, row)
            is_new = all(kept[at : at + _NONCE_BYTES] != taken for at in range(0, len(kept), _NONCE_BYTES))
            if is_new:
                os.pwrite(self._descriptor, (taken + kept)[:_ROW_BYTES], row)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _ROW_BYTES, row, os.SEEK_SET)
        return is_new
