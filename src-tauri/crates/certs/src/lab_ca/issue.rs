//! The three kinds of certificate that the lab CA makes.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType, Error,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    SerialNumber,
};
use x509_parser::time::ASN1Time;

use super::scope::Scope;

/// Clocks of the lab differ by seconds; a certificate that is valid from now on is not yet valid for some of them.
pub(super) const LEAF_BACKDATED: i64 = 120;

/// Seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) from: i64,
    pub(super) until: i64,
}

pub(super) fn root(name: &str, scope: &Scope, life: Life, key: &KeyPair) -> Result<Certificate, Error> {
    authority(name, scope, life, BasicConstraints::Constrained(1))?.self_signed(key)
}

pub(super) fn intermediate(
    name: &str,
    scope: &Scope,
    life: Life,
    key: &KeyPair,
    issuer: &Issuer<'_, &KeyPair>,
) -> Result<Certificate, Error> {
    authority(name, scope, life, BasicConstraints::Constrained(0))?.signed_by(key, issuer)
}

pub(super) fn leaf(
    names: &[String],
    life: Life,
    key: &KeyPair,
    issuer: &Issuer<'_, &KeyPair>,
) -> Result<Certificate, Error> {
    let mut params = CertificateParams::new(names.to_vec())?;
    dated(&mut params, names.first().map_or("", String::as_str), life)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.signed_by(key, issuer)
}

/// Constraints stand in the root too: whoever imports it believes it for the lab only (RFC 5280, 4.2.1.10).
fn authority(
    name: &str,
    scope: &Scope,
    life: Life,
    depth: BasicConstraints,
) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    dated(&mut params, name, life)?;
    params.is_ca = IsCa::Ca(depth);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let names = scope.domains.iter().map(|name| GeneralSubtree::DnsName(name.clone()));
    let networks = scope
        .networks
        .iter()
        .map(|(address, prefix)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *prefix)));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.chain(networks).collect(),
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

fn dated(params: &mut CertificateParams, name: &str, life: Life) -> Result<(), Error> {
    let time =
        |seconds| ASN1Time::from_timestamp(seconds).map(|time| time.to_datetime()).map_err(|_| Error::Time);
    params.not_before = time(life.from)?;
    params.not_after = time(life.until)?;
    params.distinguished_name = DistinguishedName::new();
    // RFC 5280, A.1: a common name has 64 characters at most.
    params.distinguished_name.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    params.use_authority_key_identifier_extension = true;
    // rcgen would take the key's hash: two certificates of one key would have one serial number.
    let mut serial = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| Error::RingUnspecified)?;
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(())
}

/// Whether a subtree of addresses covers this one.
pub(super) fn within(address: IpAddr, network: (IpAddr, u8)) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()) << 96, 32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    };
    let ((a, width), (b, other)) = (bits(address), bits(network.0));
    width == other && (network.1 == 0 || (a ^ b) >> (128 - u32::from(network.1.min(128))) == 0)
}
