# SPDX-License-Identifier: Apache-2.0
"""Runs scripts/setup with a package manager that only writes down what it was asked."""

import os
import shutil
import unittest

from tree import ROOT, TreeTest, run

# What the script needs of a system. Nothing else is on its PATH, so that nothing of this machine is asked.
PLAIN_TOOLS = ("sh", "sed", "awk", "dirname")

QUERY = """#!/bin/sh
# Like dpkg-query: a line for each package that it has heard of, and failure if there is one that it has not.
status=0
for name; do
  case $name in -*|'${'*) continue ;; esac
  grep "^$name " {known} || status=1
done
exit $status
"""
APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND: $*" >> {log}
case "$*" in *update) exit {update} ;; *) exit {install} ;; esac
"""


class Setup(TreeTest):
    def setUp(self):
        super().setUp()
        self.log = os.path.join(self.root, "apt.log")
        self.script = os.path.join(self.root, "scripts", "setup")
        os.makedirs(os.path.dirname(self.script))
        shutil.copy(os.path.join(ROOT, "scripts", "setup"), self.script)
        self.write("scripts/packages.txt", "# a comment\n\nmake   run to make\nlibone-dev  run  one # test\nlibtwo-dev test two, to run\n")
        os.makedirs(os.path.join(self.root, "bin"))
        for tool in PLAIN_TOOLS + ("grep",):
            os.symlink(shutil.which(tool), os.path.join(self.root, "bin", tool))

    def run_setup(self, known, uid=0, update=0, install=0, sudo=False, debian=True, arguments=()):
        listing = self.write("known", "".join(f"{name} {status}\n" for name, status in known.items()))
        if debian:
            self.write("bin/dpkg-query", QUERY.replace("{known}", listing), executable=True)
        self.write("bin/apt-get", APT.format(log=self.log, update=update, install=install), executable=True)
        self.write("bin/id", f"#!/bin/sh\necho {uid}\n", executable=True)
        if sudo:
            self.write("bin/sudo", "#!/bin/sh\nexit 1\n", executable=True)
        return run(self.script, *arguments, env={"PATH": os.path.join(self.root, "bin")})

    def asked(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_it_asks_nothing_when_all_is_there(self):
        done = self.run_setup({"make": "installed", "libone-dev": "installed", "libtwo-dev": "installed"})
        self.assertEqual((done.returncode, done.stdout, done.stderr, self.asked()), (0, "", "", []))

    def test_it_asks_nothing_when_all_is_there_and_it_is_not_root(self):
        done = self.run_setup({"make": "installed", "libone-dev": "installed", "libtwo-dev": "installed"}, uid=1000)
        self.assertEqual((done.returncode, done.stdout, done.stderr, self.asked()), (0, "", "", []))

    def test_root_gets_what_is_missing_and_only_that(self):
        done = self.run_setup({"make": "installed", "libone-dev": "config-files"})
        self.assertEqual(done.returncode, 0, done.stderr)
        update, install = self.asked()
        self.assertRegex(update, r"^noninteractive: .*update$")
        self.assertRegex(install, r"^noninteractive: .*install --yes --no-install-recommends libone-dev libtwo-dev$")

    def test_who_only_runs_is_asked_for_nothing_that_only_tests_need(self):
        done = self.run_setup({"make": "installed", "libone-dev": "installed"}, arguments=("--run",))
        self.assertEqual((done.returncode, done.stdout, done.stderr, self.asked()), (0, "", "", []))
        done = self.run_setup({"make": "installed"}, arguments=("--run",))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.asked()[1].endswith(" libone-dev"), self.asked())

    def test_another_user_who_only_runs_gets_a_line_with_that_alone(self):
        done = self.run_setup({"make": "installed"}, uid=1000, arguments=("--run",))
        self.assertEqual((done.returncode, self.asked()), (2, []))
        lines = [line for line in done.stderr.splitlines() if "apt-get" in line]
        self.assertEqual(lines, ["su -c 'apt-get update && apt-get install --yes --no-install-recommends libone-dev'"])

    def test_an_argument_that_it_does_not_know_is_told_of(self):
        for arguments in (("run",), ("--run", "--run"), ("",)):
            done = self.run_setup({}, arguments=arguments)
            self.assertEqual((done.returncode, done.stderr, self.asked()), (2, "usage: scripts/setup [--run]\n", []))

    def test_a_package_whose_name_begins_another_is_not_taken_for_it(self):
        done = self.run_setup({"make": "installed", "libone-dev-extra": "installed", "libtwo-dev": "installed"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.asked()[1].endswith(" libone-dev"), self.asked())

    def test_another_user_gets_one_line_to_run_and_status_2(self):
        for sudo, begin in ((False, "su -c '"), (True, "sudo sh -c '")):
            done = self.run_setup({"make": "installed", "libone-dev": "installed"}, uid=1000, sudo=sudo)
            self.assertEqual((done.returncode, self.asked()), (2, []))
            lines = [line for line in done.stderr.splitlines() if "apt-get" in line]
            self.assertEqual(lines, [begin + "apt-get update && apt-get install --yes --no-install-recommends libtwo-dev'"])

    def test_old_package_lists_are_used_when_they_cannot_be_refreshed(self):
        done = self.run_setup({"make": "installed", "libone-dev": "installed"}, update=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.asked()), 2)

    def test_a_failed_installation_names_the_packages_and_is_status_2(self):
        done = self.run_setup({"make": "installed", "libone-dev": "installed"}, install=100)
        self.assertEqual(done.returncode, 2)
        self.assertIn("could not install: libtwo-dev", done.stderr)

    def test_another_system_is_told_where_the_list_is(self):
        done = self.run_setup({}, debian=False)
        self.assertEqual((done.returncode, self.asked()), (0, []))
        self.assertIn("packages.txt", done.stderr)


if __name__ == "__main__":
    unittest.main()
