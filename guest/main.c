#include "kernel.h"

/*G:100 The kernel in one page.
 *
 * start.S has brought us here: our addresses are true, there's a stack, and the
 * Host knows us.  Nothing else works yet.  Each line below makes one more thing
 * work, and may use those above it; that is all there is to booting.
 *
 * Traps come first, as a mistake that's made before there are traps is a
 * mistake without a message.  Then memory (G:200, G:250), the clock (G:450),
 * the command line and the archive of programs (G:690).  After that this thread
 * has no more to do than to be there when nobody else wants to run. */
static void start_devices_and_shell(void *unused);
static void parse_cmdline(void);
void kernel_main(void) __attribute__((noreturn));

void kernel_main(void)
{
	traps_init();
	paging_init();
	memory_init();
	parse_cmdline();
	time_init();
	initrd_init();
	if (!cmdline_option("quiet"))
		printk("puppy: %u pages of memory, %u free\n",
		       memory_top() / PAGE_SIZE, free_pages());
	kthread("init", start_devices_and_shell, NULL);
	idle();
}
/*:*/

/*G:110 The command line arrives as one line.  We cut it into words where the
 * blanks are, and look through the words whenever somebody asks for one. */
#define CMDLINE_BYTES	2048

static char cmdline[CMDLINE_BYTES];
static size_t cmdline_len;

static void parse_cmdline(void)
{
	const char *from = boot_cmdline();
	size_t i;

	for (i = 0; i < CMDLINE_BYTES - 1 && from[i]; i++)
		cmdline[i] = from[i] == ' ' ? '\0' : from[i];
	cmdline_len = i;
}

const char *cmdline_option(const char *name)
{
	size_t len = strlen(name);
	const char *word;

	for (word = cmdline; word < cmdline + cmdline_len;
	     word += strlen(word) + 1) {
		if (strncmp(word, name, len) != 0)
			continue;
		if (word[len] == '=')
			return &word[len + 1];
		if (!word[len])
			return &word[len];
	}
	return NULL;
}
/*:*/

/*G:120 The first thread that may sleep.  It looks for devices (that's chapter
 * D), because they tend to keep one waiting, and then does what we were started
 * for: one program if "init=" names it, the self-test, the benchmark, or else
 * the shell. */
static void run_init(const char *path)
{
	char *const argv[] = { (char *)path, NULL };
	int status = run_program(path, argv);

	if (status < 0)
		panic("init=%s: error %d", path, -status);
	printk("%s: exit status %d\n", path, status);
}

static void start_devices_and_shell(void *unused)
{
	const char *init = cmdline_option("init");

	bus_init();
	if (init)
		run_init(init);
	else if (cmdline_option("selftest"))
		selftest(unused);
	else if (cmdline_option("bench"))
		bench(cmdline_option("bench"));
	else
		shell(unused);
	shutdown(POWER_DOWN, LGUEST_SHUTDOWN_POWEROFF);
}
/*:*/

/*G:890 That's a kernel.  It has no disk yet, no network, and nobody to talk to;
 * all of those are on the far side of a page of memory that the Launcher has
 * filled in.  How to get at them is the next chapter's story: "make Drivers".
:*/
