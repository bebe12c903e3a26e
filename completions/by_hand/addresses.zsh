# Addresses: host names as ssh completes them, and the paths of Unix sockets.
(( $+functions[_astream_address] )) ||
_astream_address() {
    local ret=1
    if compset -P 'unix:'; then
        _files
    else
        _hosts "$@" && ret=0
        compadd -S '' -- unix: && ret=0
        return ret
    fi
}

