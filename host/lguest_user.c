/*H:100 The door: four requests, and what they find behind it.
 *
 * Everything here answers as /dev/lguest did, down to the error numbers; a
 * Launcher that was written for it shall not notice.  So we look at addresses
 * that it gives us before we use them, though it's in our own process and only
 * hurts itself: the old one said EFAULT, and so do we. */
#include <errno.h>
#include <fcntl.h>
#include <linux/lguest_launcher.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lg.h"
#include "page_tables.h"
#include "patience.h"
#include "raw.h"

/* Guest addresses have 32 bits. */
#define MAX_PAGES (1u << 20)
/*:*/

/*H:110 What do we need of the machine?  Each of these was somebody's evening.
 * Better one line now than a riddle later. */
#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif
#define ADDRESS_SPACE_GB 4096
#define FEWEST_MAPPINGS 8192

static const char *missing_fsgsbase(void)
{
	if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)
		return NULL;
	return "the built-in Host needs Linux 5.9 or newer (without "
	       "\"nofsgsbase\") and a processor with FSGSBASE";
}

static const char *missing_address_space(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) != 0 ||
	    limit.rlim_cur / ADDRESS_SPACE_GB >= 1ul << 30)
		return NULL;
	return "the built-in Host needs a lot of address space (not memory): "
	       "try \"ulimit -v unlimited\"";
}

static const char *missing_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	long count = FEWEST_MAPPINGS;

	if (!file)
		return NULL;
	if (fscanf(file, "%ld", &count) != 1)
		count = FEWEST_MAPPINGS;
	fclose(file);
	if (count >= FEWEST_MAPPINGS)
		return NULL;
	return "the built-in Host needs more mappings than are allowed: as "
	       "root, try \"sysctl vm.max_map_count=65530\"";
}

/* Memory that was writable through another mapping, as translated code is. */
static const char *missing_execution(void)
{
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool allowed = page != MAP_FAILED &&
		       mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC) == 0;

	if (page != MAP_FAILED)
		munmap(page, PAGE_SIZE);
	if (allowed)
		return NULL;
	return "the built-in Host needs memory that it can execute, which a "
	       "security policy forbids here (SELinux: \"execmem\")";
}

const char *host_missing(void)
{
	static const char *(*const checks[])(void) = {
		missing_fsgsbase,
		missing_address_space,
		missing_mappings,
		missing_execution,
	};
	const char *missing = NULL;
	unsigned i;

	for (i = 0; i < sizeof(checks) / sizeof(*checks) && !missing; i++)
		missing = checks[i]();
	return missing;
}
/*:*/

/*H:120 Open and close.  There's not much of a Guest before INITIALIZE has said
 * where its memory is; only the clock is looked at, since a good measurement
 * takes time and this is the earliest moment. */
struct lguest *host_open(void)
{
	struct lguest *lg = calloc(1, sizeof(*lg));

	if (lg && tsc_is_trusted())
		tsc_start(&lg->first);
	return lg;
}

static bool initialized(const struct lguest *lg)
{
	return lg->windows;
}

void host_close(struct lguest *lg)
{
	unsigned i;

	if (initialized(lg)) {
		exit_clock(lg);
		windows_exit(lg->windows);
		x86_exit(&lg->cpu);
	}
	for (i = 0; i < lg->neventfds; i++)
		raw_syscall(SYS_close, lg->eventfds[i].fd, 0, 0, 0, 0, 0);
	free(lg->eventfds);
	free(lg);
}
/*:*/

/*H:130 Reading a word which may not be there, without a signal: have the kernel
 * read it.  A signal mask is eight bytes of user memory; the kernel copies those
 * first, and then finds that -1 is nothing one can do with a mask.  (No mask at
 * all would be fine with it.) */
static bool fetch_word(const unsigned long *from, unsigned long *word)
{
	if (!from ||
	    raw_syscall(SYS_rt_sigprocmask, -1, (long)from, 0, sizeof(*from),
			0, 0) == -EFAULT)
		return false;
	*word = *from;
	return true;
}

static long task_id(void)
{
	return raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}
/*:*/

/*H:140 INITIALIZE brings the Guest's memory and its first instruction.  From now
 * on it's our thread's, because windows and signals are. */
static void start_registers(struct lguest *lg, u32 start)
{
	lg->pgdir = WINDOWS_LINEAR;
	lg->cpu.eip = start;
	init_guest_gdt(lg);
	x86_set_eflags(&lg->cpu, 0);
}

static int start_machine(struct lguest *lg)
{
	int err = x86_init(&lg->cpu);

	if (err)
		return err;
	err = windows_init(&lg->windows, &lg->cpu, &lguest_reader, lg);
	if (err)
		goto no_windows;
	err = init_clock(lg);
	if (err)
		goto no_clock;
	guest_enter_ring(lg, false);
	return 0;

no_clock:
	windows_exit(lg->windows);
	lg->windows = NULL;
no_windows:
	x86_exit(&lg->cpu);
	return err;
}

static ssize_t initialize(struct lguest *lg, const unsigned long *words)
{
	unsigned long base, pages, start;
	int err;

	if (initialized(lg))
		return -EBUSY;
	if (!fetch_word(words, &base) || !fetch_word(words + 1, &pages) ||
	    !fetch_word(words + 2, &start))
		return -EFAULT;
	if (base % PAGE_SIZE || !pages || pages > MAX_PAGES ||
	    start > UINT32_MAX)
		return -EINVAL;
	lg->cpu.machine = &lguest_machine;
	lg->cpu.memory = (u8 *)base;
	lg->cpu.memory_pages = pages;
	lg->task = task_id();
	lg->tired = begin_patience();
	start_registers(lg, start);
	err = start_machine(lg);
	return err ? err : (ssize_t)(3 * sizeof(*words));
}
/*:*/

/*H:150 An interrupt line, from any thread: the fastest way through this file. */
static ssize_t raise_irq(struct lguest *lg, const unsigned long *words)
{
	unsigned long irq;

	if (!fetch_word(words, &irq))
		return -EFAULT;
	if (irq >= LGUEST_IRQS)
		return -EINVAL;
	set_interrupt(lg, irq);
	return 0;
}
/*:*/

/*H:160 An eventfd for an address.  We keep a copy of the descriptor, so that the
 * Launcher may close its own.
 *
 * But is it one?  /proc knows, and may be out of reach in a chroot.  An eventfd
 * has no type of file, like a handful of other descriptors that the kernel made
 * out of nothing; and of those it's the only one that lets us add 0 to it, and
 * refuses to add the one number that it can't count to.  Neither leaves a
 * trace. */
static bool is_eventfd(int fd)
{
	static const u64 nothing = 0, too_much = ~0ull;
	struct stat st;

	return raw_syscall(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) == 0 &&
	       (st.st_mode & S_IFMT) == 0 &&
	       raw_syscall(SYS_write, fd, (long)&nothing, 8, 0, 0, 0) == 8 &&
	       raw_syscall(SYS_write, fd, (long)&too_much, 8, 0, 0, 0) ==
		       -EINVAL;
}

/* The slot for @address: where a device has been before it was reset, or a new
 * one.  NULL: no memory. */
static struct lg_eventfd *eventfd_slot(struct lguest *lg, u32 address)
{
	struct lg_eventfd *slots;
	unsigned i;

	for (i = 0; i < lg->neventfds; i++)
		if (lg->eventfds[i].address == address)
			return &lg->eventfds[i];
	slots = realloc(lg->eventfds, (i + 1) * sizeof(*slots));
	if (!slots)
		return NULL;
	lg->eventfds = slots;
	lg->neventfds++;
	slots[i] = (struct lg_eventfd){ .address = address, .fd = -1 };
	return &slots[i];
}

static ssize_t keep_eventfd(struct lguest *lg, u32 address, int copy)
{
	struct lg_eventfd *slot;

	if (!is_eventfd(copy))
		return -EINVAL;
	slot = eventfd_slot(lg, address);
	if (!slot)
		return -ENOMEM;
	if (slot->fd >= 0)
		raw_syscall(SYS_close, slot->fd, 0, 0, 0, 0, 0);
	slot->fd = copy;
	return 0;
}

static ssize_t attach_eventfd(struct lguest *lg, const unsigned long *words)
{
	unsigned long address, fd;
	ssize_t ret;
	int copy;

	if (!fetch_word(words, &address) || !fetch_word(words + 1, &fd))
		return -EFAULT;
	if (!address || address > UINT32_MAX)
		return -EINVAL;
	copy = raw_syscall(SYS_fcntl, (int)fd, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
	if (copy < 0)
		return copy;
	ret = keep_eventfd(lg, address, copy);
	if (ret)
		raw_syscall(SYS_close, copy, 0, 0, 0, 0, 0);
	return ret;
}
/*:*/

/*H:170 write: the first word says what the others are.  Like the old Host we
 * look at the words and not at how many there are said to be. */
ssize_t host_write(struct lguest *lg, const void *buf, size_t len, off_t cpu)
{
	const unsigned long *words = buf;
	unsigned long request;

	(void)len;
	if (!fetch_word(words, &request))
		return -EFAULT;
	if (request == LHREQ_INITIALIZE)
		return initialize(lg, words + 1);
	if (!initialized(lg) || cpu != 0)
		return -EINVAL;
	if (lg->dead)
		return -ENOENT;
	switch (request) {
	case LHREQ_IRQ:
		return raise_irq(lg, words + 1);
	case LHREQ_EVENTFD:
		return attach_eventfd(lg, words + 1);
	default:
		return -EINVAL;
	}
}
/*:*/

/*H:180 A read of /dev/lguest ended with EINTR when the Launcher had a signal to
 * handle.  That took the kernel nothing, as it goes by there anyway; but we're
 * only a function, and whoever interrupts us comes back to where we were, inside
 * the Guest, as if nothing had been.
 *
 * So while the Guest runs, we put ourselves in front of the Launcher's handlers:
 * ours calls theirs, and then ends the run.  Those with SA_RESTART never wanted
 * to know.  The questions cost five microseconds for each read, which is about
 * what the Launcher spends on a notify anyway. */
static struct sigaction theirs[NSIG];
static struct lguest *reading;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	if (theirs[sig].sa_flags & SA_SIGINFO)
		theirs[sig].sa_sigaction(sig, info, context);
	else
		theirs[sig].sa_handler(sig);
	reading->signalled = true;
	wake_guest(reading);
}

static bool is_ours(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL ||
	       sig == SIGFPE || sig == SIGTRAP;
}

static bool interrupts_read(const struct sigaction *act)
{
	return act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN &&
	       !(act->sa_flags & SA_RESTART);
}

static void watch_signals(struct lguest *lg)
{
	struct sigaction act;
	int sig;

	reading = lg;
	lg->signalled = false;
	for (sig = 1; sig < NSIG; sig++) {
		if (is_ours(sig) || sigaction(sig, NULL, &act) != 0 ||
		    !interrupts_read(&act))
			continue;
		theirs[sig] = act;
		act.sa_sigaction = on_signal;
		act.sa_flags |= SA_SIGINFO;
		sigaction(sig, &act, NULL);
	}
}

/* A handler may have changed its mind about the next time; then it stays. */
static void unwatch_signals(void)
{
	struct sigaction act;
	int sig;

	for (sig = 1; sig < NSIG; sig++) {
		if (!interrupts_read(&theirs[sig]))
			continue;
		if (sigaction(sig, NULL, &act) == 0 &&
		    act.sa_sigaction == on_signal)
			sigaction(sig, &theirs[sig], NULL);
		theirs[sig].sa_handler = SIG_DFL;
	}
}
/*:*/

/*H:190 read: the Guest runs.  Unless it is dead; then this is the place to ask
 * for the reason, as often as one likes, and as much of it as one has room
 * for. */
static ssize_t read_reason(const struct lguest *lg, void *buf, size_t len)
{
	size_t size = strlen(lg->reason) + 1;

	if (lg->restart)
		return -ERESTART;
	if (len > size)
		len = size;
	memcpy(buf, lg->reason, len);
	return len;
}

static ssize_t read_notify(struct lguest *lg, void *buf)
{
	unsigned long address = lg->notify;

	lg->notify = 0;
	memcpy(buf, &address, sizeof(address));
	return sizeof(address);
}

bool host_is_stranger(const struct lguest *lg)
{
	return lg->stranger;
}

ssize_t host_read(struct lguest *lg, void *buf, size_t len, off_t cpu)
{
	int err;

	if (!initialized(lg) || cpu != 0)
		return -EINVAL;
	if (task_id() != lg->task)
		return -EPERM;
	if (lg->dead)
		return read_reason(lg, buf, len);
	if (len < sizeof(unsigned long))
		return -EINVAL;
	watch_signals(lg);
	err = run_guest(lg);
	unwatch_signals();
	return err ? err : read_notify(lg, buf);
}
/*:*/

/*M:630 There's one Guest in a process, since signal handlers have no argument of
 * ours (see "running" in host/x86/faults.c), and a second INITIALIZE anywhere in
 * the process is EBUSY.  The clock's handler gets its Guest in the signal's value;
 * for faults, a table by thread would do. :*/
