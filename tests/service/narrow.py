"""Runs a command as containers of careful people do: read-only files, a user that nobody knows, no home, no rights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WRITABLE = "/srv"
"""The only folder in which something can be written there, if any."""

_SCRIPT = """
set -e
prefix=$1 project=$2 writable=$3; shift 3
# Interpreter and project have to be found by a user that may not look into /root, and wherever they lie.
mount -t tmpfs tmpfs /mnt; mkdir /mnt/prefix /mnt/project
mount --bind "$prefix" /mnt/prefix; mount --bind "$project" /mnt/project
for folder in /root /tmp /var/tmp; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
if ! [ -e "$prefix" ]; then mkdir -p "$prefix"; mount --bind /mnt/prefix "$prefix"; fi
if ! [ -e "$project" ]; then mkdir -p "$project"; mount --bind /mnt/project "$project"; fi
umount /mnt/prefix /mnt/project /mnt
for folder in /root /tmp /var/tmp; do mount -o remount,mode=1777,ro "$folder"; done
mount -t tmpfs -o ro tmpfs /dev/shm
if [ "$writable" ]; then mount -t tmpfs -o mode=1777,size=16m tmpfs "$writable"; fi
mount -o remount,bind,ro /
exec setpriv --reuid 12345 --regid 12345 --clear-groups --no-new-privs --bounding-set=-all env -u HOME -u USER "$@"
"""


def is_possible() -> bool:
    """Whether this machine lets us do that."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def narrowly(writable: str = WRITABLE) -> list[str]:
    """What to put before a command. `writable`: empty for none."""
    project = Path(__file__).parents[2]
    return [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        _SCRIPT,
        "sh",
        sys.base_prefix,
        str(project),
        writable,
    ]
