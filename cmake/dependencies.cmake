# SPDX-License-Identifier: Apache-2.0
# What the library is built on. Everything comes from the system; nothing is downloaded.
include(CheckIncludeFileCXX)

find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)

# Optional: limits on what a worker may call.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(SECCOMP libseccomp)
endif()

# Optional: file and line in tracebacks. It is a part of gcc, header and archive both in the compiler's own folder.
# clang finds the archive there but not the header, so it is told, after its own headers.
check_include_file_cxx(backtrace.h ROYONG_FOUND_BACKTRACE_H)
if(NOT ROYONG_FOUND_BACKTRACE_H AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  execute_process(COMMAND gcc -print-file-name=include OUTPUT_VARIABLE gcc_include OUTPUT_STRIP_TRAILING_WHITESPACE
                                                                                   ERROR_QUIET)
  if(EXISTS "${gcc_include}/backtrace.h")
    set(ROYONG_FOUND_BACKTRACE_H ON)
    set(ROYONG_BACKTRACE_OPTIONS "SHELL:-idirafter ${gcc_include}")
  endif()
endif()
