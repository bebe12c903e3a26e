//! One way between a socket and a descriptor that block, by whatever moves the bytes best.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::{Fault, Meter, Way};
use crate::transport::blocking::{read, write_all};
use crate::transport::tls::ALERT_LENGTH;
use crate::transport::{Aligned, BlockingSocket};

/// How much is read and written at once: the more, the fewer the turns of whoever is at the other ends.
pub(super) const CHUNK: usize = 768 * 1024;

/// How much is read at once under TLS, where it is in three places at once.
const TLS_CHUNK: usize = 256 * 1024;

/// A socket, and what is known about the bytes that go through it.
#[derive(Clone)]
pub(crate) struct Mover {
    pub(crate) socket: Arc<BlockingSocket>,
    pub(crate) meter: Arc<Meter>,
    /// Set while bytes are in our own hands.
    pub(crate) holding: Arc<AtomicBool>,
}

impl Mover {
    /// Everything that `from` gives goes to the peer.
    pub(crate) fn up(&self, from: impl AsFd) -> Result<(), Fault> {
        #[cfg(target_os = "linux")]
        if self.socket.is_plain() && super::linux::up(&from, self)? {
            return Ok(());
        }
        self.by_hand(Way::Up, &from, |buffer| self.up_once(&from, buffer))
    }

    /// Some of what `from` gives; 0 is its end.
    pub(super) fn up_once(&self, from: impl AsFd, buffer: &mut [u8]) -> Result<usize, Fault> {
        let n = read(from, buffer).map_err(read_fault)?;
        self.holding.store(true, Ordering::Release);
        self.socket.write_all(&buffer[..n], || self.meter.touch()).map_err(Fault::Write)?;
        self.holding.store(false, Ordering::Release);
        Ok(n)
    }

    /// Everything that the peer gives goes to `to`, or, without one, is dropped.
    pub(crate) fn down(&self, to: Option<impl AsFd>) -> Result<(), Fault> {
        self.look_at_first()?;
        let Some(to) = to else { return self.discard() };
        #[cfg(target_os = "linux")]
        if self.socket.is_plain() && super::linux::down(&*self.socket, &to, &self.meter)? {
            return Ok(());
        }
        self.by_hand(Way::Down, &to, |buffer| {
            let n = self.socket.read(buffer).map_err(Fault::Read)?;
            self.meter.output_stuck(true);
            write_all(&to, &buffer[..n], || ()).map_err(write_fault)?;
            self.meter.output_stuck(false);
            Ok(n)
        })
    }

    /// The kernel moves bytes that nobody sees, so what comes first is looked at before. What goes wrong here
    /// is reported here: the system tells a reset once, and then speaks of an end.
    fn look_at_first(&self) -> Result<(), Fault> {
        if self.socket.is_plain() {
            let mut first = [0; ALERT_LENGTH];
            let n = self.socket.peek(&mut first).map_err(Fault::Read)?;
            self.meter.first_received(&first[..n]);
        }
        Ok(())
    }

    /// The plain loop, and the only one under TLS. `local` is the end that is not the socket.
    fn by_hand(
        &self,
        way: Way,
        local: impl AsFd,
        mut once: impl FnMut(&mut [u8]) -> Result<usize, Fault>,
    ) -> Result<(), Fault> {
        let (tls, chunk) = if self.socket.is_plain() { ("", CHUNK) } else { (", under TLS", TLS_CHUNK) };
        tracing::debug!("{way} by read and write{tls}");
        let mut buffer = Aligned::new(chunk);
        #[cfg(target_os = "linux")]
        let mut room = super::linux::Room::of(&local);
        loop {
            let n = once(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            self.meter.moved(way, n);
            #[cfg(target_os = "linux")]
            room.after(n);
        }
    }

    fn discard(&self) -> Result<(), Fault> {
        let mut buffer = Aligned::new(CHUNK);
        loop {
            match self.socket.read(&mut buffer).map_err(Fault::Read)? {
                0 => return Ok(()),
                n => self.meter.moved(Way::Down, n),
            }
        }
    }

    /// Whether what was read was not yet written.
    pub(crate) fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Acquire)
    }
}

pub(super) fn read_fault(error: Errno) -> Fault {
    Fault::Read(error.into())
}

pub(super) fn write_fault(error: Errno) -> Fault {
    Fault::Write(error.into())
}
