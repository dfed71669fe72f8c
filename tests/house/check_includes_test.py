# SPDX-License-Identifier: Apache-2.0
"""Plants each breach of the include rule in a sound little tree and sees whether it is named, where it stands."""

import os
import re
import unittest

from tree import ROOT, TreeTest, run

CHECK = os.path.join(ROOT, "scripts", "check-includes")

# A tree that keeps every rule, each room at the limit of what it may do.
SOUND = {
    "include/heirlock/mutex.hpp": "#pragma once\n#include <atomic>\n#include <cstdint>\n#include <time.h>\n"
                                  "#include <heirlock/domain.hpp>\n",
    "include/heirlock/domain.hpp": "#pragma once\n#include <string_view>\nextern \"C\" {\n#define F(x) x\n"
                                   "int heirlock_lock(int (*how)(int), long) noexcept;\n"
                                   "int heirlock_tid(void) __attribute__((aligned(16)));\n"
                                   "inline int heirlock_two() { return kill(2); }\nstruct s { int kill(int); };\n}\n"
                                   "extern \"C\" int heirlock_one(int); int kill(int);\n",
    "include/heirlock/heirlock.h": "#ifdef __cplusplus\nextern \"C\" {\n#endif\ntypedef int (*heirlock_f)(int);\n"
                                   "int heirlock_c(heirlock_f);\n#ifdef __cplusplus\n}\n#endif\n",
    "src/sys/futex.hpp": "#include <linux/futex.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n#include <span>\n"
                         "#include <heirlock/domain.hpp>\n#include \"cpu_relax.hpp\"\n"
                         "inline long wake(int* w) { return syscall(SYS_futex, w, FUTEX_WAKE, 1); }\n",
    "src/sys/own.cpp": "extern \"C\" int kill(int, int);\n",
    "src/sys/arch/x86_64/cpu_relax.hpp": "#include <immintrin.h>\n",
    "src/sys/arch/aarch64/cpu_relax.hpp": "inline void cpu_relax() { asm volatile(\"yield\"); }\n",
    "src/core/slow.cpp": "#include <heirlock/mutex.hpp>\n#include \"src/sys/futex.hpp\"\n#include \"src/core/seat.hpp\"\n"
                         "#include \"cpu_relax.hpp\"\nint bell(pthread_mutex_t*);\n",
    "src/core/seat.hpp": "#pragma once\n#include <array>\n",
    "src/capi/heirlock.cpp": "#include <heirlock/mutex.hpp>\n#include \"src/core/seat.hpp\"\n",
    "lab/subjects/subject.h": "#include <stdint.h>\n#include <sys/types.h>\n",
    "lab/subjects/pthread.cpp": "#include <pthread.h>\n#include \"lab/subjects/subject.h\"\n"
                                "int go(pthread_mutex_t* m) { return pthread_mutex_lock(m); }\n",
    "lab/subjects/own.cpp": "#include <heirlock/mutex.hpp>\n#include \"src/core/seat.hpp\"\n",
    "lab/protocols/refcount/lock.hpp": "#include <linux/futex.h>\n",
    "lab/process/tracee.hpp": "#include <sys/ptrace.h>\n#include \"lab/process/status.hpp\"\n",
    "lab/process/status.hpp": "#pragma once\n",
    "lab/kernel/walk.cpp": "#include \"lab/process/tracee.hpp\"\n#include \"lab/protocols/refcount/lock.hpp\"\n",
    "lab/audit/audit.cpp": "#include <fmt/format.h>\n#include \"lab/process/tracee.hpp\"\n"
                           "#include \"lab/subjects/subject.h\"\n"
                           "// pthread_mutex_lock and syscall(2) may be spoken of,\n"
                           "/* #include \"cli/verb.hpp\" is only spoken of too */\n"
                           "const char* symbol = \"pthread_mutex_unlock\"; const char* text = \"syscall(\";\n"
                           "const char* raw = R\"x(\n#include \"cli/verb.hpp\"\n)x\";\n"
                           "int steps = 1'000; bool asleep(insn& i) { return i.syscall() || p->syscall () || insn::syscall; }\n"
                           "// a comment that goes on \\\nint n = syscall(1);\nint import = 5;\n",
    "lab/actor/stage.hpp": "#include \"lab/process/tracee.hpp\"\n",
    "lab/subjects/loaded_subject.hpp": "#include \"lab/process/status.hpp\"\n",
    "lab/subjects/storm_hooks.h": "#include <stdint.h>\n",
    "lab/scenarios/reuse.cpp": "#include \"lab/audit/audit.cpp\"\n#include \"lab/actor/stage.hpp\"\n",
    "lab/storm/worker.cpp": "#include \"lab/subjects/storm_hooks.h\"\n#include \"lab/subjects/loaded_subject.hpp\"\n",
    "lab/compare/costs.cpp": "#include \"lab/audit/audit.cpp\"\n#include \"lab/subjects/loaded_subject.hpp\"\n",
    "lab/bench/rivals.hpp": "#include <heirlock/mutex.hpp>\n#include \"lab/process/status.hpp\"\n",
    "lab/compare/page.S": "  .incbin PAGE // .include\n",
    "lab/actor/actor.cpp": "#include \"lab/subjects/subject.h\"\nlong tid() { return syscall(186); }\n",
    "lab/race/natural.cpp": "#include <pthread.h>\nvoid f(pthread_mutex_t* m) { pthread_mutex_lock(m); }\n",
    "cli/verb.hpp": "#include <CLI/CLI.hpp>\n#include \"lab/process/tracee.hpp\"\n#include \"src/core/seat.hpp\"\n"
                    "#include <heirlock/mutex.hpp>\n",
    "tests/core/mutex_test.cpp": "#include <gtest/gtest.h>\n#include \"src/sys/futex.hpp\"\n#include \"cli/verb.hpp\"\n"
                                 "#include \"tests/support.hpp\"\n",
    "tests/audit/toys_test.cpp": "#include \"toy_list.hpp\"\n",
    "tests/audit/CMakeLists.txt": "file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/$<CONFIG>/toy_list.hpp CONTENT \"\")\n",
    "tests/support.hpp": "#include <sys/syscall.h>\nlong f() { return ::syscall(SYS_gettid); }\n",
    "bench/lock_bench.cpp": "#include <benchmark/benchmark.h>\n#include <heirlock/mutex.hpp>\n",
    "robust_bug/robust_bug.c": "#include <pthread.h>\nint f(pthread_mutex_t* m) { return pthread_mutex_lock(m); }\n",
    "build/dev/generated.cpp": "#include \"lab/no/such.hpp\"\n",
    "README.md": "#include \"cli/verb.hpp\"\n",
}

# What to add at the end of which file, and the rule that this breaks.
PLANTED = {
    "the public headers use a library": ("include/heirlock/mutex.hpp", "#include <fmt/format.h>", "outside"),
    "the public headers use libc": ("include/heirlock/mutex.hpp", "#include <unistd.h>", "outside"),
    "the public headers use the kernel": ("include/heirlock/mutex.hpp", "#include <linux/futex.h>", "outside"),
    "the public headers include the core": ("include/heirlock/mutex.hpp", '#include "src/core/seat.hpp"', "room"),
    "the public headers include the lab": ("include/heirlock/mutex.hpp", '#include "lab/subjects/subject.h"', "room"),
    "a public header is not spelt as users spell it":
        ("src/core/slow.cpp", '#include "include/heirlock/mutex.hpp"', "from-root"),
    "a public header in quotes": ("src/core/slow.cpp", '#include "heirlock/mutex.hpp"', "from-root"),
    "sys uses a library": ("src/sys/futex.hpp", "#include <nlohmann/json.hpp>", "outside"),
    "sys includes the core": ("src/sys/futex.hpp", '#include "src/core/seat.hpp"', "room"),
    "sys includes the lab": ("src/sys/futex.hpp", '#include "lab/process/status.hpp"', "room"),
    "the core uses libc": ("src/core/slow.cpp", "#include <sys/mman.h>", "outside"),
    "the core includes the C API": ("src/core/slow.cpp", '#include "src/capi/heirlock.cpp"', "room"),
    "the core includes the lab": ("src/core/slow.cpp", '#include "lab/process/status.hpp"', "room"),
    "the core includes the command": ("src/core/slow.cpp", '#include "cli/verb.hpp"', "room"),
    "the C API reaches past the core": ("src/capi/heirlock.cpp", '#include "src/sys/futex.hpp"', "room"),
    "the C API picks a file of sys": ("src/capi/heirlock.cpp", '#include "cpu_relax.hpp"', "room"),
    "the process layer includes a lock": ("lab/process/tracee.hpp", '#include "lab/subjects/pthread.cpp"', "no-lock-here"),
    "the process layer includes a protocol":
        ("lab/process/tracee.hpp", '#include "lab/protocols/refcount/lock.hpp"', "no-lock-here"),
    "the process layer includes the library": ("lab/process/tracee.hpp", "#include <heirlock/mutex.hpp>", "room"),
    "the audit includes a lock": ("lab/audit/audit.cpp", '#include "lab/subjects/own.cpp"', "no-lock-here"),
    "the audit includes a protocol":
        ("lab/audit/audit.cpp", '#include "lab/protocols/refcount/lock.hpp"', "no-lock-here"),
    "the audit includes a protocol by a path from itself":
        ("lab/audit/audit.cpp", '#include "../protocols/refcount/lock.hpp"', "no-lock-here"),
    "the audit includes a protocol in angle brackets":
        ("lab/audit/audit.cpp", "#include <lab/protocols/refcount/lock.hpp>", "no-lock-here"),
    "the audit includes a lock that is not there yet":
        ("lab/audit/audit.cpp", '#include "lab/subjects/later.hpp"', "no-lock-here"),
    "the audit includes the library": ("lab/audit/audit.cpp", "#include <heirlock/mutex.hpp>", "room"),
    "the audit includes the core": ("lab/audit/audit.cpp", '#include "src/core/seat.hpp"', "room"),
    "the audit uses a lock": ("lab/audit/audit.cpp", "void f(void* m) { pthread_mutex_unlock(m); }", "no-lock-here"),
    "the audit uses a lock after a digit separator":
        ("lab/audit/audit.cpp", "void f(void* m) { g(1'000); pthread_mutex_unlock(m); h('x'); }", "no-lock-here"),
    "the audit names the type of a lock": ("lab/audit/audit.cpp", "pthread_mutex_t* m;", "no-lock-here"),
    "a scenario includes a lock": ("lab/scenarios/reuse.cpp", '#include "lab/subjects/own.cpp"', "no-lock-here"),
    "the command uses a lock": ("cli/verb.hpp", "void f(void* m) { pthread_mutex_lock(m); }", "no-lock-here"),
    "the public headers use a lock": ("include/heirlock/mutex.hpp", "void f() { pthread_mutex_lock(0); }", "no-lock-here"),
    "the actor uses a lock itself": ("lab/actor/actor.cpp", "void f(void* m) { pthread_mutex_lock(m); }", "no-lock-here"),
    "the lab includes the command": ("lab/kernel/walk.cpp", '#include "cli/verb.hpp"', "room"),
    "the lab includes a test": ("lab/kernel/walk.cpp", '#include "tests/support.hpp"', "tests-and-bench"),
    "the command reaches past the core": ("cli/verb.hpp", '#include "src/sys/futex.hpp"', "room"),
    "the command includes a test": ("cli/verb.hpp", '#include "tests/support.hpp"', "tests-and-bench"),
    "a test includes a benchmark": ("tests/support.hpp", '#include "bench/lock_bench.cpp"', "tests-and-bench"),
    "a benchmark includes a test": ("bench/lock_bench.cpp", '#include "tests/support.hpp"', "tests-and-bench"),
    "the small program includes the lab": ("robust_bug/robust_bug.c", '#include "lab/subjects/subject.h"', "room"),
    "the core calls the kernel": ("src/core/slow.cpp", "long f() { return syscall(202); }", "system-call"),
    "the core calls the kernel at global scope": ("src/core/slow.cpp", "long f() { return ::syscall (202); }", "system-call"),
    "the core calls the kernel in assembler":
        ("src/core/slow.cpp", 'void f() { asm volatile("mov $202, %%eax; syscall" ::: "rax"); }', "system-call"),
    "the core calls the kernel in the assembler of another machine":
        ("src/core/slow.cpp", 'void f() { __asm__ __volatile__("svc #0" : : : "x0"); }', "system-call"),
    "the core calls the kernel in an assembler file": ("src/core/enter.S", "  syscall", "system-call"),
    "the public headers call the kernel": ("include/heirlock/mutex.hpp", "long f() { return syscall(1); }", "system-call"),
    "the audit calls the kernel": ("lab/audit/audit.cpp", "long f() { return syscall(324); }", "system-call"),
    "the command calls the kernel": ("cli/verb.hpp", "long f() { return syscall(324); }", "system-call"),
    "a path from the file's own folder": ("lab/process/tracee.hpp", '#include "status.hpp"', "from-root"),
    "a quoted file that is nowhere": ("lab/process/tracee.hpp", '#include "nowhere.hpp"', "from-root"),
    "a generated file of another folder": ("tests/core/mutex_test.cpp", '#include "toy_list.hpp"', "from-root"),
    "an include of a macro": ("lab/process/tracee.hpp", "#include WHAT_EVER", "plain-include"),
    "an indented include": ("lab/process/tracee.hpp", '  #  include "cli/verb.hpp" // why', "room"),
    "an include in a C++ module": ("src/core/unit.cppm", '#include "lab/process/status.hpp"', "room"),
    "a module is imported": ("src/core/unit.cppm", "import heirlock.lab;", "plain-include"),
    "a module partition is imported": ("src/core/unit.cppm", "export import :part;", "plain-include"),
    "a header is imported": ("src/core/slow.cpp", 'import "lab/process/status.hpp";', "plain-include"),
    "a header from outside is imported": ("src/core/slow.cpp", "import <unistd.h>;", "plain-include"),
    "a system call in an assembler file that is not preprocessed": ("src/core/enter.s", "  syscall", "system-call"),
    "an old system call in an assembler file": ("src/core/enter.s", "  int $128", "system-call"),
    "a system call in bytes": ("src/core/enter.s", "  .byte 0x0F, 0x05", "system-call"),
    "an assembler file that includes by itself": ("src/core/enter.s", '  .include "lab/kernel/walk.cpp"', "plain-include"),
    "an assembler statement that includes":
        ("src/core/slow.cpp", 'asm(".include \\"lab/kernel/walk.cpp\\"");', "plain-include"),
    "an include of a file that is not looked at": ("cli/verb.hpp", '#include "lab/process/README.md"', "ending"),
    "an include that goes on in the next line": ("lab/process/tracee.hpp", '#include \\\n"cli/verb.hpp"', "room"),
    "an include whose word goes on in the next line": ("lab/process/tracee.hpp", '#inc\\\nlude "cli/verb.hpp"', "room"),
    "an include whose name goes on in the next line": ("lab/process/tracee.hpp", '#include "cli/\\ \nverb.hpp"', "room"),
    "an include with a digraph": ("lab/process/tracee.hpp", '%:include "cli/verb.hpp"', "room"),
    "an include with a trigraph": ("robust_bug/robust_bug.c", '??=include "lab/subjects/subject.h"', "room"),
    "an include behind a comment": ("lab/process/tracee.hpp", '/**/ # /**/ include /**/ "cli/verb.hpp"', "room"),
    "a hidden folder": ("lab/process/.later/part.cpp", '#include "cli/verb.hpp"', "room"),
    "a system call in parentheses": ("src/core/slow.cpp", "long f() { return (::syscall)(202); }", "system-call"),
    "the address of the system call": ("src/core/slow.cpp", "auto f = &::syscall;", "system-call"),
    "the system call by another name": ("src/core/slow.cpp", "auto f = syscall;", "system-call"),
    "a macro that makes the system call": ("src/core/slow.cpp", "#define ENTER syscall", "system-call"),
    "a macro that pastes the system call": ("src/core/slow.cpp", "#define ENTER(x) sys ## call(x)", "system-call"),
    "a system call whose name goes on in the next line":
        ("src/core/slow.cpp", "long f() { return sys\\\ncall(202); }", "system-call"),
    "a macro that pastes the name of a lock": ("lab/audit/audit.cpp", "#define DO(x) pthread_mutex_##x", "no-lock-here"),
    "a macro that pastes the name of a lock in its middle":
        ("lab/audit/audit.cpp", "#define DO(x) pthread_##mutex_##x", "no-lock-here"),
    "the core declares a function of libc": ("src/core/slow.cpp", 'extern "C" int kill(int, int);', "outside"),
    "the core declares a function of libc in a block":
        ("src/core/slow.cpp", 'namespace x { extern "C" { int heirlock_own(int); int kill(int, int) noexcept; } }', "outside"),
    "the core declares a function of libc in parentheses": ("src/core/slow.cpp", 'extern "C" int (kill)(int, int);', "outside"),
    "the core declares a function of libc after its own":
        ("src/core/slow.cpp", 'extern "C" int heirlock_own(int), kill(int, int);', "outside"),
    "the core declares a function of libc in a namespace of a block":
        ("src/core/slow.cpp", 'extern "C" { namespace x { int kill(int, int); } }', "outside"),
    "the core declares a function of libc for the assembler":
        ("src/core/slow.cpp", 'int end_it(int, int) asm("kill");', "outside"),
    "the public C header declares a function of libc": ("include/heirlock/heirlock.h", "int kill(int, int);", "outside"),
    "a public header declares a function of libc": ("include/heirlock/mutex.hpp", 'extern "C" int kill(int, int);', "outside"),
    "the process layer includes the audit": ("lab/process/tracee.hpp", '#include "lab/audit/audit.cpp"', "room"),
    "the process layer includes the actor": ("lab/process/tracee.hpp", '#include "lab/actor/stage.hpp"', "room"),
    "the process layer includes the interface of locks":
        ("lab/process/tracee.hpp", '#include "lab/subjects/subject.h"', "no-lock-here"),
    "a subject includes the actor": ("lab/subjects/own.cpp", '#include "lab/actor/stage.hpp"', "room"),
    "a subject includes a protocol": ("lab/subjects/own.cpp", '#include "lab/protocols/refcount/lock.hpp"', "room"),
    "the actor includes the audit": ("lab/actor/actor.cpp", '#include "lab/audit/audit.cpp"', "room"),
    "the actor includes a lock": ("lab/actor/actor.cpp", '#include "lab/subjects/own.cpp"', "no-lock-here"),
    "a protocol includes the audit": ("lab/protocols/refcount/lock.hpp", '#include "lab/audit/audit.cpp"', "room"),
    "a protocol includes the kernel's side": ("lab/protocols/refcount/lock.hpp", '#include "lab/kernel/walk.cpp"', "room"),
    "the kernel includes the audit": ("lab/kernel/walk.cpp", '#include "lab/audit/audit.cpp"', "room"),
    "the kernel includes the library": ("lab/kernel/walk.cpp", "#include <heirlock/mutex.hpp>", "room"),
    "the audit includes a scenario": ("lab/audit/audit.cpp", '#include "lab/scenarios/reuse.cpp"', "room"),
    "the audit includes the kernel's policies": ("lab/audit/audit.cpp", '#include "lab/kernel/walk.cpp"', "room"),
    "a scenario includes the storm": ("lab/scenarios/reuse.cpp", '#include "lab/storm/worker.cpp"', "room"),
    "the race includes the audit": ("lab/race/natural.cpp", '#include "lab/audit/audit.cpp"', "room"),
    "the storm includes a lock": ("lab/storm/worker.cpp", '#include "lab/subjects/own.cpp"', "no-lock-here"),
    "the storm includes the audit": ("lab/storm/worker.cpp", '#include "lab/audit/audit.cpp"', "room"),
    "the bench includes the audit": ("lab/bench/rivals.hpp", '#include "lab/audit/audit.cpp"', "room"),
    "the comparison includes a protocol":
        ("lab/compare/costs.cpp", '#include "lab/protocols/refcount/lock.hpp"', "no-lock-here"),
    "a room of the lab that nobody has declared": ("lab/helpers/misc.cpp", "int x;", "room"),
    "a file in no room": ("helpers/misc.cpp", "int x;", "room"),
    "an include of a file in no room": ("cli/verb.hpp", '#include "helpers/misc.hpp"', "from-root"),
}


class CheckIncludes(TreeTest):
    def check(self, files):
        for path, text in files.items():
            self.write(path, text)
        return run(CHECK, "--root", self.root)

    def test_a_sound_tree_passes(self):
        done = self.check(SOUND)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        sources = sum(not path.startswith("build/") and not path.endswith((".md", ".txt")) for path in SOUND)
        self.assertEqual(done.stdout, f"check-includes: {sources} files, no breaches\n")

    def test_an_empty_tree_passes(self):
        done = self.check({})
        self.assertEqual((done.returncode, done.stdout), (0, "check-includes: 0 files, no breaches\n"))

    def test_a_root_that_is_not_there_is_trouble(self):
        self.assertEqual(run(CHECK, "--root", os.path.join(self.root, "nowhere")).returncode, 2)

    def test_this_repository_keeps_the_rules(self):
        done = run(CHECK)
        self.assertEqual(done.returncode, 0, done.stdout)


def planted(path, line, rule):
    """The test that this one line is named with this rule, and that nothing else is."""
    def test(self):
        before = SOUND.get(path, "")
        done = self.check({**SOUND, path: before + line + "\n"})
        where = before.count("\n") + 1
        self.assertEqual(done.returncode, 1, done.stdout)
        *breaches, summary = done.stdout.splitlines()
        self.assertIn(f"{len(breaches)} breach", summary)
        for breach in breaches:
            self.assertTrue(breach.startswith(f"{path}:{where}: "), f"line {where} planted, but: {breach}")
        self.assertIn(rule, [breach.split(": ")[1] for breach in breaches])
    return test


for name, plant in PLANTED.items():
    setattr(CheckIncludes, "test_it_is_caught_when_" + re.sub(r"\W+", "_", name), planted(*plant))

if __name__ == "__main__":
    unittest.main()
