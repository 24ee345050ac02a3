// SPDX-License-Identifier: Apache-2.0
#include "royong/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "royong/init.hpp"

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

void put(const std::string& text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

/// What fits a line of the terminal, so that it does not wrap: a wrapped line cannot be drawn over.
void cut_to_terminal(std::string& line) {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return;
  if (line.size() < size.ws_col) return;
  std::size_t end = size.ws_col - 1U;
  while (end != 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  line.resize(end);
}

}  // namespace

/** @brief A bar, and the screen that all bars of the process share.
 *
 *  Bars that are shown at the same time (one inside another's loop) have a line each, the one that
 *  began first on top. The cursor rests on the lowest line; a bar further up is drawn by going up
 *  and down again. A line that is not the first goes with its bar.
 */
struct Progress::Bar {
  struct Screen {
    std::mutex mutex;  // guards everything of every bar
    std::vector<Bar*> lines;
  };
  /// Never destroyed: bars of static storage end late.
  static Screen& screen() {
    static auto* one = new Screen;
    return *one;
  }

  bool shown = false;
  bool over = false;  // but bars below it are not
  std::string label;
  std::size_t total = 0;
  std::size_t done = 0;
  Clock::time_point began;
  Clock::time_point drawn;

  ~Bar() {
    std::lock_guard lock(screen().mutex);
    leave();
  }

  /// Gets a line. Mutex held.
  void enter() {
    if (shown) return;
    if (!screen().lines.empty()) put("\n");
    screen().lines.push_back(this);
    shown = true;
    over = false;
  }

  /// Gives the line back, at once or when the bars below it have done so. Mutex held.
  void leave() {
    if (!shown) return;
    over = true;
    auto& lines = screen().lines;
    while (!lines.empty() && lines.back()->over) {
      lines.back()->shown = false;
      lines.pop_back();
      put(lines.empty() ? "\n" : "\r\x1b[K\x1b[A");
    }
    if (!shown) return;
    // Still above others: its place must not name it once it is gone.
    static Bar gone;
    gone.over = true;
    *std::ranges::find(lines, this) = &gone;
    shown = false;
  }

  /// Mutex held.
  void draw(bool last) {
    const auto now = Clock::now();
    if (!last && now - drawn < redraw) return;
    drawn = now;
    const double gone = Seconds(now - began).count();
    const double rate = gone > 0 ? static_cast<double>(done) / gone : 0;
    std::string line = label + " ";
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
    cut_to_terminal(line);
    const auto& lines = screen().lines;
    const auto below = lines.end() - std::ranges::find(lines, this) - 1;
    std::string text = below > 0 ? fmt::format("\x1b[{}A", below) : "";
    text += "\r" + line + "\x1b[K";  // what an earlier, longer line left is cleared
    if (below > 0) text += fmt::format("\x1b[{}B", below);
    put(text);
  }
};

Progress Progress::bar(std::string label) {
  Progress progress;
  // In a worker it would draw over those of the program.
  if (::isatty(STDERR_FILENO) == 0 || is_worker()) return progress;
  progress.bar_ = std::make_shared<Bar>();
  progress.bar_->label = std::move(label);
  progress.bar_->began = Clock::now();
  return progress;
}

void Progress::start(std::size_t total) const {
  if (!bar_) return;
  std::lock_guard lock(Bar::screen().mutex);
  bar_->enter();
  bar_->total = total;
  bar_->done = 0;
  bar_->began = Clock::now();
  bar_->draw(false);
}

void Progress::update(std::size_t done) const {
  if (!bar_) return;
  std::lock_guard lock(Bar::screen().mutex);
  bar_->done = done;
  if (bar_->shown) bar_->draw(false);
}

void Progress::finish() const {
  if (!bar_) return;
  std::lock_guard lock(Bar::screen().mutex);
  if (!bar_->shown) return;
  bar_->draw(true);
  bar_->leave();
}

}  // namespace royong::inline v0
