# Turns "extract -n" of one chapter into Markdown for pandoc: comments at the
# margin become prose, everything else stays code.
#
#	./extract -n L FILE... | awk -v chapter=Launcher -f include/journey/book.awk

# Nothing in a comment was meant as Markdown, but names look better as code.
function escape(text)
{
	gsub(/[]!-\/:-@[\\^_`{-~]/, "\\\\&", text)
	return text
}

function prose(text,    done)
{
	while (match(text, /[A-Za-z_][A-Za-z0-9_]*\(\)|[A-Za-z0-9_.\/-]+\.[chS]|[A-Za-z0-9]*_[A-Za-z0-9_]+|0x[0-9A-Fa-f]+/)) {
		done = done escape(substr(text, 1, RSTART - 1)) \
			"`" substr(text, RSTART, RLENGTH) "`"
		text = substr(text, RSTART + RLENGTH)
	}
	return done escape(text)
}

# What the lines from here on are: "prose", "code", "table" or "".
function become(what)
{
	if (what == now)
		return
	if (now == "code" || now == "table")
		print "~~~~~~~~~~"
	print ""
	if (what == "code")
		print "~~~~~~~~~~ {." language "}"
	if (what == "table")
		print "~~~~~~~~~~"
	now = what
}

# A line of a comment, without its signs. What is indented is a table.
function comment(text)
{
	if (text ~ /^[ \t]*$/) {
		if (now == "table")
			held = held "\n"
		else
			become("")
	} else if (text ~ /^(\t|    )/) {
		become("table")
		printf "%s%s\n", held, text
		held = ""
	} else {
		held = ""
		become("prose")
		print prose(text)
	}
}

BEGIN {
	print "# " chapter
}

/^\[ [A-Z]:[0-9][0-9][0-9] .*:[0-9]+ \]$/ {
	become("")
	where = substr($0, 9, length - 10)
	path = line = where
	sub(/:[0-9]*$/, "", path)
	sub(/.*:/, "", line)
	language = path ~ /\.[ch]$/ ? "c" : path ~ /\.S$/ ? "gnuassembler" : "default"
	printf "\n## %s [%s](../%s#L%s){.place} {#%s}\n", $2, escape(where),
		path, line, substr($2, 1, 1) substr($2, 3)
	held = ""
	next
}

!commenting && /^\/\*/ {
	commenting = 1
	sub(/^\/\*[ \t]?/, "")
	opened = 1
}

commenting {
	ends = sub(/[ \t]*\*\/[ \t]*$/, "")
	if (!opened && !sub(/^ \* /, ""))
		sub(/^ ?\*/, "")
	opened = 0
	comment($0)
	if (ends) {
		commenting = 0
		held = ""
		become("")
	}
	next
}

# Blank lines around code aren't part of it.
/^$/ {
	if (now == "code")
		held = held "\n"
	next
}

{
	if (now != "code")
		held = ""
	become("code")
	printf "%s%s\n", held, $0
	held = ""
}

END {
	become("")
}
