use super::{Unsendable, description};
use crate::notification::Notification;
use crate::text::line;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use seaworthy_core::Secret;
use std::time::Duration;

/// How many people one message goes to.
const MOST_RECIPIENTS: usize = 100;
/// How large a message is, in bytes.
const MOST_BYTES: usize = 64 << 10;
/// How long each step of the conversation may take.
const STEP: Duration = Duration::from_secs(10);

/// A plain text by SMTP.
#[derive(Debug, Clone)]
pub struct Email {
    /// The server.
    pub host: String,
    /// Its port; by convention 465 with implicit TLS, 587 with STARTTLS, 25 without.
    pub port: u16,
    /// How it is kept from others.
    pub encryption: Encryption,
    /// Who we are; nobody where it is not given.
    pub username: Option<String>,
    /// How we show it. Not sent without encryption.
    pub password: Option<Secret<String>>,
    /// The sender: `Alerts <alerts@example.org>`.
    pub from: String,
    /// To whom; 1 to 100.
    pub to: Vec<String>,
    /// Certificates in PEM to be trusted beside those of the system.
    pub ca: Option<Vec<u8>>,
}

/// How a conversation is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// TLS from the beginning.
    Implicit,
    /// TLS after STARTTLS; without it nothing is sent.
    #[default]
    StartTls,
    /// Not at all.
    None,
}

/// Why a message was not sent.
pub(crate) enum Refused {
    /// It may be taken later.
    ForNow(String),
    /// It will not be.
    ForGood(String),
}

impl Email {
    pub(super) fn validate(&self) -> Result<(), Unsendable> {
        let wrong = |text: &str| Err(Unsendable(text.to_owned()));
        if self.host.is_empty() || self.host.len() > 253 || self.host.chars().any(|c| !c.is_ascii_graphic()) {
            return wrong("host is the name of a server");
        }
        if self.to.is_empty() || self.to.len() > MOST_RECIPIENTS {
            return wrong("to names from 1 to 100 people");
        }
        if self.username.is_some() != self.password.is_some() {
            return wrong("username and password stand together");
        }
        let is_pem = |ca: &Vec<u8>| ca.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----");
        if !self.ca.as_ref().is_none_or(is_pem) {
            return wrong("ca is no certificate in PEM");
        }
        if self.encryption == Encryption::None && self.password.is_some() {
            return wrong("a password is not sent without encryption");
        }
        self.mailboxes().map(drop)?;
        self.transport().map(drop)
    }

    fn mailboxes(&self) -> Result<(Mailbox, Vec<Mailbox>), Unsendable> {
        let read = |text: &String| {
            let mailbox = text.parse::<Mailbox>();
            mailbox.map_err(|_| Unsendable(format!("\"{}\" is no address", line(text, 128))))
        };
        Ok((read(&self.from)?, self.to.iter().map(read).collect::<Result<_, _>>()?))
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Unsendable> {
        let tls = match self.encryption {
            Encryption::Implicit => Tls::Wrapper(self.tls()?),
            Encryption::StartTls => Tls::Required(self.tls()?),
            Encryption::None => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host);
        let mut builder = builder.port(self.port).tls(tls).timeout(Some(STEP));
        if let (Some(username), Some(password)) = (&self.username, &self.password) {
            builder = builder.credentials(Credentials::new(username.clone(), password.expose().clone()));
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Result<TlsParameters, Unsendable> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.ca {
            let certificate = Certificate::from_pem(pem);
            let certificate =
                certificate.map_err(|_| Unsendable("ca is no certificate in PEM".to_owned()))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build().map_err(|error| Unsendable(format!("tls: {error}")))
    }

    /// The message. The same notification makes the same message id, so that one that comes twice is known.
    pub(super) fn message(&self, notification: &Notification) -> Result<Message, Unsendable> {
        let (from, to) = self.mailboxes()?;
        let domain = from.email.domain().to_owned();
        let id = |key: &str| format!("<{}@{domain}>", key.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let builder: MessageBuilder = to.into_iter().fold(Message::builder().from(from), MessageBuilder::to);
        let message = builder
            .subject(line(&notification.title(), 250))
            .message_id(Some(id(&notification.key)))
            // mail programs put messages of one group together
            .references(id(&notification.group_key))
            .date(notification.at.into())
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(header::ContentType::TEXT_PLAIN)
            .body(description(notification, MOST_BYTES));
        message.map_err(|error| Unsendable(format!("the message cannot be made: {error}")))
    }

    pub(crate) async fn send(&self, notification: &Notification) -> Result<(), Refused> {
        let good = |unsendable: Unsendable| Refused::ForGood(unsendable.0);
        let message = self.message(notification).map_err(good)?;
        match self.transport().map_err(good)?.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Refused::ForGood(line(&error.to_string(), 512))),
            Err(error) => Err(Refused::ForNow(line(&error.to_string(), 512))),
        }
    }
}
