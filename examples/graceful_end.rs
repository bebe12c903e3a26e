//! A server that ends well: Ctrl-C stops the listening, open connections get ten seconds, and those that are
//! still open then are ended. `cargo run --example graceful_end -- 127.0.0.1:8888`

use std::time::Duration;

use astream::{ServerOptions, start_server};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

const GRACE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8888".to_owned());
    // From now on Ctrl-C is noticed.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let server = start_server(
        |mut reader, writer| async move {
            while let Some(line) = reader.readline().await? {
                writer.write(&line);
                writer.drain().await?;
            }
            writer.close();
            writer.wait_closed().await
        },
        &address.parse()?,
        &ServerOptions::new(),
    )
    .await?;
    println!("Serving on {}", server.local_addrs()[0]);
    interrupts.recv().await;
    server.close();
    if timeout(GRACE, server.wait_closed()).await.is_err() {
        println!("Some connections are still open");
    }
    Ok(())
}
