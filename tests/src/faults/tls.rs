//! TLS in front of a server that speaks without, with certificates that are right or wrong in one
//! way each.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tokio::{io::copy_bidirectional, net::TcpStream, runtime::Handle};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use super::listening::Listening;

/// An authority that nobody trusts who was not told of it.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// What an HTTP server says that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Authority {
    /// A new one.
    pub fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "An authority of these tests");
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        Ok(Self(issuer))
    }

    /// Its certificate, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `localhost` and `127.0.0.1`, which is where everything here is.
    pub fn right(&self) -> io::Result<Identity> {
        self.issue(&params(&["localhost", "127.0.0.1"])?)
    }

    /// One for another name.
    pub fn of_another_name(&self) -> io::Result<Identity> {
        self.issue(&params(&["elsewhere.example"])?)
    }

    /// One that was right once.
    pub fn expired(&self) -> io::Result<Identity> {
        let mut params = params(&["localhost", "127.0.0.1"])?;
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.issue(&params)
    }

    fn issue(&self, params: &CertificateParams) -> io::Result<Identity> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.0).map_err(io::Error::other)?;
        Ok(Identity { certificate, key })
    }
}

impl Identity {
    /// What makes an accepted connection one that speaks TLS, as a server with this certificate.
    pub fn acceptor(&self, protocol: Protocol) -> io::Result<TlsAcceptor> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn params(names: &[&str]) -> io::Result<CertificateParams> {
    let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
    CertificateParams::new(names).map_err(io::Error::other)
}

/// TLS on a loopback port in front of a server.
pub struct TlsFront {
    listening: Listening,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    handshakes: AtomicUsize,
}

impl TlsFront {
    /// Starts one in front of `server`, which must speak `protocol`.
    pub fn start(
        runtime: &Handle,
        identity: &Identity,
        protocol: Protocol,
        server: SocketAddr,
    ) -> io::Result<Self> {
        let acceptor = identity.acceptor(protocol)?;
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let listening = Listening::start(runtime, move |client| {
            shared.connections.fetch_add(1, Ordering::AcqRel);
            let (acceptor, counts) = (acceptor.clone(), Arc::clone(&shared));
            async move {
                let mut client = acceptor.accept(client).await?;
                counts.handshakes.fetch_add(1, Ordering::AcqRel);
                let mut server = TcpStream::connect(server).await?;
                server.set_nodelay(true)?;
                copy_bidirectional(&mut client, &mut server).await?;
                Ok(())
            }
        })?;
        Ok(Self { listening, counts })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Where it listens, as the address of an API: without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Acquire)
    }

    /// How many of them got as far as to be encrypted.
    pub fn handshakes(&self) -> usize {
        self.counts.handshakes.load(Ordering::Acquire)
    }
}
