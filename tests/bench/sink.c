/* The far end of the bench: an HTTP/2 TLS server on one thread that answers like APNs and like FCM and counts what came.

   cc -O2 -o sink sink.c -lnghttp2 -lssl -lcrypto
   sink --cert FILE --key FILE [--port N] [--streams N] [--window BYTES] [--latency-ms N]
        [--gone PERCENT] [--unavailable PERCENT] [--arrivals FILE] [--samples FILE --sample-every N]

   It listens on 127.0.0.1 and prints "port N". SIGUSR1 prints the counts as one line of JSON; SIGTERM and SIGINT do and end.
   A request counts when its whole body has come. `--gone`: this share of tokens (by their hash, so always the same ones)
   is answered 410 or UNREGISTERED; `--unavailable`: this share of requests is answered 503.
   `--arrivals`: 16 bytes a request, CLOCK_MONOTONIC nanoseconds and the FNV-1a hash of the token, written with the counts.
   `--samples`: token, tab, body, newline of every n-th request. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096, OUT_ENOUGH = 256 * 1024, IN_CHUNK = 64 * 1024, MAX_BODY = 16 * 1024 };
enum { APNS, FCM, OTHER };
enum { FINE, GONE, UNAVAILABLE, UNKNOWN_PATH };

typedef struct {
    int32_t id;
    uint8_t shape, fate;
    uint8_t has_id;
    char apns_id[64];
    size_t apns_id_length, path_length, body_length, sent, answer_length, body_capacity;
    char path[2200];
    char answer[320];
    char *body;
} Stream;

typedef struct {
    int fd;
    uint32_t generation;
    SSL *ssl;
    nghttp2_session *session;
    uint8_t *out;
    size_t out_length, out_at, out_capacity;
    int handshaken, wants_write;
} Connection;

typedef struct {
    uint64_t due;
    int fd;
    uint32_t generation;
    int32_t stream;
} Delayed;

typedef struct {
    uint64_t at, token;
} Arrival;

static struct {
    uint32_t streams, window;
    uint64_t latency_ns;
    double gone, unavailable;
    const char *arrivals, *samples;
    uint64_t sample_every;
} knobs = {1000, 1 << 20, 0, 0, 0, NULL, NULL, 1};

static struct {
    uint64_t requests, apns, fcm, ok, gone, unavailable, unknown_path, distinct, connections, resets, body_bytes, first, last;
} counts;

static Connection *connections[MAX_CONNECTIONS];
static int epoll_fd;
static FILE *samples;
static Arrival *arrivals;
static size_t arrivals_length, arrivals_capacity, arrivals_written;
static uint64_t *tokens; /* open addressing; 0 is free */
static size_t tokens_capacity;
static Delayed *delayed; /* a ring: one latency for all, so the order of coming is the order of going */
static size_t delayed_head, delayed_length, delayed_capacity;

static void *surely(void *memory) {
    if (!memory) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t fnv1a(const char *bytes, size_t length) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)bytes[i]) * 1099511628211u;
    return hash ? hash : 1;
}

static uint64_t mixed(uint64_t x) { /* splitmix64's end */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void token_put(uint64_t token) {
    size_t at = mixed(token) & (tokens_capacity - 1);
    while (tokens[at] && tokens[at] != token) at = (at + 1) & (tokens_capacity - 1);
    counts.distinct += !tokens[at];
    tokens[at] = token;
}

static void token_seen(uint64_t token) {
    if (counts.distinct * 2 >= tokens_capacity) {
        uint64_t *old = tokens;
        size_t old_capacity = tokens_capacity;
        tokens_capacity = old_capacity ? old_capacity * 2 : 1 << 16;
        tokens = surely(calloc(tokens_capacity, sizeof *tokens));
        counts.distinct = 0;
        for (size_t i = 0; i < old_capacity; i++)
            if (old[i]) token_put(old[i]);
        free(old);
    }
    token_put(token);
}

static void arrived(uint64_t at, uint64_t token) {
    if (!counts.first) counts.first = at;
    counts.last = at;
    if (!knobs.arrivals) return;
    if (arrivals_length == arrivals_capacity) {
        arrivals_capacity = arrivals_capacity ? arrivals_capacity * 2 : 1 << 16;
        arrivals = surely(realloc(arrivals, arrivals_capacity * sizeof *arrivals));
    }
    arrivals[arrivals_length++] = (Arrival){at, token};
}

static void report(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\": %lu, \"apns\": %lu, \"fcm\": %lu, \"ok\": %lu, \"gone\": %lu, \"unavailable\": %lu, "
           "\"unknown_path\": %lu, \"distinct_tokens\": %lu, \"connections\": %lu, \"resets\": %lu, \"body_bytes\": %lu, "
           "\"first_ns\": %lu, \"last_ns\": %lu, \"cpu_seconds\": %.6f}\n",
           counts.requests, counts.apns, counts.fcm, counts.ok, counts.gone, counts.unavailable, counts.unknown_path,
           counts.distinct, counts.connections, counts.resets, counts.body_bytes, counts.first, counts.last, cpu);
    fflush(stdout);
    if (samples) fflush(samples);
    if (!knobs.arrivals) return;
    FILE *file = fopen(knobs.arrivals, arrivals_written ? "ab" : "wb");
    if (!file) return;
    fwrite(arrivals + arrivals_written, sizeof *arrivals, arrivals_length - arrivals_written, file);
    arrivals_written = arrivals_length;
    fclose(file);
}

/* ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────── */

static const char *token_of(const Stream *s, size_t *length) {
    if (s->shape == APNS) {
        *length = s->path_length - 10;
        return s->path + 10;
    }
    if (s->shape == FCM && s->body) {
        const char *key = memmem(s->body, s->body_length, "\"token\":", 8);
        if (key) {
            const char *from = key + 8, *end = s->body + s->body_length;
            while (from < end && (*from == ' ' || *from == '"')) from++;
            const char *to = memchr(from, '"', (size_t)(end - from));
            if (to) {
                *length = (size_t)(to - from);
                return from;
            }
        }
    }
    *length = s->path_length;
    return s->path;
}

static uint8_t fate_of(uint64_t token) {
    static uint64_t turn;
    if (knobs.gone > 0 && (double)(mixed(token) % 1000000u) < knobs.gone * 10000) return GONE;
    if (knobs.unavailable > 0 && (double)(mixed(++turn) % 1000000u) < knobs.unavailable * 10000) return UNAVAILABLE;
    return FINE;
}

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room, uint32_t *flags,
                           nghttp2_data_source *source, void *user) {
    (void)session, (void)id, (void)user;
    Stream *s = source->ptr;
    size_t n = s->answer_length - s->sent;
    if (n > room) n = room;
    memcpy(buffer, s->answer + s->sent, n);
    s->sent += n;
    if (s->sent == s->answer_length) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void compose(Stream *s, char status[4]) {
    static const char *const fcm_error =
        "{\"error\":{\"code\":%d,\"message\":\"%s\",\"status\":\"%s\",\"details\":[{\"@type\":"
        "\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"%s\"}]}}";
    int n = 0;
    switch (s->fate) {
    case FINE:
        memcpy(status, "200", 4);
        if (s->shape == FCM)
            n = snprintf(s->answer, sizeof s->answer, "{\"name\":\"projects/bench/messages/0:%016lx\"}", counts.requests);
        break;
    case GONE:
        memcpy(status, s->shape == APNS ? "410" : "404", 4);
        n = s->shape == APNS
                ? snprintf(s->answer, sizeof s->answer, "{\"reason\":\"Unregistered\",\"timestamp\":1454402113000}")
                : snprintf(s->answer, sizeof s->answer, fcm_error, 404, "Not registered", "NOT_FOUND", "UNREGISTERED");
        break;
    case UNAVAILABLE:
        memcpy(status, "503", 4);
        n = s->shape == APNS
                ? snprintf(s->answer, sizeof s->answer, "{\"reason\":\"ServiceUnavailable\"}")
                : snprintf(s->answer, sizeof s->answer, fcm_error, 503, "Unavailable", "UNAVAILABLE", "UNAVAILABLE");
        break;
    default:
        memcpy(status, "404", 4);
        n = snprintf(s->answer, sizeof s->answer, "{\"reason\":\"BadPath\"}");
    }
    s->answer_length = (size_t)n;
}

static void answer(nghttp2_session *session, Stream *s) {
    char status[4];
    compose(s, status);
    nghttp2_nv headers[3] = {{(uint8_t *)":status", (uint8_t *)status, 7, 3, NGHTTP2_NV_FLAG_NONE}};
    size_t n = 1;
    if (s->has_id)
        headers[n++] = (nghttp2_nv){(uint8_t *)"apns-id", (uint8_t *)s->apns_id, 7, s->apns_id_length, NGHTTP2_NV_FLAG_NONE};
    if (s->answer_length)
        headers[n++] = (nghttp2_nv){(uint8_t *)"content-type", (uint8_t *)"application/json", 12, 16, NGHTTP2_NV_FLAG_NONE};
    nghttp2_data_provider body = {.source = {.ptr = s}, .read_callback = read_answer};
    nghttp2_submit_response(session, s->id, headers, n, s->answer_length ? &body : NULL);
}

static void delay(const Connection *c, int32_t stream) {
    if (delayed_length == delayed_capacity) {
        size_t capacity = delayed_capacity ? delayed_capacity * 2 : 4096;
        Delayed *ring = surely(malloc(capacity * sizeof *ring));
        for (size_t i = 0; i < delayed_length; i++) ring[i] = delayed[(delayed_head + i) % delayed_capacity];
        free(delayed);
        delayed = ring, delayed_head = 0, delayed_capacity = capacity;
    }
    delayed[(delayed_head + delayed_length++) % delayed_capacity] =
        (Delayed){now_ns() + knobs.latency_ns, c->fd, c->generation, stream};
}

static void whole(Connection *c, Stream *s) {
    size_t length;
    if (s->path_length > 10 && !memcmp(s->path, "/3/device/", 10)) s->shape = APNS;
    else if (s->path_length > 13 && !memcmp(s->path, "/v1/projects/", 13)) s->shape = FCM;
    else s->shape = OTHER;
    const char *token = token_of(s, &length);
    uint64_t hash = fnv1a(token, length);
    s->fate = s->shape == OTHER ? UNKNOWN_PATH : fate_of(hash);
    counts.requests++;
    counts.apns += s->shape == APNS;
    counts.fcm += s->shape == FCM;
    counts.ok += s->fate == FINE;
    counts.gone += s->fate == GONE;
    counts.unavailable += s->fate == UNAVAILABLE;
    counts.unknown_path += s->fate == UNKNOWN_PATH;
    token_seen(hash);
    arrived(now_ns(), hash);
    if (samples && counts.requests % knobs.sample_every == 0)
        fprintf(samples, "%.*s\t%.*s\n", (int)length, token, (int)s->body_length, s->body ? s->body : "");
    if (knobs.latency_ns) delay(c, s->id);
    else answer(c->session, s);
}

/* ── nghttp2's callbacks ─────────────────────────────────────────────────────────────────────────────────────────── */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Stream *s = surely(malloc(sizeof *s));
    memset(s, 0, offsetof(Stream, path));
    s->body = NULL;
    s->id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *user) {
    (void)flags, (void)user;
    if (name_length != 5 && name_length != 7) return 0;
    Stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!s) return 0;
    if (name_length == 5 && !memcmp(name, ":path", 5) && value_length < sizeof s->path) {
        memcpy(s->path, value, value_length);
        s->path_length = value_length;
    } else if (name_length == 7 && !memcmp(name, "apns-id", 7) && value_length < sizeof s->apns_id) {
        memcpy(s->apns_id, value, value_length);
        s->apns_id_length = value_length;
        s->has_id = 1;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length, void *user) {
    (void)flags, (void)user;
    Stream *s = nghttp2_session_get_stream_user_data(session, id);
    counts.body_bytes += length;
    if (!s || s->body_length + length > MAX_BODY) return 0;
    if (s->body_length + length > s->body_capacity) {
        s->body_capacity = s->body_length + length;
        s->body = surely(realloc(s->body, s->body_capacity));
    }
    memcpy(s->body + s->body_length, data, length);
    s->body_length += length;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    Stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s) whole(user, s);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    (void)user;
    Stream *s = nghttp2_session_get_stream_user_data(session, id);
    counts.resets += error != NGHTTP2_NO_ERROR;
    if (s) {
        free(s->body);
        free(s);
        nghttp2_session_set_stream_user_data(session, id, NULL);
    }
    return 0;
}

/* ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────── */

static void end(Connection *c) {
    connections[c->fd] = NULL;
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    if (c->session) nghttp2_session_del(c->session);
    SSL_free(c->ssl);
    close(c->fd);
    free(c->out);
    free(c);
}

static void watch(Connection *c, int wants_write) {
    if (c->wants_write == wants_write) return;
    c->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u), .data.fd = c->fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static int flush(Connection *c) { /* 0: everything went out or waits for the socket; -1: ended */
    for (;;) {
        while (c->out_length < OUT_ENOUGH) {
            const uint8_t *data;
            ssize_t n = nghttp2_session_mem_send(c->session, &data);
            if (n < 0) return -1;
            if (!n) break;
            if (c->out_length + (size_t)n > c->out_capacity) {
                c->out_capacity = (c->out_length + (size_t)n) * 2;
                c->out = surely(realloc(c->out, c->out_capacity));
            }
            memcpy(c->out + c->out_length, data, (size_t)n);
            c->out_length += (size_t)n;
        }
        if (c->out_at == c->out_length) {
            c->out_at = c->out_length = 0;
            watch(c, 0);
            return nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session) ? 0 : -1;
        }
        int n = SSL_write(c->ssl, c->out + c->out_at, (int)(c->out_length - c->out_at));
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_WRITE) return -1;
            watch(c, 1);
            return 0;
        }
        c->out_at += (size_t)n;
        if (c->out_at == c->out_length) c->out_at = c->out_length = 0;
    }
}

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

static void begin(Connection *c) {
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, knobs.streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65535},
    };
    c->handshaken = 1;
    nghttp2_session_server_new2(&c->session, callbacks, c, options);
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, (int32_t)knobs.window);
}

static int readable(Connection *c) {
    static uint8_t in[IN_CHUNK];
    if (!c->handshaken) {
        int n = SSL_accept(c->ssl);
        if (n <= 0) {
            int why = SSL_get_error(c->ssl, n);
            watch(c, why == SSL_ERROR_WANT_WRITE);
            return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
        }
        begin(c);
    }
    for (size_t budget = 8 * IN_CHUNK; budget > 0;) {
        int n = SSL_read(c->ssl, in, sizeof in);
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) return -1;
            break;
        }
        if (nghttp2_session_mem_recv(c->session, in, (size_t)n) < 0) return -1;
        budget -= budget < (size_t)n ? budget : (size_t)n;
    }
    return flush(c);
}

static void accept_all(int listener, SSL_CTX *tls) {
    static uint32_t generation;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        Connection *c = connections[fd] = surely(calloc(1, sizeof *c));
        c->fd = fd;
        c->generation = ++generation;
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, fd);
        SSL_set_accept_state(c->ssl);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
        counts.connections++;
    }
}

static int answer_the_due(void) { /* milliseconds until the next one, -1 if there is none */
    static Connection *touched[MAX_CONNECTIONS];
    size_t n = 0;
    uint64_t now = now_ns();
    while (delayed_length && delayed[delayed_head].due <= now) {
        Delayed d = delayed[delayed_head];
        delayed_head = (delayed_head + 1) % delayed_capacity;
        delayed_length--;
        Connection *c = connections[d.fd];
        if (!c || c->generation != d.generation) continue;
        Stream *s = nghttp2_session_get_stream_user_data(c->session, d.stream);
        if (!s) continue;
        answer(c->session, s);
        size_t i = 0;
        while (i < n && touched[i] != c) i++;
        if (i == n) touched[n++] = c;
    }
    for (size_t i = 0; i < n; i++)
        if (flush(touched[i])) end(touched[i]);
    return delayed_length ? (int)((delayed[delayed_head].due - now) / 1000000u) + 1 : -1;
}

static int select_h2(SSL *ssl, const uint8_t **out, uint8_t *out_length, const uint8_t *in, unsigned int length, void *user) {
    (void)ssl, (void)user;
    return nghttp2_select_next_protocol((uint8_t **)out, out_length, in, length) == 1 ? SSL_TLSEXT_ERR_OK
                                                                                    : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *tls_context(const char *certificate, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_alpn_select_cb(tls, select_h2, NULL);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    return tls;
}

static int listening(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 512)) {
        perror("listen");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void prepare_callbacks(void) {
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option_new(&options);
    nghttp2_option_set_no_closed_streams(options, 1);
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"cert", 1, 0, 'c'}, {"key", 1, 0, 'k'}, {"streams", 1, 0, 's'}, {"window", 1, 0, 'w'},
        {"latency-ms", 1, 0, 'l'}, {"gone", 1, 0, 'g'}, {"unavailable", 1, 0, 'u'}, {"arrivals", 1, 0, 'a'},
        {"samples", 1, 0, 'b'}, {"sample-every", 1, 0, 'e'}, {0, 0, 0, 0},
    };
    const char *certificate = NULL, *key = NULL;
    uint16_t port = 0;
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (o) {
        case 'p': port = (uint16_t)atoi(optarg); break;
        case 'c': certificate = optarg; break;
        case 'k': key = optarg; break;
        case 's': knobs.streams = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'w': knobs.window = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'l': knobs.latency_ns = (uint64_t)(atof(optarg) * 1e6); break;
        case 'g': knobs.gone = atof(optarg); break;
        case 'u': knobs.unavailable = atof(optarg); break;
        case 'a': knobs.arrivals = optarg; break;
        case 'b': knobs.samples = optarg; break;
        case 'e': knobs.sample_every = strtoul(optarg, NULL, 10); break;
        default: return 2;
        }
    if (!certificate || !key || !knobs.sample_every) {
        fputs("sink: --cert and --key are needed; see the top of sink.c\n", stderr);
        return 2;
    }
    if (knobs.samples) samples = surely(fopen(knobs.samples, "wb"));
    SSL_CTX *tls = tls_context(certificate, key);
    prepare_callbacks();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1), sigaddset(&signals, SIGTERM), sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC), listener = listening(port);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, signal_fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = signal_fd});
    for (int wait = -1;; wait = answer_the_due()) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, wait);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(listener, tls);
            else if (fd == signal_fd) {
                struct signalfd_siginfo got;
                while (read(signal_fd, &got, sizeof got) == sizeof got) {
                    report();
                    if (got.ssi_signo != SIGUSR1) return 0;
                }
            } else if (connections[fd]) {
                ERR_clear_error();
                if (readable(connections[fd])) end(connections[fd]);
            }
        }
    }
}
