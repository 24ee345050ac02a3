// SPDX-License-Identifier: Apache-2.0
#include "royong/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>

namespace royong::inline v0 {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::chrono::milliseconds redraw{100};
constexpr std::size_t width = 30;

std::string as_time(double seconds) {
  const auto whole = static_cast<long>(seconds);
  return whole < 3600 ? fmt::format("{:02}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

struct Progress::Bar {
  std::mutex mutex;
  std::string label;
  std::size_t total = 0;
  std::size_t done = 0;
  Clock::time_point began;
  Clock::time_point drawn;

  /// Mutex held.
  void draw(bool last) {
    const auto now = Clock::now();
    if (!last && now - drawn < redraw) return;
    drawn = now;
    const double gone = Seconds(now - began).count();
    const double rate = gone > 0 ? static_cast<double>(done) / gone : 0;
    std::string line = "\r" + label + " ";
    if (total != 0) {
      const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
      const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
      line += fmt::format("{:3.0f}% |{}{}| {}/{}", share * 100, std::string(full, '#'),
                          std::string(width - full, ' '), done, total);
    } else {
      line += fmt::format("{}", done);
    }
    line += " [" + as_time(gone);
    if (total > done && rate > 0)
      line += " left " + as_time(static_cast<double>(total - done) / rate);
    line += fmt::format(", {:.1f}/s]", rate);
    line += last ? "\x1b[K\n" : "\x1b[K";  // what an earlier, longer line left is cleared
    (void)!::write(STDERR_FILENO, line.data(), line.size());
  }
};

Progress Progress::bar(std::string label) {
  Progress progress;
  if (::isatty(STDERR_FILENO) == 0) return progress;
  progress.bar_ = std::make_shared<Bar>();
  progress.bar_->label = std::move(label);
  progress.bar_->began = Clock::now();
  return progress;
}

void Progress::start(std::size_t total) const {
  if (!bar_) return;
  std::lock_guard lock(bar_->mutex);
  bar_->total = total;
  bar_->done = 0;
  bar_->began = Clock::now();
  bar_->draw(false);
}

void Progress::update(std::size_t done) const {
  if (!bar_) return;
  std::lock_guard lock(bar_->mutex);
  bar_->done = done;
  bar_->draw(false);
}

void Progress::finish() const {
  if (!bar_) return;
  std::lock_guard lock(bar_->mutex);
  bar_->draw(true);
}

}  // namespace royong::inline v0
