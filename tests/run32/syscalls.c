/* int 0x80: most calls go to the kernel as they are.  The numbers are those of
 * the i386, so this file does not know our own. */
#include <asm/unistd_32.h>
#include <errno.h>

#include "run32.h"

#define MADV_DONTNEED 4

u32 call32(u32 nr, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
{
	static const volatile int never;
	const u32 regs[7] = { nr, a, b, c, d, e, f };
	u32 result;

	do
		result = int80(regs, &never);
	while (result == -(u32)RESTART);
	return result;
}

static u32 pass_on(const u32 regs[7])
{
	return int80(regs, &interrupted);
}

static u32 old_mmap(u32 from)
{
	u32 args[6];

	if (!get_user(args, from, sizeof(args)))
		return -EFAULT;
	if (args[5] & ~PAGE_MASK)
		return -EINVAL;
	args[5] >>= PAGE_SHIFT;
	return memory_mmap(args);
}

/* Zero pages instead of what was there, perhaps code. */
static u32 madvise(const u32 regs[7])
{
	u32 result = pass_on(regs);

	if (result == 0 && regs[3] == MADV_DONTNEED)
		memory_contents_changed(regs[1], regs[2]);
	return result;
}

static u32 string_length(const char *s)
{
	u32 len = 0;

	while (s[len])
		len++;
	return len;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* /proc/self/exe would be run32. */
static u32 readlink_at(const u32 regs[7], u32 path, u32 buf, u32 size)
{
	char name[sizeof("/proc/self/exe")];
	u32 len = string_length(program_path);

	if (!get_string(name, path, sizeof(name)) ||
	    !same(name, "/proc/self/exe"))
		return pass_on(regs);
	if ((s32)size <= 0)
		return -EINVAL;
	if (len > size)
		len = size;
	return put_user(buf, program_path, len) ? len : -(u32)EFAULT;
}

static u32 dispatch(const u32 regs[7])
{
	switch (regs[0]) {
	case __NR_mmap:
		return old_mmap(regs[1]);
	case __NR_mmap2:
		return memory_mmap(regs + 1);
	case __NR_munmap:
		return memory_munmap(regs[1], regs[2]);
	case __NR_mprotect:
		return memory_mprotect(regs[1], regs[2], regs[3]);
	case __NR_mremap:
		return memory_mremap(regs + 1);
	case __NR_brk:
		return memory_brk(regs[1]);
	case __NR_madvise:
		return madvise(regs);
	case __NR_set_thread_area:
		return segments_set_thread_area(regs[1]);
	case __NR_get_thread_area:
		return segments_get_thread_area(regs[1]);
	case __NR_sigaction:
		return signals_action(regs[1], regs[2], regs[3], false);
	case __NR_rt_sigaction:
		return regs[4] == 8 ? signals_action(regs[1], regs[2], regs[3],
						     true) : -(u32)EINVAL;
	case __NR_sigprocmask:
		return signals_mask(regs[1], regs[2], regs[3], 4);
	case __NR_rt_sigprocmask:
		return signals_mask(regs[1], regs[2], regs[3], regs[4]);
	case __NR_sigaltstack:
		return signals_altstack(regs[1], regs[2]);
	case __NR_fork:
		return task_fork(regs);
	case __NR_vfork:
		return task_vfork(0, 0);
	case __NR_clone:
		return task_clone(regs);
	case __NR_execve:
		return task_exec(regs[1], regs[2], regs[3]);
	case __NR_readlink:
		return readlink_at(regs, regs[1], regs[2], regs[3]);
	case __NR_readlinkat:
		return readlink_at(regs, regs[2], regs[3], regs[4]);
	/* These would go behind our back, or can't be had. */
	case __NR_signal:
	case __NR_ipc:
	case __NR_shmat:
	case __NR_remap_file_pages:
	case __NR_pkey_mprotect:
	case __NR_modify_ldt:
	case __NR_vm86:
	case __NR_vm86old:
	case __NR_arch_prctl:
	case __NR_ptrace:
	case __NR_rseq:
	case __NR_clone3:
	case __NR_execveat:
		return -ENOSYS;
	default:
		return pass_on(regs);
	}
}

/* eip moves on first, so that a new process starts behind the call; a call that
 * has to be made again moves it back. */
void system_call(struct x86_cpu *cpu, unsigned len)
{
	static const u8 order[7] = { X86_EAX, X86_EBX, X86_ECX, X86_EDX,
				     X86_ESI, X86_EDI, X86_EBP };
	u32 regs[7], result;

	for (int i = 0; i < 7; i++)
		regs[i] = cpu->regs[order[i]];
	memory_release_all();
	cpu->eip += len;
	if (regs[0] == __NR_sigreturn || regs[0] == __NR_rt_sigreturn) {
		signals_return(regs[0] == __NR_rt_sigreturn);
		return;
	}
	result = dispatch(regs);
	if (result == -(u32)RESTART)
		cpu->eip -= len;
	else
		cpu->regs[X86_EAX] = result;
}
