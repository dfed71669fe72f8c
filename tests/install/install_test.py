# SPDX-License-Identifier: Apache-2.0
"""Installs the library into an empty directory and uses it from there, as the README says.

python3 tests/install/install_test.py BUILD CXX CC
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD, CXX, CC = sys.argv[1:4]

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(heirlock 0.1 REQUIRED)
foreach(kind IN ITEMS shared static)
  add_executable(${kind} example.cpp)
  target_link_libraries(${kind} PRIVATE heirlock::${kind})
endforeach()
"""

C_PROGRAM = """
#include <heirlock/heirlock.h>
int main(void) {
  static heirlock_mutex_t mutex;
  if (heirlock_mutex_init(&mutex, NULL) != 0) return 1;
  if (heirlock_mutex_lock(&mutex) != 0) return 2;
  return heirlock_mutex_unlock(&mutex);
}
"""


def example():
    """The program in the README's section on the lock."""
    section = (ROOT / "README.md").read_text().split("\n## The lock\n")[1].split("\n## ")[0]
    return re.search(r"```cpp\n(.*?)```", section, re.DOTALL).group(1)


class Install(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="heirlock-install-")
        self.addCleanup(directory.cleanup)
        self.top = pathlib.Path(directory.name)
        self.prefix = self.top / "prefix"
        # No default domain of whoever runs the tests.
        self.domain = f"/dev/shm/heirlock-test-install-{os.getpid()}"
        self.addCleanup(lambda: pathlib.Path(self.domain).unlink(missing_ok=True))
        self.run_it("cmake", "--install", BUILD, "--component", "library", "--prefix", self.prefix)
        self.libraries = next(self.prefix.rglob("libheirlock.so")).parent
        (self.top / "example.cpp").write_text(example())

    def run_it(self, *command, **more):
        environment = dict(os.environ, HEIRLOCK_DOMAIN=self.domain, **more)
        done = subprocess.run([str(word) for word in command], cwd=self.top, env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}")
        return done.stdout

    def test_nothing_but_the_library_is_installed(self):
        names = {path.name for path in self.prefix.rglob("*") if not path.is_dir()}
        headers = {path.name for path in (ROOT / "include").rglob("*.h*")}
        self.assertEqual(names - headers, {"libheirlock.a", "libheirlock.so", "libheirlock.so.0",
                                           "libheirlock.so.0.1.0", "heirlock.pc",
                                           "heirlock-config.cmake", "heirlock-config-version.cmake"})

    def test_cmake_finds_it_and_the_example_runs(self):
        (self.top / "CMakeLists.txt").write_text(PROJECT)
        self.run_it("cmake", "-G", "Ninja", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
                    f"-DCMAKE_CXX_COMPILER={CXX}")
        self.run_it("cmake", "--build", "build")
        self.run_it("build/shared")
        self.run_it("build/static")

    def test_pkg_config_finds_it_for_both_languages(self):
        where = {"PKG_CONFIG_PATH": self.libraries / "pkgconfig"}
        where = {name: str(value) for name, value in where.items()}
        flags = self.run_it("pkg-config", "--cflags", "--libs", "heirlock", **where).split()
        self.run_it(CXX, "-std=c++17", "-Wall", "-Werror", "example.cpp", *flags, "-o", "in_cxx")
        (self.top / "example.c").write_text(C_PROGRAM)
        self.run_it(CC, "-std=c11", "-Wall", "-Werror", "example.c", *flags, "-o", "in_c")
        for program in ("in_cxx", "in_c"):
            self.run_it(f"./{program}", LD_LIBRARY_PATH=str(self.libraries))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
