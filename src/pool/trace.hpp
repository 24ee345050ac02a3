// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Trace: what the workers of a pool did and when, as a file in Chrome's JSON array format.
 *
 *  **Why a kill at any instant leaves a file that loads.** The file is a sequence of records of
 *  `record` bytes, each a JSON object, a comma and blanks. Everybody appends whole records, one
 *  write each; a record never lies across the border of a page, so the kernel copies it in one piece
 *  or, for a writer that is being killed, not at all. Whoever dies, all records are whole, and the
 *  format allows that the closing bracket is missing. The task that a dead worker was running is
 *  noted by its pool.
 */
#pragma once

#include <cstdint>      // for std::int64_t
#include <string>       // for std::string
#include <string_view>  // for std::string_view

#include "os/fd.hpp"
#include "pool/rings.hpp"

namespace royong::inline v0::detail {

class Trace {
 public:
  /// Divides 4096, the smallest page.
  static constexpr std::size_t record = 256;

  /// Writes nothing.
  Trace() noexcept = default;
  /// The pool's: makes the file anew. @throws std::system_error it cannot be written
  static Trace create(const std::string& path);
  /// A worker's: appends. Failure is logged; then nothing is written.
  static Trace append(const std::string& path) noexcept;

  explicit operator bool() const noexcept { return static_cast<bool>(file_); }

  /// A lane gets its name.
  void name_lane(std::uint32_t lane, std::string_view name) noexcept;
  /// A task of that lane. Times in nanoseconds of the monotonic clock.
  void task(std::uint32_t lane, std::string_view name, std::uint64_t sequence, std::int64_t began,
            std::int64_t ended, std::string_view outcome, long pid) noexcept;
  /// Closes the array: the last record.
  void finish() noexcept;

 private:
  void write(std::string text) noexcept;

  os::Fd file_;
};

/// A text in quotes, as JSON wants it, cut where it would become longer than `limit`; bytes that are
/// no ASCII become '?'.
std::string json_quoted(std::string_view text, std::size_t limit = max_task_name + 2);

}  // namespace royong::inline v0::detail
