//! Names with several addresses in a network of their own, where some are silent and some refuse: happy eyeballs
//! (RFC 8305).

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::listening::{peer, until};
use crate::names::with_names;
use crate::support::{Finished, Program, Running};

/// How long one address has before the next one is tried beside it.
const DELAY: Duration = Duration::from_millis(250);

/// A link whose other end takes nothing: without ARP its packets are addressed to a machine that is not there. It has
/// no route to anywhere else.
const SET_UP: &str = "
    ip link add silent type veth peer name far
    ip link set far up
    ip link set silent up arp off
    ip address add 10.9.9.1/24 dev silent
    ip address add 2001:db8::1/64 dev silent nodad
    ip link set lo up
    echo ready
    exec cat";

/// A network in which nothing answers but this machine itself.
struct Network {
    keeper: Running,
    folder: TempDir,
}

impl Network {
    fn new() -> Self {
        // Only asked whether it is there.
        drop(peer("ip"));
        let keeper = peer("unshare").args(["-rn", "sh", "-ec", SET_UP]);
        let keeper = keeper.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").open_stdin().start();
        keeper.stdout_line("ready");
        Self { keeper, folder: tempfile::tempdir().unwrap() }
    }

    /// A program in this network.
    fn run(&self, program: &str) -> Program {
        let keeper = self.keeper.pid().as_raw_nonzero().to_string();
        peer("nsenter").args(["--preserve-credentials", "-U", "-n", "-t", &keeper, program])
    }

    fn astream(&self, args: &[&str]) -> Program {
        self.run(env!("CARGO_BIN_EXE_astream")).args(args)
    }

    /// A server at 127.0.0.1 and its port, at which every other address of this machine refuses.
    fn server(&self) -> (Running, String) {
        let server = self.astream(&["listen", "127.0.0.1", "0", "--echo"]).start();
        let port = server.port();
        (server, port)
    }

    /// A connection to a name with these addresses.
    fn connect(&self, addresses: &[&str], port: &str) -> Program {
        let hosts = self.folder.path().join("hosts");
        let lines: Vec<_> = addresses.iter().map(|address| format!("{address} name.test\n")).collect();
        fs::write(&hosts, lines.concat()).unwrap();
        with_names(self.astream(&["connect", "-v", "name.test", port]), &hosts)
    }
}

/// `[::1]:80` and `127.0.0.1:80`.
fn at(address: &str, port: &str) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// The addresses that were tried, in their order.
fn tried(said: &Finished) -> Vec<&str> {
    said.stderr.lines().filter_map(|line| line.strip_prefix("astream: connecting to ")).collect()
}

/// How much longer a connection to all of these addresses takes than one to the last of them. The machine may be busy
/// with other things: the quickest of some runs is the program's own time.
fn extra_time(network: &Network, addresses: &[&str], port: &str) -> Duration {
    let timed = |addresses: &[&str]| {
        let program = network.connect(addresses, port);
        let start = Instant::now();
        let said = program.run().status(0);
        assert_eq!(tried(&said), addresses.iter().map(|one| at(one, port)).collect::<Vec<_>>());
        start.elapsed()
    };
    let quickest = |addresses: &[&str]| (0..5).map(|_| timed(addresses)).min().unwrap();
    quickest(addresses).saturating_sub(quickest(&addresses[addresses.len() - 1..]))
}

#[test]
fn a_dead_first_address_costs_a_quarter_of_a_second() {
    let network = Network::new();
    let (_server, port) = network.server();
    let extra = extra_time(&network, &["2001:db8::2", "127.0.0.1"], &port);
    assert!(extra >= DELAY / 2 && extra < 2 * DELAY, "{extra:?} more than without it");
}

#[test]
fn of_ten_addresses_the_last_one_is_reached_with_the_families_in_turn() {
    let network = Network::new();
    let (_server, port) = network.server();
    let v6 = ["2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5", "2001:db8::6"];
    let v4 = ["10.9.9.2", "10.9.9.3", "10.9.9.4", "10.9.9.5", "127.0.0.1"];
    let said = network.connect(&[v6, v4].concat(), &port).run().status(0);
    let in_turn: Vec<_> = v6.iter().zip(v4).flat_map(|(v6, v4)| [at(v6, &port), at(v4, &port)]).collect();
    assert_eq!(tried(&said), in_turn, "{}", said.description());
    let reached = format!("connected to 127.0.0.1:{port}");
    assert!(said.stderr.contains(&reached), "{}", said.description());
}

/// Addresses that fail at once: some refuse, and to some there is no route.
const FAILING: [&str; 6] = ["::1", "127.0.0.2", "2001:db9::1", "192.0.2.1", "2001:db8::1", "10.9.9.1"];

#[test]
fn an_address_that_fails_is_followed_by_the_next_at_once() {
    let network = Network::new();
    let (_server, port) = network.server();
    let extra = extra_time(&network, &[&FAILING[..], &["127.0.0.1"]].concat(), &port);
    assert!(extra < DELAY, "{extra:?} more than without them");
}

#[test]
fn where_all_addresses_fail_one_error_names_each_at_once() {
    let network = Network::new();
    let start = Instant::now();
    let said = network.connect(&FAILING, "9").run().status(4);
    let enough = DELAY * u32::try_from(FAILING.len() - 1).unwrap();
    assert!(start.elapsed() < enough, "{:?}", start.elapsed());
    let errors: Vec<_> = said.stderr.lines().filter(|line| !line.contains("connecting to")).collect();
    let error = errors[0].strip_prefix("astream: cannot connect to name.test:9: ").unwrap();
    // In the order in which they failed, those with one reason together.
    let mut named: Vec<_> = error
        .split("; ")
        .filter_map(|group| group.rsplit_once(": "))
        .flat_map(|(group, reason)| group.split(" and ").map(move |address| (address.to_owned(), reason)))
        .collect();
    let mut expected: Vec<_> = FAILING.iter().map(|address| (at(address, "9"), reason(address))).collect();
    named.sort();
    expected.sort();
    assert_eq!((errors.len(), named), (1, expected), "{}", said.description());
}

fn reason(address: &str) -> &'static str {
    match address {
        "2001:db9::1" | "192.0.2.1" => "network is unreachable",
        _ => "connection refused",
    }
}

#[test]
fn silent_addresses_alone_are_a_timeout_that_names_its_step() {
    let network = Network::new();
    let addresses = ["2001:db8::2", "10.9.9.2", "2001:db8::3"];
    let said = network.connect(&addresses, "9").args(["-w", "2"]).run().status(5);
    let all = addresses.map(|address| at(address, "9"));
    assert_eq!(tried(&said)[..3], all, "{}", said.description());
    let expected = format!("connecting to name.test:9 ({}): timed out after 2 s", all.join(", "));
    assert!(said.stderr.lines().last().unwrap().contains(&expected), "{}", said.description());
}

#[test]
fn datagrams_from_one_port_go_on_to_the_other_family_too() {
    let network = Network::new();
    let server = network.astream(&["listen", "-u", "127.0.0.1", "0", "--echo"]).start();
    let client = network.connect(&["::1", "127.0.0.1"], &server.port()).args(["-u", "-s", ":5000"]);
    let said = client.input("x").run().status(0).stdout(b"x");
    assert!(said.stderr.contains("to 127.0.0.1:"), "{}", said.description());
}

#[test]
fn a_refusal_that_takes_its_time_reaches_who_only_sends() {
    let network = Network::new();
    let server = network.astream(&["listen", "-u", "127.0.0.1", "0"]).start();
    let port = server.port();
    // The message goes at once; what answers it has to wait for 14 ms.
    let slow = "qdisc add dev lo root tbf rate 40kbit burst 300 latency 10s";
    network.run("tc").env("PATH", "/usr/sbin:/usr/bin").args(slow.split(' ')).run().status(0);
    let message = [b'x'; 100];
    let client = network.connect(&["::1", "127.0.0.1"], &port).args(["-u", "--send-only"]);
    client.input(message).run().status(0);
    server.until_stdout(&message);
}

#[test]
fn the_attempts_that_lose_are_closed_while_the_connection_is_open() {
    let network = Network::new();
    let (_server, port) = network.server();
    let silent = ["2001:db8::2", "10.9.9.2", "2001:db8::3"];
    // The system tries them for two minutes.
    let searching = network.connect(&silent, &port).start();
    until("every address is tried", || unanswered(&searching) == silent.len());
    drop(searching);
    let connected = |addresses: &[&str]| {
        let client = network.connect(addresses, &port).open_stdin().start();
        client.stderr_line(&format!("connected to 127.0.0.1:{port}"));
        client
    };
    let direct = connected(&["127.0.0.1"]);
    let mut client = connected(&[&silent[..], &["127.0.0.1"]].concat());
    until("the losers are closed", || {
        unanswered(&client) == 0 && descriptors(&client) == descriptors(&direct)
    });
    client.write_stdin(b"still open");
    client.until_stdout(b"still open");
}

/// How many connections in the network of a program wait for the first answer (`SYN_SENT`).
fn unanswered(program: &Running) -> usize {
    let lists = ["tcp", "tcp6"]
        .map(|name| fs::read_to_string(format!("/proc/{}/net/{name}", program.pid().as_raw_nonzero())));
    let lines = lists.iter().flat_map(|list| list.as_ref().unwrap().lines().skip(1));
    lines.filter(|line| line.split_whitespace().nth(3) == Some("02")).count()
}

fn descriptors(program: &Running) -> usize {
    fs::read_dir(format!("/proc/{}/fd", program.pid().as_raw_nonzero())).unwrap().count()
}
