// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Every exception of the library: one base, one type for each meaning.
 *
 *  A failed system call is not here: it is a `std::system_error` whose text reads "cannot <verb> <object>".
 */
#pragma once

#include <optional>   // for std::optional
#include <stdexcept>  // for std::runtime_error
#include <string>     // for std::string
#include <utility>    // for std::move

#include <sys/types.h>  // for pid_t

#include "royong/detail/config.hpp"

namespace royong::inline v0 {

/// Base of every exception that the library throws for a reason of its own.
class ROYONG_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The program used the library in a state that does not allow it (join before start, no init, ...).
class ROYONG_API UsageError : public Error {
 public:
  using Error::Error;
};

/// Base of what goes wrong between processes.
class ROYONG_API ProcessError : public Error {
 public:
  using Error::Error;
};

/// A time limit given by the caller passed.
class ROYONG_API TimeoutError : public ProcessError {
 public:
  using ProcessError::ProcessError;
};

/// The peer could not prove that it knows the key.
class ROYONG_API AuthenticationError : public ProcessError {
 public:
  using ProcessError::ProcessError;
};

/// The caller's buffer is smaller than the message; the message is not lost: message() holds it.
class ROYONG_API BufferTooShort : public ProcessError {
 public:
  BufferTooShort(const std::string& what, std::string message)
      : ProcessError(what), message_(std::move(message)) {}
  /// The whole message, as bytes.
  const std::string& message() const noexcept { return message_; }

 private:
  std::string message_;
};

/// The other end of a connection is gone and everything it sent has been read.
class ROYONG_API EndOfFile : public Error {
 public:
  using Error::Error;
};

/// The other end of a connection is gone: nobody will read what was sent.
class ROYONG_API BrokenPipe : public Error {
 public:
  using Error::Error;
};

/// Nothing was in the queue within the time given.
class ROYONG_API Empty : public Error {
 public:
  using Error::Error;
};

/// No room was in the queue within the time given.
class ROYONG_API Full : public Error {
 public:
  using Error::Error;
};

/// The queue was shut down.
class ROYONG_API ShutDown : public Error {
 public:
  using Error::Error;
};

/// The barrier was broken: a party timed out, died, aborted or reset it.
class ROYONG_API BrokenBarrierError : public Error {
 public:
  using Error::Error;
};

/// The task was cancelled before it ran, or aborted while it ran.
class ROYONG_API CancelledError : public Error {
 public:
  using Error::Error;
};

/// A future was asked for what its state cannot give.
class ROYONG_API InvalidStateError : public Error {
 public:
  using Error::Error;
};

/// The worker that ran a task died before the task ended. Only that task fails by it.
class ROYONG_API WorkerDied : public Error {
 public:
  /// @param what     the whole sentence
  /// @param pid      the dead worker
  /// @param exitcode its exit code, -N for signal N, nothing where the kernel could not tell
  /// @param task     the name or number of the task that was running
  /// @param node     the machine it ran on; empty for this one
  WorkerDied(const std::string& what, pid_t pid, std::optional<int> exitcode, std::string task,
             std::string node = {})
      : Error(what),
        pid_(pid),
        exitcode_(exitcode),
        task_(std::move(task)),
        node_(std::move(node)) {}

  /// The dead worker; a number of `node()`, which may be another process by now.
  pid_t pid() const noexcept { return pid_; }
  /// Its exit code, -N for signal N; nothing where the kernel could not tell.
  std::optional<int> exitcode() const noexcept { return exitcode_; }
  /// The name (TaskOptions::name) or number of the task that was running.
  const std::string& task() const noexcept { return task_; }
  /// The machine it ran on; empty for this one.
  const std::string& node() const noexcept { return node_; }

 private:
  pid_t pid_;
  std::optional<int> exitcode_;
  std::string task_;
  std::string node_;
};

/// A machine of the cluster vanished with the task on it.
class ROYONG_API NodeLost : public Error {
 public:
  using Error::Error;
};

/// The pool can run nothing more: its initializer failed, or its workers die faster than they can be replaced.
class ROYONG_API BrokenProcessPool : public Error {
 public:
  using Error::Error;
};

/// An exception of another process that has no standard type here, or the nested detail of one that has.
class ROYONG_API RemoteError : public Error {
 public:
  RemoteError(const std::string& what, std::string type_name, std::string remote_traceback)
      : Error(what),
        type_name_(std::move(type_name)),
        remote_traceback_(std::move(remote_traceback)) {}

  /// The demangled type of the exception as it was thrown.
  const std::string& type_name() const noexcept { return type_name_; }
  /// The stack at the point of the throw, one frame a line; empty where it could not be taken.
  const std::string& remote_traceback() const noexcept { return remote_traceback_; }

 private:
  std::string type_name_;
  std::string remote_traceback_;
};

/// Bytes from another process are malformed, too large, or of another type than the one asked for.
class ROYONG_API TransferError : public Error {
 public:
  using Error::Error;
};

/// The memory quota that all processes of the program share is used up. The program can go on.
class ROYONG_API ArenaFull : public Error {
 public:
  using Error::Error;
};

}  // namespace royong::inline v0
