//! A relay to one address: `cargo run --example proxy -- 127.0.0.1:8888 127.0.0.1:80`.
//!
//! [`Forward`] does all of it: the end of one side is passed on and the other direction goes on, and a side
//! that fails is never passed on as an end.

use std::sync::Arc;

use astream::handlers::{Forward, Handler};
use astream::{ConnectOptions, Error, ServerOptions, StreamWriter, start_server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let mut next = |default: &str| args.next().unwrap_or_else(|| default.to_owned()).parse();
    let (listen, target) = (next("127.0.0.1:8888")?, next("127.0.0.1:80")?);
    let forward = Arc::new(Forward::new(target, ConnectOptions::new())?);
    let handler = move |reader, writer: StreamWriter| {
        let forward = Arc::clone(&forward);
        async move {
            let (peer, traffic) = (writer.peer_addr().clone(), writer.traffic());
            let outcome = forward.handle(reader, writer).await;
            println!("{peer}: {}", traffic.totals());
            outcome.result
        }
    };
    let server = start_server(handler, &listen, &ServerOptions::new()).await?;
    println!("Serving on {}", server.local_addrs()[0]);
    server.serve_forever().await
}
