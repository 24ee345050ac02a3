// SPDX-License-Identifier: Apache-2.0
// co_await of futures in a coroutine type of one's own: no thread sleeps while the tasks run.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <coroutine>
#include <cstdio>
#include <exception>
#include <future>
#include <string>

namespace mp = royong;

std::size_t count_letters(const std::string& word) { return word.size(); }

// The smallest coroutine type that can be waited for. Nothing in it knows of royong.
struct Job {
  struct promise_type {
    Job get_return_object() { return {end.get_future()}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() { end.set_value(); }
    void unhandled_exception() { end.set_exception(std::current_exception()); }
    std::promise<void> end;
  };
  std::future<void> end;
};

Job compare(mp::Pool& pool, const char* one, const char* other) {
  auto first = pool.apply_async(count_letters, one);
  auto second = pool.apply_async(count_letters, other);  // both run now
  const std::size_t difference = co_await second - co_await first;
  std::printf("%s has %zu letters more than %s\n", other, difference, one);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Pool pool(2);
  compare(pool, "gotong", "gotong-royong").end.get();
}
