// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Frames: messages on a byte stream, and the reader that believes no length before the bytes are there.
 *
 *  | bytes | of a frame |
 *  |---|---|
 *  | 4 | "RYF1" |
 *  | 4 | flags: 1 = a descriptor comes with the first byte |
 *  | 8 | length of the body |
 *  | 8 | hash of the body's type |
 *  | length | body |
 *  | ... | zeros, up to 128 bytes in all |
 *
 *  **Why no frame is shorter:** so many bytes can be read at once without taking any of the next frame, which may be for another process that
 *  holds the descriptor, and without knowing the length. So a short message costs one read, and not one for its header and one for its body.
 *
 *  Numbers are in the byte order of the machine; the handshake has made sure that both sides have the same.
 */
#pragma once

#include <array>    // for std::array
#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint32_t, std::uint64_t
#include <span>     // for std::span
#include <vector>   // for std::vector

#include "royong/error.hpp"

namespace royong::inline v0::channel {

inline constexpr std::size_t frame_header_size = 24;
/// Bytes of header, body and zeros together at the least.
inline constexpr std::size_t shortest_frame = 128;
/// Bytes that a body may have at the most, whatever the reader allows.
inline constexpr std::uint64_t longest_frame = std::uint64_t{1} << 40;

struct FrameHeader {
  static constexpr std::uint32_t with_descriptor = 1;
  std::uint32_t flags = 0;
  std::uint64_t length = 0;
  std::uint64_t type = 0;
};

using FrameBytes = std::array<std::byte, frame_header_size>;

FrameBytes encode_frame_header(const FrameHeader& header) noexcept;

/// The zeros that follow a body of this length.
std::span<const std::byte> padding_behind(std::uint64_t length) noexcept;

/** @brief The header in these bytes.
 *  @throws AuthenticationError they are the refusal of a listener that wants a key
 *  @throws TransferError they are no frame's, or announce more than `longest_frame`
 */
FrameHeader decode_frame_header(std::span<const std::byte, frame_header_size> bytes);

/// A frame is longer than its reader wants. The rest of the stream is useless to that reader.
class FrameTooLong : public TransferError {
 public:
  using TransferError::TransferError;
};

/** @brief Puts one frame together from bytes as they come.
 *
 *      while (!reader.advance(read(reader.room()))) {}
 *
 *  Memory is asked for as bytes arrive: twice what there is, 64 KiB at first. A length that is a lie costs nothing.
 */
class FrameReader {
 public:
  explicit FrameReader(std::uint64_t longest = longest_frame) noexcept : longest_(longest) {}

  /// Where the next bytes go; never beyond the frame, never empty before it is complete.
  std::span<std::byte> room();

  /** @brief So many bytes have been put there.
   *  @return whether the frame is complete
   *  @throws FrameTooLong, and what decode_frame_header throws
   */
  bool advance(std::size_t count);

  /// Whether nothing of the frame has come yet.
  bool untouched() const noexcept { return in_first_ == 0; }
  /// Bytes of the body that are here, and are kept.
  std::size_t body_so_far() const noexcept { return drops_body_ ? kept_ : in_body_; }
  /// Of what is here of the body the first so many bytes are kept, or all if there are fewer; what comes is received and dropped.
  void drop_body(std::size_t kept);
  bool drops_body() const noexcept { return drops_body_; }
  void set_longest(std::uint64_t longest) noexcept { longest_ = longest; }

  const FrameHeader& header() const noexcept { return header_; }
  /// Of a complete frame: its body, or what was kept of it.
  std::vector<std::byte> take_body() noexcept { return std::move(body_); }

 private:
  bool complete();

  std::uint64_t longest_;
  std::array<std::byte, shortest_frame> first_{};  ///< the header, and what of the body fits
  std::size_t in_first_ = 0;
  FrameHeader header_{};
  std::vector<std::byte> body_;
  std::size_t in_body_ = 0;
  bool drops_body_ = false;
  std::size_t kept_ = 0;  ///< of a body that is dropped
};

}  // namespace royong::inline v0::channel
