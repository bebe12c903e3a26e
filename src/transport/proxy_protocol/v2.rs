//! Version 2: binary, with fields after the addresses that are skipped.

use std::net::{IpAddr, SocketAddr};

use super::{Ends, Header};
use crate::endpoint::Address;
use crate::transport::unix;

pub(super) const START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What comes before the addresses.
const FIXED: usize = 16;

/// The command of a proxy that speaks for itself: to find out whether we are well, say.
const LOCAL: u8 = 0;

/// The command of a proxy that speaks for a client.
const PROXY: u8 = 1;

/// A connection of bytes, not of datagrams.
const STREAM: u8 = 1;

/// The length of one name of a Unix socket.
const UNIX: usize = 108;

pub(super) fn read(received: &[u8]) -> Header {
    let Some((fixed, rest)) = received.split_at_checked(FIXED) else {
        return Header::More(FIXED - received.len());
    };
    let (version, command) = (fixed[12] >> 4, fixed[12] & 15);
    if version != 2 || command > PROXY {
        return Header::No(format!("it is of version {version} with command {command}, which are unknown"));
    }
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let Some(block) = rest.get(..length) else { return Header::More(length - rest.len()) };
    // Of a proxy that speaks for itself not even the family counts.
    let client = if command == LOCAL { Ok(None) } else { addresses(fixed[13], block) };
    match client {
        Ok(client) => Header::Done(FIXED + length, client),
        Err(reason) => Header::No(reason.to_owned()),
    }
}

fn addresses(kind: u8, block: &[u8]) -> Result<Option<Ends>, &'static str> {
    let (family, protocol) = (kind >> 4, kind & 15);
    let length = match family {
        // Neither the length of an address is known then.
        0 if protocol <= 2 => return Ok(None),
        1 => 2 * (4 + 2),
        2 => 2 * (16 + 2),
        3 => 2 * UNIX,
        _ => return Err("its family of addresses is unknown"),
    };
    if protocol > 2 {
        return Err("its protocol is unknown");
    }
    let (addresses, fields) = block.split_at_checked(length).ok_or("it is too short for its addresses")?;
    are_whole(fields).then_some(()).ok_or("its last field is cut short")?;
    if protocol != STREAM {
        return Ok(None);
    }
    let ends = match family {
        1 => of_ip::<4>(addresses),
        2 => of_ip::<16>(addresses),
        _ => addresses.split_at_checked(UNIX).map(|(peer, local)| [peer, local].map(unix::address_in)),
    };
    Ok(ends.map(|[peer, local]| Ends { peer, local }))
}

/// Whether nothing is left after the last field. Each field has a type, a length and a value.
fn are_whole(mut fields: &[u8]) -> bool {
    while !fields.is_empty() {
        let next = fields
            .split_first_chunk::<3>()
            .and_then(|([_, high, low], rest)| rest.get(usize::from(u16::from_be_bytes([*high, *low]))..));
        let Some(next) = next else { return false };
        fields = next;
    }
    true
}

/// Two addresses of so many bytes, and then their ports.
fn of_ip<const N: usize>(block: &[u8]) -> Option<[Address; 2]>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk::<2>()?;
    let (destination_port, _) = rest.split_first_chunk::<2>()?;
    let address = |ip: &[u8; N], port: &[u8; 2]| {
        Address::Tcp(SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes(*port)))
    };
    Some([address(source, source_port), address(destination, destination_port)])
}

pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let mut header = START.to_vec();
    header.push(2 << 4 | PROXY);
    let Some((source, destination)) = ends else {
        header.extend([0, 0, 0]);
        return header;
    };
    let ips = [source, destination].map(|address| match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    });
    let (family, length) = if source.is_ipv4() { (1, 12) } else { (2, 36) };
    header.extend([family << 4 | STREAM, 0, length]);
    header.extend(ips.concat());
    header.extend(source.port().to_be_bytes());
    header.extend(destination.port().to_be_bytes());
    header
}
