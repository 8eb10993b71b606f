"""What around a run may get in its way, its speed apart: disk, descriptors, clocks, proxies, trusted certificates."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from evalharness.core.units import NS_PER_MS
from evalharness.store.reserve import RESERVE_BYTES
from evalharness.transport.clock_watch import ClockWatch
from evalharness.transport.settings import verifying_context

#: With less left on its disk a run is likely to end for want of room.
_LITTLE_ROOM = 2**30
_FEW_DESCRIPTORS = 1_024
_PROXY_NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
#: To read these takes a microsecond and more, through a device.
_SLOW_SOURCES = frozenset({"hpet", "acpi_pm", "jiffies"})
#: What ``adjtimex`` gives where no time service keeps the clock in step.
_OUT_OF_STEP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``told`` is a whole sentence, and what to do about it where it is not fine."""

    name: str
    is_fine: bool
    told: str


def surroundings(
    out: Path, environ: Mapping[str, str], watch: ClockWatch, *, wants_proxy: Sequence[str]
) -> tuple[Check, ...]:
    """``out``: where runs are kept, there or not. ``watch`` was made some seconds ago. ``wants_proxy``: endpoints with
    ``proxy: environment``."""
    watch.look()
    return (
        _disk(out),
        descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        clocks(watch.steps_ns, watch.suspended_ns, source=_clock_source(), is_in_step=_is_in_step()),
        proxies(environ, wants_proxy),
        _trust(environ),
    )


# ---------------------------------------------------------------- disk


def _disk(out: Path) -> Check:
    folder = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name="disk", is_fine=False, told=f"{out} cannot be looked at: {error.strerror}.")
    can_write = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return disk(str(out), free, can_write=can_write)


def disk(out: str, free_bytes: int, *, can_write: bool) -> Check:
    if not can_write:
        told = f"{out} cannot be written: check its permissions, or choose another folder with --out."
        return Check(name="disk", is_fine=False, told=told)
    room = f"{free_bytes / 2**30:,.1f} GiB are free where {out} is"
    if free_bytes >= _LITTLE_ROOM:
        return Check(name="disk", is_fine=True, told=f"{room}.")
    reserve = f"a run sets {RESERVE_BYTES // 2**20} MiB aside and stops when the rest is used up"
    return Check(name="disk", is_fine=False, told=f"{room}: {reserve}. Free some, or choose another folder with --out.")


# ---------------------------------------------------------------- descriptors


def descriptors(hard: int) -> Check:
    """The hard limit, up to which a run raises its own; ``resource.RLIM_INFINITY`` for none."""
    most = "any number of" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    told = f"A process may open {most} files and connections"
    if hard == resource.RLIM_INFINITY or hard >= _FEW_DESCRIPTORS:
        return Check(name="descriptors", is_fine=True, told=f"{told}.")
    hint = f"few calls fit: have the hard limit raised (`ulimit -Hn {_FEW_DESCRIPTORS}`)"
    return Check(name="descriptors", is_fine=False, told=f"{told}: {hint}.")


# ---------------------------------------------------------------- clocks


def clocks(steps_ns: Sequence[int], suspended_ns: int, *, source: str | None, is_in_step: bool | None) -> Check:
    """``source``: what the kernel reads the time from; ``is_in_step``: whether a time service keeps it right.
    None: not known."""
    wrong = []
    if steps_ns:
        largest_ms = max(map(abs, steps_ns)) / NS_PER_MS
        wrong.append(f"the wall clock jumped by {largest_ms:,.0f} ms meanwhile: dates are off, durations are not")
    if suspended_ns:
        wrong.append("this machine slept meanwhile: times that span it mean nothing")
    if source in _SLOW_SOURCES:
        wrong.append(f"the kernel reads the time from {source}, which is slow: boot with clocksource=tsc where it can")
    if is_in_step is False:
        wrong.append("no time service keeps the wall clock in step: dates may be off, durations are not")
    if is_in_step is None:
        unknown = " Whether a time service keeps the wall clock in step cannot be found out here: dates may be off."
    else:
        unknown = ""
    if wrong:
        told = "; ".join(wrong)
        return Check(name="clock", is_fine=False, told=f"{told[0].upper()}{told[1:]}.{unknown}")
    read = "" if source is None else f", read from {source}"
    return Check(name="clock", is_fine=True, told=f"Steady while this ran{read}.{unknown}")


def _clock_source() -> str | None:
    try:
        return _CLOCK_SOURCE.read_text(encoding="ascii").strip()
    except OSError:
        return None


def _is_in_step() -> bool | None:
    """As the kernel was told by a time service; None: this system does not say, or a container may not ask."""
    if sys.platform != "linux":
        return None
    try:
        # All zero: nothing is set, and the answer is the state alone. The struct has 208 bytes.
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _OUT_OF_STEP


# ---------------------------------------------------------------- proxies


def proxies(environ: Mapping[str, str], wants_proxy: Sequence[str]) -> Check:
    """Without what a proxy's address may hold beside host and port: a name and a password."""
    found = [
        f"{name} ({_place(address)})"
        for name in _PROXY_NAMES
        if (address := environ.get(name) or environ.get(name.lower()))
    ]
    if wants_proxy:
        used_by = ", ".join(wants_proxy)
        if found:
            return Check(name="proxy", is_fine=True, told=f"{', '.join(found)}, used by endpoint {used_by}.")
        told = f"Endpoint {used_by} has `proxy: environment`, and none of {', '.join(_PROXY_NAMES)} is set."
        return Check(name="proxy", is_fine=False, told=told)
    if not found:
        return Check(name="proxy", is_fine=True, told="None is set.")
    unused = "not used: an endpoint that is reached through it needs `proxy: environment`"
    return Check(name="proxy", is_fine=True, told=f"{', '.join(found)}, {unused}.")


def _place(address: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "no address"
    return f"{parts.hostname}{port}" if parts.hostname else "no address"


# ---------------------------------------------------------------- certificates


def _trust(environ: Mapping[str, str]) -> Check:
    try:
        n_authorities = verifying_context().cert_store_stats()["x509_ca"]
    except OSError as error:
        return trust(0, missing=(), why=str(error))
    return trust(n_authorities, missing=tuple(_missing_files(environ)))


def _missing_files(environ: Mapping[str, str]) -> Iterator[str]:
    """Variables that name certificates which are not there; OpenSSL says nothing of it."""
    paths = ssl.get_default_verify_paths()
    for name, exists in ((paths.openssl_cafile_env, Path.is_file), (paths.openssl_capath_env, Path.is_dir)):
        if environ.get(name) and not exists(Path(environ[name])):
            yield f"{name}={environ[name]}"


def trust(n_authorities: int, *, missing: Sequence[str], why: str = "") -> Check:
    if not n_authorities:
        because = f" ({why})" if why else ""
        told = f"No certificate authority is known{because}: https cannot be verified, and is refused."
        return Check(name="certificates", is_fine=False, told=told)
    known = f"{n_authorities:,} authorities are trusted: the system's and certifi's"
    if missing:
        return Check(name="certificates", is_fine=False, told=f"{known}; but {', '.join(missing)} is not there.")
    return Check(name="certificates", is_fine=True, told=f"{known}.")
