#!/bin/sh
# Debian's own kernels, from the boot loader's hand to the end.
cd "$(dirname "$0")/../.." || exit 1
. tests/debian/lib.sh

complaints='BUG\|WARNING\|Oops\|panic\|segfault\|unable to handle'

for flavour in 686 686-pae; do
	initrd $flavour <<-'END'
		uname -r
		grep MemTotal /proc/meminfo
		cat /proc/cmdline
		echo "clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
		echo "to init in $(cut -d' ' -f1 /proc/uptime)"
	END
	check "$flavour boots and halts" boot $flavour
	check "... it is $flavour" said "^6\..*-$flavour\$"
	check '... counting time by the time stamp counter' said '^clock tsc'
	check '... and finds nothing wrong' never_said "$complaints"
	check '... also when it was unpacked before' boot $flavour --verbose
	check '... as it says' said 'unpacked before'
	check '... and when it must not be' boot $flavour --no-cache --verbose
	check '... as it says' never_said 'unpacked'
	check '... and with no words but ours' boot $flavour --no-default-args
	check '... which are all there are' said '^console=ttyS0 rdinit=/init$'
done

echo garbage >"$dir/cache/lguest/$(ls "$dir/cache/lguest" | head -n 1)"
check 'garbage in the cache is not looked at' boot 686

memory=1024
check '1 GB, of which some is high' boot 686
check '... is all there' said 'MemTotal: *10[0-9]* kB'
memory=32
boot 686
check '32 MB are too little, and that is said' said 'needs .* the Guest.s memory ends'
unset memory

check 'page tables of their own for programs' boot 686-pae pti=on
check '... and so it is' said 'page tables isolation: enabled'

initrd 686 <<'END'
echo c >/proc/sysrq-trigger
END
seconds=5 boot 686 --verbose panic=-1
check 'a kernel that is told to crashes' said 'sysrq triggered crash'
check '... and starts again if it has been told that too' said 'the Guest reboots'

initrd 686 <<'END'
echo b >/proc/sysrq-trigger
END
seconds=5 boot 686 --verbose
check 'a reboot by the emergency key' said 'the Guest reboots'

initrd 686 <<'END'
echo "up"
END
times=0
while [ $times -lt 20 ] && boot 686 quiet && said '^up$'; do
	times=$((times + 1))
done
check '20 boots in a row' [ $times -eq 20 ]
finish
