//! The servers that commands of the documents talk to. Each command prints "listening on" when it is ready.

const TLS: &str = "--tls --cert site.pem";

/// The commands that are the server of this name.
pub fn commands_of(name: &str) -> Vec<String> {
    let listen = |rest: &str| vec![format!("exec astream listen {rest}")];
    match name {
        "echo" => listen(":9000 --echo"),
        "discard" => listen(":9000 --discard"),
        "discard9001" => listen(":9001 --discard"),
        "daytime" => listen(":13 -- date"),
        "http" => listen(":80 -- http"),
        "http8080" => listen("127.0.0.1:8080 -- http"),
        "http8001" => listen("127.0.0.1:8001 -- http"),
        "http8002" => listen("127.0.0.1:8002 -- http"),
        "https" => listen(&format!(":443 {TLS} -- http")),
        "self" => listen(":4433 --tls --echo"),
        "client-ca" => [
            listen(&format!(":4443 {TLS} --cacert ca.pem --echo")),
            listen(&format!(":4444 {TLS} --alpn http/1.1 --echo")),
        ]
        .concat(),
        "smtp" => {
            [listen(&format!("127.0.0.1:10587 {TLS} -- smtp")), listen(":587 -- smtp-starttls")].concat()
        }
        "smtps" => listen(&format!(":465 {TLS} -- smtp 220")),
        "postgres" => [
            listen(&format!("127.0.0.1:15433 {TLS} --echo")),
            listen("db.example.org:5432 -- postgres-starttls"),
        ]
        .concat(),
        "db" => listen("db:5432 --echo"),
        "db2" => listen("db2.example.org:5432 --echo"),
        "dbtls" => listen(&format!("db.example.org:5433 {TLS} --echo")),
        "redis" => listen(":6379 -- redis"),
        "socket" => {
            vec!["mkdir -p ../here/run; exec astream listen unix:../here/run/docker.sock -- http".to_owned()]
        }
        "unix" => [listen("unix:../here/sock --echo"), listen("unix:@name --echo")].concat(),
        "udp" => listen("-u :7 --echo"),
        "udp53" => listen("-u :53 --echo"),
        "udp514" => listen("-u :514 --discard"),
        "syslog" => vec!["exec own-dev".to_owned()],
        "syslog-tls" => listen(&format!(":6514 {TLS} --discard")),
        "socks" => listen("127.0.0.1:9050 -- socks"),
        "connect" => listen("proxy.example.org:3128 -- connect"),
        "sshd" => vec!["exec sshd-for-us".to_owned()],
        _ => panic!("there is no server of the name {name:?}"),
    }
}
