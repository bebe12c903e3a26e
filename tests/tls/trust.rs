//! What is trusted: chains, names, addresses, pins, client certificates.

use std::sync::{Arc, Mutex};

use astream::{
    Certificate, ConnectOptions, Endpoint, Error, Identity, Server, ServerOptions, StreamReader,
    StreamWriter, TlsClient, TlsServer, open_connection, start_server,
};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::authority::Authority;
use crate::streams_support::{End, IDENTITY, soon};

/// Sends how many certificates the client presented, and then repeats what it receives.
async fn count_and_echo(mut reader: StreamReader, writer: StreamWriter) -> Result<(), Error> {
    writer.write(format!("{}\n", reader.tls().unwrap().peer_certificates.len()).as_bytes());
    while let Some(line) = reader.readline().await? {
        writer.write(&line);
        writer.drain().await?;
    }
    writer.wait_closed().await
}

async fn serve(tls: TlsServer) -> Server {
    let options = ServerOptions::new().tls(tls);
    start_server(count_and_echo, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap()
}

async fn connect(host: &str, server: &Server, tls: TlsClient) -> Result<End, Error> {
    let astream::Address::Tcp(address) = server.local_addrs()[0] else { panic!("not TCP") };
    let to = Endpoint::tcp(host, &address.port().to_string()).unwrap();
    soon("connecting", open_connection(&to, &ConnectOptions::new().tls(tls))).await
}

/// The result of connecting to `host`: empty, or the message of a TLS error.
async fn outcome(host: &str, server: &Server, tls: TlsClient) -> String {
    match connect(host, server, tls).await {
        Ok((mut reader, writer)) => {
            writer.write(b"hello\n");
            assert_eq!(soon("the count", reader.readline()).await.unwrap().unwrap(), "0\n");
            assert_eq!(soon("the echo", reader.readline()).await.unwrap().unwrap(), "hello\n");
            String::new()
        }
        Err(error @ Error::Tls { .. }) => error.to_string(),
        Err(other) => panic!("{other:?}"),
    }
}

fn assert_says(outcome: &str, words: &str) {
    assert!(outcome.contains(words), "'{outcome}' does not say '{words}'");
}

#[tokio::test]
async fn a_chain_to_a_given_root_with_the_right_name_is_trusted() {
    let authority = Authority::new();
    let server = serve(TlsServer::new(authority.issue(&["localhost", "www.example.org"]))).await;
    let client = TlsClient::new().roots(authority.roots());
    assert_eq!(outcome("localhost", &server, client.clone()).await, "");
    assert_eq!(outcome("127.0.0.1", &server, client.server_name("www.example.org")).await, "");
}

#[tokio::test]
async fn a_wrong_name_is_refused() {
    let authority = Authority::new();
    let server = serve(TlsServer::new(authority.issue(&["www.example.org"]))).await;
    let client = TlsClient::new().roots(authority.roots());
    let message = outcome("localhost", &server, client.clone()).await;
    assert_says(&message, "TLS handshake with localhost:");
    assert_says(&message, "the certificate is not for");
    assert_says(&outcome("127.0.0.1", &server, client.clone()).await, "the certificate is not for");
    assert_says(
        &outcome("127.0.0.1", &server, client.server_name("example.org")).await,
        "the certificate is not for",
    );
}

#[tokio::test]
async fn an_ip_address_is_verified_against_the_addresses_of_the_certificate() {
    let authority = Authority::new();
    let client = TlsClient::new().roots(authority.roots());
    let right = serve(TlsServer::new(authority.issue(&["127.0.0.1"]))).await;
    assert_eq!(outcome("127.0.0.1", &right, client.clone()).await, "");
    assert_says(&outcome("localhost", &right, client.clone()).await, "the certificate is not for");
    let wrong = serve(TlsServer::new(authority.issue(&["127.0.0.2"]))).await;
    assert_says(&outcome("127.0.0.1", &wrong, client).await, "the certificate is not for");
}

#[tokio::test]
async fn an_unknown_root_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = serve(TlsServer::new(authority.issue(&["localhost"]))).await;
    let message = outcome("localhost", &server, TlsClient::new().roots(other.roots())).await;
    assert_says(&message, "its issuer is unknown");
}

#[tokio::test]
async fn a_refused_peer_is_known_by_the_certificates_that_it_presented() {
    let authority = Authority::new();
    let server = serve(TlsServer::new(authority.issue(&["www.example.org"]))).await;
    for client in
        [TlsClient::new(), TlsClient::new().roots(authority.roots()), TlsClient::new().pin(IDENTITY.pin())]
    {
        let error = connect("127.0.0.1", &server, client).await.unwrap_err();
        let Error::Tls { peer_certificates, .. } = error else { panic!("{error:?}") };
        let names: Vec<_> = peer_certificates.iter().map(Certificate::names).collect();
        assert_eq!(names, [["www.example.org"]]);
    }
}

#[tokio::test]
async fn by_default_only_the_systems_roots_are_trusted() {
    let server = serve(TlsServer::new(Authority::new().issue(&["localhost"]))).await;
    assert_ne!(outcome("localhost", &server, TlsClient::new()).await, "");
    let itself = serve(TlsServer::new(IDENTITY.clone())).await;
    assert_ne!(outcome("localhost", &itself, TlsClient::new()).await, "");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let server = serve(TlsServer::new(authority.issue_expired(&["localhost"]))).await;
    let message = outcome("localhost", &server, TlsClient::new().roots(authority.roots())).await;
    assert_says(&message, "expired");
}

#[tokio::test]
async fn a_pinned_key_is_trusted_whatever_its_chain_and_name() {
    let server = serve(TlsServer::new(IDENTITY.clone())).await;
    let other = Identity::generate().unwrap().pin();
    for client in [TlsClient::new().pin(IDENTITY.pin()), TlsClient::new().pin(other).pin(IDENTITY.pin())] {
        assert_eq!(outcome("127.0.0.1", &server, client).await, "");
    }
}

#[tokio::test]
async fn a_key_that_is_not_pinned_is_refused_and_its_pin_reported() {
    let server = serve(TlsServer::new(IDENTITY.clone())).await;
    let other = Identity::generate().unwrap().pin();
    let message = outcome("127.0.0.1", &server, TlsClient::new().pin(other)).await;
    assert_says(&message, &IDENTITY.pin().to_string());
}

#[tokio::test]
async fn a_pin_counts_also_where_a_chain_would_do() {
    let authority = Authority::new();
    let server = serve(TlsServer::new(authority.issue(&["localhost"]))).await;
    let client = TlsClient::new().roots(authority.roots()).pin(IDENTITY.pin());
    assert_says(&outcome("localhost", &server, client).await, "does not match the pin");
}

#[tokio::test]
async fn danger_no_verification_trusts_any_server() {
    let server = serve(TlsServer::new(Authority::new().issue_expired(&["www.example.org"]))).await;
    assert_eq!(outcome("127.0.0.1", &server, TlsClient::new().danger_no_verification(true)).await, "");
}

#[tokio::test]
async fn a_client_with_a_certificate_of_the_required_authority_is_served() {
    let authority = Authority::new();
    let server = serve(TlsServer::new(IDENTITY.clone()).client_roots(authority.roots())).await;
    let client = TlsClient::new().pin(IDENTITY.pin()).identity(authority.issue(&["me"]));
    let (mut reader, _writer) = connect("127.0.0.1", &server, client).await.unwrap();
    assert_eq!(soon("the count", reader.readline()).await.unwrap().unwrap(), "1\n");
}

#[tokio::test]
async fn a_client_without_the_required_certificate_gets_the_error_when_it_reads() {
    // Under TLS 1.3 a client has ended its handshake before the server looks at its certificate.
    let authority = Authority::new();
    let server = serve(TlsServer::new(IDENTITY.clone()).client_roots(authority.roots())).await;
    let none = TlsClient::new().pin(IDENTITY.pin());
    let foreign = none.clone().identity(Authority::new().issue(&["me"]));
    for (client, alert) in [(none, "CertificateRequired"), (foreign, "UnknownCA")] {
        let (mut reader, _writer) = connect("127.0.0.1", &server, client).await.unwrap();
        let error = soon("the refusal", reader.read(1)).await.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        assert_says(&error.to_string(), alert);
    }
}

#[tokio::test]
async fn a_refused_client_learns_why_though_it_is_already_sending() {
    let authority = Authority::new();
    let server = serve(TlsServer::new(IDENTITY.clone()).client_roots(authority.roots())).await;
    for _ in 0..10 {
        let client = TlsClient::new().pin(IDENTITY.pin());
        let (mut reader, writer) = connect("127.0.0.1", &server, client).await.unwrap();
        writer.write(&vec![0; 1 << 20]);
        let error = soon("the refusal", reader.read(1)).await.unwrap_err();
        assert_says(&error.to_string(), "CertificateRequired");
    }
}

#[tokio::test]
async fn files_that_are_not_certificates_are_named_before_any_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "").unwrap();
    let nowhere: Endpoint = "127.0.0.1:1".parse().unwrap();
    for (file, message) in
        [(missing, "cannot read it: no such file"), (empty, "it contains no certificate in PEM form")]
    {
        let client = TlsClient::new().roots(&file);
        let error = open_connection(&nowhere, &ConnectOptions::new().tls(client)).await.unwrap_err();
        assert_says(&error.to_string(), &format!("{}: {message}", file.display()));
        let server = ServerOptions::new().tls(TlsServer::new(IDENTITY.clone()).client_roots(&file));
        let error = start_server(count_and_echo, &"127.0.0.1:0".parse().unwrap(), &server).await.unwrap_err();
        assert_says(&error.to_string(), &format!("{}: {message}", file.display()));
    }
}

#[tokio::test]
async fn the_path_that_was_verified_ends_with_the_trusted_certificate_on_both_sides() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let root = std::fs::read(authority.roots()).unwrap();
    let root = Certificate::from_der(CertificateDer::from_pem_slice(&root).unwrap().as_ref());
    let tls = TlsServer::new(identity.clone()).client_roots(authority.roots());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let handler = move |reader: StreamReader, writer: StreamWriter| {
        *note.lock().unwrap() = reader.tls().unwrap().verified_path.clone();
        async move { writer.wait_closed().await }
    };
    let options = ServerOptions::new().tls(tls);
    let server = start_server(handler, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    for (client, verified) in [
        (TlsClient::new().roots(authority.roots()), 2),
        (TlsClient::new().pin(identity.pin()), 0),
        (TlsClient::new().roots(authority.roots()).danger_no_verification(true), 2),
        (TlsClient::new().roots(Authority::new().roots()).danger_no_verification(true), 0),
    ] {
        let (mut reader, writer) =
            connect("localhost", &server, client.identity(identity.clone())).await.unwrap();
        assert_eq!(soon("the end", reader.read_to_end()).await.unwrap(), "");
        let tls = writer.tls().unwrap();
        assert_eq!(tls.verified_path.len(), verified);
        assert_eq!(tls.verified_path.first(), tls.peer_certificates.first().filter(|_| verified > 0));
        assert_eq!(tls.verified_path.last(), Some(&root).filter(|_| verified > 0));
        assert_eq!(seen.lock().unwrap().last(), Some(&root));
    }
}
