# SPDX-License-Identifier: Apache-2.0
# The range begins behind the branch.
/^\.Lbegin:/d
s|^\( *\)jne .*|&\n.Lbegin:|
