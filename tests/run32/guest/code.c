/* Code that changes: under its own feet, by mapping, by system calls. */
#include "tests.h"

#define ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* mov eax, VALUE; ret */
static void put_function(u8 *at, u32 value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static u32 call(void *at)
{
	return ((u32 (*)(void))at)();
}

static void rewritten(void)
{
	u32 i, sum = 0;

	map_at(ARENA, 4 * PAGE, ALL);
	for (i = 0; i < 20000; i++) {
		put_function(ARENA + 64, i);
		sum += call(ARENA + 64);
	}
	print("rewritten: %u\n", sum);
	for (i = 0; i < 2000; i++) {
		put_function(ARENA + i % 3000, i);
		sum += call(ARENA + i % 3000);
	}
	print("moving: %u\n", sum);
	for (i = 0; i < 1000; i++) {
		put_function(ARENA + PAGE - 3, i);
		sum += call(ARENA + PAGE - 3);
		ARENA[PAGE] ^= 0xff;
		sum += call(ARENA + PAGE - 3);
	}
	print("across pages: %u\n", sum);
}

/* An instruction that changes the next one, and one that changes itself. */
static void next_one(void)
{
	static const u8 code[] = {
		0xc6, 0x05, 0x08, 0x00, 0x00, 0x10, 0x2a,	/* movb 42, [8] */
		0xb0, 0x01,					/* mov al, 1 */
		0x0f, 0xb6, 0xc0, 0xc3,				/* movzx; ret */
	};
	static const u8 itself[] = {
		0xc7, 0x05, 0x00, 0x01, 0x00, 0x10,	/* movl x, [0x100] */
		0xb0, 0x07, 0xc3, 0x90,			/* ... mov al, 7; ret */
		0x31, 0xc0, 0xc3,			/* xor eax; ret */
	};
	u32 i, first, second;

	for (i = 0; i < 3; i++) {
		memcpy(ARENA, code, sizeof(code));
		first = call(ARENA);
		second = call(ARENA);
		print("next: %u %u\n", first, second);
	}
	memcpy(ARENA + 0x100, itself, sizeof(itself));
	print("itself: %u", call(ARENA + 0x100));
	print(" then %x\n", call(ARENA + 0x100) & 0xff);
}

/* rep movs over the code that runs it: what is behind comes from the copy. */
static void by_string(void)
{
	static const u8 code[] = {
		0x56, 0x57, 0xbe, 0x00, 0x10, 0x00, 0x10,	/* push; esi */
		0xbf, 0x00, 0x00, 0x00, 0x10,			/* edi */
		0xb9, 0x40, 0x00, 0x00, 0x00,			/* ecx 64 */
		0xf3, 0xa4,					/* rep movsb */
		0xb8, 0x01, 0x00, 0x00, 0x00,			/* eax */
		0x5f, 0x5e, 0xc3,
	};

	memcpy(ARENA, code, sizeof(code));
	memcpy(ARENA + PAGE, code, sizeof(code));
	ARENA[PAGE + 20] = 77;
	print("by a string: %u", call(ARENA));
	print(" %u\n", call(ARENA));
}

static void by_the_kernel(void)
{
	int pipe[2], i;
	u8 code[6];
	u32 sum = 0;

	sys(pipe, pipe);
	for (i = 0; i < 300; i++) {
		put_function(code, i * 3);
		sys(write, pipe[1], code, 6);
		if (sys(read, pipe[0], ARENA + 512, 6) != 6)
			fail("read into code");
		sum += call(ARENA + 512);
	}
	print("read(): %u\n", sum);
}

static void by_mapping(void)
{
	u32 i, sum = 0;

	for (i = 0; i < 200; i++) {
		map_at(ARENA + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE);
		put_function(ARENA + 8 * PAGE, i);
		sys(mprotect, ARENA + 8 * PAGE, PAGE, PROT_READ | PROT_EXEC);
		sum += call(ARENA + 8 * PAGE);
		if (i % 3 == 0)
			sys(munmap, ARENA + 8 * PAGE, PAGE);
	}
	print("mapped again: %u\n", sum);
	for (i = 0; i < 200; i++) {
		put_function(map_at(ARENA + 9 * PAGE, PAGE, ALL), i);
		sys(mremap, ARENA + 9 * PAGE, PAGE, PAGE,
		    MREMAP_MAYMOVE | MREMAP_FIXED, ARENA + 8 * PAGE);
		sum += call(ARENA + 8 * PAGE);
	}
	print("moved: %u\n", sum);
	for (i = 0; i < 50; i++) {
		put_function(ARENA + 8 * PAGE, i);
		sum += call(ARENA + 8 * PAGE);
		sys(madvise, ARENA + 8 * PAGE, PAGE, MADV_DONTNEED);
		sum += ARENA[8 * PAGE];
	}
	print("not needed: %u\n", sum);
}

static void forked(void)
{
	int child;

	put_function(ARENA, 1);
	call(ARENA);
	child = fork();
	if (child == 0) {
		put_function(ARENA, 2);
		exit(call(ARENA));
	}
	print("child %d", wait_for(child));
	print(" parent %u\n", call(ARENA));
}

/* A compiler of sorts: straight code for sums, made anew and run often. */
static void compiler(void)
{
	u32 round, i, total = 0;

	for (round = 0; round < 50; round++) {
		u8 *p = ARENA + 2 * PAGE;

		*p++ = 0x31, *p++ = 0xc0;		/* xor eax, eax */
		for (i = 0; i < 300; i++) {
			*p++ = 0x05;			/* add eax, imm32 */
			memcpy(p, &(u32){ i * round }, 4);
			p += 4;
		}
		*p = 0xc3;
		for (i = 0; i < 200; i++)
			total += call(ARENA + 2 * PAGE);
	}
	print("compiler: %u\n", total);
}

static int caught;

static void handler(int signal, siginfo_t *info, struct ucontext *uc)
{
	caught = signal;
	uc->uc_mcontext.eip = *(u32 *)uc->uc_mcontext.esp;
	uc->uc_mcontext.esp += 4;
	uc->uc_mcontext.eax = (u32)info->si_addr;
}

/* Rights of pages whose code has run. */
static void rights(void)
{
	on_signal_info(SIGSEGV, handler, 0);
	put_function(ARENA, 9);
	call(ARENA);
	sys(mprotect, ARENA, PAGE, PROT_READ | PROT_WRITE);
	print("no exec: %x", call(ARENA));
	print(" signal %d\n", caught);
	sys(mprotect, ARENA, PAGE, PROT_READ | PROT_EXEC);
	print("exec: %x\n", call(ARENA));
	sys(munmap, ARENA, PAGE);
	print("gone: %x\n", call(ARENA));
	map_at(ARENA, PAGE, ALL);
	put_function(ARENA, 11);
	print("back: %x\n", call(ARENA));
}

int main(void)
{
	rewritten();
	next_one();
	by_string();
	by_the_kernel();
	by_mapping();
	forked();
	compiler();
	rights();
	return 0;
}
