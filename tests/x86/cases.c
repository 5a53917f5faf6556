/* Cases that once differed, as files which everybody can read:
 *
 *	# what was wrong
 *	how 5			RUN_ flags
 *	data 4096		seed of the data pages and FPU images
 *	fpu 3			which of those
 *	fix 1			missing pages are put there
 *	eflags 246
 *	regs 0 0 0 0 30001800 0 0 0
 *	code 64 67 38 aa a0 d8	a line for each instruction
 *
 * with numbers in hex, and nothing that isn't mentioned: it's 0, but for esp. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

#define LINE 256

void freeze_program(struct program *program, u32 eip)
{
	static u8 nowhere[MAX_TEXT * sizeof(program->text[0].bytes)];
	u32 i;

	place_program(program, nowhere, eip);
	for (i = 0; i < program->n; i++)
		program->text[i].rel = program->text[i].abs = 0;
}

static void read_code(struct program *program, char *bytes, const char *path)
{
	struct text *text = &program->text[program->n];
	char *end;

	if (program->n++ == MAX_TEXT)
		errx(1, "%s: more than %d instructions", path, MAX_TEXT);
	for (;;) {
		u8 byte = strtoul(bytes, &end, 16);

		if (end == bytes)
			return;
		if (text->len == sizeof(text->bytes))
			errx(1, "%s: a line of too much code", path);
		text->bytes[text->len++] = byte;
		bytes = end;
	}
}

static void read_regs(struct test_case *start, char *numbers)
{
	int i;

	for (i = 0; i < 8; i++)
		start->regs[i] = strtoul(numbers, &numbers, 16);
}

static void read_line(struct kept_case *kept, char *line, const char *path)
{
	char *rest = line + strcspn(line, " \n");
	u64 number = strtoull(rest, NULL, 16);

	if (!strncmp(line, "code ", 5))
		read_code(&kept->program, rest, path);
	else if (!strncmp(line, "regs ", 5))
		read_regs(&kept->program.start, rest);
	else if (!strncmp(line, "how ", 4))
		kept->how = number;
	else if (!strncmp(line, "data ", 5))
		kept->data = number;
	else if (!strncmp(line, "fpu ", 4))
		kept->program.start.fpu = number % FPU_IMAGES;
	else if (!strncmp(line, "fix ", 4))
		kept->program.start.fix = number;
	else if (!strncmp(line, "eflags ", 7))
		kept->program.start.eflags = number;
	else if (*line != '#' && *line != '\n')
		errx(1, "%s: what is \"%.*s\"?", path,
		     (int)strcspn(line, "\n"), line);
}

void read_case(struct kept_case *kept, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[LINE];

	if (!file)
		err(1, "%s", path);
	memset(kept, 0, sizeof(*kept));
	kept->how = RUN_USER;
	kept->program.start.max_events = MAX_EVENTS;
	kept->program.start.regs[X86_ESP] = STACK + 0x1800;
	while (fgets(line, sizeof(line), file))
		read_line(kept, line, path);
	fclose(file);
}

static void write_code(FILE *file, const struct program *program)
{
	u32 i, j;

	for (i = 0; i < program->n; i++) {
		fprintf(file, "code");
		for (j = 0; j < program->text[i].len; j++)
			fprintf(file, " %02x", program->text[i].bytes[j]);
		fprintf(file, "\n");
	}
}

bool write_case(const struct kept_case *kept, const char *path,
		const char *heading)
{
	const struct test_case *start = &kept->program.start;
	FILE *file = fopen(path, "w");
	int i;

	if (!file)
		return false;
	fprintf(file, "# %s\nhow %x\ndata %llx\nfpu %x\nfix %x\neflags %x\nregs",
		heading, kept->how, (unsigned long long)kept->data, start->fpu,
		start->fix, start->eflags);
	for (i = 0; i < 8; i++)
		fprintf(file, " %x", start->regs[i]);
	fprintf(file, "\n");
	write_code(file, &kept->program);
	return !fclose(file);
}
