#!/bin/sh
# The picture in README: runs a session between two sides on this machine, and writes what stands on the terminal as an
# SVG. `sh docs/session.sh [FILE]`; ASTREAM names the program, if it is not to be built.
set -eu
cd "$(dirname "$0")/.."
svg=${1:-docs/session.svg}
if [ -z "${ASTREAM:-}" ]; then
    cargo build --quiet
    ASTREAM=${CARGO_TARGET_DIR:-$PWD/target}/debug/astream
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" && ln -s "$ASTREAM" "$work/bin/astream"
PATH=$work/bin:$PATH
screen=$work/screen log=$work/log

# Shows a line of the user and what it prints, also that it fails.
type_in() {
    printf '$ %s\n' "$1" >> "$screen"
    (cd "$work" && sh -c "$1") >> "$screen" 2>&1 || true
}

after() {
    until grep -q "$1" "$log"; do sleep 0.02; done
    sed -n "s/.*$1//p" "$log"
}

head -c 1000000 /dev/urandom > "$work/photos.tar"
: > "$log"

echo '# One side receives. It has no certificate, so it makes a key.' > "$screen"
listen='astream listen localhost 0 --tls --sha256 > copy.tar'
printf '$ %s\n' "$listen" >> "$screen"
(cd "$work" && exec sh -c "$listen") 2> "$log" &
port=$(after 'listening on 127.0.0.1:' | sed 's/,.*//')
pin=$(after ' --pin ')
cat "$log" >> "$screen"
ready=$(wc -l < "$log")

printf '\n# The other side does not know that key, and says so. Status 6 is TLS.\n' >> "$screen"
type_in "astream connect localhost $port --tls < photos.tar; echo \"status \$?\""

printf '\n# With the line to paste it does. Status 0: all of it was handed over.\n' >> "$screen"
type_in "astream connect localhost $port --tls --pin $pin --send-only --sha256 < photos.tar; echo \"status \$?\""
wait

printf '\n# Meanwhile the first side:\n' >> "$screen"
sed "1,${ready}d" "$log" >> "$screen"
type_in 'cmp photos.tar copy.tar && echo "the copy is the original"'

printf '\n# Is it still there? Status 4: refused.\n' >> "$screen"
type_in "astream connect -z localhost $port; echo \"status \$?\""

# A row of the terminal is a line of text; what is too long for it goes on in the next one.
fold -w 100 "$screen" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' | awk '
    { row[NR] = $0 }
    END {
        height = NR * 18 + 32
        print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"" height "\" font-family=\"monospace\" font-size=\"14\">"
        print "<style>.c { fill: #8a93a3 } .u { fill: #7ee787 } .o { fill: #e6edf3 }</style>"
        print "<rect width=\"860\" height=\"" height "\" rx=\"8\" fill=\"#0d1117\"/>"
        for (i = 1; i <= NR; i++) {
            # A command that is too long for a row goes on in the next one.
            kind = row[i] ~ /^# / ? "c" : row[i] ~ /^\$ / ? "u" : kind == "u" && length(row[i - 1]) > 99 && row[i] !~ /^astream: / ? "u" : "o"
            if (row[i] != "") print "<text class=\"" kind "\" x=\"10\" y=\"" i * 18 + 12 "\" xml:space=\"preserve\">" row[i] "</text>"
        }
        print "</svg>"
    }' > "$svg"
