/* The fuzzer's input, a few bytes at a time.  At its end there are zeros. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

static const u8 *input, *input_end;

static void begin_input(const u8 *data, size_t size)
{
	input = data;
	input_end = data + size;
}

static u32 take(unsigned int bytes)
{
	u32 value = 0;

	for (unsigned int i = 0; i < bytes && input < input_end; i++)
		value |= (u32)*input++ << 8 * i;
	return value;
}

#endif /* FUZZ_INPUT_H */
