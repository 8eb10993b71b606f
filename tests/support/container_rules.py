"""A program under the rule that containers have: nobody sets the clock, nor asks the kernel whether it is kept right.

``python -m tests.support.container_rules PROGRAM ARGUMENTS`` becomes the program, which ``adjtimex`` fails with EPERM.
Linux on x86_64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence

#: ``adjtimex`` and ``clock_adjtime``, which the C library uses for it.
_NUMBERS = {"x86_64": (159, 305), "aarch64": (171, 266)}
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _instruction(code: int, value: int, *, if_not: int = 0) -> bytes:
    return struct.pack("HBBI", code, 0, if_not, value)


def forbid(numbers: Sequence[int]) -> None:
    """From now on these system calls fail with EPERM, in this process and whatever it becomes."""
    refused = [
        _instruction(_JUMP_IF_EQUAL, number, if_not=1) + _instruction(_RETURN, _FAIL_WITH | errno.EPERM)
        for number in numbers
    ]
    raw = b"".join([_instruction(_LOAD, 0), *refused, _instruction(_RETURN, _ALLOW)])
    kept = ctypes.create_string_buffer(raw, len(raw))
    rules = _Filter(len(raw) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0), (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(rules))):
        if libc.prctl(*arguments, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no such rules")


if __name__ == "__main__":
    forbid(_NUMBERS[platform.machine()])
    os.execv(sys.argv[1], sys.argv[1:])
