
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'astream' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'astream'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'astream' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Open a connection: stdin to the peer, the peer to stdout, or a command')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Wait for connections: stdin to the peer, the peer to stdout, or a command for each')
            break
        }
        'astream;connect' {
            [CompletionResult]::new('--expires-within', '--expires-within', [CompletionResultType]::ParameterName, 'Fail if a certificate that was verified, the root''s included, ends within TIME (30d), or within N% of the lifetime of the server''s own; implies -z --tls')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Probe again each TIME, with a summary at the end or after ^C')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Probe N times, each second unless --every says otherwise')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Limit of each set-up, handshake included; 0: no limit [default: 30s]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Limit of each set-up, handshake included; 0: no limit [default: 30s]')
            [CompletionResult]::new('--retry-for', '--retry-for', [CompletionResultType]::ParameterName, 'Try again for TIME what may pass: a name, a port, a handshake; 0: no limit')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Connect from ADDR, ADDR:PORT, :PORT or %INTERFACE')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Connect from ADDR, ADDR:PORT, :PORT or %INTERFACE')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...')
            [CompletionResult]::new('--proxy-cacert', '--proxy-cacert', [CompletionResultType]::ParameterName, 'Trust the certificates in FILE for an https:// proxy, in place of those for the target; may be repeated')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Limit of a time in which nothing moves (status 5); 0: no limit')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Limit of a time in which nothing moves (status 5); 0: no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Limit of the whole of a connection, from when it stands (status 5); 0: no limit')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Bytes a second, each way and for each connection: 500K, 1.5M; 0: no limit')
            [CompletionResult]::new('--starttls', '--starttls', [CompletionResultType]::ParameterName, 'Speak TLS once the server agreed, asked in the protocol PROTO')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificates in FILE, not the system''s; may be repeated')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Our certificate, if asked for one (PEM)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Its key (PEM), if not in the same file')
            [CompletionResult]::new('--servername', '--servername', [CompletionResultType]::ParameterName, 'The name to ask for and to verify')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust this key alone: sha256//BASE64; may be repeated')
            [CompletionResult]::new('--crl', '--crl', [CompletionResultType]::ParameterName, 'Refuse what a revocation list in FILE names (PEM); the server must have one of its issuer; may be repeated')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Application protocols, the best first; one must be agreed on (ALPN): h2,http/1.1; may be repeated')
            [CompletionResult]::new('--tls-min', '--tls-min', [CompletionResultType]::ParameterName, 'Lowest TLS version')
            [CompletionResult]::new('--tls-max', '--tls-max', [CompletionResultType]::ParameterName, 'Highest TLS version')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'IPv6 only')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Send datagrams: UDP, or a Unix socket of that type')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Send datagrams: UDP, or a Unix socket of that type')
            [CompletionResult]::new('--broadcast', '--broadcast', [CompletionResultType]::ParameterName, 'With -u: HOST may stand for all machines of a network, and all of them may answer')
            [CompletionResult]::new('-z', '-z', [CompletionResultType]::ParameterName, 'Only set up, TLS included, and report; PORT may be 20-25,443')
            [CompletionResult]::new('--probe', '--probe', [CompletionResultType]::ParameterName, 'Only set up, TLS included, and report; PORT may be 20-25,443')
            [CompletionResult]::new('--show-certs', '--show-certs', [CompletionResultType]::ParameterName, 'Print the server''s certificates (PEM), trusted or not; the report goes to stderr; implies -z --tls')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'No name look-ups')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'No name look-ups')
            [CompletionResult]::new('--mptcp', '--mptcp', [CompletionResultType]::ParameterName, 'Multipath TCP, with a peer that has it too')
            [CompletionResult]::new('--pass-fd', '--pass-fd', [CompletionResultType]::ParameterName, 'Hand the connected socket to the process on stdout (ssh -o ProxyUseFdpass=yes), and leave')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Send CRLF for LF; a CRLF stays one')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CRLF for LF; a CRLF stays one')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only; what the peer sends is dropped')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only; stdin is not read')
            [CompletionResult]::new('--no-shutdown', '--no-shutdown', [CompletionResultType]::ParameterName, 'Send our end only after the peer''s: the default with --starttls, and where stdin is closed')
            [CompletionResult]::new('--shutdown', '--shutdown', [CompletionResultType]::ParameterName, 'Send our end at the end of stdin: the default otherwise')
            [CompletionResult]::new('--exit-on-close', '--exit-on-close', [CompletionResultType]::ParameterName, 'Leave when the peer closes, as from a terminal')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print addresses, TLS details and totals; -vv prints more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print addresses, TLS details and totals; -vv prints more')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print everything as JSON, one object a line (docs/json.md)')
            [CompletionResult]::new('--log-time', '--log-time', [CompletionResultType]::ParameterName, 'Begin each line on stderr with the time, in UTC (JSON has it anyway)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Speak TLS; chain and name are verified')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Verify nothing')
            [CompletionResult]::new('--pq', '--pq', [CompletionResultType]::ParameterName, 'Only a key exchange that is safe from quantum computers is accepted')
            [CompletionResult]::new('--ignore-unexpected-eof', '--ignore-unexpected-eof', [CompletionResultType]::ParameterName, 'Accept an end without close_notify')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'astream;listen' {
            [CompletionResult]::new('--first-client', '--first-client', [CompletionResultType]::ParameterName, 'Limit of the time until a client has come that is served (status 5), for one connection; 0: no limit')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'How many threads serve the connections of a handler [default: one for each core]')
            [CompletionResult]::new('--backlog', '--backlog', [CompletionResultType]::ParameterName, 'How many connections may wait to be accepted [default: 4096]')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'Permissions of the path of a Unix socket, in octal')
            [CompletionResult]::new('--ready-fd', '--ready-fd', [CompletionResultType]::ParameterName, 'Write "ADDR PORT" to the descriptor N when listening, and close it')
            [CompletionResult]::new('--proxy-protocol', '--proxy-protocol', [CompletionResultType]::ParameterName, 'Believe proxies in these networks who the client is: each connection begins with a PROXY header. @FILE: one a line')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'How many connections may be open at once; others wait')
            [CompletionResult]::new('--max-conns', '--max-conns', [CompletionResultType]::ParameterName, 'How many connections may be open at once; others wait')
            [CompletionResult]::new('--max-conns-per-ip', '--max-conns-per-ip', [CompletionResultType]::ParameterName, 'How many of them from one IP address; others are reset')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Accept these networks only; others are reset. @FILE: one a line')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Reset these networks, even if they are allowed. @FILE: one a line')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'How long open connections may go on after SIGTERM')
            [CompletionResult]::new('--forward', '--forward', [CompletionResultType]::ParameterName, 'Relay each connection to ADDRESS, HOST:PORT or unix:PATH, until stopped')
            [CompletionResult]::new('--forward-proxy-protocol', '--forward-proxy-protocol', [CompletionResultType]::ParameterName, 'Send ADDRESS a header of the PROXY protocol first, with the client''s addresses')
            [CompletionResult]::new('--forward-starttls', '--forward-starttls', [CompletionResultType]::ParameterName, 'Speak TLS to ADDRESS once it agreed, asked in the protocol PROTO')
            [CompletionResult]::new('--forward-cacert', '--forward-cacert', [CompletionResultType]::ParameterName, 'Trust the certificates in FILE there, not the system''s')
            [CompletionResult]::new('--forward-servername', '--forward-servername', [CompletionResultType]::ParameterName, 'The name to ask for and to verify there')
            [CompletionResult]::new('--forward-pin', '--forward-pin', [CompletionResultType]::ParameterName, 'Trust this key alone there: sha256//BASE64')
            [CompletionResult]::new('--forward-cert', '--forward-cert', [CompletionResultType]::ParameterName, 'Our certificate there, if asked for one (PEM)')
            [CompletionResult]::new('--forward-key', '--forward-key', [CompletionResultType]::ParameterName, 'Its key (PEM), if not in the same file')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Limit of each set-up, handshake included; 0: no limit [default: 30s]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Limit of each set-up, handshake included; 0: no limit [default: 30s]')
            [CompletionResult]::new('--proxy-cacert', '--proxy-cacert', [CompletionResultType]::ParameterName, 'Trust the certificates in FILE for an https:// proxy, in place of those for the target; may be repeated')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Limit of a time in which nothing moves (status 5); 0: no limit')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Limit of a time in which nothing moves (status 5); 0: no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Limit of the whole of a connection, from when it stands (status 5); 0: no limit')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Bytes a second, each way and for each connection: 500K, 1.5M; 0: no limit')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Our certificate and chain (PEM), and its key unless --key has it')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Its key (PEM), if not in the same file; without --cert our own key, made if FILE is not there')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Demand a client certificate issued under FILE; may be repeated')
            [CompletionResult]::new('--crl', '--crl', [CompletionResultType]::ParameterName, 'Refuse what a revocation list in FILE names (PEM); a client must have one of its issuer; may be repeated')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Application protocols, the best first; one must be agreed on (ALPN): h2,http/1.1; may be repeated')
            [CompletionResult]::new('--tls-min', '--tls-min', [CompletionResultType]::ParameterName, 'Lowest TLS version')
            [CompletionResult]::new('--tls-max', '--tls-max', [CompletionResultType]::ParameterName, 'Highest TLS version')
            [CompletionResult]::new('--retry-for', '--retry-for', [CompletionResultType]::ParameterName, 'Try again for TIME what may pass: a name, a port, a handshake; 0: no limit')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Connect from ADDR, ADDR:PORT, :PORT or %INTERFACE')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Connect from ADDR, ADDR:PORT, :PORT or %INTERFACE')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Go through a proxy: socks5://HOST:PORT, http://HOST:PORT, ...')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'IPv6 only')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Receive datagrams: UDP, or a Unix socket of that type')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Receive datagrams: UDP, or a Unix socket of that type')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Serve until stopped: stdin to all clients, all to stdout')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Serve until stopped: stdin to all clients, all to stdout')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Serve one connection, also with a handler such as --echo')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'Send everything back, until stopped')
            [CompletionResult]::new('--reuse-port', '--reuse-port', [CompletionResultType]::ParameterName, 'Share the port with other listeners that give this option')
            [CompletionResult]::new('--discard', '--discard', [CompletionResultType]::ParameterName, 'Read and drop everything, until stopped')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Send what one client, or stdin, says to all others, until stopped')
            [CompletionResult]::new('--balance', '--balance', [CompletionResultType]::ParameterName, 'Each connection begins with the next ADDRESS in turn')
            [CompletionResult]::new('--forward-tls', '--forward-tls', [CompletionResultType]::ParameterName, 'Speak TLS to ADDRESS; chain and name are verified')
            [CompletionResult]::new('--forward-insecure', '--forward-insecure', [CompletionResultType]::ParameterName, 'Verify nothing there')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'No name look-ups')
            [CompletionResult]::new('--numeric', '--numeric', [CompletionResultType]::ParameterName, 'No name look-ups')
            [CompletionResult]::new('--mptcp', '--mptcp', [CompletionResultType]::ParameterName, 'Multipath TCP, with a peer that has it too')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Send CRLF for LF; a CRLF stays one')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CRLF for LF; a CRLF stays one')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only; what the peer sends is dropped')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only; stdin is not read')
            [CompletionResult]::new('--no-shutdown', '--no-shutdown', [CompletionResultType]::ParameterName, 'Send our end only after the peer''s: the default with --starttls, and where stdin is closed')
            [CompletionResult]::new('--shutdown', '--shutdown', [CompletionResultType]::ParameterName, 'Send our end at the end of stdin: the default otherwise')
            [CompletionResult]::new('--exit-on-close', '--exit-on-close', [CompletionResultType]::ParameterName, 'Leave when the peer closes, as from a terminal')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print addresses, TLS details and totals; -vv prints more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print addresses, TLS details and totals; -vv prints more')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print everything as JSON, one object a line (docs/json.md)')
            [CompletionResult]::new('--log-time', '--log-time', [CompletionResultType]::ParameterName, 'Begin each line on stderr with the time, in UTC (JSON has it anyway)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Speak TLS; without --cert with a key of our own, whose pin is printed')
            [CompletionResult]::new('--ignore-unexpected-eof', '--ignore-unexpected-eof', [CompletionResultType]::ParameterName, 'Accept an end without close_notify')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
