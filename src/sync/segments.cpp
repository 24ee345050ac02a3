// SPDX-License-Identifier: Apache-2.0
#include "sync/segments.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>     // for std::ranges::copy
#include <array>         // for std::array
#include <atomic>        // for std::atomic
#include <exception>     // for std::exception
#include <mutex>         // for std::try_to_lock
#include <string>        // for std::string
#include <system_error>  // for std::system_error

#include "memory/arena.hpp"
#include "memory/robust_mutex.hpp"
#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/fd.hpp"
#include "os/process.hpp"
#include "os/syscalls.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::sync {
namespace {

struct Entry {
  std::atomic<std::uint64_t> inode;  ///< commit word: 0 = free
  std::uint64_t device;
  memory::Owner creator;
  std::array<char, 256> name;  ///< ends with a zero

  os::FileIdentity file() const noexcept { return {device, inode.load()}; }
};

constexpr std::size_t most = 1024;

/// Zero-filled is empty.
struct Table {
  pthread_mutex_t lock;          ///< robust: the entries
  pthread_mutex_t start_lock;    ///< robust: one keeper is started at a time
  pthread_mutex_t keeper_token;  ///< robust: held by the keeper for its life
  std::atomic<pid_t> keeper;     ///< of whom, while the token is held
  std::array<Entry, most> entries;

  bool is_empty() const noexcept {
    return std::ranges::all_of(entries, [](const Entry& entry) { return entry.inode == 0; });
  }
};

Table& table() {
  const auto bytes = memory::region(memory::Region::segments);
  static_assert(sizeof(Table) <= std::size_t{320} << 10);
  return *reinterpret_cast<Table*>(bytes.data());
}

void (*start_keeper)() = nullptr;

/// Ignored by who does not expect it: should the keeper have ended this instant, and its pid be another's, nothing happens.
constexpr int wake_signal = SIGURG;

void wake_keeper(const Table& segments) noexcept {
  if (const pid_t keeper = segments.keeper.load(); keeper > 0) os::sys().kill(keeper, wake_signal);
}

void ensure_keeper(Table& segments) {
  const memory::RobustGuard starting(segments.start_lock);
  {
    const memory::RobustGuard token(segments.keeper_token, std::try_to_lock);
    if (!token.owns()) return;  // it lives; it cannot end before it has seen our entry
  }
  start_keeper();
}

void drop(Entry& entry) noexcept { entry.inode.store(0); }

bool has_its_name(const Entry& entry) noexcept {
  struct stat status{};
  return os::sys().lstat(os::shm_path(entry.name.data()).c_str(), &status) == 0 &&
         os::FileIdentity{status.st_dev, status.st_ino} == entry.file();
}

/// The entries of a creator that died before its file had the name, or of one that died before it dropped the entry.
void sweep_segments(memory::Owner dead) noexcept {
  try {
    Table& segments = table();
    const memory::RobustGuard guard(segments.lock);
    bool changed = false;
    for (Entry& entry : segments.entries) {
      if (entry.inode == 0 || has_its_name(entry)) continue;
      // Of a creator that lives: the name may be on its way.
      if (entry.creator != dead && memory::is_alive(entry.creator)) continue;
      drop(entry);
      changed = true;
    }
    if (changed && segments.is_empty()) wake_keeper(segments);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot sweep shared memory: ") + error.what());
  }
}

[[maybe_unused]] const bool hooked = [] {
  memory::add_sweep_hook(&sweep_segments);
  return true;
}();

/// The table is locked.
void remove_all(Table& segments) noexcept {
  for (Entry& entry : segments.entries) {
    if (entry.inode == 0) continue;
    const int error = os::unlink_shm(entry.name.data(), entry.file());
    if (error != 0 && error != ENOENT) {
      errno = error;
      os::report_errno("cannot remove", std::string("shared memory ") + entry.name.data());
    }
    drop(entry);
  }
}

/// Returns when the member has ended, or the table has changed, or (where the system gives no descriptor of a process) soon.
void wait_for_end_of(memory::Owner member) {
  const auto pid = static_cast<pid_t>(memory::slot(member).pid.load());
  os::Fd end;
  try {
    end = os::pidfd_open(pid);
  } catch (const std::system_error&) {  // refused, or gone: the token tells
  }
  // Looked at after the descriptor was opened: it is this member's, and not of another process with its pid.
  if (!memory::is_alive(member)) return;
  sigset_t all_but_wake;
  ::sigfillset(&all_but_wake);
  ::sigdelset(&all_but_wake, wake_signal);
  constexpr timespec soon{0, 50'000'000};
  pollfd event{end.get(), POLLIN, 0};
  os::sys().ppoll(&event, 1, end ? nullptr : &soon, &all_but_wake);
}

}  // namespace

void prepare_segments() {
  Table& segments = table();
  memory::init_robust(segments.lock);
  memory::init_robust(segments.start_lock);
  memory::init_robust(segments.keeper_token);
}

void set_keeper_starter(void (*start)()) { start_keeper = start; }

void enter_segment(std::string_view name, os::FileIdentity file) {
  Table& segments = table();
  if (!memory::self()) {
    throw UsageError("this process is no member of the family: it cannot create shared memory");
  }
  {
    const memory::RobustGuard guard(segments.lock);
    Entry* const free =
        std::ranges::find_if(segments.entries, [](const Entry& entry) { return entry.inode == 0; });
    if (free == segments.entries.end()) {
      throw ArenaFull("no more than " + std::to_string(most) +
                      " named segments of shared memory can belong to one program");
    }
    free->creator = memory::self();
    free->device = file.device;
    free->name.fill('\0');
    std::ranges::copy(name.substr(0, free->name.size() - 1), free->name.begin());
    free->inode.store(file.inode);
  }
  try {
    ensure_keeper(segments);
  } catch (...) {
    drop_segment(file);
    throw;
  }
}

void drop_segment(os::FileIdentity file) noexcept {
  if (!memory::has_arena()) return;
  try {
    Table& segments = table();
    const memory::RobustGuard guard(segments.lock);
    for (Entry& entry : segments.entries) {
      if (entry.inode == file.inode && entry.device == file.device) drop(entry);
    }
    if (segments.is_empty()) wake_keeper(segments);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot forget shared memory: ") + error.what());
  }
}

void remove_segments_if_alone() noexcept {
  if (!memory::has_arena() || !memory::self() || memory::find_alive(memory::self())) return;
  try {
    Table& segments = table();
    const memory::RobustGuard guard(segments.lock);
    remove_all(segments);
    wake_keeper(segments);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot remove shared memory: ") + error.what());
  }
}

bool become_keeper() {
  Table& segments = table();
  const int error = ::pthread_mutex_trylock(&segments.keeper_token);
  if (error == EBUSY) return false;
  if (error == EOWNERDEAD) {
    ::pthread_mutex_consistent(&segments.keeper_token);
  } else if (error != 0) {
    os::throw_error(error, "cannot lock", "the keeper's token");
  }
  segments.keeper = ::getpid();
  // A handler, for a signal that is ignored does not end a wait.
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(wake_signal, &action, nullptr);
  return true;
}

void keep_segments() {
  Table& segments = table();
  for (;;) {
    const memory::Owner member = memory::find_alive();
    {
      const memory::RobustGuard guard(segments.lock);
      if (!member) remove_all(segments);
      // The token goes under the same lock under which the table was seen empty: who enters a segment later starts another keeper.
      if (segments.is_empty()) {
        segments.keeper = 0;
        ::pthread_mutex_unlock(&segments.keeper_token);
        return;
      }
    }
    wait_for_end_of(member);
  }
}

}  // namespace royong::inline v0::sync
