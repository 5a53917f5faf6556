#include "puppy.h"

/*G:160 Talking.
 *
 * Long before there is a console driver, there is something to say.  So the
 * Launcher takes a notification with an address below the end of memory for a
 * string to print: that's "early printk", and it's one hypercall.  Later on
 * the words go through the console's virtqueue like any other output. */
bool console_ready;

static void early_console(const char *text)
{
	hcall(LHCALL_NOTIFY, pa(text), 0, 0, 0);
}

/* A kernel stack is small, but not as small as that. */
#define LINE_BYTES	320

void printk(const char *fmt, ...)
{
	char text[LINE_BYTES];
	va_list args;
	int len;

	va_start(args, fmt);
	len = kvsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (console_ready)
		console_write(text, min_u32(len, sizeof(text) - 1));
	else
		early_console(text);
}
/*:*/

/*G:162 The last hypercall.  Whether the text is a farewell or a cry for help is
 * for the Launcher to judge: it knows POWER_DOWN, takes everything else for an
 * accident, and prints it. */
void shutdown(const char *text, u32 reason)
{
	irq_save();
	if (console_ready)
		console_flush();
	for (;;)
		hcall(LHCALL_SHUTDOWN, pa(text), reason, 0, 0);
}

void panic(const char *fmt, ...)
{
	/* The Host reads no more than this. */
	static char text[128];
	va_list args;

	irq_save();
	va_start(args, fmt);
	kvsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	shutdown(text, LGUEST_SHUTDOWN_POWEROFF);
}
/*:*/
