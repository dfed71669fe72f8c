# SPDX-License-Identifier: Apache-2.0
#
# The two commands of the README, and the ones of CONTRIBUTING.md. A thin cover: CMake builds.
#
#   make run      the demonstration: the race on this machine's C library, found and shown; builds and installs for
#                 no more than that
#   make test     the whole test suite         FILTER=REGEX: only the tests whose name matches
#   make build    builds everything
#   make check    formatting, include rule, clang-tidy
#   make format   formats the tree
#   make clean    removes the build tree of PRESET
#
# PRESET=dev|release|asan|tsan chooses the build (CMakePresets.json); JOBS and TEST_JOBS the parallelism.

PRESET ?= dev
JOBS ?= $(shell nproc)
# Tests step and kill processes of their own. More at once would only stretch their time bounds.
TEST_JOBS ?= 2
FILTER ?=
CTEST_FLAGS ?=

BUILD := build/$(PRESET)

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: run test build configure setup setup-run check format clean

# The command and the locks that it knows; a newcomer need not wait for the tests, nor for what they need.
run: setup-run $(BUILD)/build.ninja
	cmake --build --preset $(PRESET) --parallel $(JOBS) --target program
	$(BUILD)/bin/heirlock demo

test: build
	ctest --preset $(PRESET) --parallel $(TEST_JOBS) --no-tests=error $(CTEST_FLAGS) $(if $(FILTER),--tests-regex '$(FILTER)')

build: configure
	cmake --build --preset $(PRESET) --parallel $(JOBS)

configure: $(BUILD)/.with-tests

# Ninja runs CMake again by itself when a CMakeLists.txt changes; it does not watch the presets. A tree for make run alone
# has no tests, whose packages may be missing; one that has them keeps them.
$(BUILD)/build.ninja: CMakePresets.json | setup-run
	cmake --preset $(PRESET) $(if $(wildcard $(BUILD)/.with-tests),,-D BUILD_TESTING=OFF)

$(BUILD)/.with-tests: CMakePresets.json | setup
	cmake --preset $(PRESET) -D BUILD_TESTING=ON
	@touch $@

setup:
	@scripts/setup

setup-run:
	@scripts/setup --run

# From the cheapest to the dearest.
check: configure
	scripts/format --check
	scripts/check-includes
	scripts/tidy --build $(BUILD) --jobs $(JOBS)

format: setup
	scripts/format

clean:
	rm -rf $(BUILD)
