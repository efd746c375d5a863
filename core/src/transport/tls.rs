//! Which certificates are trusted: the platform's, else the bundled public roots, and always what
//! the caller adds. There is no way to trust anything.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::config::CaBundle;
use crate::error::{Error, Result};

/// The certificates of a bundle. A bundle without any is refused: it was surely meant to hold one.
pub(crate) fn read_bundle(bundle: CaBundle) -> Result<Vec<CertificateDer<'static>>> {
    let pem = match bundle {
        CaBundle::Pem(pem) => pem,
        CaBundle::Path(path) => std::fs::read(&path).map_err(|error| {
            Error::configuration(format!(
                "ca_bundle {} cannot be read: {error}",
                path.display()
            ))
        })?,
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| Error::configuration("ca_bundle is not in PEM form"))?;
    if certificates.is_empty() {
        return Err(Error::configuration("ca_bundle holds no certificate"));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(certificate.clone())
            .map_err(|error| Error::configuration(format!("ca_bundle: {error}")))?;
    }
    Ok(certificates)
}

/// The TLS settings of a client. `None` trusts nobody: for a client that only speaks plain HTTP and
/// should not pay for reading the platform's certificates.
pub(crate) fn client_config(
    extra_roots: Option<&[CertificateDer<'static>]>,
) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::configuration(format!("TLS: {error}")))?;
    let mut config = match extra_roots {
        None => builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth(),
        Some(extra) => {
            match Verifier::new_with_extra_roots(extra.iter().cloned(), provider.clone()) {
                Ok(platform) => builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(platform))
                    .with_no_client_auth(),
                // Small containers have no certificates of their own.
                Err(_) => builder
                    .with_webpki_verifier(bundled_verifier(extra, provider)?)
                    .with_no_client_auth(),
            }
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// No client has a key of its own, so nothing that signs is linked in.
fn provider() -> CryptoProvider {
    CryptoProvider {
        key_provider: &NoKeys,
        ..ring::default_provider()
    }
}

#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> std::result::Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("a client has no key".to_owned()))
    }
}

fn bundled_verifier(
    extra: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(extra.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::configuration(format!("TLS: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_bundle_must_hold_certificates() {
        for pem in [
            "",
            "not pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let error = read_bundle(CaBundle::Pem(pem.into())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{pem}");
        }
        let missing = read_bundle(CaBundle::Path("/no/such/file.pem".into())).unwrap_err();
        assert!(missing.message().contains("/no/such/file.pem"));
    }

    #[test]
    fn the_bundled_roots_serve_where_the_platform_has_none() {
        assert!(bundled_verifier(&[], Arc::new(provider())).is_ok());
    }
}
