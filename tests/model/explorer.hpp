// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Explorer: runs a few threads in every order of their shared accesses, kills any of them at any access, and says what can go wrong.
 *
 *  A thread is a fiber that comes back to the explorer before each access to shared memory and each call of the kernel. The explorer
 *  goes depth first through all choices: whose access comes next, who is killed, whose sleep ends. A choice is taken back by copying back what was shared
 *  and the fibers' stacks. A state that was seen before is not gone into again; two states are the same when the shared bytes are, and when each thread has got the
 *  same answers from its accesses so far (a thread is a function of these). States are told apart by 64-bit hashes.
 *
 *  What it does not show: the accesses happen one after another, each seen by all at once (sequential consistency). What weaker orders could
 *  change is argued in words where they are used.
 */
#pragma once

#include <cstddef>     // for std::size_t
#include <cstdint>     // for std::uint64_t
#include <functional>  // for std::function
#include <string>      // for std::string
#include <vector>      // for std::vector

namespace royong_model {

/// What may happen beside the threads' own steps.
struct Conditions {
  int deaths = 0;        ///< how many threads may be killed, each at any access
  int mortal = -1;       ///< the only thread that may be killed, if it is one
  bool slices = false;   ///< a sleep ends after a while
  int early_slices = 1;  ///< how often a thread's sleep may end while others can still do something
  bool sweeper = false;  ///< somebody sees a death, sooner or later, and repairs
};

struct Program {
  void*
      shared;  ///< zeroed before each run; holds everything that threads share, without padding that they write
  std::size_t bytes;
  std::vector<std::function<void()>> threads;
  /// What a sweeper does about a thread that was killed.
  std::function<void(int dead)> sweep;
  /// When nothing can happen any more: what is wrong, or nothing. It may use what is shared; its accesses are no steps.
  std::function<std::string()> at_the_end;
  /// At the instant of a death, for the books of the checks.
  std::function<void(int dead)> at_a_death = [](int) {};
};

struct Outcome {
  std::string violation;  ///< empty: none in any order
  std::string trace;      ///< how it came about
  std::uint64_t states = 0;
  std::uint64_t executions = 0;  ///< ways through them, from a choice to where nothing new comes
};

Outcome explore(const Program& program, Conditions conditions);

// ---- What a program's threads call ----

/// The thread that runs now; the sweeper's number is that of the last thread + 1.
int this_thread();
bool is_dead(int thread);
bool is_asleep(int thread);
/// Before each access: the others may come first.
void access(const char* what);
/// After each access: what it answered.
std::uint64_t answered(std::uint64_t value);
/// What this thread was answered so far makes no difference to what it does from here on: fewer states. Different places, different numbers.
void forget(std::uint64_t place);
/// Sleeps until a wake on `word` (true) or the end of the slice (false).
bool sleep_on(const void* word);
int wake(const void* word, int count);
/// How many slices this thread has slept through.
int slices_slept();
/// Ends the exploration: a property does not hold.
void violated(const std::string& what);

}  // namespace royong_model
