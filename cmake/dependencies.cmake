# SPDX-License-Identifier: Apache-2.0
# What the library is built on. Everything comes from the system; nothing is downloaded.
include(CheckIncludeFileCXX)

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

# Optional: limits on what a worker may call.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(SECCOMP libseccomp)
endif()

# Optional: file and line in tracebacks. It is a part of gcc: header and archive lie in the compiler's own folder,
# where only the compiler finds them, so the compiler is asked.
check_include_file_cxx(backtrace.h ROYONG_FOUND_BACKTRACE_H)
