/* The limit: what a client can know that does nothing but send, read and look at the clock. Decodes nothing.
 *
 * Takes the flags of every client (clients/face.py says what they mean) and prints the same lines. Its stamps are taken
 * after recv returns: they are those of a program, not of the kernel, and count bytes on the wire.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const char END[] = "\r\n0\r\n\r\n";
#define N_END (sizeof END - 1)
#define BODY "{\"model\":\"sim-mini\",\"input\":\"How long does this take?\",\"stream\":true}"

typedef struct { int64_t at_ns, n_bytes; } Read;
typedef struct { int64_t number, sent_ns, send_ns; Read *reads; size_t n_reads, room; } Call;
typedef struct { int fd, round; Call *call; char end[N_END]; int64_t n_bytes; } Stream;

static int port, n_streams = 1, n_rounds = 1, is_cold, keeps_reads;
static int64_t stagger_ns;
static int poller, timer;
static Call *calls;
static Stream *streams;
static char buffer[1 << 18];

static void die(const char *what) { perror(what); exit(1); }

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void connect_stream(int s) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof there)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = s};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
    streams[s].fd = fd;
}

static void start_call(int s, Call *call, int64_t number) {
    Stream *stream = &streams[s];
    if (!stream->fd) connect_stream(s);
    char request[512];
    int size = snprintf(request, sizeof request,
                        "POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
                        "accept: text/event-stream\r\nx-call: %lld\r\ncontent-length: %zu\r\n\r\n%s",
                        port, (long long)number, sizeof BODY - 1, BODY);
    *call = (Call){.number = number, .reads = call->reads, .room = call->room};
    stream->call = call;
    stream->n_bytes = 0;
    memset(stream->end, 0, N_END);
    call->sent_ns = now_ns();
    if (send(stream->fd, request, size, MSG_NOSIGNAL) != size) die("send");
    call->send_ns = now_ns() - call->sent_ns;
}

static void keep_end(Stream *stream, size_t n) {
    size_t kept = n < N_END ? N_END - n : 0;
    memmove(stream->end, stream->end + N_END - kept, kept);
    memcpy(stream->end + kept, buffer + n - (N_END - kept), N_END - kept);
}

/* Returns 1 when the answer has ended. A stamp per read; one read may hold several events. */
static int hear(Stream *stream) {
    ssize_t n = recv(stream->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    int64_t at_ns = now_ns();
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) die("the server hung up");
    Call *call = stream->call;
    stream->n_bytes += n;
    keep_end(stream, n);
    if (!keeps_reads) call->n_reads = 0;
    if (call->n_reads == call->room) {
        call->room = call->room * 2 + 8;
        if (!(call->reads = realloc(call->reads, call->room * sizeof(Read)))) die("realloc");
    }
    call->reads[call->n_reads++] = (Read){at_ns, stream->n_bytes};
    return !memcmp(stream->end, END, N_END);
}

static void set_timer(int64_t at_ns) {
    struct itimerspec when = {.it_value = {at_ns / 1000000000LL, at_ns % 1000000000LL}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int64_t number_of(int s, int round) { return (int64_t)round * n_streams + s; }

/* All streams, each its rounds one after another; stream s starts at the start plus s times the stagger. */
static void run(int rounds, int64_t start_ns, int64_t each_ns, int is_warmup) {
    int n_started = 0, n_open = n_streams;
    struct epoll_event events[256];
    set_timer(start_ns);
    while (n_open) {
        int n = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < n; i++) {
            uint32_t s = events[i].data.u32;
            if (s == UINT32_MAX) {
                uint64_t n_expired;
                if (read(timer, &n_expired, 8) != 8) continue;
                for (; n_started < n_streams && start_ns + n_started * each_ns <= now_ns(); n_started++) {
                    streams[n_started].round = 0;
                    start_call(n_started, &calls[n_started], is_warmup ? -1 : n_started);
                }
                if (n_started < n_streams) set_timer(start_ns + n_started * each_ns);
            } else if (hear(&streams[s])) {
                if (++streams[s].round == rounds) n_open--;
                else start_call(s, &calls[number_of(s, streams[s].round)], number_of(s, streams[s].round));
            }
        }
    }
}

static void print_calls(void) {
    for (int64_t i = 0; i < (int64_t)n_streams * n_rounds; i++) {
        Call *c = &calls[i];
        printf("{\"call\":%lld,\"sent_ns\":%lld,\"send_ns\":%lld,\"reads\":[", (long long)c->number,
               (long long)c->sent_ns, (long long)c->send_ns);
        for (size_t r = 0; r < c->n_reads; r++)
            printf("%s[%lld,%lld]", r ? "," : "", (long long)c->reads[r].at_ns, (long long)c->reads[r].n_bytes);
        printf("]}\n");
    }
}

static void read_flags(int argc, char **argv) {
    static const struct option flags[] = {
        {"port", 1, 0, 'p'}, {"streams", 1, 0, 's'}, {"rounds", 1, 0, 'r'}, {"stagger-ns", 1, 0, 'g'},
        {"cold", 0, &is_cold, 1}, {"record", 0, &keeps_reads, 1}, {0, 0, 0, 0}};
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (flag == 'p') port = atoi(optarg);
        else if (flag == 's') n_streams = atoi(optarg);
        else if (flag == 'r') n_rounds = atoi(optarg);
        else if (flag == 'g') stagger_ns = atoll(optarg);
        else if (flag) exit(2);
    }
}

int main(int argc, char **argv) {
    read_flags(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &wanted);
    streams = calloc(n_streams, sizeof *streams);
    calls = calloc((size_t)n_streams * n_rounds, sizeof *calls);
    if (!is_cold) run(1, now_ns(), 0, 1);
    double cpu_before_s = cpu_s();
    int64_t start_ns = now_ns();
    run(n_rounds, start_ns, stagger_ns, 0);
    int64_t end_ns = now_ns();
    double window_cpu_s = cpu_s() - cpu_before_s;
    if (keeps_reads) print_calls();
    printf("{\"summary\":{\"wall_s\":%.6f,\"cpu_s\":%.6f,\"n_calls\":%lld,\"n_failed\":0,"
           "\"unit\":\"wire_bytes\",\"what\":\"C, epoll, stamps after recv\"}}\n",
           (end_ns - start_ns) / 1e9, window_cpu_s, (long long)n_streams * n_rounds);
    return 0;
}
