//! What the future of a handler may return.

use crate::error::Error;

/// What the future of a handler may give: nothing, or a result with this crate's [`Error`].
///
/// There is no other result, so that the type of a plain `Ok(())` is known, and `?` converts to [`Error`] what
/// can be: an [`io::Error`](std::io::Error) say. For any other error there is [`Error::other`].
///
/// ```
/// # use astream::{ServerOptions, start_server};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// # let (endpoint, options) = ("127.0.0.1:0".parse()?, ServerOptions::new());
/// let plain = start_server(|_reader, _writer| async { Ok(()) }, &endpoint, &options).await?;
/// let silent = start_server(|_reader, writer| async move { writer.close() }, &endpoint, &options).await?;
/// let failing = start_server(
///     |_reader, writer| async move {
///         let number: u64 = std::fs::read_to_string("number")?.parse().map_err(astream::Error::other)?;
///         writer.write(&number.to_be_bytes());
///         Ok(())
///     },
///     &endpoint,
///     &options,
/// )
/// .await?;
/// # Ok(())
/// # }
/// ```
pub trait HandlerResult {
    /// Whether all went well. What it says otherwise is logged, and the connection is aborted.
    fn into_result(self) -> Result<(), Error>;
}

impl HandlerResult for () {
    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl HandlerResult for Result<(), Error> {
    fn into_result(self) -> Self {
        self
    }
}
