// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What proxies refer to: objects of a server of this family, and of another program's.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint64_t
#include <mutex>    // for std::mutex
#include <vector>   // for std::vector

#include "manager/client_session.hpp"
#include "royong/detail/manager/session.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::manager {

/// An object of a server of this family: this process's share in its record keeps it alive.
class LocalTarget final : public detail::ProxyTarget {
 public:
  explicit LocalTarget(detail::ObjectRef object);
  ~LocalTarget() override;

  detail::StateRef<detail::Session> session() const override;
  std::uint64_t id() const noexcept override { return id_; }
  bool equals(const ProxyTarget& other) const noexcept override;
  detail::ObjectRef object() const noexcept override { return object_; }
  const detail::ObjectRef& server() const noexcept { return server_; }

 private:
  const detail::ObjectRef object_;
  const std::uint64_t id_;
  const detail::ObjectRef server_;
  mutable std::atomic<ClientSession*> session_{nullptr};  ///< a count of it is in `sessions_`
  mutable std::mutex mutex_;
  /// The one, and those of before a fork: whoever reads `session_` may still be about to add to their counts.
  mutable std::vector<detail::StateRef<detail::Session>> sessions_;
};

/// An object of a server of another program.
class RemoteTarget final : public detail::ProxyTarget {
 public:
  RemoteTarget(detail::StateRef<ClientSession> session, std::uint64_t id) noexcept
      : session_(std::move(session)), id_(id) {}
  /// The same object with a registered class.
  RemoteTarget(std::shared_ptr<const RemoteTarget> reference,
               std::vector<std::uint32_t> operations) noexcept
      : session_(reference->session_),
        id_(reference->id_),
        operations_(std::move(operations)),
        reference_(std::move(reference)) {}
  ~RemoteTarget() override;

  detail::StateRef<detail::Session> session() const override;
  std::uint64_t id() const noexcept override { return id_; }
  bool equals(const ProxyTarget& other) const noexcept override;
  detail::ObjectRef object() const noexcept override { return {}; }
  std::uint32_t operation(std::uint32_t own) const override;
  const ClientSession& session_of() const noexcept { return *session_; }
  const std::vector<std::uint32_t>& operations() const noexcept { return operations_; }

 private:
  const detail::StateRef<ClientSession> session_;
  const std::uint64_t id_;
  const std::vector<std::uint32_t> operations_;  ///< of a registered class: the server's numbers
  const std::shared_ptr<const RemoteTarget> reference_;  ///< counts at the server instead of this
};

/// A found object of a registered class, whose methods have these numbers at the server.
detail::TargetRef with_operations(const detail::TargetRef& target,
                                  std::vector<std::uint32_t> operations);

}  // namespace royong::inline v0::manager
