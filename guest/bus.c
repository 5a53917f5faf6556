#include "drivers.h"

/*D:000 Drivers: the lguest bus.
 *
 * Real machines find out what's plugged in by asking around on wires.  We have
 * something better: the Launcher knows, for it has made the devices itself,
 * and so it writes us a list.  It stands in the page just above the end of
 * RAM, one description after the other, until one has the type 0.  A bus
 * driver doesn't come much simpler, which is why this was the first bus for
 * virtio ever: PCI came later, and it took more than these few lines.
 *
 * A description is followed by its virtqueues, then twice the feature bits
 * (what the device offers, what we accept) and last the device's own
 * configuration: so big for a disk, such an address for a network card.  The
 * three helpers below know these offsets, and nothing else does. */
#define MAX_DEVICES	64

static struct device devices[MAX_DEVICES];
static unsigned int devices_found;

static const struct driver *const drivers[] = {
	&console_driver, &net_driver, &block_driver, &rng_driver,
};

static struct lguest_vqconfig *queue_configs(const struct device *device)
{
	return (struct lguest_vqconfig *)device->desc->config;
}

static u8 *feature_bytes(const struct device *device)
{
	return (u8 *)(queue_configs(device) + device->desc->num_vq);
}

static u8 *config_bytes(const struct device *device)
{
	return feature_bytes(device) + 2 * device->desc->feature_len;
}

static size_t description_size(const struct device *device)
{
	return config_bytes(device) + device->desc->config_len -
	       (u8 *)device->desc;
}
/*:*/

/*D:040 The device's status byte is a conversation.  We write how far we have
 * come, and knock; the Launcher reads it then, and only then.  Three of the
 * steps are worth a knock: 0 ("start afresh"), the one after which the
 * features are final (whereupon the Launcher starts the device's threads), and
 * FAILED. */
static void set_status(const struct device *device, u8 status)
{
	device->desc->status = status;
}

static void add_status(const struct device *device, u8 step)
{
	set_status(device, device->desc->status | step);
}

static void knock(const struct device *device)
{
	hcall(LHCALL_NOTIFY, device->address, 0, 0, 0);
}

static void reset(const struct device *device)
{
	set_status(device, 0);
	knock(device);
}

static void give_up(const struct device *device)
{
	add_status(device, VIRTIO_CONFIG_S_FAILED);
	knock(device);
}
/*:*/

/*D:050 Features: the Launcher may know tricks that we don't and the other way
 * round, so both only use what is offered *and* accepted.  That's how devices
 * can learn something new without anybody having to rewrite an old driver, such
 * as this one will be some day. */
static void accept_features(struct device *device, u32 wanted)
{
	unsigned int i, len = device->desc->feature_len;
	u8 *offered = feature_bytes(device), *accepted = offered + len;

	device->features = 0;
	for (i = 0; i < len; i++) {
		u32 both = i < 4 ? offered[i] & (wanted >> 8 * i) : 0;

		accepted[i] = both;
		device->features |= both << 8 * i;
	}
}
/*:*/

/*D:060 What the drivers' probe functions ask of us.  Each queue has an
 * interrupt line of its own, so nobody has to find out who it was that rang. */
void device_config(const struct device *device, unsigned int offset,
		   void *to, size_t len)
{
	const u8 *config = config_bytes(device);
	u8 *bytes = to;
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = offset + i < device->desc->config_len ?
			   config[offset + i] : 0;
}

struct virtqueue *device_queue(const struct device *device, unsigned int index,
			       void (*called)(void *arg), void *arg)
{
	struct lguest_vqconfig *config = &queue_configs(device)[index];
	struct virtqueue *vq;

	if (index >= device->desc->num_vq || config->irq >= LGUEST_IRQS)
		return NULL;
	vq = vq_create(config, device->features);
	if (vq)
		request_irq(config->irq, called, arg);
	return vq;
}
/*:*/

/*D:070 Now the life of a device, as the virtio people have laid it down: reset
 * it, say that we've seen it, say that we know how to drive it, agree on
 * features, set up its queues, and go. */
static const struct driver *find_driver(u8 type)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		if (drivers[i]->type == type)
			return drivers[i];
	return NULL;
}

static void start(struct device *device, const struct driver *driver)
{
	reset(device);
	add_status(device, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(device, VIRTIO_CONFIG_S_DRIVER);
	accept_features(device, driver->features);
	knock(device);
	if (driver->probe(device)) {
		add_status(device, VIRTIO_CONFIG_S_DRIVER_OK);
	} else {
		give_up(device);
		printk("%s %u: can't be used\n", driver->name, device->number);
	}
}

static unsigned int count_type(u8 type)
{
	unsigned int i, count = 0;

	for (i = 0; i < devices_found; i++)
		count += devices[i].desc->type == type;
	return count;
}

static void found(struct lguest_device_desc *desc, u32 address)
{
	struct device *device = &devices[devices_found];
	const struct driver *driver = find_driver(desc->type);

	device->desc = desc;
	device->address = address;
	device->number = count_type(desc->type);
	devices_found++;
	if (driver)
		start(device, driver);
	else
		printk("device of type %u: no idea what that is\n", desc->type);
}
/*:*/

/*D:080 The walk along the list.  A description has at least five bytes, so
 * there is an end to it even if the Launcher forgot to put one. */
void bus_init(void)
{
	u8 *page = map_physical(memory_top(), 1);
	u32 offset = 0;

	while (offset + sizeof(struct lguest_device_desc) <= PAGE_SIZE &&
	       page[offset] != 0 && devices_found < MAX_DEVICES) {
		found((void *)(page + offset), memory_top() + offset);
		offset += description_size(&devices[devices_found - 1]);
	}
}
/*:*/
