// struct in_pktinfo, splice and pipe2 are GNU extensions; not in the header, see CLinux.c.
#define _GNU_SOURCE
#include "CLinuxSockets.h"
#include "CLinux.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef SO_ORIGINAL_DST
#define SO_ORIGINAL_DST 80 // linux/netfilter_ipv4.h
#endif

int coop_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int coop_epoll_control(int queue, int operation, int number, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(queue, operation, number, &event);
}

int coop_epoll_wait(int queue, struct coop_event *events, int count, int milliseconds) {
    struct epoll_event found[256];
    int result = epoll_wait(queue, found, count < 256 ? count : 256, milliseconds);
    for (int i = 0; i < result; i++) {
        events[i].events = found[i].events;
        events[i].data = found[i].data.u64;
    }
    return result;
}


ssize_t coop_splice(int from, int to, size_t count) {
    return splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int coop_splice_pipe(int ends[2], int size) {
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return -1;
    int granted = fcntl(ends[1], F_SETPIPE_SZ, size);
    return granted > 0 ? granted : fcntl(ends[1], F_GETPIPE_SZ);
}

int coop_accept_nonblocking(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

ssize_t coop_peek(int socket, void *bytes, size_t count) { return recv(socket, bytes, count, MSG_PEEK | MSG_DONTWAIT); }

ssize_t coop_send_now(int socket, const void *bytes, size_t count) {
    return send(socket, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int coop_reset_on_close(int socket) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

int coop_no_delay(int socket) {
    int on = 1;
    return setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int coop_original_destination(int socket, uint32_t *address, uint16_t *port) {
    struct sockaddr_in original;
    socklen_t size = sizeof(original);
    if (getsockopt(socket, IPPROTO_IP, SO_ORIGINAL_DST, &original, &size) != 0) return -1;
    *address = ntohl(original.sin_addr.s_addr);
    *port = ntohs(original.sin_port);
    return 0;
}

int coop_local_address(int socket, uint32_t *address, uint16_t *port) {
    struct sockaddr_in local;
    socklen_t size = sizeof(local);
    if (getsockname(socket, (struct sockaddr *)&local, &size) != 0) return -1;
    if (local.sin_family != AF_INET) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    *address = ntohl(local.sin_addr.s_addr);
    *port = ntohs(local.sin_port);
    return 0;
}

int coop_socket_type(int socket) {
    int type = 0;
    socklen_t size = sizeof(type);
    return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? type : -1;
}

int coop_stream_bytes(int socket, uint64_t *received, uint64_t *sent) {
    struct tcp_info info;
    memset(&info, 0, sizeof(info));
    socklen_t size = sizeof(info);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
    *received = info.tcpi_bytes_received;
    *sent = info.tcpi_bytes_acked;
    return 0;
}

int coop_datagram_prepare(int socket) {
    int on = 1;
    return setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

ssize_t coop_datagram_receive(int socket, void *bytes, size_t count, struct coop_datagram_peer *peer) {
    struct sockaddr_in from;
    struct iovec part = {bytes, count};
    union {
        char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = control.space, .msg_controllen = sizeof(control.space),
    };
    ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT);
    if (received < 0) return received;
    memset(peer, 0, sizeof(*peer));
    if (message.msg_namelen >= sizeof(from) && from.sin_family == AF_INET) {
        peer->address = ntohl(from.sin_addr.s_addr);
        peer->port = ntohs(from.sin_port);
    }
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != IPPROTO_IP || header->cmsg_type != IP_PKTINFO) continue;
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(header), sizeof(info));
        peer->local_address = ntohl(info.ipi_spec_dst.s_addr);
    }
    return received;
}

ssize_t coop_datagram_send(int socket, const void *bytes, size_t count, const struct coop_datagram_peer *peer) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(peer->port), .sin_addr.s_addr = htonl(peer->address)};
    struct iovec part = {(void *)bytes, count};
    union {
        char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr align;
    } control;
    memset(&control, 0, sizeof(control));
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &part, .msg_iovlen = 1};
    if (peer->local_address != 0) {
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(peer->local_address)};
        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(header), &info, sizeof(info));
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int coop_seccomp_install_all(const void *program, unsigned short count) {
    struct sock_fprog filter = {count, (struct sock_filter *)program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
}

int coop_deny_by_landlock(uint64_t files, uint64_t network, uint64_t scopes) {
    struct coop_landlock_ruleset attributes = {files, network, scopes};
    size_t size = scopes ? 24 : network ? 16 : 8;
    int ruleset = coop_landlock_create(&attributes, size);
    if (ruleset < 0) return -1;
    int result = coop_landlock_restrict(ruleset);
    int saved = errno;
    close(ruleset);
    errno = saved;
    return result;
}

long coop_attempt(enum coop_attempt_kind kind) {
    char byte = 0;
    struct iovec part = {&byte, 1};
    int mark = 1;
    switch (kind) {
    case coop_attempt_ptrace: return ptrace(PTRACE_TRACEME, 0, 0, 0);
    case coop_attempt_read_process: return syscall(SYS_process_vm_readv, getpid(), &part, 1, &part, 1, 0);
    case coop_attempt_bpf: return syscall(SYS_bpf, 0, NULL, 0);
    case coop_attempt_io_uring: return syscall(SYS_io_uring_setup, 1, NULL);
    case coop_attempt_mark: return setsockopt(3, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
    }
    errno = EINVAL;
    return -1;
}

int coop_connect_now(const uint8_t *address, int length, uint16_t port) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (length == 4) memcpy(&v4.sin_addr, address, 4);
    else memcpy(&v6.sin6_addr, address, 16);
    int number = socket(length == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (number < 0) return -1;
    // Over loopback there is nothing that a sender could congest, and one that paces itself (BBR) only costs time.
    int loopback = length == 4 ? address[0] == 127 : IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    if (loopback) (void)setsockopt(number, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    int code = length == 4 ? connect(number, (struct sockaddr *)&v4, sizeof(v4)) : connect(number, (struct sockaddr *)&v6, sizeof(v6));
    if (code != 0 && errno != EINPROGRESS) {
        int saved = errno;
        close(number);
        errno = saved;
        return -1;
    }
    return number;
}

int coop_socket_error(int socket) {
    int error = 0;
    socklen_t length = sizeof(error);
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

int coop_interface_addresses(uint8_t *addresses, int limit) {
    struct ifaddrs *first = NULL;
    if (getifaddrs(&first) != 0) return -1;
    int count = 0;
    for (struct ifaddrs *one = first; one && count < limit; one = one->ifa_next) {
        if (!one->ifa_addr) continue;
        uint8_t *place = addresses + 16 * count;
        if (one->ifa_addr->sa_family == AF_INET) {
            memset(place, 0, 10);
            memset(place + 10, 0xFF, 2);
            memcpy(place + 12, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, 4);
            count++;
        } else if (one->ifa_addr->sa_family == AF_INET6) {
            memcpy(place, &((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr, 16);
            count++;
        }
    }
    freeifaddrs(first);
    return count;
}
