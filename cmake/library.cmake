# SPDX-License-Identifier: Apache-2.0
# The target royong, known as royong::royong in this build, in a build that adds this folder, and when installed.

# Globs, because several people add files at the same moment; CONFIGURE_DEPENDS looks again at every build.
file(GLOB_RECURSE sources CONFIGURE_DEPENDS src/*.cpp src/*.S)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS include/*.hpp)
# Components of their own: asio.cmake, mpi.cmake.
list(FILTER sources EXCLUDE REGEX "/src/mpi/")
list(FILTER headers EXCLUDE REGEX "/royong/(asio|mpi)(/|\\.hpp$)")

add_library(royong ${sources})
add_library(royong::royong ALIAS royong)

set_target_properties(
  royong
  PROPERTIES CXX_EXTENSIONS OFF
             CXX_VISIBILITY_PRESET hidden
             VISIBILITY_INLINES_HIDDEN ON
             POSITION_INDEPENDENT_CODE ON
             VERSION ${PROJECT_VERSION}
             SOVERSION ${PROJECT_VERSION_MAJOR})
target_compile_features(royong PUBLIC cxx_std_20)
# What programs include, and the private halves of it.
set(detail_headers ${headers})
list(FILTER headers EXCLUDE REGEX "/detail/")
list(FILTER detail_headers INCLUDE REGEX "/detail/")
target_sources(
  royong
  PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${headers}
  PUBLIC FILE_SET detail TYPE HEADERS BASE_DIRS include FILES ${detail_headers})
target_include_directories(royong PRIVATE src)

target_link_libraries(
  royong
  PUBLIC Threads::Threads spdlog::spdlog # what get_logger gives
  PRIVATE OpenSSL::SSL OpenSSL::Crypto ${CMAKE_DL_LIBS})

# A function is named to another process by the build-id of its module and its offset there, so every module that
# uses royong needs a build-id. Not every linker writes one unasked.
target_link_options(royong PUBLIC -Wl,--build-id)

# The optional libraries go by their plain names: a path found here may not exist where the package is installed.
if(SECCOMP_FOUND)
  target_compile_definitions(royong PRIVATE ROYONG_HAVE_SECCOMP)
  target_include_directories(royong SYSTEM PRIVATE ${SECCOMP_INCLUDE_DIRS})
  target_link_directories(royong PRIVATE ${SECCOMP_LIBRARY_DIRS})
  target_link_libraries(royong PRIVATE ${SECCOMP_LIBRARIES})
endif()
if(ROYONG_FOUND_BACKTRACE_H)
  target_compile_definitions(royong PRIVATE ROYONG_HAVE_BACKTRACE)
  target_compile_options(royong PRIVATE ${ROYONG_BACKTRACE_OPTIONS})
  target_link_libraries(royong PRIVATE backtrace)
endif()
