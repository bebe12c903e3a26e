//! Chains made for a test: a root, authorities below it, and the certificate of a server or client.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
    SignatureAlgorithm, date_time_ymd,
};

use crate::support::certs::Issued;

pub type Issuer = CertifiedIssuer<'static, KeyPair>;

/// How a chain is made.
pub struct Plan {
    pub root: CertificateParams,
    /// From the root down.
    pub between: Vec<CertificateParams>,
    pub end: CertificateParams,
    /// Its issuer is another of the same name.
    pub is_forged: bool,
    /// The certificate is self-signed.
    pub is_self_signed: bool,
    /// Another root is trusted.
    pub is_root_unknown: bool,
    /// The root is trusted in an expired version as well, which comes first.
    pub is_root_renewed: bool,
    /// Nothing is trusted but the last certificate.
    pub is_end_trusted: bool,
    /// A root that has the name of its issuer, and another key, of this kind, is trusted as well.
    pub namesake: Option<&'static SignatureAlgorithm>,
    /// Only the last certificate is presented, not those that lead to the root.
    pub is_sent_alone: bool,
    /// The serial numbers that the last authority has revoked, if it has a list.
    pub revoked: Option<Vec<u64>>,
    /// Those that the root has revoked.
    pub revoked_by_root: Option<Vec<u64>>,
    /// Those that a further list of each of the two names.
    pub revoked_later: Option<Vec<u64>>,
    /// Until when these lists are good.
    pub lists_end: i32,
    /// The lists are signed by another key.
    pub are_lists_forged: bool,
    /// What the client asks for.
    pub host: &'static str,
    pub options: &'static [&'static str],
}

/// The serial numbers of the certificates of every plan.
pub const END: u64 = 7001;
pub const BETWEEN: u64 = 7002;

impl Plan {
    /// A good one for these names: localhost of an authority of a root.
    pub fn new(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut end = CertificateParams::new(names).unwrap();
        end.serial_number = Some(END.into());
        end.distinguished_name.push(DnType::CommonName, "the end");
        let mut between = authority("between");
        between.serial_number = Some(BETWEEN.into());
        Self {
            root: authority("the root"),
            between: vec![between],
            end,
            is_forged: false,
            is_self_signed: false,
            is_root_unknown: false,
            is_root_renewed: false,
            is_end_trusted: false,
            namesake: None,
            is_sent_alone: false,
            revoked: None,
            revoked_by_root: None,
            revoked_later: None,
            lists_end: 4000,
            are_lists_forged: false,
            host: "localhost",
            options: &[],
        }
    }
}

pub fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The files of a plan, removed on drop.
pub struct Made {
    folder: tempfile::TempDir,
    /// Root certificates to trust.
    pub trusted: PathBuf,
    /// The chain to present, and its key.
    pub shown: Issued,
    /// The revocation lists, if there are any.
    pub lists: Option<PathBuf>,
    /// The root, and the authorities below it.
    pub issuers: Vec<Issuer>,
    /// Another authority of the name of the last one.
    pub stranger: Issuer,
}

impl Made {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

pub fn make(plan: &Plan) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let root_key = key();
    let mut old_root = plan.root.clone();
    old_root.not_after = date_time_ymd(2001, 1, 1);
    let old_root = old_root.self_signed(&root_key).unwrap();
    let root = CertifiedIssuer::self_signed(plan.root.clone(), root_key).unwrap();
    let mut issuers = vec![root];
    for params in &plan.between {
        let issuer = CertifiedIssuer::signed_by(params.clone(), key(), issuers.last().unwrap()).unwrap();
        issuers.push(issuer);
    }
    let (own_key, last) = (key(), issuers.last().unwrap());
    let stranger =
        CertifiedIssuer::self_signed(plan.between.last().unwrap_or(&plan.root).clone(), key()).unwrap();
    let own = match plan {
        Plan { is_self_signed: true, .. } => plan.end.self_signed(&own_key).unwrap(),
        Plan { is_forged: true, .. } => plan.end.signed_by(&own_key, &stranger).unwrap(),
        _ => plan.end.signed_by(&own_key, last).unwrap(),
    };
    let mut chain = own.pem();
    if !plan.is_sent_alone && !plan.is_self_signed {
        chain.extend(issuers[1..].iter().rev().map(CertifiedIssuer::pem));
    }
    let unknown = CertifiedIssuer::self_signed(authority("unknown"), key()).unwrap();
    let trusted = match plan {
        Plan { is_root_unknown: true, .. } => unknown.pem(),
        Plan { is_root_renewed: true, .. } => old_root.pem() + &issuers[0].pem(),
        Plan { is_end_trusted: true, .. } => own.pem(),
        _ => issuers[0].pem(),
    };
    let namesake = plan.namesake.map_or_else(String::new, |kind| {
        let mut params = authority("");
        let issuer = if plan.is_self_signed { &plan.end } else { plan.between.last().unwrap_or(&plan.root) };
        params.distinguished_name = issuer.distinguished_name.clone();
        params.self_signed(&KeyPair::generate_for(kind).unwrap()).unwrap().pem()
    });
    let trusted = namesake + &trusted;
    let signer = if plan.are_lists_forged { &stranger } else { last };
    let of_last = plan.revoked.as_ref().map(|serials| list(serials, signer, plan.lists_end));
    let of_root = plan.revoked_by_root.as_ref().map(|serials| list(serials, &issuers[0], plan.lists_end));
    let later = plan
        .revoked_later
        .iter()
        .flat_map(|serials| [signer, &issuers[0]].map(|issuer| list(serials, issuer, plan.lists_end)));
    let lists: String = of_last.into_iter().chain(of_root).chain(later).collect();
    let shown = Issued { cert: file("chain.pem", &chain), key: file("end.key", &own_key.serialize_pem()) };
    let lists = (!lists.is_empty()).then(|| file("lists.pem", &lists));
    Made { trusted: file("trusted.pem", &trusted), shown, lists, folder, issuers, stranger }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn list(serials: &[u64], issuer: &Issuer, end: i32) -> String {
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 2),
        next_update: date_time_ymd(end, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().pem().unwrap()
}
