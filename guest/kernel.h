/*G:300 What the rooms of the kernel's core know of each other, and the drivers
 * don't want to: above all, what a task is. */
#ifndef GUEST_KERNEL_H
#define GUEST_KERNEL_H

#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include "puppy.h"

/* memory.c: a page with somebody's old rubbish in it; two neighbours; a page
 * while there are no frames yet. */
void *take_page(void);
void free_two_pages(void *pages);
void *early_page(void);
/* What the Launcher has told us; physical addresses. */
u32 memory_detect(void);
u32 initrd_start(void);
u32 initrd_size(void);
const char *boot_cmdline(void);
/*:*/

/*G:302 space.c: what a program may find at which address.  Its areas are a list
 * in the order of addresses.  An area is memory that appears when it is
 * touched: zeros, and between file_start and file_end what stands in a file. */
struct area {
	struct area *next;
	u32 start, end;
	u32 prot;			/* PROT_READ ... */
	u32 file_start, file_end;
	const u8 *file;			/* at file_start */
};

struct space {
	void *root;			/* NULL: a kernel thread has none */
	struct area *areas;
	u32 brk_start, brk;
};

#define STACK_TOP	(PAGE_OFFSET - PAGE_SIZE)
#define STACK_BYTES	0x800000u
#define MMAP_START	0x40000000u

bool space_init(struct space *space);
bool space_copy(struct space *to, struct space *from);
void space_free(struct space *space);
/* False if something is there already, it's no place for a program, or there's
 * no memory.  Of *area everything but next is taken. */
bool space_add(struct space *space, const struct area *area);
/* False, and nothing done, if there's no memory to cut an area in two. */
bool space_remove(struct space *space, u32 start, u32 end);
/* The lowest gap from MMAP_START on; 0 if there is none. */
u32 space_gap(const struct space *space, u32 bytes);
/* The signal that it deserves; 0 if it may try again. */
int space_fault(struct space *space, u32 address, bool write);

/* Copies between the kernel and the program that is running: false if part of
 * the program's range isn't there.  The string's length, or -EFAULT, or
 * -ENAMETOOLONG if it doesn't fit. */
bool copy_from_program(void *to, u32 from, size_t len);
bool copy_to_program(u32 to, const void *from, size_t len);
int string_from_program(char *to, u32 from, size_t size);
/* user.S: how much was left when it had to stop. */
size_t copy_user(void *to, const void *from, size_t len);
/*:*/

/*G:304 file.c: an open file is its state, and a table of what can be done with
 * it.  The functions copy from and to the running program themselves. */
struct file;
struct file_ops {
	int (*read)(struct file *file, u32 to, size_t len);
	int (*write)(struct file *file, u32 from, size_t len);
	void (*release)(struct file *file);
};

struct file {
	const struct file_ops *ops;
	u32 users;
	union {
		struct {
			const u8 *data;
			size_t size, at;
		};
		struct pipe *pipe;
	};
};

extern struct file console_file;
#define FILES	16

struct file *file_open(const char *path);
/* Two files, or false if there's no memory. */
bool file_pipe(struct file *end[2]);
void file_put(struct file *file);
/*:*/

/*G:306 A task: whatever can run.  The structure lies at the bottom of two
 * pages, and the task's kernel stack grows down towards it from their top. */
#define STACK_PAGES	2
#define NAME_BYTES	16
#define GUARD		0x70757070u	/* "pupp" */

enum task_state {
	RUNNING,	/* or would like to */
	SLEEPING,
	ZOMBIE,		/* has ended, and its parent hasn't asked yet */
	DEAD,		/* nobody will ask */
};

struct tls {
	u32 low, high;
};

struct task {
	/* What the processor has besides its general registers. */
	u8 fpu[512] __attribute__((aligned(16)));
	struct tls tls[TLS_ENTRIES];
	u32 fs, gs;
	u32 esp;		/* where it stopped, in switch_stacks() */

	struct task *all_next;	/* every task */
	struct task *next;	/* in the run queue, or waiting */
	struct waitqueue *waiting;
	struct task *later;	/* among the sleepers, by time */
	u64 wake_at;		/* 0: not among them */
	bool interruptible;
	enum task_state state;

	int pid;
	char name[NAME_BYTES];
	struct task *parent;
	struct waitqueue child_ended;
	int status;		/* as waitpid() tells it */
	void (*fn)(void *arg);
	void *arg;

	struct space space;
	struct file *files[FILES];
	u32 pending, blocked;	/* bit n - 1 for signal n */
	struct sigaction actions[32];
	u32 guard;		/* below it the stack mustn't come */
};

static inline struct regs *task_regs(struct task *task)
{
	return (struct regs *)((u8 *)task + STACK_PAGES * PAGE_SIZE) - 1;
}

/* -ENOMEM, or the child's number. */
int task_fork(struct regs *regs);
void task_exit(int status) __attribute__((noreturn));
/* The child's number, 0 if WNOHANG, or -ECHILD or -EINTR. */
int task_wait(int pid, int *status, bool block);
struct task *task_find(int pid);
/* A signal for a task that may be waiting. */
void task_interrupt(struct task *task);
/* The program has a new address space, or new segments: take them into use. */
void task_reload(void);
void load_selectors(u32 fs, u32 gs);
void save_selectors(struct task *task);
void task_set_tls(u32 index, struct tls tls);
/* How much was left to sleep when a signal came. */
u64 sleep_until_signal(u64 ns);
/* Called with interrupts off.  tasks_waiting(): someone else could run. */
void sleepers_wake(void);
bool tasks_waiting(void);
void idle(void) __attribute__((noreturn));
/* switch.S: stops here and goes on there; begins a program. */
void switch_stacks(u32 *save, u32 esp);
void enter_program(struct regs *regs) __attribute__((noreturn));
extern char fork_return[];
void task_started(void);
/*:*/

/*G:307 fpu.c: the numbers.  fpu_switch() and fpu_forget() leave something in
 * the ring, which has to be emptied before a program runs. */
void fpu_init(struct task *task);
void fpu_copy(struct task *child);
void fpu_switch(const struct task *to);
void fpu_trap(void);
void fpu_forget(void);
/*:*/

/*G:308 And the rest: traps, signals, system calls, programs. */
/* True if there is one to act upon; delivering it may end the task. */
bool signal_waiting(const struct task *task);
void signal_deliver(struct regs *regs);
void signal_send(struct task *task, int signal);
/* The running program has earned it, and can neither block nor ignore it. */
void signal_force(int signal);
int signal_action(u32 signal, u32 action, u32 old, bool real_time);
int signal_return(struct regs *regs, bool real_time);

void system_call(struct regs *regs);
/* Replaces the running program; strings: count of them, one after the other. */
struct strings {
	u32 argc, envc;
	size_t bytes;
	char *text;
};
int exec(const char *path, const struct strings *strings, struct regs *regs);
/*:*/

#endif /* GUEST_KERNEL_H */
