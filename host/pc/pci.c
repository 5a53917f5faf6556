/*H:850 The PCI bus: two ports, by one of which a register of some device's header
 * is chosen that is then found at the other.
 *
 * There's one bus.  Its first slot holds the bridge to the processor, which does
 * nothing but be there, since Linux doesn't believe in a bus without one.  The
 * others hold the Launcher's devices. */
#include "machine.h"

#define CONFIG_ENABLE 0x80000000u
#define FIRST_BAR 0xc000u

#define VENDOR_INTEL 0x8086u
#define DEVICE_440FX 0x1237u
#define CLASS_HOST_BRIDGE 0x06000000u
#define VENDOR_VIRTIO 0x1af4u
#define DEVICE_VIRTIO 0x1000u	/* + a number that is virtio's, less one */
#define CLASS_OTHER 0x00ff0000u

#define COMMAND_IO 0x0001u
#define COMMAND_WRITABLE 0x0507u
#define BAR_IO 1u
#define PIN_A 0x100u

/* Lines that nothing on the board needs; with more devices, they share. */
static const u8 free_lines[] = { 10, 11, 5, 9, 3, 6, 7, 12, 14, 15 };

int pc_add_device(struct pc *pc, const struct pc_device *device,
		  const int eventfds[PC_QUEUES])
{
	unsigned slot = 1;
	struct pc_virtio *dev;

	while (slot < PC_SLOTS && pc->virtio[slot].present)
		slot++;
	if (slot == PC_SLOTS || device->config_len > PC_CONFIG)
		return -1;
	dev = &pc->virtio[slot];
	dev->present = true;
	dev->about = *device;
	copy_bytes(dev->config, device->config, device->config_len);
	for (unsigned i = 0; i < device->queues; i++)
		dev->eventfds[i] = eventfds[i];
	dev->bar = FIRST_BAR + slot * PC_BAR_SIZE;
	dev->line = dev->noted_line =
		free_lines[(slot - 1) % sizeof(free_lines)];
	return slot;
}

static u32 read_header(const struct pc_virtio *dev, u32 reg)
{
	switch (reg) {
	case 0x00:
		return VENDOR_VIRTIO | (DEVICE_VIRTIO + dev->about.id - 1) << 16;
	case 0x04:
		return dev->command;
	case 0x08:
		return CLASS_OTHER;
	case 0x10:
		return dev->bar | BAR_IO;
	case 0x2c:	/* "subsystem" */
		return VENDOR_VIRTIO | dev->about.id << 16;
	case 0x3c:
		return PIN_A | dev->noted_line;
	default:
		return 0;
	}
}

static u32 read_bridge(u32 reg)
{
	switch (reg) {
	case 0x00:
		return VENDOR_INTEL | DEVICE_440FX << 16;
	case 0x08:
		return CLASS_HOST_BRIDGE;
	default:
		return 0;
	}
}

/* A BAR answers with ones where it can be changed: that's how its size is found
 * out. */
static void write_header(struct pc_virtio *dev, u32 reg, u32 value)
{
	switch (reg) {
	case 0x04:
		dev->command = value & COMMAND_WRITABLE;
		break;
	case 0x10:
		dev->bar = value & -PC_BAR_SIZE;
		break;
	case 0x3c:
		dev->noted_line = value;
		break;
	}
}
/*:*/

/*H:852 Bytes and halves of a register are cut out of the whole. */
static struct pc_virtio *addressed(struct pc *pc)
{
	u32 slot = pc->pci_address >> 11 & 31;

	if (!(pc->pci_address & CONFIG_ENABLE) ||
	    pc->pci_address & 0x00ff0700 || !pc->virtio[slot].present)
		return NULL;
	return &pc->virtio[slot];
}

static u32 read_addressed(struct pc *pc)
{
	const struct pc_virtio *dev = addressed(pc);
	u32 reg = pc->pci_address & 0xfc;

	if (dev)
		return read_header(dev, reg);
	if ((pc->pci_address & ~0xffu) == CONFIG_ENABLE)
		return read_bridge(reg);
	return ~0u;
}

static u32 mask_of(unsigned size)
{
	return ~0u >> (32 - 8 * size);
}

u32 pci_config_in(struct pc *pc, u16 port, unsigned size)
{
	if (port == 0xcf8)
		return pc->pci_address;
	return read_addressed(pc) >> 8 * (port & 3) & mask_of(size);
}

void pci_config_out(struct pc *pc, u16 port, unsigned size, u32 value)
{
	unsigned shift = 8 * (port & 3);
	struct pc_virtio *dev;
	u32 mask;

	if (port == 0xcf8) {
		pc->pci_address = value;
		return;
	}
	dev = addressed(pc);
	if (!dev)
		return;
	mask = mask_of(size) << shift;
	write_header(dev, pc->pci_address & 0xfc,
		     (read_addressed(pc) & ~mask) | (value << shift & mask));
}

struct pc_virtio *pci_find_port(struct pc *pc, u16 port, u16 *offset)
{
	for (unsigned slot = 1; slot < PC_SLOTS; slot++) {
		struct pc_virtio *dev = &pc->virtio[slot];

		if (!dev->present)
			break;
		*offset = port - dev->bar;
		if (dev->command & COMMAND_IO && *offset < PC_BAR_SIZE)
			return dev;
	}
	return NULL;
}
/*:*/
