# SPDX-License-Identifier: Apache-2.0
# The list node is taken for the futex word.
s|word = entry + static_cast.*|word = entry;|
