# SPDX-License-Identifier: Apache-2.0
# The mapping calls do not wait for the first page of the range.
s/std::uint64_t n = 0;/std::uint64_t n = 1;/
