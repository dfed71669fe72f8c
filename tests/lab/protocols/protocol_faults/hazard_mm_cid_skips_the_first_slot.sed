# SPDX-License-Identifier: Apache-2.0
# The scan does not look at the first slot of each line.
s/while (s.load(std::memory_order_acquire) == node)/while (\&s != lines_[at].data() \&\& s.load(std::memory_order_acquire) == node)/
