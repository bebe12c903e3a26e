//! Bad input: one line that names the thing and what to do, the right status, no panic.

mod support;

use support::{astream, tool};

#[test]
fn invalid_usage_is_status_2_and_named() {
    for (args, expected) in [
        (&["connect", "localhost", "99999"][..], &["99999", "0 to 65535"][..]),
        (&["connect", "localhost:http:1"], &["localhost:http:1", "[V6]:PORT"]),
        (&["connect", "localhost", "no-such-service"], &["no-such-service", "service"]),
        (&["connect", "localhost"], &["localhost", "port is missing", "HOST PORT"]),
        (&["connect", "", "1"], &["host is empty"]),
        (&["connect", "127.0.0.1", "0"], &["port 0"]),
        (&["connect", "*", "1"], &["'*'", "listen"]),
        (&["connect", "unix:"], &["unix:PATH"]),
        (&["connect"], &["HOST", "--help"]),
        (&["converse"], &["converse", "--help"]),
        (&["connect", "h", "1", "--inscure"], &["--inscure", "--insecure"]),
        (&["connect", "h", "1", "-4", "-6"], &["--ipv4", "--ipv6"]),
        (&["connect", "h", "1", "--send-only", "--recv-only"], &["--send-only", "--recv-only"]),
        (&["connect", "h", "1", "--insecure"], &["--tls"]),
        (&["connect", "h", "1", "--tls", "--insecure", "--cacert", "x"], &["--insecure", "--cacert"]),
        (&["connect", "h", "1", "--tls", "--pin", "md5//x"], &["md5//x", "sha256//"]),
        (&["connect", "127.1", "1"], &["'127.1'", "write 127.0.0.1 if that is meant"]),
        (&["connect", "0x7f000001:1", "-z"], &["'0x7f000001'", "write 127.0.0.1 if that is meant"]),
        (&["listen", "0127.0.0.1", "0"], &["'0127.0.0.1'", "write 87.0.0.1 if that is meant"]),
        (&["listen", "127.0.0.1", "0", "--forward", "2130706433:1"], &["write 127.0.0.1 if that is meant"]),
        (&["listen", "", "1"], &["host is empty"]),
        (&["connect", "h", "1", "--tls", "--key", "x"], &["--cert"]),
        (&["connect", "h", "1", "--starttls", "gopher"], &["gopher", "--starttls", "smtp", "sieve"]),
        (&["connect", "h", "1", "-w", "soon"], &["soon", "ms, s, m, h, d or w"]),
        (&["connect", "h", "1", "-i", "-1"], &["-1"]),
        (&["connect", "h", "1", "--retry-for", "soon"], &["--retry-for", "'soon'", "ms, s, m, h, d or w"]),
        (&["listen", "127.0.0.1", "0", "--retry-for", "1s"], &["--forward"]),
        (&["connect", "h", "25-20", "-z"], &["25-20", "lower", "higher"]),
        (&["connect", "h:1,2-70000", "-z"], &["2-70000", "0 to 65535"]),
        (&["connect", "h", "1,,2", "-z"], &["'1,,2'", "gap"]),
        (&["connect", "-z", "h", "9080,"], &["'9080,': the list of ports ends with a comma"]),
        (&["connect", "127.0.0.1", "0-2", "-z"], &["127.0.0.1:0", "port 0"]),
        (&["connect", "h", "20-25"], &["20-25", "not a port"]),
        (&["connect", "h", "1", "-z", "--send-only"], &["--probe", "--send-only"]),
        (&["connect", "h", "1", "-z", "-C"], &["--probe", "--crlf"]),
        (&["connect", "h", "1", "--expires-within", "30"], &["--expires-within", "write 30d"]),
        (&["connect", "h", "1", "-s", "localhost"], &["--source", "'localhost'", "%INTERFACE"]),
        (&["connect", "h", "1", "-s", "10.0.0.1:70000"], &["--source", "70000", "0 to 65535"]),
        (&["listen", "127.0.0.1", "0", "-s", "127.0.0.1"], &["--forward"]),
        (&["connect", "h", "1", "--every", "1s"], &["--probe"]),
        (&["connect", "h", "1", "-z", "--every", "0"], &["--every", "1ms or more"]),
        (&["connect", "h", "1", "-z", "--every", "often"], &["--every", "ms, s, m, h, d or w"]),
        (&["connect", "h", "1", "-z", "--count", "0"], &["--count", "0 is not in 1.."]),
        (&["connect", "h", "1", "-z", "--count", "2", "--retry-for", "1s"], &["--count", "--retry-for"]),
        (&["connect", "h", "1", "--show-certs", "--every", "1s"], &["--every", "--show-certs"]),
        (&["connect", "h", "1", "--pq"], &["--tls"]),
        (&["connect", "127.0.0.1", "1", "--tls", "--pq", "--tls-max", "1.2"], &["'1.2'", "post-quantum"]),
        (&["connect", "h", "1", "-v", "--quiet"], &["--verbose", "--quiet"]),
        (&["listen", "h", "1", "-k", "--once"], &["--keep-open", "--once"]),
        (&["listen", "h", "1", "--echo", "--send-only"], &["--echo", "--send-only"]),
        (&["listen", "h", "1", "--cacert", "x"], &["--tls"]),
        (&["listen", "127.0.0.1", "0", "--mode", "660"], &["127.0.0.1:0", "leave out --mode"]),
        (&["listen", "unix:/x", "--allow", "127.0.0.0/8"], &["/x", "Unix socket", "leave out --allow"]),
        (&["listen", "unix:/x", "--deny", "::/0", "--echo"], &["leave out --deny"]),
        (&["listen", "unix:/x", "--max-conns-per-ip", "3", "-k"], &["leave out --max-conns-per-ip"]),
    ] {
        astream(args).run().status(2).stdout(b"").says(expected);
    }
}

#[test]
fn invalid_limits_and_handlers_are_status_2_and_named() {
    for (args, expected) in [
        (&["listen", "h", "1", "--discard", "-C"][..], &["--discard", "--crlf"][..]),
        (&["listen", "h", "1", "--echo", "--discard"], &["--echo", "--discard"]),
        (&["connect", "h", "1", "--max-time", "soon"], &["--max-time", "'soon'", "ms, s, m, h, d or w"]),
        (&["connect", "h", "1", "-z", "--max-time", "1s"], &["--probe", "--max-time"]),
        (&["connect", "h", "1", "-u", "--max-time", "1s"], &["--udp", "--max-time"]),
        (
            &["connect", "h", "1", "--limit-rate", "fast"],
            &["--limit-rate", "'fast'", "K, M or G", "kB, MB or GB"],
        ),
        (&["connect", "h", "1", "-z", "--limit-rate", "1M"], &["--probe", "--limit-rate"]),
        (&["listen", "h", "1", "-u", "--limit-rate", "1M"], &["--udp", "--limit-rate"]),
        (&["connect", "h", "1", "--pass-fd", "--limit-rate", "1M"], &["--pass-fd", "--limit-rate"]),
        (&["connect", "h", "1", "--capture", "-"], &["--capture", "'-'", "name a file"]),
        (&["listen", "-", "--broker"], &["'-'", "a handler is needed"]),
        (&["listen", "h", "1", "--first-client", "-1s"], &["-1"]),
        (
            &["listen", "h", "1", "--first-client", "1s", "-k"],
            &["--first-client", "one connection", "--once"],
        ),
        (&["listen", "h", "1", "--first-client", "1s", "--echo"], &["--first-client", "--once"]),
        (&["listen", "127.0.0.1", "0", "-m", "3"], &["--max-conns", "many connections", "-k", "--echo"]),
        (&["listen", "127.0.0.1", "0", "-m", "3", "--echo", "--once"], &["--max-conns", "many connections"]),
        (&["listen", "127.0.0.1", "0", "-x", "socks5://h:1"], &["--forward"]),
        (&["listen", "unix:no/p,mode=666"], &["'unix:no/p,mode=666'", "unix:no/p --mode 666"]),
        (&["listen", "h", "1", "-m", "0"], &["--max-conns", "0 is not in 1.."]),
        (&["listen", "h", "1", "--max-conns-per-ip", "few"], &["--max-conns-per-ip", "few"]),
        (&["listen", "h", "1", "--allow", "localhost"], &["--allow", "'localhost'", "no name is looked up"]),
        (&["listen", "h", "1", "--deny", "10.0.0.0/33"], &["--deny", "'10.0.0.0/33'", "ADDRESS/PREFIX"]),
        (&["listen", "h", "1", "--deny", "::1,"], &["--deny", "'': a network is"]),
        (&["listen", "h", "1", "--allow", "@/no/such/file"], &["--allow", "/no/such/file: No such file"]),
        (&["listen", "h", "1", "-u", "--allow", "::1"], &["--udp", "--allow"]),
        (&["listen", "h", "1", "--broker", "--once"], &["--broker", "--once"]),
        (&["listen", "h", "1", "--broker", "--exit-on-close"], &["--broker", "--exit-on-close"]),
        (&["listen", "h", "1", "--broker", "--threads", "2"], &["--broker", "--threads"]),
        (&["listen", "h", "1", "--broker", "--echo"], &["--broker", "--echo"]),
        (&["listen", "h", "1", "--forward", "h:1", "--discard"], &["--forward", "--discard"]),
        (&["listen", "h", "1", "--discard", "--", "cat"], &["--discard", "[CMD]"]),
    ] {
        astream(args).run().status(2).stdout(b"").says(expected);
    }
}

#[test]
fn what_sees_bytes_has_none_to_see_in_a_probe_or_in_a_socket_that_is_handed_over() {
    for option in [&["--dump", "x"][..], &["--capture", "x"], &["--sha256"], &["--progress"]] {
        for without in [&["-z"][..], &["--pass-fd"], &["--show-certs"], &["--expires-within", "1d"]] {
            let name = if without == ["-z"] { "--probe" } else { without[0] };
            let said = astream(["connect", "127.0.0.1", "1"]).args(option).args(without).run();
            said.status(2).stdout(b"").says(&[option[0], name, "cannot be used with"]);
        }
    }
    assert!(!std::path::Path::new("x").exists());
}

#[test]
fn a_relay_and_a_proxy_that_cannot_be_are_status_2_and_named() {
    for (args, expected) in [
        (
            &["listen", "127.0.0.1", "0", "--forward", "127.0.0.1:1", "--forward", "*:2"][..],
            &["'*'", "listen on"][..],
        ),
        (&["listen", "127.0.0.1", "0", "--balance"], &["--forward"]),
        (&["listen", "127.0.0.1", "0", "--forward-proxy-protocol", "v1"], &["--forward"]),
        (&["listen", "h", "1", "--forward", "h:1", "--forward-proxy-protocol", "v3"], &["'v3'", "v1, v2"]),
        (&["listen", "h", "1", "--forward", "h:1", "--forward-starttls", "gopher"], &["'gopher'", "smtp"]),
        (
            &["listen", "h", "1", "--forward", "h:1", "--forward-cacert", "x"],
            &["--forward-tls", "--forward-starttls"],
        ),
        (&["listen", "h", "1", "--proxy-protocol", "10.0.0.0/33"], &["'10.0.0.0/33'", "ADDRESS/PREFIX"]),
        (&["listen", "h", "1", "--proxy-protocol", "localhost"], &["'localhost'", "no name is looked up"]),
        (&["listen", "h", "1", "-u", "--proxy-protocol", "::1"], &["--udp", "--proxy-protocol"]),
        (
            &["listen", "h", "1", "-u", "--forward", "h:1", "--forward-proxy-protocol", "v1"],
            &["--udp", "--forward-proxy-protocol"],
        ),
        (&["listen", "unix:@x", "--proxy-protocol", "::1"], &["unix:@x", "--proxy-protocol"]),
    ] {
        astream(args).run().status(2).says(expected);
    }
}

#[test]
fn an_unknown_host_is_status_3_for_both_commands() {
    for command in ["connect", "listen"] {
        astream([command, "no-such-host.invalid", "1"]).run().status(3).says(&["no-such-host.invalid"]);
        astream([command, "localhost", "1", "-n"]).run().status(3).says(&["localhost", "-n"]);
        astream([command, "127.0.0.1", "1", "-6"]).run().status(3).says(&["127.0.0.1", "-6"]);
    }
}

#[test]
fn what_a_name_holds_is_escaped() {
    let said = astream(["connect", "a\u{1b}[31mb", "1"]).run();
    assert!(!said.stderr.contains('\u{1b}'), "{}", said.description());
    let said = astream(["connect", "host:\u{1b}[31m"]).run();
    assert!(!said.stderr.contains('\u{1b}'), "{}", said.description());
}

#[test]
fn help_and_version_are_asked_for_on_stdout() {
    for args in [&["--help"][..], &["-V"], &["connect", "-h"], &["listen", "--help"]] {
        let help = astream(args).run().status(0).silent();
        assert!(help.stdout.len() > 10, "{}", help.description());
    }
}

#[test]
fn help_into_a_closed_pipe_or_a_full_disk_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    astream(["--help"]).stdout(writer).run().status(141).silent();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    astream(["--help"]).stdout(full).run().status(2);
}

#[test]
fn a_stderr_that_is_closed_is_no_panic() {
    let script = format!("{} connect 127.0.0.1 0 2>&-; echo $?", env!("CARGO_BIN_EXE_astream"));
    tool("sh").args(["-c", &script]).run().status(0).stdout(b"2\n");
}

#[test]
fn too_few_descriptors_are_reported_without_a_panic() {
    for limit in [6, 8, 10] {
        let script = format!("ulimit -n {limit}; exec {} connect 127.0.0.1 1", env!("CARGO_BIN_EXE_astream"));
        tool("sh").args(["-c", &script]).run().status(2).says(&["too few descriptors", "ulimit -n"]);
    }
}

#[test]
fn an_option_that_is_given_again_replaces_the_one_before() {
    let said = astream(["connect", "127.0.0.1", "0", "-w", "1h", "-w", "2s"]).run();
    said.status(2).says(&["port 0"]);
}

#[test]
fn a_wrong_value_is_named_once() {
    let said = astream(["connect", "h", "1", "--tls", "--pin", "foo"]).run().status(2);
    said.says(&["invalid value for '--pin <PIN>': 'foo': a pin is sha256//"]);
    let said = astream(["listen", "h", "1", "--forward", "foo"]).run().status(2);
    said.says(&["invalid value for '--forward <ADDRESS>': 'foo': the port is missing"]);
    astream(["listen", "8080"]).run().status(2).says(&["'8080': it is a port alone"]);
    astream(["listen", "80000"]).run().status(2).says(&["'80000': a port is a number from 0 to 65535"]);
}

#[test]
fn an_option_that_is_typed_twice_is_as_good_as_once() {
    let said = astream([
        "connect",
        "127.0.0.1",
        "0",
        "--tls",
        "--tls",
        "--tls-min",
        "1.2",
        "--tls-min",
        "1.3",
        "-4",
        "-4",
    ]);
    said.run().status(2).says(&["port 0"]);
}
