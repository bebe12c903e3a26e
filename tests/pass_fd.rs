//! `connect --pass-fd`: the connected socket for the process on stdout.

mod support;

use std::io::{ErrorKind, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use support::peer::{peer, read_all};
use support::{Program, astream};

/// What the process on stdout gets: bytes and descriptors, up to the end.
fn received(stdout: &UnixStream) -> (Vec<u8>, Vec<OwnedFd>) {
    let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut data = [0; 16];
        let got = recvmsg(stdout, &mut [IoSliceMut::new(&mut data)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
            .unwrap();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if got.bytes == 0 {
            return (bytes, descriptors);
        }
        bytes.extend(&data[..got.bytes]);
    }
}

/// The one socket that this program hands over, which has ended with status 0 before.
fn passed(program: Program) -> OwnedFd {
    let (ours, theirs) = UnixStream::pair().unwrap();
    program.stdout(OwnedFd::from(theirs)).run().status(0).silent();
    let (bytes, mut descriptors) = received(&ours);
    assert_eq!((&bytes[..], descriptors.len()), (&b"\0"[..], 1));
    let socket = descriptors.remove(0);
    assert!(!fcntl_getfl(&socket).unwrap().contains(OFlags::NONBLOCK), "it blocks");
    socket
}

#[test]
fn a_connection_lives_on_in_the_process_on_stdout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut ours = TcpStream::from(passed(astream(["connect", "--pass-fd", "127.0.0.1", &port])));
    let (mut theirs, _) = listener.accept().unwrap();
    theirs.write_all(b"from the peer").unwrap();
    ours.write_all(b"to the peer").unwrap();
    let mut answer = [0; 13];
    ours.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"from the peer");
    // Closing it is a clean end, as of any other socket.
    drop(ours);
    assert_eq!(read_all(&mut theirs), b"to the peer");
}

#[test]
fn a_unix_socket_is_handed_over_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut ours =
        UnixStream::from(passed(astream(["connect", "--pass-fd", &format!("unix:{}", path.display())])));
    let (mut theirs, _) = listener.accept().unwrap();
    ours.write_all(b"hello").unwrap();
    drop(ours);
    assert_eq!(read_all(&mut theirs), b"hello");
}

#[test]
fn what_comes_with_the_answer_of_a_proxy_is_left_in_the_socket() {
    let socks5: [(&[u8], &[u8]); 2] = [
        (b"\x05\x01\0", b"\x05\0"),
        (b"\x05\x01\0\x01\x7f\0\0\x07\x12\x67", b"\x05\0\0\x01\x7f\0\0\x01\x01\x02banner\n"),
    ];
    let http: [(&[u8], &[u8]); 1] = [(
        b"CONNECT 127.0.0.7:4711 HTTP/1.1\r\nHost: 127.0.0.7:4711\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nVia: test\r\n\r\nbanner\n",
    )];
    for (scheme, turns) in [("socks5", socks5.to_vec()), ("http", http.to_vec())] {
        let proxy = peer(move |mut stream| {
            for (wanted, answer) in turns {
                let mut said = vec![0; wanted.len()];
                stream.read_exact(&mut said).unwrap();
                assert_eq!(said, wanted);
                stream.write_all(answer).unwrap();
            }
            read_all(&mut stream)
        });
        let url = format!("{scheme}://{}", proxy.address);
        let mut ours =
            TcpStream::from(passed(astream(["connect", "-x", &url, "--pass-fd", "127.0.0.7", "4711"])));
        let mut banner = [0; 7];
        ours.read_exact(&mut banner).unwrap();
        assert_eq!(&banner, b"banner\n");
        ours.write_all(b"data").unwrap();
        drop(ours);
        assert_eq!(proxy.join(), b"data");
    }
}

#[test]
fn in_json_the_connection_is_an_event() {
    let peer = peer(|mut stream| read_all(&mut stream));
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let program = astream(["connect", "--json", "--pass-fd", "127.0.0.1", &peer.port()]);
    let finished = program.stdout(OwnedFd::from(theirs)).run().status(0);
    assert!(finished.stderr.contains(r#""event":"connected""#), "{}", finished.description());
}

#[test]
fn nothing_is_connected_to_where_the_socket_cannot_be_handed_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let connect = |more: &[&str]| astream(["connect", "127.0.0.1", &port, "--pass-fd"]).args(more);
    connect(&[]).run().status(2).stdout(b"").says(&["stdout is not a Unix socket", "ProxyUseFdpass"]);
    for option in ["--tls", "--starttls=smtp", "-z", "-u", "-i1", "--crlf", "--no-shutdown", "--send-only"] {
        connect(&[option]).run().status(2).stdout(b"").says(&["--pass-fd"]);
    }
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let proxy = format!("https://127.0.0.1:{port}");
    connect(&["-x", &proxy]).stdout(OwnedFd::from(theirs)).run().status(2).says(&["a socket alone", &proxy]);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_target_that_refuses_is_status_4() {
    let (_socket, address) = support::peer::refusing();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let program = astream(["connect", "--pass-fd", &address.to_string()]).stdout(OwnedFd::from(theirs));
    program.run().status(4).says(&["refused"]);
    assert_eq!(received(&ours).1.len(), 0);
}
