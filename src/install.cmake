# SPDX-License-Identifier: Apache-2.0
# What a user of the library gets: headers, both libraries, and how CMake and pkg-config find them.
#   cmake --install build/dev --component library --prefix DIRECTORY
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/heirlock DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(TARGETS heirlock_shared heirlock_static
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/heirlock)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/heirlock-config.cmake.in heirlock-config.cmake
  INSTALL_DESTINATION ${package_directory} PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(heirlock-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/heirlock-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/heirlock-config-version.cmake
  DESTINATION ${package_directory} COMPONENT library)

# At installation, when the prefix is known: --prefix may name another one than the configuration did.
install(CODE "
  set(PROJECT_VERSION \"${PROJECT_VERSION}\")
  set(PROJECT_DESCRIPTION \"${PROJECT_DESCRIPTION}\")
  set(PROJECT_HOMEPAGE_URL \"${PROJECT_HOMEPAGE_URL}\")
  set(CMAKE_INSTALL_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
  set(CMAKE_INSTALL_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
  configure_file(\"${CMAKE_SOURCE_DIR}/cmake/heirlock.pc.in\"
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/heirlock.pc\" @ONLY)
" COMPONENT library)
