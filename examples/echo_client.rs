//! asyncio's TCP echo client: `cargo run --example echo_client -- 127.0.0.1:8888 'Hello World!'`.

use astream::{ConnectOptions, Error, open_connection};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8888".to_owned());
    let message = args.next().unwrap_or_else(|| "Hello World!".to_owned());
    let (mut reader, writer) = open_connection(&address.parse()?, &ConnectOptions::new()).await?;
    println!("Send: {message:?}");
    writer.write(message.as_bytes());
    writer.drain().await?;
    let data = reader.read(100).await?;
    println!("Received: {:?}", String::from_utf8_lossy(&data));
    writer.close();
    writer.wait_closed().await
}
