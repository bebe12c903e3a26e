//! The HTTP status of many hosts at once, over TLS:
//! `cargo run --example http_status -- www.example.org www.example.net:8443`.
//!
//! Each request says `Connection: close`, so that the answer ends with the connection.

use std::time::Instant;

use astream::{ConnectOptions, Endpoint, Error, TlsClient, open_connection};
use tokio::task::JoinSet;

async fn status(endpoint: &Endpoint, options: &ConnectOptions) -> Result<String, Error> {
    let (mut reader, writer) = open_connection(endpoint, options).await?;
    let host = endpoint.host().unwrap_or("localhost");
    let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    writer.write(request.as_bytes());
    writer.drain().await?;
    let line = reader.readline().await?.unwrap_or_default();
    writer.close();
    // The status is here: how the connection ends after it does not matter.
    let _ = writer.wait_closed().await;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // The system's certificates are read once for all connections that share these options.
    let options = ConnectOptions::new().tls(TlsClient::new());
    let mut asked = JoinSet::new();
    for host in std::env::args().skip(1) {
        let address = if host.contains(':') { host.clone() } else { format!("{host}:443") };
        let (endpoint, options, start) = (address.parse()?, options.clone(), Instant::now());
        asked.spawn(async move { (host, status(&endpoint, &options).await, start.elapsed()) });
    }
    while let Some(Ok((host, found, time))) = asked.join_next().await {
        match found {
            Ok(line) => println!("{host}: {line} ({time:.0?})"),
            Err(error) => println!("{host}: {error}"),
        }
    }
    Ok(())
}
