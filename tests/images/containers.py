"""Images without an engine: builds them with `buildah`, and runs commands in them as a cluster would.

A container here is a process with the image's files as its root, mounted read-only; the image's user, environment and
entry point; no capabilities and no way to get any; `/tmp` of its own; and the network of this machine.
"""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BASE = "localhost/swpt-trade-base:bookworm"
TARGETS = ("app-image", "sandbox-image", "tests-image", "swagger-ui-image")
PROGRAMS = ("buildah", "mmdebstrap", "unshare", "setpriv")

_PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

# $1: the image's files, $2: the folder that is /tmp, $3: user, $4: group, $5: working directory.
_ENTER = """
root=$1 tmp=$2 user=$3 group=$4 folder=$5
shift 5
mount --bind "$root" "$root"
for file in hosts resolv.conf; do
  test ! -e "$root/etc/$file" || mount --bind "/etc/$file" "$root/etc/$file"
done
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
mount --bind "$tmp" "$root/tmp"
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all \
  --no-new-privs -- env --chdir="$folder" "$@"
"""


def missing() -> list[str]:
    """What keeps images from being built here; empty when nothing does."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return absent if os.geteuid() == 0 else [*absent, "root"]


def buildah(*arguments: str) -> str:
    """What a command of buildah says. Raises CalledProcessError; its own words are on standard error."""
    return subprocess.run(["buildah", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def build(folder: Path) -> dict[str, int]:
    """Builds all images; `folder` is for files of the build. Returns their sizes in bytes, with that of the base."""
    if BASE not in json.dumps(json.loads(buildah("images", "--json") or "[]")):
        subprocess.run([str(ROOT / "scripts" / "base-image"), BASE], check=True)
    (folder / "pip.conf").write_text(_pip_configuration())
    mounts = [f"{folder / 'pip.conf'}:/etc/pip.conf:ro"]
    if _CERTIFICATES.exists():
        mounts.append(f"{_CERTIFICATES}:/etc/pip-certificates.pem:ro")
    volumes = [part for mount in mounts for part in ("-v", mount)]
    for target in TARGETS:
        options = ["--isolation", "chroot", "--network", "host", "--layers", "--format", "docker"]
        names = ["--build-arg", f"PYTHON_IMAGE={BASE}", "--target", target, "--tag", tag(target)]
        subprocess.run(["buildah", "bud", "--quiet", *options, *volumes, *names, str(ROOT)], check=True)
    return {name: size(name) for name in (BASE, *map(tag, TARGETS))}


def tag(target: str) -> str:
    """The image's name."""
    return f"localhost/swpt-trade-{target}:test"


def size(image: str) -> int:
    """The bytes of all files of an image, without compression."""
    with container(image) as made:
        return int(subprocess.run(["du", "-sb", str(made.root)], check=True, capture_output=True).stdout.split()[0])


@dataclass(frozen=True)
class Container:
    """The files of an image, and what it says of itself."""

    root: Path
    settings: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """What the image sets."""
        return dict(pair.split("=", 1) for pair in self.settings["Env"])

    def command(self, tmp: Path, *arguments: str) -> list[str]:
        """What this machine runs for arguments of the image's entry point, with a folder that is its /tmp."""
        user = self.settings["User"]
        users = [line.split(":") for line in (self.root / "etc" / "passwd").read_text().splitlines()]
        group = next(line[3] for line in users if line[2] == user)
        words = [*(self.settings.get("Entrypoint") or []), *(arguments or self.settings.get("Cmd") or [])]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _ENTER, "sh"]
        return [*enter, str(self.root), str(tmp), user, group, self.settings.get("WorkingDir") or "/", *words]


@contextmanager
def container(image: str) -> Iterator[Container]:
    """A container of an image, until the end of the block."""
    name = buildah("from", "--pull-never", image)
    try:
        settings = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
        yield Container(Path(buildah("mount", name)), settings)
    finally:
        buildah("umount", name)
        buildah("rm", name)


def run(
    made: Container, tmp: Path, arguments: Sequence[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a container to its end."""
    variables = made.environment | (environment or {})
    command = made.command(tmp, *arguments)
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def _pip_configuration() -> str:
    """What pip is told on this machine about where packages are, for pip in a build."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    settings = configparser.ConfigParser(interpolation=None)
    settings["global"] = {"cert": "/etc/pip-certificates.pem"} if _CERTIFICATES.exists() else {}
    for line in said.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2].replace("_", "-")
        # An index in a folder of this machine is not there in a build.
        words = [word for word in value.strip("'\"").split() if not word.startswith(("file:", "/"))]
        if option in _PIP_OPTIONS and words:
            settings["global"][option] = " ".join(words)
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in settings["global"].items()), ""])
