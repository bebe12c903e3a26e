//! A chat: what one client writes goes to all others, line by line. `cargo run --example chat -- 127.0.0.1:8888`,
//! then `astream connect 127.0.0.1 8888` in several terminals.

use astream::{Error, ServerOptions, StreamReader, StreamWriter, start_server};
use bytes::Bytes;
use tokio::sync::broadcast::{self, Sender, error::RecvError};

/// How many lines a client may be behind before it loses the oldest of them.
const BEHIND: usize = 1024;

async fn talk(
    mut reader: StreamReader,
    writer: StreamWriter,
    lines: Sender<(String, Bytes)>,
) -> Result<(), Error> {
    let (name, mut others) = (reader.peer_addr().to_string(), lines.subscribe());
    loop {
        tokio::select! {
            // Dropped by the other branch, it has lost nothing: every read may be cancelled.
            line = reader.readline() => match line? {
                Some(line) => drop(lines.send((name.clone(), line))),
                None => return writer.wait_closed().await,
            },
            line = others.recv() => match line {
                Ok((from, line)) if from != name => {
                    writer.writelines([from.as_bytes(), b": ", &line]);
                    writer.drain().await?;
                }
                Ok(_) => {}
                Err(RecvError::Lagged(lost)) => writer.write(format!("({lost} lines lost)\n").as_bytes()),
                Err(RecvError::Closed) => return writer.wait_closed().await,
            },
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8888".to_owned());
    let (lines, _) = broadcast::channel(BEHIND);
    let handler = move |reader, writer| talk(reader, writer, lines.clone());
    let server = start_server(handler, &address.parse()?, &ServerOptions::new()).await?;
    println!("Serving on {}", server.local_addrs()[0]);
    server.serve_forever().await
}
