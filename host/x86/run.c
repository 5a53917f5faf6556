/*S:140 Running: look up, enter, see why it came back.
 *
 * This loop is all the processor there is besides the translated code itself.
 * Whatever takes more than copying ends up in one of its few cases. */
#include "cache.h"

/*:*/

/*S:142 Somebody wants us out.  A block's entry loads through cpu->poll, so
 * making that a bad pointer is all that it takes, from any thread and without a
 * system call; the load faults, at an instruction boundary, and only then does
 * it cost anything. */
void x86_kick(struct x86_cpu *cpu)
{
	__atomic_store_n(&cpu->poll, X86_POLL_TRAP, __ATOMIC_SEQ_CST);
}

void x86_unkick(struct x86_cpu *cpu)
{
	__atomic_store_n(&cpu->poll, (u64)&cpu->poll, __ATOMIC_SEQ_CST);
}

static bool kicked(const struct x86_cpu *cpu)
{
	return __atomic_load_n(&cpu->poll, __ATOMIC_ACQUIRE) == X86_POLL_TRAP;
}

void x86_stop(struct x86_cpu *cpu)
{
	cpu->stop = true;
}
/*:*/

/*S:143 The third use of the same trick: an interrupt can't be delivered, since
 * the Guest has disabled them.  When it enables them we want to know. */
void x86_await_interrupts(struct x86_cpu *cpu, bool on)
{
	cpu->waiting_poll = on ? X86_WAITING_TRAP : (u64)&cpu->waiting_poll;
}
/*:*/

/*S:144 The FPU is the machine's own.  TS works like a kick: FPU code loads
 * through a pointer first. */
void x86_set_ts(struct x86_cpu *cpu, bool on)
{
	cpu->fpu_poll = on ? X86_FPU_TRAP : (u64)&cpu->fpu_poll;
}

bool x86_ts(const struct x86_cpu *cpu)
{
	return cpu->fpu_poll == X86_FPU_TRAP;
}

/* It remembers where its last x87 instruction stands; of one that came to grief the
 * opcode, too, and what it worked on; and shows all to whoever asks.  These are
 * ours then: the Guest gets those of its own that they mean.  An address without
 * upper half is the Guest's already, since it has loaded that. */
#define FX_STATUS 2
#define FSW_ES 0x80
#define FX_OPCODE 6
#define FX_IP 8
#define FX_DP 16

/* The Guest's instruction at @eip of @b... */
static void guest_insn(const struct x86_cpu *cpu, const struct x86_block *b, u32 eip,
		       struct x86_insn *insn)
{
	u32 offset = eip & ~PAGE_MASK, first = PAGE_SIZE - offset;
	u8 both[2 * X86_MAX_INSN] = { 0 };

	if (first > X86_MAX_INSN)
		first = X86_MAX_INSN;
	copy_bytes(both, cpu->memory + (u64)b->pfn * PAGE_SIZE + offset, first);
	if (b->pfn2 != NO_PAGE)
		copy_bytes(both + first, cpu->memory + (u64)b->pfn2 * PAGE_SIZE,
			   X86_MAX_INSN);
	x86_decode(insn, both, sizeof(both));
}

/* ... and the opcode and ModRM of what was made of it, behind its prefixes. */
static u16 host_opcode(const struct x86_cache *c, u64 rip)
{
	const u8 *p = c->rw + (rip - (u64)c->rx), *end = p + X86_MAX_INSN;

	while (p < end && (*p & 0xf8) != 0xd8)
		p++;
	return (p[0] & 7) << 8 | p[1];
}

/* Was there an exception?  Then the opcode is that of our instruction; and if that
 * is a zero, one is waiting. */
static bool came_to_grief(const struct x86_cpu *cpu, const u8 *image, u64 rip)
{
	u16 opcode = *(const u16 *)&image[FX_OPCODE];

	return (opcode || image[FX_STATUS] & FSW_ES) &&
	       opcode == host_opcode(cpu->cache, rip);
}

static void show_guest_insn(const struct x86_cpu *cpu, u8 *image)
{
	u64 rip = *(u64 *)&image[FX_IP], *dp = (u64 *)&image[FX_DP];
	const struct x86_block *b = rip >> 32 ? x86_block_at(cpu, rip) : NULL;
	struct x86_insn insn;
	u32 eip;

	if (!b)
		return;
	eip = b->eip + x86_mark_at(cpu, b, rip)->guest;
	*(u64 *)&image[FX_IP] = eip;
	if (!came_to_grief(cpu, image, rip))
		return;
	guest_insn(cpu, b, eip, &insn);
	*(u16 *)&image[FX_OPCODE] = (insn.opcode & 7) << 8 | insn.mod << 6 |
				    insn.reg << 3 | insn.rm;
	if (insn.mem)
		*dp -= cpu->seg[insn.mem_seg].base;
}

void x86_fpu_image(const struct x86_cpu *cpu, u8 image[X86_FPU_IMAGE])
{
	__asm__ volatile("fxsave64 %0" : "=m"(*(u8 (*)[X86_FPU_IMAGE])image));
	show_guest_insn(cpu, image);
	if (*(u64 *)&image[FX_IP] >> 32)	/* of a block long gone */
		*(u64 *)&image[FX_IP] = 0;
	*(u64 *)&image[FX_DP] = (u32)*(u64 *)&image[FX_DP];
}

void x86_load_fpu(struct x86_cpu *cpu)
{
	__asm__ volatile("fxrstor64 %0" : : "m"(cpu->fpu));
}

/* The opcode outlives the address, if an exception is forgotten and others come. */
void x86_settle_fpu(const struct x86_cpu *cpu)
{
	u8 image[X86_FPU_IMAGE] __attribute__((aligned(16)));

	x86_fpu_image(cpu, image);
	__asm__ volatile("fxrstor64 %0" : : "m"(image));
}

/* The C library expects the FPU as the ABI has it. */
void x86_save_fpu(struct x86_cpu *cpu)
{
	static const u32 mxcsr = 0x1f80;

	x86_fpu_image(cpu, cpu->fpu);
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}
/*:*/

/*S:146 Fetching: the page first, then the bytes. */
bool x86_fetch_page(struct x86_cpu *cpu, u32 lin, u32 *pfn)
{
	u32 access = X86_FETCH | (cpu->user ? X86_USER : 0), error;
	struct guest_page page;

	if (!cpu->machine->walk(cpu, lin, access, &page, &error)) {
		if (!cpu->stop)
			x86_trap(cpu, X86_PF, error, lin);
		return false;
	}
	*pfn = page.pfn;
	return true;
}

bool x86_fetch_insn(struct x86_cpu *cpu, u32 eip, u32 pfn,
		    struct x86_insn *insn, u32 *pfn2)
{
	const u8 *page = cpu->memory + (u64)pfn * PAGE_SIZE;
	u32 offset = eip & ~PAGE_MASK, first = PAGE_SIZE - offset;
	u8 both[2 * X86_MAX_INSN];

	*pfn2 = NO_PAGE;
	if (x86_decode(insn, page + offset, first))
		return true;
	if (!x86_fetch_page(cpu, (eip & PAGE_MASK) + PAGE_SIZE, pfn2))
		return false;
	copy_bytes(both, page + offset, first);
	copy_bytes(both + first, cpu->memory + (u64)*pfn2 * PAGE_SIZE,
		   X86_MAX_INSN);
	return x86_decode(insn, both, first + X86_MAX_INSN);
}
/*:*/

/*S:148 The instruction at eip is not one that translated code can do. */
static void run_slow(struct x86_cpu *cpu)
{
	const struct x86_insn *insn = &cpu->cache->slow[cpu->link];

	if (insn->kind == X86_UNDEFINED)
		x86_trap(cpu, X86_UD, 0, 0);
	else if (insn->kind == X86_PRIVILEGED)
		cpu->machine->privileged(cpu, insn);
	else
		x86_emulate(cpu, insn);
}

/* Runs from @entry until something comes up.  true: whatever it was, it was not a trap,
 * and the instructions that ran are done with. */
static bool run_at(struct x86_cpu *cpu, u64 entry)
{
	cpu->target = entry;
	x86_enter(cpu);
	switch ((enum x86_exit)cpu->exit) {
	case EXIT_LOOKUP:
	case EXIT_CHAIN:
	case EXIT_POLL:
		return true;
	case EXIT_SLOW:
		run_slow(cpu);
		return true;
	case EXIT_TRAP:
		x86_trap(cpu, cpu->vector, cpu->error, cpu->address);
		return false;
	}
	__builtin_unreachable();
}

/* A trap or interrupt on the way has cleared TF.  popf may do it too, but then
 * it's still one instruction that began with TF set. */
static bool popped_flags(const struct x86_cpu *cpu, u32 eip)
{
	const struct x86_insn *insn = &cpu->cache->slow[cpu->link];

	return cpu->exit == EXIT_SLOW && insn->kind == X86_POPF &&
	       cpu->eip == eip + insn->len;
}

/* Loads of ss put it off: esp comes next, and until then there is no stack. */
static bool loaded_ss(const struct x86_cpu *cpu, u32 eip)
{
	const struct x86_insn *insn = &cpu->cache->slow[cpu->link];

	return cpu->exit == EXIT_SLOW && insn->kind == X86_EMULATE &&
	       insn->sreg == X86_SS && !insn->map &&
	       cpu->eip == eip + insn->len;
}

/* One instruction: because the Guest asks for it with TF, or because the code
 * that we were in has just been rewritten by itself. */
static void run_single(struct x86_cpu *cpu)
{
	bool traced = cpu->eflags_kept & X86_FLAG_TF;
	const struct x86_block *b = x86_single_block(cpu);
	u32 generation = cpu->cache->generation;

	if (!b)
		return;
	if (run_at(cpu, cpu->code + b->code) && traced && cpu->exit != EXIT_POLL &&
	    !loaded_ss(cpu, b->eip) &&
	    (cpu->eflags_kept & X86_FLAG_TF || popped_flags(cpu, b->eip)))
		x86_trap(cpu, X86_DB, 0, X86_DR6_STEP);
	if (cpu->exit != EXIT_POLL)
		cpu->single = false;
	if (cpu->cache->generation == generation)
		x86_forget_single(cpu, b);
}

static void run_on(struct x86_cpu *cpu)
{
	u32 generation = cpu->cache->generation;
	bool chain = cpu->exit == EXIT_CHAIN;
	u64 entry = chain ? 0 : x86_known_entry(cpu);
	struct x86_block *b;

	cpu->exit = EXIT_LOOKUP;
	if (entry) {
		run_at(cpu, entry);
		return;
	}
	b = x86_find_block(cpu);
	if (!b)
		return;
	if (chain && generation == cpu->cache->generation)
		x86_chain(cpu, b);
	run_at(cpu, cpu->code + b->code);
}

void x86_run(struct x86_cpu *cpu)
{
	cpu->stop = false;
	cpu->exit = EXIT_LOOKUP;
	while (!cpu->stop && !kicked(cpu)) {
		if (cpu->single || cpu->eflags_kept & X86_FLAG_TF)
			run_single(cpu);
		else
			run_on(cpu);
	}
}
/*:*/

int x86_init(struct x86_cpu *cpu)
{
	int err = x86_cache_init(cpu);

	if (!err)
		err = x86_faults_init(cpu);
	if (err) {
		x86_exit(cpu);
		return err;
	}
	cpu->flags = 2;
	x86_unkick(cpu);
	x86_await_interrupts(cpu, false);
	x86_set_ts(cpu, false);
	/* The FPU as it comes out of reset (SDM 3A:10.1.1), masked. */
	*(u16 *)&cpu->fpu[0] = 0x37f;
	*(u32 *)&cpu->fpu[24] = 0x1f80;
	return 0;
}

void x86_exit(struct x86_cpu *cpu)
{
	x86_faults_exit(cpu);
	x86_cache_exit(cpu);
}
