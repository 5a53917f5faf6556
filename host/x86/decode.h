/*S:400 One instruction of the Guest, taken apart.
 *
 * This is the only door to x86 encodings of the Guest: decode.c fills a struct
 * x86_insn, and everybody else asks that. :*/
#ifndef LGUEST_X86_DECODE_H
#define LGUEST_X86_DECODE_H

#include "types.h"

enum { X86_EAX, X86_ECX, X86_EDX, X86_EBX, X86_ESP, X86_EBP, X86_ESI, X86_EDI };
enum { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_NO_SEG };

/* What has to be done with it. */
enum x86_kind {
	/* Runs as it stands, once its registers and memory are re-addressed:
	 * everything described completely by the operand fields below. */
	X86_COPY,
	X86_NOP,		/* nothing at all: nop, pause, prefetch, 0f 1f */
	X86_LEA,		/* 8d: an address, but no memory */
	X86_INC_DEC,		/* 40-4f */
	X86_MOFFS,		/* a0-a3: al/ax/eax <-> [disp] */
	X86_PUSH_REG,		/* 50-57 */
	X86_POP_REG,		/* 58-5f */
	X86_PUSH_IMM,		/* 68, 6a: @imm is sign-extended already */
	X86_PUSH_RM,		/* ff /6 */
	X86_POP_RM,		/* 8f /0 */
	X86_PUSHF,
	X86_POPF,
	X86_PUSH_SEG,		/* 06 0e 16 1e 0fa0 0fa8: @sreg */
	X86_LEAVE,
	X86_MOV_FROM_SEG,	/* 8c: @sreg */
	X86_JCC,		/* 70-7f, 0f80-0f8f: condition opcode & 15 */
	X86_JMP,		/* eb, e9; @imm is the sign-extended displacement */
	X86_CALL,		/* e8; same */
	X86_LOOP,		/* e0-e3 with 32-bit ecx */
	X86_JMP_RM,		/* ff /4 */
	X86_CALL_RM,		/* ff /2 */
	X86_RET,		/* c3, c2: @imm bytes more */
	X86_STRING,		/* a4-a7, aa-af with 32-bit addresses, flat segs */
	X86_XLAT,		/* d7 with 32-bit address */
	X86_EMULATE,		/* harmless, but easier in C: emulate.c */
	X86_PRIVILEGED,		/* what it means is the machine's business */
	X86_UNDEFINED,		/* #UD */
};

/* What a register number in ModRM.reg, ModRM.rm (register form) or the low
 * opcode bits stands for. */
enum x86_operand {
	X86_NONE,	/* opcode extension, xmm, mm, st, segment, unused */
	X86_REG8,	/* al cl dl bl ah ch dh bh */
	X86_REG,	/* 16 or 32 bits, as opsize says */
};

#define X86_MAX_INSN 15

struct x86_insn {
	u8 len;			/* bytes, 1 to 15 */
	u8 kind;		/* enum x86_kind */
	u8 map;			/* 0: one byte, 1: 0f, 2: 0f 38, 3: 0f 3a */
	u8 opcode;		/* last opcode byte */
	bool opsize16;		/* an effective 66 for the operand size */
	bool prefix66;		/* there is a 66 (mandatory for SSE too) */
	bool addr16;		/* 67 */
	bool lock;		/* f0 */
	u8 rep;			/* 0, 0xf2 or 0xf3 (the last one given) */
	u8 seg;			/* override, or X86_NO_SEG */
	bool has_modrm;
	u8 mod, reg, rm;	/* fields of ModRM */
	bool mem;		/* ModRM names memory (mod != 3) */
	/* The memory operand of ModRM, 16-bit forms included: registers are
	 * X86_EAX.., or -1 if absent. */
	s8 base, index;
	u8 scale;		/* 0 to 3: shift of the index */
	s32 disp;		/* sign-extended; all of moffs */
	u8 mem_seg;		/* segment in effect: override or ds/ss default */
	u8 reg_is, rm_is;	/* enum x86_operand; rm_is for mod == 3 only */
	u8 opcode_is;		/* enum x86_operand for opcode & 7 */
	u8 sreg;		/* segment register operand (8c, 8e, push, pop) */
	u8 imm_len;		/* bytes of immediate in the encoding */
	u32 imm;		/* sign-extended where the instruction does so */
	u16 imm2;		/* selector of a far pointer; level of enter */
	bool fpu;		/* x87, MMX or SSE state: #NM while TS is set */
	bool writes_mem;	/* may store to memory (stack stores too) */
};

/* Decodes the 32-bit-mode instruction in @bytes, of which @avail (at least 1)
 * can be read.  Returns true with @insn filled, kind X86_UNDEFINED for what the
 * CPU would refuse with #UD; false if more than @avail bytes are needed.  More
 * than 15 bytes: kind X86_PRIVILEGED with len 0 cannot happen; it is reported
 * as X86_EMULATE with len 15, for which emulate.c raises #GP(0).
 * SDM volume 2, chapters 2 and appendix A. */
bool x86_decode(struct x86_insn *insn, const u8 *bytes, unsigned avail);

#endif /* LGUEST_X86_DECODE_H */
