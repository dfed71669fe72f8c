# SPDX-License-Identifier: Apache-2.0
# A domain has its name before its content.
set(FILE src/core/domain_make.cpp)
set(SOUND [=[  int error = fill(options, descriptor, details);
  if (error == 0) error = give_permissions(options, descriptor, details);
  if (error == 0) {
    error = -sys::link_unnamed(descriptor, path);]=])
set(FAULTY [=[  int error = -sys::link_unnamed(descriptor, path);
  if (error == 0) error = fill(options, descriptor, details);
  if (error == 0) error = give_permissions(options, descriptor, details);
  if (error == EEXIST) {]=])
set(FOUND_BY make-named lock owner-killed crashed)
