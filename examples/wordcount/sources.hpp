// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Finds C and C++ files, and divides them into batches of about the same size.
 */
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace wordcount {

struct File {
  std::string path;
  std::uint64_t size = 0;  ///< bytes
};

/// What one task works on. It travels to a worker as it is: an aggregate of strings.
struct Batch {
  std::vector<std::string> paths;
};

struct Sources {
  std::vector<File> files;
  std::vector<std::string> problems;  ///< folders that cannot be read: "path: reason"
};

/** @brief Every C and C++ source and header under `folder`.
 *
 *  By extension, and files without one that lie below a folder named c++ (the standard library's). Links to folders are not followed.
 */
Sources find_sources(const std::filesystem::path& folder);

/// Batches of about `bytes`, the largest files first, so that no worker begins a long one when the others are nearly done.
std::vector<Batch> divide(std::vector<File> files, std::uint64_t bytes);

/// The whole file. @throws std::runtime_error "path: reason"
std::string read_file(const std::string& path);

}  // namespace wordcount
