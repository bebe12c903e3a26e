//! SMTP by hand: a mail is given to a server after STARTTLS. Each of its replies may have several lines.
//! `cargo run --example smtp -- mail.example.org:587 me@example.org you@example.org < mail`

use std::io::Read;

use astream::{ConnectOptions, Error, StartTls, StreamReader, StreamWriter, open_connection};

/// A server's reply: `250-first line`, `250 last line`. Fails if it does not begin with `expected`.
async fn reply(reader: &mut StreamReader, expected: char) -> Result<(), Box<dyn std::error::Error>> {
    while let Some(line) = reader.readline().await? {
        let line = String::from_utf8_lossy(&line);
        print!("S: {line}");
        if line.as_bytes().get(3) != Some(&b'-') {
            return if line.starts_with(expected) { Ok(()) } else { Err(line.trim_end().into()) };
        }
    }
    Err("the server ended the connection".into())
}

async fn command(writer: &StreamWriter, line: &str) -> Result<(), Error> {
    println!("C: {line}");
    writer.writelines([line.as_bytes(), b"\r\n"]);
    writer.drain().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [server, from, to] = &args[..] else { return Err("give SERVER:PORT FROM TO".into()) };
    let mut mail = String::new();
    std::io::stdin().read_to_string(&mut mail)?;
    let options = ConnectOptions::new().starttls(StartTls::Smtp);
    let (mut reader, writer) = open_connection(&server.parse()?, &options).await?;
    for line in ["EHLO localhost", &format!("MAIL FROM:<{from}>"), &format!("RCPT TO:<{to}>")] {
        command(&writer, line).await?;
        reply(&mut reader, '2').await?;
    }
    command(&writer, "DATA").await?;
    reply(&mut reader, '3').await?;
    for line in mail.lines() {
        // A line of one dot would end the mail (RFC 5321, 4.5.2).
        let stuffing: &[u8] = if line.starts_with('.') { b"." } else { b"" };
        writer.writelines([stuffing, line.as_bytes(), b"\r\n"]);
    }
    command(&writer, ".").await?;
    reply(&mut reader, '2').await?;
    command(&writer, "QUIT").await?;
    reply(&mut reader, '2').await?;
    writer.wait_closed().await?;
    Ok(())
}
