//! Revocation lists: what they name is refused, and so is what they leave unknown.

use crate::servers::check;
use crate::support::astream;
use crate::support::certs::arg;
use crate::workshop::{BETWEEN, END, Plan, make};

const LOCAL: &[&str] = &["localhost"];

fn listed(plan: &mut Plan) {
    plan.revoked = Some(vec![1, 2, 3]);
}

fn listed_by_both(plan: &mut Plan) {
    listed(plan);
    plan.revoked_by_root = Some(vec![4]);
}

#[test]
fn a_certificate_that_its_issuer_has_revoked() {
    let revoked = |plan: &mut Plan| plan.revoked = Some(vec![1, END]);
    check(LOCAL, listed, revoked, &["the certificate is revoked"], "CertificateRevoked");
}

#[test]
fn an_issuer_that_the_root_has_revoked() {
    let revoked = |plan: &mut Plan| plan.revoked_by_root = Some(vec![BETWEEN]);
    check(LOCAL, listed_by_both, revoked, &["one of its issuers is revoked"], "CertificateRevoked");
}

#[test]
fn a_certificate_that_only_a_further_list_of_its_issuer_names() {
    let revoked = |plan: &mut Plan| plan.revoked_later = Some(vec![END]);
    check(LOCAL, listed_by_both, revoked, &["the certificate is revoked"], "CertificateRevoked");
}

#[test]
fn an_issuer_that_only_a_further_list_of_the_root_names() {
    let revoked = |plan: &mut Plan| plan.revoked_later = Some(vec![BETWEEN]);
    check(LOCAL, listed_by_both, revoked, &["one of its issuers is revoked"], "CertificateRevoked");
}

#[test]
fn a_certificate_without_a_list_of_its_issuer_but_with_one_of_somebody_else() {
    let unknown = |plan: &mut Plan| plan.revoked = None;
    check(LOCAL, listed_by_both, unknown, &["unknown", "no CRL of its issuer"], "UnknownCA");
}

#[test]
fn a_list_that_has_expired() {
    let old = |plan: &mut Plan| plan.lists_end = 2021;
    check(LOCAL, listed, old, &["the CRL of its issuer has expired"], "UnknownCA");
}

#[test]
fn a_list_that_its_issuer_did_not_sign() {
    let forged = |plan: &mut Plan| plan.are_lists_forged = true;
    check(LOCAL, listed, forged, &["the CRL of its issuer is not signed by it"], "CertificateUnknown");
}

#[test]
fn nobody_is_told_how_to_trust_a_revoked_key_all_the_same() {
    let mut plan = Plan::new(LOCAL);
    plan.revoked = Some(vec![END]);
    let made = make(&plan);
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).start();
    let args = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&made.trusted)];
    let client = astream(args).args(["--crl", arg(made.lists.as_ref().unwrap())]).run().status(6);
    assert!(!client.stderr.contains("--pin"), "{}", client.told());
}

#[test]
fn lists_may_be_in_several_files() {
    let mut plan = Plan::new(LOCAL);
    listed_by_both(&mut plan);
    let made = make(&plan);
    let text = std::fs::read_to_string(made.lists.as_ref().unwrap()).unwrap();
    let (first, second) = text.split_at(text.rfind("-----BEGIN").unwrap());
    let files = [made.folder().join("first.pem"), made.folder().join("second.pem")];
    std::fs::write(&files[0], first).unwrap();
    std::fs::write(&files[1], second).unwrap();
    for (given, status) in [(&files[..], 0), (&files[..1], 0), (&files[1..], 6)] {
        let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
        let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).start();
        let args = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&made.trusted)];
        let lists = given.iter().flat_map(|file| ["--crl", arg(file)]);
        astream(args).args(lists).run().status(status);
    }
}

#[test]
fn a_file_that_is_no_list_is_named_before_anybody_is_bothered() {
    let made = make(&Plan::new(LOCAL));
    let (missing, broken) = (made.folder().join("missing.pem"), made.folder().join("broken.pem"));
    std::fs::write(&broken, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n").unwrap();
    for (file, told) in
        [(&missing, "no such file"), (&made.trusted, "no CRL in PEM form"), (&broken, "cannot be used")]
    {
        for command in ["connect", "listen"] {
            let args =
                [command, "127.0.0.1", "9", "--tls", "--cacert", arg(&made.trusted), "--crl", arg(file)];
            astream(args).run().status(2).says(&[arg(file), told]);
        }
    }
}

#[test]
fn a_list_is_for_chains() {
    for (args, told) in [
        (&["connect", "h", "1", "--tls", "--crl", "x", "--insecure"][..], "--insecure"),
        (&["connect", "h", "1", "--crl", "x"], "--tls"),
        (&["listen", "h", "1", "--tls", "--crl", "x"], "--cacert"),
    ] {
        astream(args).run().status(2).says(&["--crl", told][usize::from(told != "--insecure")..]);
    }
}
