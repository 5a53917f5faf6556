#include "puppy.h"

/*G:140 The little C library.
 *
 * A program that prints and copies doesn't notice how much it leans on others.
 * A kernel has nobody to lean on, and the compiler even insists on some of
 * these (it calls memcpy() and memset() behind our backs).  The processor has
 * instructions that do the work of most. */
void *memcpy(void *to, const void *from, size_t len)
{
	void *start = to;
	size_t words = len / 4;

	asm volatile("rep movsl\n\t"
		     "movl %3, %%ecx\n\t"
		     "rep movsb"
		     : "+D" (to), "+S" (from), "+c" (words)
		     : "g" (len % 4) : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t len)
{
	u8 *last_to = (u8 *)to + len - 1;
	const u8 *last_from = (const u8 *)from + len - 1;

	if ((size_t)((u8 *)to - (const u8 *)from) >= len)
		return memcpy(to, from, len);
	asm volatile("std\n\t"
		     "rep movsb\n\t"
		     "cld"
		     : "+D" (last_to), "+S" (last_from), "+c" (len)
		     : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t len)
{
	void *start = to;
	size_t words = len / 4;

	asm volatile("rep stosl\n\t"
		     "movl %3, %%ecx\n\t"
		     "rep stosb"
		     : "+D" (to), "+c" (words)
		     : "a" ((u8)byte * 0x01010101u), "g" (len % 4)
		     : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const u8 *x = a, *y = b;

	for (; len; len--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return end - s;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t len)
{
	for (; len; len--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}
/*:*/

/*G:142 Dividing 64 bits by 32 is done as in school: first the high digit, and
 * its remainder is carried over to the low one.  The processor's own division
 * has a 64-bit dividend, as long as the quotient fits in 32 bits, and after
 * that carrying it does. */
u64 div64(u64 dividend, u32 divisor, u32 *rest)
{
	u32 high = dividend >> 32, low = dividend;
	u32 carry = high % divisor;

	high /= divisor;
	asm("divl %2" : "+a" (low), "+d" (carry) : "rm" (divisor) : "cc");
	if (rest)
		*rest = carry;
	return (u64)high << 32 | low;
}
/*:*/

/*G:144 Formatted text: the one thing that every kernel has its own of.  The
 * text goes into a buffer, what doesn't fit is only counted. */
struct text {
	char *to;
	size_t size, len;
};

static void put(struct text *text, char c)
{
	if (text->len + 1 < text->size)
		text->to[text->len] = c;
	text->len++;
}

static void put_many(struct text *text, char c, int times)
{
	while (times-- > 0)
		put(text, c);
}

/* What stands between % and the letter. */
struct conversion {
	bool left, zeros;
	int width, longs;
	char letter;
};

static void put_padded(struct text *text, const struct conversion *how,
		       const char *s, int len)
{
	if (!how->left)
		put_many(text, ' ', how->width - len);
	for (int i = 0; i < len; i++)
		put(text, s[i]);
	if (how->left)
		put_many(text, ' ', how->width - len);
}

/* Digits are found from the last to the first, so they fill it from the end. */
#define MOST_DIGITS	32

static void put_number(struct text *text, const struct conversion *how,
		       u64 value, bool negative)
{
	char digits[MOST_DIGITS], *p = digits + MOST_DIGITS;
	u32 base = how->letter == 'x' || how->letter == 'p' ? 16 : 10, digit;
	char *full = p - min_u32(how->width, MOST_DIGITS) + negative;

	do {
		value = div64(value, base, &digit);
		*--p = "0123456789abcdef"[digit];
	} while (value);
	while (how->zeros && !how->left && p > full)
		*--p = '0';
	if (negative)
		*--p = '-';
	put_padded(text, how, p, digits + MOST_DIGITS - p);
}

static void put_signed(struct text *text, const struct conversion *how,
		       s64 value)
{
	put_number(text, how, value < 0 ? -(u64)value : (u64)value, value < 0);
}

static const char *parse_conversion(const char *fmt, struct conversion *how)
{
	*how = (struct conversion) { .width = 0 };
	for (; *fmt == '-' || *fmt == '0'; fmt++) {
		how->left |= *fmt == '-';
		how->zeros |= *fmt == '0';
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		how->width = how->width * 10 + *fmt - '0';
	for (; *fmt == 'l'; fmt++)
		how->longs++;
	how->letter = *fmt;
	return *fmt ? fmt + 1 : fmt;
}

int kvsnprintf(char *to, size_t size, const char *fmt, va_list args)
{
	struct text text = { .to = to, .size = size };
	struct conversion how;
	const char *s;

	while (*fmt) {
		if (*fmt != '%') {
			put(&text, *fmt++);
			continue;
		}
		fmt = parse_conversion(fmt + 1, &how);
		switch (how.letter) {
		case 'd':
			put_signed(&text, &how, how.longs == 2 ?
				   va_arg(args, s64) : va_arg(args, s32));
			break;
		case 'u':
		case 'x':
		case 'p':
			put_number(&text, &how, how.longs == 2 ?
				   va_arg(args, u64) : va_arg(args, u32),
				   false);
			break;
		case 's':
			s = va_arg(args, const char *);
			put_padded(&text, &how, s, strlen(s));
			break;
		case 'c':
			put(&text, va_arg(args, int));
			break;
		default:
			put(&text, how.letter);
			break;
		}
	}
	if (size)
		to[text.len < size ? text.len : size - 1] = '\0';
	return text.len;
}

int ksnprintf(char *to, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = kvsnprintf(to, size, fmt, args);
	va_end(args);
	return len;
}
/*:*/
