# SPDX-License-Identifier: Apache-2.0
"""Builds the shared library and the C programs of tests/capi for another C library or processor, and runs them.

python3 tests/portability/elsewhere_test.py musl|aarch64 DIRECTORY SOURCE,SOURCE,...

musl      g++ with musl's headers (the library uses no more of libstdc++ than headers), linked by musl-gcc.
          Debian's libstdc++ headers follow glibc where <locale> is concerned, which C++20's <atomic> includes:
          the library is compiled as C++17 here, which it must be able to be anyway.
aarch64   Debian's cross compiler, run under qemu-user, which has neither robust lists nor futex_waitv: every
          death is found by the backstop, every waiter sleeps in turns.
Exit status 77: a compiler or the emulator is missing.
"""

import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CXX_FLAGS = ["-O1", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fvisibility=hidden",
             "-fvisibility-inlines-hidden", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
LINK_FLAGS = ["-shared", "-Wl,-soname,libheirlock.so.0", "-Wl,-z,nodelete", "-Wl,-z,defs", "-static-libgcc"]


def fail(text):
    print(text)
    sys.exit(1)


def run(*command):
    command = [str(word) for word in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        fail(f"status {done.returncode}: {' '.join(command)}\n{done.stdout}")
    return done.stdout.strip()


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            print(f"SKIP: there is no {program} (scripts/packages.txt)")
            sys.exit(77)


class Musl:
    libc, architecture, readelf, nm = "musl", "x86_64", "readelf", "nm"
    needed = {"libc.so"}
    # musl's start files export these two.
    others = {"_init", "_fini"}
    linker = ["musl-gcc"]
    launcher = []

    def __init__(self, directory):
        need("musl-gcc", "g++")
        # The kernel's headers, and no other of glibc's neighbours.
        kernel = directory / "kernel"
        kernel.mkdir()
        triplet = run("g++", "-print-multiarch")
        for name, at in (("linux", "linux"), ("asm-generic", "asm-generic"), ("asm", f"{triplet}/asm")):
            (kernel / name).symlink_to(f"/usr/include/{at}")
        version = run("g++", "-dumpversion").split(".")[0]
        own = run("g++", "-print-file-name=include")
        search = [f"/usr/include/c++/{version}", f"/usr/include/{triplet}/c++/{version}",
                  "/usr/include/x86_64-linux-musl", own, kernel]
        self.cxx = ["g++", "-std=c++17", "-nostdinc", "-nostdinc++", "-D__GLIBC_PREREQ(a,b)=0", "-mtls-dialect=gnu2",
                    *(word for path in search for word in ("-isystem", path))]
        self.c = ["musl-gcc", "-std=gnu11", "-idirafter", kernel]


class Aarch64:
    libc, architecture = "glibc", "aarch64"
    readelf, nm = "aarch64-linux-gnu-readelf", "aarch64-linux-gnu-nm"
    needed = {"libc.so.6", "ld-linux-aarch64.so.1"}
    others = set()
    linker = ["aarch64-linux-gnu-gcc"]
    cxx = ["aarch64-linux-gnu-g++", "-std=c++20"]
    c = ["aarch64-linux-gnu-gcc", "-std=gnu11"]
    launcher = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]

    def __init__(self, directory):
        need("aarch64-linux-gnu-g++", "qemu-aarch64-static")


def main():
    name, directory, sources = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3].split(",")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    target = {"musl": Musl, "aarch64": Aarch64}[name](directory)
    includes = [f"-I{ROOT}", f"-I{ROOT}/include", f"-I{ROOT}/src/sys/libc/{target.libc}",
                f"-I{ROOT}/src/sys/arch/{target.architecture}"]

    # As one unit, which takes a fifth of the time.
    unit, object_file, library = directory / "library.cpp", directory / "library.o", directory / "libheirlock.so.0"
    unit.write_text("".join(f'#include "{source}"\n' for source in sources))
    run(*target.cxx, *CXX_FLAGS, *includes, "-c", unit, "-o", object_file)
    run(*target.linker, *LINK_FLAGS, object_file, "-o", library)

    needed = {line.split("[")[1].rstrip("]") for line in run(target.readelf, "-dW", library).splitlines()
              if "(NEEDED)" in line}
    if not needed or not needed <= target.needed:
        fail(f"the library must need libc alone, not {needed}")
    exported = {line.split()[-1] for line in run(target.nm, "-D", "--defined-only", library).splitlines()}
    strangers = {symbol for symbol in exported - target.others if not symbol.startswith("heirlock_")}
    if strangers or len(exported) < 20:
        fail(f"the library must export its own names alone: {strangers or exported}")

    tests = ROOT / "tests/capi"
    linked, loading = directory / "linked", directory / "loading"
    run(*target.c, "-Wall", "-O1", f"-I{ROOT}/include", tests / "mutex_c_test.c", library, f"-Wl,-rpath,{directory}",
        "-o", linked)
    run(*target.c, "-Wall", "-O1", f"-I{ROOT}/include", tests / "dlopen_test.c", "-o", loading)
    for program in (linked, loading):
        print(run(*target.launcher, program, library) or f"{program.name}: passed")


main()
