//! Revocation lists in forms that rcgen does not write, in DER, signed by an issuer of the workshop.

use rcgen::SigningKey;

use crate::workshop::Issuer;

/// A list to be made.
#[derive(Clone)]
pub struct List<'a> {
    pub issuer: &'a Issuer,
    /// Whose name it has.
    pub name: Vec<u8>,
    pub is_first_version: bool,
    pub begin: &'static str,
    pub end: Option<&'static str>,
    pub entries: Vec<Vec<u8>>,
    pub extensions: Vec<Vec<u8>>,
}

impl<'a> List<'a> {
    /// A current list without entries and extensions, by the authority of this name.
    pub fn by(issuer: &'a Issuer, name: &str) -> Self {
        let (begin, end) = ("20200102000000Z", Some("40000101000000Z"));
        let (entries, extensions) = (Vec::new(), Vec::new());
        Self { issuer, name: named(12, name), is_first_version: false, begin, end, entries, extensions }
    }

    pub fn first_version(self) -> Self {
        Self { is_first_version: true, ..self }
    }

    pub fn begin(self, begin: &'static str) -> Self {
        Self { begin, ..self }
    }

    pub fn end(self, end: Option<&'static str>) -> Self {
        Self { end, ..self }
    }

    /// With its issuer's name as a string of this type.
    pub fn name(self, tag: u8, name: &str) -> Self {
        Self { name: named(tag, name), ..self }
    }

    /// With a certificate that is revoked.
    pub fn entry(self, serial: u64) -> Self {
        self.entry_with(serial, &[])
    }

    /// The same with extensions of its own.
    pub fn entry_with(mut self, serial: u64, extensions: &[Vec<u8>]) -> Self {
        let extensions = if extensions.is_empty() { Vec::new() } else { value(0x30, &extensions.concat()) };
        let fields = [value(2, &serial.to_be_bytes()[6..]), time("20200101000000Z"), extensions];
        self.entries.push(value(0x30, &fields.concat()));
        self
    }

    pub fn extension(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub fn pem(&self) -> String {
        pem(&self.der())
    }

    pub fn der(&self) -> Vec<u8> {
        // ecdsa-with-SHA256
        let algorithm = value(0x30, &value(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
        let signed = value(0x30, &self.fields(&algorithm).concat());
        let signature = [vec![0], self.issuer.key().sign(&signed).unwrap()].concat();
        value(0x30, &[signed, algorithm, value(3, &signature)].concat())
    }

    fn fields(&self, algorithm: &[u8]) -> Vec<Vec<u8>> {
        let mut fields = Vec::new();
        if !self.is_first_version {
            fields.push(value(2, &[1]));
        }
        fields.extend([algorithm.to_vec(), self.name.clone(), time(self.begin)]);
        fields.extend(self.end.map(time));
        if !self.entries.is_empty() {
            fields.push(value(0x30, &self.entries.concat()));
        }
        if !self.extensions.is_empty() {
            fields.push(value(0xa0, &value(0x30, &self.extensions.concat())));
        }
        fields
    }
}

/// A value of DER.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(content.len()) {
        Ok(short @ ..0x80) => vec![short],
        Ok(long) => vec![0x81, long],
        _ => [&[0x83], &(u32::try_from(content.len()).unwrap()).to_be_bytes()[1..]].concat(),
    };
    let length = match length[..] {
        [0x83, 0, high, low] => vec![0x82, high, low],
        _ => length,
    };
    [&[tag][..], &length, content].concat()
}

/// An extension with this object identifier.
pub fn extension(kind: &[u8], is_critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if is_critical { value(1, &[0xff]) } else { Vec::new() };
    value(0x30, &[value(6, kind), critical, value(4, content)].concat())
}

/// One that the standard defines, 2.5.29 and this number.
pub fn standard(number: u8, is_critical: bool, content: &[u8]) -> Vec<u8> {
    extension(&[0x55, 0x1d, number], is_critical, content)
}

/// The scope of a list (issuing distribution point).
pub fn scope(fields: &[Vec<u8>]) -> Vec<u8> {
    standard(28, true, &value(0x30, &fields.concat()))
}

/// The name of a distribution point, a URI.
pub fn point(uri: &str) -> Vec<u8> {
    value(0xa0, &value(0xa0, &value(0x86, uri.as_bytes())))
}

/// Why a certificate is revoked.
pub fn reason(code: u8) -> Vec<u8> {
    standard(21, false, &value(10, &[code]))
}

fn time(text: &str) -> Vec<u8> {
    value(0x18, text.as_bytes())
}

/// A distinguished name that is a common name of this string type.
pub fn named(tag: u8, name: &str) -> Vec<u8> {
    let attribute = [value(6, &[0x55, 4, 3]), value(tag, name.as_bytes())].concat();
    value(0x30, &value(0x31, &value(0x30, &attribute)))
}

/// A list as a file has it.
pub fn pem(der: &[u8]) -> String {
    astream::Certificate::from_der(der).to_pem().replace("CERTIFICATE", "X509 CRL")
}
