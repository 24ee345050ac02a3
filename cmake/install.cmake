# SPDX-License-Identifier: Apache-2.0
# How other builds find royong: find_package from an installed tree or from this build folder, and pkg-config.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/royong")

install(
  TARGETS royong
  EXPORT royongTargets
  FILE_SET HEADERS
  FILE_SET detail)
install(
  EXPORT royongTargets
  NAMESPACE royong::
  DESTINATION "${package_dir}")
export(EXPORT royongTargets NAMESPACE royong::)

# Components, each with targets of its own: find_package(royong COMPONENTS asio).
if(TARGET royong_asio)
  install(
    TARGETS royong_asio
    EXPORT royong-asio-targets
    FILE_SET HEADERS)
  install(
    EXPORT royong-asio-targets
    NAMESPACE royong::
    DESTINATION "${package_dir}")
  export(EXPORT royong-asio-targets NAMESPACE royong::)
endif()

if(TARGET royong_mpi)
  install(
    TARGETS royong_mpi
    EXPORT royong-mpi-targets
    FILE_SET HEADERS)
  install(
    EXPORT royong-mpi-targets
    NAMESPACE royong::
    DESTINATION "${package_dir}")
  export(EXPORT royong-mpi-targets NAMESPACE royong::)
endif()

configure_package_config_file(cmake/royongConfig.cmake.in royongConfig.cmake INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(royongConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/royongConfig.cmake" "${PROJECT_BINARY_DIR}/royongConfigVersion.cmake"
        DESTINATION "${package_dir}")

# A static library leaves its own dependencies to whoever links it; a shared one brings them along: "private".
set(pc_libs -pthread ${CMAKE_DL_LIBS} ${SECCOMP_LIBRARIES})
if(ROYONG_FOUND_BACKTRACE_H)
  list(APPEND pc_libs backtrace)
endif()
list(TRANSFORM pc_libs PREPEND -l REGEX "^[^-]")
list(JOIN pc_libs " " pc_libs)
set(pc_requires " libssl libcrypto")
set(pc_requires_private "")
set(pc_libs_private "")
if(BUILD_SHARED_LIBS)
  set(pc_requires_private "${pc_requires}")
  set(pc_requires "")
  set(pc_libs_private "${pc_libs}")
  set(pc_libs "")
endif()
# Relative to the .pc file, so that an installed tree can be moved.
file(RELATIVE_PATH pc_to_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(cmake/royong.pc.in royong.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/royong.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
