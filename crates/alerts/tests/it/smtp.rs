use seaworthy_alerts::notify::{Channel, Email, Encryption};
use seaworthy_alerts::{Alerts, ReceiverSettings};
use seaworthy_core::Secret;
use seaworthy_store::testing::Folder;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A real server.
struct Server {
    process: Child,
    said: BufReader<ChildStdout>,
    port: u16,
    certificate: Vec<u8>,
    _folder: Folder,
}

impl Server {
    fn start(mode: &str) -> Self {
        let folder = Folder::new("smtp");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/smtp_server.py");
        let mut command = Command::new(python());
        command.arg(script).arg(mode).args([&certificate, &key]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python starts");
        let mut said = BufReader::new(process.stdout.take().expect("piped"));
        let port = read(&mut said)["port"].as_u64().expect("a port");
        let certificate = made.cert.pem().into_bytes();
        Self { process, said, port: u16::try_from(port).expect("a port"), certificate, _folder: folder }
    }

    fn email(&self, encryption: Encryption, to: &str) -> Email {
        Email {
            host: "localhost".to_owned(),
            port: self.port,
            encryption,
            username: None,
            password: None,
            from: "Alerts <alerts@example.org>".to_owned(),
            to: vec![to.to_owned()],
            ca: Some(self.certificate.clone()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(from: &mut impl BufRead) -> serde_json::Value {
    let mut line = String::new();
    from.read_line(&mut line).expect("it speaks");
    serde_json::from_str(&line).expect("JSON: is aiosmtpd among the clients?")
}

/// The Python interpreter that has the clients.
pub(crate) fn python() -> PathBuf {
    let path = match std::env::var_os("SEAWORTHY_E2E_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/e2e-clients/bin/python"),
    };
    assert!(path.exists(), "{} is missing: run `cargo xtask setup` to install the clients", path.display());
    path
}

/// Sends a test message; what went wrong.
async fn send(email: Email) -> Result<(), String> {
    let mut settings = crate::harness::Bed::settings_at("http://127.0.0.1:1/");
    settings.receivers = vec![ReceiverSettings::new("team", vec![Channel::Email(email)])];
    let alerts: Alerts = crate::harness::Bed::bare(settings);
    let mut done = alerts.test_receiver("team", "anna").await.expect("a receiver");
    assert_eq!(done.len(), 1);
    done.remove(0).1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs aiosmtpd"]
async fn an_email_is_taken_by_a_real_server_in_all_three_ways() {
    for (mode, encryption) in
        [("none", Encryption::None), ("starttls", Encryption::StartTls), ("implicit", Encryption::Implicit)]
    {
        let mut server = Server::start(mode);
        let mut email = server.email(encryption, "anna@example.org");
        if mode == "starttls" {
            assert!(send(email.clone()).await.is_err(), "it asks who we are");
            (email.username, email.password) =
                (Some("user".to_owned()), Some(Secret::new("wrong".to_owned())));
            let refused = send(email.clone()).await.expect_err("a wrong password");
            assert!(!refused.contains("wrong"), "{refused}");
            email.password = Some(Secret::new("secret".to_owned()));
        }
        send(email).await.expect(mode);
        let came = read(&mut server.said);
        assert_eq!(
            (came["from"].as_str(), &came["to"]),
            (Some("alerts@example.org"), &serde_json::json!(["anna@example.org"]))
        );
        assert_eq!(came["tls"].as_bool(), Some(mode != "none"), "{mode}");
        let text = came["text"].as_str().expect("a text");
        assert!(text.contains("Subject: [TEST] Test: anna tries whether messages arrive"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs aiosmtpd"]
async fn what_a_server_refuses_is_told_apart_and_strangers_are_not_trusted() {
    let server = Server::start("none");
    let refused = send(server.email(Encryption::None, "nobody@example.org")).await.expect_err("refused");
    assert!(refused.starts_with("smtp: ") && refused.contains("550"), "{refused}");
    let later = send(server.email(Encryption::None, "later@example.org")).await.expect_err("not now");
    assert!(later.contains("451"), "{later}");
    assert!(send(server.email(Encryption::StartTls, "anna@example.org")).await.is_err(), "it offers no TLS");

    let stranger = Server::start("implicit");
    let email = Email { ca: None, ..stranger.email(Encryption::Implicit, "anna@example.org") };
    assert!(send(email).await.is_err(), "its certificate is nobody's");
}
