
# Addresses: host names as ssh completes them, and the paths of Unix sockets.
function __fish_astream_wants_address
    set -l is_value 0
    for word in (commandline -opc)[3..-1]
        if test $is_value = 1
            set is_value 0
        else if contains -- $word @VALUES@
            set is_value 1
        else if not string match -q -- '-*' $word
            return 1
        end
    end
end

function __fish_astream_addresses
    set -l word (commandline -ct)
    if string match -q 'unix:*' -- $word
        set -l path (string replace 'unix:' '' -- $word)
        complete -C "'' $path" | string replace -r '^' 'unix:'
    else
        __fish_print_hostnames
        printf 'unix:\tUnix socket\n'
    end
end

for command in connect listen
    complete -c astream -n "__fish_astream_using_subcommand $command" -f
    complete -c astream -n "__fish_astream_using_subcommand $command; and __fish_astream_wants_address" -f -a "(__fish_astream_addresses)"
end
