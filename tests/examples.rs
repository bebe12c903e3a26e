//! The programs of `examples/`, on this machine alone.

mod streams_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use astream::{
    Endpoint, Error, Identity, Server, ServerOptions, StreamReader, StreamWriter, TlsServer, start_server,
    start_tls,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A program that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An example; `cargo test` builds them all.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path: PathBuf = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    if !path.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--examples"]).status();
        assert!(built.unwrap().success());
    }
    let mut command = Command::new(path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A server, and where it listens by its own word.
fn serve(name: &str, args: &[&str]) -> (Program, String) {
    let mut server = Program(example(name).arg("127.0.0.1:0").args(args).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("Serving on ").unwrap_or_else(|| panic!("{line}"));
    (server, address.to_owned())
}

/// What a client prints; it must end well.
fn run(name: &str, args: &[&str], input: &str, roots: &str) -> String {
    let mut client = example(name).args(args).env("SSL_CERT_FILE", roots).spawn().unwrap();
    client.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let finished = client.wait_with_output().unwrap();
    assert!(finished.status.success(), "{finished:?}");
    String::from_utf8(finished.stdout).unwrap()
}

#[test]
fn the_echo_server_answers_the_echo_client_also_through_the_proxy() {
    let (_server, address) = serve("echo_server", &[]);
    let (_proxy, proxy) = serve("proxy", &[&address]);
    for address in [address, proxy] {
        let printed = run("echo_client", &[&address, "Hello World!"], "", "");
        assert_eq!(printed, "Send: \"Hello World!\"\nReceived: \"Hello World!\"\n");
    }
}

#[test]
fn a_line_of_the_chat_reaches_the_others() {
    let (_server, address) = serve("chat", &[]);
    let mut one = TcpStream::connect(&address).unwrap();
    let mut other = TcpStream::connect(&address).unwrap();
    let expected = format!("{}: hello\n", other.local_addr().unwrap());
    let mut line = vec![0; expected.len()];
    one.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    // The first one may not have come in yet when the line is spread.
    while one.peek(&mut line).is_err() {
        other.write_all(b"hello\n").unwrap();
    }
    one.set_read_timeout(None).unwrap();
    one.read_exact(&mut line).unwrap();
    assert_eq!(String::from_utf8_lossy(&line), expected);
}

#[test]
fn the_graceful_end_is_one_with_no_client_left() {
    let (mut server, address) = serve("graceful_end", &[]);
    drop(TcpStream::connect(&address).unwrap());
    kill_process(Pid::from_child(&server.0), Signal::INT).unwrap();
    assert!(server.0.wait().unwrap().success());
}

/// A certificate for localhost, and the file that makes it trusted.
fn localhost() -> (TlsServer, TempDir, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, made.cert.pem()).unwrap();
    let identity = Identity::from_bytes(made.cert.der(), made.signing_key.serialize_der()).unwrap();
    (TlsServer::new(identity), folder, roots.to_str().unwrap().to_owned())
}

/// `localhost` and the port of a server.
fn named(server: &Server) -> String {
    let Ok(Endpoint::Tcp { port, .. }) = Endpoint::try_from(&server.local_addrs()[0]) else {
        panic!("{server:?}")
    };
    format!("localhost:{port}")
}

async fn run_beside(name: &'static str, args: Vec<String>, input: &'static str, roots: String) -> String {
    let run = move || run(name, &args.iter().map(String::as_str).collect::<Vec<_>>(), input, &roots);
    streams_support::soon("the client", tokio::task::spawn_blocking(run)).await.unwrap()
}

#[tokio::test]
async fn the_status_of_many_hosts_is_asked_over_tls() {
    let (tls, _folder, roots) = localhost();
    let handler = |mut reader: StreamReader, writer: StreamWriter| async move {
        reader.readuntil(b"\r\n\r\n").await?;
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n");
        writer.wait_closed().await
    };
    let endpoint = "localhost:0".parse().unwrap();
    let server = start_server(handler, &endpoint, &ServerOptions::new().tls(tls)).await.unwrap();
    let host = named(&server);
    let printed = run_beside("http_status", vec![host.clone(), host.clone()], "", roots).await;
    assert_eq!(printed.matches(&format!("{host}: HTTP/1.1 204 No Content (")).count(), 2, "{printed}");
}

/// A mail server that wants TLS.
async fn take_mail(mut reader: StreamReader, writer: StreamWriter, tls: TlsServer) -> Result<(), Error> {
    let say = async |writer: &StreamWriter, reply: &str| {
        writer.write(reply.as_bytes());
        writer.drain().await
    };
    say(&writer, "220 mail\r\n").await?;
    reader.readline().await?;
    say(&writer, "250-mail\r\n250 STARTTLS\r\n").await?;
    reader.readline().await?;
    say(&writer, "220 go on\r\n").await?;
    let (mut reader, writer) = start_tls(reader, writer, &tls).await?;
    while let Some(line) = reader.readline().await? {
        match &line[..4] {
            b"DATA" => {
                say(&writer, "354 go on\r\n").await?;
                assert_eq!(reader.readuntil(b"\r\n.\r\n").await?, "Subject: x\r\n\r\n..\r\n.\r\n");
                say(&writer, "250 taken\r\n").await?;
            }
            b"QUIT" => {
                say(&writer, "221 bye\r\n").await?;
                break;
            }
            _ => say(&writer, "250 fine\r\n").await?,
        }
    }
    writer.wait_closed().await
}

#[tokio::test]
async fn a_mail_is_delivered_after_starttls() {
    let (tls, _folder, roots) = localhost();
    let handler = move |reader, writer| take_mail(reader, writer, tls.clone());
    let server = start_server(handler, &"localhost:0".parse().unwrap(), &ServerOptions::new()).await.unwrap();
    let args = [&named(&server), "me@example.org", "you@example.org"].map(ToOwned::to_owned).to_vec();
    let printed = run_beside("smtp", args, "Subject: x\n\n.\n", roots).await;
    assert!(printed.contains("S: 250 taken") && printed.ends_with("S: 221 bye\r\n"), "{printed}");
}
