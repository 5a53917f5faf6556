#! /bin/sh
# Would the checker notice?  translate.c and cache.c are broken in one place each,
# in ways that let a Guest out; the first programs that run on that must end with
# a word from the checker.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
tests=0

result() {	# $1 the test's name; fails with the lines of $dir/why, if any
	tests=$((tests + 1))
	if [ -s "$dir/why" ]; then
		echo "not ok $tests - $1"
		sed 's/^/# /' "$dir/why"
	else
		echo "ok $tests - $1"
	fi
}

run() {		# the first programs, on what stands in $dir
	"$dir/differ" cases tests/x86/cases/counting* tests/x86/cases/store* 2>"$dir/err" >"$dir/out" &&
		"$dir/differ" run 0 2048 2>"$dir/err" >"$dir/out"
}

broken() {	# $1 what is wrong; $2 the file; $3 how to break it
	: >"$dir/why"
	sed "$3" "host/x86/$2.c" >"$dir/$2.c"
	cmp -s "host/x86/$2.c" "$dir/$2.c" && echo "nothing is broken" >"$dir/why"
	cp "$dir/$2.o" "$dir/whole"
	${CC:-gcc} -std=gnu11 -w -DX86_CHECK=1 -mgeneral-regs-only \
		-fcf-protection=none -Iinclude -Ihost -Ihost/x86 \
		-c -o "$dir/$2.o" "$dir/$2.c" &&
		${CC:-gcc} -pthread -o "$dir/differ" "$dir"/*.o || echo no >>"$dir/why"
	(run) 2>/dev/null
	grep -q '^checker: ' "$dir/err" || head -n 5 "$dir/err" "$dir/out" >>"$dir/why"
	mv "$dir/whole" "$dir/$2.o"
	result "$1: $(sed -n 's/^checker: the .* of [0-9a-f]* has \(.*\), at.*/\1/p' \
		"$dir/err")"
}

tests/x86/differ.sh "$dir" || exit 1
run && ! grep '^not' "$dir/out" >"$dir/why"
result 'nothing to complain of as it is'

broken 'memory without gs' translate \
	's/put_bytes(e, 0x6765, 2)/put8(e, 0x67)/'
broken '64-bit addresses' translate \
	's/put_bytes(e, 0x6765, 2)/put8(e, 0x65)/'
broken 'far below the window' translate 's/h->disp >= least/true/'
broken 'a wide register with 64-bit addresses' translate \
	's/!is_wide(e, h->base) \&\&/true \&\&/'
broken 'a wide index with 64-bit addresses' translate \
	's/!is_wide(e, h->index) \&\&/true \&\&/'
broken 'a wide register at the end of a block' translate \
	'/^static void emit_goto(/,/^}/s/emit_clean(e);//'
broken 'a wide register in a string' translate \
	's/if (minds_wide(insn))/if (0)/'
broken 'our own stack' translate \
	's/return reg == X86_ESP ? R13 : reg;/return reg;/'
broken 'a string with a Guest pointer' translate 's/0x373c8d4a/0x90909090/'
broken 'a pointer of ours left in edi' translate \
	's/emit_move(e, X86_EDI, X86_EDI, false)/(void)0/'
broken 'a field that is none of its business' translate \
	's/CPU(seg) + seg \* 8)/CPU(host_rsp))/'
broken 'a jump table without an end' translate \
	's/emit_load(e, false, R8, R13, 0)/(void)0/'
broken 'a branch beside its target' translate \
	's/\(x86_patch_rel32(e->exits\[i\].site, e->p\))/\1 + 1)/'
broken 'a chain to the middle of a block' cache \
	's/\(c->rx), c->rw + target\)/\1 + 7/'
broken 'a place that is somewhere' translate 's/1ull << 63/X86_POLL_TRAP/'
broken 'another slow instruction' translate 's/put32(e, n)/put32(e, n + 1)/'
broken 'a call of the machine' translate \
	's/^\tcase X86_NOP:$/&\n\t\tput_bytes(e, 0x050f, 2);/'
echo "1..$tests"
