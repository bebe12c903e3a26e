#!/bin/sh
# The main job: a listener and a client exchange data, plain and over TLS, and a file arrives whole.
# ASTREAM names the program, else it is built.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${ASTREAM:-}" ]; then
    cargo build --release --quiet
fi
astream=${ASTREAM:-${CARGO_TARGET_DIR:-target}/release/astream}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What follows $1 in the log, once it is there.
after() {
    until grep -q "$1" "$work/log"; do sleep 0.02; done
    sed -n "s/.*$1//p" "$work/log"
}

: > "$work/log"
echo "plain: the listener sends 'hello from the listener', the client sends 20 MB"
head -c 20000000 /dev/urandom > "$work/original"
echo "hello from the listener" | $astream listen 127.0.0.1 0 > "$work/copy" 2>> "$work/log" &
port=$(after 'listening on 127.0.0.1:')
$astream connect 127.0.0.1 "$port" -v < "$work/original"
wait
cmp "$work/original" "$work/copy" && echo "the copy is the original"

echo
: > "$work/log"
echo "TLS with a fresh key, verified by its pin:"
echo "hello, privately" | $astream listen 127.0.0.1 0 --tls > "$work/copy" 2>> "$work/log" &
pin=$(after ' --tls --pin ')
port=$(after 'listening on 127.0.0.1:')
$astream connect 127.0.0.1 "$port" -v --tls --pin "$pin" < "$work/original"
wait
cmp "$work/original" "$work/copy" && echo "the copy is the original"
