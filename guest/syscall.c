#include <asm/ldt.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/reboot.h>
#include <linux/time.h>
#include <linux/utsname.h>
#include <linux/wait.h>
#include "kernel.h"

/*G:620 System calls: hypercalls for programs.
 *
 * The same idea once more, one floor up: a number in eax, arguments in ebx,
 * ecx, edx, esi, edi and ebp, "int $0x80", and the result in eax, with errors
 * as small negative numbers.  Numbers and structures are Linux's for the i386,
 * so that our programs run there as well, and some of Linux's programs here.
 *
 * Each call is a few lines which take the arguments apart and leave the work to
 * somebody else.  Those that come from the program are suspicious until proven
 * otherwise; pointers are proven by copying. */
#define PATH_BYTES	128

static struct file *file_of(u32 fd)
{
	return fd < FILES ? current->files[fd] : NULL;
}

static int install(struct file *file)
{
	int fd;

	for (fd = 0; fd < FILES; fd++) {
		if (!current->files[fd]) {
			current->files[fd] = file;
			return fd;
		}
	}
	return -EMFILE;
}

static int call_read(struct regs *regs)
{
	struct file *file = file_of(regs->ebx);

	return file ? file->ops->read(file, regs->ecx, regs->edx) : -EBADF;
}

static int call_write(struct regs *regs)
{
	struct file *file = file_of(regs->ebx);

	return file ? file->ops->write(file, regs->ecx, regs->edx) : -EBADF;
}

static int call_open(struct regs *regs)
{
	char path[PATH_BYTES];
	int len = string_from_program(path, regs->ebx, sizeof(path)), fd;
	struct file *file;

	if (len < 0)
		return len;
	if (regs->ecx & O_ACCMODE)
		return -EROFS;
	file = file_open(path);
	if (!file)
		return -ENOENT;
	fd = install(file);
	if (fd < 0)
		file_put(file);
	return fd;
}

static int call_close(struct regs *regs)
{
	struct file *file = file_of(regs->ebx);

	if (!file)
		return -EBADF;
	current->files[regs->ebx] = NULL;
	file_put(file);
	return 0;
}

static int install_both(struct file *end[2], int fd[2])
{
	fd[0] = install(end[0]);
	if (fd[0] < 0)
		return fd[0];
	fd[1] = install(end[1]);
	if (fd[1] < 0)
		current->files[fd[0]] = NULL;
	return min_int(fd[1], 0);
}

static int call_pipe(struct regs *regs)
{
	struct file *end[2];
	int fd[2], error;

	if (!file_pipe(end))
		return -ENFILE;
	error = install_both(end, fd);
	if (error) {
		file_put(end[0]);
		file_put(end[1]);
		return error;
	}
	return copy_to_program(regs->ebx, fd, sizeof(fd)) ? 0 : -EFAULT;
}
/*:*/

/*G:622 Processes. */
static int call_exit(struct regs *regs)
{
	task_exit((regs->ebx & 0xff) << 8);
}

static int call_waitpid(struct regs *regs)
{
	int status, pid;

	pid = task_wait(regs->ebx, &status, !(regs->edx & WNOHANG));
	if (pid > 0 && regs->ecx &&
	    !copy_to_program(regs->ecx, &status, sizeof(status)))
		return -EFAULT;
	return pid;
}

static int call_getpid(struct regs *regs)
{
	(void)regs;
	return current->pid;
}

static int call_getppid(struct regs *regs)
{
	(void)regs;
	return current->parent ? current->parent->pid : 0;
}

static int call_sched_yield(struct regs *regs)
{
	(void)regs;
	yield();
	return 0;
}

/* Copies one word after another until NULL, one string behind the other; what
 * they are counted in is argc or envc. */
static int gather(struct strings *strings, u32 from, u32 *count)
{
	u32 pointer;
	int len;

	for (; from; from += sizeof(pointer)) {
		if (!copy_from_program(&pointer, from, sizeof(pointer)))
			return -EFAULT;
		if (!pointer)
			break;
		len = string_from_program(strings->text + strings->bytes,
					  pointer, PAGE_SIZE - strings->bytes);
		if (len < 0)
			return len == -ENAMETOOLONG ? -E2BIG : len;
		strings->bytes += len + 1;
		++*count;
	}
	return 0;
}

static int call_execve(struct regs *regs)
{
	struct strings strings = { .text = take_page() };
	char path[PATH_BYTES];
	int error;

	if (!strings.text)
		return -ENOMEM;
	error = min_int(string_from_program(path, regs->ebx, sizeof(path)), 0);
	if (!error)
		error = gather(&strings, regs->ecx, &strings.argc);
	if (!error)
		error = gather(&strings, regs->edx, &strings.envc);
	if (!error)
		error = exec(path, &strings, regs);
	free_page(strings.text);
	return error;
}
/*:*/

/*G:624 Signals, from the outside. */
static int call_kill(struct regs *regs)
{
	int pid = regs->ebx;
	u32 signal = regs->ecx;
	struct task *task = pid > 0 ? task_find(pid) : NULL;

	if (signal > 32)
		return -EINVAL;
	if (!task)
		return -ESRCH;
	if (!task->space.root)
		return -EPERM;
	if (signal)
		signal_send(task, signal);
	return 0;
}

static int call_sigaction(struct regs *regs)
{
	return signal_action(regs->ebx, regs->ecx, regs->edx, false);
}

static int call_rt_sigaction(struct regs *regs)
{
	if (regs->esi != sizeof(u64))
		return -EINVAL;
	return signal_action(regs->ebx, regs->ecx, regs->edx, true);
}

static int call_sigreturn(struct regs *regs)
{
	return signal_return(regs, false);
}

static int call_rt_sigreturn(struct regs *regs)
{
	return signal_return(regs, true);
}
/*:*/

/*G:626 Memory.  brk() moves the end of the heap and tells where it is now, also
 * if it couldn't. */
#define HEAP_PROT	(PROT_READ | PROT_WRITE | PROT_EXEC)

static bool move_brk(struct space *space, u32 to)
{
	struct area grown = {
		.start = ALIGN_UP(space->brk, PAGE_SIZE),
		.end = ALIGN_UP(to, PAGE_SIZE),
		.prot = HEAP_PROT,
	};

	if (to < space->brk_start || to > STACK_TOP)
		return false;
	if (grown.end > grown.start)
		return space_add(space, &grown);
	if (grown.end < grown.start)
		return space_remove(space, grown.end, grown.start);
	return true;
}

static int call_brk(struct regs *regs)
{
	struct space *space = &current->space;

	if (move_brk(space, regs->ebx))
		space->brk = regs->ebx;
	return space->brk;
}

static int map_anonymous(u32 address, u32 len, u32 prot, u32 flags)
{
	struct space *space = &current->space;
	struct area area = { .prot = prot };

	if (!len || address % PAGE_SIZE || !(flags & MAP_PRIVATE))
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS))
		return -ENODEV;
	if (len > PAGE_OFFSET)
		return -ENOMEM;
	len = ALIGN_UP(len, PAGE_SIZE);
	area.start = flags & MAP_FIXED ? address : space_gap(space, len);
	area.end = area.start + len;
	if (!area.start || area.end < area.start || area.end > STACK_TOP)
		return -ENOMEM;
	if ((flags & MAP_FIXED) && !space_remove(space, area.start, area.end))
		return -ENOMEM;
	return space_add(space, &area) ? (int)area.start : -ENOMEM;
}

static int call_mmap2(struct regs *regs)
{
	return map_anonymous(regs->ebx, regs->ecx, regs->edx, regs->esi);
}

/* The older one had too many arguments for the registers of its time, and so it
 * passes the address of a list of six. */
static int call_mmap(struct regs *regs)
{
	u32 list[6];

	if (!copy_from_program(list, regs->ebx, sizeof(list)))
		return -EFAULT;
	return map_anonymous(list[0], list[1], list[2], list[3]);
}

static int call_munmap(struct regs *regs)
{
	u32 start = regs->ebx, len = regs->ecx;

	if (start % PAGE_SIZE || !len || start >= STACK_TOP ||
	    len > STACK_TOP - start)
		return -EINVAL;
	return space_remove(&current->space, start,
			    start + ALIGN_UP(len, PAGE_SIZE)) ? 0 : -ENOMEM;
}
/*:*/

/*G:628 Thread-local storage: an entry of the segment table which the program
 * fills in from afar.  We build the eight bytes ourselves, so that it's data,
 * of ring 3, and nothing else. */
#define TLS_ALWAYS	0x7000u	/* ring 3, and an ordinary segment */

static struct tls tls_of(const struct user_desc *desc)
{
	u32 base = desc->base_addr, limit = desc->limit;

	if (desc->read_exec_only && desc->seg_not_present)
		return (struct tls) { 0, 0 };
	return (struct tls) {
		.low = base << 16 | (limit & 0xffff),
		.high = (base & 0xff000000) | (base >> 16 & 0xff) |
			(limit & 0xf0000) | TLS_ALWAYS |
			(u32)!desc->read_exec_only << 9 |
			(u32)desc->contents << 10 |
			(u32)!desc->seg_not_present << 15 |
			(u32)desc->useable << 20 |
			(u32)desc->seg_32bit << 22 |
			(u32)desc->limit_in_pages << 23,
	};
}

static u32 unused_tls(void)
{
	u32 i = 0;

	while (i < TLS_ENTRIES && current->tls[i].high)
		i++;
	return i;
}

static int call_set_thread_area(struct regs *regs)
{
	struct user_desc desc;
	u32 index;

	if (!copy_from_program(&desc, regs->ebx, sizeof(desc)))
		return -EFAULT;
	index = desc.entry_number - FIRST_TLS;
	if (desc.entry_number == ~0u)
		index = unused_tls();
	if (index >= TLS_ENTRIES)
		return desc.entry_number == ~0u ? -ESRCH : -EINVAL;
	if (desc.contents > MODIFY_LDT_CONTENTS_STACK)
		return -EINVAL;
	desc.entry_number = FIRST_TLS + index;
	if (!copy_to_program(regs->ebx, &desc.entry_number, sizeof(u32)))
		return -EFAULT;
	task_set_tls(index, tls_of(&desc));
	return 0;
}
/*:*/

/*G:630 Time, in all the units that it has been measured in. */
static bool put_time(u32 to, u64 ns, u32 unit)
{
	u32 rest;
	u32 pair[2] = { div64(ns, NS_PER_S, &rest) };

	pair[1] = rest / unit;
	return copy_to_program(to, pair, sizeof(pair));
}

static int call_time(struct regs *regs)
{
	u32 now = wall_seconds();

	if (regs->ebx && !copy_to_program(regs->ebx, &now, sizeof(now)))
		return -EFAULT;
	return now;
}

static int call_gettimeofday(struct regs *regs)
{
	return !regs->ebx || put_time(regs->ebx, wall_ns(), 1000) ? 0 : -EFAULT;
}

static int call_clock_gettime(struct regs *regs)
{
	u64 now;

	switch (regs->ebx) {
	case CLOCK_REALTIME:
		now = wall_ns();
		break;
	case CLOCK_MONOTONIC:
		now = now_ns();
		break;
	default:
		return -EINVAL;
	}
	return put_time(regs->ecx, now, 1) ? 0 : -EFAULT;
}

static int call_nanosleep(struct regs *regs)
{
	u32 time[2];
	u64 left;

	if (!copy_from_program(time, regs->ebx, sizeof(time)))
		return -EFAULT;
	if ((s32)time[0] < 0 || time[1] >= NS_PER_S)
		return -EINVAL;
	left = sleep_until_signal((u64)time[0] * NS_PER_S + time[1]);
	if (!left)
		return 0;
	if (regs->ecx && !put_time(regs->ecx, left, 1))
		return -EFAULT;
	return -EINTR;
}
/*:*/

/*G:632 Odds and ends. */
static int call_uname(struct regs *regs)
{
	static const struct new_utsname name = {
		.sysname = "puppy",
		.nodename = "guest",
		.release = "1.0",
		.version = "lguest",
		.machine = "i686",
	};

	return copy_to_program(regs->ebx, &name, sizeof(name)) ? 0 : -EFAULT;
}

static int call_reboot(struct regs *regs)
{
	if (regs->ebx != LINUX_REBOOT_MAGIC1 ||
	    regs->ecx != LINUX_REBOOT_MAGIC2)
		return -EINVAL;
	switch (regs->edx) {
	case LINUX_REBOOT_CMD_RESTART:
		shutdown(RESTARTING, LGUEST_SHUTDOWN_RESTART);
	case LINUX_REBOOT_CMD_POWER_OFF:
	case LINUX_REBOOT_CMD_HALT:
		shutdown(POWER_DOWN, LGUEST_SHUTDOWN_POWEROFF);
	}
	return -EINVAL;
}
/*:*/

/*G:634 The list of all there are. */
static int (*const calls[])(struct regs *regs) = {
	[__NR_exit] = call_exit,
	[__NR_fork] = task_fork,
	[__NR_read] = call_read,
	[__NR_write] = call_write,
	[__NR_open] = call_open,
	[__NR_close] = call_close,
	[__NR_waitpid] = call_waitpid,
	[__NR_execve] = call_execve,
	[__NR_time] = call_time,
	[__NR_getpid] = call_getpid,
	[__NR_kill] = call_kill,
	[__NR_pipe] = call_pipe,
	[__NR_brk] = call_brk,
	[__NR_getppid] = call_getppid,
	[__NR_sigaction] = call_sigaction,
	[__NR_gettimeofday] = call_gettimeofday,
	[__NR_reboot] = call_reboot,
	[__NR_mmap] = call_mmap,
	[__NR_munmap] = call_munmap,
	[__NR_sigreturn] = call_sigreturn,
	[__NR_uname] = call_uname,
	[__NR_sched_yield] = call_sched_yield,
	[__NR_nanosleep] = call_nanosleep,
	[__NR_rt_sigreturn] = call_rt_sigreturn,
	[__NR_rt_sigaction] = call_rt_sigaction,
	[__NR_mmap2] = call_mmap2,
	[__NR_set_thread_area] = call_set_thread_area,
	[__NR_exit_group] = call_exit,
	[__NR_clock_gettime] = call_clock_gettime,
};

void system_call(struct regs *regs)
{
	u32 nr = regs->eax;

	regs->eax = nr < ARRAY_SIZE(calls) && calls[nr] ? calls[nr](regs)
							 : -ENOSYS;
}
/*:*/
