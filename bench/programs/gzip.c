/* Compression of real data, which is the licence of this program.  The format
 * is gzip's (RFC 1952, 1951): a hash of three bytes leads to the places where
 * they stood before, the longest match wins, and what is left goes out in the
 * codes that the RFC has fixed.  With any argument the result is written to
 * standard output, so that "gunzip" may judge. */
#include "bench.h"

#define WINDOW		32768
#define HASHES		8192
#define LONGEST		258
#define SHORTEST	3
#define PATIENCE	64
#define ROUNDS		32

asm(".section .rodata\n"
    "licence: .incbin \"../COPYING\"\n"
    "licence_end:\n"
    ".previous");
extern const u8 licence[], licence_end[];

static u8 out[65536];
static u32 out_bytes, held, held_bits;
static int newest[HASHES], before[WINDOW];
static u32 crc_table[256];

static void put_bits(u32 value, u32 count)
{
	held |= value << held_bits;
	held_bits += count;
	for (; held_bits >= 8; held_bits -= 8, held >>= 8)
		out[out_bytes++] = held;
}

/* Codes go out with their first bit first, everything else with its last. */
static void put_code(u32 code, u32 count)
{
	u32 turned = 0, i;

	for (i = 0; i < count; i++)
		turned |= (code >> i & 1) << (count - 1 - i);
	put_bits(turned, count);
}

static void put_symbol(u32 symbol)
{
	if (symbol < 144)
		put_code(0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(symbol - 256, 7);
	else
		put_code(0xc0 + symbol - 280, 8);
}

static u32 highest_bit(u32 value)
{
	return 31 - __builtin_clz(value);
}

/* Lengths come in groups of four that double, distances in groups of two. */
static void put_match(u32 length, u32 distance)
{
	u32 bits, from = length - SHORTEST;

	if (length == LONGEST) {
		put_symbol(285);
	} else if (from < 8) {
		put_symbol(257 + from);
	} else {
		bits = highest_bit(from) - 2;
		put_symbol(257 + 4 * bits + (from >> bits));
		put_bits(from & ((1 << bits) - 1), bits);
	}
	from = distance - 1;
	if (from < 4) {
		put_code(from, 5);
	} else {
		bits = highest_bit(from) - 1;
		put_code(2 * bits + (from >> bits), 5);
		put_bits(from & ((1 << bits) - 1), bits);
	}
}

static u32 hash(const u8 *at)
{
	return ((at[0] << 10) ^ (at[1] << 5) ^ at[2]) % HASHES;
}

static u32 match_length(const u8 *a, const u8 *b, const u8 *end)
{
	const u8 *from = b;

	while (b < end && b - from < LONGEST && *a == *b)
		a++, b++;
	return b - from;
}

static u32 longest_match(const u8 *data, int at, const u8 *end, u32 *distance)
{
	int place = newest[hash(data + at)], patience = PATIENCE;
	u32 best = 0;

	for (; place >= 0 && at - place < WINDOW && patience--;
	     place = before[place % WINDOW]) {
		u32 length = match_length(data + place, data + at, end);

		if (length > best) {
			best = length;
			*distance = at - place;
		}
	}
	return best;
}

static void remember(const u8 *data, int at)
{
	u32 slot = hash(data + at);

	before[at % WINDOW] = newest[slot];
	newest[slot] = at;
}

static void deflate(const u8 *data, int size)
{
	int at = 0;

	put_bits(1, 1);		/* the last block */
	put_bits(1, 2);		/* with fixed codes */
	while (at < size) {
		u32 distance = 0, length = 0;

		if (at + SHORTEST <= size)
			length = longest_match(data, at, data + size, &distance);
		if (length < SHORTEST) {
			put_symbol(data[at]);
			length = 1;
		} else {
			put_match(length, distance);
		}
		for (; length--; at++)
			if (at + SHORTEST <= size)
				remember(data, at);
	}
	put_symbol(256);
	put_bits(0, -held_bits & 7);
}

static void make_crc_table(void)
{
	u32 i, bit, crc;

	for (i = 0; i < 256; i++) {
		for (crc = i, bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
		crc_table[i] = crc;
	}
}

static u32 crc(const u8 *data, u32 size)
{
	u32 sum = ~0u;

	while (size--)
		sum = sum >> 8 ^ crc_table[(sum ^ *data++) & 0xff];
	return ~sum;
}

static void put_word(u32 value)
{
	put_bits(value & 0xffff, 16);
	put_bits(value >> 16, 16);
}

static void gzip(const u8 *data, u32 size)
{
	static const u8 header[10] = { 0x1f, 0x8b, 8, [9] = 255 };

	memset(newest, 0xff, sizeof(newest));
	memcpy(out, header, sizeof(header));
	out_bytes = sizeof(header);
	held = held_bits = 0;
	deflate(data, size);
	put_word(crc(data, size));
	put_word(size);
}

static u32 work(void)
{
	int i;

	make_crc_table();
	for (i = 0; i < ROUNDS; i++)
		gzip(licence, licence_end - licence);
	return mix(crc(out, out_bytes), out_bytes);
}

int main(void)
{
	if (!arg(1))
		return timed("gzip", work);
	work();
	return sys(write, 1, out, out_bytes) != (int)out_bytes;
}
