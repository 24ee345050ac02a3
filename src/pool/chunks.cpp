// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/chunks.hpp"

#include <algorithm>
#include <utility>

namespace royong::inline v0::detail {
namespace {

constexpr double chunk_time = 1e6;     // nanoseconds of work that a chunk should be
constexpr double shortest_time = 5e4;  // and that it is at least, also at the end
constexpr std::size_t first_limit = 1024;
constexpr std::size_t growth = 8;

std::size_t as_count(double elements) {
  return elements < 1 ? 1 : static_cast<std::size_t>(std::min(elements, 1e15));
}

}  // namespace

ChunkSizer::ChunkSizer(std::size_t elements, int chunksize, int workers, std::size_t limit)
    : left_(elements),
      fixed_(static_cast<std::size_t>(chunksize)),
      workers_(static_cast<std::size_t>(workers)),
      limit_(std::max<std::size_t>(limit, 1)),
      first_(
          std::clamp<std::size_t>(elements / (64 * workers_), 1, std::min(limit_, first_limit))) {}

std::size_t ChunkSizer::next() noexcept {
  std::size_t size = fixed_;
  if (size == 0 && !guess_) {
    size = std::min(std::max<std::size_t>(left_ / (64 * workers_), 1), limit_);
  } else if (size == 0 && per_element_ < 0) {
    size = first_;
  } else if (size == 0) {
    const double each = std::max(per_element_, 0.1);
    const std::size_t rest = std::max(left_ / (2 * workers_), as_count(shortest_time / each));
    size = std::min({as_count(chunk_time / each), last_ * growth, rest, limit_});
  }
  size = std::min(size, left_);
  last_ = std::max(size, first_);
  left_ -= size;
  return size;
}

void ChunkSizer::learn(std::size_t elements, std::int64_t nanoseconds) noexcept {
  const double now = static_cast<double>(nanoseconds) / static_cast<double>(elements);
  // Elements may become longer on the way: that is believed at once, the opposite bit by bit.
  per_element_ = now > per_element_ ? now : (per_element_ + now) / 2;
}

ChunkWindow::~ChunkWindow() {
  while (!entries_.empty()) pop_front();
}

void ChunkWindow::add(StateRef<TaskState> state, std::size_t elements) {
  Entry& entry = entries_.emplace_back(*this, std::move(state), elements);
  unfinished_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard lock(mutex_);
    ended_.reserve(entries_.size());  // `note` must not throw
  }
  TaskState& task = *entry.state;
  if (task.has_ended() || !task.engine()->add_hook(task, entry)) note(entry);
}

void ChunkWindow::note(Entry& entry) noexcept {
  {
    std::lock_guard lock(mutex_);
    ended_.push_back(&entry);
  }
  unfinished_.fetch_sub(1, std::memory_order_release);
  changed_.store(1, std::memory_order_release);
  entry.noted.store(true, std::memory_order_release);  // last: the entry may end now
}

void ChunkWindow::wait_below(std::size_t limit) {
  while (unfinished() >= limit) {
    changed_.store(0, std::memory_order_seq_cst);
    if (unfinished() < limit) return;
    pool_.wait(changed_, nullptr, Timeout::Clock::time_point::max());
  }
}

ChunkWindow::Entry& ChunkWindow::wait_front() {
  entries_.front().state->wait(forever);
  return entries_.front();
}

void ChunkWindow::pop_front() noexcept {
  Entry& entry = entries_.front();
  // The engine publishes the end before it calls the hook. With its lock it has done so or will not.
  if (!entry.noted.load(std::memory_order_acquire))
    entry.state->engine()->remove_hook(*entry.state, entry);
  if (!entry.noted.load(std::memory_order_acquire)) {
    unfinished_.fetch_sub(1, std::memory_order_relaxed);
  } else {
    std::lock_guard lock(mutex_);
    std::erase(ended_, &entry);
  }
  entries_.pop_front();
}

std::vector<ChunkWindow::Ended> ChunkWindow::take_ended() {
  std::vector<Ended> result;
  std::lock_guard lock(mutex_);
  result.reserve(ended_.size());
  for (Entry* entry : ended_) result.push_back({entry->elements, entry->state});
  ended_.clear();
  return result;
}

}  // namespace royong::inline v0::detail
