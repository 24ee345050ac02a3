// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the queue is measured beside: the ways that programs pass messages today. The limit, a bare ring, is in spsc_ring.hpp.
 *
 *  Each has `put(message)` and `get(message)` on spans whose size is fixed for its life, `begin_put()` and
 *  `begin_get()`, which a process calls once before the first, and what it throws when the system refuses. All block, in the way that their authors recommend.
 */
#pragma once

#include <fcntl.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>     // for errno
#include <cstddef>    // for std::byte, std::size_t
#include <span>       // for std::span
#include <stdexcept>  // for std::runtime_error
#include <string>     // for std::string
#include <system_error>

#if __has_include(<boost/interprocess/ipc/message_queue.hpp>)
#include <boost/interprocess/ipc/message_queue.hpp>
#define HAVE_BOOST_MESSAGE_QUEUE
#endif
#if defined(HAVE_ZEROMQ)
#include <zmq.h>
#endif

namespace royong_bench {

inline void check(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

/// A stream: a pipe, or a pair of connected sockets.
class Stream {
 public:
  enum class Kind { pipe, socketpair };

  Stream(Kind kind, std::size_t size) : size_(size) {
    if (kind == Kind::pipe) {
      check(::pipe2(ends_, O_CLOEXEC) == 0, "pipe");
      if (size > 4096) ::fcntl(ends_[0], F_SETPIPE_SZ, 1 << 20);
    } else {
      check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) == 0, "socketpair");
    }
  }
  ~Stream() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void begin_put() {}
  void begin_get() {}

  void put(std::span<const std::byte> message) {
    for (std::size_t done = 0; done < size_;) {
      const auto n = ::write(ends_[1], message.data() + done, size_ - done);
      check(n > 0, "write");
      done += static_cast<std::size_t>(n);
    }
  }
  void get(std::span<std::byte> message) {
    for (std::size_t done = 0; done < size_;) {
      const auto n = ::read(ends_[0], message.data() + done, size_ - done);
      check(n > 0, "read");
      done += static_cast<std::size_t>(n);
    }
  }

 private:
  std::size_t size_;
  int ends_[2];
};

/// A POSIX message queue, as long as the system lets it be.
class PosixQueue {
 public:
  explicit PosixQueue(std::size_t size) : size_(size) {
    const std::string name = "/royong-bench-" + std::to_string(::getpid());
    mq_attr attributes{};
    attributes.mq_maxmsg = 10;
    attributes.mq_msgsize = static_cast<long>(size);
    queue_ = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    check(queue_ != -1, "mq_open");
    ::mq_unlink(name.c_str());
  }
  ~PosixQueue() { ::mq_close(queue_); }
  PosixQueue(const PosixQueue&) = delete;
  PosixQueue& operator=(const PosixQueue&) = delete;

  void begin_put() {}
  void begin_get() {}

  void put(std::span<const std::byte> message) {
    check(::mq_send(queue_, reinterpret_cast<const char*>(message.data()), size_, 0) == 0,
          "mq_send");
  }
  void get(std::span<std::byte> message) {
    check(::mq_receive(queue_, reinterpret_cast<char*>(message.data()), size_, nullptr) ==
              static_cast<ssize_t>(size_),
          "mq_receive");
  }

 private:
  std::size_t size_;
  mqd_t queue_;
};

#ifdef HAVE_BOOST_MESSAGE_QUEUE
class BoostQueue {
 public:
  explicit BoostQueue(std::size_t size)
      : size_(size),
        name_("royong-bench-" + std::to_string(::getpid())),
        queue_(boost::interprocess::create_only, name_.c_str(), size <= 4096 ? 1024 : 8, size) {
    boost::interprocess::message_queue::remove(name_.c_str());  // the mapping stays
  }

  void begin_put() {}
  void begin_get() {}

  void put(std::span<const std::byte> message) { queue_.send(message.data(), size_, 0); }
  void get(std::span<std::byte> message) {
    boost::interprocess::message_queue::size_type size = 0;
    unsigned priority = 0;
    queue_.receive(message.data(), size_, size, priority);
    if (size != size_) throw std::runtime_error("Boost: a message of another size");
  }

 private:
  std::size_t size_;
  std::string name_;
  boost::interprocess::message_queue queue_;
};
#endif

#ifdef HAVE_ZEROMQ
/// PUSH and PULL over ipc://; one producer and one consumer.
class ZeroMq {
 public:
  explicit ZeroMq(std::size_t size)
      : size_(size), address_("ipc://@royong-bench-" + std::to_string(::getpid())) {}

  // Contexts do not survive a fork: each process has its own.
  void begin_put() { connect(ZMQ_PUSH, false); }
  void begin_get() { connect(ZMQ_PULL, true); }

  ~ZeroMq() {
    if (!socket_) return;
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  ZeroMq(const ZeroMq&) = delete;
  ZeroMq& operator=(const ZeroMq&) = delete;

  void put(std::span<const std::byte> message) {
    check(zmq_send(socket_, message.data(), size_, 0) == static_cast<int>(size_), "zmq_send");
  }
  void get(std::span<std::byte> message) {
    check(zmq_recv(socket_, message.data(), size_, 0) == static_cast<int>(size_), "zmq_recv");
  }

 private:
  void connect(int type, bool bind) {
    context_ = zmq_ctx_new();
    socket_ = zmq_socket(context_, type);
    check(socket_ != nullptr, "zmq_socket");
    check(
        (bind ? zmq_bind(socket_, address_.c_str()) : zmq_connect(socket_, address_.c_str())) == 0,
        "zmq address");
  }

  std::size_t size_;
  std::string address_;
  void* context_ = nullptr;
  void* socket_ = nullptr;
};
#endif

}  // namespace royong_bench
