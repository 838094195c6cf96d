/* The limit: bare epoll, level-triggered, one thread, no engine around it. It has no deadlines, no
 * limits and no accounting; what an engine costs is the distance from here.
 *
 * epoll raw|framed|broadcast: serves until it is killed; prints its port and process. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024, EVENTS = 1024, PREFIX = 4, FRAME_MAX = 1 << 20 };

/* Bytes that wait: an incomplete frame, or what the socket did not take. */
struct bytes {
    char *data;
    size_t len, size;
};

struct connection {
    struct bytes input, output;
};

static struct connection *connections; /* by descriptor */
static int descriptors;                /* how many `connections` has room for */
static int *members, members_count;
static int epoll;
static char block[BLOCK];
static char *answers; /* the frames of one read */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void *grow(void *memory, size_t size) {
    memory = realloc(memory, size);
    if (memory == NULL) die("realloc");
    return memory;
}

static void keep(struct bytes *bytes, const char *data, size_t len) {
    if (bytes->len + len > bytes->size) {
        bytes->size = 2 * (bytes->len + len);
        bytes->data = grow(bytes->data, bytes->size);
    }
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

static void release(struct bytes *bytes) {
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

static void watch(int fd, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, operation, fd, &event) < 0) die("epoll_ctl");
}

static void drop(int fd) {
    release(&connections[fd].input);
    release(&connections[fd].output);
    close(fd);
}

static void answer(int fd, const char *data, size_t len) {
    ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return;
    if (sent < 0) sent = 0;
    if ((size_t)sent == len) return;
    /* Not read from until it has gone out. */
    keep(&connections[fd].output, data + sent, len - sent);
    watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
}

static void go_on_sending(int fd) {
    struct bytes *output = &connections[fd].output;
    ssize_t sent = send(fd, output->data, output->len, MSG_NOSIGNAL);
    if (sent < 0) return;
    memmove(output->data, output->data + sent, output->len - sent);
    output->len -= sent;
    if (output->len > 0) return;
    release(output);
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void raw(int fd) {
    ssize_t count = recv(fd, block, sizeof block, 0);
    if (count > 0) return answer(fd, block, count);
    if (count == 0 || errno != EAGAIN) drop(fd);
}

/* The length of the frame with its prefix, once that has come. */
static size_t frame_len(const char *data, size_t len) {
    uint32_t size;
    if (len < PREFIX) return 0;
    memcpy(&size, data, PREFIX);
    return ntohl(size) + PREFIX;
}

/* Answers all complete frames with one send; tells how many bytes they were. */
static size_t frames(int fd, const char *data, size_t len) {
    size_t at = 0, out = 0, size;
    while ((size = frame_len(data + at, len - at)) > 0 && size <= len - at) {
        uint32_t prefix = htonl(size - PREFIX);
        memcpy(answers + out, &prefix, PREFIX);
        memcpy(answers + out + PREFIX, data + at + PREFIX, size - PREFIX);
        at += size, out += size;
    }
    if (out > 0) answer(fd, answers, out);
    return at;
}

static void framed(int fd) {
    struct bytes *input = &connections[fd].input;
    if (input->len == 0) {
        ssize_t count = recv(fd, block, sizeof block, 0);
        if (count <= 0) {
            if (count == 0 || errno != EAGAIN) drop(fd);
            return;
        }
        size_t used = frames(fd, block, count);
        if (used < (size_t)count) keep(input, block + used, count - used);
        return;
    }
    size_t want = frame_len(input->data, input->len);
    if (want > FRAME_MAX) return drop(fd);
    if (input->size < want + BLOCK) input->data = grow(input->data, input->size = want + BLOCK);
    ssize_t count = recv(fd, input->data + input->len, input->size - input->len, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    input->len += count;
    size_t used = frames(fd, input->data, input->len);
    memmove(input->data, input->data + used, input->len - used);
    input->len -= used;
    if (input->len == 0) release(input);
}

static void broadcast(int fd) {
    ssize_t count = recv(fd, block, sizeof block, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    for (int member = 0; member < members_count; member++) answer(members[member], block, count);
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= descriptors) {
            int more = 2 * fd + 64;
            connections = grow(connections, more * sizeof *connections);
            memset(connections + descriptors, 0, (more - descriptors) * sizeof *connections);
            members = grow(members, more * sizeof *members);
            descriptors = more;
        }
        members[members_count++ % descriptors] = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_anywhere(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0) die("bind");
    if (listen(fd, 1024) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0) die("listen");
    printf("%d %d\n", ntohs(at.sin_port), getpid());
    fflush(stdout);
    return fd;
}

int main(int count, char **arguments) {
    const char *kind = count > 1 ? arguments[1] : "";
    void (*serve)(int) = NULL;
    if (strcmp(kind, "raw") == 0) serve = raw;
    if (strcmp(kind, "framed") == 0) serve = framed;
    if (strcmp(kind, "broadcast") == 0) serve = broadcast;
    if (serve == NULL) {
        fprintf(stderr, "usage: epoll raw|framed|broadcast\n");
        return 2;
    }
    struct epoll_event events[EVENTS];
    answers = grow(NULL, FRAME_MAX + 2 * BLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int at = 0; at < ready; at++) {
            int fd = events[at].data.fd;
            if (fd == listener) accept_all(listener);
            else if (events[at].events & EPOLLOUT) go_on_sending(fd);
            else serve(fd);
        }
    }
}
