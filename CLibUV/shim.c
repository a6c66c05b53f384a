/* For splice(2), pipe2(2) and accept4(2). Here and not in the header, which Swift reads with the flags
 * of its own Glibc module. */
#define _GNU_SOURCE 1
#include "CLibUV.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

static int descriptor_of(uv_stream_t *stream) {
  uv_os_fd_t descriptor;
  int status = uv_fileno((const uv_handle_t *)stream, &descriptor);
  return status < 0 ? status : descriptor;
}

static int set_option(int descriptor, int level, int name, int value) {
  return setsockopt(descriptor, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

int clibuv_tcp_reuse_port(uv_tcp_t *tcp) {
  int descriptor = descriptor_of((uv_stream_t *)tcp);
  return descriptor < 0 ? descriptor : set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
}

int clibuv_tcp_inherited_options(uv_tcp_t *tcp) {
  int descriptor = descriptor_of((uv_stream_t *)tcp);
  if (descriptor < 0) return descriptor;
  int status = set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  return status < 0 ? status : set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int clibuv_tcp_limit_unsent(uv_tcp_t *listener, int bytes) {
  int descriptor = descriptor_of((uv_stream_t *)listener);
  return descriptor < 0 ? descriptor : set_option(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
}

int clibuv_accept(uv_stream_t *listener) {
  int descriptor = descriptor_of(listener);
  if (descriptor < 0) return descriptor;
  int accepted;
  do accepted = accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  while (accepted < 0 && errno == EINTR);
  return accepted < 0 ? -errno : accepted;
}

int clibuv_stream_is_readable(uv_stream_t *stream) {
  char byte;
  int descriptor = descriptor_of(stream);
  if (descriptor < 0) return 1;
  ssize_t count = recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return !(count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

int clibuv_reset_on_close(uv_stream_t *stream) {
  int descriptor = descriptor_of(stream);
  if (descriptor < 0) return descriptor;
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  return setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0 ? 0 : -errno;
}

int clibuv_unix_listen(const char *path, int backlog) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return UV_ENAMETOOLONG;
  strcpy(address.sun_path, path);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  struct stat existing;
  if (stat(path, &existing) == 0 && S_ISSOCK(existing.st_mode)) {
    /* Refused means that nobody listens: left over from a process that was killed. */
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED)
      unlink(path);
    close(descriptor);
    descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
  }
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ||
      listen(descriptor, backlog) < 0) {
    int status = -errno;
    close(descriptor);
    return status;
  }
  return descriptor;
}

int clibuv_duplicate(int descriptor) {
  int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  return copy < 0 ? -errno : copy;
}

void clibuv_close_descriptor(int descriptor) { close(descriptor); }

int64_t clibuv_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) limit.rlim_cur = before;
  }
  return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

void clibuv_widen_pool(void) { setenv("UV_THREADPOOL_SIZE", "16", 0); }

void clibuv_ignore_broken_pipe(void) { signal(SIGPIPE, SIG_IGN); }

int clibuv_splice_pipe(int descriptors[2], int capacity_bytes) {
  if (pipe2(descriptors, O_NONBLOCK | O_CLOEXEC) < 0) return -errno;
  /* Best effort: an unprivileged user over the pipe quota keeps the default of 64 KiB. */
  (void)fcntl(descriptors[1], F_SETPIPE_SZ, capacity_bytes);
  return 0;
}

ssize_t clibuv_splice_in(uv_stream_t *source, int pipe_write, size_t count) {
  int descriptor = descriptor_of(source);
  if (descriptor < 0) return descriptor;
  ssize_t moved;
  do moved = splice(descriptor, NULL, pipe_write, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (moved < 0 && errno == EINTR);
  return moved < 0 ? -errno : moved;
}

ssize_t clibuv_splice_out(uv_stream_t *sink, int pipe_read, size_t count) {
  int descriptor = descriptor_of(sink);
  if (descriptor < 0) return descriptor;
  ssize_t moved;
  /* No SPLICE_F_MORE: when the source pauses, the end of what it sent would wait in the kernel. */
  do moved = splice(pipe_read, NULL, descriptor, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (moved < 0 && errno == EINTR);
  return moved < 0 ? -errno : moved;
}

ssize_t clibuv_pipe_read(int pipe_read, void *bytes, size_t count) {
  ssize_t got;
  do got = read(pipe_read, bytes, count);
  while (got < 0 && errno == EINTR);
  return got < 0 ? -errno : got;
}

int clibuv_precision_timer(void) {
  int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

int clibuv_precision_timer_set(int descriptor, uint64_t nanoseconds) {
  struct itimerspec time = {
      .it_value = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)}};
  return timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &time, NULL) == 0 ? 0 : -errno;
}
