#!/usr/bin/env bash
# astream beside the tools that it stands in for, on loopback, with public tools only: hyperfine and /usr/bin/time.
#
#   benches/compare.sh [--size MIB] [--rounds N] [--only tcp,tls,start,relay]
#
# ASTREAM names the program, else it is built. Tools that are not installed are left out. Figures are medians:
# quote ratios of one run. The status is 1 if astream lost a byte or failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

size=256 rounds=3 only=tcp,tls,start,relay
while [ $# -gt 0 ]; do
    case $1:${2:-} in
    --size:[1-9]*) size=$2 ;;
    --rounds:[1-9]*) rounds=$2 ;;
    --only:?*) only=$2 ;;
    *) sed -n '2,7s/^# \?//p' "$0"; exit 2 ;;
    esac
    shift 2
done
if [ -z "${ASTREAM:-}" ]; then
    cargo build --release --quiet
    ASTREAM=${CARGO_TARGET_DIR:-$PWD/target}/release/astream
fi

# In memory where that can be, so that no disk is measured.
dir=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" compare.XXXXXX)
# Seconds until a transfer is given up, far beyond what the slowest takes.
limit=$((20 + size / 25))
failed=0

clean_up() {
    for pid in "$dir"/*.pid; do
        [ ! -e "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true
    done
    wait
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

have() {
    [ "$1" = astream ] || command -v "${1%-1M}" >/dev/null || [ -x "/usr/sbin/${1%-1M}" ]
}

# Those of the tools that are there.
installed() {
    for tool in "$@"; do
        if have "$tool"; then echo "$tool"; else echo "$tool is not installed: left out" >&2; fi
    done
}

# Runs a command as NAME under a time limit, and keeps its process, its CPU time, and its status if not 0.
run() {
    local name=$dir/$1
    shift
    # shellcheck disable=SC2016
    /usr/bin/time -f '%U %S' -o "$name.cpu" \
        sh -c 'echo $$ > "$0.pid"; exec timeout "$@"' "$name" "$limit" "$@" 2>>"$dir/log" || echo "$?" >"$name.status"
    rm -f "$name.pid"
}

stop() {
    kill "$(cat "$dir/$1.pid" 2>/dev/null)" 2>/dev/null || true
    wait
}

free_port() {
    local port
    until port=$((20000 + RANDOM % 12000)); ! grep -qi ":$(printf %04X $port) " /proc/net/tcp /proc/net/tcp6; do :; done
    echo $port
}

# Waits until a process listens at $port. If that is 0, astream prints the real one.
listening() {
    for _ in $(seq 500); do
        if [ "$port" = 0 ]; then
            port=$(sed -n 's/^astream: listening on 127.0.0.1://p' "$dir/log")
            [ -z "$port" ] || return 0
            port=0
        elif grep -qiE ": [0-9A-F]+:$(printf %04X "$port") [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6; then
            return 0
        fi
        sleep 0.01
    done
    return 1
}

# socat's buffer: 8 KiB by default.
buffer() {
    if [[ $1 = *-1M ]]; then echo -b1048576; else echo -b8192; fi
}

# The command lines of a tool, for a receiver at $port and a sender to it.
receiver() {
    local bound="$port,bind=127.0.0.1,reuseaddr"
    case $1 in
    tcp:astream) command=("$ASTREAM" listen 127.0.0.1 "$port") ;;
    tcp:nc.openbsd) command=(nc.openbsd -l 127.0.0.1 "$port") ;;
    tcp:ncat) command=(ncat --recv-only -l 127.0.0.1 "$port") ;;
    tcp:socat*) command=(socat -u "$(buffer "$1")" "TCP-LISTEN:$bound" STDOUT) ;;
    tls:astream) command=("$ASTREAM" listen 127.0.0.1 "$port" --tls --cert "$dir/cert" --key "$dir/key") ;;
    tls:ncat) command=(ncat --ssl --ssl-cert "$dir/cert" --ssl-key "$dir/key" --recv-only -l 127.0.0.1 "$port") ;;
    tls:socat*) command=(socat -u "$(buffer "$1")" "OPENSSL-LISTEN:$bound,cert=$dir/both,verify=0" STDOUT) ;;
    tls:openssl) command=(openssl s_server -quiet -naccept 1 -accept "127.0.0.1:$port" -cert "$dir/cert" -key "$dir/key") ;;
    esac
}

sender() {
    case $1 in
    tcp:astream) command=("$ASTREAM" connect 127.0.0.1 "$port") ;;
    tcp:nc.openbsd) command=(nc.openbsd -N 127.0.0.1 "$port") ;;
    tcp:ncat) command=(ncat --send-only 127.0.0.1 "$port") ;;
    tcp:socat*) command=(socat -u "$(buffer "$1")" STDIN "TCP:127.0.0.1:$port") ;;
    tls:astream) command=("$ASTREAM" connect localhost "$port" -4 --tls --cacert "$dir/cert") ;;
    tls:ncat) command=(ncat --ssl-verify --ssl-trustfile "$dir/cert" --send-only localhost "$port") ;;
    tls:socat*) command=(socat -u "$(buffer "$1")" STDIN "OPENSSL:localhost:$port,pf=ip4,cafile=$dir/cert") ;;
    # Without -nocommands a line of data that begins with K or R is an order.
    tls:openssl) command=(openssl s_client -quiet -nocommands -no_ign_eof -verify_return_error -CAfile "$dir/cert" -connect "localhost:$port") ;;
    esac
}

relay() {
    case $1 in
    astream) command=("$ASTREAM" listen 127.0.0.1 "$port" --once --forward "127.0.0.1:$target") ;;
    socat*) command=(socat "$(buffer "$1")" "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "TCP:127.0.0.1:$target") ;;
    haproxy)
        printf '%s\n' defaults ' mode tcp' ' option splice-auto' ' timeout connect 5s' ' timeout client 60s' \
            ' timeout server 60s' 'listen relay' " bind 127.0.0.1:$port" " server target 127.0.0.1:$target" >"$dir/haproxy"
        command=(haproxy -db -q -f "$dir/haproxy")
        ;;
    nginx)
        find /usr/lib/nginx/modules -name ngx_stream_module.so -printf 'load_module %p;\n' >"$dir/nginx" 2>/dev/null || true
        printf '%s\n' 'daemon off;' 'master_process off;' "pid $dir/nginx.run;" 'error_log stderr;' 'events {}' \
            "stream { server { listen 127.0.0.1:$port; proxy_pass 127.0.0.1:$target; proxy_buffer_size 256k; } }" >>"$dir/nginx"
        command=(nginx -c "$dir/nginx")
        ;;
    esac
}

forget() {
    : >"$dir/log"
    : >"$dir/verdict"
    rm -f "$dir"/*.status
    seconds=0 arrived='does not listen'
}

# Takes what has been received: compares it with what was sent, or counts it.
into() {
    case $1 in
    cmp) cmp - "$dir/data" >"$dir/verdict" 2>&1 || echo differs >>"$dir/verdict" ;;
    pipe) [ "$(wc -c)" = $((size * 1048576)) ] || echo 'not all' >"$dir/verdict" ;;
    esac
}

# How long it took, whether everything has arrived, and whether any of the programs failed.
judge() {
    local name
    seconds=$(awk "BEGIN { print $EPOCHREALTIME - $1 }")
    arrived=all
    [ ! -s "$dir/verdict" ] || arrived='LOST BYTES'
    for name in sender receiver; do
        [ ! -e "$dir/$name.status" ] || arrived+=", $name's status $(cat "$dir/$name.status")"
    done
}

# One stream by KIND:TOOL: sets $seconds, and $arrived to "all" or what is wrong.
stream() {
    local tool=$1 source=$2 sink=$3 port=0 stdin=/dev/null begun
    [ "${tool#*:}" = astream ] || port=$(free_port)
    # The end of its stdin would be the end of s_server.
    [ "$tool" != tls:openssl ] || stdin=$dir/silence
    forget
    receiver "$tool"
    if [ "$sink" = null ]; then
        run receiver "${command[@]}" <>"$stdin" >/dev/null &
    else
        run receiver "${command[@]}" <>"$stdin" | into "$sink" &
    fi
    if listening; then
        sender "$tool"
        begun=$EPOCHREALTIME
        case $source in
        file) run sender "${command[@]}" <"$dir/data" >/dev/null ;;
        pipe) { cat "$dir/data" 2>/dev/null || true; } | run sender "${command[@]}" >/dev/null ;;
        esac
        wait
        judge "$begun"
    else
        stop receiver
    fi
}

# One stream through a relay, between two ends that are always astream.
relayed() {
    local port=0 target ends begun
    forget
    run receiver "$ASTREAM" listen 127.0.0.1 0 </dev/null | into "$2" &
    ends=$!
    listening
    target=$port port=$(free_port)
    relay "$1"
    run relay "${command[@]}" </dev/null >/dev/null &
    if listening; then
        begun=$EPOCHREALTIME
        run sender "$ASTREAM" connect 127.0.0.1 "$port" <"$dir/data" >/dev/null
        wait $ends
        judge "$begun"
    else
        stop receiver
    fi
    stop relay
}

# Runs a tool without the clock, for what came of it: what goes to /dev/null cannot be looked at.
check() {
    "${@:2}"
    [ "$arrived" = all ] || echo "$arrived" >>"$dir/wrong.$1"
}

# Notes what a round of a tool gave; the CPU time is that of what ran under the names.
note() {
    local tool=$1 name
    shift
    [ "$arrived" = all ] || echo "$arrived" >>"$dir/wrong.$tool"
    [ "$seconds" != 0 ] || return 0
    for name in "$@"; do tail -n 1 "$dir/$name.cpu"; done |
        awk -v wall="$seconds" '{ cpu += $1 + $2 } END { print wall, cpu }' >>"$dir/figures.$tool"
}

median() {
    [ -e "$dir/figures.$2" ] || { echo 0; return; }
    cut -d ' ' -f "$1" "$dir/figures.$2" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# The table of the tools: medians, and what went wrong.
table() {
    printf '\n%s\n  %-12s %7s %10s  %s\n' "$1" tool GiB/s 'CPU s/GiB' arrived
    shift
    for tool in "$@"; do
        local wrong=all
        if [ -s "$dir/wrong.$tool" ]; then
            wrong=$(sort -u "$dir/wrong.$tool" | paste -sd ';')
            [ "$tool" != astream ] || failed=1
        fi
        awk -v mib="$size" -v wall="$(median 1 "$tool")" -v cpu="$(median 2 "$tool")" -v tool="$tool" -v wrong="$wrong" \
            'BEGIN { gib = mib / 1024; printf "  %-12s %7.2f %10.3f  %s\n", tool, wall ? gib / wall : 0, cpu / gib, wrong }'
    done
    rm -f "$dir"/figures.* "$dir"/wrong.*
}

streams() {
    local kind=$1 source sink
    shift
    for source in file pipe; do
        sink=pipe
        if [ $source = file ]; then
            sink=null
            for tool in "$@"; do check "$tool" stream "$kind:$tool" file cmp; done
        fi
        for _ in $(seq "$rounds"); do
            for tool in "$@"; do
                stream "$kind:$tool" $source $sink
                note "$tool" sender receiver
            done
        done
        table "$source -> $kind -> $sink" "$@"
    done
}

relays() {
    for tool in "$@"; do check "$tool" relayed "$tool" cmp; done
    for _ in $(seq "$rounds"); do
        for tool in "$@"; do
            relayed "$tool" pipe
            note "$tool" relay
        done
    done
    table 'astream -> relay -> astream, the CPU of the relay alone' "$@"
}

# A tool that connects, sends the line on its stdin, and ends when it has come back.
starter() {
    case $1 in
    tcp:astream) echo "$ASTREAM connect 127.0.0.1 $port" ;;
    tcp:nc.openbsd) echo "nc.openbsd -N 127.0.0.1 $port" ;;
    tcp:ncat) echo "ncat 127.0.0.1 $port" ;;
    tcp:socat) echo "socat - TCP:127.0.0.1:$port" ;;
    tls:astream) echo "$ASTREAM connect localhost $port -4 --tls --cacert $dir/cert" ;;
    tls:ncat) echo "ncat --ssl-verify --ssl-trustfile $dir/cert localhost $port" ;;
    tls:socat) echo "socat - OPENSSL:localhost:$port,pf=ip4,cafile=$dir/cert" ;;
    esac
}

starts() {
    local kind=$1 port=0 command tls=() timed=()
    shift
    [ "$kind" = tcp ] || tls=(--tls --cert "$dir/cert" --key "$dir/key")
    forget
    run server "$ASTREAM" listen 127.0.0.1 0 --echo "${tls[@]}" </dev/null &
    listening
    for tool in "$@"; do
        # Older versions of hyperfine have no --input, so a shell gives the line.
        command="sh -c 'exec $(starter "$kind:$tool") <$dir/line'"
        if [ "$(timeout 5 sh -c "$command" 2>>"$dir/log")" = hello ]; then
            timed+=(-n "$tool" "$command")
        else
            echo "$tool does not give the line back: left out" >&2
            [ "$tool" != astream ] || failed=1
        fi
    done
    timed+=(-n 'sh alone' "sh -c 'exec true <$dir/line'")
    hyperfine --shell=none --ignore-failure --style none --warmup 5 --runs $((rounds * 20)) \
        --export-csv "$dir/starts" "${timed[@]}" >/dev/null 2>>"$dir/log"
    stop server
    printf '\nstart over %s: connect, one line there and back, exit; each begun by sh\n  %-12s %7s %7s\n' "$kind" tool ms 'CPU ms'
    awk -F , 'NR > 1 { printf "  %-12s %7.2f %7.2f\n", $1, $4 * 1000, ($5 + $6) * 1000 }' "$dir/starts"
}

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout "$dir/key" -out "$dir/cert" \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>>"$dir/log"
    cat "$dir/key" "$dir/cert" >"$dir/both"
}

head -c "${size}M" /dev/urandom >"$dir/data"
echo hello >"$dir/line"
mkfifo "$dir/silence"
if have openssl; then make_certificate; else echo 'openssl is not installed: no certificate, no TLS' >&2; fi

for part in ${only//,/ }; do
    # shellcheck disable=SC2046
    case $part in
    tcp) streams tcp $(installed astream nc.openbsd ncat socat socat-1M) ;;
    tls) [ ! -e "$dir/both" ] || streams tls $(installed astream openssl ncat socat socat-1M) ;;
    relay) relays $(installed astream socat socat-1M haproxy nginx) ;;
    start)
        have hyperfine || { echo 'hyperfine is not installed: no start' >&2; continue; }
        starts tcp $(installed astream nc.openbsd ncat socat)
        [ ! -e "$dir/both" ] || starts tls $(installed astream ncat socat)
        ;;
    *) echo "compare.sh: there is no part '$part'" >&2; exit 2 ;;
    esac
done
if [ $failed != 0 ]; then
    printf '\nASTREAM FAILED: see above\n' >&2
    exit 1
fi
