/* SHA-256 (FIPS 180-4): shifts, rotations and additions, in few and large
 * blocks of code with more values than there are registers. */
#include "bench.h"

#define BYTES	65536
#define ROUNDS	150

static const u32 constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const u32 start[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static u32 right(u32 value, u32 by)
{
	return value >> by | value << (32 - by);
}

static void spread(u32 words[64], const u8 *block)
{
	u32 i, early, late;

	for (i = 0; i < 16; i++, block += 4)
		words[i] = (u32)block[0] << 24 | block[1] << 16 |
			   block[2] << 8 | block[3];
	for (; i < 64; i++) {
		early = words[i - 15];
		late = words[i - 2];
		words[i] = words[i - 16] + words[i - 7] +
			(right(early, 7) ^ right(early, 18) ^ early >> 3) +
			(right(late, 17) ^ right(late, 19) ^ late >> 10);
	}
}

static void digest(u32 hash[8], const u8 *block)
{
	u32 words[64], v[8], i;

	spread(words, block);
	memcpy(v, hash, sizeof(v));
	for (i = 0; i < 64; i++) {
		u32 one = v[7] + constants[i] + words[i] +
			(right(v[4], 6) ^ right(v[4], 11) ^ right(v[4], 25)) +
			((v[4] & v[5]) ^ (~v[4] & v[6]));
		u32 two = (right(v[0], 2) ^ right(v[0], 13) ^ right(v[0], 22)) +
			((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		v[7] = v[6];
		v[6] = v[5];
		v[5] = v[4];
		v[4] = v[3] + one;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = v[0];
		v[0] = one + two;
	}
	for (i = 0; i < 8; i++)
		hash[i] += v[i];
}

/* "abc", filled up as the standard says, and what must come of it. */
static void check(void)
{
	static const u8 abc[64] = { 'a', 'b', 'c', 0x80, [63] = 24 };
	u32 hash[8];

	memcpy(hash, start, sizeof(hash));
	digest(hash, abc);
	if (hash[0] != 0xba7816bf || hash[7] != 0xf20015ad)
		fail("wrong digest");
}

static u32 work(void)
{
	static u8 data[BYTES];
	u32 hash[8], i, round, seed = 3;

	check();
	for (i = 0; i < BYTES; i++)
		data[i] = pseudo_random(&seed);
	memcpy(hash, start, sizeof(hash));
	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < BYTES; i += 64)
			digest(hash, data + i);
	return hash[0] ^ hash[7];
}

int main(void)
{
	return timed("sha256", work);
}
