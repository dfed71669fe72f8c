// SPDX-License-Identifier: Apache-2.0
// How this program was called, so that the commands that it suggests run as they are printed.
#pragma once

#include <string>

namespace heirlock::cli {

// For main(), once.
void note_invocation(const char* program);

// As a shell reads it: what was typed, build/dev/bin/heirlock for instance.
std::string invocation();

} // namespace heirlock::cli
