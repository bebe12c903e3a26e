//! Digest authentication (RFC 7616), for a CONNECT, which has no body.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512_256, digest};
use aws_lc_rs::rand;
use http_auth::{ChallengeRef, ParamValue};

use super::login::Login;
use crate::certificate::hex;

/// A hash, and whether it is applied once more for each session.
struct Method {
    name: &'static str,
    hash: fn(&str) -> String,
    is_of_session: bool,
}

/// Those that RFC 7616 has, MD5 among them because many proxies have nothing else.
static METHODS: [Method; 6] = [
    Method { name: "MD5", hash: md5, is_of_session: false },
    Method { name: "MD5-sess", hash: md5, is_of_session: true },
    Method { name: "SHA-256", hash: sha256, is_of_session: false },
    Method { name: "SHA-256-sess", hash: sha256, is_of_session: true },
    Method { name: "SHA-512-256", hash: sha512_256, is_of_session: false },
    Method { name: "SHA-512-256-sess", hash: sha512_256, is_of_session: true },
];

fn md5(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

fn sha256(text: &str) -> String {
    hexadecimal(&SHA256, text)
}

fn sha512_256(text: &str) -> String {
    hexadecimal(&SHA512_256, text)
}

fn hexadecimal(algorithm: &'static Algorithm, text: &str) -> String {
    hex(digest(algorithm, text.as_bytes()).as_ref())
}

/// Whether the proxy says that only its challenge was too old, and not that the secret was wrong.
pub(super) fn is_stale(challenge: &ChallengeRef<'_>) -> bool {
    let is_true = |value: ParamValue<'_>| value.as_escaped().eq_ignore_ascii_case("true");
    is_digest(challenge) && parameter(challenge, "stale").is_some_and(is_true)
}

/// The value of the header that answers `challenge`; none if that is another scheme, or not supported.
pub(super) fn respond(login: &Login, challenge: &ChallengeRef<'_>, uri: &str) -> Option<String> {
    let mut nonce = [0; 16];
    rand::fill(&mut nonce).ok()?;
    respond_with(login, challenge, ("CONNECT", uri), &hex(&nonce))
}

/// The same for any request, with a nonce of ours (RFC 7616, 3.4).
fn respond_with(
    Login { user, secret }: &Login,
    challenge: &ChallengeRef<'_>,
    (verb, uri): (&str, &str),
    own_nonce: &str,
) -> Option<String> {
    let method = Method::of(challenge)?;
    let hash = method.hash;
    let (realm, nonce) = (parameter(challenge, "realm")?, parameter(challenge, "nonce")?);
    // Without a list it is as it was before RFC 2617.
    let offered = parameter(challenge, "qop");
    if offered.is_some_and(|list| !list.as_escaped().split(',').any(is_auth)) {
        return None;
    }
    let mut identity = hash(&format!("{user}:{}:{secret}", realm.to_unescaped()));
    let challenged = nonce.to_unescaped();
    if method.is_of_session {
        identity = hash(&format!("{identity}:{challenged}:{own_nonce}"));
    }
    let counted = if offered.is_some() { format!("00000001:{own_nonce}:auth:") } else { String::new() };
    let request = hash(&format!("{verb}:{uri}"));
    let response = hash(&format!("{identity}:{challenged}:{counted}{request}"));
    let mut fields = vec![
        format!("username=\"{}\"", escaped(user)),
        format!("realm=\"{}\"", realm.as_escaped()),
        format!("nonce=\"{}\"", nonce.as_escaped()),
        format!("uri=\"{uri}\", response=\"{response}\""),
    ];
    fields.extend(parameter(challenge, "algorithm").map(|_| format!("algorithm={}", method.name)));
    fields.extend(parameter(challenge, "opaque").map(|opaque| format!("opaque=\"{}\"", opaque.as_escaped())));
    fields.extend(offered.map(|_| "qop=auth, nc=00000001".to_owned()));
    if offered.is_some() || method.is_of_session {
        fields.push(format!("cnonce=\"{own_nonce}\""));
    }
    Some(format!("Digest {}", fields.join(", ")))
}

impl Method {
    /// The one that a challenge by Digest names, if it is known.
    fn of(challenge: &ChallengeRef<'_>) -> Option<&'static Self> {
        let name = parameter(challenge, "algorithm").map_or("MD5", |value| value.as_escaped());
        let methods = METHODS.iter().filter(|_| is_digest(challenge));
        methods.into_iter().find(|method| method.name.eq_ignore_ascii_case(name))
    }
}

/// Quality of protection: of the request alone, not of its body.
fn is_auth(qop: &str) -> bool {
    qop.trim().eq_ignore_ascii_case("auth")
}

fn is_digest(challenge: &ChallengeRef<'_>) -> bool {
    challenge.scheme.eq_ignore_ascii_case("Digest")
}

fn parameter<'a>(challenge: &ChallengeRef<'a>, name: &str) -> Option<ParamValue<'a>> {
    challenge.params.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// What stands between quotes (RFC 9110, 5.6.4).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use http_auth::ChallengeParser;

    use super::*;

    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const OWN_NONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    /// The answer to a challenge with these parameters, as in the examples of RFC 7616, 3.9.1.
    fn answer(parameters: &str) -> Option<String> {
        let login = Login::new("Mufasa".to_owned(), "Circle of Life".to_owned());
        let challenge = format!(
            "Digest realm=\"http-auth@example.org\", nonce=\"{NONCE}\", opaque=\"a\\\"b\", {parameters}"
        );
        let challenge = ChallengeParser::new(&challenge).next().unwrap().unwrap();
        respond_with(&login, &challenge, ("GET", "/dir/index.html"), OWN_NONCE)
    }

    #[test]
    fn the_examples_of_the_rfc_are_answered_as_it_says() {
        for (parameters, response, more) in [
            (
                "qop=\"auth, auth-int\", algorithm=SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
                "algorithm=SHA-256, opaque=\"a\\\"b\", qop=auth, nc=00000001, cnonce=",
            ),
            (
                "qop=\"auth, auth-int\", algorithm=md5",
                "8ca523f5e9506fed4657c9700eebdbec",
                "algorithm=MD5, opaque=\"a\\\"b\", qop=auth, nc=00000001, cnonce=",
            ),
            // Made with another implementation.
            ("qop=auth", "8ca523f5e9506fed4657c9700eebdbec", "qop=auth"),
            ("algorithm=MD5-sess, qop=auth", "e783283f46242139c486a698fec7211d", "algorithm=MD5-sess"),
            ("stale=false", "7b2cc3b30e75b4777ea31027084363fd", "opaque=\"a\\\"b\""),
        ] {
            let header = answer(parameters).unwrap();
            assert!(header.contains(&format!("response=\"{response}\", ")), "{parameters}: {header}");
            assert!(header.contains(more), "{parameters}: {header}");
            assert_eq!(header.contains("algorithm="), parameters.contains("algorithm="), "{header}");
            assert_eq!(header.contains("cnonce="), parameters.contains("qop"), "{header}");
        }
    }

    #[test]
    fn what_is_not_supported_is_not_answered() {
        for parameters in ["qop=auth-int", "algorithm=SHA-1, qop=auth", "algorithm=\"\""] {
            assert_eq!(answer(parameters), None, "{parameters}");
        }
        let login = Login::new("Mufasa".to_owned(), String::new());
        for challenge in ["Basic realm=\"x\", nonce=\"y\"", "Digest realm=\"x\"", "Digest nonce=\"x\""] {
            let challenge = ChallengeParser::new(challenge).next().unwrap().unwrap();
            assert_eq!(respond(&login, &challenge, "h:1"), None, "{challenge:?}");
        }
    }

    #[test]
    fn each_answer_has_a_nonce_of_its_own() {
        let login = Login::new("a\"b\\".to_owned(), String::new());
        let challenge = ChallengeParser::new("Digest realm=x, nonce=y, qop=auth").next().unwrap().unwrap();
        let [one, other] = [(); 2].map(|()| respond(&login, &challenge, "h:1").unwrap());
        assert_ne!(one, other);
        assert!(
            one.starts_with("Digest username=\"a\\\"b\\\\\", realm=\"x\", nonce=\"y\", uri=\"h:1\", "),
            "{one}"
        );
    }
}
