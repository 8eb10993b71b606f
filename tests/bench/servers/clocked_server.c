/* A model service that does nothing but keep time: it plays prepared bytes on an absolute schedule and remembers when.
 *
 * usage: clocked_server ANSWERS LOG
 *
 * ANSWERS holds two prepared answers, 0 for warming up and 1 for measuring (servers/answers.py writes it). A request
 * whose header x-call is not negative gets answer 1. Every write is due at an offset from the arrival of the request's
 * last byte, as the kernel stamped it. Prints its port, serves until SIGTERM, then writes LOG (servers/truth.py reads
 * it). All times are CLOCK_MONOTONIC. One thread: its own lateness is in the log, for the reader to judge.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST 16384
#define MAX_FDS 65536
#define RETRY_NS 200000 /* until a full socket is tried again */

typedef struct { int64_t offset_ns; size_t size; char *bytes; } Write;
typedef struct { int n_writes; Write *writes; } Answer;
typedef struct { int64_t due_ns, before_ns, after_ns; } Written;
typedef struct { int64_t number, connection, received_ns, read_ns; int answer, n_written; Written *written; } Call;
typedef struct { int fd, n_have; int64_t serial; Call *call; size_t n_sent; char request[MAX_REQUEST]; } Connection;
typedef struct { int64_t due_ns, serial; int fd; } Appointment;

static Answer answers[2];
static Call **calls;
static size_t n_calls, calls_room;
static Connection *connections[MAX_FDS];
static int64_t n_accepted;
static Appointment *heap;
static size_t n_heap, heap_room;
static int poller, timer;
static int64_t armed_ns;

static void die(const char *what) { perror(what); exit(1); }

static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static int64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

/* The tightest of three brackets: a preemption between the two readings would shift every stamp. */
static int64_t wall_minus_monotonic_ns(void) {
    int64_t best_width = INT64_MAX, best = 0;
    for (int i = 0; i < 3; i++) {
        int64_t before = now_ns(), wall = clock_ns(CLOCK_REALTIME), after = now_ns();
        if (after - before < best_width) { best_width = after - before; best = wall - (before + after) / 2; }
    }
    return best;
}

static void *grown(void *room, size_t *n_room, size_t n_needed, size_t size) {
    if (n_needed <= *n_room) return room;
    *n_room = n_needed * 2 + 64;
    if (!(room = realloc(room, *n_room * size))) die("realloc");
    return room;
}

/* ---- what is due when: a binary heap ---- */

static void swap(size_t a, size_t b) { Appointment t = heap[a]; heap[a] = heap[b]; heap[b] = t; }

static void make_appointment(int64_t due_ns, Connection *c) {
    heap = grown(heap, &heap_room, n_heap + 1, sizeof *heap);
    size_t at = n_heap++;
    heap[at] = (Appointment){due_ns, c->serial, c->fd};
    for (; at && heap[(at - 1) / 2].due_ns > heap[at].due_ns; at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

static Appointment take_appointment(void) {
    Appointment top = heap[0];
    heap[0] = heap[--n_heap];
    for (size_t at = 0;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < n_heap && heap[left].due_ns < heap[least].due_ns) least = left;
        if (right < n_heap && heap[right].due_ns < heap[least].due_ns) least = right;
        if (least == at) return top;
        swap(at, least);
        at = least;
    }
}

static void arm_timer(void) {
    int64_t due_ns = n_heap ? heap[0].due_ns : 0;
    if (due_ns == armed_ns) return;
    struct itimerspec when = {.it_value = {due_ns / 1000000000LL, due_ns % 1000000000LL}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
    armed_ns = due_ns;
}

/* ---- connections ---- */

static void hang_up(Connection *c) {
    connections[c->fd] = NULL;
    close(c->fd);
    free(c);
}

static void write_next(Connection *c) {
    Call *call = c->call;
    Answer *answer = &answers[call->answer];
    Write *write = &answer->writes[call->n_written];
    Written *seen = &call->written[call->n_written];
    if (!c->n_sent) seen->before_ns = now_ns();
    ssize_t sent = send(c->fd, write->bytes + c->n_sent, write->size - c->n_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) { hang_up(c); return; }
    if (sent > 0) c->n_sent += sent;
    if (c->n_sent < write->size) { make_appointment(now_ns() + RETRY_NS, c); return; }
    seen->after_ns = now_ns();
    c->n_sent = 0;
    if (++call->n_written == answer->n_writes) { c->call = NULL; return; }
    seen[1].due_ns = call->received_ns + answer->writes[call->n_written].offset_ns;
    make_appointment(seen[1].due_ns, c);
}

static void keep_appointments(void) {
    while (n_heap && heap[0].due_ns <= now_ns()) {
        Appointment due = take_appointment();
        Connection *c = connections[due.fd];
        if (c && c->serial == due.serial && c->call) write_next(c);
    }
}

static int64_t number_after(const char *head, const char *name, int64_t otherwise) {
    const char *found = strcasestr(head, name);
    return found ? strtoll(found + strlen(name), NULL, 10) : otherwise;
}

static void begin_call(Connection *c, int64_t number, int64_t received_ns, int64_t read_ns) {
    Call *call = calloc(1, sizeof *call);
    if (!call) die("calloc");
    *call = (Call){.number = number, .connection = c->serial, .received_ns = received_ns, .read_ns = read_ns};
    call->answer = number >= 0;
    call->written = calloc(answers[call->answer].n_writes, sizeof *call->written);
    call->written[0].due_ns = received_ns + answers[call->answer].writes[0].offset_ns;
    calls = grown(calls, &calls_room, n_calls + 1, sizeof *calls);
    calls[n_calls++] = call;
    c->call = call;
    make_appointment(call->written[0].due_ns, c);
}

/* Whole requests only; what a client sends while an answer is under way is an error of that client. */
static void take_request(Connection *c, int64_t received_ns, int64_t read_ns) {
    c->request[c->n_have] = 0;
    char *end = strstr(c->request, "\r\n\r\n");
    if (!end) return;
    *end = 0; /* the body must not be searched for headers */
    int64_t body_bytes = number_after(c->request, "\ncontent-length:", 0);
    int64_t number = number_after(c->request, "\nx-call:", -1);
    *end = '\r';
    if (c->n_have < (end + 4 - c->request) + body_bytes) return;
    c->n_have = 0;
    begin_call(c, number, received_ns, read_ns);
}

static void read_from(Connection *c) {
    char control[256];
    struct iovec into = {c->request + c->n_have, MAX_REQUEST - 1 - c->n_have};
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->fd, &message, MSG_DONTWAIT);
    int64_t read_ns = now_ns(), received_ns = read_ns;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { hang_up(c); return; }
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&message); m; m = CMSG_NXTHDR(&message, m))
        if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(m), sizeof t);
            received_ns = t.tv_sec * 1000000000LL + t.tv_nsec - wall_minus_monotonic_ns();
        }
    c->n_have += n;
    if (c->call || c->n_have == MAX_REQUEST - 1) { hang_up(c); return; }
    take_request(c, received_ns, read_ns);
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FDS) { close(fd); continue; }
        Connection *c = calloc(1, sizeof *c);
        if (!c) die("calloc");
        c->fd = fd;
        c->serial = n_accepted++;
        connections[fd] = c;
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
    }
}

/* ---- start and end ---- */

static void load_answers(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    for (int i = 0; i < 2; i++) {
        if (fscanf(file, "%d\n", &answers[i].n_writes) != 1) die("answers");
        answers[i].writes = calloc(answers[i].n_writes, sizeof(Write));
        for (Write *w = answers[i].writes; w < answers[i].writes + answers[i].n_writes; w++) {
            long long offset_ns;
            if (fscanf(file, "%lld %zu", &offset_ns, &w->size) != 2 || fgetc(file) != '\n') die("answers");
            w->offset_ns = offset_ns;
            w->bytes = malloc(w->size);
            if (fread(w->bytes, 1, w->size, file) != w->size) die("answers");
            fgetc(file);
        }
    }
    fclose(file);
}

/* 64-bit integers: per call its number, connection, received, read, n writes; then due, before, after of each. */
static void save_log(const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file) die(path);
    for (size_t i = 0; i < n_calls; i++) {
        Call *c = calls[i];
        int64_t head[5] = {c->number, c->connection, c->received_ns, c->read_ns, c->n_written};
        fwrite(head, sizeof head, 1, file);
        fwrite(c->written, sizeof *c->written, c->n_written, file);
    }
    if (fclose(file)) die(path);
}

/* Its options are those of every connection accepted from it, from the first byte: set after accept, they would be too
 * late for a request that is there already. */
static int listening_socket(void) {
    int on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&here, size) || listen(fd, 4096)) die("listen");
    getsockname(fd, (struct sockaddr *)&here, &size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

static void watch_fd(int fd) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted)) die("epoll_ctl");
}

int main(int argc, char **argv) {
    if (argc != 3) { fprintf(stderr, "usage: clocked_server ANSWERS LOG\n"); return 2; }
    load_answers(argv[1]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    int ended = signalfd(-1, &ending, 0), listener = listening_socket();
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch_fd(ended);
    watch_fd(listener);
    watch_fd(timer);
    for (struct epoll_event events[64];;) {
        arm_timer();
        int n = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == ended) { save_log(argv[2]); return 0; }
            if (fd == listener) accept_all(listener);
            else if (fd == timer) { uint64_t n_expired; if (read(timer, &n_expired, 8) == 8) armed_ns = 0; }
            else if (connections[fd]) read_from(connections[fd]);
            keep_appointments();
        }
    }
}
