/* The oracle: cases run on this very CPU.
 *
 * A 64-bit process can run 32-bit code: all that it takes is a code segment
 * that says so, and Linux has one in its GDT.  So the oracle is a fork of the
 * driver whose low 4 GiB, empty otherwise, hold the pages of a case.  It
 * enters a case by iretq, which sets flags and stack in one go, and gets it back
 * as a signal.  The signal handler runs with the FPU and the fs base of the
 * case: no vector registers, no C library. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <err.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"
#include "raw.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PATIENCE 20000		/* microseconds for a case; it needs 10 */

static struct test_shared *shared;
static u8 *data;		/* where else we see the data pages */
static int memory_fd, to_oracle, from_oracle;
static u8 rights[DATA_PAGES];
static const struct test_case *current;
static struct test_result *result;

/* What oracle_enter() starts from; selectors first. */
struct start {
	u16 ds, fs, gs, pad;
	u64 regs[8];
	u64 eflags, eip;
	u8 *fpu;
};

void oracle_enter(const struct start *start);
void oracle_back(void);

__asm__(
"	.text\n"
"oracle_enter:\n"
"	push %rbx\n"
"	push %rbp\n"
"	push %r12\n"
"	push %r13\n"
"	push %r14\n"
"	push %r15\n"
"	rdfsbase %rax\n"
"	push %rax\n"
"	mov %rsp, oracle_rsp(%rip)\n"
"	mov 88(%rdi), %rax\n"
"	fxrstor (%rax)\n"
"	mov 0(%rdi), %ds\n"
"	mov 0(%rdi), %es\n"
"	mov 2(%rdi), %fs\n"
"	mov 4(%rdi), %gs\n"
"	push $0x2b\n"
"	push 40(%rdi)\n"
"	push 72(%rdi)\n"
"	push $0x23\n"
"	push 80(%rdi)\n"
"	mov 8(%rdi), %rax\n"
"	mov 16(%rdi), %rcx\n"
"	mov 24(%rdi), %rdx\n"
"	mov 32(%rdi), %rbx\n"
"	mov 48(%rdi), %rbp\n"
"	mov 56(%rdi), %rsi\n"
"	mov 64(%rdi), %rdi\n"
"	iretq\n"
"oracle_back:\n"
"	mov oracle_rsp(%rip), %rsp\n"
"	push $2\n"		/* sigreturn keeps NT, which iretq hates */
"	popfq\n"
"	fninit\n"
"	ldmxcsr oracle_mxcsr(%rip)\n"
"	xor %eax, %eax\n"
"	mov %eax, %ds\n"
"	mov %eax, %es\n"
"	mov %eax, %fs\n"
"	mov %eax, %gs\n"
"	pop %rax\n"
"	wrfsbase %rax\n"
"	pop %r15\n"
"	pop %r14\n"
"	pop %r13\n"
"	pop %r12\n"
"	pop %rbp\n"
"	pop %rbx\n"
"	ret\n"
"	.section .rodata\n"
"oracle_mxcsr: .long 0x1f80\n"
"	.bss\n"
"oracle_rsp: .quad 0\n"
"	.text\n");

static void set_rights(int page, u8 right)
{
	static const int prot[] = { PROT_NONE, PROT_READ,
				    PROT_READ | PROT_WRITE };

	if (rights[page] == right || shared->no_low * PAGE_SIZE > test_pages[page].lin)
		return;
	rights[page] = right;
	raw_syscall(SYS_mprotect, test_pages[page].lin, PAGE_SIZE, prot[right],
		    0, 0, 0);
}

static void take_state(const ucontext_t *context, struct test_state *state)
{
	static const u8 order[] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				    REG_RSP, REG_RBP, REG_RSI, REG_RDI };
	const greg_t *regs = context->uc_mcontext.gregs;
	int i;

	for (i = 0; i < 8; i++)
		state->regs[i] = regs[order[i]];
	state->eflags = regs[REG_EFL];
	state->eip = regs[REG_RIP];
	__asm__("mov %%ds, %0" : "=r"(state->ds));
	__asm__("mov %%es, %0" : "=r"(state->es));
	state->ss = (u64)regs[REG_CSGSFS] >> 48;
	__asm__("mov %%fs, %0" : "=r"(state->fs));
	__asm__("mov %%gs, %0" : "=r"(state->gs));
	copy_bytes(state->fpu, context->uc_mcontext.fpregs, FPU_BYTES);
}

static void leave(ucontext_t *context)
{
	greg_t *regs = context->uc_mcontext.gregs;

	take_state(context, &result->state);
	regs[REG_EFL] = 2;
	regs[REG_RIP] = (greg_t)oracle_back;
	regs[REG_CSGSFS] = 0x33 | (regs[REG_CSGSFS] & 0xffffffff0000) |
			   0x2bull << 48;
}

static void __attribute__((noinline)) stopped(int sig, ucontext_t *context)
{
	const greg_t *regs = context->uc_mcontext.gregs;
	struct test_event event = { .vector = regs[REG_TRAPNO],
				    .error = regs[REG_ERR],
				    .eip = regs[REG_RIP] };
	struct test_state state;

	/* It doesn't end, or has found its way to the kernel or to 64-bit mode. */
	if (sig == SIGALRM || sig == SIGSYS ||
	    (u16)regs[REG_CSGSFS] != USER_CS) {
		result->hung = 1;
		leave(context);
		return;
	}
	if (event.vector == X86_PF)
		event.address = regs[REG_CR2];
	take_state(context, &state);
	event.hash = test_hash_state(state.regs, state.eflags);
	if (!test_note(current, result, &event))
		leave(context);
	else if (event.vector == X86_PF)
		set_rights(test_page_at(event.address), READ_WRITE);
}

/* The kernel clears the case's TF in our flags, but not its AC. */
static void caught(int sig, siginfo_t *info, void *arg)
{
	const ucontext_t *context = arg;
	u64 rip = context->uc_mcontext.gregs[REG_RIP];

	(void)info;
	__asm__ volatile("pushfq; andl $0xfffbffff, (%%rsp); popfq"
			 : : : "cc", "memory");
	if (rip >> 32 == 0)
		stopped(sig, arg);
	/* Else it's a late alarm. */
}

static void run_case(const struct test_case *test)
{
	struct itimerval patience = { .it_value.tv_usec = PATIENCE };
	struct start start = {
		.ds = USER_DS, .fs = shared->fs, .gs = shared->gs,
		.eflags = test->eflags | X86_FLAG_IF | 2, .eip = test->eip,
		.fpu = shared->fpu[test->fpu],
	};
	int i;

	for (i = 0; i < DATA_PAGES; i++)
		set_rights(i, test_pages[i].rights);
	for (i = 0; i < 8; i++)
		start.regs[i] = test->regs[i];
	copy_bytes(data, shared->template, sizeof(shared->template));
	result->nevents = result->hung = 0;
	current = test;
	setitimer(ITIMER_REAL, &patience, NULL);
	oracle_enter(&start);
	result->memory = test_hash_memory(data);
}

/* Random code must not get to the kernel: system calls from below 4 GiB end in a
 * signal. */
static void no_system_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		err(1, "oracle: seccomp");
}

static void catch_everything(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP,
				       SIGALRM, SIGSYS };
	static u8 stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = caught,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK |
						SA_RESTART };
	unsigned i;

	sigaltstack(&alt, NULL);
	sigfillset(&action.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* Only the 32-bit system call sets a TLS entry, and it wants a 32-bit address
 * of what it shall set; the stack page of the cases will do. */
static u16 flat_segment(u32 base)
{
	struct user_desc *desc = (void *)(unsigned long)(STACK + 0x1000);
	long ret;

	*desc = (struct user_desc){ .entry_number = -1, .base_addr = base,
				    .limit = 0xfffff, .seg_32bit = 1,
				    .limit_in_pages = 1, .useable = 1 };
	__asm__ volatile("int $0x80"
			 : "=a"(ret) : "0"(243), "b"(desc)
			 : "memory", "r8", "r9", "r10", "r11");
	if (ret)
		errx(1, "oracle: set_thread_area: error %ld", -ret);
	return desc->entry_number << 3 | 3;
}

static bool map(u32 lin, u32 page, u32 pages, int prot)
{
	return mmap((void *)(unsigned long)lin, pages * PAGE_SIZE, prot,
		    MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, memory_fd,
		    page * PAGE_SIZE) != MAP_FAILED;
}

static void map_everything(void)
{
	int i;

	if (!map(CODE, CODE_PAGE(ORACLE), CODE_PAGES, PROT_ALL) ||
	    !map(CODE_AGAIN, CODE_PAGE(ORACLE), CODE_PAGES, PROT_ALL))
		err(1, "oracle: code at 0x%x", CODE);
	for (i = 0; i < DATA_PAGES; i++) {
		rights[i] = READ_WRITE;
		if (map(test_pages[i].lin, DATA_PAGE(ORACLE) + i, 1,
			PROT_READ | PROT_WRITE))
			continue;
		if (test_pages[i].lin >= 0x10000)
			err(1, "oracle: data at 0x%x", test_pages[i].lin);
		shared->no_low = 16;
	}
	data = mmap(NULL, DATA_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED, memory_fd, DATA_PAGE(ORACLE) * PAGE_SIZE);
	if (data == MAP_FAILED)
		err(1, "oracle: data");
}

static void serve(int in, int out)
{
	u32 count;

	map_everything();
	shared->fs = flat_segment(FS_BASE);
	shared->gs = flat_segment(GS_BASE);
	catch_everything();
	no_system_calls();
	count = 0;
	do {
		for (u32 i = 0; i < count; i++) {
			shared->progress = i;
			result = &shared->results[i];
			run_case(&shared->cases[i]);
		}
		if (write(out, &count, 4) != 4)
			break;
	} while (read(in, &count, 4) == 4);
	_exit(0);
}

bool oracle_run(u32 count)
{
	u32 done;

	return write(to_oracle, &count, 4) == 4 &&
	       read(from_oracle, &done, 4) == 4;
}

int oracle_start(struct test_shared *with, int fd)
{
	int in[2], out[2], pid;
	u32 ready;

	shared = with;
	memory_fd = fd;
	if (pipe(in) || pipe(out))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		close(in[1]);
		close(out[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	to_oracle = in[1];
	from_oracle = out[0];
	if (read(from_oracle, &ready, 4) != 4)
		errx(1, "no oracle");
	return pid;
}
