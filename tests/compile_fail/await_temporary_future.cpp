// SPDX-License-Identifier: Apache-2.0
// expect: royong: GCC before version 13 destroys temporaries of a co_await expression twice
// expect: name the future first
// compilers: GNU<13
#include <coroutine>

#include "royong/pool.hpp"

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

int square(int x) { return x * x; }

Detached await(royong::Pool& pool) { co_await pool.apply_async(square, 3); }
