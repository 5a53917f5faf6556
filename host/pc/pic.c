/*H:810 Two interrupt controllers (Intel 8259A), the second hanging on line 2 of
 * the first, because eight lines weren't enough even in 1984.
 *
 * A line that rises is remembered until the processor takes it; from then until
 * the kernel says "end of interrupt", that line and all behind it are held back.
 * That, the masks and a long-winded initialisation are all there is to it. */
#include "machine.h"

#define CASCADE 2u		/* the line that the second hangs on */
#define SPURIOUS 7u

#define ICW1 0x10		/* in the command port: it starts */
#define ICW1_ICW4 0x01
#define ICW4_AUTO_EOI 0x02
#define OCW3 0x08
#define OCW3_READ 0x02		/* what is to be read is said in the lowest bit */
#define OCW3_ISR 0x01
#define EOI 0x20
#define EOI_SPECIFIC 0x40

/* The most urgent of some lines; 8 if there are none. */
static unsigned first_of(u8 lines)
{
	return __builtin_ctz(lines | 0x100);
}

/* Which line would this chip present?  8: none. */
static unsigned presents(const struct pc_pic *pic)
{
	unsigned line = first_of(pic->irr & ~pic->imr);

	return line < first_of(pic->isr) ? line : 8;
}

/* The second one's line to the first is high as long as it presents anything.
 * While one of its interrupts is in service, the first lets no other pass. */
static void cascade(struct pc *pc)
{
	struct pc_pic *master = &pc->pic[0];

	if (presents(&pc->pic[1]) < 8)
		master->irr |= 1 << CASCADE;
	else
		master->irr &= ~(1 << CASCADE);
}

bool pic_pending(const struct pc *pc)
{
	return presents(&pc->pic[0]) < 8;
}

static void changed(struct pc *pc)
{
	bool pending;

	cascade(pc);
	pending = pic_pending(pc);
	x86_await_interrupts(&pc->cpu, pending);
	if (pending && pc->cpu.interrupt_flag)
		x86_stop(&pc->cpu);
}

void pic_set_line(struct pc *pc, unsigned irq, bool high)
{
	struct pc_pic *pic = &pc->pic[irq / 8];
	u8 bit = 1 << irq % 8;

	if (high && !(pic->lines & bit)) {
		pic->lines |= bit;
		pic->irr |= bit;
		changed(pc);
	} else if (!high && pic->lines & bit) {
		pic->lines &= ~bit;
	}
}

static unsigned take(struct pc_pic *pic)
{
	unsigned line = presents(pic);

	if (line == 8)
		return pic->vector + SPURIOUS;
	pic->irr &= ~(1 << line);
	if (!pic->auto_eoi)
		pic->isr |= 1 << line;
	return pic->vector + line;
}

int pic_acknowledge(struct pc *pc)
{
	unsigned line = presents(&pc->pic[0]);
	int vector = take(&pc->pic[0]);

	if (line == CASCADE)
		vector = take(&pc->pic[1]);
	changed(pc);
	return vector;
}
/*:*/

/*H:812 Initialisation is a conversation of three or four words; the first says
 * whether there will be a fourth.  The third is about who hangs on whom, which
 * was settled with a soldering iron. */
static void start_initialisation(struct pc_pic *pic, u8 icw1)
{
	pic->irr = pic->isr = pic->imr = 0;
	pic->auto_eoi = pic->read_isr = false;
	pic->wants_icw4 = icw1 & ICW1_ICW4;
	pic->step = 2;
}

static void initialise(struct pc_pic *pic, u8 value)
{
	if (pic->step == 2)
		pic->vector = value & ~7;
	if (pic->step == 4)
		pic->auto_eoi = value & ICW4_AUTO_EOI;
	pic->step++;
	if (pic->step > (pic->wants_icw4 ? 4 : 3))
		pic->step = 0;
}

static void end_of_interrupt(struct pc_pic *pic, u8 value)
{
	unsigned line = value & EOI_SPECIFIC ? value & 7u : first_of(pic->isr);

	pic->isr &= ~(1 << line);
}

static void command(struct pc_pic *pic, u8 value)
{
	if (value & ICW1)
		start_initialisation(pic, value);
	else if (value & OCW3 && value & OCW3_READ)
		pic->read_isr = value & OCW3_ISR;
	else if (!(value & OCW3) && value & EOI)
		end_of_interrupt(pic, value);
}

u8 pic_in(struct pc *pc, unsigned chip, u16 port)
{
	const struct pc_pic *pic = &pc->pic[chip];

	if (port)
		return pic->imr;
	return pic->read_isr ? pic->isr : pic->irr;
}

void pic_out(struct pc *pc, unsigned chip, u16 port, u8 value)
{
	struct pc_pic *pic = &pc->pic[chip];

	if (!port)
		command(pic, value);
	else if (pic->step)
		initialise(pic, value);
	else
		pic->imr = value;
	changed(pc);
}
/*:*/
