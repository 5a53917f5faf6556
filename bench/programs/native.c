/* The few functions of guest/user/lib.c that the system tests need, for a
 * program built for this machine itself. */
#include "bench.h"
#undef main

char **program_arguments;

u32 number(const char *digits)
{
	return strtoul(digits, NULL, 10);
}

int wait_for(int child)
{
	int status;

	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

void *map_pages(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		fail("mmap of %zu bytes", bytes);
	return pages;
}

void on_signal(int number, void (*handler)(int))
{
	signal(number, handler);
}

int main(int argc, char *argv[])
{
	(void)argc;
	program_arguments = argv;
	return program_main();
}
