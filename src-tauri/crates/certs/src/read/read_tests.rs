use aws_lc_rs::encoding::AsDer;
use proptest::prelude::*;
use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData};

use super::*;
use crate::{
    LabCa,
    testing::{DAY_US, lab_config, real_now_us},
};

fn self_signed(key: &KeyPair) -> Vec<u8> {
    let params = CertificateParams::new(vec!["boss.local".to_owned(), "10.0.0.1".to_owned()]).unwrap();
    params.self_signed(key).unwrap().der().to_vec()
}

#[test]
fn a_certificate_says_what_it_is() {
    let one = certificate(&self_signed(&KeyPair::generate().unwrap())).unwrap();
    assert_eq!(one.facts.names, ["boss.local", "10.0.0.1"]);
    assert_eq!(one.facts.fingerprint.len(), 64);
    assert!(!one.facts.is_ca);
    assert!(one.facts.not_before_us < one.facts.not_after_us);
}

#[test]
fn keys_of_every_kind_find_their_certificate_and_no_other() {
    let other = KeyPair::generate().unwrap();
    let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let rsa: aws_lc_rs::encoding::Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    let rsa = KeyPair::try_from(rsa.as_ref()).unwrap();
    let kinds = [
        ("P-256", KeyPair::generate().unwrap(), "PRIVATE KEY"),
        ("P-384", KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(), "PRIVATE KEY"),
        ("Ed25519", KeyPair::generate_for(&PKCS_ED25519).unwrap(), "PRIVATE KEY"),
        ("RSA", rsa, "PRIVATE KEY"),
        ("Talos", KeyPair::generate_for(&PKCS_ED25519).unwrap(), "ED25519 PRIVATE KEY"),
    ];
    for (kind, pair, label) in kinds {
        let public = certificate(&self_signed(&pair)).unwrap().public;
        let pem = pair.serialize_pem().replace("PRIVATE KEY", label);
        let found = key(&blocks(pem.as_bytes()).unwrap()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(found.belongs_to(&public), "{kind}");
        assert!(!found.belongs_to(other.der_bytes()), "{kind}");
    }
}

#[test]
fn keys_in_older_forms_are_read() {
    // Made by openssl: `ecparam -genkey` (SEC1) and `genrsa -traditional` (PKCS#1), with certificates by `req -x509`.
    for (name, pem) in
        [("SEC1", include_str!("testdata/sec1.pem")), ("PKCS#1", include_str!("testdata/pkcs1.pem"))]
    {
        let blocks = blocks(pem.as_bytes()).unwrap();
        let leaf = certificate(&blocks.certificates[0]).unwrap();
        assert!(
            key(&blocks).unwrap_or_else(|error| panic!("{name}: {error}")).belongs_to(&leaf.public),
            "{name}"
        );
        assert_eq!(leaf.facts.subject, "boss.local");
    }
}

#[test]
fn a_chain_leads_to_its_root_or_says_where_it_breaks() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let now = real_now_us();
    let ca = LabCa::open_or_create(folder.path(), &lab_config(), now).unwrap();
    let made = ca.sign(&["boss.local".to_owned()], None, now).unwrap();
    let chain = blocks(made.chain_pem.as_bytes()).unwrap().certificates;
    let leaf = certificate(&chain[0]).unwrap();
    let roots = [ca.root().der.clone()];
    let broken =
        |beside: &[Vec<u8>], roots: &[Vec<u8>], now| chain_broken(&leaf, beside, Anchors::These(roots), now);
    assert_eq!(broken(&chain[1..], &roots, now), None);
    let alone = broken(&[], &roots, now).unwrap();
    assert!(alone.contains("test lab CA intermediate"), "it names what is missing: {alone}");
    // Another CA of the same name: names lead there, signatures do not.
    let twin = LabCa::open_or_create(other.path(), &lab_config(), now).unwrap();
    let wrong = broken(&chain[1..], &[twin.root().der.clone()], now).unwrap();
    assert!(wrong.contains("signature"), "{wrong}");
    let wrong = broken(&[twin.intermediate().der.clone()], &roots, now).unwrap();
    assert!(wrong.contains("signature"), "{wrong}");
    assert!(broken(&chain[1..], &roots, now + 6 * 365 * DAY_US).unwrap().contains("has expired"));
    assert!(broken(&chain[1..], &roots, now - DAY_US).unwrap().contains("not yet valid"));
    assert_eq!(
        chain_broken(&leaf, &[], Anchors::Any, now),
        None,
        "of others nothing is known, and nothing held against them"
    );
    // Many CAs of one name cost a bounded time.
    let crowd: Vec<Vec<u8>> = std::iter::repeat_n(twin.intermediate().der.clone(), 500).collect();
    assert!(broken(&crowd, &roots, now).is_some());
}

#[test]
fn who_is_no_ca_signs_nothing() {
    let (key_pair, below) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(vec!["boss.local".to_owned()]).unwrap();
    params.is_ca = IsCa::ExplicitNoCa;
    let fake = params.self_signed(&key_pair).unwrap();
    let issuer = Issuer::from_ca_cert_der(fake.der(), &key_pair).unwrap();
    let leaf =
        CertificateParams::new(vec!["evil.local".to_owned()]).unwrap().signed_by(&below, &issuer).unwrap();
    let leaf = certificate(leaf.der()).unwrap();
    let why = chain_broken(&leaf, &[], Anchors::These(&[fake.der().to_vec()]), real_now_us()).unwrap();
    assert!(why.contains("is no CA"), "{why}");
}

#[test]
fn names_are_compared_as_browsers_do() {
    let table = [
        ("boss.local", "boss.local", true),
        ("Boss.Local", "boss.local.", true),
        ("*.local", "boss.local", true),
        ("*.local", "a.boss.local", false),
        ("*.local", "local", false),
        ("*.local", ".local", false),
        ("local", "boss.local", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("*.0.0.1", "127.0.0.1", false),
        ("::1", "0:0:0:0:0:0:0:1", true),
    ];
    for (given, wanted, expected) in table {
        assert_eq!(covers(given, wanted), expected, "{given} for {wanted}");
    }
    let given = ["boss.local".to_owned()];
    let wanted = ["boss.local", "192.168.122.1"].map(str::to_owned);
    assert_eq!(missing(&given, &wanted), ["192.168.122.1"]);
}

#[test]
fn nonsense_is_refused_in_words_and_without_its_bytes() {
    let table: [(&[u8], &str); 5] = [
        (b"", "no certificate"),
        (b"hello", "no certificate"),
        (b"\x30\x82\xff\xff", "no certificate (X.509)"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate (X.509)"),
        (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "PEM is damaged"),
    ];
    for (bytes, expected) in table {
        let read = blocks(bytes)
            .and_then(|all| certificate(all.certificates.first().ok_or(Unreadable::NoCertificate)?));
        let said = read.unwrap_err().to_string();
        assert!(said.contains(expected), "{said} for {bytes:?}");
    }
    let secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0IGtleSBieXRlcw==\n-----END PRIVATE KEY-----\n";
    let said = key(&blocks(secret.as_bytes()).unwrap()).err().unwrap().to_string();
    assert!(!said.contains("secret") && said.contains("damaged"), "{said}");
    let locked = secret.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(key(&blocks(locked.as_bytes()).unwrap()).err(), Some(Unreadable::Encrypted));
}

proptest! {
    #[test]
    fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0_usize..500, flip in any::<u8>()) {
        let _ = blocks(&bytes).map(|all| all.certificates.iter().for_each(|one| drop(certificate(one))));
        let mut der = self_signed(&KeyPair::generate().unwrap());
        let at = at % der.len();
        der[at] ^= flip;
        if let Ok(one) = certificate(&der) {
            let broken = chain_broken(&one, std::slice::from_ref(&der), Anchors::Any, real_now_us());
            prop_assert!(broken.is_none() || !broken.unwrap_or_default().is_empty());
        }
    }
}
