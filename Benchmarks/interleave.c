// Starts commands in turn, round after round, and prints how long each took from posix_spawn-like start to its end.
//
//   interleave ROUNDS < contenders        one contender a line: NAME UID GID HOME DIRECTORY PROGRAM ARGUMENT…, by tabs
//
// Output: NAME, a tab, nanoseconds; one line for each start. Every round begins with another contender, so that none
// always profits from what its neighbour left in the caches. vfork and raw system calls: this process stays out of the
// figures.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_ARGUMENTS 1024
#define MOST_CONTENDERS 32

struct contender {
    char *name, *directory;
    uid_t user;
    gid_t group;
    char *environment[8];
    char *arguments[MOST_ARGUMENTS];
};

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static char *variable(const char *name, const char *value) {
    char *text = NULL;
    if (asprintf(&text, "%s=%s", name, value) < 0) abort();
    return text;
}

static void parse(struct contender *contender, char *line) {
    char *rest = strdup(line);
    contender->name = strsep(&rest, "\t");
    contender->user = (uid_t)atoi(strsep(&rest, "\t"));
    contender->group = (gid_t)atoi(strsep(&rest, "\t"));
    char *home = strsep(&rest, "\t");
    contender->directory = strsep(&rest, "\t");
    int count = 0;
    for (char *argument; (argument = strsep(&rest, "\t")) && count < MOST_ARGUMENTS - 1;) contender->arguments[count++] = argument;
    int variables = 0;
    contender->environment[variables++] = variable("HOME", home);
    contender->environment[variables++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    contender->environment[variables++] = "LANG=C.UTF-8";
    if (getenv("CONTAINERS_CONF")) contender->environment[variables++] = variable("CONTAINERS_CONF", getenv("CONTAINERS_CONF"));
}

static void run(struct contender *contender, int null, int print) {
    uint64_t begin = now();
    pid_t child = vfork();
    if (child == 0) {
        // The memory is shared with the parent, which sleeps: system calls only.
        if (syscall(SYS_setgroups, 0, NULL) != 0 && errno != EPERM) _exit(126);
        if (syscall(SYS_setresgid, contender->group, contender->group, contender->group) != 0) _exit(126);
        if (syscall(SYS_setresuid, contender->user, contender->user, contender->user) != 0) _exit(126);
        if (chdir(contender->directory) != 0) _exit(126);
        dup2(null, 0);
        dup2(null, 1);
        execve(contender->arguments[0], contender->arguments, contender->environment);
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    uint64_t end = now();
    if (status != 0) {
        fprintf(stderr, "interleave: %s ended with status %d\n", contender->name, status);
        exit(1);
    }
    if (print) printf("%s\t%llu\n", contender->name, (unsigned long long)(end - begin));
}

int main(int argc, char **argv) {
    static struct contender contenders[MOST_CONTENDERS];
    int count = 0;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while (count < MOST_CONTENDERS && (length = getline(&line, &size, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        if (line[0]) parse(&contenders[count++], line);
    }
    int rounds = argc > 1 ? atoi(argv[1]) : 200;
    int null = open("/dev/null", O_RDWR);
    for (int warm = 0; warm < 3; warm++)
        for (int i = 0; i < count; i++) run(&contenders[i], null, 0);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < count; i++) run(&contenders[(round + i) % count], null, 1);
    return 0;
}
