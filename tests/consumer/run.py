#!/usr/bin/env python3
"""Uses the library in each way a stranger would; where a version can be asked for, a wrong one must be refused."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CXX = shlex.split(os.environ.get("CXX", "c++"))


class Failure(Exception):
    pass


def run(*command, refused_with=None):
    """Runs a command that must succeed or, given a pattern, must fail and print it."""
    command = [str(word) for word in command]
    env = {name: value for name, value in os.environ.items() if name != "DESTDIR"}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if refused_with is None:
        as_expected = done.returncode == 0
    else:
        # A message may be wrapped anywhere.
        as_expected = done.returncode != 0 and re.search(refused_with, " ".join(done.stdout.split()))
    if not as_expected:
        wanted = f"refuse with /{refused_with}/" if refused_with else "succeed"
        raise Failure(f"expected to {wanted}: {shlex.join(command)}\nexit status {done.returncode}\n{done.stdout}")
    return done.stdout


def project(name, wanted, work):
    """A copy of the consumer project that asks for the wanted version."""
    directory = work / f"{name}-{re.sub(r'[^0-9.]', '', wanted)}"
    shutil.copytree(HERE / name, directory)
    shutil.copy(HERE / "main.cpp", directory)
    for file in directory.iterdir():
        file.write_text(file.read_text().replace("@WANTED@", wanted))
    return directory


def meson_subproject(work, version):
    def setup(wanted, **expected):
        directory = project("subproject", wanted, work)
        (directory / "subprojects").mkdir()
        (directory / "subprojects/presence").symlink_to(ROOT, target_is_directory=True)
        # An installed copy must not stand in for the subproject.
        run("meson", "setup", "--wrap-mode=forcefallback", directory / "build", directory, **expected)
        return directory / "build"

    build = setup(f"=={version.exact}")
    run("meson", "compile", "-C", build)
    run(build / "consumer")
    setup(f">={version.next_breaking}", refused_with="need.*" + re.escape(version.next_breaking))


def find_package(work, installed, version):
    # A moved tree must do as well: a relocatable package does not know where it was put.
    prefix = installed.rename(work / "moved")

    def configure(wanted, **expected):
        directory = project("find_package", wanted, work)
        run("cmake", "-S", directory, "-B", directory / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={CXX[0]}", **expected)
        return directory / "build"

    build = configure(f"{version.major}.{version.minor}")
    run("cmake", "--build", build)
    run(build / "consumer")
    for wanted in version.wrong:
        configure(wanted, refused_with="compatible with requested version " + f'"{re.escape(wanted)}"')


def pkg_config(work, prefix, version):
    def ask(*arguments, **expected):
        path = f"PKG_CONFIG_PATH={prefix / 'share/pkgconfig'}"
        return run("env", path, "pkg-config", "--print-errors", *arguments, **expected)

    flags = ask("--cflags", "--libs", f"presence = {version.exact}")
    run(*CXX, "-std=c++17", HERE / "main.cpp", "-o", work / "by-pkg-config", *shlex.split(flags))
    run(work / "by-pkg-config")
    ask("--exists", f"presence >= {version.next_breaking}", refused_with=re.escape(f">= {version.next_breaking}"))


def single_header(work):
    run(*CXX, "-std=c++17", "-I", ROOT / "single_include", HERE / "main.cpp", "-o", work / "by-single-header")
    run(work / "by-single-header")


class Version:
    def __init__(self):
        text = (ROOT / "include/presence/version.hpp").read_text()
        self.major, self.minor, self.patch = (
            int(re.search(rf"#define PRESENCE_VERSION_{part} (\d+)", text)[1]) for part in ("MAJOR", "MINOR", "PATCH"))
        self.exact = f"{self.major}.{self.minor}.{self.patch}"
        self.next_breaking = f"{self.major + 1}.0" if self.major else f"0.{self.minor + 1}"
        older = self.major - 1 if self.major else self.minor - 1
        self.wrong = [self.next_breaking, f"{self.major}.{self.minor}.{self.patch + 1}", f"{self.major + 1}.0"]
        if older >= 0:
            self.wrong.append(f"{older}.0" if self.major else f"0.{older}")
        self.wrong = sorted(set(self.wrong))


def install(work, prefix):
    run("meson", "setup", work / "build", ROOT, f"--prefix={prefix}")
    # Nothing that is installed needs to be built, and the tests would take long.
    run("meson", "install", "--no-rebuild", "-C", work / "build")
    source = ROOT / "include"
    for file in source.rglob("*"):
        if file.is_file() and not (prefix / "include" / file.relative_to(source)).is_file():
            raise Failure(f"not installed: {file.relative_to(source)}")


def main():
    version = Version()
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        prefix = work / "prefix"
        steps = {
            "meson subproject": lambda: meson_subproject(work, version),
            "meson install": lambda: install(work, prefix),
            "pkg-config": lambda: pkg_config(work, prefix, version),
            "find_package": lambda: find_package(work, prefix, version),
            "single header": lambda: single_header(work),
        }
        failed = False
        for name, step in steps.items():
            try:
                step()
                print(f"{name}: ok", flush=True)
            except (Failure, OSError) as error:
                failed = True
                print(f"{name}: FAILED: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
