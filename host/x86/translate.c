/*S:500 Translating: Guest instructions in, host instructions out.
 *
 * We are an x86 translating for an x86, so nearly all of the work is copying.
 * What changes is where things live.  Memory is in the window, so an operand
 * gets two prefixes: gs:, whose base is the window, and 67, which makes the
 * machine compute the address modulo 4 GiB like the 386 it imitates.  Whatever
 * the Guest computes, it stays inside: this is the whole sandbox.  And esp lives
 * in r13, since our own stack keeps rsp.
 *
 * Rules that everything below keeps:
 *  - flags are the Guest's own, so only lea, mov and friends may do our sums;
 *  - all that can fault comes before the first change of Guest state;
 *  - r8, r9 and r10 are free within one instruction. :*/
#include "cache.h"

#define R8 8
#define R9 9
#define R13 13
#define R14 14
#define R15 15

#define CPU(field) ((s32)offsetof(struct x86_cpu, field))

#define MAX_SIDE_EXITS 24

/* A conditional jump out of the block, to be pointed at its exit code. */
struct side_exit {
	u8 *site;
	u32 target;
	u8 wide;
};

struct emitter {
	struct x86_cpu *cpu;
	struct x86_cache *cache;
	struct x86_block *block;
	u8 *p;		/* where the next byte goes */
	u32 eip;	/* of the Guest instruction in hand... */
	u32 next;	/* ... and of the one behind it */
	u8 fix;		/* of the instruction in hand */
	u8 wide;	/* registers whose upper halves may not be zero */
	u8 counted;	/* FIX_COUNTED and so on while the flags are wrong */
	bool alone;	/* one instruction and no more */
	bool unchained;	/* every exit goes through C */
	bool wraps;	/* addresses may, so see to it that they can */
	bool fpu_checked;
	bool from_stack;	/* esi has been made equal to esp */
	bool ended;
	unsigned nexits;
	struct side_exit exits[MAX_SIDE_EXITS];
};

/*S:510 One host instruction, before it is bytes. */
struct host_insn {
	bool p66, lock, wide;	/* wide: 64 bits */
	u8 rep;
	u8 map, opcode;
	u8 opreg;	/* register in the low opcode bits */
	bool modrm;
	u8 reg, rm;
	bool mem;	/* base, index, scale, disp instead of rm */
	s8 base, index;
	u8 scale;
	s32 disp;
	bool window;	/* the operand is Guest memory */
	bool high;	/* an operand is ah, ch, dh or bh: no REX, please */
	u8 imm_len;
	u32 imm;
};

static void put8(struct emitter *e, u8 byte)
{
	*e->p++ = byte;
}

static void put32(struct emitter *e, u32 word)
{
	*(u32 *)e->p = word;
	e->p += 4;
}

static void put_bytes(struct emitter *e, u64 bytes, unsigned n)
{
	for (; n; n--, bytes >>= 8)
		put8(e, bytes);
}

static void put_disp(struct emitter *e, u8 mod, s32 disp)
{
	if (mod == 1)
		put8(e, disp);
	else if (mod == 2)
		put32(e, disp);
}

/* ModRM, SIB and displacement (SDM 2A:2.1.5).  A missing base needs a SIB byte
 * in 64-bit mode, since the short form has become rip-relative. */
static void put_memory(struct emitter *e, const struct host_insn *h)
{
	u8 reg = (h->reg & 7) << 3, mod = 2;
	u8 index = h->index < 0 ? 4 : h->index & 7;

	if (h->base < 0) {
		put8(e, reg | 4);
		put8(e, h->scale << 6 | index << 3 | 5);
		put32(e, h->disp);
		return;
	}
	if (h->disp == 0 && (h->base & 7) != 5)
		mod = 0;
	else if (h->disp == (s8)h->disp)
		mod = 1;
	if (h->index >= 0 || (h->base & 7) == 4) {
		put8(e, mod << 6 | reg | 4);
		put8(e, h->scale << 6 | index << 3 | (h->base & 7));
	} else {
		put8(e, mod << 6 | reg | (h->base & 7));
	}
	put_disp(e, mod, h->disp);
}

static u8 rex_of(const struct host_insn *h)
{
	u8 rex = h->wide << 3 | (h->opreg >= 8);

	if (!h->modrm)
		return rex;
	rex |= (h->reg >= 8) << 2;
	if (!h->mem)
		return rex | (h->rm >= 8);
	return rex | (h->index >= 8) << 1 | (h->base >= 8);
}

static bool is_wide(const struct emitter *e, s8 reg)
{
	return reg >= 0 && reg < 8 && e->wide & 1 << reg;
}

/* Can Guest memory be addressed with 64 bits, as [r14 + register * scale + disp]?
 * That reaches from 256 MiB and a bit below the window (bt has a bit offset, too)
 * to 34 GiB above its start, and wherever it isn't the window nothing is mapped.
 * So what should have wrapped faults, once: x86_code_wraps() has the page
 * translated anew with e->wraps.  Tables at the top of memory are all displacement
 * and little register, and would wrap each time; hence the limits.  (A gs: that
 * isn't zero costs a load two cycles.  Without it interpret takes 1.07 times
 * native instead of 1.39, linked 1.15 instead of 1.25; minima of 15 pairs.) */
static bool fits_window(const struct emitter *e, const struct host_insn *h)
{
	s32 least = h->base < 0 && h->index < 0 ? 0 : -65536;

	return !e->wraps && !h->high && !is_wide(e, h->base) &&
	       !is_wide(e, h->index) && (h->base < 0 || h->index < 0) &&
	       h->disp >= least;
}

/* THE function that emits addressing: all Guest memory that translated code
 * reaches is reached through the top lines here (strings, below, are the one
 * exception). */
static void emit(struct emitter *e, const struct host_insn *insn)
{
	struct host_insn copy = *insn, *h = &copy;
	u8 rex;

	if (h->window && fits_window(e, h)) {
		h->window = false;
		if (h->base >= 0) {
			h->index = h->base;
			h->scale = 0;
		}
		h->base = R14;
	}
	rex = rex_of(h);

	if (h->modrm && h->mem && h->window)
		put_bytes(e, 0x6765, 2);
	if (h->p66)
		put8(e, 0x66);
	if (h->lock)
		put8(e, 0xf0);
	if (h->rep)
		put8(e, h->rep);
	if (rex)
		put8(e, 0x40 | rex);
	if (h->map)
		put8(e, 0x0f);
	if (h->map > 1)
		put8(e, h->map == 2 ? 0x38 : 0x3a);
	put8(e, h->opcode | (h->opreg & 7));
	if (h->modrm && h->mem)
		put_memory(e, h);
	else if (h->modrm)
		put8(e, 0xc0 | (h->reg & 7) << 3 | (h->rm & 7));
	put_bytes(e, h->imm, h->imm_len);
}
/*:*/

/*S:520 A few host instructions have names, since they come again and again.
 * None of them touches flags. */

/* Guest memory at [base + disp]. */
static void emit_guest_mem(struct emitter *e, u8 opcode, bool p66, u8 reg,
			   u8 base, s32 disp)
{
	emit(e, &(struct host_insn){ .opcode = opcode, .p66 = p66, .modrm = true,
				     .reg = reg, .mem = true, .base = base,
				     .index = -1, .disp = disp, .window = true });
}

static void emit_load(struct emitter *e, bool p66, u8 reg, u8 base, s32 disp)
{
	emit_guest_mem(e, 0x8b, p66, reg, base, disp);
}

static void emit_store(struct emitter *e, bool p66, u8 reg, u8 base, s32 disp)
{
	emit_guest_mem(e, 0x89, p66, reg, base, disp);
}

/* lea reg32, [base + disp] */
static void emit_add(struct emitter *e, u8 reg, u8 base, s32 disp)
{
	emit(e, &(struct host_insn){ .opcode = 0x8d, .modrm = true, .reg = reg,
				     .mem = true, .base = base, .index = -1,
				     .disp = disp });
}

/* lea reg32, [reg + other + disp] */
static void emit_sum(struct emitter *e, u8 reg, u8 other, s32 disp)
{
	emit(e, &(struct host_insn){ .opcode = 0x8d, .modrm = true, .reg = reg,
				     .mem = true, .base = reg, .index = other,
				     .disp = disp });
}

/* mov to32, from32 */
static void emit_move(struct emitter *e, u8 to, u8 from, bool p66)
{
	emit(e, &(struct host_insn){ .opcode = 0x8b, .p66 = p66, .modrm = true,
				     .reg = to, .rm = from });
}

/* Some instruction between a register and a field of the cpu. */
static void emit_cpu_field(struct emitter *e, u8 map, u8 opcode, u8 reg,
			   s32 offset)
{
	emit(e, &(struct host_insn){ .map = map, .opcode = opcode, .modrm = true,
				     .reg = reg, .mem = true, .base = R15,
				     .index = -1, .disp = offset });
}

/* mov dword [r15 + offset], @value */
static void emit_set_field(struct emitter *e, s32 offset, u32 value)
{
	emit(e, &(struct host_insn){ .opcode = 0xc7, .modrm = true, .mem = true,
				     .base = R15, .index = -1,
				     .disp = offset, .imm = value,
				     .imm_len = 4 });
}

static void emit_set_eip(struct emitter *e, u32 eip)
{
	emit_set_field(e, CPU(eip), eip);
}

/* Registers with zero upper halves again. */
static void emit_clean(struct emitter *e)
{
	for (u8 reg = 0; reg < 8; reg++)
		if (is_wide(e, reg))
			emit_move(e, reg, reg, false);
	e->wide = 0;
}

static void emit_jump(struct emitter *e, const u8 *target)
{
	put8(e, 0xe9);
	put32(e, 0);
	x86_patch_rel32(e->p - 4, target);
}

/* Loads through a pointer that somebody may have made bad (x86_kick(), x86_set_ts()
 * and x86_await_interrupts() do).  No flags, no branch, and not measurable in time: four
 * on/off pairs showed nothing. */
static void emit_poll(struct emitter *e, s32 pointer)
{
	emit(e, &(struct host_insn){ .opcode = 0x8b, .wide = true, .modrm = true,
				     .reg = R9, .mem = true, .base = R15,
				     .index = -1, .disp = pointer });
	put_bytes(e, 0x098b45, 3);		/* mov r9d, [r9] */
}
/*:*/

void x86_patch_rel32(u8 *site, const u8 *target)
{
	*(u32 *)site = target - (site + 4);
}

/*S:530 Where to go next.
 *
 * An address known at translation time becomes a jump which starts out leading
 * to C; C finds the other block and patches the jump, and from then on the two
 * are chained.  That is safe only while both ends stay mapped together: within
 * one page, or in the part of memory that looks the same in all address spaces.
 *
 * Any other address is in r8d, and goes through the view's jump table, which has
 * a slot for each address there is: it says where in the cache.  That is 16 GiB of
 * table, nearly all of it holes, and worth it: with 65,536 slots and a comparison
 * behind them, which can't use flags, a call and its return took 1.5 times as long
 * (recurse 1.51 times native, now 1.15; minima of 12 pairs).  An empty slot is
 * offset 0, and there we put the stub that asks C.  No flags were harmed. */
static void emit_table_jump(struct emitter *e)
{
	put_bytes(e, 0x840c634f, 4);		/* movsxd r9, [r12 + r8 * 4] */
	put_bytes(e, 0x190c8d4f, 4);		/* lea r9, [r9 + r11] */
	put_bytes(e, 0xe1ff41, 3);		/* jmp r9 */
}

/* Room for the jump that a dead block gets here. */
static void emit_indirect_entry(struct emitter *e)
{
	put_bytes(e, 0x0000441f0f, 5);		/* nop dword [rax + rax] */
}

static bool same_page(u32 a, u32 b)
{
	return ((a ^ b) & PAGE_MASK) == 0;
}

static bool may_chain(const struct emitter *e, u32 target)
{
	const struct x86_block *b = e->block;
	u32 global = e->cpu->global_start;

	if (e->unchained)
		return false;
	if (b->mode & MODE_LINEAR || same_page(b->eip, target))
		return true;
	return !(b->mode & MODE_USER) && b->eip >= global && target >= global;
}

/* The code of an exit to @target; @site: the rel32 that leads here, for C to
 * patch. */
static void emit_exit(struct emitter *e, u32 target, u8 *site)
{
	if (may_chain(e, target)) {
		emit_set_eip(e, target);
		put_bytes(e, 0x0d8d4c, 3);	/* lea r9, [rip + site] */
		put32(e, site - (e->p + 4));
		emit_jump(e, e->cache->stub_chain);
	} else if (e->unchained) {
		emit_set_eip(e, target);
		emit_jump(e, e->cache->stub_lookup);
	} else {
		put_bytes(e, 0xb841, 2);	/* mov r8d, target */
		put32(e, target);
		emit_table_jump(e);
	}
}

/* Can the block go on at @target instead of jumping there? */
static bool can_follow(const struct emitter *e, u32 target)
{
	return !e->unchained && same_page(target, e->block->eip) &&
	       target - e->block->eip < MAX_BLOCK_BYTES - X86_MAX_INSN;
}

/* The block ends by going to @target. */
static void emit_goto(struct emitter *e, u32 target)
{
	emit_clean(e);
	if (may_chain(e, target)) {
		put8(e, 0xe9);
		put32(e, 0);
	}
	emit_exit(e, target, e->p - 4);
	e->ended = true;
}

/* The block ends by going to r8d. */
static void emit_goto_r8(struct emitter *e)
{
	if (e->unchained) {
		emit_cpu_field(e, 0, 0x89, R8, CPU(eip));
		emit_jump(e, e->cache->stub_lookup);
	} else {
		emit_table_jump(e);
	}
	e->ended = true;
}

/* A rel32 was just emitted that is to lead to @target. */
static void add_side_exit(struct emitter *e, u32 target)
{
	e->exits[e->nexits++] = (struct side_exit){ e->p - 4, target, e->wide };
}

static void emit_side_exits(struct emitter *e)
{
	for (unsigned i = 0; i < e->nexits; i++) {
		x86_patch_rel32(e->exits[i].site, e->p);
		e->wide = e->exits[i].wide;
		if (e->wide)
			emit_goto(e, e->exits[i].target);
		else
			emit_exit(e, e->exits[i].target, e->exits[i].site);
	}
}

/* The instruction is kept, so that C needn't fetch and decode it each time. */
static void emit_slow(struct emitter *e, const struct x86_insn *insn)
{
	u32 n = e->cache->nslow++;

	copy_bytes(&e->cache->slow[n], insn, sizeof(*insn));
	emit_set_eip(e, e->eip);
	put_bytes(e, 0xb941, 2);		/* mov r9d, n */
	put32(e, n);
	emit_jump(e, e->cache->stub_slow);
	e->ended = true;
}
/*:*/

/*S:540 Operands.
 *
 * Registers keep their numbers, except esp.  A memory operand can mostly stay as
 * it is, too.  The odd ones are summed up in r8d first: 16-bit addresses, and
 * fs: and gs: with their bases.
 *
 * One x86 wart remains.  Any use of r8 to r15 needs a REX prefix, and with REX
 * there is no ah, ch, dh, bh.  So `mov ah, [esp]` borrows esi for its address,
 * parks the real one in r9, and leaves a mark for the case that it faults. */
static int host_reg(int reg)
{
	return reg == X86_ESP ? R13 : reg;
}

static bool high_byte(u8 is, u8 reg)
{
	return is == X86_REG8 && reg >= 4;
}

static void emit_borrow_esi(struct emitter *e, u8 from)
{
	put_bytes(e, 0xf18949, 3);		/* mov r9, rsi */
	emit_move(e, X86_ESI, from, false);
}

static void emit_return_esi(struct emitter *e)
{
	put_bytes(e, 0xce894c, 3);		/* mov rsi, r9 */
}

static void emit_segment_base(struct emitter *e, u8 seg)
{
	emit_cpu_field(e, 0, 0x8b, R9, CPU(seg) + seg * 8);
	emit_sum(e, R8, R9, 0);
}

/* The address of @h's operand, as @insn has it, into r8d. */
static void emit_address(struct emitter *e, const struct x86_insn *insn,
			 const struct host_insn *h)
{
	struct host_insn lea = *h;

	lea.p66 = lea.lock = lea.window = false;
	lea.rep = lea.map = lea.opreg = lea.imm_len = 0;
	lea.opcode = 0x8d;
	lea.reg = R8;
	emit(e, &lea);
	if (insn->addr16)
		put_bytes(e, 0xc0b70f45, 4);	/* movzx r8d, r8w */
}

static bool based(const struct x86_insn *insn)
{
	return insn->mem_seg == X86_FS || insn->mem_seg == X86_GS;
}

/* Makes @h's operand the memory operand of @insn.  @bias is added if it counts
 * from esp (pop [esp + 4] means esp after the pop). */
static void set_memory(struct emitter *e, struct host_insn *h,
		       const struct x86_insn *insn, int bias)
{
	bool high = high_byte(insn->reg_is, insn->reg);

	h->mem = h->window = true;
	h->base = host_reg(insn->base);
	h->index = host_reg(insn->index);
	h->scale = insn->scale;
	h->disp = insn->disp + (insn->base == X86_ESP ? bias : 0);
	h->high = high;
	if (!insn->addr16 && !based(insn) && !(high && h->base == R13))
		return;
	emit_address(e, insn, h);
	if (based(insn))
		emit_segment_base(e, insn->mem_seg);
	h->base = R8;
	h->index = -1;
	h->disp = 0;
	if (high) {
		emit_borrow_esi(e, R8);
		h->base = X86_ESI;
		e->fix = FIX_RSI_FROM_R9;
	}
}

/* The same for an operand that may be stored to.  Nobody stores to cs:, and whoever
 * gets as far as trying has a #GP, as there is for an address with its highest bit
 * alone set; of the FPU's notes we take the lower half. */
static void set_target(struct emitter *e, struct host_insn *h,
		       const struct x86_insn *insn, int bias)
{
	set_memory(e, h, insn, bias);
	if (insn->mem_seg != X86_CS || !insn->writes_mem)
		return;
	emit_address(e, insn, h);
	put_bytes(e, 0xb949, 2);		/* mov r9, 1 << 63 */
	put_bytes(e, 1ull << 63, 8);
	put_bytes(e, 0x08048d4f, 4);		/* lea r8, [r8 + r9] */
	h->window = false;
	h->base = R8;
	h->index = -1;
	h->disp = 0;
}

static u8 operand_reg(u8 is, u8 reg)
{
	return is == X86_REG ? host_reg(reg) : reg;
}

static void set_prefixes(struct host_insn *h, const struct x86_insn *insn)
{
	h->p66 = insn->prefix66;
	h->lock = insn->lock;
	h->rep = insn->rep;
}

static void emit_copy(struct emitter *e, const struct x86_insn *insn)
{
	struct host_insn h = { .map = insn->map, .opcode = insn->opcode,
			       .modrm = insn->has_modrm, .imm = insn->imm,
			       .imm_len = insn->imm_len };
	bool borrow = false;

	set_prefixes(&h, insn);
	if (insn->opcode_is != X86_NONE) {
		h.opreg = operand_reg(insn->opcode_is, insn->opcode & 7);
		h.opcode &= ~7;
	}
	h.reg = operand_reg(insn->reg_is, insn->reg);
	if (insn->mem) {
		set_target(e, &h, insn, 0);
		borrow = h.base == X86_ESI && e->fix;
	} else {
		h.rm = operand_reg(insn->rm_is, insn->rm);
		/* movzx esp, ah and the like: a detour through esi. */
		if (h.reg == R13 && high_byte(insn->rm_is, insn->rm)) {
			emit_borrow_esi(e, R13);
			h.reg = X86_ESI;
			borrow = true;
		}
	}
	emit(e, &h);
	if (borrow && !insn->mem)
		emit_move(e, R13, X86_ESI, false);
	if (borrow)
		emit_return_esi(e);
}
/*:*/

/*S:550 The stack.
 *
 * A push stores below esp first and moves esp after: if the store faults,
 * nothing has happened yet.  Likewise a pop. */
static unsigned stack_size(const struct x86_insn *insn)
{
	return insn->opsize16 ? 2 : 4;
}

static void emit_push(struct emitter *e, const struct x86_insn *insn, u8 reg)
{
	int size = stack_size(insn);

	emit_store(e, insn->opsize16, reg, R13, -size);
	emit_add(e, R13, R13, -size);
}

static void emit_push_imm(struct emitter *e, u32 imm, bool p66)
{
	int size = p66 ? 2 : 4;

	emit(e, &(struct host_insn){ .opcode = 0xc7, .p66 = p66, .modrm = true,
				     .mem = true, .base = R13, .index = -1,
				     .disp = -size, .window = true, .imm = imm,
				     .imm_len = size });
	emit_add(e, R13, R13, -size);
}

/* The memory operand of @insn into r9. */
static void emit_load_operand(struct emitter *e, const struct x86_insn *insn,
			      u8 reg)
{
	struct host_insn h = { .opcode = 0x8b, .p66 = insn->opsize16,
			       .modrm = true, .reg = reg };

	if (insn->mem)
		set_memory(e, &h, insn, 0);
	else
		h.rm = host_reg(insn->rm);
	emit(e, &h);
}

static void emit_pop_reg(struct emitter *e, const struct x86_insn *insn, u8 reg)
{
	int size = stack_size(insn);

	if (reg != R13) {
		emit_load(e, insn->opsize16, reg, R13, 0);
		emit_add(e, R13, R13, size);
	} else if (insn->opsize16) {
		/* The upper half is that of esp after the pop. */
		emit_add(e, R9, R13, size);
		emit_load(e, true, R9, R13, 0);
		emit_move(e, R13, R9, false);
	} else {
		emit_load(e, false, R13, R13, 0);
	}
}

/* r10 holds what was popped, since the address may need r8 and r9. */
static void emit_pop_rm(struct emitter *e, const struct x86_insn *insn)
{
	struct host_insn h = { .opcode = 0x89, .p66 = insn->opsize16,
			       .modrm = true, .reg = 10 };

	if (!insn->mem) {
		emit_pop_reg(e, insn, host_reg(insn->rm));
		return;
	}
	emit_load(e, insn->opsize16, 10, R13, 0);
	set_target(e, &h, insn, stack_size(insn));
	emit(e, &h);
	emit_add(e, R13, R13, stack_size(insn));
}

static void emit_leave(struct emitter *e)
{
	emit_load(e, false, R9, X86_EBP, 0);
	emit_add(e, R13, X86_EBP, 4);
	emit_move(e, X86_EBP, R9, false);
}

static void emit_load_selector(struct emitter *e, u8 reg, u8 seg)
{
	emit_cpu_field(e, 1, 0xb7, reg,		/* movzx */
		       CPU(seg) + seg * 8 +
			       (s32)offsetof(struct x86_segment, selector));
}

/* Like the machines of today: the upper half of the slot stays what it was. */
static void emit_push_seg(struct emitter *e, const struct x86_insn *insn)
{
	int size = stack_size(insn);

	emit_load_selector(e, 10, insn->sreg);
	emit_store(e, true, 10, R13, -size);
	emit_add(e, R13, R13, -size);
}

static void emit_mov_from_seg(struct emitter *e, const struct x86_insn *insn)
{
	struct host_insn h = { .opcode = 0x89, .p66 = true, .modrm = true,
			       .reg = 10 };

	emit_load_selector(e, 10, insn->sreg);
	if (insn->mem) {
		set_memory(e, &h, insn, 0);
		emit(e, &h);
	} else {
		emit_move(e, host_reg(insn->rm), 10, insn->opsize16);
	}
}
/*:*/

/*S:555 Segment loads.
 *
 * A kernel loads ds and es at each entry and exit, in case a program has been
 * creative; nearly always with what is there already.  So the block compares,
 * and leaves for C only if there is something to do.  (puppy's getppid() makes
 * four of them.)  ecx is borrowed, since the one jump that needs no flags looks
 * at it. */
static bool is_segment_load(const struct x86_insn *insn)
{
	u16 opcode = insn->map << 8 | insn->opcode;

	if (insn->sreg == X86_SS)
		return false;
	return opcode == 0x8e || opcode == 0x07 || opcode == 0x1f ||
	       opcode == 0x1a1 || opcode == 0x1a9;
}

/* The new selector into r10d. */
static void emit_new_selector(struct emitter *e, const struct x86_insn *insn)
{
	struct host_insn h = { .map = 1, .opcode = 0xb7, .modrm = true,
			       .reg = 10 };		/* movzx r10d, */

	if (!insn->has_modrm) {
		h.mem = h.window = true;
		h.base = R13;
		h.index = -1;
	} else if (insn->mem) {
		set_memory(e, &h, insn, 0);
	} else {
		h.rm = host_reg(insn->rm);
	}
	emit(e, &h);
}

static void emit_segment_load(struct emitter *e, const struct x86_insn *insn)
{
	u8 *hop;

	emit_new_selector(e, insn);
	put_bytes(e, 0xc98949, 3);		/* mov r9, rcx */
	emit_cpu_field(e, 1, 0xb7, X86_ECX,	/* movzx ecx, minus */
		       CPU(seg) + insn->sreg * 8 +
			       (s32)offsetof(struct x86_segment, minus));
	put_bytes(e, 0x110c8d42, 4);		/* lea ecx, [rcx + r10] */
	put_bytes(e, 0xc9b70f, 3);		/* movzx ecx, cx */
	put_bytes(e, 0xe367, 2);		/* jecxz same */
	hop = e->p++;
	put_bytes(e, 0xc9894c, 3);		/* mov rcx, r9 */
	emit_slow(e, insn);
	e->ended = false;
	*hop = e->p - (hop + 1);
	put_bytes(e, 0xc9894c, 3);		/* same: mov rcx, r9 */
	if (!insn->has_modrm)
		emit_add(e, R13, R13, stack_size(insn));
}
/*:*/

/*S:557 The interrupt flag, if the machine has one, is a word of ours.  A kernel
 * plays with it all the time: a Debian that boots does cli, sti and pushf ten
 * times as often as all else that goes to C together.  (Its system calls take
 * 0.85 times as long as with these in C; minima of five pairs.)
 *
 * After sti we look whether an interrupt has been waiting for it.  Not if hlt is
 * next: that would sleep through what it waits for.  So if we can't see what is
 * next, C has to look. */
#define OP_CLI 0xfa
#define OP_STI 0xfb
#define OP_HLT 0xf4

static bool has_flag(const struct emitter *e)
{
	return e->cpu->machine->has_interrupt_flag && !e->unchained;
}

static bool sees_no_hlt(const struct emitter *e)
{
	const u8 *page = e->cpu->memory + (u64)e->block->pfn * PAGE_SIZE;

	return same_page(e->next, e->eip) && page[e->next & ~PAGE_MASK] != OP_HLT;
}

static bool emit_interrupt_flag(struct emitter *e, const struct x86_insn *insn)
{
	if (insn->map || !has_flag(e) || e->block->mode & MODE_USER)
		return false;
	if (insn->opcode == OP_CLI) {
		emit_set_field(e, CPU(interrupt_flag), 0);
		return true;
	}
	if (insn->opcode != OP_STI || !sees_no_hlt(e))
		return false;
	emit_set_field(e, CPU(interrupt_flag), X86_FLAG_IF);
	emit_poll(e, CPU(waiting_poll));
	return true;
}

/* Of the machine's own flags the lower half shows what the Guest has computed, and
 * always IF.  The others, its IF among them, are added to it. */
static bool emit_pushf(struct emitter *e, const struct x86_insn *insn)
{
	if (!has_flag(e))
		return false;
	put_bytes(e, 0x5a419c, 3);		/* pushfq; pop r10 */
	put_bytes(e, 0xd2b70f45, 4);		/* movzx r10d, r10w */
	emit_cpu_field(e, 0, 0x8b, R9, CPU(eflags_kept));
	emit_sum(e, 10, R9, -(s32)X86_FLAG_IF);
	emit_cpu_field(e, 0, 0x8b, R9, CPU(interrupt_flag));
	emit_sum(e, 10, R9, 0);
	emit_push(e, insn, 10);
	return true;
}
/*:*/

/*S:560 Strings.
 *
 * These have no operand that could take a prefix: movs writes through es:edi,
 * and es cannot be moved in 64-bit mode.  So esi and edi become real addresses
 * for the time of the instruction.  The window is aligned to 4 GiB, so cutting
 * the upper half off again gives the Guest's values, also when a fault comes in
 * the middle. */
static bool takes_esp_for_esi(const struct x86_insn *insn)
{
	return !insn->map && !insn->mem &&
	       ((insn->opcode == 0x89 && insn->reg == X86_ESP && insn->rm == X86_ESI) ||
		(insn->opcode == 0x8b && insn->reg == X86_ESI && insn->rm == X86_ESP));
}

/* Linux' system calls move what has just been pushed from one stack to another,
 * with rep movs; which waits until all of it has got to the machine's cache.  One
 * word after the other can be had at once.  (A system call of Debian's in 238 ns,
 * not 380; minima of five pairs.) */
static void emit_copy_by_word(struct emitter *e)
{
	put_bytes(e, 0x09e367, 3);		/* jecxz done */
	put8(e, 0xa5);				/* again: movsd */
	put_bytes(e, 0xff498d, 3);		/* lea ecx, [rcx - 1] */
	put_bytes(e, 0x02e367, 3);		/* jecxz done */
	put_bytes(e, 0xf7eb, 2);		/* jmp again */
}

static void emit_string_insn(struct emitter *e, const struct x86_insn *insn)
{
	if (insn->rep && insn->opcode == 0xa5 && !insn->prefix66 && e->from_stack) {
		emit_copy_by_word(e);
		return;
	}
	if (insn->rep)
		put8(e, insn->rep);
	if (insn->prefix66)
		put8(e, 0x66);
	put8(e, insn->opcode);
}

static void emit_string(struct emitter *e, const struct x86_insn *insn)
{
	bool lods = (insn->opcode & 0xfe) == 0xac;
	bool esi = insn->opcode < 0xa8 || lods;
	bool edi = !lods;

	e->fix = FIX_STRING;
	if (esi)
		put_bytes(e, 0x36348d4a, 4);	/* lea rsi, [rsi + r14] */
	if (edi)
		put_bytes(e, 0x373c8d4a, 4);	/* lea rdi, [rdi + r14] */
	emit_string_insn(e, insn);
	if (esi)
		emit_move(e, X86_ESI, X86_ESI, false);
	if (edi)
		emit_move(e, X86_EDI, X86_EDI, false);
}

static void emit_lea(struct emitter *e, const struct x86_insn *insn)
{
	struct host_insn h = { .opcode = 0x8d, .p66 = insn->opsize16,
			       .modrm = true, .reg = host_reg(insn->reg),
			       .mem = true, .base = host_reg(insn->base),
			       .index = host_reg(insn->index),
			       .scale = insn->scale, .disp = insn->disp };

	if (!insn->addr16) {
		emit(e, &h);
		return;
	}
	emit_address(e, insn, &h);
	emit_move(e, h.reg, R8, insn->opsize16);
}

static void emit_moffs(struct emitter *e, const struct x86_insn *insn)
{
	struct x86_insn as_modrm = *insn;
	struct host_insn h = { .opcode = 0x8a | (insn->opcode & 1),
			       .p66 = insn->opsize16, .modrm = true };

	if (insn->opcode & 2)
		h.opcode ^= 2;
	as_modrm.base = as_modrm.index = -1;
	set_memory(e, &h, &as_modrm, 0);
	emit(e, &h);
}
/*:*/

/*S:565 Counting.
 *
 * The newest machines do small increments while they rename registers, so that
 * these take no time at all; but in 64-bit mode not of 32 bits, whose upper half
 * must become zero.  A loop over bytes then takes a cycle for each, where the same
 * loop natively takes half.  So we increment with 64 bits where we can: the
 * register is "wide" until the block's end, or until someone comes who would mind,
 * and its addresses get their gs: and 67 again.
 *
 * The flags are right, too, but at three values of 2^32: at these SF, ZF, OF and CF
 * belong to bit 31, not bit 63.  So others must overwrite them soon, and a fault
 * before that sets them right.  (strings: 1.25 times native, not 1.61; minima of
 * ten pairs.) */
#define LOOK_AHEAD 3

/* Does @insn set all flags that inc does, and CF if @carry? */
static bool sets_flags(const struct x86_insn *insn, bool carry)
{
	u8 op = insn->opcode, alu = op < 0x40 ? op >> 3 : insn->reg;

	if (insn->kind == X86_INC_DEC)
		return !carry;
	if (insn->kind != X86_COPY || insn->map)
		return false;
	if ((op < 0x40 && (op & 7) < 6) || (op >= 0x80 && op <= 0x83))
		return alu != 2 && alu != 3;	/* adc and sbb want CF */
	return op == 0x84 || op == 0x85 || op == 0xa8 || op == 0xa9;
}

/* Moves of another register than @reg: these don't care for flags. */
static bool only_moves(const struct x86_insn *insn, u8 reg)
{
	u16 opcode = insn->map << 8 | insn->opcode;

	if (insn->kind == X86_LEA)
		return insn->reg != reg;
	if (insn->kind != X86_COPY)
		return false;
	switch (opcode) {
	case 0x88:
	case 0x89:
		return insn->mem;
	case 0x8b:
	case 0x1b6:	/* movzx, movsx */
	case 0x1b7:
	case 0x1be:
	case 0x1bf:
		return insn->reg != reg;
	}
	return false;
}

/* Will nobody see the flags that the instruction in hand sets?  All that decides
 * this has to become part of the same block. */
static bool flags_die(const struct emitter *e, u8 reg, bool carry)
{
	const struct x86_block *b = e->block;
	const u8 *page = e->cpu->memory + (u64)b->pfn * PAGE_SIZE;
	struct x86_insn insn;
	u32 at = e->next;

	if (e->unchained || b->insns + 1 + LOOK_AHEAD > MAX_BLOCK_INSNS ||
	    at - b->eip > MAX_BLOCK_BYTES - LOOK_AHEAD * X86_MAX_INSN)
		return false;
	for (int i = 0; i < LOOK_AHEAD && same_page(at, b->eip); i++) {
		u32 offset = at & ~PAGE_MASK;

		if (!x86_decode(&insn, page + offset, PAGE_SIZE - offset))
			return false;
		if (sets_flags(&insn, carry))
			return true;
		if (!only_moves(&insn, reg))
			return false;
		at += insn.len;
	}
	return false;
}

static void emit_inc_dec(struct emitter *e, const struct x86_insn *insn)
{
	u8 reg = insn->opcode & 7;
	bool dec = insn->opcode & 8;
	bool wide = !insn->opsize16 && reg != X86_ESP &&
		    flags_die(e, reg, false);

	emit(e, &(struct host_insn){ .opcode = 0xff, .p66 = insn->opsize16,
				     .wide = wide, .modrm = true, .reg = dec,
				     .rm = host_reg(reg) });
	if (!wide)
		return;
	e->wide |= 1 << reg;
	e->counted = FIX_COUNTED | (dec ? FIX_DOWN : 0) | reg << FIX_REG_SHIFT;
}

/* add $1 and sub $1 of a register, which compilers like better than inc and dec,
 * the same way. */
static bool counts(const struct x86_insn *insn)
{
	return insn->opcode == 0x83 && !insn->map && !insn->mem &&
	       !insn->opsize16 && insn->imm == 1 && insn->rm != X86_ESP &&
	       (insn->reg == 0 || insn->reg == 5);
}

static bool emit_count(struct emitter *e, const struct x86_insn *insn)
{
	if (!counts(insn) || !flags_die(e, insn->rm, true))
		return false;
	emit(e, &(struct host_insn){ .opcode = 0x83, .wide = true, .modrm = true,
				     .reg = insn->reg, .rm = insn->rm, .imm = 1,
				     .imm_len = 1 });
	e->wide |= 1 << insn->rm;
	e->counted = FIX_COUNTED | FIX_CARRY | (insn->reg ? FIX_DOWN : 0) |
		     insn->rm << FIX_REG_SHIFT;
	return true;
}

/* Who doesn't mind wide registers: 32-bit operations, and exits that clean up. */
static bool minds_wide(const struct x86_insn *insn)
{
	u8 kind = insn->kind;

	return insn->fpu || (kind != X86_COPY && kind != X86_LEA &&
			     kind != X86_INC_DEC && kind != X86_JCC);
}
/*:*/

/*S:570 Control. */
static void emit_call_push(struct emitter *e)
{
	emit_push_imm(e, e->next, false);
}

static void emit_ret(struct emitter *e, const struct x86_insn *insn)
{
	emit_load(e, false, R8, R13, 0);
	emit_add(e, R13, R13, 4 + insn->imm);
	emit_goto_r8(e);
}

/* On past a conditional jump: most go the straight way, or at least half of
 * them do.  (Gained 20 to 25 % on recursive calls and a switch interpreter when
 * this design was tried.)  One that goes back to the block's start closes a
 * loop; that goes on in the loop, so that the poll at the entry is shared by as
 * many rounds as fit into a block.  (With jumps followed likewise: strings 7 %,
 * recursion 5 %, sieve 3 %; best of five pairs.) */
static void emit_jcc(struct emitter *e, const struct x86_insn *insn)
{
	u32 target = e->next + insn->imm;
	bool loop = target == e->block->eip && can_follow(e, target);

	put8(e, 0x0f);
	put8(e, 0x80 | ((insn->opcode & 15) ^ loop));
	put32(e, 0);
	add_side_exit(e, loop ? e->next : target);
	if (loop)
		e->next = target;
}

static void emit_jmp(struct emitter *e, const struct x86_insn *insn)
{
	u32 target = e->next + insn->imm;

	if (can_follow(e, target))
		e->next = target;
	else
		emit_goto(e, target);
}

/* loop and jecxz reach 127 bytes only, so they hop over a long jump. */
static void emit_loop(struct emitter *e, const struct x86_insn *insn)
{
	put8(e, 0x67);
	put8(e, insn->opcode);
	put8(e, 2);
	put_bytes(e, 0x05eb, 2);
	put8(e, 0xe9);
	put32(e, 0);
	add_side_exit(e, e->next + insn->imm);
}

static void emit_fpu_check(struct emitter *e)
{
	if (!e->fpu_checked)
		emit_poll(e, CPU(fpu_poll));
	e->fpu_checked = true;
}

static void emit_insn(struct emitter *e, const struct x86_insn *insn)
{
	if (minds_wide(insn))
		emit_clean(e);
	if (insn->fpu)
		emit_fpu_check(e);
	switch ((enum x86_kind)insn->kind) {
	case X86_COPY:
		if (!emit_count(e, insn))
			emit_copy(e, insn);
		e->from_stack |= takes_esp_for_esi(insn);
		break;
	case X86_NOP:
		break;
	case X86_LEA:
		emit_lea(e, insn);
		break;
	case X86_INC_DEC:
		emit_inc_dec(e, insn);
		break;
	case X86_MOFFS:
		emit_moffs(e, insn);
		break;
	case X86_PUSH_REG:
		emit_push(e, insn, host_reg(insn->opcode & 7));
		break;
	case X86_POP_REG:
		emit_pop_reg(e, insn, host_reg(insn->opcode & 7));
		break;
	case X86_PUSH_IMM:
		emit_push_imm(e, insn->imm, insn->opsize16);
		break;
	case X86_PUSH_RM:
		emit_load_operand(e, insn, 10);
		emit_push(e, insn, 10);
		break;
	case X86_POP_RM:
		emit_pop_rm(e, insn);
		break;
	case X86_PUSH_SEG:
		emit_push_seg(e, insn);
		break;
	case X86_LEAVE:
		emit_leave(e);
		break;
	case X86_MOV_FROM_SEG:
		emit_mov_from_seg(e, insn);
		break;
	case X86_JCC:
		emit_jcc(e, insn);
		break;
	case X86_JMP:
		emit_jmp(e, insn);
		break;
	case X86_CALL:
		emit_call_push(e);
		emit_goto(e, e->next + insn->imm);
		break;
	case X86_LOOP:
		emit_loop(e, insn);
		break;
	case X86_JMP_RM:
		emit_load_operand(e, insn, R8);
		emit_goto_r8(e);
		break;
	case X86_CALL_RM:
		emit_load_operand(e, insn, R8);
		emit_call_push(e);
		emit_goto_r8(e);
		break;
	case X86_RET:
		emit_ret(e, insn);
		break;
	case X86_STRING:
		/* A debugger sees each round. */
		if (e->alone && insn->rep)
			emit_slow(e, insn);
		else
			emit_string(e, insn);
		break;
	case X86_XLAT:
		put_bytes(e, 0xd76765, 3);
		break;
	case X86_EMULATE:
		if (is_segment_load(insn))
			emit_segment_load(e, insn);
		else
			emit_slow(e, insn);
		break;
	case X86_PUSHF:
		if (!emit_pushf(e, insn))
			emit_slow(e, insn);
		break;
	case X86_PRIVILEGED:
		if (!emit_interrupt_flag(e, insn))
			emit_slow(e, insn);
		break;
	case X86_POPF:
	case X86_UNDEFINED:
		emit_slow(e, insn);
		break;
	}
}
/*:*/

/*S:580 A block: on until something ends it.  Each instruction leaves a mark, so
 * that a fault in the middle of the host code can be told as what it was. */
static void mark_insn(struct emitter *e, const u8 *start, u8 fix)
{
	struct x86_cache *c = e->cache;

	c->marks[c->nmarks++] = (struct x86_mark){
		.host = start - (c->rw + e->block->code),
		.guest = e->eip - e->block->eip,
		.fix = fix,
	};
	e->block->insns++;
}

static void translate_insn(struct emitter *e, const struct x86_insn *insn)
{
	u8 *start = e->p, counted = e->counted;

	e->next = e->eip + insn->len;
	e->fix = FIX_NONE;
	if (counted && sets_flags(insn, counted & FIX_CARRY))
		e->counted = 0;
	emit_insn(e, insn);
	mark_insn(e, start, e->fix | counted);
	if (e->eip + insn->len - e->block->eip > e->block->len)
		e->block->len = e->eip + insn->len - e->block->eip;
	e->eip = e->next;
}

static bool block_is_full(const struct emitter *e)
{
	return e->block->insns == MAX_BLOCK_INSNS ||
	       e->eip - e->block->eip > MAX_BLOCK_BYTES - X86_MAX_INSN ||
	       e->nexits == MAX_SIDE_EXITS ||
	       !same_page(e->eip, e->block->eip);
}

static void emit_head(struct emitter *e)
{
	emit_indirect_entry(e);
	e->block->code = e->p - e->cache->rw;
	emit_poll(e, CPU(poll));
}

static void emit_tail(struct emitter *e)
{
	emit_side_exits(e);
	e->block->tail = e->p - e->cache->rw;
	put_bytes(e, 0xb841, 2);		/* mov r8d, eip */
	put32(e, e->block->eip);
	emit_table_jump(e);
	e->block->end = e->p - e->cache->rw;
}

/* The rest of the block, as long as it stays in the page.  An instruction that
 * reaches into the next page becomes a block of its own. */
static void translate_on(struct emitter *e, u32 pfn, bool restless)
{
	struct x86_insn insn;
	const u8 *page = e->cpu->memory + (u64)pfn * PAGE_SIZE;

	while (!e->ended && !block_is_full(e)) {
		u32 offset = e->eip & ~PAGE_MASK;

		if (!x86_decode(&insn, page + offset, PAGE_SIZE - offset))
			break;
		translate_insn(e, &insn);
		if (restless && insn.writes_mem)
			break;
	}
}

struct x86_block *x86_translate(struct x86_cpu *cpu, u32 eip, u32 pfn,
				bool alone, bool restless)
{
	struct x86_cache *c = cpu->cache;
	struct x86_block *b = &c->blocks[c->nblocks];
	struct emitter e = { .cpu = cpu, .cache = c, .block = b, .eip = eip,
			     .p = c->rw + c->used,
			     .alone = alone,
			     .unchained = alone || restless,
			     .wraps = c->pages[pfn].wraps };
	struct x86_insn insn;
	u32 pfn2;

	if (!x86_fetch_insn(cpu, eip, pfn, &insn, &pfn2))
		return NULL;
	*b = (struct x86_block){ .eip = eip, .pfn = pfn, .pfn2 = pfn2,
				 .marks = c->nmarks, .slow = c->nslow };
	b->mode = (cpu->view->user ? MODE_USER : 0) |
		  (cpu->view->linear ? MODE_LINEAR : 0);
	emit_head(&e);
	translate_insn(&e, &insn);
	if (!alone && pfn2 == NO_PAGE && !(restless && insn.writes_mem))
		translate_on(&e, pfn, restless);
	if (!e.ended)
		emit_goto(&e, e.eip);
	emit_tail(&e);
	b->fpu = e.fpu_checked;
	c->used = (b->end + 15) & ~15u;
	c->nblocks++;
	c->translated++;
	if (X86_CHECK)
		x86_must_be_harmless(cpu, b);
	return b;
}
/*:*/

/*S:590 The stubs that all blocks share.  The first stands at offset 0, where
 * empty slots of the jump table lead. */
static void emit_leave_for(struct emitter *e, enum x86_exit why)
{
	emit_set_field(e, CPU(exit), why);
	put_bytes(e, 0x25ff, 2);		/* jmp [rip + 0] */
	put32(e, 0);
	put_bytes(e, (u64)(uintptr_t)x86_leave, 8);
}

static void emit_link(struct emitter *e)
{
	put_bytes(e, 0x8f894d, 3);		/* mov [r15 + link], r9 */
	put32(e, CPU(link));
}

void x86_emit_stubs(struct x86_cache *cache)
{
	struct emitter e = { .cache = cache, .p = cache->rw };

	emit_cpu_field(&e, 0, 0x89, R8, CPU(eip));
	cache->stub_lookup = e.p;
	emit_leave_for(&e, EXIT_LOOKUP);
	cache->stub_chain = e.p;
	emit_link(&e);
	emit_leave_for(&e, EXIT_CHAIN);
	cache->stub_slow = e.p;
	emit_link(&e);
	emit_leave_for(&e, EXIT_SLOW);
	cache->used = cache->first = (e.p - cache->rw + 15) & ~15ul;
}
/*:*/
