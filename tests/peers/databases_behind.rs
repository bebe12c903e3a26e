//! Databases behind `--forward`, with many clients at once: no error on any side.

use crate::databases::{postgres, postgresql, redis};
use crate::listening::peer;
use crate::site::site;
use crate::support::{Running, astream};

/// A relay that reports errors only.
fn relay(port: &str) -> Running {
    astream(["listen", "127.0.0.1", "0", "--forward", &format!("127.0.0.1:{port}")]).start()
}

/// Its ready line is all that it had to report.
#[track_caller]
fn reported_nothing(relay: Running) {
    let relay = relay.stop();
    assert_eq!(relay.stderr.lines().count(), 1, "{}", relay.description());
}

#[test]
fn psql_and_pgbench_work_with_postgresql_through_a_relay() {
    let site = site();
    let (_server, port) = postgres(&site, "off");
    let relay = relay(&port);
    let port = relay.port();
    let at_relay = |program| postgresql(program).args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
    let numbers =
        at_relay("psql").args(["-AtXc", "select generate_series(1, 200000)"]).run().status(0).silent();
    let lines = (1..=200_000).map(|number| format!("{number}\n"));
    let wanted = lines.collect::<Vec<_>>().concat();
    numbers.stdout(wanted.as_bytes());

    at_relay("pgbench").args(["-i", "-q"]).run().status(0);
    let bench = at_relay("pgbench").args(["-c", "10", "-t", "50"]).run().status(0);
    let said = String::from_utf8_lossy(&bench.stdout);
    assert!(said.contains("transactions actually processed: 500/500"), "{}", bench.description());
    assert!(said.contains("failed transactions: 0 "), "{}", bench.description());
    reported_nothing(relay);
}

#[test]
fn redis_benchmark_works_with_redis_through_a_relay() {
    let site = site();
    let (_server, port) = redis(&site);
    let relay = relay(&port);
    let port = relay.port();
    let at_relay = |program| peer(program).args(["-h", "127.0.0.1", "-p", &port]);
    for pipelined in ["1", "16"] {
        let bench =
            at_relay("redis-benchmark").args(["-c", "50", "-n", "4800", "-d", "1000", "-P", pipelined]);
        let bench = bench.args(["-t", "set,incr,lrange_100", "--csv"]).run().status(0).silent();
        let said = String::from_utf8_lossy(&bench.stdout);
        for test in ["\"SET\",", "\"INCR\",", "\"LRANGE_100 (first 100 elements)\","] {
            assert!(said.contains(test), "{}", bench.description());
        }
    }
    at_relay("redis-cli").args(["get", "counter:__rand_int__"]).run().status(0).stdout(b"9600\n");
    reported_nothing(relay);
}
