/* The decoder against objdump's reading of the same bytes.
 *
 *	decode-objdump random COUNT	random instructions, SLOT bytes apart
 *	decode-objdump check WHAT STEP	reads `objdump -d -w --insn-width=16`, and
 *					compares the lines at multiples of STEP
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "x86/decode.h"
#include "decode-random.h"

#define SLOT 32
#define LINE 1024		/* characters in a line of objdump's */

static void write_random(unsigned count)
{
	u8 slot[SLOT];

	memset(slot, 0x90, sizeof(slot));
	for (unsigned n = 0; n < count; n++) {
		random_insn(slot);
		fwrite(slot, sizeof(slot), 1, stdout);
	}
}

/* One line of objdump's. */
struct line {
	u32 address;
	u8 bytes[X86_MAX_INSN + 1];
	unsigned len;
	const char *text;
};

static bool parse(struct line *line, char *from)
{
	char *p;

	line->address = strtoul(from, &p, 16);
	if (p == from || p[0] != ':' || p[1] != '\t')
		return false;
	line->len = 0;
	for (p += 2; isxdigit(p[0]) && line->len < 16; p += 3)
		line->bytes[line->len++] = strtoul((char[]){ p[0], p[1], 0 },
						   NULL, 16);
	p = strchr(p, '\t');
	line->text = p ? p + 1 : "";
	return line->len > 0;
}

/* What of the operands is wrong with a line. */
static const char *const names8[] = { "al", "cl", "dl", "bl",
				      "ah", "ch", "dh", "bh" };
static const char *const names16[] = { "ax", "cx", "dx", "bx",
				       "sp", "bp", "si", "di" };
static const char *const names_seg[] = { "es:", "cs:", "ss:", "ds:", "fs:",
					 "gs:" };

/* The registers named outside of parentheses: 8-bit ones in bits 0 to 7,
 * others in bits 8 to 15. */
static u32 register_named(const char *name)
{
	char word[5] = "";

	for (unsigned i = 0; i < 4 && isalnum(name[i]); i++)
		word[i] = name[i];
	for (unsigned i = 0; i < 8; i++) {
		if (!strcmp(word, names8[i]))
			return 1u << i;
		if (!strcmp(word + (word[0] == 'e'), names16[i]))
			return 0x100u << i;
	}
	return 0;
}

static u32 registers_named(const char *text)
{
	unsigned depth = 0;
	u32 found = 0;

	for (; *text; text++) {
		depth += *text == '(';
		depth -= *text == ')' && depth;
		if (*text == '%' && !depth)
			found |= register_named(text + 1);
	}
	return found;
}

static u32 operand(u8 what, u8 number)
{
	if (what == X86_NONE)
		return 0;
	return what == X86_REG8 ? 1u << number : 0x100u << number;
}

/* al, cl, ax, dx and their like may be there without being encoded. */
static bool registers_agree(const struct x86_insn *i, const char *text)
{
	u32 implied = 0x0503, found = registers_named(text);
	u32 wanted = operand(i->reg_is, i->reg) |
		     operand(i->opcode_is, i->opcode & 7);

	if (i->kind == X86_NOP)
		return true;
	if (!i->mem)
		wanted |= operand(i->rm_is, i->rm);
	return !(wanted & ~found) && !(found & ~(wanted | implied));
}

/* objdump's way to write the memory operand, in its two styles for addresses
 * without registers, and without its word for no index. */
static void print_registers(char *to, const struct x86_insn *i)
{
	const char *e = i->addr16 ? "" : "e";

	to += sprintf(to, "(");
	if (i->base >= 0)
		to += sprintf(to, "%%%s%s", e, names16[i->base]);
	if (i->index >= 0)
		to += sprintf(to, ",%%%s%s", e, names16[i->index]);
	if (i->index >= 0 && !i->addr16)
		to += sprintf(to, ",%u", 1u << i->scale);
	sprintf(to, ")");
}

static void print_memory(char *to, const struct x86_insn *i, bool is_signed)
{
	bool registers = i->base >= 0 || i->index >= 0;

	if (i->seg != X86_NO_SEG)
		to += sprintf(to, "%%%s", names_seg[i->seg]);
	if (i->mod || i->base < 0) {
		bool minus = is_signed && i->disp < 0;

		to += sprintf(to, minus ? "-0x%x" : "0x%x",
			      minus ? -(u32)i->disp : (u32)i->disp);
	}
	if (registers)
		print_registers(to, i);
}

static void forget_eiz(char *plain, const char *text)
{
	char *eiz;

	strcpy(plain, text);
	eiz = strstr(plain, ",%eiz,");
	if (eiz)
		memmove(eiz, eiz + 7, strlen(eiz + 7) + 1);
}

static bool memory_agrees(const struct x86_insn *i, const char *text)
{
	char is_signed[64], is_unsigned[64], plain[LINE];

	forget_eiz(plain, text);
	print_memory(is_signed, i, true);
	print_memory(is_unsigned, i, false);
	return strstr(plain, is_signed) ||
	       (i->base < 0 && strstr(plain, is_unsigned));
}

/* Of a far pointer the offset comes last. */
static bool immediate_agrees(const struct x86_insn *i, const char *text)
{
	bool far = i->map == 0 && (i->opcode == 0x9a || i->opcode == 0xea);
	const char *dollar = far ? strrchr(text, '$') : strchr(text, '$');
	u32 mask = i->opsize16 ? 0xffff : 0xffffffff;

	return !dollar ||
	       !((strtoul(dollar + 1, NULL, 16) ^ i->imm) & mask);
}

/* The last word of the line, but for the name of a symbol. */
static u32 target(const char *text)
{
	const char *end = strchr(text, '<');

	end = end ? end - 1 : text + strcspn(text, "\n");
	while (end > text && end[-1] != ' ')
		end--;
	return strtoull(end, NULL, 16);
}

static bool target_agrees(const struct x86_insn *i, const struct line *line)
{
	switch (i->kind) {
	case X86_JCC:
	case X86_JMP:
	case X86_CALL:
	case X86_LOOP:
		return target(line->text) == line->address + i->len + i->imm;
	}
	return true;
}

/* Lines that are no witnesses, and why. */
enum { BAD, UNDEFINED, FWAIT, PREFIXES, NOTRACK, SKIPS };
static struct {
	const char *why;
	unsigned seen;
} skipped[SKIPS] = {
	[BAD] = { "objdump has no name for it", 0 },
	[UNDEFINED] = { "undefined for us: decode-machine asks about it", 0 },
	[FWAIT] = { "objdump joins fwait with what follows", 0 },
	[PREFIXES] = { "objdump takes too many prefixes for an instruction", 0 },
	[NOTRACK] = { "objdump sees notrack, and forgets the segment", 0 },
};

static bool skip_if(bool it_is, unsigned why)
{
	skipped[why].seen += it_is;
	return it_is;
}

static const char *difference(const struct x86_insn *i,
			      const struct line *line)
{
	if (i->len != line->len)
		return "length";
	if (!registers_agree(i, line->text))
		return "registers";
	if (i->mem && !memory_agrees(i, line->text))
		return "memory";
	if (!immediate_agrees(i, line->text))
		return "immediate";
	return target_agrees(i, line) ? NULL : "jump target";
}

static bool is_prefixed_fwait(const struct x86_insn *i,
			      const struct line *line)
{
	return i->map == 0 && i->opcode == 0x9b && line->len > i->len;
}

static bool only_prefixes(const struct line *line)
{
	static const u8 prefixes[] = "\x26\x2e\x36\x3e\x64\x65\x66\x67"
				     "\xf0\xf2\xf3";

	for (unsigned i = 0; i < line->len; i++)
		if (!memchr(prefixes, line->bytes[i], sizeof(prefixes) - 1))
			return false;
	return true;
}

static unsigned compared;

static const char *compare(const struct line *line)
{
	struct x86_insn i;
	bool whole = x86_decode(&i, line->bytes, line->len);

	if (skip_if(strstr(line->text, "(bad)"), BAD) ||
	    skip_if(!whole && only_prefixes(line), PREFIXES))
		return NULL;
	if (!whole)
		return "needs more bytes";
	if (skip_if(i.kind == X86_UNDEFINED, UNDEFINED) ||
	    skip_if(is_prefixed_fwait(&i, line), FWAIT) ||
	    skip_if(strstr(line->text, "notrack"), NOTRACK))
		return NULL;
	compared++;
	return difference(&i, line);
}

static void check(const char *what, unsigned step)
{
	unsigned wrong = 0;
	struct line line;
	char text[LINE];

	while (fgets(text, sizeof(text), stdin)) {
		const char *why = NULL;

		if (parse(&line, text) && line.address % step == 0)
			why = compare(&line);
		if (why && wrong++ < 20)
			printf("# other %s: %s", why, text);
	}
	printf("%s - objdump agrees on %u instructions of %s\n",
	       wrong || !compared ? "not ok" : "ok", compared, what);
	for (unsigned i = 0; i < SKIPS; i++)
		if (skipped[i].seen)
			printf("# %5u: %s\n", skipped[i].seen, skipped[i].why);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "random"))
		write_random(atoi(argv[2]));
	else if (argc == 4 && !strcmp(argv[1], "check"))
		check(argv[2], atoi(argv[3]));
	else
		errx(1, "random COUNT, or check WHAT STEP");
	return 0;
}
