/*H:840 The clock with the battery (Motorola MC146818), which knows what time it
 * is in the world outside, in decimal digits.  Of its alarms and its 50 bytes of
 * memory there's nothing here that a kernel would miss. */
#include <sys/syscall.h>
#include <time.h>

#include "machine.h"
#include "raw.h"

enum {
	SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY = 7, MONTH = 8,
	YEAR = 9, STATUS_A = 10, STATUS_B = 11, STATUS_D = 13, CENTURY = 50,
};

#define STATUS_A_32KHZ 0x26
#define STATUS_B_24H 0x02
#define STATUS_D_VALID 0x80

struct date {
	u32 year, month, day;
};

/* Days since 1970 to a date, counting years from March, so that the day that
 * isn't always there comes last. */
static struct date date_of(u32 days)
{
	u32 shifted = days + 719468;	/* since the 1st of March of year 0 */
	u32 era = shifted / 146097, day_of_era = shifted % 146097;
	u32 year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
		    day_of_era / 146096) / 365;
	u32 day = day_of_era - (365 * year + year / 4 - year / 100);
	u32 month = (5 * day + 2) / 153;

	return (struct date){ .year = era * 400 + year + (month >= 10),
			      .month = month < 10 ? month + 3 : month - 9,
			      .day = day - (153 * month + 2) / 5 + 1 };
}

static u8 digits(u32 value)
{
	return value / 10 % 10 << 4 | value % 10;
}

u8 cmos_in(struct pc *pc)
{
	struct timespec now;
	struct date date;
	u32 seconds, days;

	raw_syscall(SYS_clock_gettime, CLOCK_REALTIME, (long)&now, 0, 0, 0, 0);
	seconds = now.tv_sec % 86400;
	days = now.tv_sec / 86400;
	date = date_of(days);
	switch (pc->cmos_index) {
	case SECONDS: return digits(seconds % 60);
	case MINUTES: return digits(seconds / 60 % 60);
	case HOURS: return digits(seconds / 3600);
	case WEEKDAY: return (days + 4) % 7 + 1;
	case DAY: return digits(date.day);
	case MONTH: return digits(date.month);
	case YEAR: return digits(date.year % 100);
	case CENTURY: return digits(date.year / 100);
	case STATUS_A: return STATUS_A_32KHZ;
	case STATUS_B: return STATUS_B_24H;
	case STATUS_D: return STATUS_D_VALID;
	default: return 0;
	}
}
/*:*/
