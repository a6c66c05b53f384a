/* How libuv asks the kernel what is ready. It has no settings for that, but it calls epoll's functions by their names,
 * and the program's own come before those of the C library. Where they do not, as under sanitizers, who have their own,
 * all of this is without effect and libuv works as it does by itself.
 *
 * Few events at a time. libuv asks for up to 1024, and as long as it gets that many it asks again, 48 times, before it
 * comes back to timers, to connections that were opened or closed meanwhile, and to changes of what it waits for: under
 * load half a second, in which a new connection is not even read. With fewer events than it asked for it is content. A
 * call more for each 256 events is not to be measured.
 *
 * Changes only (EPOLLET), for streams that ask for it. libuv waits for states: whatever the kernel has reported it looks
 * at once more, to find it read meanwhile, which is two looks too many for each proxied request. It also lets some
 * overtake others: what waits for its second look keeps its place, and a client that is quick to ask again has it
 * without standing in line. What is left unread is not told of by itself then, so the kernel is asked again before the
 * next wait in three places: a read that filled its buffer, a read that was not made (both told by
 * `clibuv_report_again`), and the end of a connection behind bytes that were just read (EPOLLRDHUP tells it). Where a
 * stream stops and starts to read libuv itself asks again, and the end of a write that the kernel refused is a change. */
#define _GNU_SOURCE 1
#include "CLibUV.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer)

enum { EVENTS_MAX = 256, DESCRIPTORS_MAX = 1 << 20, AGAIN_MAX = 512 };

/* What is known of a descriptor. Only its own loop's thread changes it, but once it is closed the next one with that
 * number may be another's, while the first still has the number in its list: hence atomic, and each leaves alone what
 * another loop waits for. */
struct watch {
  _Atomic int epoll;
  _Atomic uint32_t events;
};

/* In `events`, beside the kernel's: told by changes only; to be asked again before the next wait. */
enum { CHANGES = 1u << 26, AGAIN = 1u << 25, FLAGS = CHANGES | AGAIN };

/* Of what is never used there are no pages. */
static struct watch watches[DESCRIPTORS_MAX];

static _Thread_local int again[AGAIN_MAX];
static _Thread_local int again_count;

static struct watch *watch_of(int descriptor) {
  return descriptor >= 0 && descriptor < DESCRIPTORS_MAX ? &watches[descriptor] : NULL;
}

/* Whoever sees the events sees whose they are. */
static uint32_t load(struct watch *watch) { return atomic_load_explicit(&watch->events, memory_order_acquire); }
static void store(struct watch *watch, uint32_t events) {
  atomic_store_explicit(&watch->events, events, memory_order_release);
}
static int epoll_of(struct watch *watch) { return atomic_load_explicit(&watch->epoll, memory_order_relaxed); }

static int control(int epoll, int operation, int descriptor, struct epoll_event *event) {
  return (int)syscall(SYS_epoll_ctl, epoll, operation, descriptor, event);
}

/* Waiting for the same once more puts what is ready already back in line. What was closed meanwhile is an error of no
 * importance. */
static void ask_again(int epoll, int descriptor) {
  struct watch *watch = watch_of(descriptor);
  uint32_t events = load(watch);
  if ((events & FLAGS) != FLAGS || epoll_of(watch) != epoll) return;
  store(watch, events & ~AGAIN);
  struct epoll_event event = {.events = events & ~FLAGS, .data.fd = descriptor};
  (void)control(epoll, EPOLL_CTL_MOD, descriptor, &event);
}

static void report_again(int descriptor) {
  struct watch *watch = watch_of(descriptor);
  if (!watch) return;
  uint32_t events = load(watch);
  /* Nothing is waited for, or it is in the list already. */
  if (!(events & CHANGES) || (events & AGAIN) || !(events & ~FLAGS)) return;
  store(watch, events | AGAIN);
  if (again_count < AGAIN_MAX) {
    again[again_count++] = descriptor;
  } else {
    ask_again(epoll_of(watch), descriptor);
  }
}

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
  struct watch *watch = watch_of(descriptor);
  if (!watch || !(load(watch) & CHANGES)) return control(epoll, operation, descriptor, event);
  if (operation == EPOLL_CTL_DEL) {
    store(watch, CHANGES);
    return control(epoll, operation, descriptor, event);
  }
  struct epoll_event changes = *event;
  changes.events |= EPOLLET | (event->events & EPOLLIN ? EPOLLRDHUP : 0);
  atomic_store_explicit(&watch->epoll, epoll, memory_order_relaxed);
  store(watch, changes.events | (load(watch) & FLAGS));
  return control(epoll, operation, descriptor, &changes);
}

static int wait_for(int epoll, struct epoll_event *events, int wanted, int timeout, const sigset_t *mask) {
  while (again_count > 0) ask_again(epoll, again[--again_count]);
  if (wanted > EVENTS_MAX) wanted = EVENTS_MAX;
  int count = (int)syscall(SYS_epoll_pwait, epoll, events, wanted, timeout, mask, _NSIG / 8);
  for (int index = 0; index < count; index++)
    if (events[index].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) report_again(events[index].data.fd);
  return count;
}

int epoll_wait(int epoll, struct epoll_event *events, int wanted, int timeout) {
  return wait_for(epoll, events, wanted, timeout, NULL);
}

int epoll_pwait(int epoll, struct epoll_event *events, int wanted, int timeout, const sigset_t *mask) {
  return wait_for(epoll, events, wanted, timeout, mask);
}

static struct watch *watch_of_stream(uv_stream_t *stream) {
  uv_os_fd_t descriptor;
  return uv_fileno((const uv_handle_t *)stream, &descriptor) < 0 ? NULL : watch_of(descriptor);
}

void clibuv_report_changes(uv_stream_t *stream) {
  struct watch *watch = watch_of_stream(stream);
  if (watch) store(watch, load(watch) | CHANGES);
}

void clibuv_report_states(uv_stream_t *stream) {
  struct watch *watch = watch_of_stream(stream);
  if (watch) store(watch, 0);
}

void clibuv_report_again(uv_stream_t *stream) {
  uv_os_fd_t descriptor;
  if (uv_fileno((const uv_handle_t *)stream, &descriptor) == 0) report_again(descriptor);
}

#else

void clibuv_report_changes(uv_stream_t *stream) { (void)stream; }
void clibuv_report_states(uv_stream_t *stream) { (void)stream; }
void clibuv_report_again(uv_stream_t *stream) { (void)stream; }

#endif
