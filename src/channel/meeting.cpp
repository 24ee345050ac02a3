// SPDX-License-Identifier: Apache-2.0
#include "channel/meeting.hpp"

#include <array>      // for std::array
#include <exception>  // for std::exception

#include "royong/error.hpp"

namespace royong::inline v0::channel {

Meeting::Outcome Meeting::advance() {
  try {
    return step();
  } catch (const Error&) {
    try {
      write_output();  // the refusal: a few bytes, which fit the socket or are not worth waiting for
    } catch (const std::exception&) {
      // The reason that is being thrown matters more.
    }
    throw;
  }
}

/// @return whether all of it is on its way
bool Meeting::write_output() {
  while (!handshake_.output().empty()) {
    const auto output = handshake_.output();
    iovec part{const_cast<std::byte*>(output.data()), output.size()};
    const Progress progress = stream_->write_some({&part, 1}, -1);
    if (progress.bytes == 0) {
      wants_ = progress.ended ? short{0} : progress.wants;
      return false;
    }
    handshake_.sent(progress.bytes);
  }
  return true;
}

Meeting::Outcome Meeting::step() {
  if (!begun_) {
    const Progress progress = stream_->begin();
    if (progress.ended) return Outcome::gone;
    if (progress.wants != 0) {
      wants_ = progress.wants;
      return Outcome::waiting;
    }
    begun_ = true;
  }
  for (;;) {
    const bool written = write_output();
    if (!written && wants_ != 0) return Outcome::waiting;
    if (written && handshake_.done()) return Outcome::done;
    if (handshake_.wanted() == 0) {
      // It cannot be written any more. The peer may have left its reasons: those of TLS are thrown.
      std::byte unused{};
      stream_->read_some({&unused, 1}, nullptr);
      return Outcome::gone;
    }
    std::array<std::byte, longest_handshake> buffer;
    const Progress progress =
        stream_->read_some(std::span(buffer).first(handshake_.wanted()), nullptr);
    if (progress.ended) return Outcome::gone;
    if (progress.bytes == 0) {
      wants_ = progress.wants;
      return Outcome::waiting;
    }
    handshake_.input(std::span(buffer).first(progress.bytes));
  }
}

}  // namespace royong::inline v0::channel
