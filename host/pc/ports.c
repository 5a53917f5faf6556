/*H:800 Ports: where on a PC everything is found, at addresses that somebody at
 * IBM chose one afternoon in 1980.
 *
 * Chips have registers of one byte, so a wider access is several of those side
 * by side; PCI is the exception, being younger.  Where there's nothing, all bits
 * are ones: that's what a bus says when nobody else does. */
#include "machine.h"

#define KEYBOARD 0x64		/* whose controller also held the reset line */
#define KEYBOARD_FULL 0x01
#define KEYBOARD_RESET 0xfe
#define RESET_CONTROL 0xcf9
#define RESET_NOW 0x04

static u8 pic_master_in(struct pc *pc, u16 port)
{
	return pic_in(pc, 0, port);
}

static u8 pic_slave_in(struct pc *pc, u16 port)
{
	return pic_in(pc, 1, port);
}

static void pic_master_out(struct pc *pc, u16 port, u8 value)
{
	pic_out(pc, 0, port, value);
}

static void pic_slave_out(struct pc *pc, u16 port, u8 value)
{
	pic_out(pc, 1, port, value);
}

static u8 speaker_in(struct pc *pc, u16 port)
{
	(void)port;
	return pit_read_speaker(pc);
}

static void speaker_out(struct pc *pc, u16 port, u8 value)
{
	(void)port;
	pit_write_speaker(pc, value);
}

static u8 clock_in(struct pc *pc, u16 port)
{
	return port ? cmos_in(pc) : 0xff;
}

static void clock_out(struct pc *pc, u16 port, u8 value)
{
	if (!port)
		pc->cmos_index = value & 0x7f;
}

/* There's no keyboard.  "Something to read", for ever, is what convinces Linux
 * soonest; with all bits set it would wait at the end for its turn to write the
 * reset, and with none it would wait for half a second at the beginning. */
static u8 keyboard_in(struct pc *pc, u16 port)
{
	(void)pc;
	(void)port;
	return KEYBOARD_FULL;
}

static void keyboard_out(struct pc *pc, u16 port, u8 value)
{
	(void)port;
	if (value == KEYBOARD_RESET)
		pc_tell(pc, PC_RESET);
}

static u8 reset_in(struct pc *pc, u16 port)
{
	(void)pc;
	(void)port;
	return 0;
}

static void reset_out(struct pc *pc, u16 port, u8 value)
{
	(void)port;
	if (value & RESET_NOW)
		pc_tell(pc, PC_RESET);
}

static const struct chip {
	u16 first, last;
	u8 (*in)(struct pc *pc, u16 port);
	void (*out)(struct pc *pc, u16 port, u8 value);
} chips[] = {
	{ 0x3f8, 0x3ff, serial_in, serial_out },
	{ 0x20, 0x21, pic_master_in, pic_master_out },
	{ 0xa0, 0xa1, pic_slave_in, pic_slave_out },
	{ 0x40, 0x43, pit_in, pit_out },
	{ 0x61, 0x61, speaker_in, speaker_out },
	{ 0x70, 0x71, clock_in, clock_out },
	{ KEYBOARD, KEYBOARD, keyboard_in, keyboard_out },
	{ RESET_CONTROL, RESET_CONTROL, reset_in, reset_out },
};

static const struct chip *find_chip(u16 port)
{
	const struct chip *end = chips + sizeof(chips) / sizeof(*chips);

	for (const struct chip *chip = chips; chip < end; chip++)
		if (port >= chip->first && port <= chip->last)
			return chip;
	return NULL;
}

/* The one port that belongs to two: cf9 lies in the middle of cf8, but only who
 * writes all four bytes means the latter. */
static bool is_pci_config(u16 port, unsigned size)
{
	return (port == 0xcf8 && size == 4) || (port >= 0xcfc && port <= 0xcff);
}
/*:*/

/*H:802 in and out. */
static u32 in_bytes(struct pc *pc, u16 port, unsigned size)
{
	u32 value = 0;

	for (unsigned i = 0; i < size; i++) {
		const struct chip *chip = find_chip(port + i);

		value |= (u32)(chip ? chip->in(pc, port + i - chip->first) :
				      0xff) << 8 * i;
	}
	return value;
}

u32 pc_in(struct pc *pc, u16 port, unsigned size)
{
	struct pc_virtio *dev;
	u16 offset;

	if (is_pci_config(port, size))
		return pci_config_in(pc, port, size);
	dev = pci_find_port(pc, port, &offset);
	if (dev)
		return virtio_in(pc, dev, offset, size);
	return in_bytes(pc, port, size);
}

static void out_bytes(struct pc *pc, u16 port, unsigned size, u32 value)
{
	for (unsigned i = 0; i < size; i++) {
		const struct chip *chip = find_chip(port + i);

		if (chip)
			chip->out(pc, port + i - chip->first, value >> 8 * i);
	}
}

void pc_out(struct pc *pc, u16 port, unsigned size, u32 value)
{
	struct pc_virtio *dev;
	u16 offset;

	if (is_pci_config(port, size)) {
		pci_config_out(pc, port, size, value);
		return;
	}
	dev = pci_find_port(pc, port, &offset);
	if (dev)
		virtio_out(pc, dev, offset, size, value);
	else
		out_bytes(pc, port, size, value);
}
/*:*/
