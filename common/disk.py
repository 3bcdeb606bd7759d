"""Tells a full disk from every other fault, whoever met it: the operating system, DuckDB or SQLite."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SIGNS = ("No space left on device", "Disk quota exceeded", "File too large", "disk is full")
# SQLite says only this where it can't grow its shared memory; it is a full disk if there is next to no room.
_VAGUE = "disk I/O error"
_NEXT_TO_NO_ROOM = 1 << 20
_DEEPEST = 20


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether an error, or one of those that caused it, is a full disk (or quota) under `folder`."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None:
            return False
        text = str(cause)
        if (isinstance(cause, OSError) and cause.errno in _NO_ROOM) or any(sign in text for sign in _SIGNS):
            return True
        if _VAGUE in text and shutil.disk_usage(folder).free < _NEXT_TO_NO_ROOM:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
