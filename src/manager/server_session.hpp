// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServerSession: one client of a server.
 */
#pragma once

#include <cstdint>        // for std::uint64_t
#include <memory>         // for std::unique_ptr
#include <string>         // for std::string
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::exchange

#include "manager/line.hpp"
#include "manager/server.hpp"

namespace royong::inline v0::manager {

class ServerSession final : public detail::AnswerSink,
                            private detail::ForeignPeer,
                            private Line::Receiver {
 public:
  ServerSession(Server& server, detail::SessionId id, std::unique_ptr<Line> line, bool is_foreign);
  ~ServerSession() override;

  detail::SessionId id() const noexcept { return id_; }
  bool is_foreign() const noexcept { return is_foreign_; }
  ForeignPeer* foreign() noexcept { return is_foreign_ ? this : nullptr; }
  Line& line() noexcept { return *line_; }

  /// Runs requests that have come, and sends what there is to send. @return whether there was anything
  bool serve() noexcept;
  /// Sends what fits. @return whether nothing is left
  bool flush() noexcept;
  bool has_ended() const noexcept { return ended_; }
  void end(const std::string& reason) noexcept;
  /// Lets go of what the client refers to, and of the line.
  void drop() noexcept;

  /// Worth a look in every turn.
  bool is_lively() const noexcept { return quiet_turns_ < patience; }
  bool is_starved() const noexcept { return is_starved_; }
  /// What its socket should tell of. @return whether that is new
  bool set_watched(std::uint32_t events) noexcept {
    return std::exchange(watched_, events) != events;
  }

  /// It is one too many: its first call fails, and that is its end.
  void refuse() noexcept { is_refused_ = true; }
  bool is_refused() const noexcept { return is_refused_; }
  /// When what was answered has left.
  void end_soon() noexcept { ends_soon_ = true; }

  bool is_greeted() const noexcept { return is_greeted_; }
  void greet(memory::Owner owner) noexcept {
    is_greeted_ = true;
    owner_ = owner;
  }
  /// Of the family: nobody as long as it has not said hello.
  memory::Owner owner() const noexcept { return owner_; }

  /// The client may use the object of this number; one of the family may use any.
  bool may_use(std::uint64_t object) const noexcept {
    return !is_foreign_ || references_.contains(object);
  }
  void release(std::uint64_t object, std::uint64_t count) noexcept;

  // AnswerSink
  void answer(std::uint64_t call, Encode encode, const void* value) noexcept override;
  void fail(std::uint64_t call, const std::exception_ptr& error,
            detail::Frames frames) noexcept override;
  void cancel(std::uint64_t call) noexcept override;
  detail::Timers& timers() noexcept override { return server_.timers(); }

 private:
  static constexpr std::uint32_t patience = 2000;

  void message(std::span<const std::byte> bytes) override;
  bool has_enough() const noexcept override;
  void dropped(std::span<const std::byte> begin) override;
  void write(detail::Writer& out, const detail::TargetRef& target) override;
  detail::TargetRef read(detail::Reader& in, std::uint64_t type) override;
  detail::Limits limits_of(std::size_t request);
  void post(std::uint64_t call, AnswerKind kind, detail::Writer& body);
  void fail_unsent(const std::exception_ptr& error) noexcept;
  void post_failure(std::uint64_t call, const std::exception_ptr& error,
                    std::string_view traceback) noexcept;
  void set_starved(bool starved) noexcept;

  struct References {
    detail::ObjectRef object;
    std::uint64_t count = 0;
  };

  Server& server_;
  const detail::SessionId id_;
  const bool is_foreign_;
  std::unique_ptr<Line> line_;
  memory::Owner owner_;
  bool is_greeted_ = false;
  bool is_refused_ = false;
  bool ends_soon_ = false;
  bool ended_ = false;
  bool is_starved_ = false;
  bool in_turn_ = false;
  std::uint32_t quiet_turns_ = 0;
  std::uint32_t watched_ = 0;
  std::size_t longest_unsent_ = 0;  ///< of the answers since the last time that all had left
  std::unordered_map<std::uint64_t, References> references_;  ///< of a foreign client
};

}  // namespace royong::inline v0::manager
