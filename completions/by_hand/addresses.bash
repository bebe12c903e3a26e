
# Addresses. Host names are those of /etc/hosts and of ssh's known_hosts.
_astream_hosts() {
    local file names list name
    compgen -A hostname -- "$1"
    for file in ~/.ssh/known_hosts ~/.ssh/known_hosts2 /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2; do
        [[ -r "$file" ]] || continue
        while read -r names _; do
            # Comments, markers and hashed names.
            case "$names" in '#'*|'@'*|'|'*) continue ;; esac
            IFS=, read -ra list <<< "$names"
            for name in "${list[@]}"; do
                # [host]:port
                name="${name#\[}"
                name="${name%%\]:*}"
                case "$name" in
                    *[*?!:]*) ;;
                    "$1"*) printf '%s\n' "$name" ;;
                esac
            done
        done < "$file"
    done
}

_astream_with_addresses() {
    local line="${COMP_LINE:0:COMP_POINT}" words word prev last i given=0 path IFS=$' \t\n'
    _astream "$@"
    # The words as they are between spaces: a colon is no end of one here.
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    last=$(( ${#words[@]} - 1 ))
    (( last < 2 )) && return 0
    word="${words[last]}" prev="${words[last-1]}"
    case "$prev" in
        --forward|--servername|--forward-servername) ;;
        @VALUES@) return 0 ;;
        *)
            [[ "$word" == -* ]] && return 0
            for (( i = 2; i < last; i++ )); do
                case "${words[i]}" in
                    @VALUES@) (( i++ )) ;;
                    -*) ;;
                    *) given=1 ;;
                esac
            done
            ;;
    esac
    COMPREPLY=()
    compopt +o default +o bashdefault 2>/dev/null
    (( given )) && return 0
    case "$word" in
        unix:*)
            [[ "$prev" == *servername ]] && return 0
            path="${word#unix:}"
            IFS=$'\n'
            COMPREPLY=( $(compgen -f -- "$path") )
            compopt -o filenames 2>/dev/null
            # Where a colon does not end a word the whole of it is replaced.
            [[ "$COMP_WORDBREAKS" == *:* ]] || COMPREPLY=( "${COMPREPLY[@]/#/unix:}" )
            ;;
        *)
            COMPREPLY=( $(_astream_hosts "$word" | sort -u) )
            if [[ "$prev" != *servername && -n "$word" && unix: == "$word"* ]]; then
                COMPREPLY+=(unix:)
                compopt -o nospace 2>/dev/null
            fi
            ;;
    esac
}
