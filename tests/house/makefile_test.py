# SPDX-License-Identifier: Apache-2.0
"""Which packages the commands of the Makefile ask for, and how they configure: make, with stand-ins for what it runs."""

import os
import shutil
import unittest

from tree import ROOT, TreeTest, run

SETUP = """#!/bin/sh
echo "setup $*" >> {log}
exit {status}
"""
# Like cmake: it writes the build file when it configures, and the program when it builds.
CMAKE = """#!/bin/sh
echo "cmake $*" >> {log}
case "$1" in
--preset) mkdir -p build/$2/bin && echo "$*" > build/$2/build.ninja ;;
--build) printf '#!/bin/sh\\necho "heirlock $*" >> {log}\\n' > build/$3/bin/heirlock && chmod +x build/$3/bin/heirlock ;;
esac
"""
OFF = "cmake --preset dev -D BUILD_TESTING=OFF"
ON = "cmake --preset dev -D BUILD_TESTING=ON"
PROGRAM = "cmake --build --preset dev --parallel 3 --target program"
EVERYTHING = "cmake --build --preset dev --parallel 3"


class Makefile(TreeTest):
    def setUp(self):
        super().setUp()
        shutil.copy(os.path.join(ROOT, "Makefile"), self.root)
        self.presets = self.write("CMakePresets.json", "{}\n")
        self.log = os.path.join(self.root, "log")
        self.set_up_ends_with(0)
        self.write("bin/cmake", CMAKE.replace("{log}", self.log), executable=True)
        self.write("bin/ctest", f"#!/bin/sh\necho ctest >> {self.log}\n", executable=True)

    def set_up_ends_with(self, status):
        self.write("scripts/setup", SETUP.format(log=self.log, status=status), executable=True)

    def make(self, *goals):
        """What the call of make ran, in order, and its exit status."""
        if os.path.exists(self.log):
            os.remove(self.log)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        environment["PATH"] = os.path.join(self.root, "bin") + ":" + environment["PATH"]
        done = run("make", "-C", self.root, "JOBS=3", *goals, env=environment)
        if not os.path.exists(self.log):
            return [], done.returncode
        with open(self.log, encoding="utf-8") as file:
            return [line.strip() for line in file], done.returncode

    def test_run_asks_for_what_the_command_needs_and_configures_without_tests(self):
        self.assertEqual(self.make("run"), (["setup --run", OFF, PROGRAM, "heirlock demo"], 0))

    def test_a_second_run_does_not_configure(self):
        self.make("run")
        self.assertEqual(self.make("run"), (["setup --run", PROGRAM, "heirlock demo"], 0))

    def test_what_needs_all_asks_for_all_and_configures_with_tests(self):
        self.assertEqual(self.make("test"), (["setup", ON, EVERYTHING, "ctest"], 0))
        self.assertEqual(self.make("test"), (["setup", EVERYTHING, "ctest"], 0))
        self.assertEqual(self.make("build"), (["setup", EVERYTHING], 0))

    def test_a_tree_made_by_run_gets_the_tests_when_they_are_asked_for(self):
        self.make("run")
        self.assertEqual(self.make("build"), (["setup", ON, EVERYTHING], 0))

    def test_both_in_one_call_end_with_the_tests(self):
        ran, status = self.make("run", "test")
        self.assertEqual((ran[:4], status), (["setup --run", OFF, PROGRAM, "heirlock demo"], 0))
        self.assertEqual(ran[4:], ["setup", ON, EVERYTHING, "ctest"])

    def test_run_takes_no_tests_from_a_tree_that_has_them(self):
        self.make("build")
        self.assertEqual(self.make("run"), (["setup --run", PROGRAM, "heirlock demo"], 0))
        later = os.stat(self.presets).st_mtime + 10
        os.utime(self.presets, (later, later))
        self.assertEqual(self.make("run")[0][:2], ["setup --run", "cmake --preset dev"])

    def test_nothing_is_configured_where_packages_are_missing(self):
        self.set_up_ends_with(2)
        self.assertEqual(self.make("run"), (["setup --run"], 2))
        self.assertEqual(self.make("test"), (["setup"], 2))


if __name__ == "__main__":
    unittest.main()
