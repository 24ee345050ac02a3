// SPDX-License-Identifier: Apache-2.0
#include "sources.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <system_error>

namespace wordcount {

namespace fs = std::filesystem;

namespace {

bool is_source(const fs::path& path, bool in_cpp_folder) {
  static const std::set<std::string> extensions = {".c",   ".cc",  ".cpp", ".cxx", ".h",  ".hh",
                                                   ".hpp", ".hxx", ".inl", ".ipp", ".tcc"};
  const auto extension = path.extension().string();
  return extension.empty() ? in_cpp_folder : extensions.contains(extension);
}

void search(const fs::path& folder, bool in_cpp_folder, Sources& found) {
  std::error_code error;
  std::error_code broken;
  const auto report = [&] { found.problems.push_back(folder.string() + ": " + broken.message()); };
  fs::directory_iterator entries(folder, broken);
  if (broken) return report();
  for (; entries != fs::directory_iterator(); entries.increment(broken)) {
    const auto& entry = *entries;
    const auto status = entry.symlink_status(error);
    if (fs::is_directory(status)) {
      search(entry.path(), in_cpp_folder || entry.path().filename() == "c++", found);
      continue;
    }
    if (!is_source(entry.path(), in_cpp_folder)) continue;
    // A link that leads nowhere is kept: whoever reads it says so. Pipes and devices are no sources, and reading one may never end.
    const auto target = entry.status(error);
    if (fs::is_regular_file(target) || target.type() == fs::file_type::not_found) {
      const auto size = entry.file_size(error);
      found.files.push_back({entry.path().string(), error ? 0 : size});
    }
  }
  if (broken) report();
}

}  // namespace

Sources find_sources(const fs::path& folder) {
  Sources found;
  const auto named = [](const fs::path& part) { return part == "c++"; };
  search(folder, std::any_of(folder.begin(), folder.end(), named), found);
  return found;
}

std::vector<Batch> divide(std::vector<File> files, std::uint64_t bytes) {
  std::ranges::sort(files, [](const File& a, const File& b) {
    return a.size != b.size ? a.size > b.size : a.path < b.path;
  });
  std::vector<Batch> batches;
  std::uint64_t room = 0;
  for (auto& file : files) {
    const auto weight = file.size + 1024;  // opening costs something, too
    if (batches.empty() || weight > room) {
      batches.emplace_back();
      room = std::max(bytes, weight);
    }
    batches.back().paths.push_back(std::move(file.path));
    room -= weight;
  }
  return batches;
}

std::string read_file(const std::string& path) {
  const auto fail = [&] { throw std::runtime_error(path + ": " + std::strerror(errno)); };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) fail();
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::string text(error ? 0 : size, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) fail();
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace wordcount
