/* The backends of the bench: HTTP/1.1 requests to ingest, each for another user, at a rate or as fast as they are answered.

   cc -O2 -o load load.c
   load --port N --request FILE --total N [--rate PER_SECOND] [--connections N] [--first N] [--seconds N] [--times FILE]

   FILE holds one whole request with @@@@@@@ where the number of the user goes, seven digits. With --rate the moments are
   fixed beforehand, whatever becomes of the answers; a request whose moment comes while every connection waits goes
   late, and its time still counts from its moment. It ends after --seconds whatever is open.
   Prints one line of JSON. `--times`: 16 bytes a request, the moment it was for and that of its answer (0: none),
   CLOCK_MONOTONIC nanoseconds. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 512, ANSWER = 16 * 1024, MARK = 7 };

typedef struct {
    int fd;
    long request; /* -1: free */
    size_t got;
    char in[ANSWER + 1];
} Connection;

typedef struct {
    uint64_t meant, answered;
} Times;

static Connection connections[MAX_CONNECTIONS];
static int epoll_fd;
static char *request;
static size_t request_length, mark_at;
static long total, started, done, accepted, refused, lost, first;
static uint64_t begun, interval, most_late;
static Times *times;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    request_length = (size_t)ftell(file);
    rewind(file);
    request = malloc(request_length + 1);
    if (!request || fread(request, 1, request_length, file) != request_length) fail(path);
    fclose(file);
    char *mark = memmem(request, request_length, "@@@@@@@", MARK);
    if (!mark) {
        fputs("load: no @@@@@@@ in the request\n", stderr);
        exit(2);
    }
    mark_at = (size_t)(mark - request);
}

static void dial(Connection *c, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    c->request = -1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void give_up(Connection *c) { /* the peer closed: what it had is lost, and so is the connection */
    if (c->request >= 0) done++, lost++;
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    close(c->fd);
    c->fd = -1, c->request = -1;
}

static void ask(Connection *c) {
    char digits[32];
    snprintf(digits, sizeof digits, "%07lu", (unsigned long)(first + started) % 10000000);
    memcpy(request + mark_at, digits, MARK);
    uint64_t now = now_ns(), meant = interval ? begun + (uint64_t)started * interval : now;
    if (now - meant > most_late) most_late = now - meant;
    times[started].meant = meant;
    c->request = started++;
    c->got = 0;
    if (write(c->fd, request, request_length) != (ssize_t)request_length) give_up(c); /* one request fits into an idle socket */
}

static void hear(Connection *c) {
    ssize_t n = read(c->fd, c->in + c->got, ANSWER - c->got);
    if (n <= 0) {
        give_up(c);
        return;
    }
    c->got += (size_t)n;
    c->in[c->got] = 0;
    char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\ncontent-length:");
    if (!end || c->request < 0) return;
    size_t whole = (size_t)(end - c->in) + 4 + (length && length < end ? (size_t)atol(length + 17) : 0);
    if (c->got < whole) return;
    int status = c->got > 12 ? atoi(c->in + 9) : 0;
    times[c->request].answered = now_ns();
    accepted += status == 202;
    refused += status != 202;
    done++;
    c->request = -1;
}

static int due(void) { return started < total && (!interval || begun + (uint64_t)started * interval <= now_ns()); }

static void ask_all(int n) {
    for (int i = 0; i < n && due(); i++)
        if (connections[i].fd >= 0 && connections[i].request < 0) ask(&connections[i]);
}

static void wake_at(int timer, uint64_t at) {
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void report(const char *file) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\": %ld, \"accepted\": %ld, \"refused\": %ld, \"lost\": %ld, \"open\": %ld, \"seconds\": %.6f, "
           "\"first_ns\": %lu, \"most_late_ms\": %.3f, \"cpu_seconds\": %.6f}\n",
           started, accepted, refused, lost, started - done, (double)(now_ns() - begun) / 1e9, begun, (double)most_late / 1e6, cpu);
    FILE *out = file ? fopen(file, "wb") : NULL;
    if (out) {
        fwrite(times, sizeof *times, (size_t)started, out);
        fclose(out);
    }
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"request", 1, 0, 'q'}, {"total", 1, 0, 't'}, {"rate", 1, 0, 'r'}, {"connections", 1, 0, 'c'},
        {"first", 1, 0, 'f'}, {"seconds", 1, 0, 's'}, {"times", 1, 0, 'o'}, {0, 0, 0, 0},
    };
    const char *file = NULL, *out = NULL;
    uint16_t port = 0;
    int count = 64;
    double seconds = 60, rate = 0;
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (o) {
        case 'p': port = (uint16_t)atoi(optarg); break;
        case 'q': file = optarg; break;
        case 't': total = atol(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'c': count = atoi(optarg); break;
        case 'f': first = atol(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'o': out = optarg; break;
        default: return 2;
        }
    if (!port || !file || total < 1 || total > 10000000 || count < 1 || count > MAX_CONNECTIONS) {
        fputs("load: see the top of load.c\n", stderr);
        return 2;
    }
    read_request(file);
    times = calloc((size_t)total, sizeof *times);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (!times || epoll_fd < 0 || timer < 0) fail("load");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer, &event);
    for (int i = 0; i < count; i++) dial(&connections[i], port);
    begun = now_ns();
    interval = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    uint64_t limit = begun + (uint64_t)(seconds * 1e9);
    while (done < total && now_ns() < limit) {
        ask_all(count);
        uint64_t next = started < total && interval ? begun + (uint64_t)started * interval : limit;
        if (next <= now_ns()) next = limit; /* late: the next answer frees a connection */
        wake_at(timer, next < limit ? next : limit);
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, 1000);
        for (int i = 0; i < n; i++) {
            Connection *c = events[i].data.ptr;
            uint64_t expirations;
            if (!c) (void)!read(timer, &expirations, sizeof expirations);
            else if (c->fd >= 0) hear(c);
        }
    }
    report(out);
    return 0;
}
