//! A stream line by line.

use bytes::Bytes;

use super::StreamReader;
use crate::error::Error;

/// The lines of a stream; see [`StreamReader::lines`].
#[derive(Debug)]
pub struct Lines<'a> {
    reader: &'a mut StreamReader,
}

impl<'a> Lines<'a> {
    pub(super) fn new(reader: &'a mut StreamReader) -> Self {
        Self { reader }
    }

    /// The next line with its `\n`; `None` at the end. May be cancelled.
    ///
    /// # Errors
    /// As [`StreamReader::readline`]; after [`Error::LineTooLong`] it goes on with the next line.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        self.reader.readline().await.transpose()
    }
}
