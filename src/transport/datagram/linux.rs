//! Several messages in one call, and the address that each was sent to.
//!
//! Messages come by `recvmmsg`. Answers of one length to one peer leave as one packet that the system takes apart
//! last of all (`UDP_SEGMENT`), which costs a third of sending each by itself.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use bytes::Bytes;
use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, sendmsg,
    setsockopt, sockopt,
};
use tokio::net::UdpSocket;

use super::{BATCH, LONGEST, Received, Route};
use crate::endpoint::Address;

/// The distance of two buffers. It is no power of two: all would begin in the same lines of the cache.
const SLOT: usize = LONGEST + 320;

/// The longest message that is sent with others: what is longer may be longer than a packet of the network.
const SEGMENT: usize = 1452;

/// How many messages one packet holds at most, and how many bytes.
const SEGMENTS: usize = 64;
const PACKET: usize = 65_000;

thread_local! {
    /// What a call receives into, lent to the socket that receives: otherwise each would hold 2 MiB.
    static LENT: RefCell<Vec<u8>> = RefCell::new(vec![0; BATCH * SLOT]);
}

/// From now on the system says which address each message was sent to.
pub(super) fn tell_asked(socket: &socket2::Socket, is_v6: bool) -> io::Result<()> {
    if is_v6 {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
    }
    Ok(())
}

pub(super) fn receive(socket: &UdpSocket, received: &mut Vec<Received>) -> io::Result<()> {
    // Fresh ones: a call leaves lengths in them that the next one would take for the room that there is.
    let mut headers = MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(in6_pktinfo)));
    LENT.with_borrow_mut(|lent| {
        let mut slots: Vec<_> =
            lent.chunks_exact_mut(SLOT).map(|slot| [IoSliceMut::new(&mut slot[..LONGEST])]).collect();
        let messages =
            recvmmsg(socket.as_raw_fd(), &mut headers, slots.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
        received.extend(messages.filter_map(|message| taken(&message)));
        Ok(())
    })
}

fn taken(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Received> {
    let peer = message.address.as_ref().and_then(socket_address)?;
    if message.flags.contains(MsgFlags::MSG_TRUNC) {
        tracing::warn!("{peer}: a datagram longer than {LONGEST} bytes was cut");
    }
    let data = message.iovs().next().map_or_else(Bytes::new, Bytes::copy_from_slice);
    let asked = message.cmsgs().ok().and_then(|mut said| said.find_map(|said| asked(&said)));
    Some(Received { data, route: Route { peer: Address::Tcp(peer), asked } })
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = || address.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4().or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}

/// The address of this machine that a message was sent to, or that it came in by: an answer does not leave from an
/// address of many.
fn asked(said: &ControlMessageOwned) -> Option<IpAddr> {
    match said {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(IpAddr::from(info.ipi6_addr.s6_addr)).filter(|address| !address.is_multicast())
        }
        _ => None,
    }
}

pub(super) fn send(socket: &UdpSocket, messages: &[Bytes], route: Option<&Route>) -> io::Result<usize> {
    let together = together(messages);
    if together > 1 {
        match send_together(socket, &messages[..together], route) {
            Ok(()) => return Ok(together),
            // The network takes shorter packets, or the driver cannot do it.
            Err(Errno::EINVAL | Errno::EMSGSIZE | Errno::EIO | Errno::EOPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    send_with(socket, &messages[..1], route, None)?;
    Ok(1)
}

/// How many of the first messages can leave as one packet: they have one length, and only the last may be shorter.
fn together(messages: &[Bytes]) -> usize {
    let length = messages[0].len();
    if length == 0 || length > SEGMENT {
        return 1;
    }
    let most = SEGMENTS.min(PACKET / length).min(messages.len());
    let same = messages[..most].iter().take_while(|message| message.len() == length).count();
    let has_shorter =
        messages[same..most].first().is_some_and(|next| !next.is_empty() && next.len() < length);
    same + usize::from(has_shorter)
}

fn send_together(socket: &UdpSocket, messages: &[Bytes], route: Option<&Route>) -> Result<(), Errno> {
    let length = u16::try_from(messages[0].len()).map_err(|_| Errno::EMSGSIZE)?;
    send_with(socket, messages, route, Some(ControlMessage::UdpGsoSegments(&length)))
}

fn send_with(
    socket: &UdpSocket,
    messages: &[Bytes],
    route: Option<&Route>,
    segments: Option<ControlMessage<'_>>,
) -> Result<(), Errno> {
    let data: Vec<_> = messages.iter().map(|message| IoSlice::new(message)).collect();
    let (v4, v6);
    let from = match route.and_then(|route| route.asked) {
        Some(IpAddr::V4(address)) => {
            let address = in_addr { s_addr: u32::from_ne_bytes(address.octets()) };
            v4 = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: in_addr { s_addr: 0 } };
            Some(ControlMessage::Ipv4PacketInfo(&v4))
        }
        Some(IpAddr::V6(address)) => {
            v6 = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: address.octets() }, ipi6_ifindex: 0 };
            Some(ControlMessage::Ipv6PacketInfo(&v6))
        }
        None => None,
    };
    let said: Vec<_> = segments.into_iter().chain(from).collect();
    let peer = match route.map(|route| &route.peer) {
        Some(Address::Tcp(peer)) => Some(SockaddrStorage::from(*peer)),
        _ => None,
    };
    sendmsg(socket.as_raw_fd(), &data, &said, MsgFlags::MSG_DONTWAIT, peer.as_ref()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_length_go_together_and_a_shorter_one_ends_them() {
        for (lengths, wanted) in [
            (&[64][..], 1),
            (&[64, 64, 64], 3),
            (&[64, 64, 10, 64], 3),
            (&[64, 65], 1),
            (&[64, 0], 1),
            (&[0, 0], 1),
            (&[1453, 1453], 1),
            (&[1400; 60], 46),
            (&[1; 100], 64),
        ] {
            let messages: Vec<_> = lengths.iter().map(|length| Bytes::from(vec![0; *length])).collect();
            assert_eq!(together(&messages), wanted, "{lengths:?}");
        }
    }
}
