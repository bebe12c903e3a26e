//! A broker between nc, ncat, socat and Python: each receives what the others say, and not what it says itself.

use crate::listening::peer;
use crate::support::{Program, Running, astream};

/// asyncio's streams as a chat client: stdin's lines to the peer, the peer's to stdout.
pub const CHAT: &str = r"
import asyncio, sys
async def main():
    reader, writer = await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))
    async def say():
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            writer.write(line)
            await writer.drain()
    saying = asyncio.create_task(say())
    while line := await reader.readline():
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
asyncio.run(main())
";

#[test]
fn clients_of_every_kind_chat() {
    let broker = astream(["listen", "127.0.0.1", "0", "--broker", "-v"]).open_stdin().start();
    let port = broker.port();
    let join = |client: Program| {
        let client = client.open_stdin().start();
        broker.stderr_line(": open");
        client
    };
    let mut clients: Vec<Running> = [
        peer("nc.openbsd").args(["127.0.0.1", &port]),
        peer("nc.traditional").args(["127.0.0.1", &port]),
        peer("ncat").args(["127.0.0.1", &port]),
        peer("socat").args(["-", &format!("TCP:127.0.0.1:{port}")]),
        peer("python3").args(["-c", CHAT, &port]),
        astream(["connect", "127.0.0.1", &port]),
    ]
    .into_iter()
    .map(join)
    .collect();
    for speaker in 0..clients.len() {
        let line = format!("{speaker} says hello\n");
        clients[speaker].write_stdin(line.as_bytes());
        for (number, client) in clients.iter().enumerate() {
            if number != speaker {
                client.stdout_line(line.trim_end());
            }
        }
        broker.stdout_line(line.trim_end());
    }
    for (number, client) in clients.iter().enumerate() {
        let got = String::from_utf8(client.stdout_so_far()).unwrap();
        assert!(!got.contains(&format!("{number} says")), "it receives what it says itself: {got}");
    }
}
