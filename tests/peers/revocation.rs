//! Certificates and revocation lists that OpenSSL makes, beside what OpenSSL and curl make of them.

use std::path::{Path, PathBuf};

use crate::listening::peer;
use crate::support::certs::arg;
use crate::support::{Finished, Program, Running, astream, tool};

/// A folder with what OpenSSL needs to be an authority.
struct Office(tempfile::TempDir);

const CONFIG: &str = "[ca]\ndefault_ca = d\n[d]\ndatabase = index\ndefault_md = sha256\ndefault_crl_days = 9\n\
    [users]\nissuingDistributionPoint = critical, @point\n[point]\nonlyuser = TRUE\n\
    [key]\nauthorityKeyIdentifier = keyid\n";

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

impl Office {
    fn new() -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        office.write("config", CONFIG);
        office.write("index", "");
        office
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.file(name), text).unwrap();
        self.file(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    fn openssl(&self, args: &[&str]) {
        peer("openssl").dir(self.path()).args(args).run().status(0);
    }

    /// NAME.pem and NAME.key of an authority.
    fn authority(&self, name: &str, subject: &str) {
        let usage = "keyUsage = critical, keyCertSign, cRLSign";
        let files = ["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")];
        let subject = ["-subj", subject, "-addext", usage, "-days", "9"];
        self.openssl(&[&["req", "-x509"], &NEW_KEY[..], &files, &subject].concat());
    }

    /// The same of a server at localhost.
    fn server(&self, name: &str, authority: &str, serial: &str) {
        let request = ["-keyout", &format!("{name}.key"), "-out", "request", "-subj", "/CN=localhost"];
        self.openssl(&[&["req"], &NEW_KEY[..], &request].concat());
        self.write("names", "subjectAltName = DNS:localhost\n");
        let (ca, key) = (format!("{authority}.pem"), format!("{authority}.key"));
        let sign = ["x509", "-req", "-in", "request", "-CA", &ca, "-CAkey", &key, "-set_serial", serial];
        let out = ["-days", "9", "-extfile", "names", "-out", &format!("{name}.pem")];
        self.openssl(&[&sign[..], &out].concat());
    }

    fn as_authority(&self, authority: &str, what: &[&str]) {
        let (ca, key) = (format!("{authority}.pem"), format!("{authority}.key"));
        self.openssl(&[&["ca", "-config", "config", "-cert", &ca, "-keyfile", &key], what].concat());
    }

    fn list(&self, authority: &str, name: &str, options: &[&str]) {
        self.as_authority(authority, &[&["-gencrl", "-out", name], options].concat());
    }

    fn listen(&self, name: &str) -> Program {
        let (cert, key) = (self.file(&format!("{name}.pem")), self.file(&format!("{name}.key")));
        astream(["listen", "127.0.0.1", "0", "--tls", "--cert", arg(&cert), "--key", arg(&key)])
    }

    /// A server that serves one client after the other.
    fn serve(&self, name: &str) -> (Running, String) {
        let server = self.listen(name).args(["-k", "--echo"]).start();
        let port = server.port();
        (server, port)
    }

    fn connect(&self, port: &str, ca: &str, lists: &[&str]) -> Finished {
        let lists: Vec<_> = lists.iter().map(|list| self.file(list)).collect();
        let lists = lists.iter().flat_map(|list| ["--crl", arg(list)]);
        let ca = self.file(ca);
        let client = ["connect", "localhost", port, "-4", "--tls", "--cacert", arg(&ca)];
        astream(client).args(lists).input("hello").run()
    }

    /// What OpenSSL makes of the same with one list.
    fn openssl_accepts(&self, port: &str, ca: &str, list: &str) -> bool {
        let at = format!("localhost:{port}");
        let client = ["s_client", "-4", "-connect", &at, "-CAfile", ca, "-CRL", list, "-crl_check"];
        let client = peer("openssl").dir(self.path()).args(client).args([
            "-verify_return_error",
            "-quiet",
            "-no_ign_eof",
        ]);
        client.run().code() == 0
    }
}

#[test]
fn lists_that_openssl_makes_and_reads_are_read() {
    let office = Office::new();
    office.authority("ca", "/CN=the authority");
    office.server("good", "ca", "7");
    office.server("bad", "ca", "8");
    office.as_authority("ca", &["-revoke", "bad.pem"]);
    office.list("ca", "first.crl", &[]);
    office.write("number", "01\n");
    office.write("config", &CONFIG.replace("[d]", "[d]\ncrlnumber = number"));
    office.list("ca", "numbered.crl", &[]);
    office.write("config", CONFIG);
    office.list("ca", "users.crl", &["-crlexts", "users"]);
    office.write("index", "");
    office.as_authority("ca", &["-revoke", "bad.pem", "-crl_reason", "keyCompromise"]);
    office.list("ca", "second.crl", &[]);
    let (_good, good) = office.serve("good");
    let (_bad, bad) = office.serve("bad");
    for list in ["first.crl", "second.crl", "numbered.crl", "users.crl"] {
        println!("{list}");
        office.connect(&good, "ca.pem", &[list]).status(0).stdout(b"hello").silent();
        assert!(office.openssl_accepts(&good, "ca.pem", list));
        office.connect(&bad, "ca.pem", &[list]).status(6).says(&["the certificate is revoked"]);
        assert!(!office.openssl_accepts(&bad, "ca.pem", list));
    }
}

#[test]
fn after_a_new_key_of_the_authority_the_order_of_the_lists_means_nothing() {
    let office = Office::new();
    office.authority("old", "/CN=the authority");
    office.authority("new", "/CN=the authority");
    office.write("both.pem", &(office.read("old.pem") + &office.read("new.pem")));
    office.server("server", "new", "7");
    for authority in ["old", "new"] {
        office.list(authority, &format!("{authority}.crl"), &["-crlexts", "key"]);
    }
    let past = ["-crlexts", "key", "-crl_lastupdate", "200101000000Z", "-crl_nextupdate", "200201000000Z"];
    office.list("new", "stale.crl", &past);
    let (_server, port) = office.serve("server");
    for (lists, status) in [
        (&["new.crl", "old.crl"][..], 0),
        (&["old.crl", "new.crl"], 0),
        (&["new.crl", "stale.crl"], 0),
        (&["stale.crl", "new.crl"], 0),
        (&["old.crl"], 6),
        (&["stale.crl"], 6),
    ] {
        println!("{lists:?}");
        office.connect(&port, "both.pem", lists).status(status);
        let lists: String = lists.iter().map(|list| office.read(list)).collect();
        let (ca, list) = (office.file("both.pem"), office.write("together.crl", &lists));
        let page = office.listen("server").input("HTTP/1.0 200 OK\r\n\r\npage").start();
        let url = format!("https://localhost:{}/", page.port());
        let theirs =
            peer("curl").args(["-sS", "-4", "--cacert", arg(&ca), "--crlfile", arg(&list), &url]).run();
        assert_eq!(theirs.code() == 0, status == 0, "{}", theirs.description());
    }
}

#[test]
fn a_trusted_certificate_of_openssl_counts_for_what_it_is_trusted_for() {
    let office = Office::new();
    office.authority("ca", "/CN=the authority");
    office.server("server", "ca", "7");
    let (_server, port) = office.serve("server");
    for (settings, is_trusted) in [
        (&["-addtrust", "serverAuth"][..], true),
        (&["-addtrust", "anyExtendedKeyUsage"], true),
        (&["-addtrust", "clientAuth"], false),
        (&["-addreject", "serverAuth"], false),
        (&["-addreject", "emailProtection"], true),
        (&["-setalias", "ours"], true),
    ] {
        println!("{settings:?}");
        office.openssl(&[&["x509", "-in", "ca.pem", "-trustout", "-out", "trusted.pem"], settings].concat());
        let client = office.connect(&port, "trusted.pem", &[]);
        if is_trusted {
            client.status(0)
        } else {
            client.status(2).says(&["trusted.pem: line 1", "for servers"])
        };
        let at = format!("localhost:{port}");
        let theirs = [
            "s_client",
            "-4",
            "-connect",
            &at,
            "-CAfile",
            "trusted.pem",
            "-verify_return_error",
            "-quiet",
            "-no_ign_eof",
        ];
        let theirs = peer("openssl").dir(office.path()).args(theirs).run();
        assert_eq!(theirs.code() == 0, is_trusted, "{}", theirs.description());
    }
}

#[test]
fn the_command_that_a_message_names_makes_a_usable_file() {
    let office = Office::new();
    office.authority("ca", "/CN=the authority");
    office.server("server", "ca", "7");
    office.list("ca", "list.crl", &[]);
    let from = |name: &'static str| ["-in", name, "-out"];
    office.openssl(&[&["x509", "-outform", "DER"], &from("ca.pem")[..], &["ca.der"]].concat());
    office.openssl(&[&["crl", "-outform", "DER"], &from("list.crl")[..], &["list.der"]].concat());
    office.openssl(&[&["pkey", "-outform", "DER"], &from("server.key")[..], &["key.der"]].concat());
    office.openssl(&["crl2pkcs7", "-nocrl", "-certfile", "ca.pem", "-outform", "DER", "-out", "ca.p7b"]);
    office.openssl(&["crl2pkcs7", "-nocrl", "-certfile", "ca.pem", "-out", "ca.p7"]);
    let store = ["-inkey", "server.key", "-in", "server.pem", "-passout", "pass:", "-out", "server.p12"];
    office.openssl(&[&["pkcs12", "-export"], &store[..]].concat());
    std::fs::write(
        office.file("ca.utf16"),
        office.read("ca.pem").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    )
    .unwrap();
    for (option, name) in [
        ("--cacert", "ca.der"),
        ("--crl", "list.der"),
        ("--key", "key.der"),
        ("--cacert", "ca.p7b"),
        ("--cacert", "ca.p7"),
        ("--cacert", "ca.utf16"),
        ("--cert", "server.p12"),
    ] {
        let with = |name: &str| {
            let good = [
                ("--cacert", "ca.pem"),
                ("--crl", "list.crl"),
                ("--cert", "server.pem"),
                ("--key", "server.key"),
            ];
            // A store has the key as well.
            let good = good.into_iter().filter(|(other, _)| option != "--cert" || *other != "--key");
            let chosen = good.flat_map(|(other, good)| [other, if other == option { name } else { good }]);
            let chosen: Vec<String> = chosen.map(str::to_owned).collect();
            astream(["listen", "127.0.0.1", "0", "--tls"]).dir(office.path()).args(chosen)
        };
        let client = with(name).run().status(2);
        let command = client
            .stderr
            .find(" openssl ")
            .or_else(|| client.stderr.find(" iconv "))
            .map(|at| &client.stderr[at..]);
        let command = command.unwrap_or_else(|| panic!("no command: {}", client.description()));
        let command = command.trim().replace("pkcs12", "pkcs12 -passin pass:");
        tool("sh").dir(office.path()).args(["-c", &command]).run().status(0);
        with(&format!("{name}.pem")).start().port();
    }
}
