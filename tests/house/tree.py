# SPDX-License-Identifier: Apache-2.0
"""Small source trees that live for one test, and how to run a script of this repository."""

import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*command, **more):
    """Runs a command to its end; nothing to read, its output kept, a bound on its time."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False, **more)


class TreeTest(unittest.TestCase):
    """A test with a folder of its own, which is gone at the end."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="heirlock-house-")
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, path, text, executable=False):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
        if executable:
            os.chmod(full, 0o755)
        return full
