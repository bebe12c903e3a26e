#!/usr/bin/env bash
# Writes src/start.ld: the functions that `astream connect` runs, with input and without, as valgrind finds them. Run it
# when the start of the program has changed. A name that is gone does no harm; a function that is missing may cost each
# start a page fault. Names are cut, and what differs between builds is left out: hashes, copies, the version of aws-lc.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C CARGO_PROFILE_RELEASE_STRIP=none
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --quiet
program=$(realpath "${CARGO_TARGET_DIR:-target}/release/astream")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The functions that a connection runs which sends stdin.
functions() {
    : >"$folder/server"
    "$program" listen 127.0.0.1 0 <<<hello >/dev/null 2>"$folder/server" &
    until port=$(grep -oE '[0-9]+$' "$folder/server"); do sleep 0.05; done
    valgrind -q --tool=callgrind --callgrind-out-file="$folder/calls" --compress-strings=no --demangle=no \
        "$program" connect 127.0.0.1 "$port" | cat >/dev/null
    wait
    comm -12 <(sed -n 's/^fn=//p' "$folder/calls" | sort -u) \
        <(nm --defined-only --format=just-symbols "$program" | sort -u)
}

# What is run depends a little on who is first: three times.
names=$(for _ in 1 2 3; do functions <<<hello; functions </dev/null; done |
    sed -E 's/17h[0-9a-f]{16}E/17h*/; s/\.(llvm\.)?[0-9]+$/*/; s/Cs[0-9A-Za-z]+_/Cs*_/g
        s/aws_lc_[0-9_]+/aws_lc_*/; s/ptr[0-9]+drop/ptr*drop/; s/^(.{50}).+$/\1*/' | sort -u)
cat >src/start.ld <<END
/* What a start runs, so that it lies together: see build.rs. Written by benches/start.sh. */
SECTIONS
{
  .text.start :
  {
    *(.text.startup .text.startup.*)
$(sed 's/.*/    *(.text*.&)/' <<<"$names")
  }
}
INSERT BEFORE .text;
END
