// SPDX-License-Identifier: Apache-2.0
#include "os/limits.hpp"

#include <algorithm>     // for std::min, std::max
#include <cmath>         // for std::ceil
#include <memory>        // for std::unique_ptr
#include <sstream>       // for std::istringstream
#include <string_view>   // for std::string_view
#include <system_error>  // for std::system_error

#include "os/error.hpp"
#include "os/files.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};
using CpuSet = std::unique_ptr<cpu_set_t, FreeCpuSet>;

constexpr int most_cpus = 1 << 16;

CpuSet allocate_cpu_set(int cpus) {
  CpuSet set(CPU_ALLOC(static_cast<std::size_t>(cpus)));
  if (!set) throw_error(ENOMEM, "cannot allocate", "a set of processors");
  CPU_ZERO_S(CPU_ALLOC_SIZE(cpus), set.get());
  return set;
}

std::string read_or_empty(const std::string& path) {
  try {
    return read_file(path);
  } catch (const std::system_error&) {
    return {};
  }
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  std::uint64_t value = 0;
  if (std::istringstream(read_or_empty(path)) >> value) return value;
  return {};
}

bool lists(std::string_view controllers, std::string_view name) {
  for (std::size_t begin = 0; begin <= controllers.size();) {
    const std::size_t end = std::min(controllers.find(',', begin), controllers.size());
    if (controllers.substr(begin, end - begin) == name) return true;
    begin = end + 1;
  }
  return false;
}

// Calls `look(folder, is_v2)` for this process's group of the controller and each of its ancestors.
// In a container the path that the kernel names may lie outside what is mounted; the walk up ends
// at the mount, which is the container's own group.
template <class Look>
void for_each_group(const std::string& root, std::string_view controller, Look look) {
  std::istringstream groups(read_or_empty(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && !lists(controllers, controller)) continue;
    const std::string mount = root + "/sys/fs/cgroup" + (v2 ? "" : "/" + std::string(controller));
    std::string path = line.substr(second + 1);
    for (;;) {
      if (path == "/") path.clear();
      look(mount + path, v2);
      if (path.empty()) break;
      path.erase(path.rfind('/'));
    }
  }
}

template <class T>
void tighten(std::optional<T>& limit, T value) {
  limit = limit ? std::min(*limit, value) : value;
}

}  // namespace

rlimit get_limit(int resource) {
  rlimit limit{};
  if (sys().getrlimit(resource, &limit) == -1) throw_errno("cannot read", "a resource limit");
  return limit;
}

void set_limit(int resource, rlim_t soft, rlim_t hard) {
  const rlimit limit{soft, hard};
  if (sys().setrlimit(resource, &limit) == -1) throw_errno("cannot set", "a resource limit");
}

std::vector<int> affinity() {
  // EINVAL: the kernel knows more processors than the set has room for.
  for (int cpus = CPU_SETSIZE; cpus <= most_cpus; cpus *= 2) {
    const CpuSet set = allocate_cpu_set(cpus);
    const std::size_t size = CPU_ALLOC_SIZE(cpus);
    if (sys().sched_getaffinity(0, size, set.get()) == -1) {
      if (errno == EINVAL) continue;
      break;
    }
    std::vector<int> result;
    for (int cpu = 0; cpu < cpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, set.get())) result.push_back(cpu);
    }
    return result;
  }
  throw_errno("cannot read", "the processors of this thread");
}

void set_affinity(const std::vector<int>& cpus) {
  constexpr std::string_view object = "the processors of this thread";
  int most = CPU_SETSIZE - 1;
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= most_cpus) throw_error(EINVAL, "cannot set", object);
    most = std::max(most, cpu);
  }
  const CpuSet set = allocate_cpu_set(most + 1);
  const std::size_t size = CPU_ALLOC_SIZE(most + 1);
  for (const int cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), size, set.get());
  if (sys().sched_setaffinity(0, size, set.get()) == -1) throw_errno("cannot set", object);
}

void add_niceness(int difference) {
  errno = 0;  // -1 is a valid answer
  const int now = sys().getpriority(PRIO_PROCESS, 0);
  if (errno != 0) throw_errno("cannot read", "the nice value");
  if (sys().setpriority(PRIO_PROCESS, 0, now + difference) == -1) {
    throw_errno("cannot set", "the nice value " + std::to_string(now + difference));
  }
}

void set_oom_score_adj(int value) { write_file("/proc/self/oom_score_adj", std::to_string(value)); }

std::optional<double> cgroup_cpus(const std::string& root) {
  std::optional<double> limit;
  for_each_group(root, "cpu", [&](const std::string& folder, bool v2) {
    double quota = 0, period = 0;  // "max" and -1 do not pass as a positive number
    if (v2) {
      std::istringstream(read_or_empty(folder + "/cpu.max")) >> quota >> period;
    } else {
      std::istringstream(read_or_empty(folder + "/cpu.cfs_quota_us")) >> quota;
      std::istringstream(read_or_empty(folder + "/cpu.cfs_period_us")) >> period;
    }
    if (quota > 0 && period > 0) tighten(limit, quota / period);
  });
  return limit;
}

std::optional<std::uint64_t> cgroup_memory(const std::string& root) {
  // Version 1 says "no limit" by a number near 2^63.
  constexpr std::uint64_t no_limit = std::uint64_t{1} << 60;
  std::optional<std::uint64_t> limit;
  for_each_group(root, "memory", [&](const std::string& folder, bool v2) {
    const auto value = number_in(folder + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
    if (value && *value < no_limit) tighten(limit, *value);
  });
  return limit;
}

std::optional<OomKills> oom_kills(const std::string& root) {
  const auto count_in = [](const std::string& path) -> std::optional<std::uint64_t> {
    std::istringstream lines(read_or_empty(path));
    for (std::string name, rest; lines >> name; std::getline(lines, rest)) {
      std::uint64_t count = 0;
      if (name == "oom_kill" && lines >> count) return count;
    }
    return std::nullopt;
  };
  std::optional<std::uint64_t> count;
  for_each_group(root, "memory", [&](const std::string& folder, bool v2) {
    if (!count) count = count_in(folder + (v2 ? "/memory.events" : "/memory.oom_control"));
  });
  if (count) return OomKills{*count, false};
  count = count_in(root + "/proc/vmstat");
  if (count) return OomKills{*count, true};
  return std::nullopt;
}

int available_cpus(const std::string& root) {
  const int cpus = static_cast<int>(affinity().size());
  const std::optional<double> quota = cgroup_cpus(root);
  if (!quota || *quota >= cpus) return std::max(cpus, 1);
  return std::max(static_cast<int>(std::ceil(*quota)), 1);
}

namespace {

/// Of a line "name: number kB".
std::uint64_t bytes_in(const std::string& text, const std::string& name, const std::string& path) {
  std::istringstream lines(text);
  for (std::string word, rest; lines >> word; std::getline(lines, rest)) {
    std::uint64_t kilobytes = 0;
    if (word == name + ":" && lines >> kilobytes) return kilobytes << 10;
  }
  throw_error(EINVAL, "cannot find " + name + " in", path);
}

}  // namespace

std::uint64_t own_memory(const std::string& root) {
  const std::string path = root + "/proc/self/status";
  const std::string text = read_file(path);
  return bytes_in(text, "RssAnon", path) + bytes_in(text, "VmSwap", path);
}

std::uint64_t total_memory(const std::string& root) {
  const std::string path = root + "/proc/meminfo";
  return bytes_in(read_file(path), "MemTotal", path);
}

}  // namespace royong::inline v0::os
