"""The walls around code of a run that is not root's: user namespaces instead of an id that nobody has."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.isolation import isolation

#: In a mount namespace of its own, where an ordinary user can reach the interpreter wherever it lies.
AS_NOBODY = """
set -e
mount --make-rprivate /
python=$1 site=$2 root=$3; shift 3
mount -t tmpfs none /mnt
mkdir /mnt/python /mnt/site /mnt/root /mnt/temporary
chmod 1777 /mnt/temporary
mount --rbind "$python" /mnt/python
mount --rbind "$site" /mnt/site
mount --rbind "$root" /mnt/root
cd /mnt/root
export PYTHONPATH=/mnt/root:/mnt/site HOME=/nowhere PYTHONDONTWRITEBYTECODE=1
exec setpriv --reuid=65534 --regid=65534 --clear-groups /mnt/python/bin/python3 "$@"
"""
#: What takes long is the same for everybody.
CHOSEN = "not time_ends and not refusal and not killed and not below_a_library"


def test_walls_are_the_same_for_users_who_are_not_root() -> None:
    if os.geteuid() != 0:  # then all tests of walls ran so
        with isolation():
            return
    folders = [sys.base_prefix, sysconfig.get_path("purelib"), str(Path(__file__).parents[3])]
    tests = str(Path(__file__).with_name("test_walls.py").relative_to(folders[-1]))
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=/mnt/temporary/t", "-k", CHOSEN, tests]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", AS_NOBODY, "sh", *folders, *pytest],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout and "skipped" not in done.stdout
