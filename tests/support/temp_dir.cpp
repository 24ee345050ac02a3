// SPDX-License-Identifier: Apache-2.0
#include "support/temp_dir.hpp"

#include <cerrno>        // for errno
#include <cstdlib>       // for ::mkdtemp
#include <string>        // for std::string
#include <system_error>  // for std::system_error

namespace royong_test {

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "dir-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot create the folder " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace royong_test
