//! Replaces LF by CRLF, across reads.

/// Replaces each LF by CRLF, unless a CR precedes it.
#[derive(Debug, Default)]
pub(super) struct Crlf {
    /// Whether the last byte of the chunk before was a CR.
    after_cr: bool,
}

impl Crlf {
    /// The chunk as it is to be sent.
    pub(super) fn translate(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 16 + 1);
        let mut start = 0;
        for at in memchr::memchr_iter(b'\n', chunk) {
            let after_cr = if at == 0 { self.after_cr } else { chunk[at - 1] == b'\r' };
            out.extend_from_slice(&chunk[start..at]);
            if !after_cr {
                out.push(b'\r');
            }
            start = at;
        }
        out.extend_from_slice(&chunk[start..]);
        self.after_cr = chunk.last().map_or(self.after_cr, |&last| last == b'\r');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Crlf;

    #[test]
    fn a_crlf_is_left_alone_wherever_the_reads_fall() {
        let (given, wanted) = (b"lf\n crlf\r\n\n\r\n\r\r\nend\n", b"lf\r\n crlf\r\n\r\n\r\n\r\r\nend\r\n");
        for split in 0..=given.len() {
            let mut crlf = Crlf::default();
            let mut got = crlf.translate(&given[..split]);
            got.extend(crlf.translate(b""));
            got.extend(crlf.translate(&given[split..]));
            assert_eq!(got, wanted, "split at {split}");
        }
    }
}
