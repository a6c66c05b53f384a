/* The one place that includes <uv.h>.
 *
 * Everything here is what Swift cannot say for itself: casts between libuv's handle types, macros,
 * variadic calls, socket options that libuv 1.44 has no function for, splice(2), and how epoll is asked.
 * No allocation, no policy, and no state but what poll.c knows of descriptors. libuv's own functions are used from
 * Swift by their own names.
 */
#ifndef CLIBUV_H
#define CLIBUV_H

#include <uv.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

/* Casts. C's "a uv_tcp_t begins with a uv_stream_t" has no Swift spelling. */
static inline uv_stream_t *clibuv_tcp_stream(uv_tcp_t *tcp) { return (uv_stream_t *)tcp; }
static inline uv_stream_t *clibuv_pipe_stream(uv_pipe_t *pipe) { return (uv_stream_t *)pipe; }
static inline uv_tcp_t *clibuv_stream_tcp(uv_stream_t *stream) { return (uv_tcp_t *)stream; }
static inline uv_pipe_t *clibuv_stream_pipe(uv_stream_t *stream) { return (uv_pipe_t *)stream; }
static inline uv_handle_t *clibuv_stream_handle(uv_stream_t *stream) { return (uv_handle_t *)stream; }
static inline uv_handle_t *clibuv_timer_handle(uv_timer_t *timer) { return (uv_handle_t *)timer; }
static inline uv_handle_t *clibuv_async_handle(uv_async_t *async) { return (uv_handle_t *)async; }
static inline uv_handle_t *clibuv_signal_handle(uv_signal_t *sig) { return (uv_handle_t *)sig; }
static inline uv_handle_t *clibuv_poll_handle(uv_poll_t *poll) { return (uv_handle_t *)poll; }

/* Writes up to three pieces in one system call. Empty pieces are left out, so that a single piece
 * costs a write(2) and not a writev(2). Swift cannot build an array of uv_buf_t on the stack
 * without a closure around it. Returns the bytes taken or a libuv error. */
static inline int clibuv_try_write(uv_stream_t *stream, const void *_Nullable first, size_t first_count,
                                   const void *_Nullable second, size_t second_count,
                                   const void *_Nullable third, size_t third_count) {
  uv_buf_t pieces[3];
  unsigned int count = 0;
  if (first_count > 0) pieces[count++] = uv_buf_init((char *)first, (unsigned int)first_count);
  if (second_count > 0) pieces[count++] = uv_buf_init((char *)second, (unsigned int)second_count);
  if (third_count > 0) pieces[count++] = uv_buf_init((char *)third, (unsigned int)third_count);
  return uv_try_write(stream, pieces, count);
}

/* Sends one piece: send(2) goes straight to the socket where the write(2) of uv_try_write passes
 * through the file layer first. For connected streams. Returns the bytes taken or a libuv error. */
static inline int clibuv_try_send(uv_stream_t *stream, const void *bytes, size_t count) {
  uv_os_fd_t descriptor;
  if (uv_stream_get_write_queue_size(stream) != 0) return UV_EAGAIN;
  if (uv_fileno((const uv_handle_t *)stream, &descriptor) < 0) return UV_EBADF;
  ssize_t sent;
  do sent = send(descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return (int)sent;
  return errno == EWOULDBLOCK || errno == ENOBUFS ? UV_EAGAIN : -errno;
}

/* Reads what has arrived. The bytes, 0 at the end, or a libuv error (UV_EAGAIN: nothing there). */
static inline ssize_t clibuv_receive(uv_stream_t *stream, void *bytes, size_t room) {
  uv_os_fd_t descriptor;
  if (uv_fileno((const uv_handle_t *)stream, &descriptor) < 0) return UV_EBADF;
  ssize_t count;
  do count = recv(descriptor, bytes, room, MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

/* Queues one piece. uv_write wants an array of uv_buf_t that it copies before it returns. */
static inline int clibuv_write(uv_write_t *request, uv_stream_t *stream, const void *bytes, size_t count,
                               uv_write_cb _Nullable done) {
  uv_buf_t piece = uv_buf_init((char *)bytes, (unsigned int)count);
  return uv_write(request, stream, &piece, 1, done);
}

/* Socket options and descriptors (shim.c). Each returns 0 or a libuv error. */

/* SO_REUSEPORT before bind: libuv 1.44 has no UV_TCP_REUSEPORT (added in 1.49). */
int clibuv_tcp_reuse_port(uv_tcp_t *tcp);

/* Options that a listening socket hands down to what it accepts (Linux), so that they cost nothing
 * per connection: no Nagle delay, keep-alive probes. */
int clibuv_tcp_inherited_options(uv_tcp_t *tcp);

/* TCP_NOTSENT_LOWAT for what a listening socket accepts from now on: so many bytes may wait in the kernel. */
int clibuv_tcp_limit_unsent(uv_tcp_t *listener, int bytes);

/* True when the peer has closed or sent something: MSG_PEEK without waiting. 1, 0. */
int clibuv_stream_is_readable(uv_stream_t *stream);

/* Makes the next close(2) answer with RST: the peer learns that the message was cut. */
int clibuv_reset_on_close(uv_stream_t *stream);

/* Takes a connection that waits at a listening socket. A descriptor or an error (UV_EAGAIN: none). */
int clibuv_accept(uv_stream_t *listener);

/* A listening unix-domain socket at `path`, for uv_pipe_open. Returns a descriptor or an error. A
 * socket file that nobody listens on any more is replaced. */
int clibuv_unix_listen(const char *path, int backlog);
int clibuv_duplicate(int descriptor);
void clibuv_close_descriptor(int descriptor);

/* How the kernel tells of a stream (poll.c). By changes: once for each that comes, after the next uv_read_start. */
void clibuv_report_changes(uv_stream_t *stream);
/* By states, as libuv does by itself. To be called before the descriptor is closed. */
void clibuv_report_states(uv_stream_t *stream);
/* A read left something, or may have: tell once more of what is ready. */
void clibuv_report_again(uv_stream_t *stream);

/* Raises the soft descriptor limit to the hard one. Returns the limit in force. */
int64_t clibuv_raise_descriptor_limit(void);

/* A peer that closes early must be an error code and not a signal. */
/* Before there is another thread, and before anything is looked up. */
void clibuv_widen_pool(void);
void clibuv_ignore_broken_pipe(void);

/* splice(2), which libuv does not have. A pipe for one loop: descriptors[0] is read, [1] written. */
int clibuv_splice_pipe(int descriptors[_Nonnull 2], int capacity_bytes);
/* Moves up to `count` bytes from the socket into the pipe. Bytes, 0 at the end of the stream, or a
 * libuv error (UV_EAGAIN: nothing there). */
ssize_t clibuv_splice_in(uv_stream_t *source, int pipe_write, size_t count);
/* Moves up to `count` bytes from the pipe into the socket. Bytes or a libuv error. */
ssize_t clibuv_splice_out(uv_stream_t *sink, int pipe_read, size_t count);
/* Reads bytes back out of the pipe. Bytes or a libuv error. */
ssize_t clibuv_pipe_read(int pipe_read, void *bytes, size_t count);

/* timerfd, for what a uv_timer is too coarse for: libuv's timers are whole milliseconds. Returns a
 * descriptor or a libuv error; it is readable once the time is reached. */
int clibuv_precision_timer(void);
/* Sets the time, in nanoseconds of uv_hrtime's clock; 0 stops it. What was reached before is forgotten. */
int clibuv_precision_timer_set(int descriptor, uint64_t nanoseconds);

#pragma clang assume_nonnull end

#endif
