
use builtin;
use str;

set edit:completion:arg-completer[astream] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'astream'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'astream'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand connect 'Open a connection: stdin to the peer, the peer to stdout'
            cand listen 'Wait for connections: stdin to the peer, the peer to stdout, or --echo'
        }
        &'astream;connect'= {
            cand --expires-within 'Fail if a certificate that was verified, the root''s included, ends within TIME (30d), or within N% of the lifetime of the server''s own; implies -z --tls'
            cand -w 'Limit of each set-up, handshake included; 0: no limit [default: 30s]'
            cand --timeout 'Limit of each set-up, handshake included; 0: no limit [default: 30s]'
            cand --retry-for 'Try again for TIME what may pass: a name, a port, a handshake; 0: no limit'
            cand -x 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...'
            cand --proxy 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...'
            cand --proxy-cacert 'Trust the certificates in FILE for an https:// proxy, in place of those for the target; may be repeated'
            cand -i 'Limit of a time in which nothing moves (status 5); 0: no limit'
            cand --idle-timeout 'Limit of a time in which nothing moves (status 5); 0: no limit'
            cand --starttls 'Speak TLS once the server agreed, asked in the protocol PROTO'
            cand --cacert 'Trust the certificates in FILE, not the system''s; may be repeated'
            cand --cert 'Our certificate, if asked for one (PEM)'
            cand --key 'Its key (PEM), if not in the same file'
            cand --servername 'The name to ask for and to verify'
            cand --pin 'Trust this key alone: sha256//BASE64; may be repeated'
            cand --crl 'Refuse what a revocation list in FILE names (PEM); the server must have one of its issuer; may be repeated'
            cand --alpn 'Application protocols, the best first; one must be agreed on (ALPN): h2,http/1.1; may be repeated'
            cand --tls-min 'Lowest TLS version'
            cand --tls-max 'Highest TLS version'
            cand -4 'IPv4 only'
            cand --ipv4 'IPv4 only'
            cand -6 'IPv6 only'
            cand --ipv6 'IPv6 only'
            cand -u 'Send datagrams: UDP, or a Unix socket of that type'
            cand --udp 'Send datagrams: UDP, or a Unix socket of that type'
            cand --broadcast 'With -u: HOST may stand for all machines of a network, and all of them may answer'
            cand -z 'Only set up, TLS included, and report; PORT may be 20-25,443'
            cand --probe 'Only set up, TLS included, and report; PORT may be 20-25,443'
            cand --show-certs 'Print the server''s certificates (PEM), trusted or not; the report goes to stderr; implies -z --tls'
            cand -n 'No name look-ups'
            cand --numeric 'No name look-ups'
            cand -C 'Send CRLF for LF; a CRLF stays one'
            cand --crlf 'Send CRLF for LF; a CRLF stays one'
            cand --send-only 'Send only; what the peer sends is dropped'
            cand --recv-only 'Receive only; stdin is not read'
            cand --no-shutdown 'Send our end only after the peer''s: the default with --starttls, and where stdin is closed'
            cand --shutdown 'Send our end at the end of stdin: the default otherwise'
            cand --exit-on-close 'Leave when the peer closes, as from a terminal'
            cand -v 'Print addresses, TLS details and totals; -vv prints more'
            cand --verbose 'Print addresses, TLS details and totals; -vv prints more'
            cand --quiet 'Errors only'
            cand --json 'Print everything as JSON, one object a line (docs/json.md)'
            cand --tls 'Speak TLS; chain and name are verified'
            cand --insecure 'Verify nothing'
            cand --ignore-unexpected-eof 'Accept an end without close_notify'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'astream;listen'= {
            cand -m 'With -u: how many peers have a session at once'
            cand --max-conns 'With -u: how many peers have a session at once'
            cand --grace 'How long open connections may go on after SIGTERM'
            cand --forward 'Relay each connection to ADDRESS, HOST:PORT or unix:PATH, until stopped'
            cand --forward-cacert 'Trust the certificates in FILE there, not the system''s'
            cand --forward-servername 'The name to ask for and to verify there'
            cand --forward-pin 'Trust this key alone there: sha256//BASE64'
            cand --forward-cert 'Our certificate there, if asked for one (PEM)'
            cand --forward-key 'Its key (PEM), if not in the same file'
            cand -w 'Limit of each set-up, handshake included; 0: no limit [default: 30s]'
            cand --timeout 'Limit of each set-up, handshake included; 0: no limit [default: 30s]'
            cand --proxy-cacert 'Trust the certificates in FILE for an https:// proxy, in place of those for the target; may be repeated'
            cand -i 'Limit of a time in which nothing moves (status 5); 0: no limit'
            cand --idle-timeout 'Limit of a time in which nothing moves (status 5); 0: no limit'
            cand --cert 'Our certificate and chain (PEM), and its key unless --key has it'
            cand --key 'Its key (PEM), if not in the same file'
            cand --cacert 'Demand a client certificate issued under FILE; may be repeated'
            cand --crl 'Refuse what a revocation list in FILE names (PEM); a client must have one of its issuer; may be repeated'
            cand --alpn 'Application protocols, the best first; one must be agreed on (ALPN): h2,http/1.1; may be repeated'
            cand --tls-min 'Lowest TLS version'
            cand --tls-max 'Highest TLS version'
            cand --retry-for 'Try again for TIME what may pass: a name, a port, a handshake; 0: no limit'
            cand -x 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...'
            cand --proxy 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...'
            cand -4 'IPv4 only'
            cand --ipv4 'IPv4 only'
            cand -6 'IPv6 only'
            cand --ipv6 'IPv6 only'
            cand -u 'Receive datagrams: UDP, or a Unix socket of that type'
            cand --udp 'Receive datagrams: UDP, or a Unix socket of that type'
            cand -k 'Serve until stopped: stdin to all clients, all to stdout'
            cand --keep-open 'Serve until stopped: stdin to all clients, all to stdout'
            cand --once 'Serve one connection, also with --echo'
            cand --echo 'Send everything back, until stopped'
            cand --forward-tls 'Speak TLS to ADDRESS; chain and name are verified'
            cand --forward-insecure 'Verify nothing there'
            cand -n 'No name look-ups'
            cand --numeric 'No name look-ups'
            cand -C 'Send CRLF for LF; a CRLF stays one'
            cand --crlf 'Send CRLF for LF; a CRLF stays one'
            cand --send-only 'Send only; what the peer sends is dropped'
            cand --recv-only 'Receive only; stdin is not read'
            cand --no-shutdown 'Send our end only after the peer''s: the default with --starttls, and where stdin is closed'
            cand --shutdown 'Send our end at the end of stdin: the default otherwise'
            cand --exit-on-close 'Leave when the peer closes, as from a terminal'
            cand -v 'Print addresses, TLS details and totals; -vv prints more'
            cand --verbose 'Print addresses, TLS details and totals; -vv prints more'
            cand --quiet 'Errors only'
            cand --json 'Print everything as JSON, one object a line (docs/json.md)'
            cand --tls 'Speak TLS; without --cert with a fresh key, whose pin is printed'
            cand --ignore-unexpected-eof 'Accept an end without close_notify'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
