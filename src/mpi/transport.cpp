// SPDX-License-Identifier: Apache-2.0
#include "mpi/transport.hpp"

#include <mpi.h>
#include <signal.h>

#include <algorithm>  // for std::min
#include <cstdlib>    // for std::getenv
#include <cstring>    // for std::memcpy
#include <utility>    // for std::exchange, std::pair

#include "mpi/failures.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::mpi {
namespace {

constexpr int first_tag =
    0x726f;                       // a piece that begins a message; high enough not to be the user's
constexpr int next_tag = 0x7270;  // any other piece
constexpr std::size_t piece_bytes = std::size_t{128} << 10;
constexpr std::size_t pieces_under_way = 4;
constexpr int messages_per_poll = 64;

std::string text_of_code(int code) {
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) return "error " + std::to_string(code);
  return {text, static_cast<std::size_t>(length)};
}

void check(int code, const char* what) {
  if (code != MPI_SUCCESS) throw Error(std::string(what) + ": " + text_of_code(code));
}

class MpiTransport final : public Transport {
 public:
  MpiTransport() {
    int initialized = 0;
    check(MPI_Initialized(&initialized), "cannot ask for MPI");
    int level = MPI_THREAD_SINGLE;
    if (initialized != 0) {
      check(MPI_Query_thread(&level), "cannot ask for the level of threads");
    } else {
      check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level),
            "cannot initialise MPI");
      own_ = true;
    }
    if (level < MPI_THREAD_SERIALIZED)
      throw Error("this MPI does not allow calls from several threads (MPI_THREAD_SERIALIZED)");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "cannot set error handling");
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "cannot learn the rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "cannot learn the number of ranks");
    peers_ = std::vector<Peer>(static_cast<std::size_t>(size_));
    // The death of a peer would come as a signal where MPI goes over sockets. Set after the
    // forkserver was started: workers have what the program had.
    struct sigaction now{};
    if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
      ::signal(SIGPIPE, SIG_IGN);
  }

  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return size_; }

  void send(int to, MessagePtr message) override {
    Peer& peer = peers_[static_cast<std::size_t>(to)];
    if (peer.mute) return;
    FrameHead head;
    head.length = message->size();
    std::memcpy(const_cast<std::byte*>(message->bytes().data()), &head, sizeof head);
    peer.out.push_back({std::move(message), 0, 0});
    push(to);
  }

  bool poll(Receiver& receiver) override {
    bool any = false;
    for (int i = 0; i < size_; ++i) {
      if (!peers_[static_cast<std::size_t>(i)].out.empty()) any |= push(i);
    }
    any |= take_news(receiver);
    for (const std::size_t from : std::exchange(busy_, {})) {
      peers_[from].waits = false;
      any |= take_ready(from, receiver);
    }
    for (; !broken_.empty(); broken_.pop_back()) {
      auto [rank, why] = broken_.back();
      Peer& peer = peers_[static_cast<std::size_t>(rank)];
      if (!std::exchange(peer.told, true)) receiver.failed(rank, why);
    }
    return any;
  }

  void give_up(int rank) override {
    Peer& peer = peers_[static_cast<std::size_t>(rank)];
    peer.mute = true;
    // What MPI has must stay; what it has not must not grow old here.
    while (!peer.out.empty() && peer.out.back().pieces == 0) peer.out.pop_back();
  }

  void take_up(int rank) override { peers_[static_cast<std::size_t>(rank)].mute = false; }

  bool is_flushed() const noexcept override {
    for (const Peer& peer : peers_) {
      if (!peer.mute && !peer.out.empty()) return false;
    }
    return true;
  }

  void finalize() override {
    if (own_) MPI_Finalize();
  }

 private:
  /// A message on its way out.
  struct Outgoing {
    MessagePtr message;
    std::size_t sent = 0;    // bytes that MPI was given
    std::size_t pieces = 0;  // that MPI has not finished with
  };
  struct Incoming {
    std::vector<std::byte> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
    bool first = false;
    bool done = false;
  };
  struct Peer {
    std::deque<Outgoing> out;
    std::deque<MPI_Request> requests;  // of the pieces under way, oldest first
    std::deque<Incoming> in;           // pieces that are being received, in order
    std::vector<std::byte> whole;      // a message of several pieces, so far
    std::uint64_t length = 0;          // of that; 0: none
    bool mute = false;
    bool deaf = false;
    bool told = false;
    bool waits = false;  // is in busy_
  };

  void note_failure(int rank, const std::string& why) { broken_.emplace_back(rank, why); }

  /// Gives MPI what it may be given, and takes back what it has finished with.
  bool push(int to) {
    Peer& peer = peers_[static_cast<std::size_t>(to)];
    bool any = false;
    while (!peer.requests.empty()) {
      int done = 0;
      const int code = MPI_Test(&peer.requests.front(), &done, MPI_STATUS_IGNORE);
      if (code != MPI_SUCCESS) {
        note_failure(to, text_of_code(code));
      } else if (done == 0) {
        break;
      }
      any = true;
      peer.requests.pop_front();
      // Pieces end in order, so this one is of the first message.
      Outgoing& first = peer.out.front();
      if (--first.pieces == 0 && first.sent == first.message->size()) peer.out.pop_front();
    }
    for (Outgoing& next : peer.out) {
      const auto bytes = next.message->bytes();
      while (next.sent < bytes.size()) {
        if (peer.requests.size() >= pieces_under_way || peer.mute) return any;
        const std::size_t count = std::min(piece_bytes, bytes.size() - next.sent);
        MPI_Request request = MPI_REQUEST_NULL;
        const int code = MPI_Isend(bytes.data() + next.sent, static_cast<int>(count), MPI_BYTE, to,
                                   next.sent == 0 ? first_tag : next_tag, MPI_COMM_WORLD, &request);
        if (code != MPI_SUCCESS) {
          note_failure(to, text_of_code(code));
          return true;
        }
        next.sent += count;
        ++next.pieces;
        peer.requests.push_back(request);
        any = true;
      }
    }
    return any;
  }

  /// Begins to receive what has been announced.
  bool take_news(Receiver& receiver) {
    bool any = false;
    for (int i = 0; i < messages_per_poll; ++i) {
      int found = 0;
      MPI_Message handle = MPI_MESSAGE_NULL;
      MPI_Status status;
      const int code =
          MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &handle, &status);
      if (code != MPI_SUCCESS) {
        const auto dead = acknowledge_failures(code);
        if (dead.empty()) throw Error("cannot look for messages: " + text_of_code(code));
        for (const int rank : dead) note_failure(rank, text_of_code(code));
        return true;  // there may be messages of others
      }
      if (found == 0) return any;
      any = true;
      int count = 0;
      MPI_Get_count(&status, MPI_BYTE, &count);
      const auto from = static_cast<std::size_t>(status.MPI_SOURCE);
      Peer& peer = peers_[from];
      Incoming& in = peer.in.emplace_back();
      in.first = status.MPI_TAG == first_tag;
      const bool sound = (in.first || status.MPI_TAG == next_tag) && count >= 0 &&
                         static_cast<std::size_t>(count) <= piece_bytes;
      in.bytes = take_buffer(static_cast<std::size_t>(std::max(count, 0)));
      const int code2 = MPI_Imrecv(in.bytes.data(), count, MPI_BYTE, &handle, &in.request);
      if (!sound || code2 != MPI_SUCCESS) {
        note_failure(status.MPI_SOURCE, sound ? text_of_code(code2) : "it sent what is no message");
        peer.deaf = true;
      }
      take_ready(from, receiver);
    }
    return any;
  }

  /// Hands on the messages of a rank that are complete.
  bool take_ready(std::size_t from, Receiver& receiver) {
    Peer& peer = peers_[from];
    bool any = false;
    while (!peer.in.empty()) {
      Incoming& in = peer.in.front();
      int done = 0;
      const int code = MPI_Test(&in.request, &done, MPI_STATUS_IGNORE);
      if (code != MPI_SUCCESS) {
        note_failure(static_cast<int>(from), text_of_code(code));
        peer.deaf = true;
        done = 1;
      }
      if (done == 0) {
        if (!std::exchange(peer.waits, true)) busy_.push_back(from);
        return any;
      }
      any = true;
      Incoming piece = std::move(in);
      peer.in.pop_front();
      if (!peer.deaf) take_piece(from, piece, receiver);
      give_buffer(std::move(piece.bytes));
    }
    return any;
  }

  void take_piece(std::size_t from, Incoming& piece, Receiver& receiver) {
    Peer& peer = peers_[from];
    const auto nonsense = [&] {
      note_failure(static_cast<int>(from), "it sent what is no message");
      peer.deaf = true;
    };
    if (piece.first != (peer.length == 0)) return nonsense();
    if (piece.first) {
      FrameHead head;
      if (piece.bytes.size() <= sizeof head) return nonsense();
      std::memcpy(&head, piece.bytes.data(), sizeof head);
      if (head.magic != FrameHead::frame_magic || head.length < piece.bytes.size())
        return nonsense();
      if (head.length == piece.bytes.size())
        return receiver.received(static_cast<int>(from),
                                 std::span(piece.bytes).subspan(sizeof head));
      peer.length = head.length;
    }
    if (piece.bytes.size() > peer.length - peer.whole.size()) return nonsense();
    peer.whole.insert(peer.whole.end(), piece.bytes.begin(), piece.bytes.end());
    if (peer.whole.size() < peer.length) return;
    std::vector<std::byte> whole = std::move(peer.whole);
    peer.whole = {};
    peer.length = 0;
    receiver.received(static_cast<int>(from), std::span(whole).subspan(sizeof(FrameHead)));
  }

  std::vector<std::byte> take_buffer(std::size_t size) {
    std::vector<std::byte> buffer;
    if (!buffers_.empty()) {
      buffer = std::move(buffers_.back());
      buffers_.pop_back();
    }
    buffer.resize(size);
    return buffer;
  }
  void give_buffer(std::vector<std::byte> buffer) {
    if (buffers_.size() < 16) buffers_.push_back(std::move(buffer));
  }

  int rank_ = 0;
  int size_ = 1;
  bool own_ = false;
  std::vector<Peer> peers_;
  std::vector<std::size_t> busy_;  // ranks with a piece that is not complete
  std::vector<std::pair<int, std::string>> broken_;
  std::vector<std::vector<std::byte>> buffers_;
};

bool has(const char* name) { return std::getenv(name) != nullptr; }

}  // namespace

bool is_launched() {
  if (has("OMPI_COMM_WORLD_SIZE") || has("PMIX_RANK") || has("PMI_RANK") || has("PMI_SIZE"))
    return true;
  const char* tasks = std::getenv("SLURM_NTASKS");
  if (has("SLURM_STEP_ID") && has("SLURM_PROCID") && tasks != nullptr && std::atoi(tasks) > 1)
    throw UsageError(
        "srun started several tasks without telling MPI: each would be a program of its own; use "
        "srun --mpi=pmix (or pmi2, as `srun --mpi=list` has it), or mpirun inside of salloc");
  return false;
}

std::unique_ptr<Transport> make_transport() { return std::make_unique<MpiTransport>(); }

}  // namespace royong::inline v0::mpi
