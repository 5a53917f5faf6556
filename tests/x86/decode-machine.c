/* The decoder against the machine itself: random instructions are placed at
 * the end of the only page that 32-bit code can reach, so that the processor
 * faults there when it wants one byte more than we gave it.
 *
 * What it does with the right number of bytes tells the rest: whether it knows
 * the instruction, where the memory operand is (there is no memory at all) and
 * whether it would write there, and, by TF, where it goes next. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "x86/decode.h"
#include "decode-random.h"

#define PAGE_AT 0x40000000u
#define END (PAGE_AT + PAGE_SIZE)
#define COMPAT_CS 0x23
#define USER_SS 0x2b
#define FLAGS 0x102		/* TF */

#define HWCAP2_FSGSBASE 2

enum { TRAP_STEP = 1, TRAP_UD = 6, TRAP_GP = 13, TRAP_PF = 14 };
#define PF_WRITE 2u
#define PF_FETCH 16u

/* No two sums of a base and a scaled index are the same. */
static const u32 regs[8] = { 0x01000010, 0x02100020, 0x03020030, 0x05003040,
			     0x07000480, 0x0b000058, 0x0d000664, 0x11007070 };

struct outcome {
	u32 trap, error, address, eip;
};

static struct outcome outcome;
static sigjmp_buf back;
static u64 our_fs;
static u8 *page;

/* The instruction may have loaded fs, and libc wants it back. */
static void caught(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)info;
	__asm__ volatile("wrfsbase %0" : : "r"(our_fs));
	outcome.trap = r[REG_TRAPNO];
	outcome.error = r[REG_ERR];
	outcome.address = r[REG_CR2];
	outcome.eip = r[REG_RIP];
	siglongjmp(back, 1);
}

static void catch_everything(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,
				       SIGTRAP };
	static char stack[65536];
	stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = caught,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK |
						SA_NODEFER };

	__asm__ volatile("rdfsbase %0" : "=r"(our_fs));
	if (sigaltstack(&alternative, NULL))
		err(1, "sigaltstack");
	for (unsigned i = 0; i < 5; i++)
		sigaction(signals[i], &action, NULL);
}

/* The page, twice: we write here what 32-bit code can only run there. */
static void map_page(void)
{
	int fd = memfd_create("decode", 0);

	if (fd < 0 || ftruncate(fd, PAGE_SIZE))
		err(1, "memfd");
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED ||
	    mmap((void *)(u64)PAGE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) == MAP_FAILED)
		err(1, "mmap");
	memset(page, 0xcc, PAGE_SIZE);
}

static void __attribute__((noreturn)) enter(u32 eip)
{
	u64 frame[5] = { eip, COMPAT_CS, FLAGS, regs[X86_ESP], USER_SS };
	u64 ebp = regs[X86_EBP];

	__asm__ volatile("mov %0, %%rsp\n\t"
			 "mov %1, %%rbp\n\t"
			 "iretq"
			 :
			 : "r"(frame), "r"(ebp), "a"(regs[X86_EAX]),
			   "c"(regs[X86_ECX]), "d"(regs[X86_EDX]),
			   "b"(regs[X86_EBX]), "S"(regs[X86_ESI]),
			   "D"(regs[X86_EDI])
			 : "memory");
	__builtin_unreachable();
}

static struct outcome try(const u8 *bytes, unsigned len)
{
	memcpy(page + PAGE_SIZE - len, bytes, len);
	if (!sigsetjmp(back, 0))
		enter(END - len);
	return outcome;
}

static bool wants_more(const struct outcome *out, unsigned len)
{
	return out->trap == TRAP_PF && out->error & PF_FETCH &&
	       out->address == END && out->eip == END - len;
}

/* Undefined to us, but not to the machine: ModRM (00 reg 000 for memory) with
 * this mask has this value. */
static struct {
	u8 map, first, last, mask, value;
	const char *why;
	unsigned seen;
} not_offered[] = {
	{ 0, 0x62, 0x62, 0xc0, 0xc0, "AVX-512 is not offered", 0 },
	{ 0, 0xc4, 0xc5, 0xc0, 0xc0, "AVX is not offered", 0 },
	{ 0, 0xc6, 0xc7, 0xff, 0xf8, "transactions are not offered", 0 },
	{ 1, 0x01, 0x01, 0xfc, 0xd4, "transactions are not offered", 0 },
	{ 1, 0x01, 0x01, 0xfe, 0xd0, "xsave is not offered", 0 },
	{ 1, 0xae, 0xae, 0xf0, 0x20, "xsave is not offered", 0 },
	{ 1, 0xae, 0xae, 0xf8, 0x30, "xsaveopt, clwb are not offered", 0 },
	{ 1, 0xae, 0xae, 0xf8, 0x38, "clflushopt is not offered", 0 },
	{ 1, 0xc7, 0xc7, 0xf8, 0x18, "xsave is not offered", 0 },
	{ 1, 0xc7, 0xc7, 0xf0, 0x20, "xsave is not offered", 0 },
	{ 1, 0x01, 0x01, 0xfc, 0xcc, "TDX is not offered", 0 },
	{ 1, 0xae, 0xae, 0xf8, 0xe0, "ptwrite is not offered", 0 },
	{ 1, 0x01, 0x01, 0xfe, 0xe8, "serialize, TSX are not offered", 0 },
	{ 3, 0xf0, 0xf0, 0x00, 0x00, "hreset is not offered", 0 },
	{ 1, 0x01, 0x01, 0xff, 0xf9, "rdtscp is not offered", 0 },
	{ 1, 0xc7, 0xc7, 0xf8, 0xf8, "rdseed, rdpid are not offered", 0 },
	{ 2, 0x82, 0x82, 0x00, 0x00, "invpcid is not offered", 0 },
	{ 2, 0xc8, 0xcd, 0x00, 0x00, "SHA is not offered", 0 },
	{ 3, 0xcc, 0xcc, 0x00, 0x00, "SHA is not offered", 0 },
	{ 2, 0xcf, 0xcf, 0x00, 0x00, "GFNI is not offered", 0 },
	{ 3, 0xce, 0xcf, 0x00, 0x00, "GFNI is not offered", 0 },
	{ 2, 0xdb, 0xdf, 0x00, 0x00, "AES is not offered", 0 },
	{ 3, 0xdf, 0xdf, 0x00, 0x00, "AES is not offered", 0 },
	{ 3, 0x44, 0x44, 0x00, 0x00, "pclmulqdq is not offered", 0 },
	{ 2, 0xf5, 0xf6, 0x00, 0x00, "ADX, shadow stacks are not offered", 0 },
	{ 2, 0xf8, 0xf9, 0x00, 0x00, "movdiri, movdir64b are not offered", 0 },
};
#define NOT_OFFERED (sizeof(not_offered) / sizeof(*not_offered))

/* The other differences. */
enum { SYSTEM_CALL, OTHER_MAKER, FAR_BIT, UMIP, KNOWN };
static const char *const known_why[KNOWN] = {
	[SYSTEM_CALL] = "not tried: might do anything to us",
	[OTHER_MAKER] = "undefined for us, but we know only Intel's holes",
	[FAR_BIT] = "bt with a register reaches beyond its operand",
	[UMIP] = "in ring 3 the kernel emulates sgdt, and ignores fs there",
};
static unsigned known[KNOWN];

static u8 whole_modrm(const struct x86_insn *i)
{
	return i->mem ? i->reg << 3 : 0xc0 | i->reg << 3 | i->rm;
}

static bool is_not_offered(const struct x86_insn *i)
{
	for (unsigned n = 0; n < NOT_OFFERED; n++)
		if (i->map == not_offered[n].map &&
		    i->opcode >= not_offered[n].first &&
		    i->opcode <= not_offered[n].last &&
		    (whole_modrm(i) & not_offered[n].mask) ==
			    not_offered[n].value) {
			not_offered[n].seen++;
			return true;
		}
	return false;
}

static bool is_known(bool it_is, unsigned what)
{
	known[what] += it_is;
	return it_is;
}

/* int $0x80, sysenter, syscall, vmcall, vmmcall. */
static bool is_system_call(const struct x86_insn *i)
{
	u8 modrm = whole_modrm(i);

	if (i->map == 0)
		return i->opcode == 0xcd && i->imm == 0x80;
	if (i->map != 1)
		return false;
	return i->opcode == 0x34 || i->opcode == 0x05 ||
	       (i->opcode == 0x01 && (modrm == 0xc1 || modrm == 0xd9));
}

/* Which holes the opcode maps have differs from maker to maker. */
static bool intel;

static void who_made_it(void)
{
	unsigned eax, ebx, ecx, edx;

	__cpuid(0, eax, ebx, ecx, edx);
	intel = ebx == signature_INTEL_ebx;
}

static bool is_bt(const struct x86_insn *i)
{
	return i->map == 1 && (i->opcode & 0xe7) == 0xa3;
}

static bool is_umip(const struct x86_insn *i)
{
	return i->map == 1 && i->opcode <= 1 && i->mem_seg == X86_FS;
}

/* What may be wrong with an instruction. */
enum verdict { RIGHT, LENGTH, DEFINED, PRIVILEGE, MEMORY, NEXT, VERDICTS };
static const char *const claims[VERDICTS] = {
	[LENGTH] = "end where the machine says",
	[DEFINED] = "are undefined when the machine says so",
	[PRIVILEGE] = "trap in ring 3 when they are privileged",
	[MEMORY] = "read and write the memory that the machine does",
	[NEXT] = "go on where the machine does",
};

static u32 reg_value(int reg)
{
	return reg < 0 ? 0 : regs[reg];
}

static u32 effective_address(const struct x86_insn *i)
{
	u32 ea = reg_value(i->base) + (reg_value(i->index) << i->scale) +
		 (u32)i->disp;

	if (i->addr16)
		ea &= 0xffff;
	return i->mem_seg == X86_FS ? ea + (u32)our_fs : ea;
}

static enum verdict check_memory(const struct x86_insn *i,
				 const struct outcome *out)
{
	bool named = i->mem || i->kind == X86_MOFFS;
	bool stack = out->address - regs[X86_ESP] + 64 < 128;

	if (out->error & PF_WRITE && !i->writes_mem)
		return MEMORY;
	if (!named || stack || out->address - effective_address(i) < 512)
		return RIGHT;
	if (is_known(is_bt(i), FAR_BIT) || is_known(is_umip(i), UMIP))
		return RIGHT;
	return MEMORY;
}

static enum verdict check_next(const struct x86_insn *i,
			       const struct outcome *out)
{
	u32 gone = out->eip - (END - i->len);

	switch (i->kind) {
	case X86_JCC:
	case X86_JMP:
	case X86_LOOP:
		if (gone == i->len + i->imm)
			return RIGHT;
		break;
	case X86_JMP_RM:
		if (out->eip == regs[i->rm])
			return RIGHT;
		break;
	case X86_EMULATE:
		return RIGHT;
	case X86_STRING:
		if (i->rep && !gone)
			return RIGHT;
		break;
	}
	return gone == i->len ? RIGHT : NEXT;
}

static enum verdict check_outcome(const struct x86_insn *i,
				  const struct outcome *out)
{
	if (wants_more(out, i->len))
		return LENGTH;
	if ((out->trap == TRAP_UD) != (i->kind == X86_UNDEFINED))
		return DEFINED;
	if (i->kind == X86_PRIVILEGED && out->trap != TRAP_GP)
		return PRIVILEGE;
	if (out->trap == TRAP_PF && !(out->error & PF_FETCH))
		return check_memory(i, out);
	if (out->trap == TRAP_STEP)
		return check_next(i, out);
	return RIGHT;
}

static enum verdict judge(const struct x86_insn *i, const u8 *bytes)
{
	struct outcome out = try(bytes, i->len);
	enum verdict verdict = check_outcome(i, &out);

	if (verdict != RIGHT || i->len == 1)
		return verdict;
	out = try(bytes, i->len - 1);
	return wants_more(&out, i->len - 1) ? RIGHT : LENGTH;
}

static void complain(const struct x86_insn *i, const u8 *bytes,
		     enum verdict verdict)
{
	printf("# don't %s:", claims[verdict]);
	for (unsigned n = 0; n < RANDOM_INSN; n++)
		printf(" %02x", bytes[n]);
	printf(" (kind %u, length %u; trap %u, error %x, address %x, eip %x)\n",
	       i->kind, i->len, outcome.trap, outcome.error, outcome.address,
	       outcome.eip);
}

static unsigned wrong[VERDICTS];

static bool skip(const struct x86_insn *i)
{
	bool undefined = i->kind == X86_UNDEFINED;

	return is_known(is_system_call(i), SYSTEM_CALL) ||
	       is_known(undefined && !intel, OTHER_MAKER) ||
	       (undefined && is_not_offered(i));
}

static void one_insn(void)
{
	u8 bytes[RANDOM_INSN];
	enum verdict verdict;
	struct x86_insn i;

	random_insn(bytes);
	if (!x86_decode(&i, bytes, RANDOM_INSN))
		errx(1, "%u bytes are not enough", RANDOM_INSN);
	if (skip(&i))
		return;
	verdict = judge(&i, bytes);
	if (verdict != RIGHT && wrong[verdict]++ < 20)
		complain(&i, bytes, verdict);
}

static void report(unsigned count)
{
	for (unsigned v = 1; v < VERDICTS; v++)
		printf("%s - %u random instructions %s\n",
		       wrong[v] ? "not ok" : "ok", count, claims[v]);
	printf("# Known differences:\n");
	for (unsigned n = 0; n < KNOWN; n++)
		printf("# %5u: %s\n", known[n], known_why[n]);
	for (unsigned n = 0; n < NOT_OFFERED; n++)
		printf("# %5u: %s\n", not_offered[n].seen, not_offered[n].why);
}

/* Usage: decode-machine [COUNT [SEED]]. */
int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? atoi(argv[1]) : 200000;
	static const u8 nop = 0x90;

	if (argc > 2)
		random_state += strtoull(argv[2], NULL, 10);
	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)) {
		printf("ok - # SKIP no wrfsbase here\n");
		return 0;
	}
	who_made_it();
	catch_everything();
	map_page();
	if (try(&nop, 1).eip != END) {
		printf("ok - # SKIP no 32-bit code here\n");
		return 0;
	}
	for (unsigned n = 0; n < count; n++)
		one_insn();
	report(count);
	return 0;
}
