//! asyncio's TCP echo server: `cargo run --example echo_server -- 127.0.0.1:8888`.

use astream::{Error, ServerOptions, StreamReader, StreamWriter, start_server};

async fn handle_echo(mut reader: StreamReader, writer: StreamWriter) -> Result<(), Error> {
    let data = reader.read(100).await?;
    println!("Received {:?} from {}", String::from_utf8_lossy(&data), writer.peer_addr());
    writer.write(&data);
    writer.drain().await?;
    writer.close();
    writer.wait_closed().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8888".to_owned());
    let server = start_server(handle_echo, &address.parse()?, &ServerOptions::new()).await?;
    println!("Serving on {}", server.local_addrs()[0]);
    server.serve_forever().await
}
