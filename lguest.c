/*L:000 This is the Launcher: the program that you type when you want a Guest.
 *
 *	lguest 64 vmlinux --tunnet=192.168.19.1 --block=rootfile root=/dev/vda
 *
 * A Guest needs four things: memory, a kernel in it, something to run it, and
 * devices to talk to.  The Launcher supplies the first two in a few pages of
 * code, and the fourth in a few more.  The third is the Host's affair, and the
 * Launcher neither knows nor wants to know how the Host does it: there may be
 * a module behind /dev/lguest in the kernel, or the built-in Host in this very
 * process, and we write and read the same few words either way.
 *
 * So everything here is ordinary: mmap, read, write, and a fair amount of
 * suspicion.  The Guest isn't our friend.  Perhaps it was when it booted, but
 * it has had strangers in since then, and every number that it shows us may be
 * a lie, or may turn into one between two looks.
 *
 * main() is at the bottom of the file, since C likes to hear of a function
 * before its first use.  You needn't: the story begins there, and these
 * comments are numbered in the order in which they want to be read. :*/
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <arpa/inet.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <asm/bootparam.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/lguest.h>
#include <linux/lguest_launcher.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include "patience.h"
#ifndef __i386__
#include "host.h"
#include "pc/pc.h"
#include "perf_map.h"
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define PAGE_SIZE 4096u
#define MEGABYTE  (1u << 20)

/* A kernel at one megabyte needs something above that, and the Guest counts
 * its memory in 32 bits, with the device pages on top. */
#define LEAST_MEMORY (2 * MEGABYTE)
#define MOST_MEMORY  (4095u * MEGABYTE)
#define DEVICE_PAGES 256u

/* Where things lie in the Guest's memory at boot, in bytes: an lguest kernel
 * reads the first two from us, a PC's is told where they are, and a bzImage wants
 * to be at one megabyte. */
#define BOOT_PARAMS_AT	0u
#define COMMAND_LINE_AT 0x1000u
#define BOOT_AREA_END	0x2000u
#define PC_PARAMS_AT	0x10000u
#define PC_COMMAND_LINE 0x11000u
#define LONGEST_COMMAND_LINE 4095u
#define BZIMAGE_AT	0x100000u

#define SECTOR_SIZE   512u
#define VIRTQUEUE_NUM 256u
#define SERVICE_STACK 65536u

/* What the process that ran the Guest tells the one that waits for it when
 * there's to be another life.  The number is what the kernel calls ERESTART; the
 * next one is for a Guest that wants another machine. */
#define LIVE_AGAIN 85
#define LIVE_ON_PC 86

#define LGUEST_VERSION "1.0"

/*L:360 A device, as the Launcher sees it.  The Guest has its own view of it in
 * the descriptor page, but the Guest can write to that page, so all that we
 * rely on is kept on our side and the descriptor is only where we post it.
 *
 * Each virtqueue is a one-way street with a service thread at the end of it.
 * Which street it is, and who serves it, is in the table of kinds (L:370). */
struct virtqueue {
	struct device *dev;
	const char *name;
	void (*service)(struct virtqueue *vq);

	/* The rings in Guest memory: the Guest's address of them (which is
	 * also what it notifies), our view of them, and the interrupt. */
	u32 addr;
	struct vring vring;
	u16 irq;

	/* How far we are.  The used index is in the ring too, but what's in
	 * the ring is the Guest's to scribble on. */
	u16 last_avail;
	u16 used_idx;
	u16 unsignalled;

	unsigned int tired;	/* see patience.h */

	int eventfd;
	pid_t thread;
	u8 stack[SERVICE_STACK] __attribute__((aligned(16)));
};

struct device {
	struct device *next;
	const struct kind *kind;
	/* What the user wrote after "=", and what we call the device. */
	const char *arg;
	char name[64];

	int fd;
	u32 offered, accepted;
	u8 config[32];
	u8 config_len;
	u64 sectors;

	/* In the descriptor page... */
	struct lguest_device_desc *desc;
	u8 *guest_features;
	u32 addr;
	/* ... or on a PC's bus. */
	int slot;
	unsigned int num_vq;
	struct virtqueue vq[2];
	bool running;
};
/*:*/

/*L:110 This is all that the user can wish for.  We collect it first and act on
 * it later, since options may stand before, after and between the other words,
 * and a block device can't be built before it's known that there are any. */
static struct {
	bool verbose;
	u32 mem;
	const char *kernel;
	const char *initrd;
	const char *chroot;
	const char *host;
	const struct machine *machine;
	bool no_default_arguments;
	bool no_cache;
	bool no_seccomp;
	bool perf_map;
	const struct passwd *user;
	char *command_line;
} wish;

static struct device *devices, **last_device = &devices;
/*:*/

/*L:640 There are two machines that a kernel can run on: lguest's own, and a PC.
 * From here they differ in what a boot loader leaves where, in how the kernel
 * hears of its devices and we of it, and in little else. */
struct boot_params;

static const struct machine {
	const char *name;
	/* Where the parameters and the command line are, and what's the lowest
	 * address that a kernel may be loaded at. */
	u32 params_at, command_line_at, kernel_from;
	/* What its kernels like to be told, a word each. */
	const char *const *(*arguments)(void);
	/* Does it say when a kernel has unpacked itself? */
	bool unpacks;
	void (*describe)(struct boot_params *boot);
	void (*turn_on)(u32 entry);
	void (*interrupt)(struct virtqueue *vq);
	void (*run)(void);
} *machine;

#ifdef __i386__
#define NUM_MACHINES 1
#else
#define NUM_MACHINES 2
#endif
static const struct machine machines[NUM_MACHINES];
/*:*/

/* Guest physical 0 lies at guest_base; the Guest may name what's below the
 * limit. */
static u8 *guest_base;
static u32 guest_limit;

/* Who we are: the first process and the one that runs the Guest each set it
 * to their own number, the service threads don't. */
static pid_t me;

static struct termios terminal;
static bool terminal_known;

/*L:500 Service threads are made by clone(), and they share our memory, as
 * threads do.  But they aren't the C library's threads: it doesn't know of
 * them, so they have no thread-local storage of their own and use *ours*, errno
 * included.  A failed read in one would change errno under another's nose.
 *
 * The cure is to do without.  The kernel doesn't know errno either: it returns
 * the error as a negative number, and that number is in a register, where no
 * other thread gets at it.  So whatever may run while service threads do goes
 * to the kernel by this door, and calls nothing that uses errno, stdio or
 * malloc.  (What runs before the first of them starts may be as sloppy as any
 * other C program, and prints its errors with "%m".) */
static long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
#ifdef __i386__
	/* The sixth goes into ebp, which may be what finds the others. */
	asm volatile("pushl %7; pushl %%ebp; movl 4(%%esp), %%ebp; int $0x80; "
		     "popl %%ebp; addl $4, %%esp"
		     : "=a"(ret)
		     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "g"(f)
		     : "memory");
#else
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
#endif
	return ret;
}

#define SYS_PADDED(nr, a, b, c, d, e, f, ...)                             \
	raw_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
		    (long)(f))
#define sys(...) SYS_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* A file offset is two longs for preadv() and its kin.  Where longs are wide
 * enough the kernel ignores the second. */
#define OFFSET(off) (off), (u64)(off) >> 32

static const char *reason(long err)
{
	const char *text = strerrordesc_np(-err);

	return text ? text : "unknown error";
}
/*:*/

/*L:510 Reads and writes may do half of what they're asked.  Somebody has to
 * come back for the rest: this strikes off what's done from a list of buffers,
 * and with it we can go round until the list is empty. */
static void strike_off(struct iovec **iov, unsigned int *num, size_t done)
{
	while (*num && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*num)--;
	}
	if (*num) {
		(*iov)->iov_base = (u8 *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

/* The other end of stdin or stdout may have made it non-blocking: such flags
 * belong to the open file, and we share that with whoever started us. */
static void wait_until(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	sys(SYS_poll, &pfd, 1, -1);
}

static long write_all(int fd, struct iovec *iov, unsigned int num)
{
	while (num) {
		long ret = sys(SYS_writev, fd, iov, num);

		if (ret == -EAGAIN)
			wait_until(fd, POLLOUT);
		else if (ret >= 0)
			strike_off(&iov, &num, ret);
		else if (ret != -EINTR)
			return ret;
	}
	return 0;
}

static u64 total_length(const struct iovec *iov, unsigned int num)
{
	u64 total = 0;

	while (num--)
		total += iov[num].iov_len;
	return total;
}
/*:*/

/*L:040 Whatever goes wrong in whichever process, the user gets one line and it
 * comes in one write, so that two threads in trouble don't talk at once.
 * vsnprintf() needs neither errno nor malloc for the formats we use.
 *
 * Some of it is the Guest's own words, and a terminal obeys what it's shown.  So
 * control characters don't get through, and one line remains one line. */
static void say(const char *fmt, va_list ap)
{
	char line[PATH_MAX + 512];
	int len = snprintf(line, sizeof(line), "lguest: ");
	struct iovec iov = { .iov_base = line };

	len += vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	if (len > (int)sizeof(line) - 1)
		len = sizeof(line) - 1;
	for (char *c = line; c < line + len; c++)
		if ((u8)*c < ' ' || *c == 0x7f)
			*c = '?';
	line[len++] = '\n';
	iov.iov_len = len;
	write_all(STDERR_FILENO, &iov, 1);
}

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

#define verbose(...)                       \
	do {                               \
		if (wish.verbose)          \
			tell(__VA_ARGS__); \
	} while (0)
/*:*/

/*L:041 A warning is for the user, but it's the Guest who knows how to bring it
 * about, and it can do that a million times a second while stderr goes to a file
 * on somebody's disk.  So there's a last one. */
#define MOST_WARNINGS 10000u

static bool may_warn(void)
{
	static u32 warnings;
	u32 before = __atomic_fetch_add(&warnings, 1, __ATOMIC_RELAXED);

	if (before == MOST_WARNINGS)
		tell("%u warnings are enough: no others will be shown",
		     MOST_WARNINGS);
	return before < MOST_WARNINGS;
}

#define warn(...)                          \
	do {                               \
		if (may_warn())            \
			tell(__VA_ARGS__); \
	} while (0)
/*:*/

/*L:050 On the way out there are two things to put right: no service thread may
 * stay behind, and the terminal gets back its old ways.  A service thread that
 * leaves does neither: it only goes, and its parent takes that as the signal
 * to do it for all of them (L:490).
 *
 * All signals are blocked meanwhile.  It's not only that we don't want to be
 * disturbed: somebody in the background who changes the terminal is stopped by
 * SIGTTOU, but not if he has blocked it.  Only SIGSYS must get through: it comes
 * from ourselves, and has something to say (L:423). */
static void all_but_sigsys(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, SIGSYS);
}

static void block_signals(sigset_t *old)
{
	sigset_t all;

	all_but_sigsys(&all);
	sigprocmask(SIG_BLOCK, &all, old);
}

static void stop_thread(struct virtqueue *vq)
{
	if (!vq->thread)
		return;
	sys(SYS_kill, vq->thread, SIGKILL);
	while (sys(SYS_wait4, vq->thread, NULL, __WALL, NULL) == -EINTR)
		;
	vq->thread = 0;
}

static void stop_threads(struct device *dev)
{
	for (unsigned int i = 0; i < dev->num_vq; i++)
		stop_thread(&dev->vq[i]);
}

static void restore_terminal(void)
{
	if (terminal_known)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
}

static void tidy_up(void)
{
	block_signals(NULL);
	if (sys(SYS_getpid) != me)
		return;
	for (struct device *dev = devices; dev; dev = dev->next)
		stop_threads(dev);
	restore_terminal();
}

static void __attribute__((noreturn)) leave(int status)
{
	tidy_up();
	for (;;)
		sys(SYS_exit_group, status);
}

/* A Guest may reset the device whose thread is just saying this; it won't get
 * away with that (L:450). */
static volatile bool given_up;

static void __attribute__((noreturn, format(printf, 1, 2)))
fatal(const char *fmt, ...)
{
	va_list ap;

	given_up = true;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	leave(EXIT_FAILURE);
}

/* Die of a signal, so that a shell sees what happened, but tidily. */
static void die_of(int sig)
{
	sigset_t only;

	tidy_up();
	signal(sig, SIG_DFL);
	sys(SYS_kill, sys(SYS_getpid), sig);
	sigemptyset(&only);
	sigaddset(&only, sig);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	leave(128 + sig);
}
/*:*/

/*L:210 Here is the only door to the Guest's memory.  The Guest speaks of it in
 * physical addresses, we need pointers, and between the two there's an addition
 * and a check.  The check is the longer half, as it should be: @len bytes from
 * @addr, all of them below the limit, and no wrapping round. */
static void *from_guest(u64 addr, u64 len)
{
	if (addr > guest_limit || len > guest_limit - addr)
		return NULL;
	return guest_base + addr;
}
/*:*/

/*L:200 The Guest's "physical" memory is nothing but a mapping in our own: its
 * address 0 is our guest_base.  The devices' pages lie above it, in the same
 * mapping, and on either side there's a page that nobody can touch, just in
 * case somebody here can't count.
 *
 * Shared, not private, although nobody shares it yet: the built-in Host maps
 * the same pages a second time, and writes of one view must show in the other.
 * Nor is all of it really there.  MAP_NORESERVE means that a page costs nothing
 * until the Guest touches it. */
static void map_guest_memory(void)
{
	size_t size = (size_t)wish.mem + DEVICE_PAGES * PAGE_SIZE;
	u8 *map = mmap(NULL, size + 2 * PAGE_SIZE, PROT_NONE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		fatal("cannot map %u KB of memory for the Guest: %m",
		      wish.mem / 1024);
	guest_base = map + PAGE_SIZE;
	guest_limit = wish.mem;
	if (mprotect(guest_base, size, PROT_READ | PROT_WRITE))
		fatal("cannot use the Guest's %u KB of memory: %m",
		      wish.mem / 1024);
	verbose("Guest memory: %u KB at %p", wish.mem / 1024, guest_base);
}
/*:*/

/*L:220 What the devices need comes from above the memory that the Guest knows
 * to be memory: the limit moves up, a run of pages at a time. */
static u32 pages_for_devices(u32 bytes)
{
	u32 addr = guest_limit;

	bytes = (bytes + PAGE_SIZE - 1) & -PAGE_SIZE;
	if (bytes > wish.mem + DEVICE_PAGES * PAGE_SIZE - guest_limit)
		fatal("not enough memory for devices: they have %u pages",
		      DEVICE_PAGES);
	guest_limit += bytes;
	return addr;
}
/*:*/

/*L:400 There may be two Hosts to choose from, and this is all that they have to
 * offer: write a request, read to run the Guest.  open() returns NULL if it
 * went well, and otherwise says why not.
 *
 * A kernel's Host is behind a device file, and the file offset of each request
 * is the number of the virtual CPU.  There is one CPU. */
static int lguest_fd;

static const char *open_kernel_host(void)
{
	lguest_fd = open("/dev/lguest", O_RDWR | O_CLOEXEC);
	return lguest_fd < 0 ? strerrordesc_np(errno) : NULL;
}

static long write_kernel_host(const void *words, size_t len)
{
	return sys(SYS_pwrite64, lguest_fd, words, len, OFFSET(0ull));
}

static long read_kernel_host(void *buf, size_t len)
{
	return sys(SYS_pread64, lguest_fd, buf, len, OFFSET(0ull));
}

/* The other one needs an x86-64 processor, and no help from anybody. */
#ifndef __i386__
/* perf(1) looks for names here.  A new file, since in /tmp what is there already
 * may be anybody's. */
static void name_code_for_perf(void)
{
	char path[sizeof("/tmp/perf-4294967295.map")];
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%u.map", me);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		fatal("--perf-map: cannot create %s: %m", path);
	perf_map_begin(fd);
}

static struct lguest *builtin;

static const char *open_builtin_host(void)
{
	const char *missing = host_missing();

	if (missing)
		return missing;
	builtin = host_open();
	return builtin ? NULL : "no memory";
}

static long write_builtin_host(const void *words, size_t len)
{
	return host_write(builtin, words, len, 0);
}

static long read_builtin_host(void *buf, size_t len)
{
	return host_read(builtin, buf, len, 0);
}

static bool is_stranger_to_builtin(void)
{
	return host_is_stranger(builtin);
}
#endif

static const struct host {
	const char *name;
	const char *place;
	const char *(*open)(void);
	long (*write)(const void *words, size_t len);
	long (*read)(void *buf, size_t len);
	/* It died a stranger: what it wanted wasn't this machine.  (The
	 * kernel's Host can't say so.) */
	bool (*is_stranger)(void);
} hosts[] = {
	{ "kernel", "/dev/lguest", open_kernel_host, write_kernel_host,
	  read_kernel_host, NULL },
#ifndef __i386__
	{ "builtin", "built in", open_builtin_host, write_builtin_host,
	  read_builtin_host, is_stranger_to_builtin },
#endif
};

static const struct host *host;

/* A kernel's Host comes first: whoever has one went to some trouble for it. */
static void choose_host(void)
{
	char tried[512] = "";
	size_t len = 0;

	for (host = hosts; host < hosts + ARRAY_SIZE(hosts); host++) {
		const char *failure;

		if (wish.host && strcmp(wish.host, host->name))
			continue;
		failure = host->open();
		if (!failure) {
			verbose("Host: %s", host->place);
			return;
		}
		len += snprintf(tried + len, sizeof(tried) - len, "; %s: %s",
				host->place, failure);
		if (len >= sizeof(tried))
			break;
	}
	fatal("no Host to run the Guest%s (the kernel's needs 32-bit Linux up to "
	      "4.13 and \"modprobe lg\", the built-in one x86-64)", tried);
}
/*:*/

/*L:410 The first word of a request is its number, and the words are as long as
 * our own longs.  The Host compares them with its own idea of that. */
#define tell_host(...)                                            \
	host->write((const unsigned long[]){ __VA_ARGS__ },       \
		    sizeof((const unsigned long[]){ __VA_ARGS__ }))

/* Where the memory is, where it ends, where to start: that's all that a Host
 * needs to know about a Guest.  The rest it'll hear from the Guest itself. */
static void introduce_guest(u32 entry)
{
	long ret = tell_host(LHREQ_INITIALIZE, (unsigned long)guest_base,
			     guest_limit / PAGE_SIZE, entry);

	if (ret < 0)
		fatal("the Host (%s) won't have the Guest: %s", host->place,
		      reason(ret));
	verbose("Guest: 0 to %#x, starts at %#x", guest_limit, entry);
}
/*:*/

/*L:600 A virtqueue, from the end where the work is done.
 *
 * It's made of three parts in Guest memory.  The descriptor table has room for
 * 256 buffers.  The Guest strings some of them together into a chain, and puts
 * the number of the first into the next slot of the "available" ring.  When
 * we've finished with a chain we put its number into the next slot of the
 * "used" ring.  Each ring has an index that says how far its writer is; it only
 * ever grows, and wraps at 65536.
 *
 * The Guest writes all but the used ring.  Actually it can write that too, so
 * we never read it.  As for the others, we read each field once, into a
 * variable of our own, and check and use *that*.  Looking twice would be asking
 * for trouble: the Guest is another processor, and may have changed it. */
#define once(field) (*(const volatile __typeof__(field) *)&(field))

/* What service threads say of a bad virtqueue. */
#define bad_queue(vq, fmt, ...)                                              \
	fatal("%s: %s queue: " fmt, (vq)->dev->name, (vq)->name, ##__VA_ARGS__)
/*:*/

/*L:605 So a service thread begins by asking whether there's anything to do. */
static u16 next_avail(struct virtqueue *vq)
{
	return __atomic_load_n(&vq->vring.avail->idx, __ATOMIC_ACQUIRE);
}
/*:*/

/*L:630 "You have something in the used ring": one interrupt may be good for
 * many buffers, so they only collect here, and it's sent when a thread is about
 * to sleep, or to wait for something that may not come.
 *
 * The fence: our store to the used ring must be visible before we look whether
 * the Guest cares.  It sets the flag and then looks at the ring, and if both of
 * us looked before the other's store had arrived, nobody would do anything. */
static void interrupt_guest(struct virtqueue *vq)
{
	if (!vq->unsignalled)
		return;
	vq->unsignalled = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (once(vq->vring.avail->flags) & VRING_AVAIL_F_NO_INTERRUPT)
		return;
	machine->interrupt(vq);
}

/* The Guest may just have died, and it's not for us to report that. */
static void interrupt_by_host(struct virtqueue *vq)
{
	long ret = tell_host(LHREQ_IRQ, vq->irq);

	if (ret < 0 && ret != -ENOENT)
		bad_queue(vq, "the Host refuses interrupt %u: %s", vq->irq,
			  reason(ret));
}
/*:*/

/*L:635 There's one more time for it, which is a little before the end.  A Guest that
 * has used up its buffers waits for some of them, and if it hears of those only when
 * all are done, there's nothing left to do for us until it has woken up and made
 * new ones: each of the two would work while the other sleeps.  So it's told when
 * three quarters are done.  With 16 packets in flight, and a driver that sleeps at
 * once, it was 16.5 GB/s instead of 10.6 when told halfway; but where both share a
 * processor, half as many trips are better.  (If it doesn't want to know, as while
 * it's busy with those that we gave it earlier, that's the end of it.) */
static void interrupt_early(struct virtqueue *vq)
{
	u16 left = next_avail(vq) - vq->last_avail;

	if (left && vq->unsignalled >= 3 * left)
		interrupt_guest(vq);
}
/*:*/

/*L:620 To give a chain back, say which one it was and how many bytes of it we
 * wrote to.  The index goes last, and the Guest must not see it any earlier. */
static void add_used(struct virtqueue *vq, u32 head, u32 len)
{
	vring_used_elem_t *slot =
		&vq->vring.used->ring[vq->used_idx % VIRTQUEUE_NUM];

	slot->id = head;
	slot->len = len;
	__atomic_store_n(&vq->vring.used->idx, ++vq->used_idx,
			 __ATOMIC_RELEASE);
	vq->unsignalled++;
	interrupt_early(vq);
}
/*:*/

/*L:607 If there isn't, it sleeps.  Not at once, since the Guest's next request may
 * be on its way (host/patience.h tells what that gains).  While it's awake it doesn't
 * need to be told of new buffers, and says so with NO_NOTIFY, for a notification is
 * a trip out of the Guest.  So that has to be taken back first.  And then it has to
 * look again: the Guest may have added something just before, and was told not to
 * ring the bell.  Another place where both sides write one thing and read another,
 * so another full fence. */
#define GUESTS_TURN (1u << 17)	/* in cycles of the processor */

static void set_used_flags(struct virtqueue *vq, u16 flags)
{
	__atomic_store_n(&vq->vring.used->flags, flags, __ATOMIC_RELAXED);
}

static bool is_asked(void *vq)
{
	return next_avail(vq) != ((struct virtqueue *)vq)->last_avail;
}

static void sleep_until_notified(struct virtqueue *vq)
{
	u64 count;
	long ret;

	interrupt_guest(vq);
	be_patient(&vq->tired, GUESTS_TURN, is_asked, vq);
	if (is_asked(vq))
		return;
	set_used_flags(vq, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!is_asked(vq)) {
		ret = sys(SYS_read, vq->eventfd, &count, sizeof(count));
		if (ret != sizeof(count) && ret != -EINTR)
			bad_queue(vq, "cannot wait for the Guest: %s",
				  reason(ret));
	}
	set_used_flags(vq, VRING_USED_F_NO_NOTIFY);
}

/* The number of the first descriptor of the next chain. */
static u16 wait_for_head(struct virtqueue *vq)
{
	u16 avail, head;

	while ((avail = next_avail(vq)) == vq->last_avail)
		sleep_until_notified(vq);
	if ((u16)(avail - vq->last_avail) > VIRTQUEUE_NUM)
		bad_queue(vq, "available index went from %u to %u, the ring has %u slots",
			  vq->last_avail, avail, VIRTQUEUE_NUM);
	head = once(vq->vring.avail->ring[vq->last_avail % VIRTQUEUE_NUM]);
	if (head >= VIRTQUEUE_NUM)
		bad_queue(vq, "head %u is outside the table of %u", head,
			  VIRTQUEUE_NUM);
	vq->last_avail++;
	return head;
}
/*:*/

/*L:610 A chain becomes a list of buffers, as readv() and writev() like them:
 * first those that we are to read ("out", as the Guest sees it), then those
 * that we are to write ("in").  Never the other way round.
 *
 * Buffers without any length are dropped here, so that nobody further down need
 * think of them. */
struct chain {
	u16 head;
	unsigned int out, in;
	struct iovec iov[VIRTQUEUE_NUM];
};

static void add_buffer(struct virtqueue *vq, struct chain *chain, u64 addr,
		       u32 len, bool in)
{
	struct iovec *iov = &chain->iov[chain->out + chain->in];
	void *where = from_guest(addr, len);

	if (!where)
		bad_queue(vq, "buffer of %u bytes at %#llx is outside "
			  "the Guest's memory (limit %#x)",
			  len, (unsigned long long)addr, guest_limit);
	if (chain->in && !in)
		bad_queue(vq, "chain %u: readable buffer after a writable one",
			  chain->head);
	if (!len)
		return;
	if (chain->out + chain->in == VIRTQUEUE_NUM)
		bad_queue(vq, "chain %u has more than %u buffers", chain->head,
			  VIRTQUEUE_NUM);
	iov->iov_base = where;
	iov->iov_len = len;
	if (in)
		chain->in++;
	else
		chain->out++;
}

/* A Guest may put such a table where a 64-bit number oughtn't to be, so we see
 * addresses as two halves. */
struct loose_desc {
	u32 addr_low, addr_high, len;
	u16 flags, next;
};

/* A table of descriptors: the ring's own, or one that the Guest has put into a
 * buffer, which makes one slot of the ring good for a long chain.  That's the
 * "indirect" feature, and it's only allowed where it was agreed upon, and only
 * one level deep. */
struct table {
	const struct loose_desc *desc;
	u32 size;
	bool indirect;
};

static void go_indirect(struct virtqueue *vq, struct table *table, u64 addr,
			u32 len)
{
	if (!(vq->dev->accepted & (1u << VIRTIO_RING_F_INDIRECT_DESC)))
		bad_queue(vq, "indirect descriptor, a feature that was not accepted");
	if (table->indirect)
		bad_queue(vq, "indirect descriptor inside an indirect table");
	if (len % sizeof(struct vring_desc))
		bad_queue(vq, "indirect table of %u bytes, not a multiple of %zu",
			  len, sizeof(struct vring_desc));
	if (addr % sizeof(u32))
		bad_queue(vq, "indirect table at %#llx, not a multiple of %zu",
			  (unsigned long long)addr, sizeof(u32));
	table->desc = from_guest(addr, len);
	if (!table->desc)
		bad_queue(vq, "indirect table of %u bytes at %#llx is outside "
			  "the Guest's memory (limit %#x)",
			  len, (unsigned long long)addr, guest_limit);
	table->size = len / sizeof(struct vring_desc);
	table->indirect = true;
}

/* A chain that visits more descriptors than there are has been somewhere
 * twice, and will be again. */
static void follow_chain(struct virtqueue *vq, struct chain *chain)
{
	struct table table = { .desc = (const void *)vq->vring.desc,
			       .size = VIRTQUEUE_NUM };
	u32 i = chain->head, visited = 0;
	u16 flags = VRING_DESC_F_NEXT;

	while (flags & VRING_DESC_F_NEXT) {
		const struct loose_desc *desc = &table.desc[i];
		u64 addr;
		u32 len;

		if (i >= table.size)
			bad_queue(vq, "chain %u: next %u is outside the table of %u",
				  chain->head, i, table.size);
		if (visited++ == table.size)
			bad_queue(vq, "chain %u is looped: more than %u descriptors",
				  chain->head, table.size);
		addr = once(desc->addr_low) | (u64)once(desc->addr_high) << 32;
		len = once(desc->len);
		flags = once(desc->flags);
		i = once(desc->next);
		if (flags & VRING_DESC_F_INDIRECT) {
			go_indirect(vq, &table, addr, len);
			flags = VRING_DESC_F_NEXT;
			i = visited = 0;
		} else {
			add_buffer(vq, chain, addr, len,
				   flags & VRING_DESC_F_WRITE);
		}
	}
}

static void wait_for_chain(struct virtqueue *vq, struct chain *chain)
{
	chain->out = chain->in = 0;
	chain->head = wait_for_head(vq);
	follow_chain(vq, chain);
}

/* Most queues go one way only. */
static void wait_for_in(struct virtqueue *vq, struct chain *chain)
{
	wait_for_chain(vq, chain);
	if (chain->out || !chain->in)
		bad_queue(vq, "chain %u has %u readable and %u writable buffers, "
			  "only writable ones belong here",
			  chain->head, chain->out, chain->in);
}

static void wait_for_out(struct virtqueue *vq, struct chain *chain)
{
	wait_for_chain(vq, chain);
	if (chain->in)
		bad_queue(vq, "chain %u has %u writable buffers, only readable ones belong here",
			  chain->head, chain->in);
}
/*:*/

/*L:750 The console is the device that nobody can do without, so there's always
 * one, and it's always the last (or the Guest would count its disks from two).
 *
 * Output is as simple as a device can be. */
static void write_console(struct iovec *iov, unsigned int num)
{
	long ret = write_all(STDOUT_FILENO, iov, num);

	if (ret < 0)
		fatal("cannot write the Guest's console output to stdout: %s",
		      reason(ret));
}

static void console_output(struct virtqueue *vq)
{
	struct chain chain;

	wait_for_out(vq, &chain);
	write_console(chain.iov, chain.out);
	add_used(vq, chain.head, 0);
}
/*:*/

/*L:760 Input needs a way out.  A terminal in raw mode hands ^C to the Guest,
 * which is what you want, unless the Guest has stopped listening.  So three of
 * them within a second mean it: each must come alone, as they do from fingers
 * and not from a file, and the whole process group gets the SIGINT that the
 * terminal would have sent. */
static void count_interrupts(const struct iovec *iov, long len)
{
	static struct timespec first;
	static unsigned int count;
	struct timespec now;

	if (len != 1 || *(char *)iov->iov_base != 3) {
		count = 0;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (count &&
	    now.tv_sec - first.tv_sec - (now.tv_nsec < first.tv_nsec) >= 1)
		count = 0;
	if (!count++)
		first = now;
	if (count == 3) {
		count = 0;
		sys(SYS_kill, 0, SIGINT);
	}
}

/* There's nobody at the other end any more.  A quiet console is no reason to
 * stop a Guest that may be serving the world by its network. */
static void __attribute__((noreturn)) stay_quiet(long ret)
{
	static bool said;

	if (!said)
		warn("console: end of input%s%s, the Guest runs on without",
		     ret < 0 ? ": " : "", ret < 0 ? reason(ret) : "");
	said = true;
	for (;;)
		sys(SYS_pause);
}

/* The interrupt goes out at once, since the next read may take until the user
 * is back from lunch. */
static u32 read_console(const struct iovec *iov, unsigned int num)
{
	for (;;) {
		long ret = sys(SYS_readv, STDIN_FILENO, iov, num);

		if (ret > 0) {
			count_interrupts(iov, ret);
			return ret;
		}
		if (ret == -EAGAIN)
			wait_until(STDIN_FILENO, POLLIN);
		else if (ret != -EINTR)
			stay_quiet(ret);
	}
}

static void console_input(struct virtqueue *vq)
{
	struct chain chain;

	wait_for_in(vq, &chain);
	add_used(vq, chain.head, read_console(chain.iov, chain.in));
	interrupt_guest(vq);
}

static void remember_terminal(void)
{
	terminal_known = tcgetattr(STDIN_FILENO, &terminal) == 0;
}

/* The Guest has a terminal driver of its own: ours should keep out of it. */
static void make_terminal_raw(void)
{
	struct termios raw = terminal;

	if (!terminal_known)
		return;
	raw.c_lflag &= ~(ISIG | ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}
/*:*/

/*L:800 The network device is a tap: a network interface of the host's, whose
 * cable is a file descriptor.  What we write to it, the host receives; what the
 * host sends, we read.  Each packet carries a virtio_net_hdr in front, since
 * tap and virtio agree on that and we needn't even look.
 *
 * We're asked for a packet before there is one, and reading may take for ever:
 * so before that, the Guest should hear of those it has already got.  As long as
 * they come in quick succession it needn't, and a read that doesn't wait tells us
 * so.  (To poll first was a second system call for each: 0.86 million small frames
 * a second, not 1.03.  Kernels before 4.14, all that have a /dev/lguest among them,
 * don't know such a read, one way or the other, and do the ordinary one.) */
static long read_at_once(struct virtqueue *vq, const struct chain *chain)
{
	if (!vq->unsignalled)
		return -EAGAIN;
	return sys(SYS_preadv2, vq->dev->fd, chain->iov, chain->in, -1, -1,
		   RWF_NOWAIT);
}

static void net_receive(struct virtqueue *vq)
{
	struct chain chain;
	long ret;

	wait_for_in(vq, &chain);
	ret = read_at_once(vq, &chain);
	if (ret < 0) {
		interrupt_guest(vq);
		do
			ret = sys(SYS_readv, vq->dev->fd, chain.iov, chain.in);
		while (ret == -EINTR);
	}
	if (ret < 0)
		bad_queue(vq, "cannot read a packet: %s", reason(ret));
	add_used(vq, chain.head, ret);
}

/* A packet that the tap won't take (perhaps somebody took the interface down)
 * is lost, as packets sometimes are.  The user may like to know. */
static void net_send(struct virtqueue *vq)
{
	struct chain chain;
	long ret;

	wait_for_out(vq, &chain);
	ret = sys(SYS_writev, vq->dev->fd, chain.iov, chain.out);
	if (ret < 0)
		warn("%s: packet of %llu bytes lost: %s", vq->dev->name,
		     (unsigned long long)total_length(chain.iov, chain.out),
		     reason(ret));
	add_used(vq, chain.head, 0);
}
/*:*/

/*L:810 What --tunnet means in detail.  Both forms may end in a MAC address for
 * the Guest's card. */
struct tunnet {
	bool bridged;
	char bridge[IFNAMSIZ];
	struct in_addr ip;
	bool has_mac;
	u8 mac[6];
};

static bool parse_mac(const char *text, u8 mac[6])
{
	char end;

	if (strspn(text, "0123456789abcdefABCDEF:") != strlen(text))
		return false;
	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0],
		      &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) == 6;
}

/* A card's own address has the lowest bit clear (or it would be a multicast
 * group), and isn't all zeroes (or the Guest would take it for none). */
static void want_mac(struct tunnet *net, const char *arg, const char *text)
{
	static const u8 none[6];

	if (!parse_mac(text, net->mac))
		fatal("--tunnet=%s: \"%s\" is not a MAC address "
		      "(six hexadecimal bytes with colons between)",
		      arg, text);
	if ((net->mac[0] & 1) || !memcmp(net->mac, none, sizeof(none)))
		fatal("--tunnet=%s: MAC address %s can't be a network card's (it is %s)",
		      arg, text, net->mac[0] & 1 ? "multicast" : "zero");
	net->has_mac = true;
}

static void want_bridge(struct tunnet *net, const char *arg, const char *name)
{
	if (!*name || strlen(name) >= sizeof(net->bridge))
		fatal("--tunnet=%s: a bridge's name has 1 to %zu characters",
		      arg, sizeof(net->bridge) - 1);
	net->bridged = true;
	strcpy(net->bridge, name);
}

static void parse_tunnet(const char *arg, struct tunnet *net)
{
	char *copy = strdupa(arg), *mac;
	bool bridged = strncmp(copy, "bridge:", 7) == 0;

	if (bridged)
		copy += 7;
	mac = strchr(copy, ':');
	if (mac)
		*mac++ = '\0';
	memset(net, 0, sizeof(*net));
	if (bridged)
		want_bridge(net, arg, copy);
	else if (inet_pton(AF_INET, copy, &net->ip) != 1)
		fatal("--tunnet=%s: \"%s\" is neither an IP address "
		      "(four numbers of 0 to 255) nor \"bridge:NAME\"",
		      arg, copy);
	if (mac)
		want_mac(net, arg, mac);
}
/*:*/

/*L:820 Getting a tap: ask for any free name, and tell the kernel which work it
 * may leave to the Guest's network code, or have it do for the Guest.  (Why
 * compute a checksum for a packet that only crosses memory?) */
static int open_tap(struct ifreq *ifr, const char *arg)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fatal("--tunnet=%s: cannot open /dev/net/tun: %m", arg);
	memset(ifr, 0, sizeof(*ifr));
	ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	strcpy(ifr->ifr_name, "tap%d");
	if (ioctl(fd, TUNSETIFF, ifr))
		fatal("--tunnet=%s: cannot make a tap interface: %m (are you root?)",
		      arg);
	if (ioctl(fd, TUNSETOFFLOAD,
		  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN))
		fatal("--tunnet=%s: cannot set %s's offloads: %m", arg,
		      ifr->ifr_name);
	return fd;
}

static void join_bridge(int sock, const char *tap, const struct tunnet *net)
{
	struct ifreq ifr = { .ifr_ifindex = if_nametoindex(tap) };

	strcpy(ifr.ifr_name, net->bridge);
	if (ioctl(sock, SIOCBRADDIF, &ifr))
		fatal("--tunnet: cannot add %s to bridge %s: %m", tap,
		      net->bridge);
}

static void set_address(int sock, struct ifreq *ifr, const struct tunnet *net)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = net->ip };

	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
	if (ioctl(sock, SIOCSIFADDR, ifr))
		fatal("--tunnet: cannot give %s the address %s: %m",
		      ifr->ifr_name, inet_ntoa(net->ip));
}

static void bring_up(int sock, struct ifreq *ifr)
{
	if (ioctl(sock, SIOCGIFFLAGS, ifr))
		fatal("--tunnet: cannot read %s's flags: %m", ifr->ifr_name);
	ifr->ifr_flags |= IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, ifr))
		fatal("--tunnet: cannot bring up %s: %m", ifr->ifr_name);
}
/*:*/

/*L:830 The whole of virtio_net_config has grown over the years, but a Guest
 * only looks at the fields whose features were offered.  Ours ends where it
 * ended in lguest's own day, whatever the header says that we're built with. */
static void open_net(struct device *dev)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct tunnet net;
	struct ifreq ifr;

	if (sock < 0)
		fatal("--tunnet=%s: cannot make a socket: %m", dev->arg);
	parse_tunnet(dev->arg, &net);
	dev->fd = open_tap(&ifr, dev->arg);
	if (net.bridged)
		join_bridge(sock, ifr.ifr_name, &net);
	else
		set_address(sock, &ifr, &net);
	bring_up(sock, &ifr);
	close(sock);

	if (net.has_mac)
		dev->offered |= 1u << VIRTIO_NET_F_MAC;
	memcpy(dev->config + offsetof(struct virtio_net_config, mac), net.mac,
	       sizeof(net.mac));
	dev->config_len =
		offsetof(struct virtio_net_config, max_virtqueue_pairs);
	verbose("net: %s is attached to %s", dev->arg, ifr.ifr_name);
}
/*:*/

/*L:850 A disk is a file, or another disk.  A request is a chain of a header
 * (what to do, and where), the data, and one byte for us to say how it went.
 *
 * The transfer itself is one preadv() or pwritev() if all goes well; both may
 * stop short, and then we go on from there.  A read that gets nothing where the
 * file ought to have something is an error: somebody has truncated it. */
static u8 transfer(struct virtqueue *vq, long nr, struct iovec *iov,
		   unsigned int num, u64 offset)
{
	while (num) {
		long ret = sys(nr, vq->dev->fd, iov, num, OFFSET(offset));

		if (ret == -EINTR)
			continue;
		if (ret <= 0) {
			warn("%s: I/O error at byte %llu: %s", vq->dev->name,
			     (unsigned long long)offset,
			     ret ? reason(ret) : "the file has become shorter");
			return VIRTIO_BLK_S_IOERR;
		}
		offset += ret;
		strike_off(&iov, &num, ret);
	}
	return VIRTIO_BLK_S_OK;
}

static bool is_read_only(const struct device *dev)
{
	return dev->offered & 1u << VIRTIO_BLK_F_RO;
}

static bool past_end(const struct device *dev, u64 sector, u64 len)
{
	return sector > dev->sectors ||
	       len > (dev->sectors - sector) * SECTOR_SIZE;
}
/*:*/

/*L:860 Reading past the end is an error like another: the Guest hears of it,
 * and its buffers stay as they were. */
static u8 read_disk(struct virtqueue *vq, struct chain *chain, u64 sector,
		    u64 *written)
{
	struct iovec *data = chain->iov + chain->out;
	u64 len = total_length(data, chain->in - 1);
	u8 status;

	if (past_end(vq->dev, sector, len))
		return VIRTIO_BLK_S_IOERR;
	status = transfer(vq, SYS_preadv, data, chain->in - 1,
			  sector * SECTOR_SIZE);
	if (status == VIRTIO_BLK_S_OK)
		*written += len;
	return status;
}

/* Writing past the end would make the file longer.  A Guest that tries knows
 * very well how long its disk is, so it's up to no good, or out of its mind:
 * it dies, and the file is as it was.  To write to a disk that can't be written
 * to is a smaller crime: it may not have looked at the disk's features. */
static u8 write_disk(struct virtqueue *vq, struct chain *chain, u64 sector)
{
	u64 len = total_length(chain->iov + 1, chain->out - 1);

	if (past_end(vq->dev, sector, len))
		bad_queue(vq, "write past end: %llu bytes to sector %llu, the disk has %llu",
			  (unsigned long long)len, (unsigned long long)sector,
			  (unsigned long long)vq->dev->sectors);
	if (is_read_only(vq->dev)) {
		warn("%s: the Guest writes, but it's read-only", vq->dev->name);
		return VIRTIO_BLK_S_IOERR;
	}
	return transfer(vq, SYS_pwritev, chain->iov + 1, chain->out - 1,
			sector * SECTOR_SIZE);
}

static u8 flush_disk(struct virtqueue *vq)
{
	long ret;

	do
		ret = sys(SYS_fdatasync, vq->dev->fd);
	while (ret == -EINTR);
	if (!ret)
		return VIRTIO_BLK_S_OK;
	warn("%s: cannot flush: %s", vq->dev->name, reason(ret));
	return VIRTIO_BLK_S_IOERR;
}

/* A disk's serial number: twenty characters, of which we use the last part of
 * the file's name. */
static u8 identify_disk(struct virtqueue *vq, struct chain *chain, u64 *written)
{
	const char *slash = strrchr(vq->dev->arg, '/');
	const char *name = slash ? slash + 1 : vq->dev->arg;
	char id[VIRTIO_BLK_ID_BYTES] = "";
	size_t done = 0;

	memcpy(id, name, strnlen(name, sizeof(id)));
	for (unsigned int i = 0; i < chain->in - 1; i++) {
		struct iovec *iov = &chain->iov[chain->out + i];
		size_t len = sizeof(id) - done;

		if (len > iov->iov_len)
			len = iov->iov_len;
		memcpy(iov->iov_base, id + done, len);
		done += len;
	}
	*written += done;
	return VIRTIO_BLK_S_OK;
}
/*:*/

/*L:870 Now for the request as a whole.  Its frame comes first: the header is a
 * buffer of its own, and so is the status byte.  That isn't a rule of virtio's
 * today, but it was for the drivers that lguest knows. */
static u8 *check_frame(struct virtqueue *vq, struct chain *chain)
{
	struct iovec *last;

	if (!chain->out ||
	    chain->iov[0].iov_len != sizeof(struct virtio_blk_outhdr))
		bad_queue(vq, "chain %u: header of %zu bytes, not %zu",
			  chain->head, chain->out ? chain->iov[0].iov_len : 0,
			  sizeof(struct virtio_blk_outhdr));
	last = &chain->iov[chain->out + chain->in - 1];
	if (!chain->in || last->iov_len != 1)
		bad_queue(vq, "chain %u: status of %zu bytes, not 1",
			  chain->head, chain->in ? last->iov_len : 0);
	return last->iov_base;
}

/* SCSI commands would need a SCSI disk behind us, so they are UNSUPPorted like
 * everything else that isn't in this list. */
static u8 serve_request(struct virtqueue *vq, struct chain *chain, u32 type,
			u64 sector, u64 *written)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return read_disk(vq, chain, sector, written);
	case VIRTIO_BLK_T_OUT:
		return write_disk(vq, chain, sector);
	case VIRTIO_BLK_T_FLUSH:
		return flush_disk(vq);
	case VIRTIO_BLK_T_GET_ID:
		return identify_disk(vq, chain, written);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* The header may lie anywhere, so it's copied; and that once, which the compiler
 * is not to improve upon. */
static void block_requests(struct virtqueue *vq)
{
	struct virtio_blk_outhdr header;
	struct chain chain;
	u64 written = 1;
	u8 *status, result;

	wait_for_chain(vq, &chain);
	status = check_frame(vq, &chain);
	memcpy(&header, chain.iov[0].iov_base, sizeof(header));
	asm volatile("" : : : "memory");

	result = serve_request(vq, &chain, header.type, header.sector, &written);
	verbose("%s: request type %u, sector %llu: status %u", vq->dev->name,
		header.type, (unsigned long long)header.sector, result);
	*status = result;
	add_used(vq, chain.head, written);
}
/*:*/

/*L:875 Two Guests on one disk would each change under the other what it believes
 * to know by heart, and neither file system would survive it.  So the disk is
 * locked, for as long as any process of ours has it open; who comes second has to
 * wait or make a copy.  Those who only read may be as many as they like.  The
 * lock is only a note to others who ask for one, and a file system without locks
 * is no reason to refuse. */
static void lock_disk(const struct device *dev)
{
	struct flock all = { .l_type = is_read_only(dev) ? F_RDLCK : F_WRLCK,
			     .l_whence = SEEK_SET };

	if (fcntl(dev->fd, F_OFD_SETLK, &all) &&
	    (errno == EAGAIN || errno == EACCES))
		fatal("--block=%s: in use already, by another lguest perhaps (it's locked)",
		      dev->arg);
}

/* A file that may not be written to is a disk that can't be, and the Guest is
 * told so.  As is the user, who may have meant something else. */
static int open_disk(struct device *dev)
{
	const int how = O_NONBLOCK | O_CLOEXEC;
	int fd = open(dev->arg, O_RDWR | how);

	if (fd >= 0 || (errno != EACCES && errno != EPERM && errno != EROFS))
		return fd;
	dev->offered |= 1u << VIRTIO_BLK_F_RO;
	return open(dev->arg, O_RDONLY | how);
}
/*:*/

/*L:880 The file must be there and have an end: we tell the Guest how many sectors
 * it has, and hold it to that. */
static void open_block(struct device *dev)
{
	struct virtio_blk_config config = { .seg_max = VIRTQUEUE_NUM - 2 };
	struct stat st;
	off_t size;

	dev->fd = open_disk(dev);
	if (dev->fd < 0 || fstat(dev->fd, &st))
		fatal("--block=%s: cannot open it: %m", dev->arg);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		fatal("--block=%s: neither a file nor a block device",
		      dev->arg);
	lock_disk(dev);
	size = lseek(dev->fd, 0, SEEK_END);
	if (size < (off_t)SECTOR_SIZE)
		fatal("--block=%s: %lld bytes, less than one sector of %u",
		      dev->arg, (long long)size, SECTOR_SIZE);
	dev->sectors = config.capacity = size / SECTOR_SIZE;
	dev->config_len = offsetof(struct virtio_blk_config, geometry);
	memcpy(dev->config, &config, dev->config_len);
	if (is_read_only(dev))
		warn("--block=%s: may not be written to, so it's a read-only disk",
		     dev->arg);
	verbose("block: %s has %llu sectors", dev->arg,
		(unsigned long long)dev->sectors);
}
/*:*/

/*L:900 Randomness is what a Guest lacks most: it has no keyboard to time, no
 * disk with moving parts, and it woke up a moment ago in the same state as the
 * last time.  /dev/urandom rather than /dev/random, which on old kernels would
 * stop to think for minutes.
 *
 * The Guest may ask for as much as all its memory 256 times over, and making
 * that would keep one of the host's processors busy for minutes.  It gets a bite
 * of it, and can come back for more. */
#define RANDOM_AT_ONCE 65536u

static u32 shorten(struct chain *chain, u32 most)
{
	u32 len = 0;

	for (unsigned int i = 0; i < chain->in; i++) {
		struct iovec *iov = &chain->iov[i];

		if (iov->iov_len > most - len)
			iov->iov_len = most - len;
		len += iov->iov_len;
	}
	return len;
}

static void rng_input(struct virtqueue *vq)
{
	struct chain chain;
	struct iovec *iov = chain.iov;
	u32 len;

	wait_for_in(vq, &chain);
	len = shorten(&chain, RANDOM_AT_ONCE);
	while (chain.in) {
		long ret = sys(SYS_readv, vq->dev->fd, iov, chain.in);

		if (ret > 0)
			strike_off(&iov, &chain.in, ret);
		else if (ret != -EINTR)
			bad_queue(vq, "cannot read /dev/urandom: %s",
				  ret ? reason(ret) : "end of file");
	}
	add_used(vq, chain.head, len);
}

static void open_rng(struct device *dev)
{
	dev->fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	if (dev->fd < 0)
		fatal("--rng: cannot open /dev/urandom: %m");
}
/*:*/

/*L:370 All the devices there are.  For a new one, add a line here, and two
 * functions somewhere above: one that opens it, once, and one that serves a
 * chain of buffers, again and again. */
static const struct kind {
	const char *name;
	u8 id;
	u32 features;
	void (*open)(struct device *dev);
	struct {
		const char *name;
		void (*service)(struct virtqueue *vq);
		/* The system calls that it makes, besides everybody's. */
		u16 calls[4];
	} queue[2];
} console_kind = {
	"console", VIRTIO_ID_CONSOLE, 0, NULL,
	{ { "input", console_input, { SYS_readv, SYS_pause, SYS_kill } },
	  { "output", console_output, { 0 } } },
}, net_kind = {
	"net", VIRTIO_ID_NET,
	1u << VIRTIO_NET_F_CSUM | 1u << VIRTIO_NET_F_GUEST_CSUM |
	1u << VIRTIO_NET_F_GUEST_TSO4 | 1u << VIRTIO_NET_F_GUEST_TSO6 |
	1u << VIRTIO_NET_F_GUEST_ECN | 1u << VIRTIO_NET_F_HOST_TSO4 |
	1u << VIRTIO_NET_F_HOST_TSO6 | 1u << VIRTIO_NET_F_HOST_ECN |
	1u << VIRTIO_RING_F_INDIRECT_DESC,
	open_net,
	{ { "receive", net_receive, { SYS_readv, SYS_preadv2 } },
	  { "send", net_send, { 0 } } },
}, block_kind = {
	"block", VIRTIO_ID_BLOCK,
	1u << VIRTIO_BLK_F_FLUSH | 1u << VIRTIO_BLK_F_SEG_MAX,
	open_block,
	{ { "request", block_requests,
	    { SYS_preadv, SYS_pwritev, SYS_fdatasync } } },
}, rng_kind = {
	"rng", VIRTIO_ID_RNG, 0, open_rng,
	{ { "input", rng_input, { SYS_readv } } },
};

static void add_device(const struct kind *kind, const char *arg)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		fatal("no memory for another %s device", kind->name);
	dev->kind = kind;
	dev->arg = arg;
	dev->offered = kind->features;
	*last_device = dev;
	last_device = &dev->next;
}
/*:*/

/*L:380 Everything that can be opened is opened once, by the first process: the
 * disks and the taps outlive a Guest's reboot. */
static unsigned int count_queues(const struct kind *kind)
{
	unsigned int num = 0;

	while (num < ARRAY_SIZE(kind->queue) && kind->queue[num].service)
		num++;
	return num;
}

static void name_queues(struct device *dev)
{
	dev->num_vq = count_queues(dev->kind);
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		struct virtqueue *vq = &dev->vq[i];

		vq->dev = dev;
		vq->name = dev->kind->queue[i].name;
		vq->service = dev->kind->queue[i].service;
		vq->eventfd = -1;
		vq->tired = begin_patience();
	}
}

/* Whoever starts us without a stdin or stdout must not have a disk in its place,
 * to be read as if it had been typed, or scribbled over by a Guest's console.  In
 * its place goes a file that can't be read, or can't be written. */
static void fill_gaps(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			fatal("file descriptor %d is closed, and so is /dev/null: %m",
			      fd);
}

static void open_devices(void)
{
	unsigned int number = 0;

	add_device(&console_kind, NULL);
	for (struct device *dev = devices; dev; dev = dev->next) {
		snprintf(dev->name, sizeof(dev->name), "device %u (%s%s%s)",
			 number++, dev->kind->name, dev->arg ? " " : "",
			 dev->arg ? dev->arg : "");
		name_queues(dev);
		if (dev->kind->open)
			dev->kind->open(dev);
	}
}
/*:*/

/*L:390 And this is how the Guest learns of them: the descriptor page is the
 * first above its memory, and the descriptions stand in it one after the other.
 * post() adds some bytes to it. */
static u32 descriptors, descriptors_end;

static void *post(const void *data, size_t len)
{
	u32 addr = descriptors_end;

	descriptors_end += len;
	if (descriptors_end > descriptors + PAGE_SIZE)
		fatal("too many devices: their descriptions take more than %u bytes",
		      PAGE_SIZE);
	return memcpy(from_guest(addr, len), data, len);
}

/* A queue's rings take three pages.  Interrupt 0 is the timer, so we count from
 * 1, and there are only so many. */
static void describe_queue(struct device *dev, struct virtqueue *vq)
{
	static u16 next_irq = 1;
	u32 size = vring_size(VIRTQUEUE_NUM, LGUEST_VRING_ALIGN);
	struct lguest_vqconfig config;

	if (next_irq >= LGUEST_IRQS)
		fatal("too many devices: %s needs interrupt %u, the last is %u",
		      dev->name, next_irq, LGUEST_IRQS - 1);
	vq->irq = next_irq++;
	vq->addr = pages_for_devices(size);
	vring_init(&vq->vring, VIRTQUEUE_NUM, from_guest(vq->addr, size),
		   LGUEST_VRING_ALIGN);

	config.num = VIRTQUEUE_NUM;
	config.irq = vq->irq;
	config.pfn = vq->addr / PAGE_SIZE;
	post(&config, sizeof(config));
	verbose("%s: %s queue at %#x, interrupt %u", dev->name, vq->name,
		vq->addr, vq->irq);
}

/* Only as many bytes of features as are needed, then as many again for the
 * Guest's answer.  x86 is little-endian, and so is virtio. */
static u8 feature_bytes(u32 features)
{
	return features ? (31 - __builtin_clz(features)) / 8 + 1 : 0;
}

static void describe_device(struct device *dev)
{
	static const u32 no_answer_yet;
	struct lguest_device_desc desc = {
		.type = dev->kind->id,
		.num_vq = dev->num_vq,
		.feature_len = feature_bytes(dev->offered),
		.config_len = dev->config_len,
	};

	dev->addr = descriptors_end;
	dev->desc = post(&desc, sizeof(desc));
	for (unsigned int i = 0; i < desc.num_vq; i++)
		describe_queue(dev, &dev->vq[i]);
	post(&dev->offered, desc.feature_len);
	dev->guest_features = post(&no_answer_yet, desc.feature_len);
	post(dev->config, desc.config_len);
	verbose("%s: described at %#x, offers features %#x", dev->name,
		dev->addr, dev->offered);
}

static void describe_devices(void)
{
	descriptors = descriptors_end = pages_for_devices(PAGE_SIZE);
	for (struct device *dev = devices; dev; dev = dev->next)
		describe_device(dev);
}
/*:*/

/*L:422 There's a last line of defence, for the day when the others have fallen:
 * a list of the system calls that we're going to make, given to the kernel, which
 * from then on takes no others from us.  The Launcher that runs a Guest opens no
 * file, starts no program, makes no connection and gets no new memory to execute.
 *
 * The kernel wants the list as a program for a tiny machine that it once had for
 * picking packets: load, compare, jump.  Ours is one comparison after the other;
 * whoever isn't found is sent a SIGSYS.  If a call is good with some arguments
 * only, a second comparison looks at one of them (its lower half will do). */
struct rule {
	u16 call;
	u8 arg;
	u32 mask, value;
};

#define MOST_RULES 96
struct filter {
	u16 len;
	struct sock_filter code[MOST_RULES * 5 + 4];
};

#define DATA(field) offsetof(struct seccomp_data, field)

#ifdef __i386__
#define OUR_ARCH AUDIT_ARCH_I386
#else
#define OUR_ARCH AUDIT_ARCH_X86_64
#endif

static void add_code(struct filter *f, u16 op, u32 k, u8 jt, u8 jf)
{
	f->code[f->len++] = (struct sock_filter)BPF_JUMP(op, k, jt, jf);
}

static void add_return(struct filter *f, u32 what)
{
	add_code(f, BPF_RET | BPF_K, what, 0, 0);
}

/* A mask of zero: any argument will do. */
static void add_rule(struct filter *f, const struct rule *rule)
{
	add_code(f, BPF_LD | BPF_W | BPF_ABS, DATA(nr), 0, 0);
	add_code(f, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0,
		 rule->mask ? 4 : 1);
	if (rule->mask) {
		add_code(f, BPF_LD | BPF_W | BPF_ABS, DATA(args[rule->arg]), 0,
			 0);
		add_code(f, BPF_ALU | BPF_AND | BPF_K, rule->mask, 0, 0);
		add_code(f, BPF_JMP | BPF_JEQ | BPF_K, rule->value, 0, 1);
	}
	add_return(f, SECCOMP_RET_ALLOW);
}

/* A call of another architecture's would have other numbers. */
static void begin_filter(struct filter *f)
{
	f->len = 0;
	add_code(f, BPF_LD | BPF_W | BPF_ABS, DATA(arch), 0, 0);
	add_code(f, BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
	add_return(f, SECCOMP_RET_TRAP);
}

/* Without SPEC_ALLOW, some kernels would have the processor forget its guesses
 * about branches on our account, and older ones don't know the flag.  Those with
 * a /dev/lguest may be so old (before 3.17) that they don't know the call. */
static void use_filter(struct filter *f)
{
	struct sock_fprog prog;
	long ret;

	add_return(f, SECCOMP_RET_TRAP);
	prog = (struct sock_fprog){ .len = f->len, .filter = f->code };
	ret = sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		  SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog);
	if (ret == -EINVAL)
		ret = sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
	if (ret < 0 && ret != -ENOSYS)
		fatal("cannot filter system calls: %s (--no-seccomp does without)",
		      reason(ret));
}
/*:*/

/*L:424 What everybody needs: to wait for the Guest and to interrupt it (for one
 * of the Hosts or the other), to write a line, and to go. */
static const struct rule everybodys[] = {
	{ .call = SYS_read },	      { .call = SYS_write },
	{ .call = SYS_writev },	      { .call = SYS_pwrite64 },
	{ .call = SYS_futex },	      { .call = SYS_poll },
	{ .call = SYS_clock_gettime },
#ifdef __NR_clock_gettime64
	{ .call = __NR_clock_gettime64 },
#endif
#ifdef __NR_sigreturn
	{ .call = __NR_sigreturn },
#endif
#ifdef __SANITIZE_ADDRESS__
	{ .call = SYS_sigaltstack }, { .call = SYS_mmap },
#endif
	{ .call = SYS_getpid },	      { .call = SYS_rt_sigprocmask },
	{ .call = SYS_rt_sigreturn }, { .call = SYS_restart_syscall },
	{ .call = SYS_exit },	      { .call = SYS_exit_group },
};

/* How service threads are made (L:480). */
#define AS_SERVICE (CLONE_VM | CLONE_PARENT_SETTID | SIGCHLD)

/* The one that runs the Guest moves memory about, keeps a clock, and minds the
 * service threads.  To execute is a right that only old mappings have. */
static const struct rule cpus[] = {
	{ .call = SYS_pread64 },
	{ .call = SYS_mmap, 2, PROT_EXEC, 0 },
#ifdef __NR_mmap2
	{ .call = SYS_mmap2, 2, PROT_EXEC, 0 },
#endif
	{ .call = SYS_mprotect, 2, PROT_EXEC, 0 },
	{ .call = SYS_mremap },
	{ .call = SYS_munmap },
	{ .call = SYS_madvise },
	{ .call = SYS_brk },
	{ .call = SYS_rt_sigaction },
	{ .call = SYS_timer_settime },
	{ .call = SYS_gettid },
	{ .call = SYS_getppid },
	{ .call = SYS_eventfd2 },
	{ .call = SYS_fcntl, 1, ~0u, F_DUPFD_CLOEXEC },
	{ .call = SYS_fstat },
	{ .call = SYS_close },
	{ .call = SYS_clone, 0, ~0u, AS_SERVICE },
	{ .call = SYS_prctl, 0, ~0u, PR_SET_PDEATHSIG },
	{ .call = SYS_seccomp, 0, ~0u, SECCOMP_SET_MODE_FILTER },
	{ .call = SYS_wait4 },
	{ .call = SYS_kill },
	{ .call = SYS_ioctl, 1, ~0u, TCSETS },
	{ .call = SYS_ioctl, 1, ~0u, TCGETS },
};

static void add_rules(struct filter *f, const struct rule *rules, size_t num)
{
	while (num--)
		add_rule(f, rules++);
}

/* The only ones that a device may kill are ourselves. */
static void add_calls(struct filter *f, const u16 calls[4])
{
	for (unsigned int i = 0; i < 4 && calls[i]; i++)
		add_rule(f, &(struct rule){ .call = calls[i],
					    .mask = calls[i] == SYS_kill ? ~0u :
									   0 });
}

/* A service thread is our child, and a child can't have more than its parent: so
 * the one that runs the Guest has a right to everything that any of them does.
 * (No new privileges: Linux has that from 3.5 on, and EINVAL before.) */
static void filter_cpu(void)
{
	static struct filter f;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && errno != EINVAL)
		fatal("cannot set no_new_privs: %m");
	if (wish.no_seccomp)
		return;
	begin_filter(&f);
	add_rules(&f, everybodys, ARRAY_SIZE(everybodys));
	add_rules(&f, cpus, ARRAY_SIZE(cpus));
	for (struct device *dev = devices; dev; dev = dev->next)
		for (unsigned int i = 0; i < ARRAY_SIZE(dev->kind->queue); i++)
			add_calls(&f, dev->kind->queue[i].calls);
	use_filter(&f);
}

static void filter_service(const struct virtqueue *vq)
{
	const struct device *dev = vq->dev;
	struct filter f;

	if (wish.no_seccomp)
		return;
	begin_filter(&f);
	add_rules(&f, everybodys, ARRAY_SIZE(everybodys));
	add_calls(&f, dev->kind->queue[vq - dev->vq].calls);
	use_filter(&f);
}
/*:*/

/*L:423 So this should never be read: either somebody has got further than he
 * should, or somebody has changed the Launcher and not the lists.  The names are
 * those that an intruder would like best. */
static const char *name_of_call(int nr)
{
	static const struct {
		int nr;
		const char *name;
	} names[] = {
		{ SYS_open, "open" },	  { SYS_openat, "openat" },
		{ SYS_execve, "execve" }, { SYS_socket, "socket" },
		{ SYS_connect, "connect" }, { SYS_fork, "fork" },
		{ SYS_vfork, "vfork" },	  { SYS_clone, "clone" },
		{ SYS_clone3, "clone3" }, { SYS_ptrace, "ptrace" },
		{ SYS_mmap, "mmap" },	  { SYS_mprotect, "mprotect" },
		{ SYS_prctl, "prctl" },	  { SYS_ioctl, "ioctl" },
		{ SYS_kill, "kill" },	  { SYS_unlink, "unlink" },
		{ SYS_rename, "rename" }, { SYS_chmod, "chmod" },
		{ SYS_setuid, "setuid" }, { SYS_memfd_create, "memfd_create" },
		{ SYS_ftruncate, "ftruncate" }, { SYS_dup2, "dup2" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].nr == nr)
			return names[i].name;
	return "?";
}

static const char *name_of_thread(void)
{
	pid_t pid = sys(SYS_getpid);

	for (struct device *dev = devices; dev; dev = dev->next)
		for (unsigned int i = 0; i < ARRAY_SIZE(dev->vq); i++)
			if (dev->vq[i].thread == pid)
				return dev->name;
	return "the processor";
}

static void forbidden_call(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	fatal("%s: system call %d (%s) is not in its filter's list, see --no-seccomp",
	      name_of_thread(), info->si_syscall,
	      name_of_call(info->si_syscall));
}

static void watch_filter(void)
{
	struct sigaction act = { .sa_sigaction = forbidden_call,
				 .sa_flags = SA_SIGINFO | SA_RESTART };

	sigfillset(&act.sa_mask);
	sigaction(SIGSYS, &act, NULL);
}
/*:*/

/*L:480 A service thread.  It shares our memory and nothing else (CLONE_VM), and
 * when it ends we get the signal that any child's end gives (SIGCHLD).
 *
 * It would be a pity if it lived on after its parent was killed outright, so it
 * asks to be killed as well.  If the parent was faster, the request came too
 * late, and we notice that we're somebody else's child by now.
 *
 * Of signals it minds only SIGTTIN, which comes of reading from a terminal that
 * has been given to somebody else.  It stops all of us until we get it back;
 * blocked, it would be an error. */
static int serve_forever(void *data)
{
	struct virtqueue *vq = data;
	sigset_t from_terminal;

	sigemptyset(&from_terminal);
	sigaddset(&from_terminal, SIGTTIN);
	sigprocmask(SIG_UNBLOCK, &from_terminal, NULL);

	sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (sys(SYS_getppid) != me)
		leave(EXIT_FAILURE);
	filter_service(vq);
	for (;;)
		vq->service(vq);
}
/*:*/

/*L:470 Each queue has an eventfd, and we tell the Host to count it up when the
 * Guest notifies the queue's address.  The Launcher itself isn't woken, and the
 * Guest doesn't stop.
 *
 * A queue that starts for the second time, after a reset, keeps its eventfd.  A
 * Host never forgets one, and if it were told of two for the same address, it
 * might well go on ringing the first.
 *
 * The thread is born with every signal blocked: they're for its parent. */
static void make_eventfd(struct virtqueue *vq)
{
	if (vq->eventfd < 0)
		vq->eventfd = sys(SYS_eventfd2, 0, EFD_CLOEXEC);
	if (vq->eventfd < 0)
		bad_queue(vq, "no eventfd: %s", reason(vq->eventfd));
}

/* Its number is there before it is (CLONE_PARENT_SETTID): it may be faster than we
 * are, and somebody want to know whose thread this is. */
static void start_thread(struct virtqueue *vq)
{
	sigset_t old;

	block_signals(&old);
	vq->thread = clone(serve_forever, vq->stack + sizeof(vq->stack),
			   AS_SERVICE, vq, &vq->thread);
	if (vq->thread < 0) {
		vq->thread = 0;
		bad_queue(vq, "no service thread (are there too many processes?)");
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void start_queue(struct virtqueue *vq)
{
	long ret;

	make_eventfd(vq);
	ret = tell_host(LHREQ_EVENTFD, vq->addr, vq->eventfd);
	if (ret < 0)
		bad_queue(vq, "the Host won't attach an eventfd to %#x: %s",
			  vq->addr, reason(ret));
	start_thread(vq);
}
/*:*/

/*L:490 A service thread never ends by itself.  If one has ended, it either had
 * a reason and has said it, or somebody has killed it; a Guest with a device
 * that's gone deaf is no use, so everything goes down.  (Those which we stop
 * ourselves we have waited for, and they can't be found here.)
 *
 * Once upon a time this sent SIGTERM to the whole process group, and the shell
 * script that had started the Launcher went down with it. */
static void service_thread_died(int sig)
{
	int status;
	long pid = sys(SYS_wait4, -1, &status, WNOHANG | __WALL, NULL);

	(void)sig;
	if (pid <= 0)
		return;
	for (struct device *dev = devices; dev; dev = dev->next)
		for (unsigned int i = 0; i < dev->num_vq; i++)
			if (dev->vq[i].thread == pid)
				dev->vq[i].thread = 0;
	if (WIFSIGNALED(status))
		fatal("a service thread was killed by signal %d",
		      WTERMSIG(status));
	leave(EXIT_FAILURE);
}
/*:*/

/*L:450 The life of a device, as told by its status byte.  The driver writes it
 * and then notifies the descriptor's address: once with zero, to start from a
 * clean sheet, and once when it has chosen its features.  (Later it writes
 * DRIVER_OK as well, but that it keeps to itself.)
 *
 * A reset makes it as good as new: nobody serves it, nothing is agreed upon,
 * the rings are empty and start from zero. */
static void stop_device(struct device *dev)
{
	sigset_t old;

	verbose("%s: reset", dev->name);
	block_signals(&old);
	stop_threads(dev);
	if (given_up)
		leave(EXIT_FAILURE);
	sigprocmask(SIG_SETMASK, &old, NULL);
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		struct virtqueue *vq = &dev->vq[i];

		vq->last_avail = vq->used_idx = vq->unsignalled = 0;
	}
	dev->accepted = 0;
	dev->running = false;
}

static void reset_device(struct device *dev)
{
	stop_device(dev);
	for (unsigned int i = 0; i < dev->num_vq; i++)
		memset(dev->vq[i].vring.desc, 0,
		       vring_size(VIRTQUEUE_NUM, LGUEST_VRING_ALIGN));
	memset(dev->guest_features, 0, feature_bytes(dev->offered));
}
/*:*/

/*L:460 To start it, see which features the Guest took, and give each queue its
 * servant. */
static u32 read_accepted(struct device *dev)
{
	u32 accepted = 0;

	for (unsigned int i = 0; i < feature_bytes(dev->offered); i++)
		accepted |= (u32)once(dev->guest_features[i]) << 8 * i;
	if (accepted & ~dev->offered)
		fatal("%s: Guest accepts features %#x, offered were %#x",
		      dev->name, accepted, dev->offered);
	return accepted;
}

static void start_device(struct device *dev)
{
	dev->accepted = read_accepted(dev);
	verbose("%s: starts, features offered %#x, accepted %#x", dev->name,
		dev->offered, dev->accepted);
	for (unsigned int i = 0; i < dev->num_vq; i++)
		start_queue(&dev->vq[i]);
	dev->running = true;
}

static void status_changed(struct device *dev)
{
	u8 status = once(dev->desc->status);

	verbose("%s: status %#x", dev->name, status);
	if (status & VIRTIO_CONFIG_S_FAILED)
		warn("%s: the Guest's driver has given it up", dev->name);
	if (status == 0 || (status & VIRTIO_CONFIG_S_FAILED && dev->running))
		reset_device(dev);
	else if (!(status & VIRTIO_CONFIG_S_FAILED) && dev->running)
		fatal("%s: finalized twice (status %#x while it runs)",
		      dev->name, status);
	else if (!(status & VIRTIO_CONFIG_S_FAILED))
		start_device(dev);
}
/*:*/

/*L:440 What an address may mean that the Guest has notified: a device whose
 * status has changed, or, before there are drivers for anything, an early boot
 * message.  That's a string at the address itself, and it had better end before
 * the memory does.
 *
 * A queue's address isn't for us to hear once its device runs, and before that
 * there can't be anything in it. */
static void print_early(u32 addr)
{
	struct iovec iov = { .iov_base = from_guest(addr, 1) };

	iov.iov_len = strnlen(iov.iov_base, guest_limit - addr);
	write_console(&iov, 1);
}

static void handle_notify(unsigned long addr)
{
	verbose("notify %#lx", addr);
	for (struct device *dev = devices; dev; dev = dev->next) {
		if (addr == dev->addr) {
			status_changed(dev);
			return;
		}
		for (unsigned int i = 0; i < dev->num_vq; i++)
			if (addr == dev->vq[i].addr)
				bad_queue(&dev->vq[i],
					  "notification before setup");
	}
	if (addr >= guest_limit)
		fatal("Guest notifies address %#lx, its memory ends at %#x",
		      addr, guest_limit);
	print_early(addr);
}
/*:*/

/*L:430 Finally it runs.  A read from the Host doesn't return until there's
 * something that only we can do.
 *
 * A Guest that dies leaves a reason, for the next read to fetch.  One reason is
 * good: Linux's last words when it has been asked to power down.  The kernel's
 * Host never learned to tell that from a crash, so we do it here. */
static void __attribute__((noreturn)) report_death(void)
{
	char why[256];
	long len = host->read(why, sizeof(why) - 1);

	if (len < 0)
		fatal("the Guest died, and its Host won't say of what: %s",
		      reason(len));
	why[len] = '\0';
	if (strcmp(why, "CRASH: Power down") == 0)
		leave(EXIT_SUCCESS);
	if (!wish.machine && host->is_stranger && host->is_stranger()) {
		verbose("%s is no lguest kernel (%s): once more, on a PC",
			wish.kernel, why);
		leave(LIVE_ON_PC);
	}
	fatal("%s", why);
}

static void run_guest(void)
{
	for (;;) {
		unsigned long addr;
		long ret = host->read(&addr, sizeof(addr));

		if (ret == sizeof(addr)) {
			handle_notify(addr);
		} else if (ret == -ENOENT) {
			report_death();
		} else if (ret == -ERESTART) {
			verbose("the Guest reboots");
			leave(LIVE_AGAIN);
		} else if (ret != -EINTR) {
			fatal("running the Guest failed: %s",
			      ret < 0 ? reason(ret) : "short read");
		}
	}
}
/*:*/

/*L:300 A kernel comes as a file, and we make a plan before we touch anything:
 * which stretches of the file go where in memory, what's the last byte that the
 * kernel will use, and where it starts.  Only a plan that has been checked from
 * end to end is carried out. */
struct segment {
	u64 offset;
	u32 addr;
	u32 in_file, in_memory;
};

#define MOST_SEGMENTS (65536 / sizeof(Elf32_Phdr))

struct plan {
	const char *name;
	int fd;
	u64 file_size;
	u32 entry;
	u64 end;
	u32 longest_command_line;
	/* A bzImage brings its own; for an ELF it's empty. */
	struct setup_header header;
	unsigned int num;
	struct segment segment[MOST_SEGMENTS];
};

/* O_NONBLOCK, or we'd wait here for somebody to open the other end if this was
 * a named pipe.  And it has a file's size only if it's a file. */
static int open_file(const char *what, const char *name, u64 *size)
{
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fatal("cannot open %s %s: %m", what, name);
	if (!S_ISREG(st.st_mode))
		fatal("%s %s is %s, not a file", what, name,
		      S_ISDIR(st.st_mode) ? "a directory" : "something special");
	if (!st.st_size)
		fatal("%s %s is empty", what, name);
	*size = st.st_size;
	return fd;
}

static void read_file(int fd, const char *name, void *buf, size_t len,
		      u64 offset)
{
	while (len) {
		ssize_t ret = pread(fd, buf, len, offset);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			fatal("cannot read %s: %m", name);
		if (!ret)
			fatal("%s ends at byte %llu: has it become shorter?",
			      name, (unsigned long long)offset);
		buf = (u8 *)buf + ret;
		len -= ret;
		offset += ret;
	}
}

static void check_segment(const struct plan *plan, const struct segment *seg)
{
	unsigned int nr = seg - plan->segment;

	if (seg->offset + seg->in_file > plan->file_size)
		fatal("kernel %s: truncated, segment %u ends at byte %llu of %llu",
		      plan->name, nr,
		      (unsigned long long)(seg->offset + seg->in_file),
		      (unsigned long long)plan->file_size);
	if (seg->in_file > seg->in_memory)
		fatal("kernel %s: segment %u is %u bytes in the file, %u in memory",
		      plan->name, nr, seg->in_file, seg->in_memory);
	if ((u64)seg->addr + seg->in_memory > wish.mem)
		fatal("kernel %s: segment %u needs memory from %#x to %#llx, "
		      "the Guest's ends at %#x",
		      plan->name, nr, seg->addr,
		      (unsigned long long)seg->addr + seg->in_memory, wish.mem);
	if (seg->addr < machine->kernel_from)
		fatal("kernel %s: segment %u at %#x is below %#x, where the boot parameters lie",
		      plan->name, nr, seg->addr, machine->kernel_from);
}

static void add_segment(struct plan *plan, u64 offset, u32 addr, u32 in_file,
			u32 in_memory)
{
	struct segment *seg = &plan->segment[plan->num];

	*seg = (struct segment){ offset, addr, in_file, in_memory };
	check_segment(plan, seg);
	if ((u64)addr + in_memory > plan->end)
		plan->end = (u64)addr + in_memory;
	plan->num++;
}
/*:*/

/*L:305 Not every kernel is one for us, and files have many names: so who has taken
 * the wrong one hears what it is, and what would be right. */
#define I386_ONLY                                                              \
	"what's needed is one for 32-bit x86 (make ARCH=i386, or Debian's "    \
	"linux-image-686)"

static const struct {
	u16 elf;
	const char *name;
} processors[] = {
	{ EM_X86_64, "x86-64" },   { EM_ARM, "ARM" },
	{ EM_AARCH64, "64-bit ARM" }, { EM_RISCV, "RISC-V" },
	{ EM_MIPS, "MIPS" },	   { EM_PPC, "PowerPC" },
	{ EM_PPC64, "64-bit PowerPC" }, { EM_S390, "S/390" },
	{ EM_SPARC, "SPARC" },	   { EM_SPARCV9, "64-bit SPARC" },
	{ EM_68K, "M68000" },	   { EM_IA_64, "Itanium" },
};

static void refuse_elf_for(const struct plan *plan, u16 processor, bool wide)
{
	const char *what = wide ? " is a 64-bit ELF file" :
				  ": malformed ELF header, it's";

	for (unsigned int i = 0; i < ARRAY_SIZE(processors); i++)
		if (processors[i].elf == processor)
			fatal("kernel %s%s for %s: " I386_ONLY, plan->name,
			      what, processors[i].name);
	fatal("kernel %s%s for another processor (number %u): " I386_ONLY,
	      plan->name, what, processor);
}

/* By the bytes at some place; who comes first has the last word. */
static const struct {
	u16 at, len;
	const char *bytes, *what, *needed;
} strangers[] = {
	{ 36, 4, "\x18\x28\x6f\x01", "a zImage for ARM", I386_ONLY },
	{ 56, 4, "ARM\x64", "an Image for 64-bit ARM", I386_ONLY },
	{ 48, 5, "RISCV", "an Image for RISC-V", I386_ONLY },
	{ 0, 2, "\x1f\x8b", "compressed by gzip", "unpack it with gzip -d" },
	{ 0, 6, "\xfd""7zXZ", "compressed by xz", "unpack it with xz -d" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it with zstd -d" },
	{ 0, 3, "BZh", "compressed by bzip2", "unpack it with bzip2 -d" },
	{ 0, 3, "\x5d\0\0", "compressed by lzma", "unpack it with xz -d" },
	{ 0, 4, "\x02\x21\x4c\x18", "compressed by lz4", "unpack it with lz4 -d" },
	{ 0, 4, "\x27\x05\x19\x56", "a uImage, which is for U-Boot",
	  "what's needed is the vmlinux or bzImage" },
	{ 0, 4, "\xd0\x0d\xfe\xed", "a device tree, or an image for U-Boot",
	  "what's needed is the vmlinux or bzImage" },
	{ 0, 5, "07070", "a cpio archive", "that would be for --initrd" },
	{ 0, 7, "!<arch>", "a package of Debian's, or another archive",
	  "the kernel is in it (dpkg-deb -x)" },
	{ 0, 2, "MZ", "a program for EFI or Windows, without Linux's boot header",
	  "what's needed is a vmlinux or bzImage" },
};

static void refuse_stranger(const struct plan *plan)
{
	char start[64] = "";
	size_t len = sizeof(start);

	if (plan->file_size < len)
		len = plan->file_size;
	read_file(plan->fd, plan->name, start, len, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(strangers); i++)
		if (!memcmp(start + strangers[i].at, strangers[i].bytes,
			    strangers[i].len))
			fatal("kernel %s is %s: %s", plan->name,
			      strangers[i].what, strangers[i].needed);
	fatal("kernel %s is neither a 32-bit ELF file nor a bzImage",
	      plan->name);
}
/*:*/

/*L:310 An ELF file says for each of its segments where it wants to be.  We take
 * the physical address, not the virtual one: Linux thinks that it lives at
 * 0xC0000000, and it'll see to that itself once it's got page tables. */
static void demand_elf(const struct plan *plan, const char *field, u32 is,
		       u32 least, u32 most)
{
	char range[32] = "";

	if (is >= least && is <= most)
		return;
	if (most > least)
		snprintf(range, sizeof(range), " to %u", most);
	fatal("kernel %s: malformed ELF header: %s is %u, should be %u%s",
	      plan->name, field, is, least, range);
}

static void check_elf(const struct plan *plan, const Elf32_Ehdr *ehdr)
{
	bool swapped = ehdr->e_ident[EI_DATA] == ELFDATA2MSB;
	u16 processor = swapped ? __builtin_bswap16(ehdr->e_machine) :
				  ehdr->e_machine;

	if (processor != EM_386)
		refuse_elf_for(plan, processor,
			       ehdr->e_ident[EI_CLASS] == ELFCLASS64);
	demand_elf(plan, "e_ident[EI_CLASS]", ehdr->e_ident[EI_CLASS],
		   ELFCLASS32, ELFCLASS32);
	demand_elf(plan, "e_ident[EI_DATA]", ehdr->e_ident[EI_DATA],
		   ELFDATA2LSB, ELFDATA2LSB);
	demand_elf(plan, "e_type", ehdr->e_type, ET_EXEC, ET_EXEC);
	demand_elf(plan, "e_phentsize", ehdr->e_phentsize, sizeof(Elf32_Phdr),
		   sizeof(Elf32_Phdr));
	demand_elf(plan, "e_phnum", ehdr->e_phnum, 1, MOST_SEGMENTS);
}

static void plan_elf(struct plan *plan)
{
	Elf32_Ehdr ehdr;
	Elf32_Phdr phdr[MOST_SEGMENTS];
	u64 end;

	if (plan->file_size < sizeof(ehdr))
		fatal("kernel %s: truncated, %llu bytes are too few for an ELF header of %zu",
		      plan->name, (unsigned long long)plan->file_size,
		      sizeof(ehdr));
	read_file(plan->fd, plan->name, &ehdr, sizeof(ehdr), 0);
	check_elf(plan, &ehdr);
	end = ehdr.e_phoff + (u64)ehdr.e_phnum * sizeof(*phdr);
	if (end > plan->file_size)
		fatal("kernel %s: truncated, program headers end at byte %llu of %llu",
		      plan->name, (unsigned long long)end,
		      (unsigned long long)plan->file_size);
	read_file(plan->fd, plan->name, phdr, ehdr.e_phnum * sizeof(*phdr),
		  ehdr.e_phoff);
	for (unsigned int i = 0; i < ehdr.e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD && phdr[i].p_memsz)
			add_segment(plan, phdr[i].p_offset, phdr[i].p_paddr,
				    phdr[i].p_filesz, phdr[i].p_memsz);
	plan->entry = ehdr.e_entry;
}
/*:*/

/*L:325 The machine may know words that its kernels like to hear: those which the
 * user hasn't said himself, in whichever sense, go first. */
static char *command_line;

static bool has_word(const char *line, const char *word)
{
	size_t len = strcspn(word, "=");

	for (; *line; line += strcspn(line, " "), line += strspn(line, " "))
		if (strncmp(line, word, len) == 0 && strchr("= ", line[len]))
			return true;
	return false;
}

static void complete_command_line(void)
{
	const char *const *arguments = machine->arguments(), *const *word;
	size_t len = strlen(wish.command_line) + 1;

	for (word = arguments; *word; word++)
		len += strlen(*word) + 1;
	command_line = calloc(1, len);
	if (!command_line)
		fatal("no memory for a command line of %zu characters", len);
	for (word = arguments; *word; word++)
		if (!wish.no_default_arguments &&
		    !has_word(wish.command_line, *word))
			strcat(strcat(command_line, *word), " ");
	strcat(command_line, wish.command_line);
	verbose("kernel arguments: %s", command_line);
}
/*:*/

/*L:690 A kernel of today takes half a second to unpack itself, and it does it
 * with the same result each time.  So we keep what came out in the user's cache
 * directory, as an ELF file under the name of a hash of the bzImage, and the next
 * time we take that.
 *
 * Two things must be so.  The kernel mustn't move to a random place first, since
 * then the result is good for that place only: hence "nokaslr".  And whatever is
 * wrong with the copy or with keeping it, the Guest boots without: no error here
 * is worth more than a line for the curious.
 *
 * The hash is BLAKE2b (RFC 7693): a name that nobody can make another kernel
 * for. */
#ifndef __i386__
#define HASH_BYTES 16u

struct blake {
	u64 state[8];
	u64 done;
};

static const u64 blake_iv[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
	0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
	0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const u8 blake_order[10][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
	{ 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
	{ 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
	{ 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
	{ 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
	{ 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
	{ 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
	{ 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
	{ 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static u64 rotate(u64 word, unsigned int by)
{
	return word >> by | word << (64 - by);
}

static void blake_mix(u64 *v, int a, int b, int c, int d, u64 x, u64 y)
{
	v[a] += v[b] + x;
	v[d] = rotate(v[d] ^ v[a], 32);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 24);
	v[a] += v[b] + y;
	v[d] = rotate(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 63);
}

static void blake_block(struct blake *b, const void *block, u32 len, bool last)
{
	u64 v[16], m[16] = { 0 };

	memcpy(m, block, len);
	memcpy(v, b->state, sizeof(b->state));
	memcpy(v + 8, blake_iv, sizeof(blake_iv));
	b->done += len;
	v[12] ^= b->done;
	v[14] ^= last ? ~0ull : 0;
	for (unsigned int round = 0; round < 12; round++) {
		const u8 *o = blake_order[round % 10];

		for (int i = 0; i < 4; i++)
			blake_mix(v, i, 4 + i, 8 + i, 12 + i, m[o[2 * i]],
				  m[o[2 * i + 1]]);
		for (int i = 0; i < 4; i++)
			blake_mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4,
				  12 + (i + 3) % 4, m[o[8 + 2 * i]],
				  m[o[9 + 2 * i]]);
	}
	for (unsigned int i = 0; i < 8; i++)
		b->state[i] ^= v[i] ^ v[i + 8];
}

static void hash_bytes(const u8 *data, u64 len, u8 hash[HASH_BYTES])
{
	struct blake b = { .done = 0 };

	memcpy(b.state, blake_iv, sizeof(b.state));
	b.state[0] ^= 0x01010000 ^ HASH_BYTES;
	for (; len > 128; data += 128, len -= 128)
		blake_block(&b, data, 128, false);
	blake_block(&b, data, len, true);
	memcpy(hash, b.state, HASH_BYTES);
}
/*:*/

/*L:692 The copy: an ELF header, one program header, and from the second page on
 * what was in memory.  In the header's padding there's a checksum of that, of the
 * quick kind, in case a disk was full or somebody was curious; and the name, in
 * case he was tidy. */
struct copy {
	Elf32_Ehdr ehdr;
	Elf32_Phdr phdr;
	u64 checksum;
	char name[2 * HASH_BYTES];
};

static struct {
	int dir;			/* where it goes, or -1: nowhere */
	int fd, tell;			/* the file, and who will name it */
	char name[2 * HASH_BYTES + 1];
	u32 addr, len;
} unpacked = { .dir = -1 };

static u64 checksum(const void *data, size_t len)
{
	const u64 *word = data;
	u64 sum = len;

	for (; len >= sizeof(*word); len -= sizeof(*word))
		sum = rotate((sum ^ *word++) * 0x9e3779b97f4a7c15, 29);
	return sum;
}

static void fill_in_copy(struct copy *copy, u32 in_file, u64 sum)
{
	*copy = (struct copy){
		.ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				       ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_EXEC, .e_machine = EM_386,
			  .e_version = EV_CURRENT, .e_entry = unpacked.addr,
			  .e_phoff = offsetof(struct copy, phdr),
			  .e_ehsize = sizeof(Elf32_Ehdr),
			  .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1 },
		.phdr = { .p_type = PT_LOAD, .p_offset = PAGE_SIZE,
			  .p_vaddr = unpacked.addr, .p_paddr = unpacked.addr,
			  .p_filesz = in_file, .p_memsz = unpacked.len,
			  .p_flags = PF_R | PF_W | PF_X, .p_align = PAGE_SIZE },
		.checksum = sum,
	};
	memcpy(copy->name, unpacked.name, sizeof(copy->name));
}

/* Zeroes at the end needn't be kept. */
static u32 length_in_file(void)
{
	const u64 *start = from_guest(unpacked.addr, unpacked.len);
	const u64 *end = start + unpacked.len / sizeof(*end);

	while (end > start && !end[-1])
		end--;
	return (end - start) * sizeof(*end);
}

/*:*/

/*L:693 Who keeps everything needs a larger disk, so there's an end to it: when a new
 * copy makes all of them too much, those go that have been used the longest time
 * ago.  Their files' times tell, since whoever uses a copy sets its time.
 *
 * Several of us may be at this at once.  A file that somebody else has removed is
 * gone, which was the aim; and one that somebody reads, or is still writing, he
 * has open.  What isn't named like a copy isn't ours. */
#define CACHE_MOST (256ull * MEGABYTE)

static bool is_copys_name(const char *name)
{
	size_t len = strspn(name, "0123456789abcdef");

	return len == 2 * HASH_BYTES && (!name[len] || name[len] == '.');
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* All copies' bytes; and which one is the oldest. */
static u64 survey_cache(DIR *dir, char oldest[NAME_MAX + 1])
{
	struct timespec least = { 0 };
	const struct dirent *entry;
	struct stat st;
	u64 total = 0;

	*oldest = '\0';
	rewinddir(dir);
	while ((entry = readdir(dir))) {
		if (!is_copys_name(entry->d_name) ||
		    fstatat(unpacked.dir, entry->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		total += st.st_size;
		if (*oldest && !is_older(&st.st_mtim, &least))
			continue;
		least = st.st_mtim;
		strcpy(oldest, entry->d_name);
	}
	return total;
}

static void make_room(void)
{
	DIR *dir = fdopendir(unpacked.dir);
	char oldest[NAME_MAX + 1];

	while (dir && survey_cache(dir, oldest) > CACHE_MOST)
		if (unlinkat(unpacked.dir, oldest, 0) && errno != ENOENT)
			break;
}
/*:*/

/*L:694 By the time that there's something to keep, we can't open a file any more, nor
 * rename one (L:420 and L:422), and what is to be kept was made by the Guest.  So
 * the file is opened before, and a child stays behind who knows its name.  It's
 * told nothing but a byte: keep it.  No byte, and the file goes.  As that child may
 * be the last to leave, it doesn't keep the disks' locks nor the taps. */
static void rename_when_told(int told, const char *temporary)
{
	sigset_t all;
	char byte;

	for (struct device *dev = devices; dev; dev = dev->next)
		if (dev->kind->open)
			close(dev->fd);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (read(told, &byte, 1) != 1 ||
	    renameat(unpacked.dir, temporary, unpacked.dir, unpacked.name))
		unlinkat(unpacked.dir, temporary, 0);
	else
		make_room();
	for (;;)
		sys(SYS_exit_group, EXIT_SUCCESS);
}

/* The child sends no signal when it ends; those of service threads are enough. */
static bool prepare_copy(void)
{
	char temporary[sizeof(unpacked.name) + 16];
	int ends[2];
	long pid;

	snprintf(temporary, sizeof(temporary), "%s.%d", unpacked.name, me);
	unpacked.fd = openat(unpacked.dir, temporary,
			     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (unpacked.fd < 0) {
		verbose("kernel: cannot keep an unpacked copy: %m");
		return false;
	}
	if (pipe2(ends, O_CLOEXEC))
		fatal("cannot make a pipe: %m");
	unpacked.tell = ends[1];
	pid = sys(SYS_clone, 0, 0, 0, 0, 0);
	if (pid < 0)
		fatal("cannot fork: %s", reason(pid));
	if (pid == 0) {
		close(ends[1]);
		rename_when_told(ends[0], temporary);
	}
	close(ends[0]);
	return true;
}

/* The Guest stands at the first instruction of what it has unpacked.  Service
 * threads are about, so it's bare system calls again.  Nobody else gives a file
 * this name before it's complete. */
static void keep_unpacked(void)
{
	u32 len = length_in_file();
	u8 *image = from_guest(unpacked.addr, len), page[PAGE_SIZE] = { 0 };
	struct iovec iov[2] = { { page, PAGE_SIZE }, { image, len } };
	struct copy copy;
	bool good;

	fill_in_copy(&copy, len, checksum(image, len));
	memcpy(page, &copy, sizeof(copy));
	good = !write_all(unpacked.fd, iov, 2);
	if (good)
		sys(SYS_write, unpacked.tell, "k", 1);
	sys(SYS_close, unpacked.tell);
	sys(SYS_close, unpacked.fd);
	verbose("kernel: %s an unpacked copy, %s",
		good ? "kept" : "cannot keep", unpacked.name);
}
/*:*/

/*L:695 Where is it?  In $XDG_CACHE_HOME/lguest, or ~/.cache/lguest.
 *
 * It must be ours, and nobody else may write to it: what is in there is going to
 * be booted.  And what it's in must be ours, which keeps "sudo lguest" from leaving
 * root's files in a user's home. */
static bool is_ours(int dir, mode_t shared)
{
	struct stat st;

	return !fstat(dir, &st) && st.st_uid == geteuid() &&
	       !(st.st_mode & shared);
}

static int open_our_dir(int at, const char *name, mode_t shared)
{
	int dir;

	mkdirat(at, name, 0700);
	dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		verbose("kernel: no unpacked copies, cannot open %s: %m", name);
	} else if (!is_ours(dir, shared)) {
		verbose("kernel: no unpacked copies, %s isn't only ours", name);
		close(dir);
		dir = -1;
	}
	return dir;
}

static int open_cache(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];
	int outer, inner;

	if (base && *base == '/')
		snprintf(path, sizeof(path), "%s", base);
	else if (home && *home == '/')
		snprintf(path, sizeof(path), "%s/.cache", home);
	else
		return -1;
	outer = open_our_dir(AT_FDCWD, path, 0);
	if (outer < 0)
		return -1;
	inner = open_our_dir(outer, "lguest", S_IWGRP | S_IWOTH);
	close(outer);
	return inner;
}

static void name_copy(const struct plan *plan)
{
	u8 hash[HASH_BYTES], *map = mmap(NULL, plan->file_size, PROT_READ,
					 MAP_PRIVATE, plan->fd, 0);

	if (map == MAP_FAILED)
		fatal("cannot read %s: %m", plan->name);
	hash_bytes(map, plan->file_size, hash);
	munmap(map, plan->file_size);
	for (unsigned int i = 0; i < HASH_BYTES; i++)
		sprintf(unpacked.name + 2 * i, "%02x", hash[i]);
}

/* Ours, all there, and unchanged? */
static bool is_good_copy(int fd, u64 *size)
{
	struct copy expected;
	struct stat st;
	u8 *map;
	bool good;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_size <= PAGE_SIZE)
		return false;
	*size = st.st_size;
	map = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	fill_in_copy(&expected, *size - PAGE_SIZE,
		     checksum(map + PAGE_SIZE, *size - PAGE_SIZE));
	good = memcmp(map, &expected, sizeof(expected)) == 0;
	munmap(map, *size);
	return good;
}

/* A plan for a bzImage becomes one for the copy, if there is a good one. */
static void prefer_unpacked(struct plan *plan)
{
	u64 size;
	int fd;

	if (!machine->unpacks || wish.no_cache ||
	    !has_word(command_line, "nokaslr") || !plan->header.init_size)
		return;
	unpacked.addr = plan->header.pref_address;
	unpacked.len = plan->header.init_size;
	if (from_guest(unpacked.addr, unpacked.len) &&
	    unpacked.addr % PAGE_SIZE == 0)
		unpacked.dir = open_cache();
	if (unpacked.dir < 0)
		return;
	name_copy(plan);
	fd = openat(unpacked.dir, unpacked.name,
		    O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!is_good_copy(fd, &size)) {
		close(fd);
		return;
	}
	verbose("kernel: unpacked before, as %s", unpacked.name);
	futimens(fd, NULL);
	close(plan->fd);
	close(unpacked.dir);
	unpacked.dir = -1;
	plan->fd = fd;
	plan->file_size = size;
	plan->num = 0;
	plan_elf(plan);
}
#else
static void prefer_unpacked(struct plan *plan)
{
	(void)plan;
}
#endif
/*:*/

/*L:320 A bzImage is a compressed kernel, wrapped in a program that unpacks it.
 * In front of that program is the setup code for a real PC, with a real BIOS,
 * of which we need only the header: it says where the setup code ends.
 *
 * The header doesn't say outright that a kernel is 64-bit, only that it could
 * be started in 64-bit mode.  That'll do. */
static void check_bzimage(const struct plan *plan,
			  const struct setup_header *hdr)
{
	if (hdr->header != 0x53726448) /* "HdrS", where a bzImage has it */
		refuse_stranger(plan);
	if (hdr->version < 0x207)
		fatal("kernel %s: boot protocol %u.%02u is too old, lguest needs 2.07",
		      plan->name, hdr->version >> 8, hdr->version & 0xff);
	if (hdr->version >= 0x20c && hdr->xloadflags & XLF_KERNEL_64)
		fatal("kernel %s is a bzImage for x86-64: " I386_ONLY,
		      plan->name);
	if (!(hdr->loadflags & LOADED_HIGH))
		fatal("kernel %s is a zImage, which loads low; a bzImage was expected",
		      plan->name);
}

/* The header has grown over the years.  At 0x200 there's a jump over the rest
 * of it, and the jump's second byte says how far that is.  What follows is the
 * code that it jumps to, and none of our business. */
static void keep_header(struct plan *plan, const struct setup_header *hdr)
{
	size_t len = offsetof(struct setup_header, header) + (hdr->jump >> 8);

	memcpy(&plan->header, hdr, len < sizeof(*hdr) ? len : sizeof(*hdr));
	if (plan->header.cmdline_size &&
	    plan->header.cmdline_size < plan->longest_command_line)
		plan->longest_command_line = plan->header.cmdline_size;
}

/* Once unpacked it'll need more room than it does now, and newer ones tell how
 * much.  If it can move it goes to the first 16 MB boundary, since that's the
 * alignment that we are going to ask for. */
static void reserve_unpacked(struct plan *plan)
{
	const struct setup_header *hdr = &plan->header;
	u64 start = hdr->pref_address;

	if (hdr->version < 0x20a || !hdr->init_size)
		return;
	if (hdr->relocatable_kernel && start < 16 * MEGABYTE)
		start = 16 * MEGABYTE;
	if (start > wish.mem || hdr->init_size > wish.mem - start)
		fatal("kernel %s: unpacked it needs %u bytes at %#llx, "
		      "the Guest's memory ends at %#x",
		      plan->name, hdr->init_size, (unsigned long long)start,
		      wish.mem);
	if (start + hdr->init_size > plan->end)
		plan->end = start + hdr->init_size;
}

/* lguest left Linux in 4.14.  A newer bzImage needn't be unpacked to find out that
 * it doesn't know us; it says in its header which one it is. */
static void want_pc_if_new(const struct plan *plan)
{
	u64 at = plan->header.kernel_version + 0x200;
	unsigned int major = 0, minor = 0;
	char version[16] = "";

	if (wish.machine || machine->unpacks || ARRAY_SIZE(machines) == 1 ||
	    !plan->header.kernel_version || at + sizeof(version) > plan->file_size)
		return;
	read_file(plan->fd, plan->name, version, sizeof(version) - 1, at);
	if (sscanf(version, "%u.%u", &major, &minor) != 2 || major < 4 ||
	    (major == 4 && minor < 14))
		return;
	verbose("%s is Linux %u.%u, too new for lguest: to the PC with it",
		wish.kernel, major, minor);
	leave(LIVE_ON_PC);
}

static void plan_bzimage(struct plan *plan)
{
	const u64 at = offsetof(struct boot_params, hdr);
	struct setup_header hdr = { .header = 0 };
	u64 offset, len;

	if (plan->file_size >= at + sizeof(hdr))
		read_file(plan->fd, plan->name, &hdr, sizeof(hdr), at);
	check_bzimage(plan, &hdr);
	keep_header(plan, &hdr);
	offset = ((hdr.setup_sects ? hdr.setup_sects : 4) + 1) * 512;
	len = plan->file_size > offset ? plan->file_size - offset : 0;
	if (!len || (len + 15) / 16 < hdr.syssize)
		fatal("kernel %s: truncated, %llu bytes after the setup code, should be %llu",
		      plan->name, (unsigned long long)len, hdr.syssize * 16ull);
	if (len > wish.mem)
		fatal("kernel %s: %llu bytes don't fit into the Guest's memory of %u",
		      plan->name, (unsigned long long)len, wish.mem);
	add_segment(plan, offset, BZIMAGE_AT, len, len);
	reserve_unpacked(plan);
	plan->entry = hdr.code32_start;
	want_pc_if_new(plan);
	prefer_unpacked(plan);
}

static void make_plan(struct plan *plan)
{
	char magic[SELFMAG] = "";

	plan->name = wish.kernel;
	plan->fd = open_file("kernel", plan->name, &plan->file_size);
	plan->longest_command_line = LONGEST_COMMAND_LINE;
	complete_command_line();
	if (plan->file_size >= SELFMAG)
		read_file(plan->fd, plan->name, magic, SELFMAG, 0);
	if (memcmp(magic, ELFMAG, SELFMAG) == 0)
		plan_elf(plan);
	else
		plan_bzimage(plan);
	if (!plan->num)
		fatal("kernel %s: no segment to load", plan->name);
	if (plan->entry >= wish.mem)
		fatal("kernel %s: starts at %#x, the Guest's memory ends at %#x",
		      plan->name, plan->entry, wish.mem);
	if (strlen(command_line) > plan->longest_command_line)
		fatal("kernel command line of %zu characters, %s takes at most %u",
		      strlen(command_line), plan->name,
		      plan->longest_command_line);
}
/*:*/

/*L:330 An initrd is a file that the kernel finds in its memory.  By custom it's
 * put where it's least in the way: at the very top. */
struct initrd {
	int fd;
	u32 addr;
	u64 size;
};

static void plan_initrd(struct initrd *initrd, u64 kernel_end)
{
	u64 room = wish.mem - ((kernel_end + PAGE_SIZE - 1) & -(u64)PAGE_SIZE);

	initrd->fd = open_file("initrd", wish.initrd, &initrd->size);
	if (initrd->size > room)
		fatal("initrd %s: %llu bytes, above the kernel there's room for %llu",
		      wish.initrd, (unsigned long long)initrd->size,
		      (unsigned long long)room);
	initrd->addr = (wish.mem - initrd->size) & -PAGE_SIZE;
}
/*:*/

/*L:340 Checked and found good: read it in.  Memory starts out as zeroes, so a
 * kernel's bss is there already. */
static void carry_out(const struct plan *plan)
{
	for (unsigned int i = 0; i < plan->num; i++) {
		const struct segment *seg = &plan->segment[i];

		read_file(plan->fd, plan->name,
			  from_guest(seg->addr, seg->in_file), seg->in_file,
			  seg->offset);
		verbose("kernel: segment of %u bytes at %#x", seg->in_file,
			seg->addr);
	}
	close(plan->fd);
}

static void load_initrd(const struct initrd *initrd)
{
	read_file(initrd->fd, wish.initrd,
		  from_guest(initrd->addr, initrd->size), initrd->size, 0);
	verbose("initrd: %llu bytes at %#x", (unsigned long long)initrd->size,
		initrd->addr);
	close(initrd->fd);
}
/*:*/

/*L:350 A boot loader leaves its findings in the "zero page", and so do we.  One
 * stretch of memory, and a command line.  For an lguest kernel it really is at
 * zero; subarchitecture 1 tells it that it's an lguest Guest, and KEEP_SEGMENTS
 * that it mustn't reload its segments at its leisure: it isn't in ring 0, and the
 * descriptors that it would like to use aren't there.  A bzImage's header would
 * have its disk mounted read-only, and a vmlinux has none that could: both are told
 * the same. */
static void describe_lguest(struct boot_params *boot)
{
	boot->e820_entries = 1;
	boot->e820_table[0] = (struct boot_e820_entry){ 0, wish.mem, 1 };
	boot->hdr.kernel_alignment = 16 * MEGABYTE;
	boot->hdr.version = 0x207;
	boot->hdr.hardware_subarch = X86_SUBARCH_LGUEST;
	boot->hdr.loadflags |= KEEP_SEGMENTS;
	boot->hdr.root_flags = 0;
}

static void leave_boot_params(const struct plan *plan,
			      const struct initrd *initrd)
{
	size_t len = strlen(command_line) + 1;
	struct boot_params *boot =
		from_guest(machine->params_at, sizeof(struct boot_params));

	boot->hdr = plan->header;
	machine->describe(boot);
	boot->hdr.cmd_line_ptr = machine->command_line_at;
	if (initrd->size) {
		boot->hdr.ramdisk_image = initrd->addr;
		boot->hdr.ramdisk_size = initrd->size;
		boot->hdr.type_of_loader = 0xFF;
	}
	memcpy(from_guest(machine->command_line_at, len), command_line, len);
}

static u32 load_guest(void)
{
	static struct plan plan;
	struct initrd initrd = { .size = 0 };

	make_plan(&plan);
	if (wish.initrd)
		plan_initrd(&initrd, plan.end);
	carry_out(&plan);
	if (wish.initrd)
		load_initrd(&initrd);
	leave_boot_params(&plan, &initrd);
	return plan.entry;
}
/*:*/

static void turn_on_lguest(u32 entry)
{
	describe_devices();
	choose_host();
	introduce_guest(entry);
}

/*L:650 The other machine is a PC, as far as we have to be interested in it: one
 * that finds what it is in the "32-bit boot protocol" (Documentation/x86/boot.rst
 * in Linux).  Memory has a hole from 640 KB to one megabyte, for reasons that
 * were good in 1981.
 *
 * At zero there's a table that says "one processor".  A kernel looks for such a
 * table in a number of places, and has to map each of them, 16 bytes at a time;
 * where it looks first, it finds it, and saves 150 ms.  (Intel's MultiProcessor
 * Specification, version 1.4, chapter 4.)  It must name the processor's interrupt
 * controller, of which there is none; so the table is only there for a kernel that
 * has been told not to use it, and what it finds at the address is a page of its
 * own with a version, the same as in the table, and zeroes. */
#ifndef __i386__
#define LOW_MEMORY_END 0x9f000u
#define CONTROLLER LOW_MEMORY_END
#define CONTROLLER_VERSION_AT 0x30u
#define CONTROLLER_VERSION 0x14u

static struct pc *pc;

/* What makes the sum of all bytes zero. */
static u8 missing_to_zero(const void *data, size_t len)
{
	const u8 *bytes = data;
	u8 sum = 0;

	while (len--)
		sum -= bytes[len];
	return sum;
}

static void leave_processor_table(void)
{
	struct {
		char pointer[4];
		u32 table;
		u8 length, revision, sum, features[5];
		char signature[4];
		u16 table_length;
		u8 table_revision, table_sum;
		char maker[8], product[12];
		u32 oem_table;
		u16 oem_size, entries;
		u32 controller;
		u16 extended[2];
		u8 type, id, version, flags;
		u32 signature_of_cpu, features_of_cpu, reserved[2];
		u8 line_type, line[7];
	} *mp = from_guest(0, sizeof(*mp));
	const size_t pointer = offsetof(typeof(*mp), signature);

	memcpy(mp->pointer, "_MP_", 4);
	mp->table = pointer;
	mp->length = 1;
	mp->revision = mp->table_revision = 4;
	memcpy(mp->signature, "PCMP", 4);
	mp->table_length = sizeof(*mp) - pointer;
	mp->entries = 2;
	mp->controller = CONTROLLER;
	mp->version = CONTROLLER_VERSION;
	mp->flags = 3;		/* usable, and the one that boots */
	mp->line_type = 3;	/* some line, that none be made up */
	mp->sum = missing_to_zero(mp, pointer);
	mp->table_sum = missing_to_zero(mp->signature, mp->table_length);
	*(u8 *)from_guest(CONTROLLER + CONTROLLER_VERSION_AT, 1) =
		CONTROLLER_VERSION;
}

static void describe_pc(struct boot_params *boot)
{
	boot->e820_entries = 2;
	boot->e820_table[0] = (struct boot_e820_entry){ 0, LOW_MEMORY_END, 1 };
	boot->e820_table[1] = (struct boot_e820_entry){
		MEGABYTE, wish.mem - MEGABYTE, 1 };
	boot->hdr.type_of_loader = 0xFF;
	if (has_word(command_line, "nolapic"))
		leave_processor_table();
}
/*:*/

/*L:660 Its devices sit on a PCI bus, in the order of the command line.  The PC
 * keeps their registers for us; what's in the rings is our affair, and the same
 * as ever.  The console isn't there: a PC has a serial port for that, whose cable
 * ends here. */
static void plug_in(struct device *dev)
{
	struct pc_device about = {
		.id = dev->kind->id,
		.features = dev->offered,
		.queue_size = VIRTQUEUE_NUM,
		.queues = dev->num_vq,
		.config = dev->config,
		.config_len = dev->config_len,
	};
	int eventfds[PC_QUEUES];

	for (unsigned int i = 0; i < dev->num_vq; i++) {
		make_eventfd(&dev->vq[i]);
		eventfds[i] = dev->vq[i].eventfd;
	}
	dev->slot = pc_add_device(pc, &about, eventfds);
	if (dev->slot < 0)
		fatal("too many devices: %s finds no slot", dev->name);
	verbose("%s: in slot %d, offers features %#x", dev->name, dev->slot,
		dev->offered);
}

static void serial_input(struct virtqueue *vq)
{
	u8 typed[64];
	struct iovec iov = { typed, sizeof(typed) };
	u32 done = 0, len;

	(void)vq;
	len = read_console(&iov, 1);
	while (done < len) {
		done += pc_type(pc, typed + done, len - done);
		if (done < len)
			sys(SYS_poll, NULL, 0, 10);
	}
}

static void turn_on_pc(u32 entry)
{
	const char *missing = host_missing();
	int err;

	if (missing)
		fatal("%s", missing);
	pc = pc_open(guest_base, wish.mem / PAGE_SIZE, entry, PC_PARAMS_AT);
	if (!pc)
		fatal("no memory for a PC");
	err = pc_start(pc);
	if (err)
		fatal("the PC won't start: %s", reason(err));
	if (unpacked.dir >= 0) {
		if (prepare_copy())
			pc_watch(pc, unpacked.addr);
		close(unpacked.dir);
	}
	for (struct device *dev = devices; dev; dev = dev->next)
		if (dev->kind != &console_kind)
			plug_in(dev);
	verbose("PC: %u KB, starts at %#x", wish.mem / 1024, entry);
}

static void interrupt_by_pc(struct virtqueue *vq)
{
	pc_interrupt(pc, vq->dev->slot);
}
/*:*/

/*L:670 A device's driver has written the status byte.  It's ready when it says
 * so, and then its rings are where it has put them. */
static void place_rings(struct virtqueue *vq, u32 pfn)
{
	u32 size = vring_size(VIRTQUEUE_NUM, PAGE_SIZE);
	void *rings = from_guest((u64)pfn * PAGE_SIZE, size);

	if (!rings)
		bad_queue(vq, "rings in page %#x are outside the Guest's memory (limit %#x)",
			  pfn, guest_limit);
	vq->addr = pfn * PAGE_SIZE;
	vring_init(&vq->vring, VIRTQUEUE_NUM, rings, PAGE_SIZE);
}

static void start_on_pc(struct device *dev, const struct pc_event *event)
{
	dev->accepted = event->features;
	verbose("%s: starts, features offered %#x, accepted %#x", dev->name,
		dev->offered, dev->accepted);
	dev->running = true;
	for (unsigned int i = 0; i < dev->num_vq; i++) {
		if (!event->queue_pfn[i])
			continue;
		place_rings(&dev->vq[i], event->queue_pfn[i]);
		start_thread(&dev->vq[i]);
	}
}

static void status_on_pc(struct device *dev, const struct pc_event *event)
{
	bool failed = event->status & VIRTIO_CONFIG_S_FAILED;

	verbose("%s: status %#x", dev->name, event->status);
	if (failed)
		warn("%s: the Guest's driver has given it up", dev->name);
	if (!event->status || (failed && dev->running))
		stop_device(dev);
	else if (event->status & VIRTIO_CONFIG_S_DRIVER_OK && !dev->running)
		start_on_pc(dev, event);
}

static void find_and_set_status(const struct pc_event *event)
{
	for (struct device *dev = devices; dev; dev = dev->next)
		if (dev->slot == (int)event->device)
			status_on_pc(dev, event);
}
/*:*/

/*L:680 And it runs. */
static void print_serial(const struct pc_event *event)
{
	struct iovec iov = { (void *)event->text, event->len };

	write_console(&iov, 1);
}

static void handle_event(const struct pc_event *event)
{
	switch (event->kind) {
	case PC_INTERRUPTED:
		break;
	case PC_SERIAL:
		print_serial(event);
		break;
	case PC_UNPACKED:
		keep_unpacked();
		break;
	case PC_STATUS:
		find_and_set_status(event);
		break;
	case PC_RESET:
		verbose("the Guest reboots");
		leave(LIVE_AGAIN);
	case PC_OFF:
		leave(EXIT_SUCCESS);
	case PC_NOTE:
		warn("%s", event->text);
		break;
	case PC_DEAD:
		fatal("%s", event->text);
	}
}

static void run_pc(void)
{
	struct device *console = devices;
	struct pc_event event;

	while (console->kind != &console_kind)
		console = console->next;
	console->vq[0].service = serial_input;
	start_thread(&console->vq[0]);
	for (;;) {
		pc_run(pc, &event);
		handle_event(&event);
	}
}

/* What saves time on this machine: not to compare the one good clock that there is
 * with worse ones (if it is good), nor to look for plug-and-play cards of 1994
 * (355 ms), nor to test all of the kernel's ciphers (247 ms), nor to move before
 * starting; and it saves a line of complaint not to look for ACPI.  Page tables in
 * high memory, if there is any, would have to be mapped for each look into one (a
 * fork and exec with 1024 MB: 3.1 ms, and 1.5 without). */
#define LOW_MEMORY (896 * MEGABYTE)	/* to a Linux with 3 GB for programs */

static const char *const *pc_arguments(void)
{
	static const char *words[] = {
		"tsc=reliable", "noisapnp", "cryptomgr.notests", "nokaslr",
		"acpi=off", "nolapic", NULL, NULL
	};

	if (wish.mem > LOW_MEMORY)
		words[ARRAY_SIZE(words) - 2] = "userpte=nohigh";
	return pc_has_clock() ? words : words + 1;
}
#endif

static const char *const *no_arguments(void)
{
	static const char *const none[] = { NULL };

	return none;
}

static const struct machine machines[NUM_MACHINES] = {
	{ "lguest", BOOT_PARAMS_AT, COMMAND_LINE_AT, BOOT_AREA_END,
	  no_arguments, false, describe_lguest, turn_on_lguest, interrupt_by_host,
	  run_guest },
#ifndef __i386__
	{ "pc", PC_PARAMS_AT, PC_COMMAND_LINE, MEGABYTE, pc_arguments,
	  true, describe_pc, turn_on_pc, interrupt_by_pc, run_pc },
#endif
};
/*:*/

/*L:421 What root may do that others may not comes in some forty pieces, and here
 * all of them go, also if no --username was asked for.  The files of root are
 * still his own, as for any user. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &header, none))
		fatal("cannot drop capabilities: %m");
}
/*:*/

/*L:420 Everything's open, the Host knows what it has to: from here on we don't
 * need to be root any more, nor to see any file.  If the Guest should find a
 * hole in the Launcher, what it gets is a process that can do nothing.
 *
 * The groups come first, since a name's groups can't be looked up when
 * /etc/group is outside. */
static void drop_privileges(void)
{
	const struct passwd *user = wish.user;

	if (user && initgroups(user->pw_name, user->pw_gid))
		fatal("--username=%s: cannot take on its groups: %m",
		      user->pw_name);
	if (wish.chroot) {
		if (chroot(wish.chroot) || chdir("/"))
			fatal("--chroot=%s: %m", wish.chroot);
		verbose("chroot to %s done", wish.chroot);
	}
	if (user) {
		if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
		    setresuid(user->pw_uid, user->pw_uid, user->pw_uid))
			fatal("--username=%s: cannot become it: %m",
			      user->pw_name);
		verbose("privileges dropped, now user %s", user->pw_name);
	}
	drop_capabilities();
}
/*:*/

/*L:065 A life can also be stopped for a while, by SIGTSTP, and goes on with
 * SIGCONT.  (No key sends that: ^Z is the Guest's.)  Meanwhile the terminal is as
 * it was, and nobody here takes what is typed into it.
 *
 * Of SIGSTOP there's no warning, and a shell that sends it to a job is left to see
 * to its terminal by itself.  But after it, too, the terminal has to be made raw
 * again.  If by then it isn't ours any more, since the job was sent to the
 * background, SIGTTOU stops us again until it is. */
static void signal_threads(int sig)
{
	for (struct device *dev = devices; dev; dev = dev->next)
		for (unsigned int i = 0; i < dev->num_vq; i++)
			if (dev->vq[i].thread)
				sys(SYS_kill, dev->vq[i].thread, sig);
}

static void pause_life(int sig)
{
	int old_errno = errno;

	(void)sig;
	signal_threads(SIGSTOP);
	restore_terminal();
	sys(SYS_kill, sys(SYS_getpid), SIGSTOP);
	errno = old_errno;
}

static void resume_life(int sig)
{
	int old_errno = errno;

	(void)sig;
	make_terminal_raw();
	signal_threads(SIGCONT);
	errno = old_errno;
}
/*:*/

/*L:060 These are the signals that people send to end something.  The second
 * process tidies up before it dies of one, the first waits for them and passes
 * them on (L:020). */
static const int mortal[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

/* "nohup lguest" asks for SIGHUP to be ignored, and we don't know better.  The
 * others are needed: a shell script that puts us into the background has SIGINT
 * ignored too, but then three ^C would do nothing. */
static bool is_ignored(int sig)
{
	struct sigaction old;

	sigaction(sig, NULL, &old);
	return sig == SIGHUP && old.sa_handler == SIG_IGN;
}

static void watched_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTSTP);
	sigaddset(set, SIGCONT);
	for (unsigned int i = 0; i < ARRAY_SIZE(mortal); i++)
		if (!is_ignored(mortal[i]))
			sigaddset(set, mortal[i]);
}

static void handle_signals(void)
{
	struct sigaction act = { .sa_handler = service_thread_died,
				 .sa_flags = SA_RESTART | SA_NOCLDSTOP };

	all_but_sigsys(&act.sa_mask);
	sigaction(SIGCHLD, &act, NULL);
	act.sa_handler = die_of;
	for (unsigned int i = 0; i < ARRAY_SIZE(mortal); i++)
		if (!is_ignored(mortal[i]))
			sigaction(mortal[i], &act, NULL);
	act.sa_handler = pause_life;
	sigaction(SIGTSTP, &act, NULL);
	act.sa_handler = resume_life;
	sigdelset(&act.sa_mask, SIGTTOU);
	sigaction(SIGCONT, &act, NULL);
}

/* If the first process is killed in a way that it can't catch, the second gets
 * a SIGTERM, and puts the terminal right in its stead.  The kernel forgets this
 * wish when a process changes its user, so it's said twice. */
static void die_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		leave(EXIT_FAILURE);
}

/* Another life, perhaps on the other machine? */
static bool lives_on(int status)
{
	int wants = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	if (wants == LIVE_ON_PC)
		machine = &machines[ARRAY_SIZE(machines) - 1];
	return wants == LIVE_AGAIN || wants == LIVE_ON_PC;
}

static bool is_mortal(int sig)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(mortal); i++)
		if (sig == mortal[i])
			return true;
	return false;
}
/*:*/

/*L:030 And this is a whole life, from birth to whatever ends it.  Every line is
 * a part of what follows. */
static void __attribute__((noreturn)) live(pid_t parent)
{
	u32 entry;

	die_with_parent(parent);
	handle_signals();
	map_guest_memory();
	entry = load_guest();
	machine->turn_on(entry);
#ifndef __i386__
	if (wish.perf_map)
		name_code_for_perf();
#endif
	drop_privileges();
	die_with_parent(parent);
	make_terminal_raw();
	watch_filter();
	filter_cpu();
	machine->run();
	leave(EXIT_FAILURE);
}
/*:*/

/*L:020 The Launcher is two processes.  The first opens everything, and then
 * starts another one for each life of the Guest and waits for its end.  When a
 * Guest reboots, the second process dies with a status that only the two of
 * them understand, and there's another.
 *
 * Why?  A reboot means that everything is done again: the memory is empty, the
 * kernel is loaded, the Host is told of a new Guest.  One could try to put
 * everything back as it was; or execute oneself again, which is what lguest did
 * in 2007; but a process that has given up its root directory and its rights
 * can't do either.  The first process has kept both, and since it never looks
 * at anything that the Guest has written, it may.
 *
 * While it waits it takes the signals for both: whatever it gets, it passes on.
 * The result is what the other one ended with.  If they are to stop, the second
 * goes first, since a shell looks at the terminal as soon as the first has. */
static void stop_after(pid_t pid)
{
	siginfo_t info;

	if (!waitid(P_PID, pid, &info, WSTOPPED | WEXITED | WNOWAIT) &&
	    info.si_code == CLD_STOPPED)
		raise(SIGSTOP);
}

static int one_life(void)
{
	int status, sig, asked = 0;
	sigset_t watched, old;
	pid_t pid, parent = me;

	watched_signals(&watched);
	sigprocmask(SIG_BLOCK, &watched, &old);
	pid = fork();
	if (pid < 0)
		fatal("cannot fork: %m");
	if (pid == 0) {
		me = getpid();
		sigprocmask(SIG_SETMASK, &old, NULL);
		live(parent);
	}
	while (waitpid(pid, &status, WNOHANG) != pid) {
		sig = sigwaitinfo(&watched, NULL);
		if (sig < 0 || sig == SIGCHLD)
			continue;
		kill(pid, sig);
		if (sig == SIGTSTP)
			stop_after(pid);
		else if (sig != SIGCONT)
			asked = sig;
	}
	if (asked)
		die_of(asked);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return status;
}

/* The user started one process, and should see how it ended. */
static void __attribute__((noreturn)) end_like(int status)
{
	if (WIFEXITED(status))
		leave(WEXITSTATUS(status));
	if (is_mortal(WTERMSIG(status)))
		die_of(WTERMSIG(status));
	fatal("the process that ran the Guest was killed by signal %d (%s)",
	      WTERMSIG(status), strsignal(WTERMSIG(status)));
}
/*:*/

/*L:120 Each option hands its value to a function, which keeps it or
 * complains. */
static void want_verbose(const char *value)
{
	(void)value;
	wish.verbose = true;
}

static void want_net(const char *value)
{
	add_device(&net_kind, value);
}

static void want_block(const char *value)
{
	add_device(&block_kind, value);
}

static void want_rng(const char *value)
{
	add_device(&rng_kind, value);
}

static void want_initrd(const char *value)
{
	wish.initrd = value;
}

static void want_user(const char *value)
{
	wish.user = getpwnam(value);
	if (!wish.user)
		fatal("--username=%s: no such user", value);
}

static void want_chroot(const char *value)
{
	wish.chroot = value;
}

static void want_host(const char *value)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(hosts); i++)
		if (strcmp(value, hosts[i].name) == 0)
			wish.host = hosts[i].name;
	if (!wish.host)
		fatal("--host=%s: this lguest knows \"kernel\"%s", value,
		      ARRAY_SIZE(hosts) > 1 ? " and \"builtin\"" : " only");
}

static void want_machine(const char *value)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(machines); i++)
		if (strcmp(value, machines[i].name) == 0)
			wish.machine = &machines[i];
	if (!wish.machine)
		fatal("--machine=%s: this lguest knows \"lguest\"%s", value,
		      ARRAY_SIZE(machines) > 1 ? " and \"pc\"" : " only");
}

static void want_no_default_arguments(const char *value)
{
	(void)value;
	wish.no_default_arguments = true;
}

static void want_no_cache(const char *value)
{
	(void)value;
	wish.no_cache = true;
}

static void want_no_seccomp(const char *value)
{
	(void)value;
	wish.no_seccomp = true;
}

#ifndef __i386__
static void want_perf_map(const char *value)
{
	(void)value;
	wish.perf_map = true;
}
#endif

static void print_usage(FILE *to);

static void show_help(const char *value)
{
	(void)value;
	print_usage(stdout);
	exit(EXIT_SUCCESS);
}

static void show_version(const char *value)
{
	(void)value;
	printf("lguest %s\n", LGUEST_VERSION);
	exit(EXIT_SUCCESS);
}
/*:*/

/*L:100 The command line.  Here are the options, and here is what --help says of
 * them, so that the two can't drift apart. */
static const struct choice {
	const char *name;
	char letter;
	const char *value;
	const char *help;
	void (*take)(const char *value);
} choices[] = {
	{ "verbose", 'v', NULL, "say what is going on", want_verbose },
	{ "tunnet", 0, "<ipaddr>[:<macaddr>]|bridge:<bridge>[:<macaddr>]",
	  "a network card: eth0, eth1...", want_net },
	{ "block", 0, "<file>", "a disk: /dev/vda, /dev/vdb...", want_block },
	{ "rng", 0, NULL, "a source of randomness", want_rng },
	{ "initrd", 0, "<file>", "an initial ramdisk", want_initrd },
	{ "username", 0, "<user>", "run the Guest as this user", want_user },
	{ "chroot", 0, "<dir>", "run the Guest in this directory",
	  want_chroot },
	{ "host", 0, "kernel|builtin", "/dev/lguest, or the built-in Host",
	  want_host },
	{ "machine", 0, "lguest|pc", "which machine the kernel is made for",
	  want_machine },
	{ "no-default-args", 0, NULL, "no kernel arguments but mine",
	  want_no_default_arguments },
	{ "no-cache", 0, NULL, "keep no unpacked kernels, and use none",
	  want_no_cache },
	{ "no-seccomp", 0, NULL,
	  "don't filter system calls (to debug the Launcher)",
	  want_no_seccomp },
#ifndef __i386__
	{ "perf-map", 0, NULL,
	  "name translated code for perf, in /tmp/perf-PID.map",
	  want_perf_map },
#endif
	{ "help", 0, NULL, "this", show_help },
	{ "version", 0, NULL, "which lguest this is", show_version },
};

static void print_usage(FILE *to)
{
	fprintf(to, "usage: lguest [options] <mem-in-mb> <vmlinux|bzImage> [kernel args...]\n\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];

		fprintf(to, "  --%s%s%s", c->name, c->value ? "=" : "",
			c->value ? c->value : "");
		if (c->letter)
			fprintf(to, ", -%c", c->letter);
		fprintf(to, "\n\t\t%s\n", c->help);
	}
	fprintf(to, "\nMemory may have a suffix K, M or G. "
		    "After -- everything is a kernel argument.\n"
		    "Example: lguest 64 vmlinux --tunnet=192.168.19.1 "
		    "--block=rootfile root=/dev/vda\n");
}

static void __attribute__((noreturn)) refuse(void)
{
	print_usage(stderr);
	exit(EXIT_FAILURE);
}
/*:*/

/*L:130 getopt_long() does the hard part: options anywhere among the words, with
 * "=" or without. */
static void take_options(int argc, char *argv[])
{
	struct option longopts[ARRAY_SIZE(choices) + 1] = { { .name = NULL } };
	int i, c;

	for (i = 0; i < (int)ARRAY_SIZE(choices); i++) {
		longopts[i].name = choices[i].name;
		longopts[i].has_arg = choices[i].value ? required_argument :
							 no_argument;
		longopts[i].val = choices[i].letter ? choices[i].letter :
						      UCHAR_MAX + 1 + i;
	}
	while ((c = getopt_long(argc, argv, "v", longopts, NULL)) != -1) {
		for (i = 0; longopts[i].name && longopts[i].val != c; i++)
			;
		if (!longopts[i].name)
			refuse();
		choices[i].take(optarg);
	}
}

static unsigned int suffix_shift(const char *suffix)
{
	static const struct {
		const char *suffix;
		unsigned int shift;
	} units[] = { { "", 20 },  { "K", 10 }, { "k", 10 }, { "M", 20 },
		      { "m", 20 }, { "G", 30 }, { "g", 30 } };

	for (unsigned int i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(suffix, units[i].suffix) == 0)
			return units[i].shift;
	return 0;
}

static u32 parse_memory(const char *text)
{
	char *suffix;
	u64 value = strtoull(text, &suffix, 10);
	unsigned int shift = suffix_shift(suffix);

	if (text[0] < '0' || text[0] > '9' || !shift)
		fatal("memory \"%s\" is not a number of megabytes (or with K, M, G)",
		      text);
	if (value > UINT32_MAX || value << shift > MOST_MEMORY)
		fatal("memory %s is too much, a Guest can have %u MB", text,
		      MOST_MEMORY / MEGABYTE);
	if (value << shift < LEAST_MEMORY)
		fatal("memory %s is too little, a Guest needs %u MB", text,
		      LEAST_MEMORY / MEGABYTE);
	if ((value << shift) % PAGE_SIZE)
		fatal("memory %s is not a multiple of %u bytes", text,
		      PAGE_SIZE);
	return value << shift;
}

/* Whatever isn't ours is the kernel's, with a space between the words. */
static char *join_words(char *words[])
{
	size_t len = 1;
	char *line;

	for (char **word = words; *word; word++)
		len += strlen(*word) + 1;
	line = calloc(1, len);
	if (!line)
		fatal("no memory for a command line of %zu characters", len);
	for (char **word = words; *word; word++) {
		if (word != words)
			strcat(line, " ");
		strcat(line, *word);
	}
	return line;
}

static void parse_command_line(int argc, char *argv[])
{
	take_options(argc, argv);
	if (argc - optind < 2)
		refuse();
	wish.mem = parse_memory(argv[optind]);
	wish.kernel = argv[optind + 1];
	wish.command_line = join_words(argv + optind + 2);
}
/*:*/

/*L:010 So here it starts.  See what the user wants (L:100), open the devices
 * that he asked for (L:360), and give the Guest one life after the other (L:020
 * and L:030) until one ends in something else than a reboot.
 *
 * SIGPIPE and SIGXFSZ are of no use to us: a write that fails says so.  And
 * whoever started us may have been ignoring SIGCHLD, in which case we'd wait in
 * vain. */
int main(int argc, char *argv[])
{
	int status;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	fill_gaps();
	parse_command_line(argc, argv);
	open_devices();
	remember_terminal();
	me = getpid();
	machine = wish.machine ? wish.machine : &machines[0];
	do
		status = one_life();
	while (lives_on(status));
	end_like(status);
}
/*:*/

/*L:990 That's the Launcher: it never ran a single instruction of the Guest's.
 * Somebody has to, and that's the Host.
 *
 * Next: "make Host". :*/
