"""Locks on open files, which the system lets go of when their holder dies, however it does."""

from __future__ import annotations

import sys

__all__ = ["try_lock"]

if sys.platform == "win32":

    def try_lock(_number: int) -> bool | None:
        """None: there are no such locks here."""
        return None

else:
    import fcntl

    def try_lock(number: int) -> bool | None:
        """Lock the open file `number`: True when this process has it now, False when another one has.

        None where the file system has no locks.
        """
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
