"""What kustomize makes of the overlays, kept beside them: `python -m tests.deploy.rendering`, which needs kubectl.

So everybody can look at what is applied, and tests look at it where there is no kubectl.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy"
OVERLAYS = ("trial", "production")
Resource = dict[str, Any]


def sources() -> str:
    """A checksum of everything that the overlays are made of."""
    digest = hashlib.sha256()
    for part in ("base", "overlays"):
        for path in sorted((FOLDER / part).rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(FOLDER)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def file_of(overlay: str) -> Path:
    """Where the rendered overlay is kept."""
    return FOLDER / "rendered" / f"{overlay}.yaml"


def kept(overlay: str) -> list[Resource]:
    """The resources of the rendered overlay that is kept."""
    return list(yaml.load_all(file_of(overlay).read_text(), yaml.CSafeLoader))


def kubectl() -> str | None:
    """The program that renders, if there is one here."""
    return shutil.which("kubectl")


def render(overlay: str) -> str:
    """What kubectl makes of an overlay now. Raises CalledProcessError."""
    command = [kubectl() or "kubectl", "kustomize", str(FOLDER / "overlays" / overlay)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def header() -> str:
    """The first line of a rendered overlay."""
    return f"# Written by `make manifests` from {sources()}; do not edit.\n"


def main() -> None:
    """Renders all overlays."""
    if kubectl() is None:
        sys.exit("kubectl is needed: https://kubernetes.io/docs/tasks/tools/")
    for overlay in OVERLAYS:
        file_of(overlay).parent.mkdir(exist_ok=True)
        file_of(overlay).write_text(header() + render(overlay))


if __name__ == "__main__":
    main()
