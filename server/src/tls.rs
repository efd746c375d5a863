//! Serving over TLS: the certificate, its key, and replacing both while the server runs.
//!
//! Knows files and handshakes, and nothing of what is said over them. TLS 1.2 and 1.3, and HTTP/1.1
//! by ALPN: the limits of [`lifecycle`](crate::lifecycle) are those of its connections.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use zeroize::Zeroizing;

/// Why a certificate and its key cannot be used. Shows no key.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// The file holds no certificate, or something else.
    #[error("{0} holds no certificate in PEM form")]
    Certificate(PathBuf),
    /// The file holds no private key, or none of a known kind, or one that a password protects.
    #[error("{0} holds no RSA, ECDSA or Ed25519 key in PEM form without a password")]
    Key(PathBuf),
    /// The two do not belong together.
    #[error("the key in {1} is not the one of the certificate in {0}")]
    Mismatch(PathBuf, PathBuf),
    /// The library refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Settings(#[from] rustls::Error),
}

/// The server's side of TLS.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    /// Replaced as a whole, so that no session of an old certificate is taken up again.
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the server's certificate, followed by those that lead to its authority, and its key:
    /// both in PEM form. The two files may be one.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            config: RwLock::new(read(certificate, key)?),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Reads the files anew, for the connections that come from now on; those that are open stay as
    /// they are. After an error all is as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.certificate, &self.key)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let file = |path: &Path| {
        let bytes = std::fs::read(path).map(Zeroizing::new);
        bytes.map_err(|error| TlsError::Read(path.to_owned(), error))
    };
    // What the parser says of a line it cannot read repeats the line.
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&file(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate(certificate.to_owned()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate(certificate.to_owned()));
    }
    let private =
        PrivateKeyDer::from_pem_slice(&file(key)?).map_err(|_| TlsError::Key(key.to_owned()))?;
    let provider = Arc::new(ring::default_provider());
    let signing = (provider.key_provider.load_private_key(private))
        .map_err(|_| TlsError::Key(key.to_owned()))?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        Ok(()) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(TlsError::Mismatch(certificate.to_owned(), key.to_owned()));
        }
        Err(_) => return Err(TlsError::Certificate(certificate.to_owned())),
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
