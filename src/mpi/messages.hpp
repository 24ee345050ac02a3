// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What rank 0 and the agents say to each other.
 *
 *  A message is a kind and what the archive writes after it; everything is checked when it is read,
 *  as any bytes from another process. Both sides are the same program (build-ids are compared before
 *  anything else), so there is one version of each message.
 *
 *      agent -> rank 0                         rank 0 -> agent
 *      hello                                   welcome | refuse
 *      opened | broken       (per session)     modules, open
 *      results, recalled, answer               batch, recall, ask, forget
 *      closed                                  close
 *      heartbeat, bye                          heartbeat, stop, fence
 */
#pragma once

#include <cstdint>      // for std::uint32_t
#include <memory>       // for std::unique_ptr
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <vector>       // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/function_id.hpp"
#include "royong/detail/pool_core.hpp"

namespace royong::inline v0::mpi {

enum class Kind : std::uint8_t {
  hello = 1,
  welcome,
  refuse,
  modules,
  open,
  opened,
  broken,
  batch,
  results,
  recall,
  recalled,
  ask,
  answer,
  forget,
  close,
  closed,
  heartbeat,
  stop,
  fence,
  bye,
  last = bye,
};

/// Changes with every change of a message.
inline constexpr std::uint32_t protocol = 3;

/// An agent's first words.
struct Hello {
  std::uint32_t protocol = 0;
  std::int32_t version = 0;
  std::string build_id;
  std::string host;
  std::string processors;  ///< which ones it may run on, as the kernel writes it
  std::int32_t pid = 0;
  std::int32_t cpus = 0;  ///< how many those are
};

struct Welcome {
  std::string name;     ///< what errors call the node
  std::string authkey;  ///< of the program on rank 0: from now on of this one too
};

/// The sender ends its share: so the text says why.
struct Refuse {
  std::string reason;
};

/// Modules that functions lie in, from number `first` on: see detail::adopt_module.
struct Modules {
  std::uint32_t first = 0;
  std::vector<royong::detail::ModuleName> names;
};

/// An executor begins: a pool is to be made.
struct Open {
  std::uint32_t session = 0;
  std::int32_t workers = 0;
  std::vector<std::byte> initializer;
  std::int32_t maxtasksperchild = 0;
  std::optional<StartMethod> start_method;
  ResourceLimits limits;
  std::string name;
  std::int32_t restart_count = 0;
  std::int64_t restart_period = 0;  ///< seconds
  std::string trace;
  std::int64_t heartbeat = 0;  ///< nanoseconds between two
  std::int64_t silence = 0;    ///< nanoseconds after which rank 0 takes the node for lost
};

struct Opened {
  std::uint32_t session = 0;
  std::uint32_t workers = 0;
};

/// The pool of a session cannot run anything (any more).
struct Broken {
  std::uint32_t session = 0;
  std::vector<std::byte> error;  ///< what write_exception wrote
};

struct Recall {
  std::uint32_t session = 0;
  std::uint32_t count = 0;
};

struct Recalled {
  std::uint32_t session = 0;
};

enum class Question : std::uint8_t {
  withdraw,  ///< give it back if it has not begun, for it is cancelled
  abort,     ///< stop it, whatever it does
  state,     ///< how far is it
  last = state,
};

struct Ask {
  std::uint32_t session = 0;
  std::uint64_t number = 0;
  Question question = Question::state;
  std::uint64_t ticket = 0;
  std::int64_t grace = 0;  ///< nanoseconds
};

struct Answer {
  std::uint32_t session = 0;
  std::uint64_t number = 0;
  bool yes = false;  ///< withdrawn; being stopped; running
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

/// Results that were kept are not needed any more.
struct Forget {
  std::uint32_t session = 0;
  std::vector<std::uint64_t> blocks;
};

struct Close {
  std::uint32_t session = 0;
  bool kill = false;  ///< by SIGKILL at once, whatever the workers do
};

struct Closed {
  std::uint32_t session = 0;
};

/// The program ends.
struct Stop {
  bool finalize = true;  ///< every rank is there: MPI can be ended in its own way
};

/// How a task ended, on its way home.
enum class Outcome : std::uint8_t {
  value,
  exception,
  cancelled,  ///< it was withdrawn or aborted
  returned,   ///< it has not begun, and the node does not have it any more
  kept,       ///< a value that stays on the node: a KeptHead comes, and the value's beginning
  last = kept,
};

/// A task of a batch, without its bytes.
struct TaskHead {
  std::uint64_t ticket = 0;
  std::uint64_t length = 0;   ///< of the call, which follows
  std::int64_t timeout = -1;  ///< nanoseconds; negative: none
  std::int32_t retries = 0;
  bool named = false;  ///< the name comes before the call
  bool keep = false;   ///< a large result may stay on the node
  bool bound = false;  ///< is not given back: it reads what was kept here
};

/// A task of `results`, without its bytes.
struct ResultHead {
  std::uint64_t ticket = 0;
  std::uint64_t length = 0;
  Outcome outcome = Outcome::value;
};

/// Where in the node's arena a kept result is. So much of its beginning follows as `kept_beginning` says.
struct KeptHead {
  std::uint64_t block = 0;
  std::uint64_t bytes = 0;
};
/// Rank 0 needs the time that the chunk of a map took at once: the first thing in its result.
inline constexpr std::size_t kept_beginning = 8;

using MessagePtr = std::unique_ptr<royong::detail::Writer>;

/// What every message begins with on the wire.
struct FrameHead {
  std::uint32_t magic = frame_magic;
  std::uint32_t reserved = 0;
  std::uint64_t length = 0;  ///< of the whole message, this head included

  static constexpr std::uint32_t frame_magic = 0x676e6f72;  // "rong"
};

/// A message that is to be filled, with room for its head.
MessagePtr make_message(Kind kind);

/// A whole message.
template <class T>
MessagePtr make_message(Kind kind, const T& content) {
  MessagePtr message = make_message(kind);
  (*message)(content);
  return message;
}

/// The exception as bytes. An exception that cannot be written becomes its text.
std::vector<std::byte> write_error(const std::exception_ptr& error, std::string_view process);

/// What it says, in a line.
std::string text_of(const std::exception_ptr& error);

}  // namespace royong::inline v0::mpi
