"""Asks the package index for known vulnerabilities: `python -m tests.known_vulnerabilities REQUIREMENTS…`.

Status 1 when there are some. An index that tells nothing is named as such, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys


def main(files: list[str]) -> int:
    """Checks the packages of all files; returns the exit status."""
    audit = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"]
    audit += ["--progress-spinner", "off", *(part for file in files for part in ("--requirement", file))]
    done = subprocess.run(audit, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"SKIPPED: no answer about vulnerabilities: {done.stderr.strip()[-500:]}")
        return 0
    unknown = [package for package in packages if "skip_reason" in package]
    found = [(package, known) for package in packages for known in package.get("vulns", [])]
    for package, known in found:
        fixed = ", ".join(known["fix_versions"]) or "nothing"
        print(f"{package['name']} {package['version']}: {known['id']}, mended in {fixed}")
    if unknown:
        print(f"SKIPPED: the index says nothing about {len(unknown)} of {len(packages)} packages")
    print(f"{len(packages) - len(unknown)} packages looked up, {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
