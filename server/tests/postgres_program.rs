//! The commands with `--store postgres://…`: whose key it is, what `migrate` says, and how the
//! connection is encrypted.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "common/postgres.rs"]
mod postgres;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tempfile::TempDir;

/// A machine with the program on it.
struct Machine {
    folder: TempDir,
    store: String,
    roots: Option<String>,
}

impl Machine {
    fn new(store: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            store: store.to_owned(),
            roots: None,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Status, standard output and standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verigator"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VERIGATOR_")) {
            command.env_remove(name);
        }
        if let Some(roots) = &self.roots {
            command
                .env("SSL_CERT_FILE", roots)
                .env_remove("SSL_CERT_DIR");
        }
        let output = command
            .args(arguments)
            .env("VERIGATOR_STORE", &self.store)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, said(output.stdout), said(output.stderr))
    }

    fn refused(&self, arguments: &[&str]) -> String {
        self.ended_with(2, arguments)
    }

    fn ended_with(&self, status: i32, arguments: &[&str]) -> String {
        let (code, out, said) = self.run(arguments);
        assert_eq!((code, out.as_str()), (status, ""), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }
}

#[tokio::test]
async fn all_machines_need_the_key_of_the_first() {
    // The database takes any password.
    let url = postgres::database().await.replace('@', ":s3cret@");
    let shown = url.replace("verigator:s3cret@", "");
    let first = Machine::new(&url);
    let migrate = || first.run(&["migrate"]);
    let made = format!("{shown}: the tables were made, version 2\n");
    assert_eq!(migrate(), (0, made, String::new()));
    let same = format!("{shown}: the tables are up to date, version 2\n");
    assert_eq!(migrate(), (0, same, String::new()));
    assert_eq!(first.path().read_dir().unwrap().count(), 0);
    // A new database gets a new key.
    let (code, password, said) = first.run(&["account", "create", "shop"]);
    assert_eq!((code, password.len()), (0, 33), "{said}");
    let key = first.path().join("verigator.key");

    let second = Machine::new(&url);
    let none = second.refused(&["account", "list"]);
    assert!(none.contains("verigator.key is not there"), "{none}");
    assert_eq!(second.path().read_dir().unwrap().count(), 0);
    let other = Machine::new("memory:");
    other.run(&["migrate", "--store", "sqlite:db"]);
    other.run(&["account", "list", "--store", "sqlite:db"]);
    let others = other.path().join("verigator.key");
    let wrong = second.refused(&["account", "list", "--key-file", others.to_str().unwrap()]);
    assert!(
        wrong.starts_with(&format!(
            "verigator: cannot open {shown}: the server's key is not"
        )),
        "{wrong}"
    );
    fs::copy(key, second.path().join("verigator.key")).unwrap();
    let (code, listed, _) = second.run(&["account", "list"]);
    assert!(code == 0 && listed.starts_with("shop "), "{listed}");
    let nobody = second.refused(&["users", "unlock", &uuid::Uuid::nil().to_string()]);
    assert_eq!(nobody, "verigator: no such user\n");

    let client = postgres::client(&url).await;
    let later = "UPDATE schema_version SET version = 99";
    client.batch_execute(later).await.unwrap();
    let newer = first.refused(&["migrate"]);
    assert!(
        newer.ends_with("has version 99, this program knows up to 2\n"),
        "{newer}"
    );
}

#[test]
fn a_password_is_nowhere_to_be_seen() {
    let machine = Machine::new("postgres://jo:s3cret@127.0.0.1:1/x");
    let said = machine.ended_with(3, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("postgres://127.0.0.1:1/x: "), "{said}");
    let (code, help, said) = machine.run(&["serve", "--help"]);
    assert_eq!(code, 0);
    assert!(help.contains("VERIGATOR_STORE"), "{help}");
    let typo = Machine::new("postgres//jo:s3cret@127.0.0.1:1/x").refused(&["account", "list"]);
    let part =
        Machine::new("postgres://jo:s3cret@db/x?sslmode=s3cret").refused(&["account", "list"]);
    assert!(
        part.starts_with("verigator: --store: a database is postgres://"),
        "{part}"
    );
    for said in [said, help, typo, part] {
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[tokio::test]
async fn the_connection_is_encrypted_as_the_url_says() {
    let plain = postgres::database().await;
    let server = tokio::task::spawn_blocking(postgres::Postgres::start)
        .await
        .unwrap();
    let url = server.database().await.replace("127.0.0.1", "localhost");
    let folder = tempfile::tempdir().unwrap();
    let root = {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &root).unwrap();
    let roots = folder.path().join("roots.pem");
    fs::write(&roots, root.pem()).unwrap();

    // The database writes the files, so that they are its own.
    let client = postgres::client(&url).await;
    let data = "SELECT current_setting('data_directory')";
    let data: String = client.query_one(data, &[]).await.unwrap().get(0);
    for (name, pem) in [
        ("tls.key", key.serialize_pem()),
        ("tls.crt", certificate.pem()),
    ] {
        let copy = format!(
            "COPY (SELECT string_to_table('{}', chr(10))) TO '{data}/{name}'",
            pem.replace("\r\n", "\n").trim()
        );
        client.batch_execute(&copy).await.unwrap();
        let only_its_own = fs::Permissions::from_mode(0o600);
        fs::set_permissions(format!("{data}/{name}"), only_its_own).unwrap();
    }
    for set in [
        "ALTER SYSTEM SET ssl_key_file = 'tls.key'",
        "ALTER SYSTEM SET ssl_cert_file = 'tls.crt'",
        "ALTER SYSTEM SET ssl = on",
        "SELECT pg_reload_conf()",
    ] {
        client.batch_execute(set).await.unwrap();
    }
    let encrypted = async |client: &tokio_postgres::Client| -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                   WHERE ssl AND application_name = 'verigator'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };

    let machine = |url: &str, roots: Option<&Path>| {
        let mut machine = Machine::new(url);
        machine.roots = roots.map(|it| it.to_str().unwrap().to_owned());
        machine
    };
    let list = ["migrate"];
    let with = |mode: &str| format!("{url}?sslmode={mode}");
    for (url, roots) in [
        (url.clone(), None),
        (with("disable"), None),
        (with("require"), Some(roots.as_path())),
    ] {
        let (code, _, said) = machine(&url, roots).run(&list);
        assert_eq!(code, 0, "{url}: {said}");
    }
    let unknown = machine(&with("require"), None).refused(&list);
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    let another_name = with("require").replace("localhost", "127.0.0.1");
    let another_name = machine(&another_name, Some(&roots)).refused(&list);
    assert!(
        another_name.contains("not valid for name"),
        "{another_name}"
    );
    let none = machine(&format!("{plain}?sslmode=require"), Some(&roots)).refused(&list);
    assert!(none.contains("does not support TLS"), "{none}");

    // What a store says of itself, from inside the database.
    for (mode, is_encrypted) in [("disable", false), ("prefer", true)] {
        use verigator_server::store::postgres::Database;
        let database = Database::connect(&with(mode).parse().unwrap())
            .await
            .unwrap();
        assert_eq!(encrypted(&client).await > 0, is_encrypted, "{mode}");
        drop(database);
    }
}
