/* Processes: fork, vfork and its relative that C libraries use, exec. */
#include "tests.h"
#include <linux/sched.h>

static volatile u32 shared = 1;
static u8 child_stack[65536] __attribute__((aligned(16)));

/* The child returns from vfork() first, on the same stack. */
static void vforked(void)
{
	int child, status = 0;
	u32 local = 5;

	asm volatile("int $0x80\n\t"
		     "test %%eax, %%eax\n\tjnz 1f\n\t"
		     "movl $7, shared\n\tmovl $6, %1\n\t"
		     "mov %3, %%eax\n\tmov $3, %%ebx\n\tint $0x80\n"
		     "1:"
		     : "=a" (child), "+m" (local)
		     : "0" (__NR_vfork), "i" (__NR_exit_group)
		     : "ebx", "ecx", "edx", "memory");
	sys(waitpid, child, &status, 0);
	print("vfork: status %x shared %u local %u\n", status, shared, local);
}

/* What posix_spawn() does: memory shared, stack not. */
static void spawned(void)
{
	int child, status = 0;

	asm volatile("int $0x80\n\t"
		     "test %%eax, %%eax\n\tjnz 1f\n\t"
		     "movl $8, shared\n\t"
		     "mov %%esp, %%ebx\n\tsub %2, %%ebx\n\tshr $12, %%ebx\n\t"
		     "mov %3, %%eax\n\tint $0x80\n"
		     "1:"
		     : "=a" (child)
		     : "0" (__NR_clone), "i" (child_stack), "i" (__NR_exit_group),
		       "b" (CLONE_VM | CLONE_VFORK | SIGCHLD),
		       "c" (child_stack + sizeof(child_stack)), "d" (0), "S" (0),
		       "D" (0)
		     : "memory");
	sys(waitpid, child, &status, 0);
	print("spawn: status %x shared %u\n", status, shared);
}

static void exec_in(const char *program, const char *first)
{
	const char *argv[] = { first, "child", "a b", "", NULL };
	const char *envp[] = { "X=1", NULL };
	int child = fork();

	if (child == 0) {
		int error = sys(execve, program, argv, envp);

		exit(100 - error);
	}
	print("exec %s: %d\n", program[0] == '/' ? program : "file",
	      wait_for(child));
}

static void descriptors(void)
{
	int child, pid = 0, tid = 0;

	child = sys(clone, CLONE_CHILD_SETTID | CLONE_PARENT_SETTID | SIGCHLD,
		    NULL, &pid, NULL, &tid);
	if (child == 0)
		exit(tid == sys(getpid) ? 11 : 12);
	print("clone: %d", wait_for(child));
	print(" pid %d\n", pid == child);
	print("a thread: %d\n",
	      sys(clone, CLONE_VM | CLONE_SETTLS | 0x80000000u, NULL) < 0);
}

static void family(void)
{
	int i, j, child, sum = 0;

	for (i = 0; i < 20; i++) {
		child = fork();
		if (child == 0) {
			for (j = 0; j < 3; j++) {
				int grandchild = fork();

				if (grandchild == 0)
					exit(i + j);
				sum += wait_for(grandchild);
			}
			exit(sum);
		}
		sum += wait_for(child);
		sum %= 50;
	}
	print("family: %d\n", sum);
}

static void deaths(void)
{
	int child = fork();

	if (child == 0) {
		sys(close, 2);
		asm volatile("movl $1, 16");
	}
	print("segv: %d", wait_for(child));
	child = fork();
	if (child == 0) {
		sys(close, 2);
		asm volatile("ud2");
	}
	print(" ill: %d\n", wait_for(child));
}

int main(void)
{
	u32 i;

	if (arg(1)) {
		for (i = 0; arg(i); i++)
			print("<%s>", arg(i));
		print("\n");
		return 33;
	}
	vforked();
	spawned();
	family();
	exec_in("/proc/self/exe", "myself");
	exec_in("/bin/true", "true");
	exec_in("/bin/nothing", "x");
	exec_in("/", "x");
	exec_in("/etc/passwd", "x");
	descriptors();
	deaths();
	return 0;
}
