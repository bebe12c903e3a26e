//! Whether a command has printed what the page shows. `…` on the page stands for anything.

/// Fails with the first line that is missing, or with one that is not on the page.
pub fn compare(page: Option<&[String]>, printed: &str) -> Result<(), String> {
    let Some(page) = page else { return Ok(()) };
    let lines: Vec<&str> = printed.lines().collect();
    let mut rest = lines.iter();
    for wanted in page.iter().filter(|line| *line != "…") {
        if !rest.any(|line| is_like(wanted, line)) {
            return Err(format!("this is on the page, but was not printed: {wanted}"));
        }
    }
    let is_whole = !page.iter().any(|line| line == "…");
    if is_whole && lines.len() != page.len() {
        return Err("more was printed than the page shows".to_owned());
    }
    Ok(())
}

fn is_like(wanted: &str, line: &str) -> bool {
    let (wanted, line) = (plain(wanted), plain(line));
    let mut parts = wanted.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut is_open = false;
    for part in parts {
        is_open = true;
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        if part.is_empty() {
            return true;
        }
    }
    rest.is_empty() || (is_open && wanted.ends_with('…'))
}

/// A line without what differs each time: pins, times in milliseconds, instants, and the ports of clients.
fn plain(line: &str) -> String {
    let words = line.split(' ').collect::<Vec<_>>();
    let words = words.iter().enumerate().map(|(at, word)| match *word {
        _ if words.get(at + 1).is_some_and(|next| next.trim_end_matches([',', ';']) == "ms") => "#",
        word if word.starts_with("sha256//") => "sha256//",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_shown_is_found_or_named() {
    let page = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let is_shown = |shown: &str, printed: &str| compare(Some(&page(shown)), printed).is_ok();
    assert!(is_shown("a\nb", "a\nb\n"));
    assert!(!is_shown("a\nb", "b\na\n"));
    assert!(!is_shown("a", "a\nb\n"));
    assert!(is_shown("a\n…", "a\nb\n"));
    assert!(is_shown("a: … until …", "a: x until y\n"));
    assert!(!is_shown("a: … until …", "a: x, y\n"));
    assert!(!is_shown("a … c", "a b cd\n"));
    assert!(is_shown("connect 0.1 ms, pin sha256//x", "connect 17 ms, pin sha256//y"));
}
