/* run32 PROGRAM ARGS: an i386 program of Linux on the processor of host/x86/.
 *
 * The program's addresses are the low 4 GiB of this very process, so Guest
 * physical, Guest linear and our own addresses are one and the same.  Its system
 * calls are answered by the machine's own 32-bit calls; the runner steps in only
 * where a call is about the CPU, about signals, or about the address space.
 *
 * While the program runs, the FPU's registers are its own.  All of tests/run32
 * is therefore built without vector code, and calls the C library, which is not,
 * only between x86_save_fpu() and x86_load_fpu(). */
#ifndef RUN32_H
#define RUN32_H

#include <signal.h>

#include "raw.h"
#include "x86/x86.h"

/* Selectors of a 64-bit Linux kernel for its 32-bit programs. */
#define USER_CS 0x23
#define USER_DS 0x2b

#define LOWEST_ADDRESS 0x10000u
#define MAX_ERRNO 4095

extern struct x86_cpu cpu;
extern const char *root;		/* --root, or "" */
extern bool paged;			/* --paged */
extern char program_path[];		/* what /proc/self/exe shall say */

static inline bool is_error(u32 result)
{
	return result > -(u32)MAX_ERRNO - 1;
}

static inline void *at(u32 address)
{
	return (void *)(uintptr_t)address;
}

/* memory.c */
extern bool read_implies_exec;
void memory_init(void);
/* [@start, @start + @len) is mapped so by now; @rights 0 and unmapped differ. */
void memory_mapped(u32 start, u32 len, int rights);
void memory_unmapped(u32 start, u32 len);
/* Pages which we took write access from get it back. */
void memory_release_all(void);
void memory_set_brk(u32 start);
bool memory_walk(struct x86_cpu *cpu, u32 lin, u32 access,
		 struct guest_page *page, u32 *error);
bool memory_peek(struct x86_cpu *cpu, u32 lin, struct guest_page *page);
bool memory_fill(struct x86_cpu *cpu, u32 lin, u32 access, u32 *error);
void memory_protect(struct x86_cpu *cpu, u32 pfn);
bool memory_is_mapped(u32 address);
/* Was the last fault one that no rights explain: the end of a mapped file? */
bool memory_bus_error(u32 address);
/* The program's memory from C: false is -EFAULT. */
bool get_user(void *to, u32 from, u32 len);
bool put_user(u32 to, const void *from, u32 len);
bool get_string(char *to, u32 from, u32 size);
u32 memory_brk(u32 want);
u32 memory_mmap(const u32 args[6]);
u32 memory_munmap(u32 start, u32 len);
u32 memory_mprotect(u32 start, u32 len, u32 rights);
u32 memory_mremap(const u32 args[5]);
void memory_contents_changed(u32 start, u32 len);

/* load.c: maps @path and builds its first stack; sets eip and esp. */
void load_program(const char *path, char **argv, char **envp);

/* segments.c */
void segments_init(void);
/* ds and es as a signal handler finds them. */
void segments_init_data(void);
bool segments_load(struct x86_cpu *cpu, int seg, u16 selector);
bool segments_descriptor(struct x86_cpu *cpu, u16 selector, u32 out[2]);
u32 segments_set_thread_area(u32 user_desc);
u32 segments_get_thread_area(u32 user_desc);
u32 cpu_features(void);
void answer_cpuid(struct x86_cpu *cpu, u32 leaf, u32 subleaf, u32 out[4]);

/* signals.c */
struct action {
	u32 handler, flags, restorer;
	u64 mask;
};

struct altstack {
	u32 sp, flags, size;
};

/* A signal on its way to the program. */
struct delivery {
	u32 info[32];		/* siginfo_t of 32-bit programs */
	u32 trapno, error, cr2;
};

/* Everything here a vfork()ed child may change under its parent. */
struct signals {
	struct action actions[65];
	u64 mask;
	struct altstack alt;
	struct delivery arrived, fault;
	bool faulted;
};
extern struct signals signals;
/* signals.arrived waits for the next instruction boundary. */
extern volatile int interrupted;

void signals_init(void);
/* x86_init() has taken the signals of faults: stand in front of it. */
void signals_after_init(void);
/* The instruction at eip has raised this. */
void signals_fault(int sig, int code, u32 address, u8 vector, u32 error);
/* Delivers what there is to deliver, between two instructions. */
void signals_deliver(void);
/* Holds back all signals but those of faults; and back to the program's mask. */
void signals_hold(void);
void signals_release(void);
/* A new process starts without its parent's. */
void signals_forget_arrived(void);
u32 signals_action(u32 sig, u32 new, u32 old, bool rt);
u32 signals_mask(u32 how, u32 new, u32 old, u32 size);
u32 signals_altstack(u32 new, u32 old);
void signals_return(bool rt);

/* int80.S: a 32-bit system call, regs in the order eax ebx ecx edx esi edi ebp.
 * Returns -RESTART if a signal came first. */
#define RESTART 512
u32 int80(const u32 regs[7], const volatile int *interrupted);
extern const char int80_start[], int80_end[], int80_abort[];
/* A call that no signal of the program has to interrupt. */
u32 call32(u32 nr, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f);

/* syscalls.c */
void system_call(struct x86_cpu *cpu, unsigned len);

/* eflags that a program may set, and those that it sees on top of them. */
#define USER_EFLAGS                                                            \
	(X86_LIVE_FLAGS | X86_FLAG_TF | X86_FLAG_NT | X86_FLAG_AC | X86_FLAG_ID)
#define SHOWN_EFLAGS (X86_FLAG_IF | 2)

/* tasks.c: eip stands behind the call already. */
u32 task_fork(const u32 regs[7]);
u32 task_clone(const u32 regs[7]);
u32 task_vfork(u32 flags, u32 esp);
u32 task_exec(u32 path, u32 argv, u32 envp);

/* run32.c */
/* A fork()ed child shares the code cache with its parent, and needs its own. */
void renew_cpu(void);
_Noreturn void run_program(void);

#endif
