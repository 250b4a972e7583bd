// System calls of the network gateway that Swift cannot spell: epoll(7) with its packed structure, splice(2), ancillary
// data of datagrams, and socket options whose names the C library hides.
#ifndef CLINUX_SOCKETS_H
#define CLINUX_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// One event of epoll_wait(2), without the packing that Swift does not import.
struct coop_event {
    uint64_t data;
    uint32_t events;
};

enum {
    COOP_EPOLLIN = 0x001,
    COOP_EPOLLOUT = 0x004,
    COOP_EPOLLERR = 0x008,
    COOP_EPOLLHUP = 0x010,
    COOP_EPOLLRDHUP = 0x2000,
    COOP_EPOLLET = (int)(1u << 31),
    COOP_EPOLL_ADD = 1,
    COOP_EPOLL_DELETE = 2,
    COOP_EPOLL_MODIFY = 3,
};

/// epoll_create1(2), close-on-exec.
int coop_epoll_create(void);
int coop_epoll_control(int queue, int operation, int number, uint32_t events, uint64_t data);
/// epoll_wait(2) for at most 256 events.
int coop_epoll_wait(int queue, struct coop_event *events, int count, int milliseconds);

/// splice(2) without blocking.
ssize_t coop_splice(int from, int to, size_t count);
/// pipe2(2), non-blocking and close-on-exec, of `size` bytes where the kernel grants it. Returns its size or -1.
int coop_splice_pipe(int ends[2], int size);

/// accept4(2), non-blocking and close-on-exec.
int coop_accept_nonblocking(int listener);
/// recv(2) with MSG_PEEK, without blocking.
ssize_t coop_peek(int socket, void *bytes, size_t count);
/// send(2) without blocking and without SIGPIPE.
ssize_t coop_send_now(int socket, const void *bytes, size_t count);
/// Closing the socket then resets the connection (SO_LINGER with no time, socket(7)).
int coop_reset_on_close(int socket);
int coop_no_delay(int socket);

/// Begins to connect a TCP socket, non-blocking and close-on-exec, to the 4 or 16 bytes of an address. The socket, or -1.
/// Over loopback it does not pace itself.
int coop_connect_now(const uint8_t *address, int length, uint16_t port);
/// SO_ERROR: how a connect(2) under way has ended.
int coop_socket_error(int socket);
/// The addresses of this machine's interfaces (getifaddrs(3)), 16 bytes each, IPv4 as ::ffff:a.b.c.d. Their number, at most
/// `limit`, or -1.
int coop_interface_addresses(uint8_t *addresses, int limit);

/// The address and port that a redirected connection was made to (SO_ORIGINAL_DST), in host byte order. 0, or -1.
int coop_original_destination(int socket, uint32_t *address, uint16_t *port);
/// The local address and port of an IPv4 socket, in host byte order. 0, or -1.
int coop_local_address(int socket, uint32_t *address, uint16_t *port);
/// SO_TYPE, or -1.
int coop_socket_type(int socket);

/// Bytes that a TCP connection has received, and that its peer has acknowledged (TCP_INFO, tcp(7)). 0, or -1.
int coop_stream_bytes(int socket, uint64_t *received, uint64_t *sent);

/// Where a datagram came from and which local address it was sent to; what an answer needs.
struct coop_datagram_peer {
    uint32_t address;
    uint32_t local_address;
    uint16_t port;
};
/// Asks for the local address of each datagram (IP_PKTINFO, ip(7)).
int coop_datagram_prepare(int socket);
/// recvmsg(2) of one datagram, without blocking. Longer ones are cut.
ssize_t coop_datagram_receive(int socket, void *bytes, size_t count, struct coop_datagram_peer *peer);
/// sendmsg(2) of an answer from the local address that the question came to, without blocking.
ssize_t coop_datagram_send(int socket, const void *bytes, size_t count, const struct coop_datagram_peer *peer);

/// seccomp(2) with SECCOMP_FILTER_FLAG_TSYNC: the filter is for all threads of the process. Returns 0, the number of a thread
/// that could not be brought along, or -1.
int coop_seccomp_install_all(const void *program, unsigned short count);

/// Restricts the calling thread, and those it makes later, to no file, no network and no process at all: a Landlock ruleset
/// that handles these rights and allows none (landlock(7)). 0, or -1.
int coop_deny_by_landlock(uint64_t files, uint64_t network, uint64_t scopes);

/// What a confined process must not be able to do, where the C library has no function for it or hides it. Each is harmless
/// where it succeeds, and returns -1 with errno where it fails.
enum coop_attempt_kind {
    coop_attempt_ptrace,
    coop_attempt_read_process,
    coop_attempt_bpf,
    coop_attempt_io_uring,
    coop_attempt_mark,
};
long coop_attempt(enum coop_attempt_kind kind);

#endif
