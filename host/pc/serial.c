/*H:830 The serial port (National 16550A): the console, since nobody has to draw
 * letters for it.
 *
 * Writing takes no time here, so the transmitter is always empty; a driver that
 * asked to be told so is told once each time.  What's written collects in a
 * buffer, until the end of a line or whenever else we have time. */
#include "machine.h"

#define SERIAL_IRQ 4

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH };

#define IER_RECEIVED 0x01
#define IER_EMPTY 0x02
#define IIR_NOTHING 0x01
#define IIR_EMPTY 0x02
#define IIR_RECEIVED 0x04
#define IIR_FIFO 0xc0
#define FCR_ENABLE 0x01
#define LCR_DIVISOR 0x80
#define MCR_OUT2 0x08		/* is wired to let interrupts pass */
#define MCR_LOOP 0x10
#define LSR_RECEIVED 0x01
#define LSR_EMPTY 0x60
#define MSR_READY 0xb0		/* carrier, data set, clear to send */

static bool has_input(const struct pc_serial *serial)
{
	return __atomic_load_n(&serial->head, __ATOMIC_ACQUIRE) != serial->tail;
}

static u8 interrupt_id(const struct pc_serial *serial)
{
	if (serial->ier & IER_RECEIVED && has_input(serial))
		return IIR_RECEIVED;
	if (serial->ier & IER_EMPTY && serial->thre)
		return IIR_EMPTY;
	return IIR_NOTHING;
}

void serial_update(struct pc *pc)
{
	struct pc_serial *serial = &pc->serial;

	pic_set_line(pc, SERIAL_IRQ,
		     serial->mcr & MCR_OUT2 &&
			     interrupt_id(serial) != IIR_NOTHING);
}

static void put_char(struct pc *pc, u8 value)
{
	struct pc_serial *serial = &pc->serial;

	serial->output[serial->written++] = value;
	serial->thre = true;
	if (value == '\n' || serial->written == PC_OUTPUT)
		pc_tell(pc, PC_SERIAL);
}

/* The Launcher's thread adds at the head, and only we move the tail. */
static u8 get_char(struct pc_serial *serial)
{
	u8 value;

	if (!has_input(serial))
		return 0;
	value = serial->input[serial->tail % PC_INPUT];
	__atomic_store_n(&serial->tail, serial->tail + 1, __ATOMIC_RELEASE);
	return value;
}
/*:*/

/*H:832 What the driver sees.  It makes sure that it's really a 16550A that it
 * talks to, by its FIFO bits, its scratch register, and by looping back the
 * modem's lines. */
static u8 read_iir(struct pc_serial *serial)
{
	u8 id = interrupt_id(serial);

	if (id == IIR_EMPTY)
		serial->thre = false;
	return id | (serial->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static u8 read_msr(const struct pc_serial *serial)
{
	u8 mcr = serial->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_READY;
	return (mcr & 0x0c) << 4 | (mcr & 0x02) << 3 | (mcr & 0x01) << 5;
}

static u8 read_register(struct pc_serial *serial, u16 port)
{
	bool divisor = serial->lcr & LCR_DIVISOR;

	switch (port) {
	case DATA:
		return divisor ? serial->divisor : get_char(serial);
	case IER:
		return divisor ? serial->divisor >> 8 : serial->ier;
	case IIR_FCR:
		return read_iir(serial);
	case LCR:
		return serial->lcr;
	case MCR:
		return serial->mcr;
	case LSR:
		return LSR_EMPTY | (has_input(serial) ? LSR_RECEIVED : 0);
	case MSR:
		return read_msr(serial);
	default:
		return serial->scratch;
	}
}

u8 serial_in(struct pc *pc, u16 port)
{
	u8 value = read_register(&pc->serial, port);

	serial_update(pc);
	return value;
}

static void set_divisor(struct pc_serial *serial, u16 port, u8 value)
{
	if (port == DATA)
		serial->divisor = (serial->divisor & 0xff00) | value;
	else
		serial->divisor = (serial->divisor & 0xff) | value << 8;
}

static void set_ier(struct pc_serial *serial, u8 value)
{
	if (value & ~serial->ier & IER_EMPTY)
		serial->thre = true;
	serial->ier = value & 15;
}

static void write_register(struct pc *pc, u16 port, u8 value)
{
	struct pc_serial *serial = &pc->serial;

	switch (port) {
	case DATA:
		put_char(pc, value);
		break;
	case IER:
		set_ier(serial, value);
		break;
	case IIR_FCR:
		serial->fcr = value;
		break;
	case LCR:
		serial->lcr = value;
		break;
	case MCR:
		serial->mcr = value & 31;
		break;
	case SCRATCH:
		serial->scratch = value;
		break;
	}
}

void serial_out(struct pc *pc, u16 port, u8 value)
{
	if (pc->serial.lcr & LCR_DIVISOR && port <= IER)
		set_divisor(&pc->serial, port, value);
	else
		write_register(pc, port, value);
	/* The line falls between two interrupts, however short. */
	pic_set_line(pc, SERIAL_IRQ, false);
	serial_update(pc);
}

/* Somebody types: another thread. */
u32 pc_type(struct pc *pc, const u8 *bytes, u32 len)
{
	struct pc_serial *serial = &pc->serial;
	u32 head = serial->head, i;
	u32 room = PC_INPUT -
		   (head - __atomic_load_n(&serial->tail, __ATOMIC_ACQUIRE));

	for (i = 0; i < len && i < room; i++)
		serial->input[(head + i) % PC_INPUT] = bytes[i];
	__atomic_store_n(&serial->head, head + i, __ATOMIC_RELEASE);
	pc_pulse(pc, PC_LOOK_AT_SERIAL);
	return i;
}
/*:*/
