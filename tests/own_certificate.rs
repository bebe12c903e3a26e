//! A certificate of ours that peers will refuse is reported with its file, at the start and after SIGHUP.

mod support;

use std::fs;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose as For, IsCa, KeyUsagePurpose, date_time_ymd};
use rustix::process::Signal;
use support::certs::{Authority, Issued, arg, authority, self_signed};
use support::peer::refusing;
use support::{Running, astream};

fn good(_: &mut CertificateParams) {}

fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2001, 2, 3);
}

fn early(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(3001, 2, 3);
}

fn for_servers(params: &mut CertificateParams) {
    params.extended_key_usages = vec![For::ServerAuth];
}

fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![For::ClientAuth];
}

fn nameless(params: &mut CertificateParams) {
    params.subject_alt_names.clear();
}

fn for_encryption(params: &mut CertificateParams) {
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
}

fn issued(authority: &Authority, change: fn(&mut CertificateParams)) -> Issued {
    authority.issue_with("own", &["localhost"], change)
}

fn serving(own: &Issued, more: &[&str]) -> Running {
    let args = ["listen", "127.0.0.1", "0", "--tls", "--cert", arg(&own.cert), "--key", arg(&own.key)];
    astream(args).args(more).start()
}

/// What a listener says that shows this to its clients, behind its first line.
fn said_by_server(own: &Issued) -> String {
    let said = serving(own, &["--first-client", "1ms"]).wait().status(5).stderr;
    said.split_inclusive('\n').filter(|line| line.contains(arg(&own.cert))).collect()
}

/// The same of a client, whose server refuses it.
fn said_by_client(own: &Issued) -> String {
    let (_socket, refused) = refusing();
    let args = ["connect", "127.0.0.1", &refused.port().to_string(), "--tls", "--cert", arg(&own.cert)];
    let said = astream(args).args(["--key", arg(&own.key)]).run().status(4).stderr;
    said.split_inclusive('\n').filter(|line| line.contains(arg(&own.cert))).collect()
}

/// One line that begins with the file and this flaw, names the date, and ends like this.
#[track_caller]
fn assert_line(said: &str, own: &Issued, flaw: &str, end: &str) {
    let certificate = own.certificate();
    let until = format!(", until {}; ", certificate.not_after().unwrap());
    let begin = format!("astream: {}: {flaw}", arg(&own.cert));
    assert!(said.starts_with(&begin) && said.contains(&until) && said.ends_with(end), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_listener_says_why_clients_will_refuse_its_certificate() {
    let authority = authority();
    for (change, flaw) in [
        (expired as fn(&mut CertificateParams), "the certificate has expired; it is for localhost"),
        (early, "the certificate is not valid yet, only from 3001-02-03"),
        (for_clients, "the certificate is not for servers (extended key usage)"),
        (for_encryption, "the certificate's key may not sign a handshake (key usage)"),
        (nameless, "the certificate is for no name; it is CN="),
    ] {
        let own = issued(&authority, change);
        let pin = own.certificate().pin().unwrap();
        let end = format!("; clients that verify it refuse it, and need --pin {pin}\n");
        assert_line(&said_by_server(&own), &own, flaw, &end);
    }
}

#[test]
fn a_client_says_why_servers_will_refuse_its_certificate() {
    let authority = authority();
    for (change, flaw) in [
        (expired as fn(&mut CertificateParams), "the certificate has expired; it is for localhost"),
        (early, "the certificate is not valid yet, only from 3001-02-03"),
        (for_servers, "the certificate is not for clients (extended key usage)"),
    ] {
        let own = issued(&authority, change);
        assert_line(&said_by_client(&own), &own, flaw, "; servers that verify it refuse it\n");
    }
}

#[test]
fn a_certificate_that_peers_may_accept_is_not_spoken_of() {
    let authority = authority();
    for change in [good, for_servers] {
        assert_eq!(said_by_server(&issued(&authority, change)), "");
    }
    for change in [good, for_clients, nameless] {
        assert_eq!(said_by_client(&issued(&authority, change)), "");
    }
    for is_ca in [IsCa::NoCa, IsCa::Ca(rcgen::BasicConstraints::Unconstrained)] {
        let own = self_signed(authority.folder(), is_ca);
        assert_eq!([said_by_server(&own), said_by_client(&own)], ["", ""]);
    }
}

#[test]
fn after_sighup_both_certificates_of_a_relay_are_judged_anew() {
    let authority = authority();
    let (old, own) = (authority.issue("old", &["localhost"]), issued(&authority, expired));
    let both = ["--forward", "localhost:1", "--forward-tls", "--forward-cert", arg(&old.cert)];
    let relay = serving(&old, &[&both[..], &["--forward-key", arg(&old.key)]].concat());
    relay.address();
    fs::copy(&own.cert, &old.cert).unwrap();
    fs::copy(&own.key, &old.key).unwrap();
    relay.signal(Signal::HUP);
    relay.stderr_line("read anew, for new connections; the certificate is valid until 2001-02-03T00:00:00Z");
    let flaw = format!("{}: the certificate has expired", arg(&old.cert));
    assert!(relay.stderr_line("clients that verify it refuse it").contains(&flaw));
    relay.stderr_line("servers that verify it refuse it");
}
