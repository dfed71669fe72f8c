# SPDX-License-Identifier: Apache-2.0
"""scripts/tidy finds what is wrong, in whichever file, whether files can be looked at together or not."""

import json
import os
import shutil
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
        self.write(".clang-tidy", "Checks: '-*,bugprone-*'\nWarningsAsErrors: '*'\nHeaderFilterRegex: '/lab/'\n")

    def tidy(self, sources, *options):
        database = []
        for name, text in sources.items():
            path = self.write(f"lab/{name}", text)
            command = ["c++", "-std=c++20", *options, "-o", f"{name}.o", "-c", path]
            database.append({"directory": self.root, "file": path, "arguments": command})
        self.write("build/dev/compile_commands.json", json.dumps(database))
        return run(os.path.join(self.root, "scripts", "tidy"), "--jobs", "2")

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

    def test_what_does_not_compile_is_a_finding(self):
        done = self.tidy({"f.cpp": CLEAN.format("f"), "g.cpp": "int broken(\n", "h.cpp": CLEAN.format("h")})
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("lab/g.cpp:1:", done.stdout)


if __name__ == "__main__":
    unittest.main()
