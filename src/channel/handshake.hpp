// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The handshake of client and listener, as a machine that is fed bytes: no socket, no clock.
 *
 *  | client | | listener |
 *  |---|---|---|
 *  | hello: format, nonce, whether it has a key | -> | |
 *  | | <- | hello: format, nonce, proof(listener) |
 *  | proof(client) | -> | |
 *  | | <- | welcome |
 *
 *  A proof is HMAC-SHA256 under the key over the role, both formats and both nonces: it cannot be sent back as one's own, nor used again. Either side
 *  answers what it does not accept with a refusal, and that ends the connection. Without a key there is the client's hello only, so that
 *  a client need not wait for `accept`.
 *
 *  Every message is a head of eight bytes, the last of which is the length of the rest: 256 bytes in all are the most that a peer who has
 *  proved nothing can send, and a machine never wants a byte beyond the handshake.
 */
#pragma once

#include <array>     // for std::array
#include <cstddef>   // for std::byte, std::size_t
#include <optional>  // for std::optional
#include <span>      // for std::span
#include <string>    // for std::string
#include <vector>    // for std::vector

namespace royong::inline v0::channel {

inline constexpr std::size_t handshake_head = 8;
/// Head and rest.
inline constexpr std::size_t longest_handshake = 256;
inline constexpr std::size_t nonce_size = 32;

enum class Side : unsigned char { client = 1, listener = 2 };

class Handshake {
 public:
  Handshake(Side side, std::optional<std::string> key);
  /// With a nonce of the caller's: for the fuzzer.
  Handshake(Side side, std::optional<std::string> key,
            std::span<const std::byte, nonce_size> nonce);

  /// Bytes to be sent before anything else is done; `sent` drops them.
  std::span<const std::byte> output() const noexcept { return output_; }
  void sent(std::size_t count) {
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  /// How many bytes are wanted next: 0 when nothing is to be read any more.
  std::size_t wanted() const noexcept;

  /** @brief So many bytes as wanted, or fewer.
   *  @throws AuthenticationError the peer has the wrong key, or none, or refuses ours. `output` holds what it must be told
   *  @throws TransferError it does not speak as a client or listener, or its format of data is not ours
   */
  void input(std::span<const std::byte> bytes);

  /// Whether all that is missing is to send `output`.
  bool done() const noexcept { return step_ == Step::done; }

 private:
  enum class Step { hello, proof, welcome, done };
  enum class Kind : unsigned char { hello = 1, proof = 2, welcome = 3, refusal = 4 };

  void say(Kind kind, std::span<const std::byte> body, std::span<const std::byte> more = {});
  [[noreturn]] void refuse(unsigned char reason);
  void accept_message(Kind kind, std::span<const std::byte> body);
  void take_hello(std::span<const std::byte> body);
  void take_proof(std::span<const std::byte> proof);
  std::array<std::byte, 32> proof_of(Side side) const;

  Side side_;
  std::optional<std::string> key_;
  Step step_ = Step::hello;
  std::vector<std::byte> mine_;    ///< the body of our hello, without proof
  std::vector<std::byte> theirs_;  ///< of the peer's
  std::vector<std::byte> output_;
  std::vector<std::byte> input_;
};

/// @throws AuthenticationError or TransferError these bytes, which came where a frame should begin, are a refusal
void throw_if_refusal(std::span<const std::byte> bytes);

}  // namespace royong::inline v0::channel
