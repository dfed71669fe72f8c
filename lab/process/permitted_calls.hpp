// SPDX-License-Identifier: Apache-2.0
// System calls without which nothing here can be right. Where a filter refuses one, that is `trouble` before it is a process
// that nobody can end, or a verdict about the filter.
#pragma once

namespace heirlock::lab {

// To end a child, and to see that it has ended. To be asked before one is made.
void require_control_of_children();

// To register a robust list. Without it the kernel sees to nobody's locks, and each lock would be blamed for that.
void require_robust_lists();

} // namespace heirlock::lab
