/* A stand-in for a kernel's /dev/lguest, and for the Guest behind it.
 *
 * The Launcher under test runs as it is: no library is put before its own and
 * nothing in it is replaced, since its service threads go to the kernel without
 * asking any library.  Instead a seccomp filter hands some of its system calls
 * to us: open() of /dev/lguest, whatever is done with that file afterwards, and
 * (if a test wants to see them fail) the calls that transfer data.  So it works
 * for a 32-bit Launcher as well, and needs no rights.
 *
 * A test is a function.  It starts a Launcher, waits until it wants its Guest to
 * run, answers with what the Guest wants next, and looks at what has become of
 * the Guest's memory.  Everything else (interrupts, eventfds, what comes out of
 * stdout and stderr) is collected while it waits. */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The tests of a program, in order. */
struct test {
	const char *name;
	void (*run)(void);
};
extern const struct test tests[];

/* The Launcher under test. */
extern const char *launcher;
extern const char *scratch;

/* One line of TAP each. */
bool check(bool good, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool same(const char *what, u64 is, u64 should_be);
void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A running Launcher.  Everything it wrote is in out and err. */
struct run {
	pid_t pid;
	int listener;
	int in;
	int out_fd, err_fd;
	char out[262144], err[262144];
	size_t out_len, err_len;
	bool gone;
	int status;

	/* What it told the Host. */
	bool initialized;
	pid_t init_pid;
	u64 base, pfnlimit, start;
	unsigned int lives, irqs[32], eventfds;
	struct {
		u64 addr;
		int fd;
	} eventfd[64];
	unsigned int word;
	int mem;

	/* The read that hasn't been answered, if any. */
	bool reading;
	u64 read_id, read_buf, read_len;

	/* errno to answer an open of /dev/lguest or an LHREQ_INITIALIZE with,
	 * and for the transfers: -errno, 0 to go on. */
	int open_error, init_error, irq_error;
	long (*inject)(const char *call, u64 fd, u64 offset);
};

/* The options for start(): watch transfers too; a terminal as stdin; as if by
 * nohup. */
#define WATCH_IO 1
#define ON_TERMINAL 2
#define WITHOUT_HUP 4

/* The next start() gives the Launcher this as its stdout. */
extern int stdout_for_next;

struct run *start(int flags, const char *const argv[]);
#define run_launcher(flags, ...) \
	start(flags, (const char *const[]){ launcher, ##__VA_ARGS__, NULL })

/* Until it wants to run its Guest; until it has ended (returns its exit
 * status, or 256 + the signal that it died of); for so many milliseconds. */
bool wait_read(struct run *r);
int wait_end(struct run *r);
void wait_ms(struct run *r, int ms);
bool wait_for_text(struct run *r, const char *text, const char *part);
/* Waits for it on stderr, and checks that it comes. */
bool says(struct run *r, const char *what, const char *part);
/* Gives everything back, and looks whether anything was left behind. */
void finish(struct run *r);

/* What the Guest does: let the read return. */
void give_notify(struct run *r, u64 addr);
void give_error(struct run *r, int error);
void give_text(struct run *r, const char *text);
/* A notify, and the Launcher has come back from it. */
bool notify(struct run *r, u64 addr);
/* It dies, with that reason. */
void die(struct run *r, const char *reason);

/* The Guest's memory. */
void peek(struct run *r, u64 addr, void *buf, size_t len);
void poke(struct run *r, u64 addr, const void *buf, size_t len);
u64 get(struct run *r, u64 addr, unsigned int size);
void put(struct run *r, u64 addr, unsigned int size, u64 value);

/* A device as the Guest finds it in the descriptor page. */
struct found {
	u64 desc;
	u8 type, num_vq, feature_len, config_len;
	u32 features;
	u64 guest_features, config;
	struct queue {
		struct run *r;
		u64 addr;
		u16 num, irq;
		u16 avail, next_desc;
	} vq[2];
};

/* The nth device, counting from 0; false if there's none. */
bool find_device(struct run *r, unsigned int n, struct found *dev);
/* Accept features, set the status, notify. */
bool set_status(struct run *r, struct found *dev, u8 status);
bool start_device(struct run *r, struct found *dev, u32 features);

/* A buffer of a chain: @in if the Launcher is to write to it. */
struct buf {
	u64 addr;
	u32 len;
	bool in;
};
void set_desc(struct queue *q, u64 table, u16 i, u64 addr, u32 len, u16 flags,
	      u16 next);
void make_available(struct queue *q, u16 head);
u16 add_chain(struct queue *q, const struct buf *bufs, unsigned int num);
#define chain(q, ...) \
	add_chain(q, (const struct buf[]){ __VA_ARGS__ }, \
		  ARRAY_SIZE(((const struct buf[]){ __VA_ARGS__ })))
void kick(struct queue *q);
u16 used_index(struct queue *q);
/* Waits until the used index is @index; the last element's length goes to len. */
bool wait_used(struct queue *q, u16 index, u32 *len);
bool wait_irq(struct run *r, unsigned int irq, unsigned int count);

/* Files for the Launcher to eat. */
const char *path_of(const char *name);
const char *write_file(const char *name, const void *data, size_t len);
/* A good kernel: 4096 bytes at 1 MB, of which the nth is n % 251. */
const char *make_kernel(const char *name);

/* A good one, up to the first read. */
struct run *boot(int flags, const char *const options[]);
#define boot_with(flags, ...) \
	boot(flags, (const char *const[]){ __VA_ARGS__, NULL })
#define boot_plain(flags) boot(flags, (const char *const[]){ NULL })

/* How many processes have @pid among their ancestors, zombies not counted. */
unsigned int count_children(pid_t pid);
void kill_a_child(pid_t pid);

#endif /* STANDIN_H */
