//! Echo of datagrams: `listen -u --echo` beside socat and a bare loop of recvmmsg, in messages a second and in CPU time
//! for each. Linux only; `cargo bench --bench datagrams`, and `-- --rounds N --seconds S` for more.

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("Linux only");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{BufRead, BufReader, IoSlice, IoSliceMut};
    use std::net::{SocketAddr, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use nix::errno::Errno;
    use nix::sys::socket::{
        ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, sendmsg, setsockopt, sockopt,
    };
    use nix::sys::time::TimeVal;

    const SIZES: [usize; 2] = [64, 1400];

    /// How many messages are on the way at once.
    const WINDOW: usize = 64;

    /// How many messages one call moves.
    const BATCH: usize = 32;

    /// After this a message is taken for lost.
    const LOST: Duration = Duration::from_millis(20);

    pub fn main() {
        let words: Vec<_> = std::env::args().collect();
        if words.get(1).is_some_and(|word| word == "bare-loop") {
            return bare_loop();
        }
        let number = |name: &str, default| {
            let value = words.iter().skip_while(|word| *word != name).nth(1);
            value.map_or(default, |value| value.parse().expect("a number"))
        };
        let (rounds, seconds) = (number("--rounds", 5), number("--seconds", 2));
        println!("| server | bytes | messages a second | CPU µs a message | lost |\n|---|---|---|---|---|");
        for size in SIZES {
            let mut servers: Vec<(&str, Start)> = vec![("bare recvmmsg loop", bare), ("astream", astream)];
            if Command::new("socat").arg("-V").stdout(Stdio::null()).status().is_ok() {
                servers.push(("socat", socat));
            }
            let mut all: Vec<_> = servers.iter().map(|_| Vec::new()).collect();
            for _ in 0..rounds {
                for (figures, (_, start)) in all.iter_mut().zip(&servers) {
                    figures.push(start().load(size, Duration::from_secs(seconds)));
                }
            }
            for (figures, (name, _)) in all.iter().zip(&servers) {
                let lost: u64 = figures.iter().map(|figure| figure.lost).sum();
                let rate = median(figures.iter().map(|figure| figure.rate).collect());
                let cpu = median(figures.iter().map(|figure| figure.cpu).collect());
                println!("| {name} | {size} | {rate:.0} | {cpu:.2} | {lost} |");
            }
        }
    }

    fn median(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    type Start = fn() -> Server;

    /// A server that echoes what is sent to its address; ended when dropped.
    struct Server {
        child: Child,
        address: SocketAddr,
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// What a load has found.
    struct Figure {
        rate: f64,
        cpu: f64,
        lost: u64,
    }

    fn astream() -> Server {
        let program = std::env::var("ASTREAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_astream").to_owned());
        let mut command = Command::new(program);
        let child = command.args(["listen", "-u", "127.0.0.1", "0", "--echo"]).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("astream starts");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("it is piped")).read_line(&mut line).expect("it is read");
        let address = line.rsplit(' ').next().and_then(|word| word.trim().parse().ok());
        Server { child, address: address.expect("the ready line has an address") }
    }

    fn bare() -> Server {
        let mut command = Command::new(std::env::current_exe().expect("it has a name"));
        let mut child = command.arg("bare-loop").stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it is read");
        Server { child, address: line.trim().parse().expect("it is an address") }
    }

    fn socat() -> Server {
        let free = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let listen = format!("UDP-LISTEN:{},bind=127.0.0.1", address.port());
        // It connects its socket to the first peer, which is the best case of what it offers.
        let child = Command::new("socat").args([&listen, "PIPE"]).spawn().expect("socat starts");
        std::thread::sleep(Duration::from_millis(300));
        Server { child, address }
    }

    /// Messages come in batches and leave in batches, and nothing else happens.
    fn bare_loop() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("it can be bound");
        println!("{}", socket.local_addr().expect("it is bound"));
        let mut buffers = vec![[0; 2048]; BATCH];
        loop {
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
            let mut slots: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let received: Vec<_> =
                recvmmsg(socket.as_raw_fd(), &mut headers, slots.iter_mut(), MsgFlags::MSG_WAITFORONE, None)
                    .expect("it receives")
                    .map(|message| (message.bytes, message.address))
                    .collect();
            let answers: Vec<_> =
                buffers.iter().zip(&received).map(|(data, (n, _))| [IoSlice::new(&data[..*n])]).collect();
            let peers: Vec<_> = received.iter().map(|(_, peer)| *peer).collect();
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
            let _ = sendmmsg(socket.as_raw_fd(), &mut headers, &answers, peers, [], MsgFlags::empty());
        }
    }

    impl Server {
        /// Keeps a window of messages on the way. Where messages were joined, as a pipe does, their bytes count.
        fn load(&self, size: usize, time: Duration) -> Figure {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("it can be bound");
            socket.connect(self.address).expect("it is on this machine");
            let limit = TimeVal::new(0, i64::try_from(LOST.as_micros()).expect("it is short"));
            setsockopt(&socket, sockopt::ReceiveTimeout, &limit).expect("it takes a limit");
            let (message, mut buffers) = (vec![7; size], vec![[0; 16 * 1024]; BATCH]);
            let (mut bytes, mut on_the_way, mut lost) = (0_usize, 0_usize, 0);
            let (start, cpu) = (Instant::now(), self.cpu());
            while start.elapsed() < time {
                while on_the_way + size <= WINDOW * size {
                    let count = (WINDOW - on_the_way / size).min(BATCH);
                    send(&socket, &message, count);
                    on_the_way += count * size;
                }
                let received = receive(&socket, &mut buffers);
                if received == 0 {
                    lost += (on_the_way / size) as u64;
                    on_the_way = 0;
                }
                bytes += received;
                on_the_way = on_the_way.saturating_sub(received);
            }
            let (elapsed, messages) = (
                start.elapsed().as_secs_f64(),
                f64::from(u32::try_from(bytes / size).expect("it is a short time")),
            );
            Figure { rate: messages / elapsed, cpu: (self.cpu() - cpu) * 1e6 / messages, lost }
        }

        /// How many seconds of CPU time it has taken.
        fn cpu(&self) -> f64 {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
            let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            let ticks = |field: usize| fields[field].parse::<f64>().expect("it is a number");
            // In hundredths of a second, as on every system.
            (ticks(11) + ticks(12)) / 100.0
        }
    }

    /// The same message several times, as one packet that the system takes apart: the load must cost little.
    fn send(socket: &UdpSocket, message: &[u8], count: usize) {
        let data = vec![IoSlice::new(message); count];
        let length = u16::try_from(message.len()).expect("it is short");
        let said = [ControlMessage::UdpGsoSegments(&length)];
        match sendmsg::<()>(socket.as_raw_fd(), &data, &said, MsgFlags::empty(), None) {
            Ok(_) | Err(Errno::ECONNREFUSED) => {}
            Err(error) => panic!("cannot send: {error}"),
        }
    }

    /// How many bytes have come; 0 if none came in time.
    fn receive(socket: &UdpSocket, buffers: &mut [[u8; 16 * 1024]]) -> usize {
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
        let mut slots: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let received =
            recvmmsg(socket.as_raw_fd(), &mut headers, slots.iter_mut(), MsgFlags::MSG_WAITFORONE, None);
        received.map_or(0, |messages| messages.map(|message| message.bytes).sum())
    }
}
