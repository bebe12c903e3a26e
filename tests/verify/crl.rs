//! Revocation lists: what they name is refused, and so is what they leave unknown.

use proptest::prelude::*;

use crate::lists::{List, extension, point, reason, scope, standard, value};
use crate::servers::check;
use crate::support::certs::arg;
use crate::support::{Finished, astream};
use crate::workshop::{BETWEEN, END, Made, Plan, make};

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
    check(
        LOCAL,
        listed_by_both,
        revoked,
        &["the certificate of its issuer CN=between is revoked"],
        "CertificateRevoked",
    );
}

#[test]
fn a_certificate_that_only_a_further_list_of_its_issuer_names() {
    let revoked = |plan: &mut Plan| plan.revoked_later = Some(vec![END]);
    check(LOCAL, listed_by_both, revoked, &["the certificate is revoked"], "CertificateRevoked");
}

#[test]
fn an_issuer_that_only_a_further_list_of_the_root_names() {
    let revoked = |plan: &mut Plan| plan.revoked_later = Some(vec![BETWEEN]);
    check(
        LOCAL,
        listed_by_both,
        revoked,
        &["the certificate of its issuer CN=between is revoked"],
        "CertificateRevoked",
    );
}

#[test]
fn a_certificate_without_a_list_of_its_issuer_but_with_one_of_somebody_else() {
    let unknown = |plan: &mut Plan| plan.revoked = None;
    check(LOCAL, listed_by_both, unknown, &["not known", "no CRL of its issuer"], "CertificateUnknown");
}

#[test]
fn a_list_that_has_expired() {
    let old = |plan: &mut Plan| plan.lists_end = 2021;
    check(LOCAL, listed, old, &["the CRL of its issuer expired on 2021-01-01"], "CertificateUnknown");
}

#[test]
fn a_list_that_its_issuer_did_not_sign() {
    let forged = |plan: &mut Plan| plan.are_lists_forged = true;
    check(LOCAL, listed, forged, &["not signed by the key that issued it"], "CertificateUnknown");
}

#[test]
fn no_hint_says_how_to_trust_a_revoked_key() {
    let mut plan = Plan::new(LOCAL);
    plan.revoked = Some(vec![END]);
    let made = make(&plan);
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).start();
    let args = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&made.trusted)];
    let client = astream(args).args(["--crl", arg(made.lists.as_ref().unwrap())]).run().status(6);
    assert!(!client.stderr.contains("--pin"), "{}", client.description());
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
fn a_file_that_is_not_a_list_is_named_before_any_connection() {
    let made = make(&Plan::new(LOCAL));
    let (missing, broken) = (made.folder().join("missing.pem"), made.folder().join("broken.pem"));
    std::fs::write(&broken, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n").unwrap();
    for (file, expected) in [
        (&missing, "no such file"),
        (&made.trusted, "line 1: expected a CRL, found a certificate (CERTIFICATE)"),
        (&broken, "line 1: this CRL cannot be read"),
    ] {
        for command in ["connect", "listen"] {
            let args =
                [command, "127.0.0.1", "9", "--tls", "--cacert", arg(&made.trusted), "--crl", arg(file)];
            astream(args).run().status(2).says(&[arg(file), expected]);
        }
    }
}

#[test]
fn a_list_is_for_chains() {
    for (args, expected) in [
        (&["connect", "h", "1", "--tls", "--crl", "x", "--insecure"][..], "--insecure"),
        (&["connect", "h", "1", "--crl", "x"], "--tls"),
        (&["listen", "h", "1", "--tls", "--crl", "x"], "--cacert"),
    ] {
        astream(args).run().status(2).says(&["--crl", expected][usize::from(expected != "--insecure")..]);
    }
}

/// A client of what was made, with these lists in one file.
fn connect(made: &Made, lists: &[&str]) -> Finished {
    let file = made.folder().join("given.pem");
    std::fs::write(&file, lists.concat()).unwrap();
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).input("hello").start();
    let client = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&made.trusted)];
    astream(client).args(["--crl", arg(&file)]).run()
}

#[track_caller]
fn is_good(made: &Made, lists: &[&str]) {
    connect(made, lists).status(0).stdout(b"hello").silent();
}

#[track_caller]
fn is_revoked(made: &Made, lists: &[&str]) {
    connect(made, lists).status(6).stdout(b"").says(&["the certificate is revoked"]);
}

/// It is not known whether the certificate is revoked, for this reason.
#[track_caller]
fn is_unknown(made: &Made, lists: &[&str], reason: &str) {
    connect(made, lists)
        .status(6)
        .stdout(b"")
        .says(&["it is not known whether the certificate is revoked", reason]);
}

/// A list of the authority that issued the peer's certificate.
fn list(made: &Made) -> List<'_> {
    List::by(&made.issuers[1], "between")
}

/// The extension of a list that covers only certificates of end entities.
fn for_users() -> Vec<u8> {
    scope(&[value(0x81, &[0xff])])
}

const POINT: &str = "http://example.org/1.crl";

/// A plan whose certificate names the point where its list is published.
fn with_point() -> Plan {
    let mut plan = Plan::new(LOCAL);
    plan.end.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris: vec![POINT.to_owned()] }];
    plan
}

#[test]
fn lists_of_every_form_say_that_a_certificate_is_good_or_revoked() {
    let (plain, pointed) = (make(&Plan::new(LOCAL)), make(&with_point()));
    for (made, form) in [
        (&plain, list(&plain).first_version()),
        (&plain, list(&plain)),
        (&plain, list(&plain).end(None)),
        (&plain, list(&plain).name(19, "BETWEEN")),
        (&plain, list(&plain).extension(for_users())),
        (&plain, list(&plain).extension(standard(20, false, &[2, 1, 1]))),
        (&plain, list(&plain).extension(extension(&[0x2a, 3, 4], false, b"not critical"))),
        (&pointed, list(&pointed)),
        (&pointed, list(&pointed).extension(scope(&[point(POINT)]))),
    ] {
        is_good(made, &[&form.pem()]);
        is_good(made, &[&form.clone().entry(1).entry_with(2, &[reason(1)]).pem()]);
        is_revoked(made, &[&form.clone().entry(1).entry(END).pem()]);
        is_revoked(made, &[&form.entry_with(END, &[reason(4)]).entry(1).pem()]);
    }
}

#[test]
fn a_list_that_cannot_prove_a_certificate_good_is_reported_and_does_no_harm_beside_one_that_can() {
    let made = make(&Plan::new(LOCAL));
    let (stranger, whole) = (List::by(&made.stranger, "between"), list(&made).pem());
    for (one, why) in [
        (list(&made).end(Some("20210101000000Z")), "expired on 2021-01-01"),
        (list(&made).begin("39990101000000Z"), "not valid before 3999-01-01"),
        (stranger, "not signed by the key that issued it"),
        (list(&made).extension(scope(&[value(0x82, &[0xff])])), "covers other certificates only"),
        (list(&made).extension(scope(&[point(POINT)])), "covers other certificates only"),
        (list(&made).extension(scope(&[value(0x83, &[1, 2])])), "only some reasons"),
        (list(&made).extension(scope(&[value(0x84, &[0xff])])), "indirect"),
        (list(&made).extension(standard(27, true, &[2, 1, 1])), "delta list"),
        (list(&made).extension(extension(&[0x2a, 3, 4], true, b"?")), "not understood, 1.2.3.4"),
        (list(&made).entry_with(1, &[extension(&[0x2a, 3, 5], true, b"?")]), "not understood, 1.2.3.5"),
    ] {
        is_unknown(&made, &[&one.pem()], why);
        is_good(&made, &[&one.pem(), &whole]);
        is_good(&made, &[&whole, &one.pem()]);
    }
    let attributes = list(&made).extension(scope(&[value(0x85, &[0xff])]));
    is_unknown(&made, &[&attributes.pem()], "no CRL of its issuer");
}

#[test]
fn what_any_list_names_that_the_issuer_has_signed_is_revoked() {
    let made = make(&Plan::new(LOCAL));
    let whole = list(&made).pem();
    for one in [
        list(&made).end(Some("20210101000000Z")),
        list(&made).extension(scope(&[value(0x82, &[0xff])])),
        list(&made).extension(scope(&[value(0x83, &[1, 2])])),
        list(&made).extension(standard(27, true, &[2, 1, 1])),
        list(&made).extension(extension(&[0x2a, 3, 4], true, b"?")),
    ] {
        let one = one.entry(END).pem();
        is_revoked(&made, &[&one, &whole]);
        is_revoked(&made, &[&whole, &one]);
    }
    let future = list(&made).begin("39990101000000Z").entry(END).pem();
    is_good(&made, &[&future, &whole]);
    is_unknown(&made, &[&future], "not valid before 3999-01-01");
    let others = List::by(&made.stranger, "between").entry(END).pem();
    is_good(&made, &[&others, &whole]);
    // Its entries are of another issuer from the second one on.
    let issuer = value(0x30, &value(0xa4, &crate::lists::named(12, "another")));
    let indirect = list(&made).extension(scope(&[value(0x84, &[0xff])]));
    let indirect = indirect.entry_with(1, &[standard(29, true, &issuer)]).entry(END).pem();
    is_good(&made, &[&indirect, &whole]);
}

#[test]
fn a_certificate_on_hold_may_come_off_the_list() {
    let (made, hold, removed) = (make(&Plan::new(LOCAL)), reason(6), reason(8));
    let whole = list(&made).pem();
    is_revoked(&made, &[&list(&made).entry_with(END, std::slice::from_ref(&hold)).pem(), &whole]);
    let old = list(&made).end(Some("20210101000000Z")).entry_with(END, &[hold]).pem();
    is_good(&made, &[&old, &whole]);
    is_unknown(&made, &[&old], "expired on");
    let delta = list(&made).extension(standard(27, true, &[2, 1, 1])).entry_with(END, &[removed]).pem();
    is_good(&made, &[&delta, &whole]);
}

#[test]
fn a_list_of_an_issuer_that_may_not_sign_lists_proves_nothing_good() {
    let mut plan = Plan::new(LOCAL);
    plan.between[0].key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let made = make(&plan);
    is_unknown(&made, &[&list(&made).pem()], "may not sign CRLs");
    is_revoked(&made, &[&list(&made).entry(END).pem()]);
}

#[test]
fn an_issuer_needs_a_good_list_where_there_is_one_for_it() {
    let made = make(&Plan::new(LOCAL));
    let (own, root) = (list(&made).pem(), || List::by(&made.issuers[0], "the root"));
    is_good(&made, &[&own]);
    is_good(&made, &[&own, &root().pem()]);
    is_good(&made, &[&own, &root().extension(for_users()).pem()]);
    let old = root().end(Some("20210101000000Z")).pem();
    let client = connect(&made, &[&own, &old]).status(6);
    client
        .says(&["it is not known whether the certificate of its issuer CN=between is revoked", "expired on"]);
    let revoked = connect(&made, &[&own, &root().entry(BETWEEN).pem()]).status(6);
    revoked.says(&["the certificate of its issuer CN=between is revoked"]);
}

#[test]
fn a_trusted_certificate_that_another_trusted_one_has_revoked_verifies_no_other() {
    let made = make(&Plan::new(LOCAL));
    let both = made.issuers[1].pem() + &std::fs::read_to_string(&made.trusted).unwrap();
    std::fs::write(&made.trusted, both).unwrap();
    let (own, root) = (list(&made).pem(), || List::by(&made.issuers[0], "the root"));
    is_good(&made, &[&own, &root().pem()]);
    let client = connect(&made, &[&own, &root().entry(BETWEEN).pem()]).status(6);
    client.says(&["the certificate of its issuer CN=between is revoked"]);
}

#[test]
fn a_long_list_is_searched_to_its_end() {
    let made = make(&Plan::new(LOCAL));
    let long = || (0..20_000).fold(list(&made), |list, serial| list.entry(serial % 7000));
    is_good(&made, &[&long().pem()]);
    is_revoked(&made, &[&long().entry(END).pem()]);
}

#[test]
fn a_damaged_list_is_an_error_of_its_file_or_is_not_believed() {
    let made = make(&Plan::new(LOCAL));
    let whole = list(&made).entry(1).extension(for_users()).der();
    let damage = (0..whole.len(), any::<u8>()).prop_filter("a change", |(at, byte)| whole[*at] != *byte);
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 12, ..Default::default() });
    let tried = runner.run(&damage, |(at, byte)| {
        let mut der = whole.clone();
        der[at] = byte;
        let client = connect(&made, &[&crate::lists::pem(&der)]);
        prop_assert!(!client.stderr.contains("panicked"), "{}", client.description());
        prop_assert!([2, 6].contains(&client.code()), "{}", client.description());
        Ok(())
    });
    tried.unwrap();
}
