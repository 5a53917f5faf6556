/* A PC without a Launcher: loads a flat program at one megabyte, prints what it
 * writes to the serial port, and ends when it resets the machine. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pc/machine.h"

#define PAGES 1024u
#define START 0x100000u
#define DEVICE_IRQ 12	/* of a device that hears each line that's printed */

static int report(const struct pc_event *event)
{
	switch (event->kind) {
	case PC_SERIAL:
		return fwrite(event->text, 1, event->len, stdout) ? -1 : 1;
	case PC_NOTE:
		printf("# %s\n", event->text);
		return -1;
	case PC_RESET:
		return 0;
	case PC_OFF:
		puts("Bail out! it halted for ever");
		return 1;
	case PC_DEAD:
		printf("Bail out! %s\n", event->text);
		return 1;
	default:
		return -1;
	}
}

int main(int argc, char *argv[])
{
	FILE *program = argc == 2 ? fopen(argv[1], "rb") : NULL;
	u8 *memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pc_event event;
	struct pc *pc;
	int status = -1;

	if (!program || memory == MAP_FAILED ||
	    !fread(memory + START, 1, PAGES * 4096 - START, program))
		return 2;
	pc = pc_open(memory, PAGES, START, 0);
	if (!pc || pc_start(pc))
		return 2;
	setlinebuf(stdout);
	/* Whoever loses an interrupt sleeps for ever. */
	alarm(20);
	while (status < 0) {
		pc_run(pc, &event);
		if (event.kind == PC_SERIAL)
			pc_pulse(pc, DEVICE_IRQ);
		status = report(&event);
	}
	pc_close(pc);
	return status;
}
