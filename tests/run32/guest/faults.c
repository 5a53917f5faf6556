/* Every way for an instruction to fail: which signal, which code and address,
 * trap, error code, eip and registers.  The handler goes on behind it. */
#include "tests.h"

#define RF 0x10000u
#define STRANGE_FLAGS 0x54500ul	/* RF NT DF TF AC */

/* The assembler knows these by name. */
static volatile u32 resume __attribute__((used));
static volatile u32 start __attribute__((used));
static volatile u32 base_esp __attribute__((used));

static int in_arena(u32 address)
{
	return address - (u32)ARENA < 16 * PAGE;
}

static void report(int signal, siginfo_t *info, struct ucontext *uc)
{
	struct sigcontext *sc = &uc->uc_mcontext;

	/* sti as the second word of a trap: trapno, err, cr2 only matter for
	 * page faults, since the kernel leaves the old cr2 for all others. */
	print("\tsignal %d code %d trap %d error %x", signal, info->si_code,
	      sc->trapno, sc->err);
	if (sc->trapno == 14)
		print(" cr2 %x", sc->cr2);
	print(" addr %x eip +%d esp %x\n",
	      (u32)info->si_addr - start < 64 ? (u32)info->si_addr - start :
						(u32)info->si_addr,
	      (int)(sc->eip - start), in_arena(sc->esp) ? sc->esp :
							 sc->esp - base_esp);
	print("\teax %x ecx %x edx %x ebx %x esi %x edi %x flags %x\n",
	      sc->eax, sc->ecx, sc->edx, sc->ebx, sc->esi, sc->edi,
	      (u32)sc->eflags & ~RF);
	sc->eip = resume;
	sc->esp = base_esp;
	sc->eflags &= ~STRANGE_FLAGS;
}

/* Runs TEXT with known registers; %0 may be used for the arena. */
#define TRY(NAME, TEXT)                                                        \
	do {                                                                   \
		print("%s\n", NAME);                                           \
		asm volatile("push %%ebp\n\t"                                  \
			     "movl $2f, resume\n\t"                            \
			     "movl $1f, start\n\t"                             \
			     "movl %%esp, base_esp\n\t"                        \
			     "mov $0x10000000, %%edi\n\t"                      \
			     "mov $0x1000, %%ecx\n\t"                          \
			     "mov $0x11223344, %%eax\n\t"                      \
			     "mov $0x55667788, %%edx\n\t"                      \
			     "mov $0x01020304, %%ebx\n\t"                      \
			     "mov $0x10000800, %%esi\n\t"                      \
			     "push $0x202\n\tpopf\n"                           \
			     "1:\t" TEXT "\n"                                  \
			     "2:\tmov %%esp, %%esp\n\t"                        \
			     "cld\n\t"                                         \
			     "pop %%ebp\n\t"                                   \
			     : : : "eax", "ebx", "ecx", "edx", "esi", "edi",   \
			       "memory", "cc");                                \
	} while (0)

static void arithmetic(void)
{
	TRY("div by zero", "xor %%ecx, %%ecx\n\tdiv %%ecx");
	TRY("div too big", "mov $1, %%ecx\n\tdiv %%ecx");
	TRY("idiv overflow", "mov $0x80000000, %%eax\n\tcltd\n\t"
			     "mov $-1, %%ecx\n\tidiv %%ecx");
	TRY("div by memory", "movb $0, (%%edi)\n\tdivb (%%edi)");
	TRY("aam", "aam $0");
	TRY("into", "mov $0x7fffffff, %%eax\n\tinc %%eax\n\tinto");
	TRY("bound", "movl $0, (%%edi)\n\tmovl $5, 4(%%edi)\n\t"
		     "mov $6, %%eax\n\tbound %%eax, (%%edi)");
}

static void forbidden(void)
{
	TRY("ud2", "ud2");
	TRY("0f ff", ".byte 0x0f, 0xff, 0xc0");
	TRY("lock nop", "lock\n\tnop");
	TRY("lock on a register", ".byte 0xf0, 0x01, 0xc8");
	TRY("int3", "int3");
	TRY("int $3", ".byte 0xcd, 0x03");
	TRY("int $0x99", "int $0x99");
	TRY("int $13", "int $13");
	TRY("hlt", "hlt");
	TRY("cli", "cli");
	TRY("in", "in %%dx, %%al");
	TRY("out", "out %%al, $0x80");
	TRY("mov cr0", "mov %%cr0, %%eax");
	TRY("mov dr7", "mov %%eax, %%dr7");
	TRY("lgdt", "lgdt (%%edi)");
	TRY("rdmsr", "rdmsr");
	TRY("iret to nowhere", "push $0x202\n\tpush $0x1230\n\tpush $0\n\tiret");
	TRY("mov ds", "mov $0x1230, %%eax\n\tmov %%ax, %%ds");
	TRY("mov ss, 0", "xor %%eax, %%eax\n\tmov %%ax, %%ss");
	TRY("pop es", "push $0xfff8\n\tpop %%es");
	TRY("lcall", "lcall $0x1230, $0");
	TRY("sysexit", "sysexit");
	TRY("too long", ".fill 15, 1, 0x66\n\tnop");
}

static void memory(void)
{
	TRY("read 0", "mov 0, %%eax");
	TRY("read 16", "mov 16, %%eax");
	TRY("read 32", "mov 32, %%eax");
	TRY("fld 32", "fldl 32");
	TRY("write 16", "movl $1, 16");
	TRY("write rights", "movl $1, 0x2000(%%edi)");
	TRY("add rights", "addl $1, 0x2000(%%edi)");
	TRY("xadd rights", "lock xadd %%eax, 0x2000(%%edi)");
	TRY("cmpxchg rights", "cmpxchg %%ecx, 0x2000(%%edi)");
	TRY("cmpxchg8b rights", "lock cmpxchg8b 0x2000(%%edi)");
	TRY("xchg rights", "xchg %%ebx, 0x2000(%%edi)");
	TRY("read none", "mov 0x3000(%%edi), %%al");
	TRY("read across", "mov 0x2ffe(%%edi), %%eax");
	TRY("write across", "mov %%eax, 0x1ffe(%%edi)");
	TRY("16 bytes across", "movups 0x2ff8(%%edi), %%xmm0");
	TRY("movaps", "movaps 4(%%edi), %%xmm0");
	TRY("movups rights", "movups %%xmm0, 0x2000(%%edi)");
	TRY("fstp across", "fldpi\n\tfstpt 0x1ffa(%%edi)");
	TRY("fxsave", "fxsave 8(%%edi)");
	TRY("top", "mov 0xfffffffc, %%eax");
	TRY("over the top", "mov 0xfffffffe, %%eax");
	TRY("rep movs", "lea 0x1800(%%edi), %%edi\n\trep movsb");
	TRY("rep movs down", "std\n\tmov $0x10000100, %%esi\n\t"
			     "mov $0x10000200, %%edi\n\trep movsl");
	TRY("rep stos", "lea 0x1f00(%%edi), %%edi\n\trep stosl");
	TRY("rep lods", "mov $0x10002f00, %%esi\n\trep lodsl");
	TRY("repe cmps", "mov $0x10002f00, %%esi\n\tmov $0x10001f00, %%edi\n\t"
			 "repe cmpsb");
	TRY("repne scas", "lea 0x2f10(%%edi), %%edi\n\trepne scasb");
	TRY("movs", "mov $0x10002000, %%edi\n\tmovsl");
	TRY("xlat", "mov $0x10003000, %%ebx\n\txlat");
	TRY("inc", "incl 0x3000(%%edi)");
	TRY("mov ah", "movb 0x3000(%%edi), %%ah");
	TRY("mov ah, esp", "mov %%edi, %%esp\n\tmovb 0x3000(%%esp), %%ah");
}

static void stack(void)
{
	TRY("push", "lea 0x3000(%%edi), %%esp\n\tpush %%eax");
	TRY("push mem", "pushl 0x3000(%%edi)");
	TRY("pop", "lea 0x3000(%%edi), %%esp\n\tpop %%eax");
	TRY("pop mem", "push $7\n\tpopl 0x2000(%%edi)");
	TRY("call", "lea 0x3000(%%edi), %%esp\n\tcall 1b");
	TRY("call mem", "call *0x3000(%%edi)");
	TRY("ret", "lea 0x3000(%%edi), %%esp\n\tret");
	TRY("pusha", "lea 0x3010(%%edi), %%esp\n\tpusha");
	TRY("popa", "lea 0x2ff0(%%edi), %%esp\n\tpopa");
	TRY("pushf", "lea 0x3000(%%edi), %%esp\n\tpushf");
	TRY("popf", "lea 0x3000(%%edi), %%esp\n\tpopf");
	TRY("leave", "lea 0x3000(%%edi), %%ebp\n\tleave");
	TRY("enter", "lea 0x3000(%%edi), %%esp\n\tenter $16, $0");
	TRY("push across", "lea 0x3002(%%edi), %%esp\n\tpush %%eax");
}

static void control(void)
{
	TRY("jump to nothing", "mov $0x10004000, %%eax\n\tjmp *%%eax");
	TRY("jump to data", "jmp *%%edi");
	TRY("jump to 0", "xor %%eax, %%eax\n\tjmp *%%eax");
	TRY("call nothing", "mov $0x10004000, %%eax\n\tcall *%%eax");
	TRY("far jump", "ljmp $0x1230, $0");
	TRY("ret to data", "push %%edi\n\tret");
	TRY("ends at a page's end", "lea 0x4ffe(%%edi), %%eax\n\tjmp *%%eax");
}

static void floating(void)
{
	u16 x87 = 0x37a, x87_all = 0x37f;
	u32 sse = 0x1d80, sse_all = 0x1f80;

	asm volatile("fninit; fldcw %0" : : "m" (x87));
	TRY("x87", "fldz\n\tfld1\n\tfdivp\n\tfwait");
	asm volatile("fninit; fldcw %0; fninit; ldmxcsr %1"
		     : : "m" (x87_all), "m" (sse));
	TRY("sse", "xorps %%xmm1, %%xmm1\n\tmovl $0x3f800000, (%%edi)\n\t"
		   "movss (%%edi), %%xmm0\n\tdivss %%xmm1, %%xmm0");
	asm volatile("ldmxcsr %0" : : "m" (sse_all));
	TRY("mxcsr", "movl $0xffffffff, (%%edi)\n\tldmxcsr (%%edi)");
}

static void bus(void)
{
	int fd = sys(memfd_create, "short", 0);

	sys(ftruncate, fd, 100);
	sys(mmap2, ARENA + 0x8000, 2 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, fd, 0);
	TRY("within the file", "movl $1, 0x8000(%%edi)\n\tud2");
	TRY("behind it", "movl $1, 0x9000(%%edi)");
	TRY("read behind it", "mov 0x9abc(%%edi), %%eax");
}

static u32 steps;

static void step(int signal, siginfo_t *info, struct ucontext *uc)
{
	(void)signal;
	steps++;
	print("\tstep code %d trap %d eip +%d ecx %x flags %x\n", info->si_code,
	      uc->uc_mcontext.trapno, (int)(uc->uc_mcontext.eip - start),
	      uc->uc_mcontext.ecx, (u32)uc->uc_mcontext.eflags & ~RF);
}

static void single_steps(void)
{
	on_signal_info(SIGTRAP, step, 0);
	TRY("steps", "mov $3, %%ecx\n\t"
		     "pushf\n\torl $0x100, (%%esp)\n\tpopf\n\t"
		     "nop\n"
		     "3:\tadd %%ecx, %%eax\n\tloop 3b\n\t"
		     "push %%eax\n\tpop %%edx\n\tcall 4f\n\tjmp 5f\n"
		     "4:\tret\n"
		     "5:\tmov $20, %%eax\n\tint $0x80\n\t"
		     "mov $3, %%ecx\n\tmov $0x10000000, %%esi\n\t"
		     "rep lodsb\n\tcpuid\n\tmov $0, %%ecx\n\t"
		     "mov %%ss, %%edx\n\tmov %%edx, %%ss\n\tnop\n\t"
		     "pushf\n\tandl $~0x100, (%%esp)\n\tpopf\n\tnop");
	print("%u steps\n", steps);
}

int main(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	static u8 elsewhere[65536];
	stack_t other = { .ss_sp = elsewhere, .ss_size = sizeof(elsewhere) };
	volatile u8 *touched;
	u32 i;

	sys(sigaltstack, &other, NULL);
	for (i = 0; i < 5; i++)
		on_signal_info(signals[i], report, SA_ONSTACK);
	map_at(ARENA, 2 * PAGE, PROT_READ | PROT_WRITE);
	map_at(ARENA + 2 * PAGE, PAGE, PROT_READ);
	for (touched = ARENA; touched < ARENA + 3 * PAGE; touched += PAGE)
		(void)*touched;
	map_at(ARENA + 3 * PAGE, PAGE, PROT_NONE);
	map_at(ARENA + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	sys(munmap, ARENA + 5 * PAGE, PAGE);
	ARENA[4 * PAGE + 4094] = 0x0f;
	ARENA[4 * PAGE + 4095] = 0x84;
	arithmetic();
	forbidden();
	memory();
	stack();
	control();
	floating();
	bus();
	single_steps();
	return 0;
}
