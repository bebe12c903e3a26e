//! Lists of networks, also from files.

use astream::Networks;

/// `10.0.0.0/8,::1,@FILE`; a file has a network a line, and comments after `#`.
pub fn networks(text: &str) -> Result<Networks, String> {
    let mut all = Networks::default();
    for part in text.split(',') {
        all.extend(match part.strip_prefix('@') {
            Some(path) => file(path)?,
            None => part.parse().map_err(|error: astream::Error| error.to_string())?,
        });
    }
    Ok(all)
}

fn file(path: &str) -> Result<Networks, String> {
    let text = std::fs::read_to_string(path).map_err(|cause| format!("{path}: {cause}"))?;
    let mut all = Networks::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            all.extend(line.parse().map_err(|error| format!("{path}:{number}: {error}"))?);
        }
    }
    Ok(all)
}
