// SPDX-License-Identifier: Apache-2.0
#include "channel/handshake.hpp"

#include <algorithm>  // for std::ranges::copy
#include <bit>        // for std::endian
#include <cstring>    // for std::memcpy

#include "channel/frame.hpp"
#include "channel/secret.hpp"
#include "os/random.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::channel {
namespace {

// "royong", the version of the protocol, and the length of the rest.
constexpr std::array<char, 6> magic{'r', 'o', 'y', 'o', 'n', 'g'};
constexpr unsigned char protocol = 1;

// A refusal is as long as the header of a frame, because it may come where one is expected.
constexpr std::size_t refusal_body = frame_header_size - handshake_head - 1;

enum Reason : unsigned char { wrong_key = 1, key_missing = 2, no_key_here = 3, other_format = 4 };

// What the archive takes for granted of the machine and the compiler.
constexpr std::array<unsigned char, 7> format{std::endian::native == std::endian::little ? 1 : 2,
                                              sizeof(void*),
                                              sizeof(long),
                                              sizeof(wchar_t),
                                              sizeof(long double),
                                              alignof(std::max_align_t),
                                              sizeof(std::size_t)};

// Body of a hello: side, whether there is a key, format, nonce; behind it a listener's proof.
constexpr std::size_t hello_size = 2 + format.size() + nonce_size;
static_assert(handshake_head + 1 + hello_size + 32 <= longest_handshake);

constexpr std::byte byte(unsigned char value) noexcept { return std::byte{value}; }

[[noreturn]] void throw_garbage() {
  throw TransferError("what came is no handshake of this library");
}

[[noreturn]] void throw_reason(unsigned char reason, bool ours) {
  switch (reason) {
    case wrong_key:
      throw AuthenticationError(ours ? "the peer does not know the authkey"
                                     : "the peer refused: it has another authkey");
    case key_missing:
      throw AuthenticationError(ours ? "the peer came without an authkey"
                                     : "the peer refused: it wants an authkey");
    case no_key_here:
      throw AuthenticationError(ours ? "the peer wants an authkey, and this side has none"
                                     : "the peer refused: it has no authkey");
    case other_format: throw TransferError("the peer was compiled for another format of data");
    default: throw_garbage();
  }
}

}  // namespace

Handshake::Handshake(Side side, std::optional<std::string> key)
    : Handshake(side, std::move(key), os::random_bytes<nonce_size>()) {}

Handshake::Handshake(Side side, std::optional<std::string> key,
                     std::span<const std::byte, nonce_size> nonce)
    : side_(side), key_(std::move(key)) {
  mine_ = {byte(static_cast<unsigned char>(side_)), byte(key_ ? 1 : 0)};
  for (const auto part : format) mine_.push_back(byte(part));
  mine_.insert(mine_.end(), nonce.begin(), nonce.end());
  if (side_ == Side::client) {
    say(Kind::hello, mine_);
    if (!key_) step_ = Step::done;
  }
}

std::size_t Handshake::wanted() const noexcept {
  if (step_ == Step::done) return 0;
  if (input_.size() < handshake_head) return handshake_head - input_.size();
  return handshake_head + std::to_integer<std::size_t>(input_[handshake_head - 1]) - input_.size();
}

void Handshake::input(std::span<const std::byte> bytes) {
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  if (input_.size() < handshake_head) return;
  const auto rest = std::to_integer<std::size_t>(input_[handshake_head - 1]);
  if (std::memcmp(input_.data(), magic.data(), magic.size()) != 0 || rest == 0 ||
      handshake_head + rest > longest_handshake) {
    throw_garbage();
  }
  if (input_[magic.size()] != byte(protocol)) {
    throw TransferError("the peer speaks another version of the protocol");
  }
  if (input_.size() < handshake_head + rest) return;
  const std::vector<std::byte> message = std::exchange(input_, {});
  const auto kind = static_cast<Kind>(message[handshake_head]);
  accept_message(kind, std::span(message).subspan(handshake_head + 1));
}

void Handshake::accept_message(Kind kind, std::span<const std::byte> body) {
  if (kind == Kind::refusal) {
    if (body.size() != refusal_body) throw_garbage();
    throw_reason(std::to_integer<unsigned char>(body[0]), false);
  }
  switch (step_) {
    case Step::hello:
      if (kind != Kind::hello) throw_garbage();
      take_hello(body);
      return;
    case Step::proof:
      if (kind != Kind::proof) throw_garbage();
      take_proof(body);
      say(Kind::welcome, {});
      step_ = Step::done;
      return;
    case Step::welcome:
      if (kind != Kind::welcome || !body.empty()) throw_garbage();
      step_ = Step::done;
      return;
    case Step::done: throw_garbage();
  }
}

void Handshake::take_hello(std::span<const std::byte> body) {
  const Side peer = side_ == Side::client ? Side::listener : Side::client;
  const std::size_t proof = peer == Side::listener ? sizeof(Digest) : 0;
  if (body.size() != hello_size + proof || body[0] != byte(static_cast<unsigned char>(peer)) ||
      std::to_integer<unsigned>(body[1]) > 1) {
    throw_garbage();
  }
  if (std::memcmp(body.data() + 2, format.data(), format.size()) != 0) refuse(other_format);
  const bool has_key = body[1] != byte(0);
  if (has_key && !key_) refuse(no_key_here);
  if (!has_key && key_) refuse(key_missing);
  theirs_.assign(body.begin(), body.begin() + hello_size);
  if (!key_) {  // a listener's side: the client has said all
    step_ = Step::done;
    return;
  }
  if (side_ == Side::listener) {
    say(Kind::hello, mine_, proof_of(Side::listener));
    step_ = Step::proof;
  } else {
    take_proof(body.subspan(hello_size));
    say(Kind::proof, proof_of(Side::client));
    step_ = Step::welcome;
  }
}

void Handshake::take_proof(std::span<const std::byte> proof) {
  const Side peer = side_ == Side::client ? Side::listener : Side::client;
  if (!equal_secrets(proof, proof_of(peer))) refuse(wrong_key);
}

Digest Handshake::proof_of(Side side) const {
  const auto role = byte(static_cast<unsigned char>(side));
  const auto& clients = side_ == Side::client ? mine_ : theirs_;
  const auto& listeners = side_ == Side::client ? theirs_ : mine_;
  return hmac(*key_, {std::as_bytes(std::span(magic)), {&role, 1}, clients, listeners});
}

void Handshake::say(Kind kind, std::span<const std::byte> body, std::span<const std::byte> more) {
  for (const char c : magic) output_.push_back(byte(static_cast<unsigned char>(c)));
  output_.push_back(byte(protocol));
  output_.push_back(byte(static_cast<unsigned char>(1 + body.size() + more.size())));
  output_.push_back(byte(static_cast<unsigned char>(kind)));
  output_.insert(output_.end(), body.begin(), body.end());
  output_.insert(output_.end(), more.begin(), more.end());
}

void Handshake::refuse(unsigned char reason) {
  std::array<std::byte, refusal_body> body{};
  body[0] = byte(reason);
  say(Kind::refusal, body);
  throw_reason(reason, true);
}

void throw_if_refusal(std::span<const std::byte> bytes) {
  // The Kind of a refusal is private: this is the one place outside that knows it.
  constexpr unsigned char refusal = 4;
  if (bytes.size() != frame_header_size ||
      std::memcmp(bytes.data(), magic.data(), magic.size()) != 0 ||
      bytes[magic.size()] != byte(protocol) || bytes[handshake_head] != byte(refusal)) {
    return;
  }
  throw_reason(std::to_integer<unsigned char>(bytes[handshake_head + 1]), false);
}

}  // namespace royong::inline v0::channel
