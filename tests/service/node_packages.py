# SPDX-License-Identifier: MIT
"""What the tests in node need: node itself, and the packages of a lock file, installed outside of the source tree."""
import hashlib
import re
import shutil
import subprocess

NODE = (18, 19)
INSTALL_SECONDS = 180


class Skipped(Exception):
    """Something is missing; the message says what."""


def find_node():
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        raise Skipped("there is no node")
    version = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < NODE:
        raise Skipped(f"node is {version}; {'.'.join(map(str, NODE))} is needed")
    return node


def install(source, work):
    """Copies the tests. Installs the packages if the lock file is not that of the installed ones."""
    work.mkdir(parents=True, exist_ok=True)
    for old in work.glob("*.mjs"):
        old.unlink()
    for path in [*source.glob("*.mjs"), source / "package.json", source / "package-lock.json", source / ".npmrc"]:
        shutil.copy(path, work / path.name)
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    installed = work / "installed"
    if installed.exists() and installed.read_text() == lock and (work / "node_modules").is_dir():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise Skipped("there is no npm")
    installed.unlink(missing_ok=True)
    try:
        done = subprocess.run([npm, "ci", "--ignore-scripts"], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Skipped(f"npm ci did not end in {INSTALL_SECONDS} s") from None
    if done.returncode:
        raise Skipped(f"npm ci fails:\n{done.stdout}")
    installed.write_text(lock)
