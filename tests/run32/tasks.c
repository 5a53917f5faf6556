/* New processes and new programs. */
#define _GNU_SOURCE
#include <asm/unistd_32.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run32.h"

#define CHILD_STACK (256u << 10)

static u32 in_child(u32 result, u32 esp)
{
	if (result)
		return result;
	if (esp)
		cpu.regs[X86_ESP] = esp;
	signals_forget_arrived();
	renew_cpu();
	return 0;
}

u32 task_fork(const u32 regs[7])
{
	return in_child(int80(regs, &interrupted), 0);
}

/* A thread would need a second processor. */
u32 task_clone(const u32 regs[7])
{
	const u32 as_fork[7] = { __NR_clone, regs[1] & ~CLONE_VFORK, 0, regs[3],
				 regs[4], regs[5], 0 };

	if ((regs[1] & (CLONE_VM | CLONE_VFORK)) == (CLONE_VM | CLONE_VFORK))
		return task_vfork(regs[1], regs[2]);
	if (regs[1] & (CLONE_VM | CLONE_SETTLS | CLONE_SIGHAND))
		return -ENOSYS;
	return in_child(int80(as_fork, &interrupted), regs[2]);
}

/* The child borrows our memory and with it our processor, until it calls exec()
 * or exits; only its stack has to be another one. */
static int vfork_child(void *esp)
{
	cpu.regs[X86_EAX] = 0;
	if (esp)
		cpu.regs[X86_ESP] = (u32)(uintptr_t)esp;
	signals_forget_arrived();
	signals_release();
	run_program();
}

u32 task_vfork(u32 flags, u32 esp)
{
	struct signals kept_signals;
	struct x86_cpu kept_cpu;
	u8 *stack;
	int pid;

	signals_hold();
	if (interrupted)
		return -RESTART;
	stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	copy_bytes(&kept_signals, &signals, sizeof(signals));
	copy_bytes(&kept_cpu, &cpu, sizeof(cpu));
	pid = clone(vfork_child, stack + CHILD_STACK,
		    CLONE_VM | CLONE_VFORK | (flags ? flags & 0xff : SIGCHLD),
		    at(esp));
	if (pid < 0)
		pid = -errno;
	copy_bytes(&cpu, &kept_cpu, sizeof(cpu));
	copy_bytes(&signals, &kept_signals, sizeof(signals));
	munmap(stack, CHILD_STACK);
	interrupted = 0;
	signals_release();
	return pid;
}

/*
 * execve() of an i386 program is one of run32 with that program.
 */
#define MAX_ARGS 65536
#define HEADER 256

struct command {
	const char *path;
	unsigned n;
	char *argv[MAX_ARGS];
	char *envp[MAX_ARGS];
};
static struct command *command;

/* The kernel checks the strings themselves. */
static bool get_vector(char **to, u32 from, unsigned max)
{
	u32 word;
	unsigned i;

	for (i = 0; from && i < max - 1; i++) {
		if (!get_user(&word, from + 4 * i, 4))
			return false;
		if (!word)
			break;
		to[i] = at(word);
	}
	to[i] = NULL;
	return true;
}

static bool read_header(const char *path, char header[HEADER + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	memset(header, 0, HEADER + 1);
	if (fd < 0)
		return false;
	len = read(fd, header, HEADER);
	close(fd);
	return len > 0 && access(path, X_OK) == 0;
}

static bool is_i386(const char *header)
{
	const Elf32_Ehdr *e = (const void *)header;

	return memcmp(header, ELFMAG, SELFMAG) == 0 &&
	       header[EI_CLASS] == ELFCLASS32 && e->e_machine == EM_386;
}

/* Splits "#! interpreter argument" in place. */
static char *split_script(char *header, char **argument)
{
	char *name = header + 2 + strspn(header + 2, " \t"), *end;

	name[strcspn(name, "\n")] = 0;
	end = name + strcspn(name, " \t");
	*argument = NULL;
	if (*end) {
		*end++ = 0;
		end += strspn(end, " \t");
		end[strcspn(end, " \t")] = 0;
		*argument = *end ? end : NULL;
	}
	return name;
}

/* run32 [--root=R] [--paged] --argv0=A PROGRAM [MORE...] ARGS */
static long exec_run32(const char *program, char *const more[], char **args)
{
	static char root_option[PATH_MAX + 8], argv0[PATH_MAX + 8];
	static char *argv[MAX_ARGS + 16];
	unsigned n = 0;

	snprintf(root_option, sizeof(root_option), "--root=%s", root);
	snprintf(argv0, sizeof(argv0), "--argv0=%s", args[0] ? args[0] : "");
	argv[n++] = (char *)"run32";
	argv[n++] = root_option;
	argv[n++] = argv0;
	if (paged)
		argv[n++] = (char *)"--paged";
	argv[n++] = (char *)program;
	while (*more)
		argv[n++] = *more++;
	for (unsigned i = 1; args[0] && args[i]; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
	execve("/proc/self/exe", argv, command->envp);
	return -errno;
}

static long exec_script(const char *path, char *header)
{
	static char interpreter_header[HEADER + 1];
	char *argument, *name = split_script(header, &argument);
	char *more[] = { argument, (char *)path, NULL };

	if (!read_header(name, interpreter_header) ||
	    !is_i386(interpreter_header))
		return 0;
	return exec_run32(name, argument ? more : more + 1, command->argv);
}

/* 0: not for us. */
static long exec_i386(const char *path)
{
	static char header[HEADER + 1];
	static char *const none[] = { NULL };

	if (!read_header(path, header))
		return 0;
	if (is_i386(header))
		return exec_run32(path, none, command->argv);
	if (header[0] == '#' && header[1] == '!')
		return exec_script(path, header);
	return 0;
}

static long exec_path(const char *path)
{
	long result;

	if (strcmp(path, "/proc/self/exe") == 0)
		path = program_path;
	result = exec_i386(path);
	if (result)
		return result;
	execve(path, command->argv, command->envp);
	return -errno;
}

u32 task_exec(u32 path, u32 argv, u32 envp)
{
	static char name[PATH_MAX];
	long result = -EFAULT;

	if (!get_string(name, path, sizeof(name)))
		return -EFAULT;
	x86_save_fpu(&cpu);
	if (!command)
		command = mmap(NULL, sizeof(*command), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (get_vector(command->argv, argv, MAX_ARGS) &&
	    get_vector(command->envp, envp, MAX_ARGS))
		result = exec_path(name);
	x86_load_fpu(&cpu);
	return result;
}
