# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_astream_global_optspecs
    string join \n h/help V/version
end

function __fish_astream_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_astream_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_astream_using_subcommand
    set -l cmd (__fish_astream_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c astream -n "__fish_astream_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c astream -n "__fish_astream_needs_command" -s V -l version -d 'Print version'
complete -c astream -n "__fish_astream_needs_command" -f -a "connect" -d 'Open a connection: stdin to the peer, the peer to stdout'
complete -c astream -n "__fish_astream_needs_command" -f -a "listen" -d 'Wait for connections: stdin to the peer, the peer to stdout'
complete -c astream -n "__fish_astream_using_subcommand connect" -l expires-within -d 'Fail if a certificate that was verified, the root\'s included, ends within TIME (30d), or within N% of the lifetime of the server\'s own certificate; implies -z --tls [default: 0s, which is what TLS itself demands]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l every -d 'Probe again each TIME, with a summary at the end or after ^C [default: once; with --count 1s]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l count -d 'Probe N times, with a summary at the end or after ^C [default: once; with --every without end]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -s w -l timeout -d 'Limit of connecting, TLS: status 5 [default: 30s]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l retry-for -d 'Try again for TIME what may pass: a name, a port, a handshake; 0: no limit [default: one try]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -s s -l source -d 'Connect from ADDR, ADDR:PORT, :PORT or %INTERFACE [default: what the system chooses]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -s x -l proxy -d 'Go through a proxy: socks5://HOST:PORT, http://…, or env' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l proxy-cacert -d 'Trust the certificates in FILE for an https:// proxy; may be repeated [default: those for the target]' -r -F
complete -c astream -n "__fish_astream_using_subcommand connect" -s i -l idle-timeout -d 'Limit of silence: status 5 [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l max-time -d 'Limit of the whole of a connection, not counting the set-up, which -w limits: status 5; 0: no limit [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l limit-rate -d 'Limit of what goes each way, for each connection; 0: no limit [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l dump -d 'Append each chunk that moves to FILE in hexadecimal and text; `-` is stderr [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand connect" -l capture -d 'Write what moves to FILE as packets, for Wireshark (pcapng); what FILE holds is replaced [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand connect" -l size -d 'How many bytes will move, for --progress [default: the length of the file that stdin is]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l starttls -d 'Speak TLS once the server agreed, asked in the protocol PROTO [default: none]' -r -f -a "smtp\t''
lmtp\t''
imap\t''
pop3\t''
ftp\t''
nntp\t''
xmpp\t''
postgres\t''
mysql\t''
ldap\t''
sieve\t''"
complete -c astream -n "__fish_astream_using_subcommand connect" -l cacert -d 'Trust the certificates in FILE [default: the system\'s]' -r -F
complete -c astream -n "__fish_astream_using_subcommand connect" -l cert -d 'Our certificate and chain, if asked for one (PEM) [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand connect" -l key -d 'Its key (PEM) [default: in the file of --cert]' -r -F
complete -c astream -n "__fish_astream_using_subcommand connect" -l servername -d 'The name to ask for and to verify [default: HOST]' -r -f -a "(__fish_print_hostnames)"
complete -c astream -n "__fish_astream_using_subcommand connect" -l pin -d 'Trust this key alone: sha256//BASE64 [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l crl -d 'Refuse what a revocation list in FILE names (PEM); the server must have one of its issuer; may be repeated [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand connect" -l alpn -d 'Application protocols, the best first; one must be agreed on (ALPN): h2,http/1.1; may be repeated [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand connect" -l tls-min -d 'Lowest TLS version' -r -f -a "1.2\t''
1.3\t''"
complete -c astream -n "__fish_astream_using_subcommand connect" -l tls-max -d 'Highest TLS version' -r -f -a "1.2\t''
1.3\t''"
complete -c astream -n "__fish_astream_using_subcommand connect" -s 4 -l ipv4 -d 'IPv4 only'
complete -c astream -n "__fish_astream_using_subcommand connect" -s 6 -l ipv6 -d 'IPv6 only'
complete -c astream -n "__fish_astream_using_subcommand connect" -s u -l udp -d 'Send datagrams: UDP, or a Unix socket of that type'
complete -c astream -n "__fish_astream_using_subcommand connect" -l broadcast -d 'With -u: HOST may stand for all machines of a network, and all of them may answer'
complete -c astream -n "__fish_astream_using_subcommand connect" -s z -l probe -d 'See whether it is open; also --every, --count, --retry-for'
complete -c astream -n "__fish_astream_using_subcommand connect" -l show-certs -d 'Print the server\'s certificates (PEM), trusted or not; the report goes to stderr; implies -z --tls'
complete -c astream -n "__fish_astream_using_subcommand connect" -s n -l numeric -d 'No name look-ups'
complete -c astream -n "__fish_astream_using_subcommand connect" -l mptcp -d 'Multipath TCP, with a peer that has it too'
complete -c astream -n "__fish_astream_using_subcommand connect" -l pass-fd -d 'Hand the connected socket to the process on stdout (ssh -o ProxyUseFdpass=yes), and leave'
complete -c astream -n "__fish_astream_using_subcommand connect" -s C -l crlf -d 'Send CRLF for LF; a CRLF stays one'
complete -c astream -n "__fish_astream_using_subcommand connect" -l raw -d 'On a terminal, print what is received as it comes, control characters included'
complete -c astream -n "__fish_astream_using_subcommand connect" -l send-only -d 'Send only: what the peer sends is dropped, until its end'
complete -c astream -n "__fish_astream_using_subcommand connect" -l recv-only -d 'Receive only; stdin is not read'
complete -c astream -n "__fish_astream_using_subcommand connect" -l no-shutdown -d 'Pass the end of stdin on only after the peer\'s end: the default with --starttls, and where stdin is closed'
complete -c astream -n "__fish_astream_using_subcommand connect" -l shutdown -d 'Pass the end of stdin on at once: the default otherwise'
complete -c astream -n "__fish_astream_using_subcommand connect" -l exit-on-close -d 'Leave when the peer closes, as from a terminal'
complete -c astream -n "__fish_astream_using_subcommand connect" -l sha256 -d 'Print the SHA-256 of what was sent and of what was received at the end of each connection'
complete -c astream -n "__fish_astream_using_subcommand connect" -l progress -d 'Show on stderr how much has moved, how fast, and how long the rest takes if the size of stdin is known'
complete -c astream -n "__fish_astream_using_subcommand connect" -s v -l verbose -d 'Print addresses, TLS details and totals; -vv: more'
complete -c astream -n "__fish_astream_using_subcommand connect" -l quiet -d 'Errors only, with -z the ports that are not open'
complete -c astream -n "__fish_astream_using_subcommand connect" -l json -d 'Print everything as JSON, one object a line: on stderr, and the report of -z on stdout (docs/json.md)'
complete -c astream -n "__fish_astream_using_subcommand connect" -l log-time -d 'Begin each line on stderr with the time, in UTC (JSON has it anyway)'
complete -c astream -n "__fish_astream_using_subcommand connect" -l tls -d 'Speak TLS; chain and name are verified'
complete -c astream -n "__fish_astream_using_subcommand connect" -l insecure -d 'Verify nothing'
complete -c astream -n "__fish_astream_using_subcommand connect" -l pq -d 'Only a key exchange that is safe from quantum computers is accepted'
complete -c astream -n "__fish_astream_using_subcommand connect" -l ignore-unexpected-eof -d 'Accept an end without close_notify'
complete -c astream -n "__fish_astream_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c astream -n "__fish_astream_using_subcommand listen" -l first-client -d 'Limit of the time until a client has come, where one connection is served: status 5; 0: no limit [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l threads -d 'N threads serve the connections of a handler [default: one for each core]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l backlog -d 'N connections may wait to be accepted [default: 4096]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l mode -d 'Permissions of the path of a Unix socket, in octal [default: 0600]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l ready-fd -d 'Write "ADDR PORT" to the descriptor with the number N when listening, and close it [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l proxy-protocol -d 'Believe proxies in these networks who the client is: each connection begins with a PROXY header. @FILE: one a line [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -s m -l max-conns -d 'No more than N connections may be open at once; others wait [default: no limit]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l max-conns-per-ip -d 'No more than N connections from one IP address; others are reset, which -v reports [default: no limit]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l allow -d 'Accept these networks only; others are reset, which -v logs. @FILE: one a line [default: all]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l deny -d 'Reset these networks, even if they are allowed. @FILE: one a line [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l grace -d 'How long open connections may go on after SIGTERM where many are served' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward -d 'Relay to ADDRESS, HOST:PORT or unix:PATH' -r -f -a "(__fish_astream_addresses)"
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-proxy-protocol -d 'Send ADDRESS a header of the PROXY protocol first, with the client\'s addresses [default: none]' -r -f -a "v1\t''
v2\t''"
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-starttls -d 'Speak TLS to ADDRESS once it agreed, asked in the protocol PROTO [default: none]' -r -f -a "smtp\t''
lmtp\t''
imap\t''
pop3\t''
ftp\t''
nntp\t''
xmpp\t''
postgres\t''
mysql\t''
ldap\t''
sieve\t''"
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-cacert -d 'Trust the certificates in FILE there; may be repeated [default: the system\'s]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-servername -d 'The name to ask for and to verify there [default: the host of ADDRESS]' -r -f -a "(__fish_print_hostnames)"
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-pin -d 'Trust this key alone there: sha256//BASE64; may be repeated [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-cert -d 'Our certificate there, if asked for one (PEM) [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-key -d 'Its key (PEM) [default: in the file of --forward-cert]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -s w -l timeout -d 'Limit of connecting, TLS: status 5 [default: 30s]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l proxy-cacert -d 'Trust the certificates in FILE for an https:// proxy; may be repeated [default: those for the target]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -s i -l idle-timeout -d 'Limit of silence: status 5 [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l max-time -d 'Limit of the whole of a connection, not counting the set-up, which -w limits: status 5; 0: no limit [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l limit-rate -d 'Limit of what goes each way, for each connection; 0: no limit [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l dump -d 'Append each chunk that moves to FILE in hexadecimal and text; `-` is stderr [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l capture -d 'Write what moves to FILE as packets, for Wireshark (pcapng); what FILE holds is replaced [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l size -d 'How many bytes will move, for --progress [default: the length of the file that stdin is]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l cert -d 'Our certificate and chain (PEM) [default: see --tls]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l key -d 'Its key (PEM); without --cert our own key, made if FILE is not there [default: in the file of --cert]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l cacert -d 'Demand a client certificate issued under FILE [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l crl -d 'Refuse what a revocation list in FILE names (PEM); a client must have one of its issuer; may be repeated [default: none]' -r -F
complete -c astream -n "__fish_astream_using_subcommand listen" -l alpn -d 'Application protocols, the best first; one must be agreed on (ALPN): h2,http/1.1; may be repeated [default: none]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -l tls-min -d 'Lowest TLS version' -r -f -a "1.2\t''
1.3\t''"
complete -c astream -n "__fish_astream_using_subcommand listen" -l tls-max -d 'Highest TLS version' -r -f -a "1.2\t''
1.3\t''"
complete -c astream -n "__fish_astream_using_subcommand listen" -l retry-for -d 'Try again for TIME what may pass: a name, a port, a handshake; 0: no limit [default: one try]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -s s -l source -d 'Connect from ADDR, ADDR:PORT, :PORT or %INTERFACE [default: what the system chooses]' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -s x -l proxy -d 'Go through a proxy: socks5://HOST:PORT, http://…, or env' -r -f
complete -c astream -n "__fish_astream_using_subcommand listen" -s 4 -l ipv4 -d 'IPv4 only'
complete -c astream -n "__fish_astream_using_subcommand listen" -s 6 -l ipv6 -d 'IPv6 only'
complete -c astream -n "__fish_astream_using_subcommand listen" -s u -l udp -d 'Serve datagrams: UDP, or a Unix socket of that type'
complete -c astream -n "__fish_astream_using_subcommand listen" -s k -l keep-open -d 'Serve all clients, until stopped: stdin to all'
complete -c astream -n "__fish_astream_using_subcommand listen" -l once -d 'Serve one connection, also with a handler such as --echo'
complete -c astream -n "__fish_astream_using_subcommand listen" -l echo -d 'Send everything back, until stopped'
complete -c astream -n "__fish_astream_using_subcommand listen" -l reuse-port -d 'Share the port with other listeners that give this option'
complete -c astream -n "__fish_astream_using_subcommand listen" -l discard -d 'Read and drop everything, until stopped'
complete -c astream -n "__fish_astream_using_subcommand listen" -l broker -d 'Send what one client, or stdin, says to all others, until stopped'
complete -c astream -n "__fish_astream_using_subcommand listen" -l balance -d 'Each connection begins with the next ADDRESS in turn'
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-tls -d 'Speak TLS to ADDRESS; chain and name are verified'
complete -c astream -n "__fish_astream_using_subcommand listen" -l forward-insecure -d 'Verify nothing there'
complete -c astream -n "__fish_astream_using_subcommand listen" -s n -l numeric -d 'No name look-ups'
complete -c astream -n "__fish_astream_using_subcommand listen" -l mptcp -d 'Multipath TCP, with a peer that has it too'
complete -c astream -n "__fish_astream_using_subcommand listen" -s C -l crlf -d 'Send CRLF for LF; a CRLF stays one'
complete -c astream -n "__fish_astream_using_subcommand listen" -l raw -d 'On a terminal, print what is received as it comes, control characters included'
complete -c astream -n "__fish_astream_using_subcommand listen" -l send-only -d 'Send only: what the peer sends is dropped, until its end'
complete -c astream -n "__fish_astream_using_subcommand listen" -l recv-only -d 'Receive only; stdin is not read'
complete -c astream -n "__fish_astream_using_subcommand listen" -l no-shutdown -d 'Pass the end of stdin on only after the peer\'s end: the default with --starttls, and where stdin is closed'
complete -c astream -n "__fish_astream_using_subcommand listen" -l shutdown -d 'Pass the end of stdin on at once: the default otherwise'
complete -c astream -n "__fish_astream_using_subcommand listen" -l exit-on-close -d 'Leave when the peer closes, as from a terminal'
complete -c astream -n "__fish_astream_using_subcommand listen" -l sha256 -d 'Print the SHA-256 of what was sent and of what was received at the end of each connection'
complete -c astream -n "__fish_astream_using_subcommand listen" -l progress -d 'Show on stderr how much has moved, how fast, and how long the rest takes if the size of stdin is known'
complete -c astream -n "__fish_astream_using_subcommand listen" -s v -l verbose -d 'Print addresses, TLS details and totals; -vv: more'
complete -c astream -n "__fish_astream_using_subcommand listen" -l quiet -d 'Errors only, with -z the ports that are not open'
complete -c astream -n "__fish_astream_using_subcommand listen" -l json -d 'Print everything as JSON, one object a line: on stderr, and the report of -z on stdout (docs/json.md)'
complete -c astream -n "__fish_astream_using_subcommand listen" -l log-time -d 'Begin each line on stderr with the time, in UTC (JSON has it anyway)'
complete -c astream -n "__fish_astream_using_subcommand listen" -l tls -d 'Speak TLS; without --cert by a fresh key and its pin'
complete -c astream -n "__fish_astream_using_subcommand listen" -l ignore-unexpected-eof -d 'Accept an end without close_notify'
complete -c astream -n "__fish_astream_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'

# Addresses: host names as ssh completes them, and the paths of Unix sockets.
function __fish_astream_wants_address
    set -l is_value 0
    for word in (commandline -opc)[3..-1]
        if test $is_value = 1
            set is_value 0
        else if contains -- $word --allow --alpn --backlog --cacert --capture --cert --count --crl --deny --dump --every --expires-within --first-client --forward --forward-cacert --forward-cert --forward-key --forward-pin --forward-proxy-protocol --forward-servername --forward-starttls --grace --idle-timeout --key --limit-rate --max-conns --max-conns-per-ip --max-time --mode --pin --proxy --proxy-cacert --proxy-protocol --ready-fd --retry-for --servername --size --source --starttls --threads --timeout --tls-max --tls-min -i -m -s -w -x
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
