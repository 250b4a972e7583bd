// The least that a relay can do: for each connection one loop of splice(2) for either direction, blocking, without looking at anything,
// deciding anything or keeping a limit. What it reaches beside the gateway is what three processes reach on this machine's processors.
//
// Usage: splice PORT: connects what it accepts with that port of loopback; writes the port that it listens on.
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct direction { int source, target; };

static void *move(void *argument) {
    struct direction *direction = argument;
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) != 0) exit(1);
    fcntl(pipe[1], F_SETPIPE_SZ, 1 << 20);
    ssize_t count;
    while ((count = splice(direction->source, NULL, pipe[1], NULL, 1 << 20, SPLICE_F_MOVE)) > 0)
        while (count > 0) {
            ssize_t moved = splice(pipe[0], NULL, direction->target, NULL, (size_t)count, SPLICE_F_MOVE);
            if (moved <= 0) { count = -1; break; }
            count -= moved;
        }
    shutdown(direction->target, SHUT_WR);
    close(pipe[0]);
    close(pipe[1]);
    return NULL;
}

static int loopback(struct sockaddr_in *address, unsigned short port) {
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int number = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(number, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    return number;
}

int main(int count, char **words) {
    if (count != 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int listener = loopback(&address, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 16) != 0) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        int upstream = loopback(&address, (unsigned short)atoi(words[1]));
        if (client < 0 || connect(upstream, (struct sockaddr *)&address, length) != 0) return 1;
        struct direction out = {client, upstream}, back = {upstream, client};
        pthread_t thread;
        if (pthread_create(&thread, NULL, move, &out) != 0) return 1;
        move(&back);
        pthread_join(thread, NULL);
        close(client);
        close(upstream);
    }
}
