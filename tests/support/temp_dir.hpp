// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A folder that goes with its scope.
 */
#pragma once

#include <filesystem>  // for std::filesystem::path

namespace royong_test {

/// A new empty folder below TMPDIR, removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace royong_test
