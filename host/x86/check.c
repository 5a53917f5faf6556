/*S:670 The checker: what if translate.c has a bug?
 *
 * Then a Guest could read our memory, or jump anywhere in it.  So under test and
 * in a debug build nobody has to take translate.c's word.  Each block is taken
 * apart again as what it is by now, a piece of 64-bit code, and must prove that
 *
 *  - Guest memory is reached as gs: with a 32-bit address; as r14 with a register
 *    whose upper half is zero, scaled, and a displacement which isn't far below
 *    zero; by string instructions between the two leas and moves that make pointers
 *    of esi and edi and cut them again; and in no other way (one address that
 *    can't be, though, will do);
 *  - of struct x86_cpu only a few fields are touched, through r15;
 *  - it ends by going to another block's entry or tail, through the jump table or to a
 *    stub, and every jump within it leads to the start of an instruction;
 *  - the registers that are ours are neither read nor written, and the upper
 *    halves of the Guest's are zero when the block ends and wherever it counts.
 *
 * This file shares nothing with decode.c, which knows 32-bit code and is one of
 * the suspects.  It's short since it needs to know only what translate.c may
 * emit: all else is an error. :*/
#include <sys/syscall.h>

#include "cache.h"
#include "raw.h"

#define R8 8
#define R9 9
#define R13 13
#define R14 14
#define R15 15
#define STDERR 2
#define MAX_CODE 65536u

/* One host instruction. */
struct code {
	bool gs, addr32, opsize16, lock;
	u8 rep, rex;
	u8 opcode;
	u16 number;	/* of it: the map in the upper byte */
	u8 form;
	bool has_modrm, mem, rip;
	u8 reg, rm;
	s8 base, index;
	s32 disp;
	u8 imm;			/* its first byte */
	u32 len;
};

struct checker {
	const struct x86_cpu *cpu;
	const struct x86_cache *cache;
	const struct x86_block *block;
	const u8 *rw;
	u32 at, end;		/* offsets in the cache */
	const char *wrong;
	u16 clean;		/* registers whose upper half is zero */
	u8 parked;		/* what r9 has the original of: ecx, esi or 0 */
	bool nowhere;		/* r8 is no address at all */
	bool open;		/* the next instruction can be reached from here */
	u32 hop;		/* a jecxz leads there, with r9 as it was */
	u8 hop_parked;
	u8 starts[MAX_CODE / 8], targets[MAX_CODE / 8];
};
/*:*/

/*S:672 What may be there at all, one letter for each opcode.  A dash: nothing of
 * the kind, or something that stands only in the sequences further down.
 *
 *	b v	ModRM: two general registers, of bytes or wider
 *	m	ModRM: a wider one and a byte
 *	i j z	ModRM: a byte, or wider, with an immediate of 1, 1, 2 or 4 bytes
 *	J Z	ModRM: two general registers and an immediate
 *	e E	ModRM: one byte register, one wider one
 *	g h	same, with an immediate if ModRM.reg says "test"
 *	f	x87
 *	l	lea
 *	. 1 4	nothing, or just an immediate
 *	o O x	a register in the opcode, a byte or more, with or without immediate
 *	V W	ModRM: two vector registers; and an immediate
 *	G H	ModRM: a general register and a vector; and an immediate
 *	R Q	ModRM: a vector and a general register; and an immediate
 *	S T U	one of these, as the prefix says
 *	A K C	the odd ones: 0f ae, 0f c7, 0f 38 f0 */
static const char one_byte[] =
	"bvbv14--bvbv14--" "bvbv14--bvbv14--"
	"bvbv14--bvbv14--" "bvbv14--bvbv14--"
	"----------------" "----------------"
	"---------Z-J----" "----------------"
	"iz-jbvbvbvbv-l--" ".xxxxxxx..-.--.."
	"--------14------" "ooooooooOOOOOOOO"
	"ij----iz--------" "eEeE----ffffffff"
	"----------------" "-----.gh..--..eE";

static const char after_0f[] =
	"----------------" "VVVVVVVV--------"
	"--------VVSVTTVV" "-.--------------"
	"vvvvvvvvvvvvvvvv" "GVVVVVVVVVVVVVVV"
	"VVVVVVVVVVVVVVRV" "WWWWVVV.----VVUV"
	"----------------" "eeeeeeeeeeeeeeee"
	"---vJv-----vJvAv" "bv-v--mvv-jvvvmv"
	"bvWvQHWKxxxxxxxx" "VVVVVVVGVVVVVVVV"
	"VVVVVVVVVVVVVVVV" "VVVVVVV-VVVVVVV-";

static char after_0f38(u8 opcode)
{
	if (opcode <= 0x0b || (opcode >= 0x10 && opcode <= 0x41))
		return 'V';
	return opcode == 0xf0 || opcode == 0xf1 ? 'C' : '-';
}

static char after_0f3a(u8 opcode)
{
	if ((opcode >= 0x14 && opcode <= 0x17) || opcode == 0x20 ||
	    opcode == 0x22)
		return 'Q';
	return (opcode >= 0x08 && opcode <= 0x0f) ||
	       (opcode >= 0x21 && opcode <= 0x63) ? 'W' : '-';
}

/* Selected by a prefix: memory and general registers with f3 and f2. */
static char by_prefix(const struct code *c, char form)
{
	switch (form) {
	case 'S': return c->rep ? 'R' : 'V';
	case 'T': return c->rep ? 'G' : 'V';
	case 'U': return c->rep ? 'V' : 'R';
	}
	return form;
}
/*:*/

/*S:674 Taking apart, the 64-bit way (SDM 2A:2.2): a REX byte between prefixes and
 * opcode, displacements that count from rip. */
static u32 prefixes(struct code *c, const u8 *p)
{
	u32 n = 0;

	for (;; n++) {
		switch (p[n]) {
		case 0x65: c->gs = true; break;
		case 0x66: c->opsize16 = true; break;
		case 0x67: c->addr32 = true; break;
		case 0xf0: c->lock = true; break;
		case 0xf2:
		case 0xf3: c->rep = p[n]; break;
		case 0x40 ... 0x4f:
			c->rex = p[n];
			return n + 1;
		default:
			return n;
		}
	}
}

static u32 opcode(struct code *c, const u8 *p)
{
	u32 map = 0, n = 0;

	if (p[0] == 0x0f) {
		map = p[1] == 0x38 ? 2 : p[1] == 0x3a ? 3 : 1;
		n = map > 1 ? 2 : 1;
	}
	c->opcode = p[n];
	c->number = map << 8 | c->opcode;
	switch (map) {
	case 0: c->form = one_byte[c->opcode]; break;
	case 1: c->form = after_0f[c->opcode]; break;
	case 2: c->form = after_0f38(c->opcode); break;
	case 3: c->form = after_0f3a(c->opcode); break;
	}
	c->form = by_prefix(c, c->form);
	return n + 1;
}

static u32 sib(struct code *c, u8 byte)
{
	c->index = (byte >> 3 & 7) | (c->rex & 2) << 2;
	if (c->index == 4)
		c->index = -1;
	c->base = (byte & 7) | (c->rex & 1) << 3;
	return 1;
}

static u32 modrm(struct code *c, const u8 *p)
{
	u8 mod = p[0] >> 6, rm = p[0] & 7;
	u32 n = 1;

	c->has_modrm = true;
	c->reg = (p[0] >> 3 & 7) | (c->rex & 4) << 1;
	c->rm = rm | (c->rex & 1) << 3;
	c->mem = mod != 3;
	c->base = c->index = -1;
	if (!c->mem)
		return n;
	if (rm == 4)
		n += sib(c, p[1]);
	else
		c->base = c->rm;
	if (mod == 0 && (c->base & 7) == 5) {
		c->rip = rm == 5;
		c->base = -1;
		mod = 2;
	}
	if (mod == 1)
		c->disp = (s8)p[n];
	else if (mod == 2)
		c->disp = *(const s32 *)(p + n);
	return n + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static u32 immediate(const struct code *c)
{
	u32 wide = c->opsize16 ? 2 : 4;

	switch (c->form) {
	case 'i': case 'j': case 'J': case '1': case 'o':
	case 'W': case 'H': case 'Q':
		return 1;
	case 'z': case 'Z': case '4': case 'O':
		return wide;
	case 'g':
		return (c->reg & 7) < 2 ? 1 : 0;
	case 'h':
		return (c->reg & 7) < 2 ? wide : 0;
	}
	return 0;
}

static bool form_has_modrm(char form)
{
	switch (form) {
	case '-': case '.': case '1': case '4': case 'o': case 'O': case 'x':
		return false;
	}
	return true;
}

static void take_apart(struct code *c, const u8 *p)
{
	*c = (struct code){ 0 };
	c->len = prefixes(c, p);
	c->len += opcode(c, p + c->len);
	if (form_has_modrm(c->form))
		c->len += modrm(c, p + c->len);
	c->imm = p[c->len];
	c->len += immediate(c);
}
/*:*/

/*S:676 Registers.  The Guest's are eax to edi without esp, which is r13, and there
 * are three to scribble on.  With REX there are no ah to bh, but something else of
 * the same number that nobody ordered. */
#define OF_THE_GUEST (0xff | 1 << R13)

static bool may_use(s8 reg)
{
	return reg < 8 ? reg != 4 : reg <= 10 || reg == R13;
}

static bool may_use_byte(const struct code *c, u8 reg)
{
	return c->rex ? reg < 4 : reg < 8;
}

static bool vector(u8 reg)
{
	return reg < 8;
}

/* ModRM.reg... */
static bool good_reg(const struct code *c)
{
	switch (c->form) {
	case 'b':
		return may_use_byte(c, c->reg);
	case 'v': case 'm': case 'J': case 'Z': case 'l': case 'G': case 'H':
	case 'C':
		return may_use(c->reg);
	}
	return vector(c->reg);	/* or part of the opcode */
}

/* ... and ModRM.rm. */
static bool good_rm(const struct code *c)
{
	switch (c->form) {
	case 'b': case 'm': case 'i': case 'e': case 'g':
		return may_use_byte(c, c->rm);
	case 'v': case 'j': case 'J': case 'z': case 'Z': case 'E': case 'h':
	case 'R': case 'Q':
		return may_use(c->rm);
	case 'C':
		return c->opcode & 1 ? may_use(c->rm) : may_use_byte(c, c->rm);
	case 'l':
		return false;
	case 'K':
		return c->reg == 6 && may_use(c->rm);	/* rdrand */
	case 'A':
		return c->reg >= 5;			/* fences */
	}
	return vector(c->rm);
}

static bool good_opcode_reg(const struct code *c)
{
	u8 reg = (c->opcode & 7) | (c->rex & 1) << 3;

	if (c->form == 'o')
		return may_use_byte(c, reg);
	return (c->form != 'O' && c->form != 'x') || may_use(reg);
}

/* Some groups have members that are no friends of ours: calls and jumps, the
 * beginning of a transaction, xsave. */
static bool good_member(const struct code *c)
{
	u8 reg = c->reg & 7;

	switch (c->number) {
	case 0xc6: case 0xc7:
		return reg == 0;
	case 0xfe: case 0xff:
		return reg < 2;
	case 0x1ba:
		return reg >= 4;
	case 0x1ae:
		return !c->mem || reg == 2 || reg == 3 || reg == 7;
	case 0x1c7:
		return c->mem ? reg == 1 : reg == 6;
	}
	return true;
}
/*:*/

/*S:678 Memory: the Guest's, or one of our fields. */
#define FIELD(name) offsetof(struct x86_cpu, name), \
	offsetof(struct x86_cpu, name) + sizeof(((struct x86_cpu *)0)->name)

static const struct {
	u32 start, end;
	bool written;
} fields[] = {
	{ FIELD(eip), true },
	{ FIELD(interrupt_flag), true },
	{ FIELD(eflags_kept), false },
	{ FIELD(seg), false },
};

static bool good_field(const struct code *c)
{
	bool load = c->number == 0x8b || c->number == 0x1b7;
	bool store = c->number == 0x89 || c->number == 0xc7;

	if (c->index >= 0 || c->gs || c->addr32 || c->opsize16)
		return false;
	for (u32 i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if ((u32)c->disp >= fields[i].start &&
		    (u32)c->disp + (c->number == 0x1b7 ? 2 : 4) <= fields[i].end)
			return load || (store && fields[i].written);
	return false;
}

static bool good_address(const struct code *c)
{
	return !c->rip && (c->base < 0 || may_use(c->base)) &&
	       (c->index < 0 || may_use(c->index));
}

/* [r14 + register * scale + disp]: from a bit below the window to 34 GiB above
 * its start, and windows.c keeps that free. */
#define LEAST_DISP -65536

static bool good_window(const struct checker *k, const struct code *c)
{
	if (c->gs || c->addr32)
		return false;
	if (c->index < 0)
		return c->disp >= 0;
	return may_use(c->index) && k->clean >> c->index & 1 &&
	       c->disp >= LEAST_DISP;
}

static bool good_memory(const struct checker *k, const struct code *c)
{
	if (c->form == 'l')
		return !c->gs && !c->addr32 && good_address(c);
	if (c->base == R15)
		return good_field(c);
	if (c->base == R14)
		return good_window(k, c);
	if (c->base == R8 && k->nowhere)
		return !c->gs && !c->addr32 && c->index < 0 && !c->disp;
	return c->gs && c->addr32 && good_address(c);
}

/* The only ones with 64 bits: up or down by one. */
static bool counts(const struct code *c)
{
	if (c->mem || c->rm >= 8 || c->opsize16)
		return false;
	return (c->number == 0xff && c->reg < 2) ||
	       (c->number == 0x83 && (c->reg == 0 || c->reg == 5) &&
		c->imm == 1);
}

static const char *examine(const struct checker *k, const struct code *c)
{
	if (c->form == '-')
		return "an instruction that has no business here";
	if (c->rex & 8 && !counts(c))
		return "64 bits";
	if (!good_member(c))
		return "the wrong member of a group";
	if (!good_opcode_reg(c) || (c->has_modrm && !good_reg(c)) ||
	    (c->has_modrm && !c->mem && !good_rm(c)))
		return "a register that is ours";
	if (c->mem && !good_memory(k, c))
		return "memory that is not the Guest's";
	return NULL;
}

/* What it does to upper halves: mov, movzx and lea clear them. */
static void follow(struct checker *k, const struct code *c)
{
	u8 reg = c->form == 'O' ? (c->opcode & 7) | (c->rex & 1) << 3 : c->reg;
	bool writes = c->form == 'O' || c->number == 0x8b ||
		      c->number == 0x8d || c->number == 0x1b7;

	if (reg == R9 || (!c->mem && c->has_modrm && c->rm == R9))
		k->parked = 0;
	if (writes && !c->opsize16)
		k->clean |= 1 << reg;
	if (c->rex & 8)
		k->clean &= ~(1 << c->rm);
}

static u16 dirty(const struct checker *k)
{
	return OF_THE_GUEST & ~k->clean;
}
/*:*/

/*S:680 The few known sequences, in hex with dots for what varies.  Each is one
 * thing: nothing can jump into its middle. */
static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* How many bytes @pattern has if the code is like that, else 0. */
static u32 is(const struct checker *k, const char *pattern)
{
	const u8 *p = k->rw + k->at;
	u32 n = 0;

	for (; *pattern; pattern++) {
		if (*pattern == ' ')
			continue;
		if (*pattern != '.' &&
		    p[n] != (digit(pattern[0]) << 4 | digit(pattern[1])))
			return 0;
		pattern++;
		n++;
	}
	return n;
}

static bool take(struct checker *k, const char *pattern)
{
	u32 n = is(k, pattern);

	k->at += n;
	return n;
}

static u32 word(const struct checker *k, u32 at)
{
	return *(const u32 *)(k->rw + at);
}

static bool complain(struct checker *k, const char *why)
{
	if (!k->wrong)
		k->wrong = why;
	return false;
}

static void note(u8 *bits, const struct checker *k, u32 at)
{
	u32 n = at - (k->block->code - INDIRECT_ENTRY_SIZE);

	bits[n / 8] |= 1 << n % 8;
}

static void all_clean(struct checker *k)
{
	if (dirty(k))
		complain(k, "a register that is wide at large");
}

/* Somebody may have made the pointer bad, to get us out. */
static bool poll(struct checker *k)
{
	u32 field = k->rw[k->at + 3];

	if (is(k, "4d8b8f........ 458b09"))
		field = word(k, k->at + 3);
	if (!take(k, "4d8b4f.. 458b09") && !take(k, "4d8b8f........ 458b09"))
		return false;
	if (field != offsetof(struct x86_cpu, poll) &&
	    field != offsetof(struct x86_cpu, fpu_poll) &&
	    field != offsetof(struct x86_cpu, waiting_poll))
		complain(k, "a poll of something else");
	k->parked = 0;
	k->clean |= 1 << R9;
	return true;
}

static bool table_jump(struct checker *k)
{
	if (!take(k, "4f630c84 4f8d0c19 41ffe1"))
		return false;
	if (!(k->clean >> R8 & 1))
		complain(k, "r8 may be beyond the table");
	all_clean(k);
	k->open = false;
	return true;
}

/* r8 is where nobody can be, for the next instruction. */
static void nowhere(struct checker *k)
{
	k->nowhere = take(k, "49b9 00000000 00000080 4f8d0408");
	if (!k->nowhere)
		return;
	k->clean &= ~(1 << R8 | 1 << R9);
	k->parked = 0;
}

/* r9 keeps what ecx or esi had, and gives it back. */
static bool parking(struct checker *k)
{
	if (take(k, "4989c9"))
		k->parked = X86_ECX;
	else if (take(k, "4989f1"))
		k->parked = X86_ESI;
	else if (is(k, "4c89c9") || is(k, "4c89ce")) {
		if (k->parked != (is(k, "4c89c9") ? X86_ECX : X86_ESI))
			complain(k, "r9 holds something else");
		k->at += 3;
	} else
		return false;
	return true;
}

/* The flags into r10. */
static bool flags(struct checker *k)
{
	if (!take(k, "9c 415a"))
		return false;
	k->clean &= ~(1 << 10);
	return true;
}

static bool string(struct checker *k)
{
	u32 start = k->at;
	bool si = take(k, "4a8d3436"), di = take(k, "4a8d3c37");
	bool lods, only_di, copies;

	if (!si && !di)
		return false;
	all_clean(k);
	copies = take(k, "67e309 a5 8d49ff 67e302 ebf7");
	if (!copies && (take(k, "f2") || take(k, "f3")))
		k->open = true;
	if (!copies)
		take(k, "66");
	lods = take(k, "ac") || take(k, "ad");
	only_di = !lods && (take(k, "aa") || take(k, "ab") || take(k, "ae") ||
			    take(k, "af"));
	if (!copies && !lods && !only_di && !take(k, "a4") && !take(k, "a5") &&
	    !take(k, "a6") && !take(k, "a7"))
		return complain(k, "pointers without a string");
	if (si == only_di || di == lods || (si && !take(k, "8bf6")) ||
	    (di && !take(k, "8bff"))) {
		k->at = start;
		return complain(k, "a string without its pointers");
	}
	return true;
}

static bool xlat(struct checker *k)
{
	return take(k, "6567d7");
}
/*:*/

/*S:682 Jumps. */
static bool inside(const struct checker *k, u32 target)
{
	return target >= k->block->code - INDIRECT_ENTRY_SIZE &&
	       target < k->end;
}

static bool is_stub(const struct checker *k, u32 target)
{
	const u8 *p = k->rw + target;

	return !target || p == k->cache->stub_lookup;
}

static bool is_entry(const struct checker *k, u32 target)
{
	const struct x86_block *b =
		x86_block_at(k->cpu, (u64)k->cache->rx + target);

	return b && (b->code == target || b->tail == target);
}

/* Are wide registers moved to themselves at @target first of all? */
static bool cleans_up(const struct checker *k, u32 target)
{
	for (u8 reg = 0; reg < 8; reg++) {
		if (!(dirty(k) >> reg & 1))
			continue;
		while (k->rw[target] == 0x8b && k->rw[target + 1] < (0xc0 | reg * 9))
			target += 2;
		if (k->rw[target] != 0x8b || k->rw[target + 1] != (0xc0 | reg * 9))
			return false;
	}
	return true;
}

/* A jump that may be taken. */
static void jump_to(struct checker *k, u32 target)
{
	if (!inside(k, target) || target == k->block->code || !cleans_up(k, target))
		all_clean(k);
	if (target == k->block->code)
		return;
	if (inside(k, target))
		note(k->targets, k, target);
	else if (!is_stub(k, target) && !is_entry(k, target))
		complain(k, "a jump to nowhere");
}

static u32 rel32(struct checker *k)
{
	k->at += 4;
	return k->at + word(k, k->at - 4);
}

/* C wants to know in r9 which jump brought us there. */
static bool chain_stub(struct checker *k)
{
	u32 site;

	if (!is(k, "4c8d0d........ e9........"))
		return false;
	k->at += 3;
	site = rel32(k);
	k->at++;
	if (k->rw + rel32(k) != k->cache->stub_chain)
		return complain(k, "r9 has a pointer");
	if (!inside(k, site) ||
	    (k->rw[site - 1] != 0xe9 && (k->rw[site - 1] & 0xf0) != 0x80))
		complain(k, "no jump to be chained");
	else
		note(k->targets, k, site - (k->rw[site - 1] == 0xe9 ? 1 : 2));
	all_clean(k);
	k->open = false;
	return true;
}

/* ... and which of the slow instructions it is. */
static bool slow_stub(struct checker *k)
{
	u32 number;

	if (!is(k, "41b9........ e9........"))
		return false;
	number = word(k, k->at + 2);
	k->at += 7;
	if (k->rw + rel32(k) != k->cache->stub_slow)
		return complain(k, "where does this go?");
	if (number >= k->cache->nslow || number < k->block->slow)
		complain(k, "no such slow instruction");
	all_clean(k);
	k->open = false;
	return true;
}

static bool jump(struct checker *k)
{
	if (take(k, "e9")) {
		jump_to(k, rel32(k));
		k->open = false;
	} else if (k->rw[k->at] == 0x0f && (k->rw[k->at + 1] & 0xf0) == 0x80) {
		k->at += 2;
		jump_to(k, rel32(k));
	} else
		return false;
	return true;
}

/* loop and its sisters hop over a long jump... */
static bool loop(struct checker *k)
{
	if (k->rw[k->at] != 0x67 || (k->rw[k->at + 1] & 0xfc) != 0xe0)
		return false;
	if (!is(k, "67..02 eb05 e9"))
		return false;
	k->at += 6;
	note(k->starts, k, k->at - 1);
	jump_to(k, rel32(k));
	return true;
}

/* ... or jecxz over the way to the slow stub. */
static bool hop(struct checker *k)
{
	if (!is(k, "67e3"))
		return false;
	all_clean(k);
	k->hop = k->at + 3 + k->rw[k->at + 2];
	k->hop_parked = k->parked;
	k->at += 3;
	note(k->targets, k, k->hop);
	return true;
}
/*:*/

/*S:684 A whole block.  In front of its entry is room for a jump: a dead block has
 * got two, over what once was there. */
static void indirect_entry(struct checker *k)
{
	u32 start = k->at;

	if (k->block->dead) {
		if (!take(k, "e9") || rel32(k) != 0)
			complain(k, "a dead block lives");
	} else if (!is(k, "0f1f440000")) {
		complain(k, "not the entry that it should have");
	}
	k->at = start + INDIRECT_ENTRY_SIZE;
}

static void entry(struct checker *k)
{
	u32 start = k->at;

	note(k->starts, k, start);
	if (k->block->dead) {
		if (!take(k, "e9") || rel32(k) != k->block->tail)
			complain(k, "a dead block lives");
		note(k->targets, k, k->block->tail);
		k->at = start + 7;
	} else if (!poll(k)) {
		complain(k, "no poll");
	}
}

static void plain_insn(struct checker *k)
{
	struct code c;
	const char *why;

	take_apart(&c, k->rw + k->at);
	why = examine(k, &c);
	if (why)
		complain(k, why);
	follow(k, &c);
	k->at += c.len;
}

static void next(struct checker *k)
{
	bool joined = k->at == k->hop;

	if (joined || !k->open) {
		k->parked = joined ? k->hop_parked : 0;
		k->clean = OF_THE_GUEST;
	}
	note(k->starts, k, k->at);
	k->open = true;
	if (poll(k) || table_jump(k) || parking(k) || flags(k) || string(k) || xlat(k) ||
	    chain_stub(k) || slow_stub(k) || jump(k) || loop(k) || hop(k))
		return;
	nowhere(k);
	if (!k->wrong)
		plain_insn(k);
}

static bool targets_are_starts(const struct checker *k)
{
	for (u32 i = 0; i < MAX_CODE / 8; i++)
		if (k->targets[i] & ~k->starts[i])
			return false;
	return true;
}

static bool marks_are_starts(const struct checker *k)
{
	const struct x86_mark *marks = &k->cache->marks[k->block->marks];
	u32 i, at;

	for (i = 0; i < k->block->insns; i++) {
		at = marks[i].host + INDIRECT_ENTRY_SIZE;
		if (!(k->starts[at / 8] >> at % 8 & 1) &&
		    marks[i].host + k->block->code != k->end)
			return false;
	}
	return true;
}

const char *x86_check_block(const struct x86_cpu *cpu, const struct x86_block *b,
			    u32 *where)
{
	static struct checker k;

	k = (struct checker){ .cpu = cpu, .cache = cpu->cache, .block = b,
			      .rw = cpu->cache->rw, .end = b->end,
			      .at = b->code - INDIRECT_ENTRY_SIZE };
	if (b->end - k.at > MAX_CODE)
		return "too long";
	*where = k.at;
	k.clean = OF_THE_GUEST;
	indirect_entry(&k);
	entry(&k);
	k.open = true;
	while (!k.wrong && k.at < k.end) {
		*where = k.at;
		next(&k);
	}
	if (!k.wrong && (k.open || k.at != k.end))
		complain(&k, "it runs on");
	if (!k.wrong && !targets_are_starts(&k))
		complain(&k, "a jump into the middle of something");
	if (!k.wrong && !marks_are_starts(&k))
		complain(&k, "a mark in the middle of something");
	return k.wrong;
}
/*:*/

/*S:686 Who finds something says so, and that's the end. */
static void say(const char *text)
{
	u32 len = 0;

	while (text[len])
		len++;
	raw_syscall(SYS_write, STDERR, (long)text, len, 0, 0, 0);
}

static void say_number(u32 number)
{
	char hex[] = " 00000000";

	for (u32 i = 0; i < 8; i++)
		hex[8 - i] = "0123456789abcdef"[number >> 4 * i & 15];
	say(hex);
}

void x86_must_be_harmless(const struct x86_cpu *cpu, const struct x86_block *b)
{
	u32 where = 0, i;
	const char *wrong = x86_check_block(cpu, b, &where);

	if (!wrong)
		return;
	say("checker: the translation of");
	say_number(b->eip);
	say(" has ");
	say(wrong);
	say(", at");
	say_number(where - b->code);
	say(":");
	for (i = 0; i < 16; i += 4)
		say_number(__builtin_bswap32(*(u32 *)(cpu->cache->rw + where + i)));
	say("\n");
	__builtin_trap();
}
/*:*/
