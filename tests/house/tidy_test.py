# SPDX-License-Identifier: Apache-2.0
"""scripts/tidy finds what is wrong, in whichever file, whether files can be looked at together or not."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from tree import ROOT, TreeTest, run

CLEAN = "namespace {{\nint {0}() {{\n  return 1;\n}}\n}} // namespace\nint use_{0}() {{\n  return {0}();\n}}\n"
# bugprone-suspicious-semicolon
WRONG = "int {0}(int n) {{\n  if (n > 1);\n  return n;\n}}\n"


class Tidy(TreeTest):
    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.root, "scripts"))
        shutil.copy(os.path.join(ROOT, "scripts", "tidy"), os.path.join(self.root, "scripts", "tidy"))
        self.temporary = os.path.join(self.root, "temporary")
        os.mkdir(self.temporary)
        self.write(".clang-tidy", "Checks: '-*,bugprone-*'\nWarningsAsErrors: '*'\nHeaderFilterRegex: '/lab/'\n")

    def tearDown(self):
        self.assertEqual(os.listdir(self.temporary), [], "it leaves something behind")

    def environment(self, **more):
        return {**os.environ, "TMPDIR": self.temporary, **more}

    def prepare(self, sources, *options):
        database = []
        for name, text in sources.items():
            path = self.write(f"lab/{name}", text)
            command = ["c++", "-std=c++20", *options, "-o", f"{name}.o", "-c", path]
            database.append({"directory": self.root, "file": path, "arguments": command})
        self.write("build/dev/compile_commands.json", json.dumps(database))

    def tidy(self, sources, *options):
        self.prepare(sources, *options)
        return run(os.path.join(self.root, "scripts", "tidy"), "--jobs", "2", env=self.environment())

    def test_is_silent_where_nothing_is_wrong(self):
        done = self.tidy({f"f{i}.cpp": CLEAN.format(f"f{i}") for i in range(12)})
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("12 files, none with findings", done.stdout)

    def test_names_the_one_that_is_wrong_among_neighbours(self):
        sources = {f"f{i}.cpp": CLEAN.format(f"f{i}") for i in range(5)}
        done = self.tidy({**sources, "wrong.cpp": WRONG.format("wrong")})
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("lab/wrong.cpp:2:", done.stdout)
        self.assertEqual(done.stdout.count("error:"), 1, done.stdout)
        self.assertIn("6 files, 1 with findings", done.stdout)

    def test_looks_at_files_that_cannot_be_one_unit(self):
        same = {f"f{i}.cpp": CLEAN.format("same").replace("use_same", f"use_{i}") for i in range(4)}
        self.assertEqual(self.tidy(same).returncode, 0)
        done = self.tidy({**same, "wrong.cpp": CLEAN.format("same") + WRONG.format("wrong")})
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("lab/wrong.cpp:10:", done.stdout)

    def test_keeps_the_options_of_each_file(self):
        flagged = "#ifdef FLAG\n" + WRONG.format("g") + "#endif\n"
        sources = {"f.cpp": CLEAN.format("f"), "g.cpp": flagged}
        self.assertEqual(self.tidy(sources).returncode, 0)
        done = self.tidy(sources, "-DFLAG")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("lab/g.cpp:3:", done.stdout)

    def test_takes_the_checks_of_the_files_folder(self):
        self.write("lab/.clang-tidy", "InheritParentConfig: true\nChecks: '-bugprone-suspicious-semicolon'\n")
        sources = {f"f{i}.cpp": WRONG.format(f"f{i}") for i in range(3)}
        self.assertEqual(self.tidy(sources).returncode, 0)

    def test_takes_its_folder_and_its_tools_along_when_it_is_stopped(self):
        # Tools that say that they run, and then hang.
        for tool in ("clang-tidy-14", "clang-14"):
            self.write(f"bin/{tool}", f'#!/bin/sh\necho $$ > "{self.root}/running.$$.new"\n'
                       f'mv "{self.root}/running.$$.new" "{self.root}/running.$$"\nexec sleep 1000\n', executable=True)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number.name):
                self.prepare({f"{name}.{ending}": CLEAN.format(name) for name in "fg" for ending in ("c", "cpp")})
                path = os.path.join(self.root, "bin") + os.pathsep + os.environ["PATH"]
                with subprocess.Popen([os.path.join(self.root, "scripts", "tidy"), "--jobs", "2"], stderr=subprocess.PIPE,
                                      text=True, env=self.environment(PATH=path)) as tidy:
                    self.addCleanup(tidy.kill)
                    deadline = time.monotonic() + 30
                    while len(self.running()) < 2:
                        self.assertLess(time.monotonic(), deadline, "the tools do not start")
                        time.sleep(0.01)
                    self.assertNotEqual(os.listdir(self.temporary), [])
                    tools = self.running()
                    tidy.send_signal(number)
                    _, said = tidy.communicate(timeout=30)
                self.assertEqual((tidy.returncode, said), (2, f"tidy: stopped by {number.name}\n"))
                self.assertEqual(os.listdir(self.temporary), [])
                for tool in tools:
                    self.assertFalse(os.path.exists(f"/proc/{tool}"), "a tool runs on")
                    os.remove(os.path.join(self.root, f"running.{tool}"))

    def running(self):
        return [name.split(".")[1] for name in os.listdir(self.root) if name.startswith("running.") and name.count(".") == 1]

    def test_what_does_not_compile_is_a_finding(self):
        done = self.tidy({"f.cpp": CLEAN.format("f"), "g.cpp": "int broken(\n", "h.cpp": CLEAN.format("h")})
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("lab/g.cpp:1:", done.stdout)


if __name__ == "__main__":
    unittest.main()
