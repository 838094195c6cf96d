//! `overt cert`: a certificate for development, from an authority of one's own.
//!
//! The authority stays in its folder: told to trust it once, a browser trusts every certificate
//! that it signs later. Its name is made of its key, so that two authorities are never mixed up.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use super::failure::Failure;
use super::server::say;
use crate::net::transport::rustls::pki_types::CertificateDer;
use crate::net::transport::rustls::pki_types::pem::PemObject;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// This machine, as people write it.
const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// How long an authority is valid: ten years.
const AUTHORITY_DAYS: u32 = 3650;

#[derive(Args)]
pub(super) struct Cert {
    /// Host names and addresses that it is for
    #[arg(value_name = "NAME", default_values = LOCALHOST)]
    names: Vec<String>,
    /// The folder for ca.pem and ca.key (used, if they are there), cert.pem and cert.key
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// What the two files of the certificate are called, before .pem and .key
    #[arg(long, value_name = "NAME", default_value = "cert")]
    name: String,
    /// For how many days it is valid
    #[arg(long, value_name = "N", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(1..=825))]
    days: u32,
}

pub(super) fn run(cert: &Cert) -> Result<(), Failure> {
    make(cert).map_err(|error| Failure::system("no certificate", &error))
}

fn make(cert: &Cert) -> io::Result<()> {
    let at = |name: String| cert.out.join(name);
    let (chain, key_file) = (at(format!("{}.pem", cert.name)), at(format!("{}.key", cert.name)));
    // Before anything is written.
    for path in [&chain, &key_file] {
        if path.exists() {
            let what = format!("`{}` is there already; choose another --name", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
    }
    let mut params = params(&cert.names, cert.days)?;
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // RFC 5280, 4.2.1.1: Python 3.13 and others trust none without.
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let authority = authority(&at("ca.pem".into()), &at("ca.key".into()))?;
    let signed = params.signed_by(&key, &authority).map_err(io::Error::other)?;
    write_new(&key_file, &key.serialize_pem(), true)?;
    write_new(&chain, &signed.pem(), false)?;
    let (ca, chain, key) = (at("ca.pem".into()), chain.display(), key_file.display());
    let ca = ca.display();
    say(format_args!("{ca}: the authority; trust it where you test, and keep its key to yourself"));
    say(format_args!("{chain}, {key}: for {}, {} days", cert.names.join(", "), cert.days));
    say(format_args!("try:  overt echo --tls-cert {chain} --tls-key {key}"));
    say(format_args!("then: openssl s_client -quiet -CAfile {ca} -connect 127.0.0.1:7000"));
    Ok(())
}

/// The authority of this folder: the one that is there, or a new one.
fn authority(certificate: &Path, key: &Path) -> io::Result<Issuer<'static, KeyPair>> {
    match (certificate.exists(), key.exists()) {
        (true, true) => known_authority(certificate, key),
        (false, false) => {
            let pair = KeyPair::generate().map_err(io::Error::other)?;
            let params = authority_params(&pair)?;
            let made = CertifiedIssuer::self_signed(params.clone(), &pair);
            write_new(key, &pair.serialize_pem(), true)?;
            write_new(certificate, &made.map_err(io::Error::other)?.pem(), false)?;
            Ok(Issuer::new(params, pair))
        }
        (has_certificate, _) => {
            let (here, missing) =
                if has_certificate { (certificate, key) } else { (key, certificate) };
            let (here, missing) = (here.display(), missing.display());
            Err(wrong(format!("`{here}` is there without `{missing}`; remove it, or choose --out")))
        }
    }
}

fn known_authority(certificate: &Path, key: &Path) -> io::Result<Issuer<'static, KeyPair>> {
    let text = read(key)?;
    let unusable = |error: rcgen::Error| wrong(format!("no key in `{}`: {error}", key.display()));
    let pair = KeyPair::from_pem(&text).map_err(unusable)?;
    let params = authority_params(&pair)?;
    let der = CertificateDer::from_pem_slice(read(certificate)?.as_bytes());
    let name = authority_name(&pair);
    // Its name tells the key that it was made for.
    let is_ours = der.is_ok_and(|der| der.windows(name.len()).any(|at| at == name.as_bytes()));
    if !is_ours {
        let what = "is not what `overt cert` made for the key beside it; choose another --out";
        return Err(wrong(format!("`{}` {what}", certificate.display())));
    }
    Ok(Issuer::new(params, pair))
}

fn authority_params(key: &KeyPair) -> io::Result<CertificateParams> {
    let mut params = params(&[], AUTHORITY_DAYS)?;
    params.distinguished_name.push(DnType::CommonName, authority_name(key));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn authority_name(key: &KeyPair) -> String {
    let last = key.public_key_raw().iter().rev().take(4);
    let digits: String = last.map(|byte| format!("{byte:02x}")).collect();
    format!("overt development authority {digits}")
}

fn params(names: &[String], days: u32) -> io::Result<CertificateParams> {
    let unusable = |error| wrong(format!("the names {}: {error}", names.join(", ")));
    let mut params = CertificateParams::new(names).map_err(unusable)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(first) = names.first() {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    // Clocks differ, and a machine that is a little behind is to be served, too.
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    Ok(params)
}

fn read(path: &Path) -> io::Result<String> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot read `{}`: {error}", path.display()))
    };
    fs::read_to_string(path).map_err(named)
}

/// Writes a file that is not there yet; a secret is for its owner alone.
fn write_new(path: &Path, text: &str, secret: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = secret;
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot write `{}`: {error}", path.display()))
    };
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(named)
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
