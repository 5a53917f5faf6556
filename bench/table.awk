# Reads samples ("KEY SIDE VALUE") after rows (see there), prints the table and
# writes it to the file "csv".  Machines change their speed while one looks on:
# so the ratio is the median of the ratios of neighbouring samples, which were
# taken one right after the other, and not the ratio of the medians.
BEGIN { FS = "|" }

FILENAME == rows {
	if ($0 !~ /^#/)
		row[++nrows] = $0
	next
}

{
	split($0, word, " ")
	pair = word[1] SUBSEP word[2]
	sample[pair, ++count[pair]] = word[3]
}

function sorted_middle(values, n,    i, j, value) {
	for (i = 2; i <= n; i++) {
		value = values[i]
		for (j = i; j > 1 && values[j - 1] > value; j--)
			values[j] = values[j - 1]
		values[j] = value
	}
	return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function median(key, side,    values, i, n) {
	n = count[key, side]
	for (i = 1; i <= n; i++)
		values[i] = sample[key, side, i]
	return sorted_middle(values, n)
}

function median_ratio(key, side,    values, i, n) {
	n = count[key, "guest"] < count[key, side] ? count[key, "guest"] : count[key, side]
	for (i = 1; i <= n; i++)
		if (sample[key, side, i] > 0)
			values[i] = sample[key, "guest", i] / sample[key, side, i]
		else
			return 0
	return sorted_middle(values, n)
}

function divisor(unit) {
	return unit == "us" ? 1000 : unit == "ms" ? 1000000 : unit == "MB/s" ? 1000 : 1
}

# Three digits, and no more.
function show(value) {
	if (value >= 100 || value == 0)
		return sprintf("%.0f", value)
	return sprintf(value >= 10 ? "%.1f" : "%.2f", value)
}

function verdict(target, ours, ratio,    value, limit) {
	if (target == "")
		return ""
	value = target ~ /^ratio/ ? ratio : ours
	limit = target
	sub(/^[a-z]*[<>]/, "", limit)
	if (target ~ /</ ? value + 0 <= limit + 0 : value + 0 >= limit + 0)
		return "met"
	return "MISSED"
}

function quoted(text) {
	gsub(/"/, "\"\"", text)
	return "\"" text "\""
}

function line(section, what, unit, ours, reference, ratio, target, met, how, how_reference, n) {
	if (section != last_section)
		printf "\n%-44s %9s %9s %6s  %-11s %-6s  %s\n", section, "ours", \
			"reference", "ratio", "target", "", "how (and the reference)"
	last_section = section
	printf "%-44s %9s %9s %6s  %-11s %-6s  %s\n", what (unit ? ", " unit : ""), ours, \
		reference, ratio, target, met, how (how_reference ? " (" how_reference ")" : "")
	printf "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%d\n", section, quoted(what), unit, ours, reference, \
		ratio, quoted(target), met, quoted(how), quoted(how_reference), n >csv
}

END {
	print "section,what,unit,ours,reference,ratio,target,verdict,how,how_reference,samples" >csv
	for (i = 1; i <= nrows; i++) {
		split(row[i], field, "|")
		if (index(sections, " " field[1] " "))
			one_row(field[1], field[2], field[3], field[4], field[5], field[6], field[7], field[8])
	}
}

# The mean of a section's ratios, as ratios want it: geometric.
function mean_row(section, side, what, unit, target, how, how_reference,    ratio) {
	if (!ratios[section, side])
		return
	ratio = show(exp(logs[section, side] / ratios[section, side]))
	line(section, what, "", "", "", ratio, target, verdict(target, "", ratio), how, how_reference, \
		ratios[section, side])
}

function one_row(section, key, what, unit, side, target, how, how_reference,    ours, reference, ratio) {
	if (key == "mean") {
		mean_row(section, side, what, unit, target, how, how_reference)
		return
	}
	ours = count[key, "guest"] ? show(median(key, "guest") / divisor(unit)) : \
		key ~ /^net/ && index(missing, " tap ") ? "no tap" : "failed"
	if (side && count[key, side])
		reference = show(median(key, side) / divisor(unit))
	else if (side)
		reference = !index(missing, " " side " ") ? "failed" : \
			side == "tap" ? "no tap" : "not inst."
	if (count[key, "guest"] && side && count[key, side]) {
		ratio = median_ratio(key, side)
		if (ratio > 0) {
			logs[section, side] += log(ratio)
			ratios[section, side]++
		}
		ratio = show(ratio)
	}
	line(section, what, unit, ours, reference, ratio, target, \
		!count[key, "guest"] || target ~ /^ratio/ && ratio == "" ? "" : verdict(target, ours, ratio), \
		how, how_reference, count[key, "guest"])
}
