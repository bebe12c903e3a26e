//! Habits from other programs, and mistakes: the hint says what to write.

mod support;

use support::astream;

/// What is typed, and the hint.
const WRITE: &[(&str, &str)] = &[
    // Addresses.
    ("connect https://localhost/path?q#f", "connect localhost 443 --tls)"),
    ("connect https://localhost:8443 --tls", "connect localhost 8443 --tls)"),
    ("connect https://user:secret@[::1]:8443/", "connect ::1 8443 --tls)"),
    ("connect http://localhost:9080/", "connect localhost 9080)"),
    ("connect HTTP://localhost", "connect localhost 80)"),
    ("listen tcp://127.0.0.1:80", "listen 127.0.0.1 80)"),
    ("connect /tmp/x.sock", "connect unix:/tmp/x.sock)"),
    ("listen ./x.sock -k", "listen unix:./x.sock -k)"),
    ("connect unix:/tmp/a 80", "connect unix:/tmp/a)"),
    ("listen 8080", "listen :8080; 127.0.0.1:8080 is for this machine alone)"),
    ("listen 8080 --echo -v", "listen :8080 --echo -v; 127.0.0.1:8080 is"),
    ("connect 8080", "connect localhost 8080)"),
    ("connect :8080", "connect localhost 8080)"),
    ("connect localhost 80-90", "connect localhost 80-90 -z; -z asks"),
    ("connect localhost:80,443", "connect localhost:80,443 -z; -z asks"),
    // The command.
    ("localhost 80", "connect localhost 80)"),
    ("serve 127.0.0.1 8080 --echo", "listen 127.0.0.1 8080 --echo)"),
    ("chat 127.0.0.1 8080", "listen 127.0.0.1 8080 --broker)"),
    ("listen 127.0.0.1 8080 --forward localhost 80", "listen 127.0.0.1 8080 --forward localhost:80)"),
    ("listen 127.0.0.1:8080 --forward 80", "listen 127.0.0.1:8080 --forward localhost:80)"),
    ("localhost:80 --tls", "connect localhost:80 --tls)"),
    ("-v localhost 80", "connect localhost 80 -v)"),
    ("s_client -connect h:443", "connect h:443 --tls)"),
    ("s_client -connect h:443 -servername n -CAfile f", "connect h:443 --tls --servername n --cacert f)"),
    ("s_client -connect h:443 -showcerts", "connect h:443 --tls -z --show-certs)"),
    ("s_client -starttls smtp -crlf -connect h:25", "connect h:25 --tls --starttls smtp --crlf)"),
    ("s_server -accept 8443 -cert c -key k", "listen :8443 --tls --cert c --key k; 127.0.0.1:8443 is"),
    // Addresses of socat.
    ("connect TCP:localhost:80", "connect localhost 80)"),
    ("- TCP4:localhost:80,connect-timeout=5", "connect localhost 80 -4 -w 5; -w limits"),
    ("OPENSSL:h:443,verify=0 -", "connect h 443 --tls --insecure; safer is --pin PIN"),
    ("STDIO ssl:h:443,cafile=f,commonname=n", "connect h 443 --tls --cacert f --servername n)"),
    ("connect UNIX-CONNECT:/tmp/x", "connect unix:/tmp/x)"),
    ("UNIX:/tmp/x -", "connect unix:/tmp/x)"),
    ("listen TCP-LISTEN:8080,fork,reuseaddr", "listen :8080 -k; 127.0.0.1:8080 is"),
    ("TCP-LISTEN:8080,bind=127.0.0.1,fork EXEC:/bin/cat", "listen 127.0.0.1 8080 -- /bin/cat)"),
    ("EXEC:/bin/cat TCP:localhost:80", "connect localhost 80 -- /bin/cat)"),
    ("TCP-L:8080,fork,max-children=9 OPENSSL:h:443", "listen :8080 --forward h:443 --forward-tls -m 9; 127"),
    ("UNIX-LISTEN:/tmp/s,fork TCP:h:80", "listen unix:/tmp/s --forward h:80)"),
    ("UDP-LISTEN:53,fork UDP:h:53", "listen :53 -u --forward h:53; 127.0.0.1:53 is"),
    (
        "OPENSSL-LISTEN:8443,cert=c,key=k,range=10.0.0.0/8 SYSTEM:date",
        "listen :8443 --tls --once --cacert FILE --cert c --key k --allow 10.0.0.0/8 -- sh -c date; 127",
    ),
    ("OPENSSL-LISTEN:443,cert=f,verify=0,fork TCP:h:80", "listen :443 --tls --forward h:80 --cert f; 127"),
    ("UNIX-LISTEN:/p,fork,mode=660 TCP:h:80", "listen unix:/p --forward h:80 --mode 660)"),
    ("- TCP:h:80,retry=30,interval=1", "connect h 80; --retry-for TIME tries again: a time, not a number"),
    ("FILE:f TCP:h:80", "connect h 80; a file is stdin or stdout: < FILE, > FILE)"),
    ("TCP-LISTEN:80,fork PIPE", "listen :80 --echo; 127"),
    ("- PROXY:p:h:80", "connect h 80 -x http://p:8080)"),
    ("- PROXY:p:h:80,proxyport=3128", "connect h 80 -x http://p:3128)"),
    ("- SOCKS4A:p:h:80,socksport=9050", "connect h 80 -x socks4a://p:9050)"),
    ("- PROXY:[::1]:h:80,proxyport=3128", "connect h 80 -x 'http://[::1]:3128')"),
    ("- SOCKS5-CONNECT:p:1081:h:80", "connect h 80 -x socks5://p:1081)"),
    ("- ABSTRACT-CONNECT:name", "connect unix:@name)"),
    ("ABSTRACT-LISTEN:name,fork ABSTRACT:other", "listen unix:@name --forward unix:@other)"),
    ("-d -d TCP-LISTEN:47125 -", "listen :47125; 127"),
    ("-ddd -T 60 - TCP:h:80", "connect h 80 -i 60)"),
    ("-u - TCP:h:80", "connect h 80 --send-only)"),
    ("-u FILE:f TCP:h:80", "connect h 80 --send-only; a file is stdin"),
    ("-u TCP:h:80 -", "connect h 80 --recv-only)"),
    ("listen -u TCP-LISTEN:80 -", "listen :80 --recv-only; 127"),
    ("UNIX-LISTEN:/p,fork,unlink-early TCP:h:80,nodelay", "listen unix:/p --forward h:80)"),
    (
        "TCP-LISTEN:80,fork OPENSSL:h:443,cafile=f,verify=1,commonname=n,connect-timeout=5",
        "listen :80 --forward h:443 --forward-tls --forward-cacert f --forward-servername n -w 5; 127",
    ),
    (
        "UNIX-L:/p SSL:h:443,verify=0",
        "listen unix:/p --forward h:443 --forward-tls --forward-insecure --once)",
    ),
    ("UDP-RECV:53 -", "listen :53 -u; 127"),
    ("listen 127.0.0.1 8080 EXEC:/bin/cat", "listen 127.0.0.1 8080 -- /bin/cat)"),
    ("listen 127.0.0.1:8080 EXEC:cat", "listen 127.0.0.1:8080 -- cat)"),
    ("listen 127.0.0.1:8080 cat", "listen 127.0.0.1:8080 -- cat)"),
    ("listen ::1 8080 sort -n", "listen ::1 8080 -- sort -n)"),
    ("listen unix:/p cat -n --tls", "listen unix:/p -- cat -n --tls)"),
    ("listen 127.0.0.1 8080 -v /bin/cat -n", "listen 127.0.0.1 8080 -v -- /bin/cat -n)"),
    ("listen 127.0.0.1:80,fork", "listen 127.0.0.1:80 -k)"),
    ("listen 127.0.0.1 80,reuseaddr,fork --exec cat", "listen 127.0.0.1 80 -- cat)"),
    ("listen unix:/p,mode=600 cat", "listen unix:/p --mode 600 -- cat)"),
    ("listen unix:/p,mode=660,fork", "listen unix:/p --mode 660 -k)"),
    ("connect h:80,connect-timeout=5", "connect h:80 -w 5; -w limits"),
    ("connect TCP:h:80 PIPE", "connect h 80 -- cat)"),
    ("TCP-LISTEN:80,fork PROXY:p:h:443,proxyport=3128", "listen :80 -x http://p:3128 --forward h:443; 127"),
    (
        "TCP-LISTEN:80 TCP:h:80,mode=600",
        "listen :80 --forward h:80 --once; 127.0.0.1:80 is for this machine alone; not known here: mode)",
    ),
    (
        "TCP-LISTEN:80,fork EXEC:cat,pty,stderr",
        "listen :80 -- cat; 127.0.0.1:80 is for this machine alone; not known here: pty)",
    ),
    ("TCP-LISTEN:80 EXEC:cat", "listen :80 --once -- cat; 127"),
    ("TCP-LISTEN:80,fork SYSTEM:cat,stderr", "listen :80 -- sh -c cat; 127"),
    (
        "TCP-LISTEN:80,fork SYSTEM:env$SOCAT_PEERADDR",
        "listen :80 -- sh -c 'env$SOCAT_PEERADDR'; a command finds the client in TCPREMOTEIP",
    ),
    ("-t 10 - TCP:h:80", "connect h 80; it ends when the peer does; -i"),
    ("-v -x TCP-LISTEN:80,fork TCP:h:81", "listen :80 -v --dump - --forward h:81; 127"),
    ("-vx - TCP:h:81", "connect h 81 -v --dump -)"),
    ("-u FILE:f TCP-LISTEN:80,fork", "listen :80 -- cat f; 127"),
    ("-u TCP-LISTEN:80 OPEN:f,creat,trunc", "listen :80 --recv-only; a file is stdin or stdout"),
    ("-u UNIX-RECV:/p -", "listen unix:/p --recv-only -u)"),
    ("- UNIX-SENDTO:/p", "connect unix:/p -u)"),
    ("listen udp:127.0.0.1:53", "listen 127.0.0.1 53 -u)"),
    (
        "- TCP:h:80,crnl,sp=99,forever,proxyauth=me:secret",
        "connect h 80 --crlf -s :99 --retry-for 0; USER:SECRET for a",
    ),
    (
        "TCP-LISTEN:80,fork,bind=::1 TCP:h:81,bind=127.0.0.1,retry=5",
        "listen ::1 80 --forward h:81 -s 127.0.0.1; --retry-for",
    ),
    ("UNIX-LISTEN:/p,fork,perm=660,unlink TCP:h:80", "listen unix:/p --forward h:80 --mode 660)"),
    ("- SOCKS4:p:h:80", "connect h 80 -x socks4://p:1080)"),
    ("socat -U TCP:h:80 -", "connect h 80 --send-only)"),
    ("socat -U - TCP:h:80", "connect h 80 --recv-only)"),
    ("listen :80 --forward UNIX-CONNECT:/p", "listen :80 --forward unix:/p)"),
    ("listen :80 --forward SSL:h:443", "listen :80 --forward h:443 --forward-tls)"),
    ("listen :80 --forward UDP:h:53", "listen :80 --forward h:53 -u)"),
    ("listen :80 --forward a:1,b:2", "listen :80 --forward a:1 --forward b:2)"),
    ("listen :80 h:81 --tls", "listen :80 --tls --forward h:81)"),
    ("listen :80 --forward-tls h:81", "listen :80 --forward-tls --forward h:81)"),
    ("listen :80 --forward ./p", "listen :80 --forward unix:./p)"),
    ("listen :80 --reuseaddr", "listen :80; a listener always reuses its address)"),
    ("listen :80 reuseaddr fork", "listen :80 -k; a listener always reuses its address)"),
    ("listen 127.0.0.1 8080 --fork --range 10.0.0.0/8", "listen 127.0.0.1 8080 -k --allow 10.0.0.0/8)"),
    ("connect h 80 --bind 127.0.0.1 --pcap f", "connect h 80 -s 127.0.0.1 --capture f)"),
    // The name of a program in front.
    ("nc -z h 80", "connect h 80 -z)"),
    ("/usr/bin/ncat --ssl h 80", "connect h 80 --tls)"),
    ("netcat -lp 80", "listen :80; 127"),
    ("socat - TCP:h:80", "connect h 80)"),
    ("openssl s_client -connect h:443", "connect h:443 --tls)"),
    (
        "s_client -connect h:443 -status",
        "connect h:443 --tls; --crl FILE checks the whole path; OCSP is not spoken)",
    ),
    ("s_client -connect h:443 -crl_check -CRL f", "connect h:443 --tls --crl f; --crl FILE checks"),
    ("s_client -host h -port 443 -noservername", "connect h 443 --tls; no name is sent"),
    ("s_client -connect h:443 -verify_hostname n", "connect h:443 --tls --servername n; it is asked for and"),
    (
        "s_client -connect h:443 -reconnect -no_ticket",
        "connect h:443 --tls; not known here: -reconnect, -no_ticket)",
    ),
    ("s_client -connect h:443 -proxy p:3128", "connect h:443 --tls --proxy http://p:3128)"),
    ("nc -l -p 80 -e /bin/cat", "listen :80 --once -- /bin/cat; 127"),
    ("ncat -lk 80 -e /bin/cat", "listen :80 -k -- /bin/cat; 127"),
    ("OPENSSL-LISTEN:443,cert=f,cafile=c,fork EXEC:cat", "listen :443 --tls --cert f --cacert c -- cat; 127"),
    ("s_server -accept 443 -cert f -Verify 1 -www", "listen :443 --tls --cert f --cacert FILE; a command"),
    (
        "connect h 443 --tls --pinnedpubkey sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "connect h 443 --tls --pin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=)",
    ),
    ("stunnel --accept :443 --connect h:80", "listen :443 --tls --forward h:80)"),
    ("nc", "connect HOST PORT)"),
    ("/tmp/x", "connect unix:/tmp/x)"),
    ("/tmp/socat", "connect unix:/tmp/socat)"),
    ("-h h -p 80", "connect h 80)"),
    ("connect -h h -p 80", "connect h 80)"),
    ("-h db -p 1 -t 30 -- echo up", "connect db 1 -z --retry-for 30 && echo up)"),
    ("db:1 --timeout=30 -- echo up", "connect db:1 -z --retry-for 30 && echo up)"),
    ("connect db:1 -q -- echo up", "connect db:1 -z --quiet --retry-for 15s && echo up)"),
    ("connect h 80 -n 2 -z", "connect h 80 --count 2 -z)"),
    ("stunnel --accept 443 --connect /run/x --TIMEOUTclose 0", "listen :443 --tls --forward unix:/run/x; -i"),
    ("-i 5 h 80", "connect h 80 -i 5; -i limits silence: status 5)"),
    ("-u -w1 h 80", "connect h 80 -u -w 1; -u ends after 1 s of silence, which -i changes)"),
    ("connect h 80 -s 300000 --progress --eta", "connect h 80 --size 300000 --progress)"),
    // Words that are guessed.
    ("send localhost 9000 photo.jpg", "connect localhost 9000; a file is stdin or stdout: < FILE, > FILE)"),
    ("connect localhost 9000 photo.jpg", "connect localhost 9000; a file is"),
    (
        "connect localhost 9000 --file photo.jpg",
        "connect localhost 9000; what is sent comes from stdin: < FILE)",
    ),
    ("receive 9000", "listen :9000; 127"),
    ("listen :9000 copy.jpg", "listen :9000; a file is"),
    ("listen :9000 -o copy.jpg", "listen :9000; what is received goes to stdout: > FILE; --dump FILE logs"),
    ("forward 8080 localhost:80", "listen :8080 --forward localhost:80; 127"),
    ("listen :8080 --to localhost 80", "listen :8080 --forward localhost:80)"),
    ("listen :8080 --forward :80", "listen :8080 --forward localhost:80)"),
    ("listen :8080 --forward http://localhost:80/x", "listen :8080 --forward localhost:80)"),
    ("check localhost:80", "connect localhost:80 -z)"),
    ("wait localhost:80", "connect localhost:80 -z --retry-for 15s)"),
    ("connect -z localhost:80 --wait 3", "connect localhost:80 -z --retry-for 3)"),
    ("connect localhost:80 --wait 3", "connect localhost:80 --timeout 3; -w limits"),
    ("cert localhost:443", "connect localhost:443 -z --tls)"),
    ("connect localhost 443 --encrypt --password x", "connect localhost 443 --tls; there are no passwords"),
    ("connect localhost 80 --limit 1M --checksum", "connect localhost 80 --limit-rate 1M --sha256)"),
    // Options of nc.
    ("-l", "listen HOST PORT)"),
    ("-l 8080", "listen :8080; 127.0.0.1:8080 is"),
    ("connect -l 8080", "listen :8080; 127.0.0.1:8080 is"),
    ("-l 127.0.0.1 8080", "listen 127.0.0.1 8080)"),
    ("-lvnp 8080", "listen :8080 -v -n; 127.0.0.1:8080 is"),
    ("-lkp8080", "listen :8080 -k; 127.0.0.1:8080 is"),
    ("listen -p 8080", "listen :8080; 127.0.0.1:8080 is"),
    ("listen 127.0.0.1 -p 8080", "listen 127.0.0.1 8080)"),
    ("-zv localhost 22", "connect localhost 22 -z)"),
    ("-zvw1 localhost 20-25", "connect localhost 20-25 -z -w 1)"),
    ("-i 1 -zv localhost 20-25", "connect localhost 20-25 -z)"),
    ("-zv", "connect HOST PORT -z)"),
    ("-bu 192.0.2.255 9", "connect 192.0.2.255 9 --broadcast -u)"),
    ("-X connect -x p:3128 -P bob h 22", "connect h 22 -x http://p:3128; USER:SECRET for a proxy comes from"),
    ("-U /tmp/x", "connect unix:/tmp/x)"),
    ("-lU x", "listen unix:x)"),
    ("connect -N localhost 80", "connect localhost 80; the end of stdin is passed on without -N)"),
    (
        "connect -q 1 localhost 80",
        "connect localhost 80; it ends when the peer does; -i TIME ends a silent one with status 5)",
    ),
    ("-u localhost 53", "connect localhost 53 -u)"),
    ("-lu 53", "listen :53 -u; 127.0.0.1:53 is"),
    ("-lukp 53", "listen :53 -u -k; 127.0.0.1:53 is"),
    ("-uU /dev/log", "connect unix:/dev/log -u)"),
    ("-d localhost 80", "connect localhost 80 --recv-only)"),
    // What is about the target of a relay.
    ("listen h 1 --forward h:2 --insecure", "listen h 1 --forward h:2 --forward-insecure --forward-tls)"),
    (
        "listen h 1 --tls --forward h:2 --servername n",
        "listen h 1 --tls --forward h:2 --forward-servername n --forward-tls)",
    ),
    (
        "listen h 1 --forward h:2 --cacert f",
        "listen h 1 --forward h:2 --forward-cacert f --forward-tls; with --tls, --cacert FILE demands certificates of the clients)",
    ),
    (
        "listen h 1 --forward h:2 --forward-tls --cacert f",
        "listen h 1 --forward h:2 --forward-tls --forward-cacert f)",
    ),
    ("listen h 1 --forward h:2 --starttls smtp", "listen h 1 --forward h:2 --forward-starttls smtp)"),
    ("listen h 1 --cacert f", "listen h 1 --cacert f --tls)"),
    (
        "listen h 1 --forward h:2 --forward-tls --verifyChain",
        "listen h 1 --forward h:2 --forward-tls; the certificate of the target is always verified)",
    ),
    (
        "listen h 1 --forward h:2 --verify",
        "listen h 1 --forward h:2 --forward-tls; the certificate of the target is always verified)",
    ),
    ("listen h 1 --tls --forward h:2 --verify", "listen h 1 --tls --forward h:2 --cacert FILE)"),
    (
        "listen h 1 --forward h:2 --forward-CAfile f",
        "listen h 1 --forward h:2 --forward-cacert f --forward-tls)",
    ),
    // Names of options elsewhere.
    ("listen h 1 --tls --verify-client f", "listen h 1 --tls --cacert f)"),
    ("listen h 1 --tls --requireCert=yes", "listen h 1 --tls --cacert FILE)"),
    ("listen h 1 --daemon", "listen h 1; it stays in the foreground, as its user"),
    ("listen h 1 --pid f", "listen h 1; it stays in the foreground"),
    ("listen h 1 --log-file=f", "listen h 1; it stays in the foreground"),
    ("connect h 80 --rate 100k", "connect h 80 --limit-rate 100k)"),
    ("connect -z h 80 --silent", "connect h 80 -z --quiet)"),
    ("-qz h 80", "connect h 80 --quiet -z)"),
    ("-q -1 h 80", "connect h 80; it ends when"),
    ("connect h 443 --ssl", "connect h 443 --tls)"),
    ("connect h 443 --tls --cafile f", "connect h 443 --tls --cacert f)"),
    ("connect h 443 --cafile=f", "connect h 443 --cacert f --tls)"),
    ("connect h 443 --tls --verify", "connect h 443 --tls; certificates are always verified)"),
    ("connect h 443 --tls -servername n", "connect h 443 --tls --servername n)"),
    ("connect h 443 --tls --no-verify", "connect h 443 --tls --insecure; safer is --pin PIN"),
    ("connect h 443 --ssl --cafile a;b", "connect h 443 --tls --cacert 'a;b')"),
    ("listen 8080 -e sh", "listen :8080 -- sh; 127.0.0.1:8080 is"),
    ("-lvnp 8080 -e /bin/sh", "listen :8080 -v -n --once -- /bin/sh; 127.0.0.1:8080 is"),
    ("-c sh localhost 80", "connect localhost 80 -- sh -c sh)"),
    ("-lk 80 -- sort -n", "listen :80 -k -- sort -n;"),
    ("connect -p 5000 localhost 80", "connect localhost 80 -s :5000)"),
    ("connect -s 127.0.0.1 -p 5000 localhost 80", "connect localhost 80 -s 127.0.0.1:5000)"),
    // Options of openssl s_client and of curl.
    ("connect h 443 --checkend 2592000", "connect h 443 --expires-within 2592000s)"),
    ("connect h 443 -checkend 0", "connect h 443 --expires-within 0s)"),
    ("connect -U u:p -x http://p:1 h 443", "connect h 443 -x http://p:1; USER:SECRET for a proxy comes from"),
    ("connect h 443 -x http://p:1 -U u:p", "connect h 443 -x http://p:1; USER:SECRET for a proxy comes from"),
    (
        "connect h:443 -U u:p",
        "connect h:443; USER:SECRET for a proxy comes from the variable ASTREAM_PROXY_AUTH)",
    ),
    ("connect h 443 -x http://p:1 --proxy-user u:p", "connect h 443 -x http://p:1; USER:SECRET for a proxy"),
    ("connect h 443 --tls -k", "connect h 443 --tls --insecure; safer is --pin PIN"),
    ("connect -k https://h", "connect h 443 --insecure --tls; safer is --pin PIN"),
    ("connect h 443 -m 3", "connect h 443 --max-time 3)"),
    ("-lk -m 3 80", "listen :80 -k -m 3;"),
    ("connect h 443 --connect-timeout 3", "connect h 443 -w 3;"),
    ("connect h 443 --tls -tls1_2", "connect h 443 --tls --tls-min 1.2 --tls-max 1.2)"),
    ("connect h 443 --tls --tls1_2", "connect h 443 --tls --tls-min 1.2 --tls-max 1.2)"),
    ("connect h 443 -tls1_3", "connect h 443 --tls-min 1.3 --tls-max 1.3 --tls)"),
    ("connect h 443 --tlsv1.2", "connect h 443 --tls-min 1.2 --tls)"),
    ("connect h 443 --tls -tls1_1", "connect h 443 --tls; versions before 1.2 are unsafe, and not spoken)"),
    ("connect -connect h:443", "connect h:443 --tls)"),
    ("-connect h:443 -msg", "connect h:443 --tls --dump -; it shows"),
    (
        "connect 127.0.0.1 443 --tls --resolve h:443:127.0.0.1",
        "connect 127.0.0.1 443 --tls; connect to the address",
    ),
    (
        "connect h 443 --tls --connect-to ::127.0.0.1:",
        "connect h 443 --tls; connect to the address, and give",
    ),
    (
        "connect h 443 --tls -CApath d",
        "connect h 443 --tls; the folder is named by the variable SSL_CERT_DIR)",
    ),
    (
        "connect h 443 --tls -keylogfile f",
        "connect h 443 --tls; the file is named by the variable SSLKEYLOGFILE)",
    ),
    ("connect h 443 --tls -cipher AES", "connect h 443 --tls; ciphers cannot be chosen)"),
    ("connect h 443 --tls --ciphers=AES", "connect h 443 --tls; ciphers cannot be chosen)"),
    ("connect h 443 --tls --CAfile f", "connect h 443 --tls --cacert f)"),
    ("connect h 443 --tls --ca-cert=f", "connect h 443 --tls --cacert f)"),
    ("connect h 443 --showcerts", "connect h 443 --show-certs)"),
    ("connect -z h 80 --max-time 3", "connect h 80 -z -w 3; -w limits a probe)"),
    ("connect -z h 80 -w 1 -m 3", "connect h 80 -z -w 1; -w limits a probe)"),
    ("connect -z h 80 -- echo it's", r"connect h 80 -z && echo 'it'\''s')"),
    ("connect h 443 --ssl-verify", "connect h 443 --tls; certificates are always verified)"),
    (
        "connect -w 3 https://h",
        "connect h 443 -w 3 --tls; -w limits the set-up only; -i limits silence, status 5)",
    ),
    ("-G 3 h 80", "connect h 80 -w 3; -w limits the set-up only"),
    ("-w 3 -i 3 h 80", "connect h 80 -w 3 -i 3)"),
    ("-lnvp 47000 -s 127.0.0.1", "listen 127.0.0.1 47000 -n -v)"),
    ("-z 127.0.0.1 20 22 25", "connect 127.0.0.1 20,22,25 -z)"),
    ("listen 127.0.0.1 47141 /bin/cat", "listen 127.0.0.1 47141 -- /bin/cat)"),
    ("listen 127.0.0.1:47141 /bin/cat -u", "listen 127.0.0.1:47141 -- /bin/cat -u)"),
    ("-l 8080 --chat", "listen :8080 --broker;"),
    ("listen h 80 --allow localhost,10.0.0.0/8", "listen h 80 --allow 127.0.0.1,::1,10.0.0.0/8; no name is"),
    ("listen h 80 --deny localhost", "listen h 80 --deny 127.0.0.1,::1; no name is looked up for --deny)"),
    ("listen h 80 --allowfile /dev/null", "listen h 80 --allow @/dev/null)"),
    ("listen h 80 --denyfile /dev/null", "listen h 80 --deny @/dev/null)"),
    // Options of stunnel, and its file.
    ("listen --accept 443 --connect 8080", "listen :443 --tls --forward localhost:8080; 127.0.0.1:443 is"),
    ("--connect h:80 --accept 127.0.0.1:443 --cert f", "listen 127.0.0.1:443 --tls --cert f --forward h:80)"),
    (
        "connect --client=yes --accept 127.0.0.1:25 --connect h:465 --CAfile f --checkHost n --verifyChain=yes",
        "listen 127.0.0.1:25 --forward-tls --forward-cacert f --forward-servername n --forward h:465; the certificate of the",
    ),
    ("listen :443 --cert f --forward h:80", "listen :443 --cert f --forward h:80 --tls)"),
    ("connect h 25 --protocol smtp", "connect h 25 --starttls smtp)"),
    ("connect h 443 --tls --sslVersion TLSv1.2", "connect h 443 --tls --tls-min TLSv1.2; --tls-max VERSION"),
    ("connect h 443 --tls --sslVersionMin TLSv1.3", "connect h 443 --tls --tls-min TLSv1.3)"),
    ("connect h 443 --tls -max_protocol TLSv1.2", "connect h 443 --tls --tls-max TLSv1.2)"),
    ("connect h 443 --verifyChain", "connect h 443 --tls; certificates are always verified)"),
    ("connect h 443 --verifyPeer yes", "connect h 443 --tls; certificates are always verified)"),
    ("connect h 443 --tls --verify 2", "connect h 443 --tls; certificates are always verified)"),
    ("listen h 443 --tls --verify 2", "listen h 443 --tls --cacert FILE)"),
    ("connect h 443 --tls --checkHost n", "connect h 443 --tls --servername n)"),
    ("listen h 443 --TIMEOUTidle 60", "listen h 443 -i 60)"),
    ("connect h 443 -i 9 --TIMEOUTconnect=60", "connect h 443 -i 9 -w 60)"),
    (
        "stunnel.conf",
        "listen HOST PORT --tls --cert FILE --forward localhost:8080; options are read from the",
    ),
    (
        "listen ./my.conf",
        "listen HOST PORT --tls --cert FILE --forward localhost:8080; options are read from",
    ),
    // tcping, pv and wait-for-it.
    ("tcping h 80", "connect h 80 -z --every 1s)"),
    ("tcping -c 4 -t 2 -i 0.5 h 80", "connect h 80 -z --count 4 --timeout 2 --every 0.5)"),
    ("ping h", "connect HOST PORT -z --every 1s)"),
    ("connect -z -c 3 h 80", "connect h 80 -z --count 3)"),
    ("connect -z -n 3 h 80", "connect h 80 -z --count 3)"),
    ("connect h 80 -z -n 3", "connect h 80 -z --count 3)"),
    ("-z 127.0.0.1 -n 22 80", "connect 127.0.0.1 22,80 -z -n)"),
    ("connect h 80 --count 3", "connect h 80 --count 3 -z)"),
    ("connect -z h 80 --interval 1", "connect h 80 -z --every 1)"),
    ("wait-for-it db:1 -t 30 -- echo up", "connect db:1 -z --retry-for 30 && echo up)"),
    ("db:1 -t 30 -- echo up", "connect db:1 -z --retry-for 30 && echo up)"),
    ("connect db:1 -t 30 -- echo up", "connect db:1 -z --retry-for 30 && echo up)"),
    ("connect db:1 --timeout=30 --strict -- echo up", "connect db:1 -z --retry-for 30 && echo up)"),
    ("connect db:1 -t 30", "connect db:1 --timeout 30; -w limits"),
    ("listen db:1 -t 30 -- echo up", "listen db:1 --timeout 30 -- echo up; -w limits"),
    ("wait-for-it.sh db:1 -s -t 30 -- echo up", "connect db:1 -z --retry-for 30 && echo up)"),
    ("wait-for-it db:1 -q -t 0 -- echo up", "connect db:1 -z --quiet --retry-for 0 && echo up)"),
    ("wait-for-it -h db -p 1 -t 30", "connect db 1 -z --retry-for 30)"),
    ("wait-for-it --host=db --port=1 --timeout=3", "connect db 1 -z --retry-for 3)"),
    ("./wait-for db:1", "connect db:1 -z --retry-for 15s)"),
    ("./wait-for-it.sh db:1", "connect db:1 -z --retry-for 15s)"),
    ("wait-for db:1 -t 30 -- echo up", "connect db:1 -z --retry-for 30 && echo up)"),
    ("wait-for-it.sh db:1", "connect db:1 -z --retry-for 15s)"),
    ("connect -z -w 5 db:1 -- echo up", "connect db:1 -z --retry-for 5 && echo up)"),
    ("connect -z db 1 --wait 5 -- echo up", "connect db 1 -z --retry-for 5 && echo up)"),
    ("connect -z db 1 -t 5 -- echo up", "connect db 1 -z --retry-for 5 && echo up)"),
    ("connect -z -w 5 --retry-for 9 db 1 -- echo up", "connect db 1 -z -w 5 --retry-for 9 && echo up)"),
    ("connect -z db 1 --retry 2 -- echo up", "connect db 1 -z && echo up; --retry-for TIME tries again"),
    ("pv -L 1m", "connect HOST PORT --progress --limit-rate 1m)"),
    ("pv file", "connect HOST PORT --progress)"),
    ("connect h 80 --rate-limit 1m", "connect h 80 --limit-rate 1m)"),
    ("connect h 80 --bwlimit 1m", "connect h 80 --limit-rate 1m; a bare number is bytes a second)"),
    ("connect h 80 --eta", "connect h 80 --progress)"),
    ("connect h 80 -s 1M", "connect h 80 --size 1M --progress)"),
    ("connect h 80 --size 3MB", "connect h 80 --size 3MB --progress)"),
    // Files.
    ("connect h 80 -o f", "connect h 80; what is received goes to stdout"),
    ("connect h 80 --hex-dump f", "connect h 80 --dump f)"),
    ("connect h 80 --hex-dump f --append-output", "connect h 80 --dump f; --dump appends to FILE)"),
    ("connect h 80 --hex-dump f", "connect h 80 --dump f)"),
    ("connect h 80 --hex", "connect h 80 --dump -)"),
    ("connect -x out.hex 127.0.0.1 1", "connect 127.0.0.1 1 --dump out.hex)"),
    ("-x out.hex 127.0.0.1 1", "connect 127.0.0.1 1 --dump out.hex)"),
    // Proxies.
    ("connect -x 127.0.0.1:1080 127.0.0.1 1", "connect 127.0.0.1 1 -x socks5://127.0.0.1:1080)"),
    ("-x proxy:1081 h 80", "connect h 80 -x socks5://proxy:1081)"),
    ("-x [::1]:1080 h 80", "connect h 80 -x 'socks5://[::1]:1080')"),
    ("-X 5 -x p:1 h 80", "connect h 80 -x socks5://p:1)"),
    ("-X 4 -x p h 80", "connect h 80 -x socks4://p)"),
    ("-X connect -x p:3128 h 80", "connect h 80 -x http://p:3128)"),
    ("--proxy p:3128 --proxy-type http h 80", "connect h 80 --proxy http://p:3128)"),
    ("--proxy p:3128 h 80", "connect h 80 --proxy http://p:3128)"),
    (
        "connect h 80 --proxy-type http",
        "connect h 80; a proxy is named with what it speaks: -x http://HOST:PORT)",
    ),
    ("-X 5 h 80", "connect h 80; a proxy is named with what it speaks: -x socks5://HOST:PORT)"),
    // Misspelt.
    ("conect 127.0.0.1 80", "connect 127.0.0.1 80)"),
    ("Connect 127.0.0.1 80", "connect 127.0.0.1 80)"),
    ("lsiten 127.0.0.1 80 --echo", "listen 127.0.0.1 80 --echo)"),
    ("connect h 80 --tsl", "connect h 80 --tls)"),
    ("connect me@127.0.0.1 22", "connect 127.0.0.1 22)"),
    ("connect me@[::1]:22", "connect '[::1]:22')"),
    ("connect 127.0.0.1:80/index.html", "connect 127.0.0.1:80)"),
    ("connect 127.0.0.1/24 80", "connect 127.0.0.1 80)"),
    ("connect h 443 --tls --servername h:443", "connect h 443 --tls --servername h)"),
    // Values.
    ("connect h 5432 --starttls pgsql", "connect h 5432 --starttls postgres)"),
    ("s_client -connect h:5432 -starttls postgresql", "connect h:5432 --tls --starttls postgres)"),
    ("connect h 25 --starttls SMTP", "connect h 25 --starttls smtp)"),
    ("connect h 80 -i 5min", "connect h 80 -i 5m)"),
    ("connect h 443 --expires-within 10days", "connect h 443 --expires-within 10d)"),
    ("connect -z h 80 --every 1.5seconds", "connect h 80 -z --every 1.5s)"),
    (
        "connect h 443 --tls --pin 0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF",
        "connect h 443 --tls -z --show-certs; it prints the pin, a hash of the key; a fingerprint is of the",
    ),
    ("connect h 25 --starttls smtp --ehlo me.test", "connect h 25 --starttls smtp; the name in EHLO"),
    // Letters of nc that mean nothing here.
    ("nc -r h 80", "connect h 80; the system chooses"),
    ("nc -W 1 h 80", "connect h 80; the number of packets"),
    ("nc -I 1024 -O 1024 h 80", "connect h 80; sizes of buffers"),
    ("nc -T lowdelay h 80", "connect h 80; the type of service"),
    ("nc -t h 80", "connect h 80; no telnet negotiation"),
    // Of tcping, pv and stunnel.
    ("tcping -t h 80", "connect h 80 -z --every 1s)"),
    ("pv -p -t -e -r -b h:80", "connect h:80 --progress)"),
    ("connect h:80 -petrab", "connect h:80 --progress)"),
    ("accept=127.0.0.1:443 connect=h:80 cert=f", "listen 127.0.0.1:443 --tls --cert f --forward h:80)"),
    (
        "listen client=yes accept=127.0.0.1:80 connect=h:443 CAfile=f",
        "listen 127.0.0.1:80 --forward-tls --forward-cacert f --forward h:443)",
    ),
    ("stunnel -d 127.0.0.1:443 -r h:80", "listen 127.0.0.1:443 --tls --forward h:80)"),
    ("listen -d 127.0.0.1:80", "listen 127.0.0.1:80 --recv-only)"),
    // Of socat: a second socket of the same kind, and commands with quotes.
    ("TCP:h:80 TCP:h:81", "connect h 80 -- astream connect h 81)"),
    ("TCP-LISTEN:80 TCP-LISTEN:81,bind=127.0.0.1", "listen :80 --once -- astream listen 127.0.0.1 81; 127.0"),
    (
        "SSL:h:443,cafile=f UNIX-LISTEN:/p",
        "listen unix:/p --forward h:443 --forward-tls --forward-cacert f --once)",
    ),
    ("TCP-LISTEN:80,fork EXEC:\"a\"", "listen :80 -- a; 127"),
    ("TCP-LISTEN:80,fork EXEC:echo\t\"a\"", "listen :80 -- echo a; 127"),
    ("TCP-LISTEN:80,pf=ip4 -", "listen :80 -4; 127"),
    ("OPENSSL-LISTEN:443,cert=f,cafile=g,verify=0 -", "listen :443 --tls --cert f; 127"),
    ("-ls -d - TCP:h:80", "connect h 80)"),
    ("-lf log -lpname TCP-LISTEN:80 -", "listen :80; 127"),
    // What another word or another side means is kept.
    ("s_server -accept 80 -4 -cert f", "listen :80 --tls -4 --cert f; 127"),
    ("connect h 443 -CApath /x", "connect h 443 --tls; the folder is named by"),
    ("connect h 443 --ciphers HIGH", "connect h 443 --tls; ciphers cannot be chosen"),
    ("accept=9000", "listen :9000 --tls; 127"),
    ("s_client -connect h:443 -ign_eof", "connect h:443 --tls --no-shutdown)"),
    ("listen h 1 --forward tls://h:2", "listen h 1 --forward-tls --forward h:2)"),
    ("listen 127.0.0.1 9000 localhost 1", "listen 127.0.0.1 9000 --forward localhost:1)"),
    ("-l -s 127.0.0.1 -p 9000 --forward h:1", "listen 127.0.0.1 9000 --forward h:1)"),
    ("-6 -l 9000", "listen :9000 -6; [::1]:9000 is for this machine alone)"),
    ("connect h 443 --tls --servername [::1]:443", "connect h 443 --tls --servername ::1)"),
    ("-zvnw 1 127.0.0.1 1-2", "connect 127.0.0.1 1-2 -z -n -w 1)"),
    ("-t 30 -h h -p 80", "connect h 80 -z --retry-for 30)"),
    ("-b 8192 - TCP:h:80", "connect h 80; sizes of buffers"),
    ("UDP-RECV:53,ip-add-membership=224.0.0.1:eth0 -", "listen 224.0.0.1 53 -u -s %eth0)"),
    ("UDP-RECV:53,ip-add-membership=224.0.0.1:127.0.0.1 -", "listen 224.0.0.1 53 -u; -s %INTERFACE names"),
];

#[test]
fn habits_from_other_programs_are_answered_with_the_right_command() {
    let mut wrong = Vec::new();
    for (typed, expected) in WRITE {
        let said = astream(typed.split(' ')).run().status(2).stdout(b"").says(&[]);
        if !said.stderr.contains(&format!(" (write: astream {expected}")) {
            wrong.push((typed, expected, said.stderr));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_advice_is_given_where_none_is_known() {
    for typed in [
        "frobnicate",
        "s_time -connect h:443",
        "connect localhost 80 --frobnicate",
        "connect gopher://localhost",
        "connect localhost 80 --verify=no",
        "connect localhost 99999",
        "listen",
        // What is wrong is not repeated.
        "connect -x socks5://:1 127.0.0.1 1",
        "connect -x gopher://p:1 127.0.0.1 1",
        "connect -x p:99999 127.0.0.1 1",
        "-x me:secret@p:1 h 80",
        "-X 6 -x p:1 h 80",
        "-X connect -x p h 80",
        "connect h 80 --proxy-type quic",
        "listen h 80 --allowfile missing",
        "connect -u TCP:h:80",
        "-u TCP-LISTEN:47125 TCP:h:80",
        "FILE:/dev/tty,raw,echo=0 TCP:h:80",
        "- PROXY:h:80",
        "listen :80 --forward TCP-LISTEN:h:81",
        // It is no port.
        "-s 1M 127.0.0.1",
        // No host is left.
        "-c 127.0.0.1 47000",
        "-c 127.0.0.1:47000",
        // Restrictions are not dropped, and secrets are not repeated.
        "TCP-LISTEN:80,fork,interface=lo TCP:h:80",
        "TCP-LISTEN:80,fork,tcpwrap=x EXEC:cat",
        "listen 127.0.0.1:80 EXEC:cat,su=me",
        "connect h 80 -x me:secret",
        // The long words of openssl are no letters.
        "connect h 443 --tls -crl_other",
        "connect h 443 --tls -comp",
        "connect h 443 --tls -nothing",
        "s_client -connect h:443 -dtls",
        "s_client -connect h:443 -no-CAfile",
        "s_server -accept 443 -cert f -psk 0011aabb",
        "s_server -accept 443 -cert f -psk=0011aabb",
        "connect h 443 --dtls",
        // One of two names would be lost, and with it a check.
        "s_client -connect h:443 -verify_hostname a -servername b",
        "- OPENSSL:h:443,snihost=b",
        // What stunnel's server does with the protocol and with names.
        "accept=9000 connect=8080 cert=f protocol=smtp",
        "accept=9000 connect=8080 cert=f checkHost=me",
        "accept=9000 connect=8080 cert=f foo=bar",
        "accept=9000 connect=8080 setuid=nobody",
        "client = yes accept = 9000 connect = 8080",
        // Other words of other programs: lines, a pause, a proxy, and a client that does not keep listening.
        "pv -l f",
        "pv -i 1 f",
        "-l --proxy-type http 127.0.0.1 9000",
        "nc -k h 80",
        // It may be for the peer, or for later.
        "h:80 -- echo up",
        "listen :80 --forward udp://h:1",
        "UDP-RECV:53,ip-add-membership=10.1.2.3:lo -",
        "connect h 443 --tls --no-insecure",
        // Nothing similar is meant.
        "connect h 80 --oupput",
        "listen h 80 --chats",
    ] {
        let said = astream(typed.split(' ')).run().status(2).stdout(b"");
        assert!(!said.stderr.contains("write: astream"), "{}", said.description());
        assert!(!said.stderr.contains("similar"), "{}", said.description());
    }
}

#[test]
fn a_command_in_quotes_is_one_for_a_shell() {
    for words in [["listen", "127.0.0.1", "0"], ["connect", "127.0.0.1", "1"]] {
        let said = astream(words.into_iter().chain(["--", "tr a-z A-Z"])).run().status(2);
        let place = words.join(" ");
        said.says(&["no such command", &format!(" (write: astream {place} -- sh -c 'tr a-z A-Z')")]);
    }
    let said = astream(["connect", "h", "80", "-e", "sh -c \"echo hi\""]).run().status(2);
    said.says(&["(write: astream connect h 80 -- sh -c 'echo hi')"]);
    let said = astream(["listen", "127.0.0.1", "0", "--", "no-such-program", "a b"]).run().status(2);
    assert!(!said.stderr.contains("write:"), "{}", said.description());
}

#[test]
fn an_option_of_both_commands_comes_after_them() {
    for typed in ["-ul 47110", "-4l 47110", "-w 3 h 80", "-C h 80", "--send-only h 80", "-C"] {
        let said = astream(typed.split(' ')).run().status(2);
        said.says(&["comes after the command, connect or listen (write: astream "]);
    }
}

#[test]
fn help_says_what_is_elsewhere() {
    let help = |words: &str| String::from_utf8(astream(words.split(' ')).run().status(0).stdout).unwrap();
    assert!(help("--help").contains("the words of nc, socat, stunnel"));
    for option in ["--every", "--count", "--retry-for"] {
        assert!(help("connect -h").contains(option), "{option}");
    }
    for command in ["connect --help", "listen --help"] {
        let help = help(command).split_whitespace().collect::<Vec<_>>().join(" ");
        for text in ["nc's -w also limits silence: that is -i here", "TCPREMOTEIP, TCPREMOTEPORT"] {
            assert!(help.contains(text), "{text}: {help}");
        }
    }
}

#[test]
fn the_hint_is_a_member_in_json() {
    let said = astream(["connect", "https://localhost/", "--json"]).run().status(2);
    let event: serde_json::Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!(event["hint"], "write: astream connect localhost 443 --json --tls");
    let said = astream(["localhost", "443", "--json"]).run().status(2);
    let event: serde_json::Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!(event["hint"], "write: astream connect localhost 443 --json");
}

#[test]
fn help_is_a_word_too() {
    for (words, wanted) in
        [("help", "--help"), ("help connect", "connect --help"), ("help listen", "listen --help")]
    {
        let help = astream(wanted.split(' ')).run().status(0).stdout;
        astream(words.split(' ')).run().status(0).stdout(&help).silent();
    }
    // A host behind -h is another program's, and a script must not take the help for success.
    let said = astream(["connect", "-h", "db", "-p", "1"]).run().status(2).stdout(b"");
    said.says(&["-h is help, and takes no host (write: astream connect db 1)"]);
    astream(["-h127.0.0.1", "80"]).run().status(2).says(&["(write: astream connect 127.0.0.1 80)"]);
    for words in [&["-hdb", "-p5432"][..], &["connect", "-z", "-hdb"], &["listen", "-hlocalhost", "-p9000"]] {
        astream(words).run().status(2).stdout(b"").says(&["-h is help, and takes no host"]);
    }
    astream(["-h", "listen"]).run().status(0).silent();
    astream(["help", "frob"]).run().status(2).says(&["'frob' is not a command"]);
}

#[test]
fn without_a_word_a_short_usage_is_an_error() {
    let said = astream([""; 0]).run().status(2).stdout(b"").stderr;
    assert!(said.starts_with("astream: the command is missing") && said.lines().count() < 6, "{said}");
    for usage in ["astream connect HOST PORT", "astream listen HOST PORT", "astream help"] {
        assert!(said.contains(usage), "{said}");
    }
}

#[test]
fn a_flag_that_is_nearly_right_is_answered_with_the_right_one() {
    for (typed, meant) in [
        ("connect h 1 --timout 3", "--timeout"),
        ("connect h 1 --verbos", "--verbose"),
        ("connect h 1 --insecur", "--insecure"),
        ("connect h 1 -k", "'-k' is an option of astream listen only"),
        ("connect h 1 --max-conns 3", "option of astream listen only"),
        ("listen h 1 -z", "'-z' is an option of astream connect only"),
        ("connect h 443 --tls --ca-cert f", "--cacert"),
        ("listen h 1 --ehco", "--echo"),
        ("listen h 1 --foward h:2", "--forward"),
        ("listen h 1 --max-connections 3", "--max-conns"),
        ("listen h 1 --keepopen", "--keep-open"),
    ] {
        astream(typed.split(' ')).run().status(2).says(&[meant]);
    }
}

#[test]
fn a_wrong_value_is_answered_with_what_is_right() {
    for (typed, expected) in [
        ("connect h 443 --expires-within 2592000", "days or seconds? write 2592000s (that is 30d)"),
        ("connect h 443 --tls --tls-min 1.0", "'1.0': versions before 1.2 are unsafe, and not spoken"),
        (
            "connect h 443 --tls --tls-max TLSv1.1",
            "'TLSv1.1': versions before 1.2 are unsafe, and not spoken",
        ),
        ("connect h 443 --tls --tls-max 1.4", "'1.4': a version of TLS is 1.2 or 1.3"),
        ("connect -z 127.0.0.1:24000 24431", "'127.0.0.1:24000': the port is given twice: here and as 24431"),
        (
            "connect -z h:80 h:81",
            "'h:81': it is a second address; there is one, and -z takes several ports of it",
        ),
        ("connect [::1]:24000 24431", "'[::1]:24000': the port is given twice"),
        ("connect h 443 --expires-within 10x", "m, h, d or w; or a number with %; see"),
        ("listen h 443 --ready-fd port.txt", "'port.txt': a descriptor is a number: --ready-fd 3 3>FILE"),
        ("connect 127.0.0.1:", "'127.0.0.1:': the port is missing"),
        ("connect -z 127.0.0.1:", "'127.0.0.1:': the port is missing"),
        ("connect ", "'': the address is empty (a variable that is not set?)"),
        ("connect -z ", "'': the address is empty"),
        ("listen ", "'': the address is empty"),
        ("connect 127.0.0.1 ", "'127.0.0.1': the port after it is empty (a variable"),
        // The versions are right: the port is what is refused.
        ("connect localhost 99999 --tls --tls-min TLSv1.3 --tls-max tls1.3", "'99999'"),
    ] {
        let said = astream(typed.split(' ')).run().status(2).says(&[expected]);
        assert!(!said.stderr.contains("similar"), "{}", said.description());
    }
}

#[test]
fn a_secret_for_a_proxy_is_not_repeated() {
    for typed in
        ["connect h 443 -U user:hidden", "connect -U user:hidden", "connect h 443 --proxy-user=user:hidden"]
    {
        let said = astream(typed.split(' ')).run().status(2).says(&["ASTREAM_PROXY_AUTH"]);
        assert!(!said.stderr.contains("hidden"), "{}", said.description());
    }
}

#[test]
fn a_certificate_without_its_key_is_answered_with_the_option_for_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cert.pem");
    let cert = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    std::fs::write(&path, cert).unwrap();
    let path = path.to_str().unwrap();
    for command in ["connect", "listen"] {
        let said = astream([command, "127.0.0.1", "0", "--tls", "--cert", path]).run().status(2);
        said.says(&["no private key in PEM form (--key FILE)"]);
    }
}

#[test]
fn short_options_share_one_dash() {
    let listener = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let address = listener.address().to_string();
    let said = astream(["connect", "-zv", &address]).run().status(0);
    assert!(said.stderr.contains("connecting to"), "{}", said.description());
}

#[test]
fn a_word_of_socat_that_looks_like_a_host_is_answered_with_the_address() {
    let said = astream(["listen", "TCP:0", "-n"]).run().status(3);
    said.says(&["'TCP'", "(write: astream listen :0 -n; 127"]);
}
