/* Which opcodes have been run, and in which forms.
 *
 * An opcode is one of the four maps, with the prefix that selects an SSE
 * instruction; its form is memory or register, the other prefixes, ModRM.reg. */
#include <stdio.h>
#include <string.h>

#include "coverage.h"

#define OPCODES (4 * 256 * 4)
#define FORMS (2 * 2 * 2 * 2 * 2 * 8)
static bool opcode_seen[OPCODES], form_seen[OPCODES * FORMS];

static u32 opcode_number(const struct x86_insn *insn)
{
	u32 prefix = insn->rep ? insn->rep & 3 : insn->fpu && insn->prefix66;

	return (insn->map << 8 | insn->opcode) << 2 | prefix;
}

static void cover(const struct x86_insn *insn)
{
	u32 opcode = opcode_number(insn);
	u32 form = insn->mem << 4 | insn->opsize16 << 3 | insn->addr16 << 2 |
		   insn->lock << 1 | (insn->seg == X86_FS || insn->seg == X86_GS);

	if (insn->kind == X86_UNDEFINED)
		return;
	opcode_seen[opcode] = true;
	form_seen[opcode * FORMS + form * 8 + (insn->has_modrm ? insn->reg : 0)] =
		true;
}

void cover_program(const struct program *program)
{
	struct x86_insn insn;
	u32 i, at;

	for (i = 0; i < program->n && !program->soup; i++)
		for (at = 0; at < program->text[i].len; at += insn.len) {
			x86_decode(&insn, program->text[i].bytes + at,
				   X86_MAX_INSN);
			cover(&insn);
		}
}

/* AVX, TSX, and everything in 0f that came after SSSE3. */
static bool unoffered_0f(const u8 *code)
{
	switch (code[0]) {
	case 0x01:
	case 0xae:
	case 0xb8:
	case 0xc7:
		return true;
	case 0x38:
		return code[1] > 0x0b && (code[1] < 0x1c || code[1] > 0x1e);
	case 0x3a:
		return code[1] != 0x0f;
	}
	return false;
}

static bool is_prefix(u8 byte)
{
	static const u8 prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66,
				       0x67, 0xf0, 0xf2, 0xf3 };

	return memchr(prefixes, byte, sizeof(prefixes));
}

bool has_base(const u8 *code)
{
	for (; is_prefix(*code); code++)
		if (*code == 0x64 || *code == 0x65)
			return true;
	return false;
}

bool mmx_to_code(const u8 *code)
{
	bool cs = false;

	for (; is_prefix(*code); code++)
		cs |= *code == 0x2e;
	return cs && code[0] == 0x0f &&
	       (code[1] == 0x7e || code[1] == 0x7f || code[1] == 0xe7);
}

bool unoffered(const u8 *code)
{
	while (is_prefix(*code))
		code++;
	switch (*code++) {
	case 0x0f:
		return unoffered_0f(code);
	case 0x62:
	case 0xc4:
	case 0xc5:
		return *code >= 0xc0;
	case 0xc6:
	case 0xc7:
		return *code == 0xf8;
	}
	return false;
}

/* Does this opcode exist, for one who doesn't come from the kernel? */
static bool exists(u32 number)
{
	static const u8 selecting[] = { 0, 0x66, 0xf3, 0xf2 };
	static const u8 escape[][2] = { { 0 }, { 0x0f }, { 0x0f, 0x38 },
					{ 0x0f, 0x3a } };
	u8 code[X86_MAX_INSN] = { 0 };
	u32 map = number >> 10, modrm, len = 0;
	struct x86_insn insn;

	if (number & 3)
		code[len++] = selecting[number & 3];
	memcpy(code + len, escape[map], 2);
	len += map > 1 ? 2 : map;
	code[len++] = number >> 2;
	for (modrm = 0; modrm < 256; modrm++) {
		code[len] = modrm;
		if (x86_decode(&insn, code, sizeof(code)) &&
		    insn.kind != X86_UNDEFINED && insn.kind != X86_PRIVILEGED &&
		    (insn.fpu || !(number & 3)) && opcode_number(&insn) == number && !unoffered(code))
			return true;
	}
	return false;
}

static void show_missing(void)
{
	static const char *const maps[] = { "", "0f", "0f38", "0f3a" };
	static const char *const prefixes[] = { "", "66.", "f3.", "f2." };
	u32 i, n = 0;

	for (i = 0; i < OPCODES; i++)
		if (!opcode_seen[i] && !(i & 3 && i < 1024) && exists(i))
			printf("%s %s%s%02x", n++ ? "" : "# not run:",
			       prefixes[i & 3], maps[i >> 10], i >> 2 & 255);
	if (n)
		printf("\n");
}

void show_coverage(void)
{
	u32 opcodes = 0, forms = 0, i;

	for (i = 0; i < OPCODES; i++)
		opcodes += opcode_seen[i];
	for (i = 0; i < OPCODES * FORMS; i++)
		forms += form_seen[i];
	printf("# %u opcodes in %u forms\n", opcodes, forms);
	show_missing();
}
