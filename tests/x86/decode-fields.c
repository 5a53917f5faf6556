/* The decoder against a table of what it must find in tricky instructions,
 * written by hand (as far as the manual goes) in a language of its own:
 *
 *	LENGTH kind [opsize16] [addr16] [lock] [rep]
 *	[reg=NAME] [rm=NAME] [op=NAME]	the general registers it encodes
 *	[SEG:base+index<<scale+disp]	the memory operand, hexadecimal
 *	[sreg=SEG] [immLEN=VALUE] [imm2=VALUE] [fpu] [writes]
 *
 * Of what is undefined only the length counts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "x86/decode.h"

#define TOO_LONG "15 emulate opcode 00"

static const struct {
	const char *bytes, *found;
} rows[] = {
	/* ModRM and SIB. */
	{ "8b 44 8d 10", "4 copy reg=eax [ss:ebp+ecx<<2+10]" },
	{ "8b 04 8d 00 00 00 80", "7 copy reg=eax [ds:ecx<<2+80000000]" },
	{ "8b 04 25 78 56 34 12", "7 copy reg=eax [ds:12345678]" },
	{ "8b 05 78 56 34 12", "6 copy reg=eax [ds:12345678]" },
	{ "8b 04 24", "3 copy reg=eax [ss:esp]" },
	{ "8b 04 64", "3 copy reg=eax [ss:esp]" },
	{ "8b 44 24 fc", "4 copy reg=eax [ss:esp+fffffffc]" },
	{ "8b 45 00", "3 copy reg=eax [ss:ebp]" },
	{ "8b 04 28", "3 copy reg=eax [ds:eax+ebp]" },
	{ "8b 04 2d 00 00 00 00", "7 copy reg=eax [ds:ebp]" },
	{ "3e 8b 45 00", "4 copy reg=eax [ds:ebp]" },
	{ "65 8b 0d 14 00 00 00", "7 copy reg=ecx [gs:14]" },
	{ "2e 64 8b 00", "4 copy reg=eax [fs:eax]" },
	{ "64 2e 8b 00", "4 copy reg=eax [cs:eax]" },
	/* 16-bit addresses. */
	{ "67 8b 00", "3 copy addr16 reg=eax [ds:ebx+esi]" },
	{ "67 8b 42 80", "4 copy addr16 reg=eax [ss:ebp+esi+ffffff80]" },
	{ "67 8b 06 34 f2", "5 copy addr16 reg=eax [ds:fffff234]" },
	{ "67 8b 46 00", "4 copy addr16 reg=eax [ss:ebp]" },
	{ "67 8b 87 00 80", "5 copy addr16 reg=eax [ds:ebx+ffff8000]" },
	{ "67 a1 00 f0", "4 moffs addr16 [ds:f000]" },
	/* Plain arithmetic; of the prefixes the last counts. */
	{ "01 d8", "2 copy reg=ebx rm=eax" },
	{ "01 18", "2 copy reg=ebx [ds:eax] writes" },
	{ "03 18", "2 copy reg=ebx [ds:eax]" },
	{ "39 18", "2 copy reg=ebx [ds:eax]" },
	{ "00 e0", "2 copy reg=ah rm=al" },
	{ "66 01 d8", "3 copy opsize16 reg=ebx rm=eax" },
	{ "66 05 ff ff", "4 copy opsize16 imm2=ffff" },
	{ "05 fe ff ff ff", "5 copy imm4=fffffffe" },
	{ "80 c3 ff", "3 copy rm=bl imm1=ff" },
	{ "82 c3 ff", "3 copy rm=bl imm1=ff" },
	{ "81 c3 01 00 00 80", "6 copy rm=ebx imm4=80000001" },
	{ "83 c3 ff", "3 copy rm=ebx imm1=ffffffff" },
	{ "66 83 c3 ff", "4 copy opsize16 rm=ebx imm1=ffffffff" },
	{ "83 3b ff", "3 copy [ds:ebx] imm1=ffffffff" },
	{ "83 03 ff", "3 copy [ds:ebx] imm1=ffffffff writes" },
	{ "f2 f3 01 18", "4 copy rep reg=ebx [ds:eax] writes" },
	{ "f3 f2 01 18", "4 copy repnz reg=ebx [ds:eax] writes" },
	{ "69 d9 00 01 00 00", "6 copy reg=ebx rm=ecx imm4=100" },
	{ "6b d9 80", "3 copy reg=ebx rm=ecx imm1=ffffff80" },
	{ "84 21", "2 copy reg=ah [ds:ecx]" },
	{ "86 21", "2 copy reg=ah [ds:ecx] writes" },
	{ "87 cb", "2 copy reg=ecx rm=ebx" },
	{ "88 21", "2 copy reg=ah [ds:ecx] writes" },
	{ "8a 21", "2 copy reg=ah [ds:ecx]" },
	{ "c0 e7 05", "3 copy rm=bh imm1=5" },
	{ "d3 26", "2 copy [ds:esi] writes" },
	{ "d1 f7", "2 copy rm=edi" },
	{ "c6 03 80", "3 copy [ds:ebx] imm1=80 writes" },
	{ "66 c7 03 34 12", "5 copy opsize16 [ds:ebx] imm2=1234 writes" },
	{ "f6 c4 80", "3 copy rm=ah imm1=80" },
	{ "f6 0b 80", "3 copy [ds:ebx] imm1=80" },
	{ "f7 03 01 00 00 00", "6 copy [ds:ebx] imm4=1" },
	{ "f7 1b", "2 copy [ds:ebx] writes" },
	{ "f7 33", "2 copy [ds:ebx]" },
	{ "fe cf", "2 copy rm=bh" },
	{ "ff 43 04", "3 copy [ds:ebx+4] writes" },
	/* Opcodes with registers in them. */
	{ "43", "1 inc/dec op=ebx" },
	{ "66 4c", "2 inc/dec opsize16 op=esp" },
	{ "90", "1 nop" },
	{ "f3 90", "2 nop rep" },
	{ "93", "1 copy op=ebx" },
	{ "66 97", "2 copy opsize16 op=edi" },
	{ "b7 80", "2 copy op=bh imm1=80" },
	{ "bf 78 56 34 12", "5 copy op=edi imm4=12345678" },
	{ "66 bf 34 12", "4 copy opsize16 op=edi imm2=1234" },
	{ "0f cb", "2 copy op=ebx" },
	/* The stack. */
	{ "54", "1 push-reg op=esp writes" },
	{ "66 5c", "2 pop-reg opsize16 op=esp" },
	{ "68 01 00 00 00", "5 push-imm imm4=1 writes" },
	{ "66 68 00 80", "4 push-imm opsize16 imm2=8000 writes" },
	{ "6a ff", "2 push-imm imm1=ffffffff writes" },
	{ "ff 74 24 04", "4 push-rm [ss:esp+4] writes" },
	{ "ff f3", "2 push-rm rm=ebx writes" },
	{ "8f 44 24 04", "4 pop-rm [ss:esp+4] writes" },
	{ "8f c3", "2 pop-rm rm=ebx" },
	{ "8f cb", "2 undefined" },
	{ "9c", "1 pushf writes" },
	{ "66 9d", "2 popf opsize16" },
	{ "60", "1 emulate writes" },
	{ "61", "1 emulate" },
	{ "c8 10 00 02", "4 emulate imm3=10 imm2=2 writes" },
	{ "c9", "1 leave" },
	{ "66 c9", "2 emulate opsize16" },
	/* Segments. */
	{ "06", "1 push-seg sreg=es writes" },
	{ "0e", "1 push-seg sreg=cs writes" },
	{ "16", "1 push-seg sreg=ss writes" },
	{ "1e", "1 push-seg sreg=ds writes" },
	{ "66 0f a0", "3 push-seg opsize16 sreg=fs writes" },
	{ "0f a8", "2 push-seg sreg=gs writes" },
	{ "07", "1 emulate sreg=es" },
	{ "17", "1 emulate sreg=ss" },
	{ "1f", "1 emulate sreg=ds" },
	{ "0f a1", "2 emulate sreg=fs" },
	{ "0f a9", "2 emulate sreg=gs" },
	{ "8c e3", "2 mov-from-seg rm=ebx sreg=fs" },
	{ "8c 1b", "2 mov-from-seg [ds:ebx] sreg=ds writes" },
	{ "8c f3", "2 undefined" },
	{ "8e e3", "2 emulate rm=ebx sreg=fs" },
	{ "8e cb", "2 undefined" },
	{ "c4 03", "2 emulate reg=eax [ds:ebx] sreg=es" },
	{ "c5 03", "2 emulate reg=eax [ds:ebx] sreg=ds" },
	{ "0f b2 03", "3 emulate reg=eax [ds:ebx] sreg=ss" },
	{ "0f b4 03", "3 emulate reg=eax [ds:ebx] sreg=fs" },
	{ "0f b5 03", "3 emulate reg=eax [ds:ebx] sreg=gs" },
	{ "c5 f8", "2 undefined" },
	{ "62 03", "2 emulate reg=eax [ds:ebx]" },
	{ "62 f1", "2 undefined" },
	{ "63 d8", "2 emulate reg=ebx rm=eax" },
	/* Jumps. */
	{ "74 fe", "2 jcc imm1=fffffffe" },
	{ "66 74 fe", "3 emulate opsize16 imm1=fffffffe" },
	{ "0f 84 00 ff ff ff", "6 jcc imm4=ffffff00" },
	{ "66 0f 84 00 ff", "5 emulate opsize16 imm2=ffffff00" },
	{ "eb 80", "2 jmp imm1=ffffff80" },
	{ "e9 00 00 00 80", "5 jmp imm4=80000000" },
	{ "e8 fc ff ff ff", "5 call imm4=fffffffc writes" },
	{ "66 e8 fc ff", "4 emulate opsize16 imm2=fffffffc writes" },
	{ "e3 10", "2 loop imm1=10" },
	{ "67 e3 10", "3 emulate addr16 imm1=10" },
	{ "ff e0", "2 jmp-rm rm=eax" },
	{ "66 ff e0", "3 emulate opsize16 rm=eax" },
	{ "3e ff e0", "3 jmp-rm rm=eax" },
	{ "ff 14 85 00 10 00 c0", "7 call-rm [ds:eax<<2+c0001000] writes" },
	{ "c3", "1 ret" },
	{ "f3 c3", "2 ret rep" },
	{ "c2 fc ff", "3 ret imm2=fffc" },
	{ "66 c3", "2 emulate opsize16" },
	{ "9a 78 56 34 12 60 00", "7 emulate imm6=12345678 imm2=60 writes" },
	{ "66 ea 34 12 60 00", "6 emulate opsize16 imm4=1234 imm2=60" },
	{ "ff 1b", "2 emulate [ds:ebx] writes" },
	{ "ff 2b", "2 emulate [ds:ebx]" },
	{ "ff db", "2 undefined" },
	{ "ff eb", "2 undefined" },
	{ "ff fb", "2 undefined" },
	{ "cb", "1 emulate" },
	{ "cf", "1 emulate" },
	{ "cc", "1 emulate writes" },
	{ "ce", "1 emulate writes" },
	{ "f1", "1 emulate writes" },
	{ "cd 80", "2 emulate imm1=80 writes" },
	/* Strings. */
	{ "a4", "1 string [ds:0] writes" },
	{ "f3 66 a5", "3 string opsize16 rep [ds:0] writes" },
	{ "f2 ae", "2 string repnz [ds:0]" },
	{ "64 ac", "2 emulate" },
	{ "65 a6", "2 emulate" },
	{ "2e a4", "2 string [cs:0] writes" },
	{ "64 aa", "2 string [fs:0] writes" },
	{ "67 aa", "2 emulate addr16 writes" },
	{ "d7", "1 xlat" },
	{ "64 d7", "2 emulate" },
	{ "a0 00 00 00 80", "5 moffs [ds:80000000]" },
	{ "64 a3 78 56 34 12", "6 moffs [fs:12345678] writes" },
	/* Behind 0f. */
	{ "0f b6 de", "3 copy reg=ebx rm=dh" },
	{ "66 0f b6 de", "4 copy opsize16 reg=ebx rm=dh" },
	{ "0f bf de", "3 copy reg=ebx rm=esi" },
	{ "0f 95 c7", "3 copy rm=bh" },
	{ "0f 95 03", "3 copy [ds:ebx] writes" },
	{ "0f 44 d8", "3 copy reg=ebx rm=eax" },
	{ "0f a3 03", "3 copy reg=eax [ds:ebx]" },
	{ "f0 0f ab 03", "4 copy lock reg=eax [ds:ebx] writes" },
	{ "0f ba 63 04 1f", "5 copy [ds:ebx+4] imm1=1f" },
	{ "0f ba 6b 04 1f", "5 copy [ds:ebx+4] imm1=1f writes" },
	{ "0f ba 43 04 1f", "5 undefined" },
	{ "0f a4 c3 04", "4 copy reg=eax rm=ebx imm1=4" },
	{ "0f ad 03", "3 copy reg=eax [ds:ebx] writes" },
	{ "0f af 03", "3 copy reg=eax [ds:ebx]" },
	{ "f0 0f b1 0b", "4 copy lock reg=ecx [ds:ebx] writes" },
	{ "0f c0 e3", "3 copy reg=ah rm=bl" },
	{ "0f c7 0b", "3 copy [ds:ebx] writes" },
	{ "0f c7 cb", "3 undefined" },
	{ "0f c7 f3", "3 copy rm=ebx" },
	{ "0f c7 fb", "3 undefined" },
	{ "f3 0f b8 d8", "4 copy rep reg=ebx rm=eax" },
	{ "66 f3 0f b8 d8", "5 copy opsize16 rep reg=ebx rm=eax" },
	{ "0f b8 d8", "3 undefined" },
	{ "f3 0f bc d8", "4 copy rep reg=ebx rm=eax" },
	{ "0f 31", "2 copy" },
	{ "0f a2", "2 emulate" },
	{ "0f 02 d8", "3 emulate reg=ebx rm=eax" },
	{ "0f 1f 84 00 00 00 00 00", "8 nop [ds:eax+eax]" },
	{ "66 0f 1f 44 00 00", "6 nop opsize16 [ds:eax+eax]" },
	{ "f3 0f 1e fb", "4 nop rep" },
	{ "0f 18 0b", "3 nop [ds:ebx]" },
	{ "0f 0d 0b", "3 nop [ds:ebx]" },
	{ "0f ae e8", "3 copy" },
	{ "0f ae ff", "3 copy" },
	{ "0f ae 3b", "3 copy [ds:ebx]" },
	{ "0f ae 13", "3 copy [ds:ebx] fpu" },
	{ "0f ae 1b", "3 copy [ds:ebx] fpu writes" },
	{ "0f ae 03", "3 emulate [ds:ebx] fpu writes" },
	{ "0f ae 0b", "3 emulate [ds:ebx] fpu" },
	{ "0f ae 23", "3 undefined" },
	{ "0f 38 f0 03", "4 copy reg=eax [ds:ebx]" },
	{ "66 0f 38 f0 1b", "5 copy opsize16 reg=ebx [ds:ebx]" },
	{ "0f 38 f1 1b", "4 copy reg=ebx [ds:ebx] writes" },
	{ "66 0f 38 f1 03", "5 copy opsize16 reg=eax [ds:ebx] writes" },
	{ "f2 0f 38 f0 c4", "5 copy repnz reg=eax rm=ah" },
	{ "66 f2 0f 38 f1 c3", "6 copy opsize16 repnz reg=eax rm=ebx" },
	{ "0f c3 03", "3 copy reg=eax [ds:ebx] writes" },
	{ "0f c3 c3", "3 undefined" },
	/* Vectors: which of their operands are general registers? */
	{ "0f 6e c3", "3 copy rm=ebx fpu" },
	{ "66 0f 6e c3", "4 copy rm=ebx fpu" },
	{ "66 0f 7e c3", "4 copy rm=ebx fpu" },
	{ "66 0f 7e 03", "4 copy [ds:ebx] fpu writes" },
	{ "f3 0f 7e 03", "4 copy rep [ds:ebx] fpu" },
	{ "66 0f d6 03", "4 copy [ds:ebx] fpu writes" },
	{ "f2 0f d6 c3", "4 copy repnz fpu" },
	{ "f3 0f d6 03", "4 undefined" },
	{ "0f 6f 03", "3 copy [ds:ebx] fpu" },
	{ "0f 7f 03", "3 copy [ds:ebx] fpu writes" },
	{ "0f 77", "2 copy fpu" },
	{ "0f 28 c3", "3 copy fpu" },
	{ "0f 29 03", "3 copy [ds:ebx] fpu writes" },
	{ "f3 0f 28 03", "4 undefined" },
	{ "0f 12 c3", "3 copy fpu" },
	{ "66 0f 12 c3", "4 undefined" },
	{ "f2 0f 16 03", "4 undefined" },
	{ "0f 50 d9", "3 copy reg=ebx fpu" },
	{ "0f 50 1b", "3 undefined" },
	{ "66 0f d7 d9", "4 copy reg=ebx fpu" },
	{ "0f c4 cb 02", "4 copy rm=ebx imm1=2 fpu" },
	{ "66 0f c5 d9 02", "5 copy reg=ebx imm1=2 fpu" },
	{ "f2 0f 2a c3", "4 copy repnz rm=ebx fpu" },
	{ "0f 2a c3", "3 copy fpu" },
	{ "f2 0f 2c d8", "4 copy repnz reg=ebx fpu" },
	{ "66 f2 0f 2d d8", "5 copy repnz reg=ebx fpu" },
	{ "66 0f 2d d8", "4 copy fpu" },
	{ "66 0f 3a 16 c3 01", "6 copy rm=ebx imm1=1 fpu" },
	{ "66 0f 3a 22 03 01", "6 copy [ds:ebx] imm1=1 fpu" },
	{ "66 0f 3a 14 03 01", "6 copy [ds:ebx] imm1=1 fpu writes" },
	{ "0f 3a 0f c1 08", "5 copy imm1=8 fpu" },
	{ "66 0f 71 d3 04", "5 copy imm1=4 fpu" },
	{ "66 0f 73 db 04", "5 copy imm1=4 fpu" },
	{ "0f 73 db 04", "4 undefined" },
	{ "66 0f f7 c1", "4 emulate fpu writes" },
	{ "66 0f 38 dc c1", "5 undefined" },
	{ "66 0f 3a 44 c1 00", "6 undefined" },
	/* The 8087. */
	{ "9b", "1 copy fpu" },
	{ "d9 03", "2 copy [ds:ebx] fpu" },
	{ "d9 13", "2 copy [ds:ebx] fpu writes" },
	{ "66 d9 33", "3 emulate opsize16 [ds:ebx] fpu writes" },
	{ "d9 0b", "2 undefined" },
	{ "d9 d0", "2 copy fpu" },
	{ "d9 d1", "2 undefined" },
	{ "da e9", "2 copy fpu" },
	{ "db 3b", "2 copy [ds:ebx] fpu writes" },
	{ "db e3", "2 copy fpu" },
	{ "dd 33", "2 emulate [ds:ebx] fpu writes" },
	{ "de d9", "2 copy fpu" },
	{ "de d8", "2 undefined" },
	{ "df e0", "2 copy fpu" },
	{ "df e1", "2 undefined" },
	/* What the machine around us decides. */
	{ "f4", "1 privileged" },
	{ "fb", "1 privileged" },
	{ "e4 61", "2 privileged imm1=61" },
	{ "66 ef", "2 privileged opsize16" },
	{ "f3 6d", "2 privileged rep writes" },
	{ "0f 20 c3", "3 privileged rm=ebx" },
	{ "0f 22 05", "3 privileged rm=ebp" },
	{ "0f 20 cb", "3 undefined" },
	{ "0f 23 fb", "3 privileged rm=ebx" },
	{ "0f 24", "2 undefined" },
	{ "0f 01 13", "3 privileged [ds:ebx]" },
	{ "0f 01 3b", "3 privileged [ds:ebx]" },
	{ "0f 01 03", "3 emulate [ds:ebx] writes" },
	{ "0f 01 e3", "3 emulate rm=ebx" },
	{ "0f 01 f3", "3 privileged rm=ebx" },
	{ "0f 01 c8", "3 undefined" },
	{ "0f 01 c9", "3 undefined" },
	{ "0f 01 ca", "3 undefined" },
	{ "0f 01 c1", "3 undefined" },
	{ "0f 01 d0", "3 undefined" },
	{ "0f 01 f9", "3 undefined" },
	{ "0f 00 c3", "3 emulate rm=ebx" },
	{ "0f 00 d3", "3 privileged rm=ebx" },
	{ "0f 00 e3", "3 emulate rm=ebx" },
	{ "0f 00 f3", "3 undefined" },
	{ "0f 34", "2 privileged" },
	{ "0f 05", "2 undefined" },
	{ "0f aa", "2 undefined" },
	/* LOCK, where it may be and where not. */
	{ "f0 01 18", "3 copy lock reg=ebx [ds:eax] writes" },
	{ "f0 87 18", "3 copy lock reg=ebx [ds:eax] writes" },
	{ "f0 01 d8", "3 undefined" },
	{ "f0 03 18", "3 undefined" },
	{ "f0 39 18", "3 undefined" },
	{ "f0 89 18", "3 undefined" },
	{ "f0 0f ba 23 01", "5 undefined" },
	{ "f0 90", "2 undefined" },
	{ "f0 f4", "2 undefined" },
	/* Undefined by and by. */
	{ "0f 0b", "2 undefined" },
	{ "0f b9 03", "3 undefined" },
	{ "0f ff 44 24 08", "5 undefined" },
	{ "8d c3", "2 undefined" },
	{ "8d 44 18 08", "4 lea reg=eax [ds:eax+ebx+8]" },
	{ "c6 f8 00", "3 undefined" },
	{ "fe d3", "2 undefined" },
	/* As long as can be, and longer. */
	{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 90", "15 nop" },
	{ "66 66 66 66 66 81 84 24 00 00 00 00 01 00",
	  "14 copy opsize16 [ss:esp] imm2=1 writes" },
	{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 66", TOO_LONG },
	{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 0f", TOO_LONG },
	{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 05 00 00 00", TOO_LONG },
	{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e d9 05 00 00 00", TOO_LONG },
	/* A store to cs: isn't tried, unless it's pop or the FPU's. */
	{ "2e 89 18", "3 emulate opcode 00" },
	{ "2e d9 30", "3 emulate opcode 00 fpu" },
	{ "2e d9 18", "3 copy [cs:eax] fpu writes" },
	{ "2e 0f 7f 00", "4 copy [cs:eax] fpu writes" },
	{ "2e 8f 00", "3 pop-rm [cs:eax] writes" },
};

static char found[256];

static void __attribute__((format(printf, 1, 2))) add(const char *format, ...)
{
	size_t len = strlen(found);
	va_list args;

	va_start(args, format);
	vsnprintf(found + len, sizeof(found) - len, format, args);
	va_end(args);
}

static const char *const kinds[] = {
	"copy", "nop", "lea", "inc/dec", "moffs", "push-reg", "pop-reg",
	"push-imm", "push-rm", "pop-rm", "pushf", "popf", "push-seg", "leave",
	"mov-from-seg", "jcc", "jmp", "call", "loop", "jmp-rm", "call-rm",
	"ret", "string", "xlat", "emulate", "privileged", "undefined",
};
static const char *const names8[] = { "al", "cl", "dl", "bl",
				      "ah", "ch", "dh", "bh" };
static const char *const names32[] = { "eax", "ecx", "edx", "ebx",
				       "esp", "ebp", "esi", "edi" };
static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs", "-" };

static void add_operand(const char *where, u8 what, u8 number)
{
	static const char *const *const names[] = { NULL, names8, names32 };

	if (what != X86_NONE)
		add(" %s=%s", where, names[what][number & 7]);
}

static void add_term(const char *term)
{
	add("%s%s", found[strlen(found) - 1] == ':' ? "" : "+", term);
}

static void add_memory(const struct x86_insn *i)
{
	char disp[9];

	add(" [%s:", segs[i->mem_seg]);
	if (i->base >= 0)
		add_term(names32[i->base]);
	if (i->index >= 0)
		add_term(names32[i->index]);
	if (i->index >= 0 && i->scale)
		add("<<%u", i->scale);
	snprintf(disp, sizeof(disp), "%x", (u32)i->disp);
	if (i->disp || (i->base < 0 && i->index < 0))
		add_term(disp);
	add("]");
}

static void add_prefixes(const struct x86_insn *i)
{
	if (i->opsize16)
		add(" opsize16");
	if (i->addr16)
		add(" addr16");
	if (i->lock)
		add(" lock");
	if (i->rep)
		add(i->rep == 0xf2 ? " repnz" : " rep");
}

static void add_operands(const struct x86_insn *i)
{
	add_operand("reg", i->reg_is, i->reg);
	if (!i->mem)
		add_operand("rm", i->rm_is, i->rm);
	add_operand("op", i->opcode_is, i->opcode);
	if (i->mem || i->kind == X86_MOFFS || i->kind == X86_STRING)
		add_memory(i);
	if (i->sreg != X86_NO_SEG)
		add(" sreg=%s", segs[i->sreg]);
}

static void describe(const struct x86_insn *i)
{
	sprintf(found, "%u %s", i->len, kinds[i->kind]);
	if (i->kind == X86_UNDEFINED)
		return;
	if (i->kind == X86_EMULATE && !i->map && !i->opcode) {
		add(" opcode 00%s", i->fpu ? " fpu" : "");
		return;
	}
	add_prefixes(i);
	add_operands(i);
	if (i->imm_len)
		add(" imm%u=%x", i->imm_len, i->imm);
	if (i->imm2)
		add(" imm2=%x", i->imm2);
	if (i->fpu)
		add(" fpu");
	if (i->writes_mem)
		add(" writes");
}

static unsigned parse(u8 *bytes, const char *hex)
{
	unsigned n = 0;
	char *end;

	for (; *hex; hex = end)
		bytes[n++] = strtoul(hex, &end, 16);
	return n;
}

/* All bytes but the last few must not be enough. */
static bool decode_just(struct x86_insn *insn, const u8 *bytes, unsigned len)
{
	for (unsigned avail = 1; avail < len; avail++)
		if (x86_decode(insn, bytes, avail))
			return false;
	return x86_decode(insn, bytes, len);
}

int main(void)
{
	unsigned count = sizeof(rows) / sizeof(*rows), wrong = 0;

	for (unsigned n = 0; n < count; n++) {
		struct x86_insn insn;
		u8 bytes[32];
		bool whole = decode_just(&insn, bytes,
					 parse(bytes, rows[n].bytes));

		describe(&insn);
		if (whole && !strcmp(found, rows[n].found))
			continue;
		wrong++;
		printf("# %s: %s%s\n", rows[n].bytes, found,
		       whole ? "" : ", of another length");
		printf("# expected: %s\n", rows[n].found);
	}
	printf("%s - the fields of %u instructions\n", wrong ? "not ok" : "ok",
	       count);
	return 0;
}
