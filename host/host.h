/*H:000 The built-in Host, seen from outside.
 *
 * Once upon a time a kernel module answered behind /dev/lguest.  It left Linux
 * in 4.14, so we carry a Host of our own, in the Launcher's own process: no
 * module, no root, no KVM.  It answers the same four requests with the same
 * results, which is why this header is so short: open, write, read, close are
 * all that a Launcher ever needed. :*/
#ifndef LGUEST_HOST_H
#define LGUEST_HOST_H

#include <stdbool.h>
#include <sys/types.h>

struct lguest;

/* NULL if the built-in Host can run on this machine; otherwise one line that
 * says what is missing and what to do about it. */
const char *host_missing(void);

/* A Guest-to-be; NULL if there is no memory for it.  One per process. */
struct lguest *host_open(void);

/* The requests of <linux/lguest_launcher.h>: @buf holds @len bytes of unsigned
 * longs, the first names the request; @cpu is the virtual CPU, always 0.
 * Returns what write(2) on /dev/lguest would: a count, or -errno.  Any thread
 * may write LHREQ_IRQ, even one without thread-local storage: errno, malloc
 * and stdio are left alone. */
ssize_t host_write(struct lguest *lg, const void *buf, size_t len, off_t cpu);

/* Runs the Guest until the Launcher has something to do.  Returns what read(2)
 * would: sizeof(unsigned long) bytes with a notify address, the length of the
 * reason text for a Guest that has died before, or -EINTR, -ENOENT (it has
 * just died), -ERESTART (it wants to start again), -EPERM, -EINVAL. */
ssize_t host_read(struct lguest *lg, void *buf, size_t len, off_t cpu);

/* Has the Guest done what no kernel made for lguest does, before it said that it
 * is one?  Then it won't have got far. */
bool host_is_stranger(const struct lguest *lg);

/* Gives everything back: windows, translations, timers. */
void host_close(struct lguest *lg);

/*H:990 That is the Host, but for one thing.  All through this chapter somebody
 * has been running the Guest's instructions, noticing its page faults and
 * stopping when kicked, and we never asked how.  On the old Host it was the CPU
 * itself, and the chapter about that was forty lines of the most delicate
 * assembler in Linux.  Ours is longer, but nothing in it can crash your machine.
 *
 * Next: make Switcher, where two worlds share one set of registers. :*/

#endif /* LGUEST_HOST_H */
