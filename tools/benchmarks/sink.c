// An origin that reads a whole request body before it answers, and does as little as possible while
// it does so: the upload scenario is to measure the proxy, not what stands behind it.
//
//   sink PORT...      listens on 127.0.0.1 on each port, one process, until it is ended
//
// A request with a body (Content-Length or chunked) is answered with the number of body bytes seen,
// one without a body with the number of body bytes of all requests so far (the benchmark reads the
// difference, so that bodies cut off at the end of a round are counted too).
//
// A bench tool, not a server: it trusts its peers to speak correct HTTP/1.1 and hangs up on what it
// does not understand.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, DISCARD_MAX = 1 << 22, LISTENERS_MAX = 16, EVENTS_MAX = 64 };

enum phase { HEAD, FIXED_BODY, CHUNK_SIZE, CHUNK_DATA, TRAILER };

struct connection {
  int fd;
  enum phase phase;
  int close_after, has_body;
  unsigned long long left, seen;  // body bytes to come (of this chunk); body bytes seen
  size_t filled;                  // bytes in buffer that are not consumed yet
  char buffer[HEAD_MAX + 1];      // one more for the NUL that the string functions need
};

static unsigned long long total;

static void consume(struct connection *c, size_t n) {
  c->filled -= n;
  memmove(c->buffer, c->buffer + n, c->filled);
}

static void count_body(struct connection *c, size_t n) {
  c->left -= n;
  c->seen += n;
  total += n;
}

static int answer(struct connection *c) {
  char body[32], text[160];
  int length = snprintf(body, sizeof body, "%llu\n", c->has_body ? c->seen : total);
  int n = snprintf(text, sizeof text,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"
                   "Content-Length: %d\r\n%s\r\n%s",
                   length, c->close_after ? "Connection: close\r\n" : "", body);
  c->phase = HEAD;
  // A fresh answer of 150 bytes always fits in a socket buffer that holds nothing else.
  return send(c->fd, text, n, MSG_NOSIGNAL) == n && !c->close_after;
}

// The value of a field in the NUL-terminated head, or NULL. `name` includes CRLF before and colon after.
static const char *field(const char *head, const char *name) {
  const char *at = strcasestr(head, name);
  return at ? at + strlen(name) : NULL;
}

static int begin(struct connection *c, const char *head) {
  const char *length = field(head, "\r\nContent-Length:");
  const char *connection = field(head, "\r\nConnection:");
  c->close_after = connection && strncasecmp(connection + strspn(connection, " "), "close", 5) == 0;
  c->seen = 0;
  c->left = length ? strtoull(length, NULL, 10) : 0;
  c->has_body = length || field(head, "\r\nTransfer-Encoding:");
  c->phase = length ? FIXED_BODY : CHUNK_SIZE;
  if (!c->has_body || (length && c->left == 0)) return answer(c);
  if (!field(head, "\r\nExpect:")) return 1;
  return send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) == 25;
}

// Works through what is in the buffer. False when the connection is to be closed.
static int work(struct connection *c) {
  while (c->filled > 0) {
    c->buffer[c->filled] = 0;
    if (c->phase == FIXED_BODY || c->phase == CHUNK_DATA) {
      size_t n = c->filled < c->left ? c->filled : c->left;
      consume(c, n);
      count_body(c, n);
      if (c->left > 0) continue;
      if (c->phase == CHUNK_DATA) c->phase = CHUNK_SIZE;
      else if (!answer(c)) return 0;
      continue;
    }
    char *end = strstr(c->buffer, c->phase == HEAD ? "\r\n\r\n" : "\r\n");
    if (!end) return c->filled < HEAD_MAX;
    if (c->phase == HEAD) {
      end[2] = 0;  // field() must not look into the body
      if (!begin(c, c->buffer)) return 0;
      consume(c, end + 4 - c->buffer);
    } else if (c->phase == TRAILER) {
      int last = end == c->buffer;
      consume(c, end + 2 - c->buffer);
      if (last && !answer(c)) return 0;
    } else if (end == c->buffer) {
      consume(c, 2);  // the line end that closes a chunk's data
    } else {
      c->left = strtoull(c->buffer, NULL, 16);
      c->phase = c->left ? CHUNK_DATA : TRAILER;
      consume(c, end + 2 - c->buffer);
    }
  }
  return 1;
}

static int readable(struct connection *c) {
  ssize_t n;
  if (c->filled == 0 && (c->phase == FIXED_BODY || c->phase == CHUNK_DATA)) {
    // On TCP, MSG_TRUNC throws the bytes away inside the kernel: no copy.
    n = recv(c->fd, NULL, c->left < DISCARD_MAX ? c->left : DISCARD_MAX, MSG_TRUNC);
    if (n <= 0) return 0;
    count_body(c, n);
    if (c->left > 0) return 1;
    if (c->phase == FIXED_BODY) return answer(c);
    c->phase = CHUNK_SIZE;
    return 1;
  }
  n = recv(c->fd, c->buffer + c->filled, HEAD_MAX - c->filled, 0);
  if (n <= 0) return 0;
  c->filled += n;
  return work(c);
}

int main(int argc, char **argv) {
  struct connection listeners[LISTENERS_MAX];
  int epoll = epoll_create1(0), on = 1;
  for (int i = 1; i < argc && i <= LISTENERS_MAX; i++) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[i]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct connection *l = &listeners[i - 1];
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
    if (bind(l->fd, (struct sockaddr *)&address, sizeof address) || listen(l->fd, 4096) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, l->fd, &event)) {
      perror("sink");
      return 1;
    }
  }
  for (;;) {
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (c >= listeners && c < listeners + LISTENERS_MAX) {
        int fd = accept(c->fd, NULL, NULL);
        if (fd < 0) continue;
        struct connection *fresh = calloc(1, sizeof *fresh);
        if (!fresh) return 1;
        fresh->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = fresh});
      } else if (!readable(c)) {
        close(c->fd);
        free(c);
      }
    }
  }
}
