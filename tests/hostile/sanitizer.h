/* What the tests have to know of a Launcher with AddressSanitizer. */
#ifndef HOSTILE_SANITIZER_H
#define HOSTILE_SANITIZER_H

#include <string.h>

/* It doesn't know the stacks of clone(), and says so in three lines. */
static inline void forget_warning(char *text)
{
	char *from = strstr(text, "==WARNING: ASan is ignoring"), *to;

	if (!from)
		return;
	while (from > text && from[-1] != '\n')
		from--;
	to = strstr(from, "issues/189\n");
	if (to)
		memmove(from, strchr(to, '\n') + 1, strlen(strchr(to, '\n')));
}

#endif /* HOSTILE_SANITIZER_H */
