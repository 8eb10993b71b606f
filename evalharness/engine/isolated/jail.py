"""The walls: namespaces, a root of its own, no privileges, a filter of system calls, limits. Linux, by its own calls.

Each step raises ``OSError`` where the kernel refuses it, and nothing runs then: there is no weaker way.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

MEMORY_BYTES = 512 * 2**20
FILE_BYTES = 2**20
DISK_BYTES = 16 * 2**20
PROCESSES = 16
WORK = "/isolated"  # nobody keeps libraries below a folder of this name
GIVEN = "/given"

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_ANY_NAMESPACE = 0x7E020000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE, _DETACH = 1, 2, 4, 8, 0x1000, 0x4000, 0x40000, 2
_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _NO_NEW_PRIVS = 1, 4, 22, 38
_MOUNT_SETATTR, _PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
_INSIDE_ID = 1000

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(name: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _unshare(flags: int) -> None:
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def _prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _checked("prctl", _libc.prctl(ctypes.c_int(option), *padded))


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    texts = (text.encode() for text in (source, target, kind))
    _checked(f"mount {target}", _libc.mount(*texts, ctypes.c_ulong(flags), options.encode()))


# ---------------------------------------------------------------- namespaces


def enter_user_and_pid() -> None:
    """New namespaces for users (root needs none: it gives up being root) and for the processes that are forked next."""
    user, group = os.geteuid(), os.getegid()
    if _is_whole_root():
        _unshare(_NEWPID)
        return
    _unshare(_NEWUSER | _NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_INSIDE_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{_INSIDE_ID} {group} 1")


def die_with_parent() -> None:
    _prctl(_PDEATHSIG, 9)


def close_in(visible: Sequence[str], hidden: Sequence[str], files: Mapping[str, bytes]) -> None:
    """All walls around this process, the first of its pid namespace, and around whatever it forks."""
    _unshare(_NEWNS | _NEWNET | _NEWIPC | _NEWUTS)
    name = b"isolated"
    _checked("sethostname", _libc.sethostname(name, ctypes.c_size_t(len(name))))
    owner = _unprivileged_id() if _is_whole_root() else _INSIDE_ID
    _new_root(visible, hidden, files, owner)
    if owner != _INSIDE_ID:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    _drop_capabilities()
    _prctl(_NO_NEW_PRIVS, 1)
    _prctl(_SET_DUMPABLE, 0)  # nobody inside may look into this process, which decides how the others ended
    _filter_calls()


def _is_whole_root() -> bool:
    """Root with other ids to change to, and not one that a user made for himself alone."""
    return os.geteuid() == 0 and _highest_id() > 10_000


def _highest_id() -> int:
    ranges = [list(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return max(first + count for first, _, count in ranges)


def _unprivileged_id() -> int:
    """An id that nobody has, one for each isolation: the kernel counts processes by it."""
    outer_pid = int(Path("/proc/self").readlink().name)  # /proc is still that of the namespace outside
    return _highest_id() - 2_000 + outer_pid % 1_000


def _drop_capabilities() -> None:
    header = struct.pack("II", 0x20080522, 0)
    _checked("capset", _libc.capset(header, bytes(24)))


# ---------------------------------------------------------------- file system


def _new_root(visible: Sequence[str], hidden: Sequence[str], files: Mapping[str, bytes], owner: int) -> None:
    """An empty root. To read: ``visible``, less what is ``hidden``, and ``files`` in ``GIVEN``. To write: ``WORK``."""
    _mount("none", "/", "", _REC | _PRIVATE)
    base = "/tmp"
    _mount("tmpfs", base, "tmpfs", _NOSUID | _NODEV, f"size={DISK_BYTES},mode=0755")
    os.chdir(base)
    os.mkdir("old")  # noqa: PTH102
    machine = platform.machine()
    if machine not in _PIVOT_ROOT:
        raise OSError(errno.ENOSYS, f"isolation is not known for {machine} processors")
    _checked("pivot_root", _libc.syscall(ctypes.c_long(_PIVOT_ROOT[machine]), b".", b"old"))
    os.chdir("/")
    for path in visible:
        _show(Path(path))
    for path in hidden:
        if Path(path).is_dir():
            _mount("tmpfs", path, "tmpfs", _RDONLY | _NOSUID | _NODEV)
    for device in ("/dev/null", "/dev/zero", "/dev/urandom"):
        _bind(Path(device))
    _checked("umount", _libc.umount2(b"/old", ctypes.c_int(_DETACH)))
    Path("/old").rmdir()
    Path(WORK).mkdir(exist_ok=True)
    options = f"size={DISK_BYTES},nr_inodes=1000,mode=0700,uid={owner},gid={owner}"
    _mount("tmpfs", WORK, "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)
    Path("/dev/shm").symlink_to(WORK)
    _give(files)
    _set_attributes("/", _RDONLY | _NOSUID, recursive=False)
    os.chdir(WORK)


def _give(files: Mapping[str, bytes]) -> None:
    """To import and to read; in ``WORK`` they are mounts, which nobody inside can write, move or put others for."""
    Path(GIVEN).mkdir()
    for name, content in files.items():
        path = Path(GIVEN) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for given in Path(GIVEN).iterdir():
        place = Path(WORK) / given.name
        place.mkdir() if given.is_dir() else place.touch()
        _mount(str(given), str(place), "", _BIND)
        _set_attributes(str(place), _RDONLY | _NOSUID | _NODEV, recursive=False)


def _show(path: Path) -> None:
    """``path`` at its own place, read-only with all that is mounted below; a link stays a link."""
    old = Path("/old") / path.relative_to("/")
    if old.is_symlink():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_symlink():
            path.symlink_to(old.readlink())
    elif old.exists():
        _bind(path)
        _set_attributes(str(path), _RDONLY | _NOSUID | _NODEV, recursive=True)


def _bind(path: Path) -> None:
    old = Path("/old") / path.relative_to("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(exist_ok=True) if old.is_dir() else path.touch()
    _mount(str(old), str(path), "", _BIND | _REC)


def _set_attributes(path: str, attributes: int, *, recursive: bool) -> None:
    wanted = struct.pack("QQQQ", attributes, 0, 0, 0)
    flags = ctypes.c_uint(0x8000 if recursive else 0)
    call = (ctypes.c_long(_MOUNT_SETATTR), ctypes.c_int(-100), path.encode(), flags, wanted, ctypes.c_size_t(32))
    _checked(f"mount_setattr {path}", _libc.syscall(*call))


# ---------------------------------------------------------------- system calls

#: Of x86_64 and of aarch64. Ways to more rights or a larger surface, memory that no limit counts, other programs.
_REFUSED = {
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "execve": (59, 221), "execveat": (322, 281), "io_uring_setup": (425, 425), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "mount_setattr": (442, 442),
}  # fmt: skip
_CLONE, _CLONE3, _SOCKET, _AF_UNIX = (56, 220), 435, (41, 198), 1
_AUDIT_ARCH = (0xC000003E, 0xC00000B7)
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def _filter_calls() -> None:
    """``_REFUSED`` and new namespaces fail with EPERM, and sockets that are not local to a pair of processes: those of
    a virtual machine's host are in no network namespace."""
    at = 0 if platform.machine() == "x86_64" else 1
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    # (code, jump if true, jump if false, value); the number of the call is at 0, the processor at 4, arguments from 16.
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _AUDIT_ARCH[at]), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    steps += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]  # the x32 calls are those of x86_64 once more
    for numbers in _REFUSED.values():
        steps += [(_EQUAL, 0, 1, numbers[at]), refuse]
    # The flags of clone3 lie in memory that a filter cannot read: without it the C library takes clone.
    steps += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    steps += [(_EQUAL, 0, 3, _CLONE[at]), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, _ANY_NAMESPACE), refuse, (_LOAD, 0, 0, 0)]
    steps += [(_EQUAL, 0, 3, _SOCKET[at]), (_LOAD, 0, 0, 16), (_EQUAL, 1, 0, _AF_UNIX), refuse]
    steps += [(_RETURN, 0, 0, _ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    pointer = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program))
    _checked("seccomp", _libc.prctl(ctypes.c_int(_SET_SECCOMP), ctypes.c_ulong(2), pointer, ctypes.c_ulong(0)))


# ---------------------------------------------------------------- limits


def limit(cpu_s: int) -> None:
    """Of this process and, each for itself, of those that it forks. Bytes, seconds of processor time, counts."""
    limits: Mapping[int, tuple[int, int]] = {
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),  # a signal that code may catch, and one that it may not
        resource.RLIMIT_AS: (MEMORY_BYTES, MEMORY_BYTES),
        resource.RLIMIT_FSIZE: (FILE_BYTES, FILE_BYTES),
        resource.RLIMIT_NPROC: (PROCESSES, PROCESSES),
        resource.RLIMIT_NOFILE: (64, 64),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    for number, values in limits.items():
        resource.setrlimit(number, values)
    _prctl(_SET_DUMPABLE, 1)  # so that its own memory can be counted from outside
