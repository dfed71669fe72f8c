# SPDX-License-Identifier: Apache-2.0
# Only the process that destroys is looked at.
s|error = for_each_number("/proc", see_to_process, &s)|error = see_to_process(\&s, ::getpid())|
